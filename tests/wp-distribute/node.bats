#!/usr/bin/env bats
# wp-distribute node: be a node, and run what is placed there.

load ../helpers
load distribute

# of_node NAME COLUMN,...: these columns of "nodes".
of_node() {
	wp-distribute nodes -J -o "NODE,$2" |
		jq -r --arg node "$1" '.nodes[] | select(.node == $node) | del(.node) | map(tostring) | join(" ")'
}

# next_told LINE: that is the next one from the FIFO "told".
next_told() {
	wait_line told .
	assert_equal "$line" "$1"
}

# lines_of FIFO N: the next N lines, sorted, on one line.
lines_of() {
	local n
	for ((n = 0; n < $2; n++)); do
		wait_line "$1" . || return
		echo "$line"
	done | LC_ALL=C sort | paste -sd ,
}

@test "node: help" { help_of node; }

@test "node: a state directory that cannot be one" { refused_states node alpha; }

@test "node: mistakes" {
	local n
	usage node "missing argument: NAME"
	usage node 'unexpected argument "b"' a b
	usage node colour a --colour
	usage node rebalance a --rebalance often
	for n in 0 -1 x 1.5 2147483648 ''; do
		usage node capacity a --capacity "$n"
	done
	for n in -1 x 2147483648 ''; do
		usage node limit a --limit "$n"
	done
	bad_durations node --drain-timeout a
	for n in 2 -1 x 99999999999; do
		usage node ready-fd a --ready-fd "$n"
	done
	usage node "9" a --ready-fd 9 9<&-
	for n in '' 0 -1 some 1x; do
		run -64 wp-distribute node a --quorum "$n"
		assert_output "wp-distribute: error: \"$n\" is no quorum: none, majority or a number of nodes"
	done
	[ ! -e state ]
}

@test "node: no node is called so, no label, and nowhere to log" {
	local bad
	bad_names node node
	for bad in x '' =x; do
		run -64 wp-distribute node a --label "$bad"
		assert_output "wp-distribute: error: \"$bad\" is no label: NAME=VALUE"
	done
	run -64 wp-distribute node a --label x=1 -l x=2
	assert_output 'wp-distribute: error: label "x" is given twice'
	run wp-distribute node a --log-dir "$T/none"
	refute_crash
	assert_output "wp-distribute: error: cannot log to \"$T/none\": No such file or directory"
	echo >file
	run -73 wp-distribute node a --log-dir "$T/file"
	assert_output "wp-distribute: error: cannot log to \"$T/file\": it is no directory"
	[ ! -e state ]
}

@test "node: it is there from its newline on, with what was said of it, and among those present" {
	node alpha --capacity 8 --limit 5 --label gpu=1 -l "zone=é=x"
	assert_equal "$(of_node alpha PID,STATE,CAPACITY,CHILDREN,LIMIT)" "$pid_alpha open 8 0 5"
	assert_equal "$(wp-distribute nodes -J -o LABELS | jq -c '.nodes[0].labels')" '{"gpu":"1","zone":"é=x"}'
	run -0 wp-presence list -t nodes -J -o KEY,PID,CAPACITY,META
	assert_equal "$(jq -c '.[keys[0]][0] | [.key, .pid, .capacity, .meta.gpu]' <<<"$output")" "[\"alpha\",$pid_alpha,8,\"1\"]"
	leave alpha
	run -0 wp-distribute nodes -n
	assert_output ""
	assert_nothing_left
}

@test "node: those present carry what runs there" {
	node alpha --capacity 8
	sleepers a b c
	until_true in_use 3
	wp-distribute stop a --await >told
	until_true in_use 2
	over
}
in_use() { [ "$(wp-presence list -t nodes -rno IN-USE)" = "$1" ]; }

@test "node: a name may be anything that is text" {
	local odd name n=0
	odd_names
	for name in "${odd[@]}"; do
		n=$((n + 1))
		mkfifo ready
		start "n$n" sh -c 'exec wp-distribute node --ready-fd 9 -- "$1" 9>ready' sh "$name"
		read -r -t "$PATIENCE" _ <ready
		assert_equal "$(wp-distribute nodes -J -o NODE | jq -r '.nodes[].node')" "$name"
		wp-distribute start a --node "$name" --await -- sleep 1000 >told
		assert_equal "$(jq -r .node told)" "$name"
		wp-distribute stop a --await >told
		kill "$pid"
		finish 0
		rm ready
	done
	assert_nothing_left
}

@test "node: one of that name alone" {
	node alpha
	run -1 wp-distribute node alpha
	assert_output "wp-distribute: error: there is a node \"alpha\" already: process $pid_alpha"
	kill_node alpha
	node alpha
	leave alpha
	node alpha
	over
}

@test "node: TERM, INT and HUP have it leave, with status 0" {
	local signal
	for signal in TERM INT HUP; do
		node "n$signal"
		kill "-$signal" "${nodes[n$signal]}"
		has_left "n$signal" 0
		assert_equal "$(cat "n$signal.err")" ""
	done
	assert_nothing_left
}

@test "node: told to leave, it has what is there go elsewhere first" {
	node alpha --rebalance manual
	sleepers a b c
	node beta
	watcher one
	leave alpha
	run -0 wp-distribute await a b c
	assert_equal "$(ids --node beta)" "a b c"
	mark one
	assert_equal "$(told one a)" "running@alpha move@beta release@alpha run@beta"
	assert_equal "$(jq -r 'select(.node == "alpha" and .child == null) | .event' one.out | paste -sd ' ')" "node drain leave"
	stop_watcher one
	over
}

@test "node: told to leave, the last one ends what is there, and the next one takes it" {
	node alpha
	sleepers a b
	leave alpha
	assert_equal "$(of a STATE,NODE,PID)" "waiting null null"
	no_process_left
	node beta
	run -0 wp-distribute await a b
	assert_equal "$(ids --node beta)" "a b"
	over
}

@test "node: what cannot go elsewhere ends when its node is told to leave twice" {
	local child
	node alpha --label gpu=1
	node beta
	sleepers a --require gpu=1
	child=$(of a PID)
	kill "${nodes[alpha]}"
	until_true is_nowhere_else a
	kill "${nodes[alpha]}"
	has_left alpha 0
	wait_ended "$child"
	until_nowhere a "no node has the labels"
	over
}
# It is a drained node's, and stays there.
is_nowhere_else() { wp-distribute explain "$1" | grep -q 'running on alpha' && wp-distribute nodes -rno NODE,STATE | grep -q 'alpha drained'; }

@test "node --drain-timeout: so long, then what is left ends" {
	node alpha --drain-timeout 50ms
	node beta --limit 0
	sleepers a
	assert_equal "$(of a NODE)" alpha
	leave alpha
	assert_equal "$(of a STATE,NODE)" "waiting null"
	over
}

@test "node: told to leave, one that does not end is killed at the end of its shutdown timeout" {
	open_gate stubborn.up
	make_obstinate
	node alpha
	wp-distribute start stubborn --shutdown-timeout 50ms -- obstinate stubborn >told
	wait_line stubborn.up '^up '
	leave alpha
	wait_line stubborn.up '^told'
	assert_equal "$(state_of stubborn)" waiting
	over
}

@test "node: SIGKILL takes all that it runs with it, and others take it over" {
	local pids
	node alpha
	# shellcheck disable=SC2016
	wp-distribute start a b --await -- sh -c 'sleep 1000 & sleep 1000' >told
	pids=$(of a PID; of b PID)
	node beta
	kill_node alpha
	# shellcheck disable=SC2086
	wait_ended $pids
	run -0 wp-distribute await a b
	assert_equal "$(ids --node beta)" "a b"
	over
}

@test "node: what its children print is its own output" {
	node alpha
	wp-distribute start a --await -- sh -c 'echo out; echo err >&2; exec sleep 1000' >told
	wait_line alpha.out '^out$'
	wait_line alpha.err '^err$'
	over
}

@test "node --log-dir: what its children print is appended to files" {
	local n
	mkdir logs
	node alpha --log-dir logs
	node beta --log-dir "$T/logs"
	for n in 1 2; do
		wp-distribute start 'a/b' $'c\nd' --replicas 2 --await -- sh -c 'echo "out {id} {replica}"; echo err >&2; exec sleep 1000' >told
		wait_line logs/a%2Fb.0.log "err"
		wp-distribute stop 'a/b' $'c\nd' --await >told
	done
	assert_equal "$(ls logs | paste -sd ' ')" "a%2Fb.0.log a%2Fb.1.log c%0Ad.0.log c%0Ad.1.log"
	assert_equal "$(paste -sd , logs/a%2Fb.1.log)" "out a/b 1,err,out a/b 1,err"
	assert_equal "$(cat alpha.out beta.out)" ""
	over
}

@test "node --log-dir: a name that no file can have is a failure of that child alone" {
	mkdir logs
	node alpha --log-dir logs
	run -1 wp-distribute start "$(bytes 300)" --await -- sleep 1000
	assert_output --partial "File name too long"
	sleepers a
	over
}

@test "node --limit: no more than that" {
	node alpha --limit 2 --rebalance manual
	wp-distribute start a b c -- sleep 1000 >told
	until_nowhere c "no node has room"
	assert_equal "$(ids --node alpha)" "a b"
	node beta --limit 0
	assert_equal "$(state_of c)" waiting
	node gamma --limit 1
	run -0 wp-distribute await c
	assert_equal "$(of c NODE)" gamma
	over
}

@test "node --limit: when one is over, there is room for another" {
	node alpha --limit 1
	sleepers a
	wp-distribute start b -- sleep 1000 >told
	until_nowhere b "no node has room"
	wp-distribute stop a >told
	run -0 wp-distribute await b
	over
}

@test "node --rebalance: when one joins, what belongs there goes there; with manual nothing does" {
	node alpha --rebalance auto
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 10)
	node beta --rebalance manual
	until_true has_children beta 5
	assert_equal "$(ids --node alpha | wc -w)" 5
	over
	node gamma --rebalance manual
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 10)
	node delta
	# It is placed by the same look as what could have moved there.
	sleepers last --node delta
	assert_equal "$(ids --node gamma | wc -w)" 10
	assert_equal "$(ids --node delta)" last
	over
}
has_children() { [ "$(ids --node "$1" | wc -w)" -eq "$2" ] && ! wp-distribute list -rno STATE | grep -qv running; }

@test "node: a guided child never moves by itself, and waits for its node" {
	node alpha
	node beta
	sleepers a --node beta
	watcher one
	kill_node beta
	until_nowhere a "the node that it is to be on is not there"
	node beta
	run -0 wp-distribute await a
	assert_equal "$(of a NODE)" beta
	stop_watcher one
	over
}

@test "node --quorum: the rule for all, from now on" {
	node alpha --quorum 2
	run -0 wp-distribute quorum
	assert_output "2: 1 of 1 nodes are there, which is not enough"
	wait_line alpha.err 'node "alpha": there are fewer nodes than the quorum: nothing runs here'
	node beta
	wait_line alpha.err 'node "alpha": there are enough nodes again'
	sleepers a
	node gamma --quorum majority
	run -0 wp-distribute quorum
	assert_output "majority: 3 of 3 nodes are there, which is enough"
	over
}

@test "node: hooks of children, each by its node" {
	open_gate told
	local hook='echo "$WP_EVENT $WP_NODE $WP_CHILD_ID $WP_REPLICA ${WP_REASON:-none}" >told' options=()
	for event in start stop fail move; do
		options+=("--on-child-$event" "echo -n '$event: ' >>told.$event; $hook")
	done
	node alpha "${options[@]}"
	wp-distribute start a -- sleep 1000 >initiated
	next_told "run alpha a 0 none"
	node beta "${options[@]}" --rebalance manual
	wp-distribute redistribute --to beta a
	assert_equal "$(lines_of told 2)" "release alpha a 0 none,run beta a 0 none"
	wp-distribute stop a >initiated
	next_told "stopped beta a 0 none"
	wp-distribute start bad --node alpha --max-restarts 0 -- false >initiated
	assert_equal "$(lines_of told 2)" "fail alpha bad 0 exit status 1,run alpha bad 0 none"
	wp-distribute start good --node beta --restart transient -- true >initiated
	assert_equal "$(lines_of told 2)" "exit beta good 0 exit status 0,run beta good 0 none"
	assert_equal "$(cat told.start)" "start: start: start: start: "
	assert_equal "$(cat told.stop)" "stop: stop: "
	assert_equal "$(cat told.fail)" "fail: "
	assert_equal "$(cat told.move)" "move: "
	over
}

@test "node: hooks of nodes, by the leader alone, and with the pid" {
	open_gate told
	local hook='echo "$0 $WP_EVENT $WP_NODE $WP_PID ${WP_REASON:-none}" >told' pid
	# The first one leads.
	node alpha --on-node-join "${hook/\$0/alpha}" --on-node-leave "${hook/\$0/alpha}"
	next_told "alpha join alpha $pid_alpha none"
	node beta --on-node-join "${hook/\$0/beta}" --on-node-leave "${hook/\$0/beta}"
	next_told "alpha join beta $pid_beta none"
	pid=$pid_beta
	kill_node beta
	next_told "alpha leave beta $pid killed"
	node beta --on-node-join "${hook/\$0/beta}" --on-node-leave "${hook/\$0/beta}"
	next_told "alpha join beta $pid_beta none"
	# The next leader.
	pid=$pid_alpha
	kill_node alpha
	next_told "beta leave alpha $pid killed"
	over
}

@test "node: a hook when the quorum is lost" {
	open_gate told
	node alpha --quorum 2 --on-quorum-loss 'echo "$WP_EVENT $WP_NODE" >told'
	next_told "quorum alpha"
	over
}

@test "node: a hook that fails is said to, and delays nothing" {
	open_gate told
	node alpha --on-child-start 'exit 3'
	sleepers a
	wait_line alpha.err 'on-child-start'
	assert_regex "$line" "^wp-distribute: warning: .*on-child-start.* 3"
	over
}

@test "node: NOTIFY_SOCKET hears READY=1, and is no matter of the children's" {
	start socket python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print("bound", flush=True); print(s.recv(99).decode(), flush=True)' "$T/notify"
	wait_line socket.out bound
	NOTIFY_SOCKET=$T/notify node alpha
	finish 0 "$pid_socket"
	assert_equal "$(tail -n 1 socket.out)" "READY=1"
	sleepers a
	refute_notify
	over
}
refute_notify() { assert_equal "$(tr '\0' '\n' <"/proc/$(of a PID)/environ" | grep -c ^NOTIFY_SOCKET=)" 0; }

@test "node: its children have nothing of its descriptors, and none of its signals blocked" {
	local child
	node alpha
	sleepers a
	child=$(of a PID)
	assert_equal "$(ls "/proc/$child/fd" | sort -n | paste -sd ' ')" "0 1 2"
	assert_equal "$(readlink "/proc/$child/fd/0")" /dev/null
	assert_equal "$(awk '/^SigBlk/ { print $2 }' "/proc/$child/status")" 0000000000000000
	over
}

@test "node: what is left of a child's group is killed with it" {
	open_gate up
	node alpha
	wp-distribute start a --restart temporary -- sh -c 'sleep 1000 & echo "$!" >up; exit 0' >told
	wait_line up .
	wait_ended "$line"
	until_event a 'exit|exited'
	over
}
