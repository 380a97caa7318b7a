#!/usr/bin/env bats
# wp-registry list: which consumers there are.

load ../helpers
load registry
load rest

# "plain" and "kept" are suspended, "here" is this process; "far" is in another stack.
setup() {
	wp_setup
	wp-registry define plain -m '{"zone":"eu"}' --hibernate-after 1m --jitter 2m --suspend-after 90s -- true
	wp-registry define kept --durable -- true
	wp-registry register here --pid $$
	wp-registry define far --stack other -- true
}

# columns COLUMN,... [OPTION...]
columns() { wp-registry list -rno "$@"; }

@test "list: a table with headings, in the order of the handles" {
	run -0 wp-registry list
	assert_line --index 0 --regexp '^HANDLE STACK +PID STATE +SINCE +DELIVERED PENDING REASON$'
	assert_line --index 1 --regexp "^here   default +$$ running   [0-9-]{10}T[0-9:.]+Z +0 +0 *$"
	assert_line --index 2 --regexp '^kept   default +suspended [0-9-]{10}T[0-9:.]+Z +0 +0 *$'
	assert_line --index 3 --regexp '^plain  default +suspended '
	assert_equal "${#lines[@]}" 4
}

@test "list: --stack, by variable as well, and --all-stacks in the order of stacks and handles" {
	assert_equal "$(handles)" "here kept plain"
	assert_equal "$(handles -s other)" far
	assert_equal "$(handles --stack other)" far
	assert_equal "$(WP_REGISTRY_STACK=other handles)" far
	assert_equal "$(WP_REGISTRY_STACK=other handles -s default)" "here kept plain"
	wp-registry define alpha -s other -- true
	assert_equal "$(columns STACK,HANDLE -a)" "default here
default kept
default plain
other alpha
other far"
	assert_equal "$(WP_REGISTRY_STACK=other handles --all-stacks)" "here kept plain alpha far"
	run -65 wp-registry list -s ""
	assert_output --partial "the stack is empty"
	run -65 wp-registry list -s $'\xff'
}

@test "list: --output: every column there is, and none that there is not" {
	run -0 columns HANDLE,STACK,PID,STATE,DELIVERED,PENDING,REASON,DEFINED,DURABLE,META,HIBERNATE-AFTER,JITTER,SUSPEND-AFTER -a
	assert_output "here default $$ running 0 0  0 0 {}   
kept default  suspended 0 0  1 1 {}   
plain default  suspended 0 0  1 0 {\"zone\":\"eu\"} 60 120 90
far other  suspended 0 0  1 0 {}   "
	run -0 columns +DEFINED
	assert_line --index 0 --regexp "^here default $$ running [^ ]+ 0 0  0$"
	run -0 columns state,handle
	assert_line --index 2 "suspended plain"
	run -64 wp-registry list -o HANDLE,COLOUR
	assert_output --partial COLOUR
}

@test "list: --json: numbers are numbers, meta is JSON, and what there is not is null" {
	run -0 wp-registry list -J -o +DEFINED,DURABLE,META,HIBERNATE-AFTER,SUSPEND-AFTER
	assert_equal "$(jq -c '.consumers[0] | del(.since)' <<<"$output")" "{\"handle\":\"here\",\"stack\":\"default\",\"pid\":$$,\
\"state\":\"running\",\"delivered\":0,\"pending\":0,\"reason\":null,\"defined\":false,\"durable\":false,\"meta\":{},\
\"hibernate-after\":null,\"suspend-after\":null}"
	assert_equal "$(jq -c '.consumers[2] | [.pid, .meta.zone, .["hibernate-after"], .["suspend-after"]]' <<<"$output")" '[null,"eu",60,90]'
	run -0 wp-registry list --json --output HANDLE
	assert_equal "$(jq -c '.consumers[0]' <<<"$output")" '{"handle":"here"}'
}

@test "list: --raw, --pairs and --noheadings" {
	run -0 wp-registry list -r -o HANDLE,STATE
	assert_output "HANDLE STATE
here running
kept suspended
plain suspended"
	run -0 wp-registry list --pairs --output HANDLE,DURABLE
	assert_line --index 1 'HANDLE="kept" DURABLE="1"'
	run -0 wp-registry list -P -o PID -s other
	assert_output 'PID=""'
	run -0 wp-registry list --noheadings
	assert_line --index 0 --regexp '^here '
	run -64 wp-registry list -J -r
	run -64 wp-registry list -P -r
}

@test "list: nobody: no lines, and status 0" {
	run -0 wp-registry list -n -s "no such"
	assert_output ""
	run -0 wp-registry list -J -s "no such"
	assert_equal "$(jq -c .consumers <<<"$output")" "[]"
}

@test "list: a state directory that is not there: nobody, and it is not made" {
	run -0 wp-registry --state "$T/new" list -n
	assert_output ""
	run -0 wp-registry --state "$T/new" list -aJ
	assert_equal "$(jq -c .consumers <<<"$output")" "[]"
	[ ! -e new ]
}

@test "list: since when it is what it is" {
	local now before after
	now=$(date +%s)
	before=$(columns SINCE | tail -n 1)
	[ "$(date -d "$before" +%s)" -gt $((now - 600)) ]
	[ "$(date -d "$before" +%s)" -le $((now + 1)) ]
	wp-registry start plain
	until_state plain running
	after=$(of plain SINCE)
	[[ $after > $before ]]
	over
}

@test "list: what was delivered, over all its lives; a message that failed was not" {
	wp-registry define counted --warm -- sh -c 'while read -r line; do echo "$line"; done'
	wp-registry send counted 1
	wp-registry send counted 2
	assert_equal "$(of counted STATE,DELIVERED,PENDING)" "running 2 0"
	kill_consumer counted
	assert_equal "$(of counted STATE,DELIVERED,REASON)" "crashed 2 killed"
	wp-registry start counted
	wp-registry send counted 3
	assert_equal "$(of counted DELIVERED)" 3
	wp-registry define picky -- sh -c 'read -r status; exit "$status"'
	wp-registry send picky 0
	run -3 wp-registry send picky 3
	assert_equal "$(of picky DELIVERED,PENDING)" "1 0"
	over
}

@test "list: what is pending: in hand, and behind that" {
	make_gated one
	wp-registry define busy -- gated one
	start first wp-registry send busy a
	given one
	wp-registry send --no-wait busy b
	wp-registry send --no-wait busy c
	until_pending busy 3
	assert_equal "$(of busy DELIVERED)" 0
	let_go one 0
	given one
	finish 0 "$pid_first"
	assert_equal "$(of busy DELIVERED,PENDING)" "1 2"
	let_go one 0
	given one
	let_go one 0
	until_pending busy 0
	wp-registry suspend --suspend-after 0 >told
	until_state busy suspended
	assert_equal "$(of busy STATE,DELIVERED,PENDING)" "suspended 3 0"
	over
}

@test "list: a crash says why" {
	wp-registry define exits --warm -- sh -c 'read -r line; exit 7'
	wp-registry define dies --warm -- sh -c 'read -r line; kill -KILL $$'
	run -1 wp-registry send exits x
	run -1 wp-registry send dies x
	until_state exits crashed
	until_state dies crashed
	assert_equal "$(of exits STATE,REASON,PID)" "crashed exit status 7 null"
	assert_equal "$(of dies STATE,REASON)" "crashed killed by signal 9"
	over
}

@test "list: one that was killed is crashed in the first listing, and one without an inbox is not there any more" {
	registered gone -- true
	start sleeper sleep 1000
	wp-registry register process --pid "$pid_sleeper"
	assert_equal "$(handles)" "gone here kept plain process"
	kill_registration gone
	kill -KILL "$pid_sleeper"
	finish 137 "$pid_sleeper"
	run -0 wp-registry list -rno HANDLE,STATE,PID,REASON
	assert_output "gone crashed  killed
here running $$ 
kept suspended  
plain suspended  "
	over
}

@test "list: those found dead keep their place in the order, in JSON as well" {
	local handle
	for handle in a m z; do
		registered "$handle" -- true
	done
	kill_registration m
	kill_registration a
	assert_equal "$(handles)" "a here kept m plain z"
	kill_registration z
	assert_equal "$(wp-registry list -J | jq -r '.consumers | map(.handle) | join(" ")')" "a here kept m plain z"
	over
}

@test "list: control characters do not reach the terminal" {
	wp-registry define $'\e[31mred\a\nline' -m '{"a":"\u001b[0m"}' -- true
	run -0 wp-registry list -o +META
	refute_output --partial $'\e'
	refute_output --partial $'\a'
	assert_equal "${#lines[@]}" 5
	assert_equal "$(wp-registry list -J | jq -r '.consumers[0].handle')" $'\e[31mred\a\nline'
}

@test "list: a handle of 64 KiB is shown whole" {
	wp-registry define -s long "$(bytes 65536)" -- true
	assert_equal "$(wp-registry list -s long -rno HANDLE | wc -c)" 65537
}

@test "list: refused state directories" {
	WP_STATE=$T/refused
	refused_states list
}

@test "list: it takes no operands" {
	usage list "unexpected argument" plain
	usage list --colour --colour
	help_of list
}

@test "list: /dev/full and a closed stdout are errors in every format" {
	local options
	for options in "" -J -P -r; do
		run -74 bash -c "wp-registry list $options >/dev/full"
		assert_output --partial "No space left"
		run -74 bash -c "wp-registry list $options >&-"
		assert_output --partial "error:"
	done
}
