#!/usr/bin/env bats
# wp-distribute start: have children run.

load ../helpers
load distribute

# results: what became of each, from the lines in $output.
results() { jq -r '.child + (if .replica then "#\(.replica)" else "" end) + " " + .result' <<<"$output" | LC_ALL=C sort | paste -sd ,; }

@test "start: help" { help_of start; }

@test "start: a state directory that cannot be one" { refused_states start a -- true; }

@test "start: mistakes" {
	usage start "a command is needed after --" a
	usage start "no children: an id is needed, or --file"
	usage start "a command is needed after --" a --
	usage start "no children: an id is needed, or --file" -- true
	usage start "--on-failure rollback needs --await" a --on-failure rollback -- true
	usage start "--init-cids needs --await" a --init-cids a -- true
	usage start colour a --colour -- true
	usage start on-failure a --on-failure pray -- true
	usage start strategy a --strategy wild -- true
	usage start mode a --mode active -- true
	usage start migration a --migration warm -- true
	usage start restart a --restart sometimes -- true
	run -64 wp-distribute start a --init-cids b --await -- true
	assert_output 'wp-distribute: error: --init-cids: "b" is none of the children'
	run -64 wp-distribute start a b a -- true
	assert_output 'wp-distribute: error: child "a" is given twice'
	[ ! -e state ]
}

@test "start: numbers and durations out of their range" {
	local n
	for n in 0 -1 1001 x 1.5 ''; do
		usage start replicas a --replicas "$n" -- true
	done
	for n in -1 1001 x ''; do
		usage start max-restarts a --max-restarts "$n" -- true
	done
	for n in timeout within shutdown-timeout handover-timeout; do
		bad_durations start "--$n" a -- true
	done
}

@test "start: no child is called so" {
	run -65 wp-distribute start '' -- true
	assert_output --partial "the child is empty"
	run -65 wp-distribute start a $'a\xff' -- true
	assert_output --partial "the child is not valid UTF-8"
	run -65 wp-distribute start "$(bytes 65537)" -- true
	assert_output --partial "the child is longer than 65536 bytes"
	[ ! -e state ]
}

@test "start: no node is called so, and no word stands for many" {
	run -65 wp-distribute start a --node '' -- true
	assert_output --partial "the node is empty"
	run -65 wp-distribute start a --node $'\xff' -- true
	assert_output --partial "the node is not valid UTF-8"
	run -65 wp-distribute start a --anti-affinity '' -- true
	assert_output --partial "the word is empty"
	run -65 wp-distribute start a --anti-affinity $'\xff' -- true
	assert_output --partial "the word is not valid UTF-8"
	[ ! -e state ]
}

@test "start: labels, signals and metadata that are none" {
	local bad
	for bad in x '' =x =; do
		run -64 wp-distribute start a --require "$bad" -- true
		assert_output "wp-distribute: error: \"$bad\" is no label: NAME=VALUE"
	done
	run -64 wp-distribute start a --require x=1 --require x=2 -- true
	assert_output 'wp-distribute: error: label "x" is given twice'
	run -64 wp-distribute start a --require $'x=\xff' -- true
	assert_output --partial "is not UTF-8"
	for bad in '' X SIGNOPE 0 65 -1 1x; do
		run -64 wp-distribute start a --stop-signal "$bad" -- true
		assert_output "wp-distribute: error: \"$bad\" is no signal"
	done
	run -65 wp-distribute start a --metadata '[]' -- true
	assert_output "wp-distribute: error: the meta is not a JSON object"
	run -65 wp-distribute start a --metadata '{' -- true
	assert_output --partial "meta: "
	run -65 wp-distribute start a --metadata $'{"a":"\xff"}' -- true
	[ ! -e state ]
}

@test "start: a strategy and a node that do not go together" {
	run -64 wp-distribute start a --strategy guided -- true
	assert_output "wp-distribute: error: strategy guided needs a node"
	run -64 wp-distribute start a --strategy hash --node n -- true
	assert_output "wp-distribute: error: a node can be named only with strategy guided"
	run -64 wp-distribute start a --node n --replicas 2 -- true
	assert_output "wp-distribute: error: one node cannot have several replicas"
	[ ! -e state ]
}

@test "start: a command that is not there, or none: told to whoever starts it" {
	run -127 wp-distribute start a -- no-such-command
	assert_output --partial no-such-command
	echo text >file
	run -126 wp-distribute start a -- ./file
	assert_output --partial file
	[ ! -e state ]
}

@test "start: one line for each, that it was asked for" {
	run -0 wp-distribute start a b -- sleep 1000
	assert_output '{"child":"a","result":"initiated"}
{"child":"b","result":"initiated"}'
	assert_equal "$(of a STATE,NODE,PID)" "waiting null null"
	node alpha
	run -0 --separate-stderr wp-distribute await a b
	assert_equal "$(ids --node alpha)" "a b"
	over
}

@test "start --await: one line for each replica that runs, and where" {
	node alpha
	run -0 wp-distribute start a b --await -- sleep 1000
	assert_equal "$(results)" "a#0 started,b#0 started"
	assert_equal "$(jq -c 'select(.child == "a")' <<<"$output")" \
		"{\"child\":\"a\",\"replica\":0,\"result\":\"started\",\"node\":\"alpha\",\"pid\":$(of a PID)}"
	assert_equal "$(jq -c 'select(.child == "b") | .pid' <<<"$output")" "$(of b PID)"
	assert_equal "$(tr '\0' ' ' <"/proc/$(of a PID)/cmdline")" "sleep 1000 "
	over
}

@test "start --await --timeout: 75 when there is no node for them" {
	run -75 wp-distribute start a -w -t 10ms -- sleep 1000
	assert_output '{"child":"a","replica":0,"result":"timeout","error":"there is no node"}'
	run -75 wp-distribute start b --await --timeout 0 -- sleep 1000
	# They are asked for even so.
	node alpha
	run -0 wp-distribute await a b
	over
}

@test "start --await: why there is no node for one" {
	node alpha
	watcher one
	wp-distribute start far --node nowhere -- sleep 1000 >told
	until_nowhere far "the node that it is to be on is not there"
	run -75 wp-distribute await far --timeout 10ms
	assert_output '{"child":"far","replica":0,"result":"timeout","error":"the node that it is to be on is not there"}'
	stop_watcher one
	over
}

@test "start --await: 1 when one of them fails at once, and the others run" {
	node alpha
	run -1 wp-distribute start good --await -f - -- sleep 1000 <<-'LINES'
		{"id":"bad","dir":"/no/such"}
	LINES
	assert_equal "$(results)" "bad#0 failed,good#0 started"
	assert_equal "$(jq -r 'select(.child == "bad") | .error' <<<"$output")" 'cannot change to directory "/no/such": No such file or directory'
	assert_equal "$(of bad STATE,NODE,PID)" "failed null null"
	over
}

@test "start --await: one that has ended already, and well" {
	local gate
	open_gate gate
	node alpha
	run -0 wp-distribute start quick --await --restart transient -- true
	assert_regex "$(results)" '^quick#0 (started|exited)$'
	until_event quick 'exit|exited'
	assert_equal "$(of quick STATE,REASON,NODE)" "exited exit status 0 null"
	run -0 wp-distribute await quick
	assert_output '{"child":"quick","replica":0,"result":"exited","error":"exit status 0"}'
	over
}

@test "start --await: one that is stopped meanwhile" {
	start waiter wp-distribute start a --await --timeout 1m -- sleep 1000
	until_event a 'start|waiting'
	wp-distribute stop a >told
	finish 1 "$pid_waiter"
	assert_equal "$(cat waiter.out)" '{"child":"a","result":"stopped"}'
	assert_nothing_left
}

@test "start: what is there already is refused, with its name, and nothing is started" {
	node alpha
	sleepers a b
	run -1 wp-distribute start a new b -- sleep 1000
	assert_output 'wp-distribute: error: started already: "a", "b"'
	assert_equal "$(ids)" "a b"
	run -1 wp-distribute start --await a -- sleep 1000
	assert_output 'wp-distribute: error: started already: "a"'
	over
}

@test "start --no-check-existing: the others are started, and those left alone" {
	local pid
	node alpha
	sleepers a
	pid=$(of a PID)
	run -0 wp-distribute start a new --no-check-existing --await -- sleep 2000
	assert_equal "$(results)" "a exists,new#0 started"
	assert_equal "$(of a PID)" "$pid"
	assert_equal "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "sleep 1000 "
	run -0 wp-distribute start a new --no-check-existing -- sleep 1000
	assert_output '{"child":"a","result":"exists"}
{"child":"new","result":"exists"}'
	over
}

@test "start: the same id again once it is over, or was stopped" {
	node alpha
	run -0 wp-distribute start a --restart transient -- true
	until_event a 'exit|exited'
	run -0 wp-distribute start a --await -- sleep 1000
	assert_equal "$(results)" "a#0 started"
	run -0 wp-distribute stop a --await
	sleepers a
	run -0 wp-distribute start bad --restart temporary -- false
	until_event bad 'fail|failed'
	run -0 wp-distribute start bad --await -- sleep 1000
	assert_equal "$(of bad STATE,REASON)" "running null"
	over
}

@test "start -f: a JSON object a line, in which anything can be said of one" {
	node alpha --label disk=ssd
	node beta
	mkdir sub
	cat >children <<-'LINES'
		{"id":"plain"}

		{"id":"own","command":["sleep","2000"],"restart":"transient","metadata":{"a":[1,2]}}
		  {"id":"fast","require":{"disk":"ssd"},"env":{"COLOUR":"red"},"dir":"/","strategy":"balanced"}
		{"id":"there","node":"beta","max_restarts":7,"within":"1m","stop_signal":"INT","shutdown_timeout":2.5,"handover_timeout":"3s"}
		{"id":"both","replicas":2,"mode":"active-passive","anti_affinity":"x","migration":"cold"}
	LINES
	run -0 wp-distribute start -f children --await -- sleep 1000
	assert_equal "$(results)" "both#0 started,both#1 started,fast#0 started,own#0 started,plain#0 started,there#0 started"
	assert_equal "$(of plain STRATEGY,RESTART,METADATA)" "bounded permanent {}"
	assert_equal "$(of own RESTART,METADATA)" 'transient {"a":[1,2]}'
	assert_equal "$(of fast NODE,STRATEGY)" "alpha balanced"
	assert_equal "$(of there NODE,STRATEGY)" "beta guided"
	assert_equal "$(of both NODE | sort | paste -sd ' ')" "alpha beta"
	assert_equal "$(of both ROLE | sort | paste -sd ' ')" "active passive"
	assert_equal "$(readlink "/proc/$(of fast PID)/cwd")" /
	assert_equal "$(tr '\0' '\n' <"/proc/$(of fast PID)/environ" | grep ^COLOUR=)" COLOUR=red
	assert_equal "$(sql "SELECT json_extract(s.text, '$.max_restarts', '$.within', '$.stop_signal', '$.shutdown_timeout',
		'$.handover_timeout') FROM child JOIN child_settings s ON s.id = settings WHERE name = 'there'")" "[7,60000000,2,2500000,3000000]"
	over
}

@test "start -f: ids and a file, the standard input, and lines without a command of their own" {
	node alpha
	echo '{"id":"b"}' >children
	run -0 wp-distribute start a -f children --await -- sleep 1000
	assert_equal "$(results)" "a#0 started,b#0 started"
	run -0 wp-distribute start --file - --await <<<'{"id":"c","command":["sleep","1000"]}'
	assert_equal "$(results)" "c#0 started"
	over
}

@test "start -f: bad lines are told with their numbers, and the others are started: 1" {
	local line words=(
		'1 {"id":"x"}|child "x" has no command'
		'3 nonsense|invalid JSON'
		'4 {"id":"x","command":["sleep","1"]|invalid JSON'
		'5 []|no object'
		'6 {}|no "id" that is a string'
		'7 {"id":7}|no "id" that is a string'
		'8 {"id":""}|the child is empty'
		'9 {"id":"x","command":"sleep"}|"command" is no list of strings'
		'10 {"id":"x","command":[]}|"command" is no list of strings'
		'11 {"id":"x","command":["sleep",1]}|"command" is no list of strings'
		'12 {"id":"x","command":["no-such-command"]}|no-such-command'
		'13 {"id":"x","command":["sleep"],"env":[]}|"env" is no object'
		'14 {"id":"x","command":["sleep"],"env":{"A":1}}|"env" is no object of strings'
		'15 {"id":"x","command":["sleep"],"env":{"A=B":"1"}}|"env" is no object of strings'
		'16 {"id":"x","command":["sleep"],"env":{"":"1"}}|"env" is no object of strings'
		'17 {"id":"x","command":["sleep"],"dir":1}|"dir" is no string'
		'18 {"id":"x","command":["sleep"],"node":1}|"node" is no string'
		'19 {"id":"x","command":["sleep"],"strategy":"wild"}|"strategy" is no word that is known here'
		'20 {"id":"x","command":["sleep"],"strategy":"guided"}|strategy guided needs a node'
		'21 {"id":"x","command":["sleep"],"require":{"a":1}}|"require" is no object of strings'
		'22 {"id":"x","command":["sleep"],"require":["a"]}|"require" is no object'
		'23 {"id":"x","command":["sleep"],"anti_affinity":{}}|"anti_affinity" is no string'
		'24 {"id":"x","command":["sleep"],"replicas":0}|"replicas" is no number in its range'
		'25 {"id":"x","command":["sleep"],"replicas":1001}|"replicas" is no number in its range'
		'26 {"id":"x","command":["sleep"],"replicas":1.5}|"replicas" is no number in its range'
		'27 {"id":"x","command":["sleep"],"mode":"passive"}|"mode" is no word that is known here'
		'28 {"id":"x","command":["sleep"],"migration":"warm"}|"migration" is no word that is known here'
		'29 {"id":"x","command":["sleep"],"restart":true}|"restart" is no word that is known here'
		'30 {"id":"x","command":["sleep"],"max_restarts":-1}|"max_restarts" is no number in its range'
		'31 {"id":"x","command":["sleep"],"within":"soon"}|"within" is no duration'
		'32 {"id":"x","command":["sleep"],"within":-1}|"within" is no duration'
		'33 {"id":"x","command":["sleep"],"stop_signal":"NOPE"}|"stop_signal" is no signal'
		'34 {"id":"x","command":["sleep"],"stop_signal":9}|"stop_signal" is no signal'
		'35 {"id":"x","command":["sleep"],"shutdown_timeout":[]}|"shutdown_timeout" is no duration'
		'36 {"id":"x","command":["sleep"],"handover_timeout":1e99}|"handover_timeout" is no duration'
		'37 {"id":"x","command":["sleep"],"metadata":[]}|"metadata" is no object'
		'38 {"id":"x","id":"y","command":["sleep"]}|invalid JSON'
		'39 {"id":"good","command":["sleep","1000"]}|child "good" is there twice'
		'40 {"id":"x","command":["sleep"],"node":"n","replicas":2}|one node cannot have several replicas'
		'41 {"id":"x","command":["sleep"],"node":""}|the node is empty'
		'42 {"id":"x","command":["sleep"],"anti_affinity":""}|the word is empty'
		'43 {"id":"x\u0000y","command":["sleep"]}|invalid JSON'
	)
	for line in "${words[@]}"; do
		line=${line#* }
		echo "${line%|*}"
		[ "${line%%|*}" != '{"id":"x"}' ] || echo '{"id":"good","command":["sleep","1000"]}'
	done >children
	printf '{"id":"x\xff","command":["sleep"]}\n' >>children
	node alpha
	run -1 --separate-stderr wp-distribute start -f children --await
	assert_equal "$(results)" "good#0 started"
	for line in "${words[@]}"; do
		echo "$stderr" | grep -F "line ${line%% *}: " | grep -qF -- "${line##*|}" || abort_test "$line: $stderr"
	done
	echo "$stderr" | grep -F "line 44: invalid JSON"
	assert_equal "$(wc -l <<<"$stderr")" 43
	# Nothing is started when one bad line is to undo all.
	run -65 --separate-stderr wp-distribute start -f children --await --on-failure rollback
	assert_equal "$output" ""
	assert_equal "${stderr_lines[-1]}" "wp-distribute: error: nothing is started: 43 lines are bad"
	assert_equal "$(ids)" "good"
	over
}

@test "start -f: a line that is too long, and one without an end" {
	node alpha
	{ printf '{"id":"long","env":{"A":"%s"},"command":["sleep","1000"]}\n' "$(bytes 1048576)" && printf '{"id":"last"}'; } >children
	run -1 wp-distribute start -f children -- sleep 1000
	assert_line --partial "line 1: longer than 1048576 bytes"
	assert_line '{"child":"last","result":"initiated"}'
	over
}

@test "start -f: no children in it, or no file" {
	run -65 wp-distribute start -f /dev/null -- sleep 1000
	assert_output "wp-distribute: error: no children"
	run -65 wp-distribute start -f - -- sleep 1000 <<<'   '
	assert_output "wp-distribute: error: no children"
	run wp-distribute start -f "$T/none" -- sleep 1000
	refute_crash
	assert_output "wp-distribute: error: cannot open \"$T/none\": No such file or directory"
	run wp-distribute start -f "$T" -- sleep 1000
	refute_crash
	assert_output --partial "cannot read \"$T\""
	run -65 wp-distribute start -f - -- sleep 1000 <<<'nonsense'
	assert_line "wp-distribute: error: no children"
	[ ! -e state ]
}

# start_and_bad STATUS ID... [OPTION...]: they are started, with a child "bad" that cannot be.
start_and_bad() { run "-$1" wp-distribute start "${@:2}" --await -f - -- sleep 1000 <<<'{"id":"bad","dir":"/no/such"}'; }

@test "start --on-failure rollback: what this call has started is stopped again, and nothing else" {
	local pid
	node alpha
	sleepers old
	pid=$(of old PID)
	start_and_bad 1 good old --no-check-existing --on-failure rollback
	assert_equal "$(results)" "bad stopped,bad#0 failed,good stopped,good#0 started,old exists"
	assert_equal "$(ids)" old
	assert_equal "$(of old PID)" "$pid"
	run -75 wp-distribute start good far --await --timeout 10ms --on-failure rollback --node nowhere -- sleep 1000
	assert_equal "$(ids)" old
	over
}

@test "start --on-failure continue: the others stay" {
	node alpha
	start_and_bad 1 good --on-failure continue
	assert_equal "$(ids)" "good bad"
	assert_equal "$(state_of good)" running
	over
}

@test "start --init-cids: it is enough when those run" {
	node alpha
	start_and_bad 0 good --init-cids good
	assert_equal "$(state_of good)" running
	run -0 wp-distribute start other --await --timeout 1s --init-cids other -f - -- sleep 1000 <<-'LINES'
		{"id":"far","node":"nowhere"}
	LINES
	run -1 wp-distribute start a --await --init-cids a --init-cids b -f - -- sleep 1000 <<-'LINES'
		{"id":"b","dir":"/no/such"}
	LINES
	over
}

@test "start: where it runs, as what, and what it is told" {
	mkdir sub
	node alpha
	(cd sub && COLOUR=red PARENT=me wp-distribute start 'a/b' --await -- sh -c 'pwd; env; exec sleep 1000' >"$T/told")
	wait_line alpha.out '^_='
	assert_equal "$(grep -c "^$T/sub\$" alpha.out)" 1
	assert_equal "$(grep -E '^(COLOUR|PARENT|WP_CHILD_ID|WP_NODE|WP_REPLICA|WP_ROLE|WP_HANDOVER_IN|WP_HANDOVER_OUT)=' alpha.out | sort | paste -sd ' ')" \
		"COLOUR=red PARENT=me WP_CHILD_ID=a/b WP_HANDOVER_IN= WP_HANDOVER_OUT= WP_NODE=alpha WP_REPLICA=0 WP_ROLE=active"
	# A process group of its own.
	assert_equal "$(ps -o pgid= -p "$(of a/b PID)" | tr -d ' ')" "$(of a/b PID)"
	over
}

@test "start: {id}, {node} and {replica} in its words" {
	node alpha
	node beta
	wp-distribute start w --replicas 2 --await -- sh -c 'echo "$@"; exec sleep 1000' {id} 'x-{id}-{node}-{replica}{id}' '{pid} {' >told
	for name in alpha beta; do
		wait_line "$name.out" .
		assert_regex "$line" "^x-w-$name-[01]w \{pid\} \{\$"
	done
	over
}

@test "start: a name may be anything that is text" {
	local odd name
	odd_names
	node alpha
	for name in "${odd[@]}"; do
		run -0 wp-distribute start --await -f - <<<"$(jq -nc --arg id "$name" '{id: $id, command: ["sleep", "1000"]}')"
		assert_equal "$(jq -r .child <<<"$output")" "$name"
		run -0 wp-distribute lookup -- "$name"
		assert_output "alpha	$(of "$name" PID)"
		assert_equal "$(tr '\0' '\n' <"/proc/$(of "$name" PID)/environ" | tr '\n' '\1' | grep -c "WP_CHILD_ID=")" 1
	done
	assert_equal "$(wp-distribute list -J | jq '.children | length')" "${#odd[@]}"
	over
}

@test "start --restart permanent: it is started again, whatever its status" {
	open_gate gate up
	node alpha
	wp-distribute start a --restart permanent -- sh -c 'echo "up $$" >up; read -r status <gate; exit "$status"' >told
	wait_line up '^up '
	echo 0 >>gate
	wait_line up '^up '
	echo 1 >>gate
	wait_line up '^up '
	until_true is_at a "2 ${line#up }"
	assert_equal "$(state_of a)" running
	echo done >>gate
	over
}

# is_at ID "RESTARTS PID"
is_at() { [ "$(of "$1" RESTARTS,PID)" = "$2" ]; }

@test "start --restart transient: it is started again when it has failed, and over when it has not" {
	open_gate gate up
	node alpha
	wp-distribute start a --restart transient -- sh -c 'echo "up $$" >up; read -r status <gate; exit "$status"' >told
	wait_line up '^up '
	echo 1 >>gate
	wait_line up '^up '
	echo 0 >>gate
	until_event a 'exit|exited'
	assert_equal "$(of a STATE,RESTARTS,REASON,NODE,PID)" "exited 1 exit status 0 null null"
	over
}

@test "start --restart temporary: it is never started again" {
	node alpha
	wp-distribute start bad --restart temporary -- sh -c 'exit 7' >told
	wp-distribute start killed --restart temporary -- sh -c 'kill -KILL $$' >told
	wp-distribute start good --restart temporary -- true >told
	until_event bad 'fail|failed'
	until_event killed 'fail|failed'
	until_event good 'exit|exited'
	assert_equal "$(of bad STATE,RESTARTS,REASON)" "failed 0 exit status 7"
	assert_equal "$(of killed STATE,RESTARTS,REASON)" "failed 0 killed by signal 9"
	assert_equal "$(of good STATE,RESTARTS,REASON)" "exited 0 exit status 0"
	over
}

@test "start --max-restarts --within: so often, then it has failed" {
	node alpha
	watcher one
	wp-distribute start a --max-restarts 2 --within 1h -- false >told
	wp-distribute start none --max-restarts 0 -- false >told
	until_event a 'fail|failed'
	until_event none 'fail|failed'
	assert_equal "$(of a STATE,RESTARTS,REASON)" "failed 2 exit status 1, after 2 restarts"
	assert_equal "$(of none STATE,RESTARTS,REASON)" "failed 0 exit status 1"
	mark one
	assert_equal "$(told one a | grep -o 'run@alpha' | wc -l)" 3
	stop_watcher one
	over
}

@test "start --within: what was longer ago does not count" {
	open_gate gate up
	node alpha
	wp-distribute start a --max-restarts 1 --within 0 -- sh -c 'echo "up $$" >up; read -r status <gate; exit "$status"' >told
	for _ in 1 2 3; do
		wait_line up '^up '
		echo 1 >>gate
	done
	wait_line up '^up '
	until_true is_at a "3 ${line#up }"
	echo done >>gate
	over
}

@test "start --stop-signal: a name, a name with SIG, or a number" {
	local signal
	node alpha
	for signal in INT SIGINT sigint 2; do
		wp-distribute start a --stop-signal "$signal" --await -- sh -c 'trap "echo int $1; exit" INT; sleep 1000 & wait' sh "$signal" >told
		wp-distribute stop a --await >told
	done
	over
}

@test "start --shutdown-timeout: one that does not end when it is told to is killed" {
	open_gate stubborn.up
	make_obstinate
	node alpha
	wp-distribute start stubborn --shutdown-timeout 50ms -- obstinate stubborn >told
	wait_line stubborn.up '^up '
	run -0 wp-distribute stop stubborn --await --timeout 1m
	wait_line stubborn.up '^told'
	wait_ended "${line#up }" || true
	over
}

@test "start --replicas: as many, on different nodes, and no more than there are nodes" {
	node alpha
	node beta
	run -0 wp-distribute start a --replicas 2 --await -- sleep 1000
	assert_equal "$(results)" "a#0 started,a#1 started"
	assert_equal "$(jq -r .node <<<"$output" | sort | paste -sd ' ')" "alpha beta"
	wp-distribute start b -r 3 -- sleep 1000 >told
	until_true is_nowhere_once b
	assert_equal "$(of b STATE | sort | uniq -c | tr -s ' ' | paste -sd ,)" " 2 running, 1 waiting"
	node gamma
	run -0 wp-distribute await b
	assert_equal "$(of b NODE | sort | paste -sd ' ')" "alpha beta gamma"
	assert_equal "$(of b REPLICA | sort | paste -sd ' ')" "0 1 2"
	over
}
is_nowhere_once() { [ "$(of "$1" STATE,REASON | sort | uniq -c | tr -s ' ' | paste -sd ,)" = " 2 running null, 1 waiting no node has room" ]; }

@test "start --mode: all are active, or one" {
	node alpha
	node beta
	sleepers a --replicas 2
	sleepers p --replicas 2 --mode active-passive
	assert_equal "$(of a ROLE | paste -sd ' ')" "active active"
	assert_equal "$(of p ROLE | paste -sd ' ')" "active passive"
	for pid in $(of p PID); do
		tr '\0' '\n' <"/proc/$pid/environ" | grep ^WP_ROLE=
	done >roles
	assert_equal "$(paste -sd ' ' roles)" "WP_ROLE=active WP_ROLE=passive"
	over
}

@test "start --require: only where the labels are" {
	node alpha --label gpu=1
	node beta --label gpu=1 --label disk=ssd
	node gamma --label gpu=2 --label disk=ssd
	sleepers a --require gpu=1 --require disk=ssd
	assert_equal "$(of a NODE)" beta
	wp-distribute start b --require gpu=3 -- sleep 1000 >told
	until_nowhere b "no node has the labels"
	node delta --label gpu=3
	run -0 wp-distribute await b
	assert_equal "$(of b NODE)" delta
	over
}

@test "start --anti-affinity: not on a node with one like it" {
	node alpha
	node beta
	sleepers a b --anti-affinity word
	assert_equal "$(of a NODE; of b NODE)" "$(printf '%s\n' "$(of a NODE)" "$([ "$(of a NODE)" = alpha ] && echo beta || echo alpha)")"
	wp-distribute start c --anti-affinity word -- sleep 1000 >told
	until_nowhere c "no node has room"
	sleepers d --anti-affinity other
	over
}

@test "start --strategy hash: where its id belongs, each time anew" {
	local i first
	for i in alpha beta gamma delta; do
		node "$i"
	done
	sleepers a
	first=$(of a NODE)
	for i in 1 2 3; do
		wp-distribute stop a --await >told
		sleepers a --strategy hash
		assert_equal "$(of a NODE)" "$first"
	done
	over
}

@test "start: the share of each node is as large as its capacity" {
	node alpha --capacity 3
	node beta
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 20)
	assert_equal "$(ids --node beta | wc -w)" 5
	assert_equal "$(ids --node alpha | wc -w)" 15
	over
}

@test "start --strategy balanced: where there is the least" {
	node alpha
	node beta
	sleepers a b c d --strategy balanced
	assert_equal "$(ids --node alpha | wc -w)" 2
	assert_equal "$(of a STRATEGY)" balanced
	over
}

@test "start --node: there, or nowhere" {
	node alpha
	node beta
	sleepers a b c d --node beta
	assert_equal "$(ids --node beta)" "a b c d"
	sleepers e --strategy guided -n alpha
	assert_equal "$(of e NODE,STRATEGY)" "alpha guided"
	over
}

@test "start: metadata is kept" {
	wp-distribute start a -m '{"b": [1, {"c": "é"}]}' -- true >told
	assert_equal "$(wp-distribute list -J -o METADATA | jq -c '.children[0].metadata')" '{"b":[1,{"c":"é"}]}'
	run -65 wp-distribute start b -m "{\"a\":\"$(bytes 100000)\"" -- true
	wp-distribute stop a >told
	assert_nothing_left
}

@test "start: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-distribute start a -- true >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute start b -- true >&-'
	assert_output --partial "error:"
	# What was asked for is so even so.
	assert_equal "$(ids)" "a b"
}

@test "start -f: a directory that is not absolute is one from here" {
	mkdir here elsewhere
	cd elsewhere || return
	node alpha
	cd "$T" || return
	wp-distribute start -f - --await <<<'{"id":"a","command":["sleep","1000"],"dir":"here"}' >told
	assert_equal "$(readlink "/proc/$(of a PID)/cwd")" "$T/here"
	over
}

@test "start --mode active-passive: one that knows nothing of SIGUSR1 is started again as the active one, and has not failed" {
	local at
	node alpha
	node beta
	wp-distribute start a --replicas 2 --mode active-passive --restart temporary --await -- \
		sh -c 'echo "$WP_ROLE $WP_NODE"; exec sleep 1000' >told
	at=$(wp-distribute list -rno ROLE,NODE | sed -n 's/^active //p')
	wp-distribute terminate a --node "$at" --await >told
	at=$(wp-distribute list -rno NODE)
	wait_line "$at.out" "^active $at"
	assert_equal "$(wp-distribute list -rno ROLE,STATE,RESTARTS)" "active running 0"
	over
}

@test "start --await --up-for: one that ends sooner has not started, and with rollback nothing has" {
	node alpha
	run -1 wp-distribute start good bad --max-restarts 0 --up-for 1s --await --on-failure rollback -- \
		sh -c '[ {id} = bad ] || exec sleep 1000; exit 3'
	assert_line --partial '{"child":"bad","replica":0,"result":"failed","error":"exit status 3"}'
	assert_line --partial '{"child":"good","replica":0,"result":"started","node":"alpha"'
	assert_line '{"child":"good","result":"stopped"}'
	assert_equal "$(wp-distribute list -rno ID)" ""
	run -0 wp-distribute start good --up-for 100ms --await -- sleep 1000
	run -0 wp-distribute await good --up-for 100ms
	run -75 wp-distribute await good --up-for 1h --timeout 50ms
	bad_durations start --up-for a -- true
	bad_durations await --up-for good
	over
}

@test "start --restart temporary: it runs once at most: it is not moved, and has failed when its node is gone" {
	local at other
	node alpha
	node beta
	wp-distribute start a --restart temporary --await -- sleep 1000 >told
	at=$(of a NODE)
	[ "$at" = alpha ] && other=beta || other=alpha
	run -1 wp-distribute redistribute a --to "$other"
	assert_output 'wp-distribute: error: child "a" is never started again, and so not moved'
	assert_equal "$(wp-distribute plan --leave "$at" -rno ID,TO,WHY)" 'a  it\x20is\x20never\x20started\x20again,\x20and\x20so\x20not\x20moved'
	run -75 wp-distribute drain "$at" --timeout 50ms
	assert_equal "$(of a NODE,STATE)" "$at running"
	kill_node "$at"
	run -1 wp-distribute await a
	assert_output '{"child":"a","replica":0,"result":"failed","error":"its node is gone, and it is never started again"}'
	assert_equal "$(of a STATE)" failed
	over
}
