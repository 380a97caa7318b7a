#!/usr/bin/env bats
# wp-distribute list: which children there are, and where.

load ../helpers
load distribute

# columns COLUMN,... [OPTION...]
columns() { wp-distribute list -rno "$@"; }

@test "list: help" { help_of list; }

@test "list: a state directory that cannot be one" { refused_states list; }

@test "list: mistakes" {
	usage list 'unexpected argument "a"' a
	usage list colour --colour
	usage list "--local needs --node" --local
	usage list "--global and --node exclude each other" --global --node alpha
	run -64 wp-distribute list --global --local --node alpha
	bad_names list node --node
	run -64 wp-distribute list -o ID,COLOUR
	assert_output --partial COLOUR
	run -64 wp-distribute list -J -r
	run -64 wp-distribute list -P -r
}

@test "list: nobody: no lines, and status 0; a state directory that is not there is not made" {
	run -0 wp-distribute --state "$T/new" list -n
	assert_output ""
	run -0 wp-distribute --state "$T/new" list -J
	assert_equal "$(jq -c .children <<<"$output")" "[]"
	[ ! -e new ]
	[ ! -e state ]
}

@test "list: a table with headings, in the order in which they were started" {
	node alpha
	sleepers zoe
	wp-distribute start adam --node nowhere -- true >told
	until_nowhere adam "the node that it is to be on is not there"
	run -0 wp-distribute list
	assert_line --index 0 --regexp '^ID +REPLICA NODE +STATE +PID SINCE +RESTARTS REASON *$'
	assert_line --index 1 --regexp "^zoe +0 alpha +running +$(of zoe PID) [0-9-]{10}T[0-9:.]+Z +0 *\$"
	assert_line --index 2 --regexp '^adam +0 +waiting +[0-9-]{10}T[0-9:.]+Z +0 the node that it is to be on is not there$'
	assert_equal "${#lines[@]}" 3
	over
}

@test "list: --output: every column there is" {
	node alpha
	sleepers a --restart transient --strategy balanced --metadata '{"b":1}'
	run -0 columns ID,REPLICA,NODE,STATE,PID,RESTARTS,REASON,TARGET,ROLE,STRATEGY,RESTART,METADATA
	assert_output "a 0 alpha running $(of a PID) 0   active balanced transient {\"b\":1}"
	run -0 columns +ROLE
	assert_output --regexp "^a 0 alpha running [0-9]+ [^ ]+ 0  active$"
	run -0 columns state,id
	assert_output "running a"
	over
}

@test "list: --json: numbers are numbers, metadata is JSON, and what there is not is null" {
	node alpha
	sleepers a --metadata '{"b":[1]}'
	run -0 wp-distribute list -J -o +TARGET,ROLE,STRATEGY,RESTART,METADATA
	assert_equal "$(jq -c '.children[0] | del(.since)' <<<"$output")" "{\"id\":\"a\",\"replica\":0,\"node\":\"alpha\",\"state\":\"running\",\
\"pid\":$(of a PID),\"restarts\":0,\"reason\":null,\"target\":null,\"role\":\"active\",\"strategy\":\"bounded\",\"restart\":\"permanent\",\"metadata\":{\"b\":[1]}}"
	over
}

@test "list: --raw, --pairs and --noheadings" {
	wp-distribute start a -- true >told
	run -0 wp-distribute list -r -o ID,STATE
	assert_output "ID STATE
a waiting"
	run -0 wp-distribute list --pairs --output ID,NODE
	assert_output 'ID="a" NODE=""'
	run -0 wp-distribute list --noheadings -o ID
	assert_output a
	wp-distribute stop a >told
	assert_nothing_left
}

@test "list: --global, and --local of one node" {
	node alpha
	node beta
	sleepers a --node alpha
	sleepers b --node beta
	sleepers both --replicas 2
	wp-distribute start c --node nowhere -- true >told
	assert_equal "$(ids)" "a b both both c"
	assert_equal "$(ids --global)" "a b both both c"
	assert_equal "$(ids -g)" "a b both both c"
	assert_equal "$(ids --local --node alpha)" "a both"
	assert_equal "$(ids -l --node beta)" "b both"
	assert_equal "$(ids --node beta)" "b both"
	assert_equal "$(ids --node nobody)" ""
	over
}

@test "list: what it is doing: stopping, and moving to where" {
	start_stubborn
	node beta
	wp-distribute redistribute --to beta stubborn
	wait_line stubborn.up '^told'
	assert_equal "$(of stubborn STATE,NODE,TARGET)" "moving alpha beta"
	wp-distribute stop stubborn >told
	assert_equal "$(of stubborn STATE,NODE)" "stopping alpha"
	wp-distribute terminate stubborn --node alpha --await >told
	over
}

@test "list: nothing is listed as if it ran of a node that was killed, without anybody who said so" {
	node alpha
	sleepers a b
	kill_node alpha
	assert_equal "$(of a STATE,NODE,PID)" "waiting null null"
	assert_equal "$(ids --node alpha)" ""
	over
}

@test "list: a state file that was there before this process is only read when all live (others may do nothing else)" {
	node alpha
	sleepers a
	# Somebody writes meanwhile, for as long as the list takes.
	open_gate locked done
	start writer sh -c '{ echo "BEGIN IMMEDIATE; SELECT 1;"; echo >locked; read -r _ <done; echo "COMMIT;"; } | sqlite3 state/state.db >read'
	wait_line locked ''
	run -0 columns ID,STATE
	assert_output "a running"
	echo >>done
	finish 0 "$pid_writer"
	over
}

@test "list: since when it is what it is, and how often it was started again" {
	open_gate gate up
	local now first
	now=$(date +%s)
	node alpha
	wp-distribute start a -- sh -c 'echo up >up; read -r _ <gate; exit 1' >told
	wait_line up up
	until_event a 'run|running'
	first=$(of a SINCE)
	[ "$(date -d "$first" +%s)" -ge $((now - 1)) ]
	[ "$(date -d "$first" +%s)" -le $((now + 600)) ]
	echo >>gate
	wait_line up up
	until_true has_restarts a 1
	[[ $(of a SINCE) > $first ]]
	over
}
has_restarts() { [ "$(of "$1" RESTARTS)" = "$2" ]; }

@test "list: names that are more than one line, or not to be shown" {
	local odd
	odd_names
	for name in "${odd[@]}"; do
		wp-distribute start -f - <<<"$(jq -nc --arg id "$name" '{id: $id, command: ["true"]}')" >told
	done
	wp-distribute list -J | jq '[.children[].id]' >there
	assert_equal "$(jq -r '.[2]' there)" " "
	assert_equal "$(jq -c . there | sha1sum)" "$(jq -nc '$ARGS.positional' --args -- "${odd[@]}" | sha1sum)"
	assert_equal "$(wp-distribute list -n | wc -l)" "${#odd[@]}"
	refute_control "$(wp-distribute list)"
	over
}
refute_control() { [[ $1 != *$'\e'* ]]; }

@test "list: /dev/full and a closed stdout are errors" {
	wp-distribute start a -- true >told
	run -74 bash -c 'wp-distribute list >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute list >&-'
	assert_output --partial "error:"
	wp-distribute stop a >told
	assert_nothing_left
}
