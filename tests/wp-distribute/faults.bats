#!/usr/bin/env bats
# wp-distribute: sudden death and bad manners. What is to run runs in the end, and nothing did twice at the same time.

load ../helpers
load distribute
load faults

# three: the nodes a, which leads, b and c; x, which may be moved, is where a is not.
three() {
	node a
	node b --label w=1
	node c --label w=1
}
# x OPTION... -- COMMAND: x runs on node $from; the other of those that can have it is $to; its process is $first.
x() {
	wp-distribute start x --require w=1 --shutdown-timeout 1h --handover-timeout 1h --await --timeout 1m "$@" >started
	wait_line up '^up x '
	read -r _ _ from first <<<"$line"
	[ "$from" = b ] && to=c || to=b
}
move() { wp-distribute redistribute --to "$to" x; }
# stays: x is where it was, in the same process, and goes nowhere.
stays() {
	until_at x "$from"
	assert_equal "$(of x PID)" "$first"
}

# Agents

@test "SIGKILL to a node: its children have died with it, and run on another" {
	make_only
	node a
	node b
	for id in 1 2 3 4 5 6 7 8; do
		echo "{\"id\":\"x$id\",\"command\":[\"only\",\"{id}\",\"0\"]}"
	done >children
	wp-distribute start -f children --await --timeout 1m >started
	kill_node a
	until_true is_no_node a
	in_peace 8
	assert_equal "$(wp-distribute list -rno NODE | sort -u)" b
	all_over
}

@test "SIGKILL to the node that places: another does" {
	make_only
	node a
	until_led
	assert_equal "$led" a
	node b
	node c
	wp-distribute start x --await --timeout 1m -- only x 0 >started
	kill_node a
	until_led a
	wp-distribute start y --await --timeout 1m -- only y 0 >started
	in_peace 2
	kill_node "$led"
	until_led "$led"
	wp-distribute start z --await --timeout 1m -- only z 0 >started
	in_peace 3
	all_over
}

@test "SIGKILL to a node while something is to leave it: it runs where it was to go, or anywhere" {
	make_stubborn
	three
	x -- stubborn x '{node}'
	move
	wait_line up "^told x $from"
	kill_node "$from"
	wait_line up "^up x $to"
	in_peace 1
	echo >>x.gate
	all_over
}

@test "SIGKILL to a node where something is to go: it stays, or is started again where it was" {
	make_stubborn
	three
	x -- stubborn x '{node}'
	move
	wait_line up "^told x $from"
	kill_node "$to"
	until_at x "$from"
	echo >>x.gate
	wait_line up "^up x $from"
	in_peace 1
	echo >>x.gate
	all_over
}

@test "SIGKILL to the node that places while something moves: it moves" {
	make_stubborn
	three
	x -- stubborn x '{node}'
	move
	wait_line up "^told x $from"
	kill_node a
	echo >>x.gate
	wait_line up "^up x $to"
	in_peace 1
	until_led a
	echo >>x.gate
	all_over
}

@test "SIGKILL to all nodes: what is to run waits, what is to end is gone, and the next node goes on" {
	make_stubborn
	node a
	wp-distribute start x y --await --timeout 1m --shutdown-timeout 1h -- stubborn '{id}' '{node}' >started
	wp-distribute stop y >stopped
	wait_line up "^told y"
	kill_node a
	run -0 wp-distribute stop y --await --timeout 1m
	run -1 wp-distribute stop y
	assert_equal "$(ids)" x
	node b
	wait_line up "^up x b"
	in_peace 1
	echo >>x.gate
	all_over
}

@test "SIGKILL to a node that has something to end, while somebody waits for that: it has ended" {
	make_stubborn
	three
	x -- stubborn x '{node}'
	start stopper wp-distribute stop x --await --timeout 1m
	wait_line up "^told x $from"
	kill_node "$from"
	finish 0 "$pid_stopper"
	assert_equal "$(ids)" ""
	run -0 wp-distribute start x --await --timeout 1m -- sleep 1000
	all_over
}

@test "SIGKILL to the guard of a node: there is another" {
	make_only
	node a
	node b
	wp-distribute start x --await --timeout 1m -- only x 0 >started
	at=$(of x NODE)
	guard=$(pgrep -P "${nodes[$at]}" wp-guard)
	kill -KILL "$guard"
	wait_ended "$guard"
	until_true pgrep -P "${nodes[$at]}" wp-guard
	kill_node "$at"
	in_peace 1
	all_over
}

@test "SIGKILL to the process of a child: it is started again, on the same node" {
	make_only
	node a
	node b
	wp-distribute start x --await --timeout 1m -- only x 0 >started
	was=$(of x NODE,PID)
	kill -KILL "${was#* }"
	until_true has_another "$was"
	assert_equal "$(of x NODE,RESTARTS)" "${was% *} 1"
	in_peace 1
	all_over
}
has_another() { [ "$(of x STATE)" = running ] && [ "$(of x NODE,PID)" != "$1" ]; }

@test "SIGKILL to start --await: what it has asked for runs none the less" {
	start starter wp-distribute start x y --await --timeout 1h -- sleep 1000
	until_true is_asked_for "x y"
	kill -KILL "$pid_starter"
	finish 137 "$pid_starter"
	node a
	run -0 wp-distribute await x y
	all_over
}
is_asked_for() { [ "$(ids)" = "$1" ]; }

@test "SIGSTOP to a node: what it has is its own, others go on; when it returns it does what was asked for meanwhile" {
	make_only
	node a
	node b --label w=1
	wp-distribute start x y --require w=1 --await --timeout 1m -- only '{id}' 0 >started
	stop_node b
	wp-distribute stop x >stopped
	assert_equal "$(state_of x)" stopping
	run -75 wp-distribute start z --node b --await --timeout 0 -- only z 0
	run -0 wp-distribute start v --node a --await --timeout 1m -- only v 0
	kill -CONT "${nodes[b]}"
	run -0 wp-distribute await y z
	until_true is_asked_for "y z v"
	in_peace 3
	all_over
}

@test "SIGSTOP to the node that places: what runs goes on, and what is new waits until it returns" {
	make_only
	node a
	until_led
	node b
	wp-distribute start x y --await --timeout 1m -- only '{id}' 0 >started
	stop_node a
	run -75 wp-distribute start z --await --timeout 0 -- only z 0
	kill -CONT "${nodes[a]}"
	run -0 wp-distribute await z
	in_peace 3
	all_over
}

@test "SIGSTOP to a node from which something is to go, and SIGKILL after it: it runs elsewhere" {
	make_only
	three
	wp-distribute start x --require w=1 --await --timeout 1m -- only x 0 >started
	from=$(of x NODE)
	[ "$from" = b ] && to=c || to=b
	stop_node "$from"
	move
	until_true is_moving x
	kill_node "$from"
	until_at x "$to"
	in_peace 1
	all_over
}
is_moving() { [ "$(of "$1" STATE)" = moving ]; }

# Hot moves

# half_way [asked|got]: x is to move, and waits in the middle of that: the old one was asked, or the successor has got it.
half_way() {
	make_hot
	open_gate x.out x.in
	three
	x --migration hot "${@:2}" -- hot x '{node}'
	move
	wait_line up "^asked x $from"
	[ "$1" != got ] || hand_over
}
hand_over() {
	echo "${1-all of it}" >>x.out
	[ $# -gt 0 ] || wait_line up "^got x $to [0-9]+ all of it"
	# shellcheck disable=SC2034 # for the tests
	read -r _ _ _ successor _ <<<"$line"
}

@test "a hot move: the old one runs until its successor has taken over" {
	half_way got
	assert_equal "$(of x STATE,PID)" "moving $first"
	echo yes >>x.in
	wait_line up "^up x $to $successor"
	until_at x "$to"
	assert_equal "$(of x PID)" "$successor"
	wait_ended "$first"
	all_over
}

@test "a hot move, SIGKILL to the node that it leaves, which has asked for what is to be handed over: it starts anew" {
	half_way asked
	kill_node "$from"
	wait_line up "^up x $to"
	until_at x "$to"
	all_over
}

@test "a hot move, SIGKILL to the node that it leaves, when the successor has what it needs: that one takes over" {
	half_way got
	kill_node "$from"
	echo yes >>x.in
	wait_line up "^up x $to $successor"
	until_at x "$to"
	assert_equal "$(of x PID)" "$successor"
	all_over
}

@test "a hot move, SIGKILL to the node where it goes: it stays" {
	half_way asked
	kill_node "$to"
	stays
	hand_over now
	stays
	all_over
}

@test "a hot move, SIGKILL to the node where it goes, when the successor has what it needs: it stays" {
	half_way got
	kill_node "$to"
	stays
	all_over
}

@test "a hot move, SIGKILL to the node that places: it moves" {
	half_way asked
	kill_node a
	hand_over
	echo yes >>x.in
	until_at x "$to"
	assert_equal "$(of x PID)" "$successor"
	all_over
}

@test "a hot move, SIGKILL to the successor, or it ends without a word: it stays" {
	half_way got
	watcher w
	kill -KILL "$successor"
	wait_line w.out '"refuse".*"x"'
	stop_watcher w
	stays
	all_over
}

@test "a hot move, SIGKILL to the old one before and while it hands over: that is refused, and it is started again" {
	half_way asked
	watcher w
	kill -KILL "$first"
	wait_line w.out '"refuse".*it ended while it handed over'
	wait_line up "^up x $from"
	read -r _ _ _ first <<<"$line"
	until_at x "$from"
	move
	wait_line up "^asked x $from"
	hand_over half
	wait_line up "^up x $from"
	assert_equal "$(grep -c '"refuse".*it ended while it handed over' w.out)" 2
	stop_watcher w
	all_over
}

@test "a hot move, SIGKILL to the old one when the successor has what it needs: that one takes over" {
	half_way got
	kill -KILL "$first"
	wait_line up "^up x $from"
	echo yes >>x.in
	wait_line up "^up x $to $successor"
	until_at x "$to"
	: >twice
	in_peace 1
	all_over
}

@test "a hot move, and stop meanwhile: both end" {
	half_way asked
	run -0 wp-distribute stop x --await --timeout 1m
	wait_ended "$first"
	all_over
}

@test "a hot move, and stop when the successor has what it needs: both end" {
	half_way got
	run -0 wp-distribute stop x --await --timeout 1m
	wait_ended "$first" "$successor"
	all_over
}

@test "a hot move, and the quorum is lost: both end; when it is there again one is started" {
	half_way got
	wp-distribute quorum 3
	kill_node a
	wait_ended "$first" "$successor"
	assert_equal "$(of x STATE)" waiting
	node a
	wait_line up "^up x "
	until_true one_each 1
	all_over
}

@test "a hot move from a node that is drained meanwhile, to one that is drained then: it stays where it can be" {
	half_way got
	wp-distribute drain "$to" --no-wait
	wait_ended "$successor"
	stays
	all_over
}

# Names

@test "a second node of a name is refused, and has changed nothing" {
	node a
	run -1 wp-distribute node a --quorum 7
	assert_output --partial 'there is a node "a" already'
	run -0 wp-distribute quorum
	assert_output --partial none
	sleepers x
	all_over
}

@test "an id started twice at the same moment: one is told that it is there" {
	make_only
	node a
	for i in $(seq 20); do
		start "one$i" wp-distribute start "x$i" y -- only '{id}' 0
		start "two$i" wp-distribute start "x$i" y -- only '{id}' 0
	done
	got=
	for i in $(seq 20); do
		for which in one two; do
			pid_of=pid_$which$i status=0
			wait "${!pid_of}" || status=$?
			got+=$status
		done
	done
	assert_equal "$(tr -d 1 <<<"$got")" 0
	assert_equal "${#got}" 40
	wp-distribute await x"$(grep -l initiated ./*.out | tr -dc '0-9\n' | head -n 1)" y
	in_peace 2
	all_over
}

# Files

@test "the lock file of a node is removed: it ends with all that it has, which runs elsewhere" {
	make_only
	node a
	node b --label w=1
	wp-distribute start x --require w=1 --await --timeout 1m -- only x 0 >started
	rm "$WP_STATE"/live/node.*
	has_left a 74
	has_left b 74
	grep -q "the lock file was removed" b.err
	node c --label w=1
	in_peace 1
	all_over
}

@test "the state file is removed: nodes end with all that they have" {
	node a
	sleepers x
	pid_x=$(of x PID)
	rm "$WP_STATE"/state.db*
	has_left a 74
	grep -q "the state file was removed" a.err
	wait_ended "$pid_x"
	no_process_left
}

# Children

@test "a child that exits at once: it has failed after its restarts, and may be started again" {
	node a
	wp-distribute start x --max-restarts 2 -- false
	until_event x "fail|failed"
	assert_equal "$(of x STATE,NODE,PID,RESTARTS)" "failed null null 2"
	wp-distribute start x --restart temporary -- true
	until_event x "exit|exited"
	all_over
}

@test "a child that ends by itself when it is told to end: it is gone" {
	stub goes <<-SH
		trap 'exit 0' TERM
		echo up >"$T/up"
		read -r _ <"$T/gate.\$1"
	SH
	open_gate up
	node a
	for i in $(seq 10); do
		open_gate "gate.$i"
		wp-distribute start x --restart temporary --await --timeout 1m -- goes "$i" >started
		wait_line up up
		start stopper wp-distribute stop x --await --timeout 1m
		echo >>"gate.$i"
		finish 0 "$pid_stopper"
	done
	assert_equal "$(ids)" ""
	all_over
}

@test "a child that ignores the signal is killed after its time" {
	make_obstinate
	open_gate x.up
	node a
	wp-distribute start x --shutdown-timeout 10ms --await --timeout 1m -- obstinate x >started
	wait_line x.up '^up'
	run -0 wp-distribute stop x --await --timeout 1m
	all_over
}

# make_forks: the command "forks ID", which leaves processes behind in groups of their own; all have the lock of that ID.
make_forks() {
	make_only
	stub forks <<-SH
		exec 9>"$T/locks/\$1"
		flock -n 9 || { echo "\$1" >>"$T/twice"; exit 3; }
		rm -f session daemon
		setsid sh -c 'echo \$\$ >session; trap "" TERM HUP; sleep 1000' &
		setsid sh -c 'setsid sh -c "echo \\\$\\\$ >daemon; exec sleep 1000" & exit 0'
		until [ -s session ] && [ -s daemon ]; do :; done
		echo "up \$\$" >"$T/up"
		read -r _ <"$T/gate"
	SH
	open_gate up gate
}

@test "a child that forks away: all of it ends with it, when it is stopped, moved, ends or is killed" {
	make_forks
	node a
	wp-distribute start x --max-restarts 100 --await --timeout 1m -- forks x >started
	wait_line up '^up'
	kill -KILL "${line#up }"
	wait_line up '^up'
	echo >>gate
	wait_line up '^up'
	node b
	[ "$(of x NODE)" = a ] && to=b || to=a
	move
	wait_line up '^up'
	until_at x "$to"
	left=$(cat session daemon)
	run -0 wp-distribute stop x --await --timeout 1m
	# shellcheck disable=SC2086
	wait_ended $left
	assert_equal "$(cat twice)" ""
	all_over
}

# Where there is nothing

@test "a guided node that does not exist: the child waits, and says why, until it is there" {
	node a
	run -75 wp-distribute start x --node nowhere --await --timeout 0 -- sleep 1000
	until_nowhere x "the node that it is to be on is not there"
	run -0 wp-distribute explain x
	assert_output --partial "the node that it is to be on is not there"
	node nowhere
	run -0 wp-distribute await x
	assert_equal "$(of x NODE)" nowhere
	kill_node nowhere
	until_nowhere x "the node that it is to be on is not there"
	all_over
}

@test "no nodes: what is started waits, and can be stopped" {
	run -75 wp-distribute start x y --replicas 2 --await --timeout 0 -- sleep 1000
	run -0 wp-distribute list -rno ID,STATE
	assert_output "$(printf '%s\n' "x waiting" "x waiting" "y waiting" "y waiting")"
	run -75 wp-distribute start z --await --timeout 0 --on-failure rollback -- sleep 1000
	assert_equal "$(ids)" "x x y y"
	run -1 wp-distribute drain a
	run -1 wp-distribute terminate x --node a
	run -0 wp-distribute stop x y --await
	all_over
}

@test "a children file with a bad line: with rollback nothing is started, else the rest" {
	node a
	printf '%s\n' '{"id":"x"}' '{"id":' '{"id":"y"}' >children
	run -65 wp-distribute start -f children --await --on-failure rollback -- sleep 1000
	assert_equal "$(ids)" ""
	run -1 wp-distribute start -f children --await --timeout 1m -- sleep 1000
	assert_output --partial "line 2"
	assert_equal "$(ids)" "x y"
	all_over
}

# Replicas

@test "terminate one of two replicas, the active one: the other becomes it, and nobody waits for that" {
	stub role <<-SH
		trap 'echo "active \$1" >"$T/up"' USR1
		echo "\$WP_ROLE \$1" >"$T/up"
		while :; do read -r _ <"$T/never"; done
	SH
	open_gate up never
	node a
	node b
	wp-distribute start x --replicas 2 --mode active-passive --await --timeout 1m -- role '{node}' >started
	wait_line up '^active'
	at=${line#* }
	until_true all_up x 2
	run -0 wp-distribute terminate x --node "$at" --await --timeout 1m
	wait_line up "^active $(other "$at")"
	all_over
}
all_up() { [ "$(of "$1" STATE | grep -c running)" -eq "$2" ]; }

@test "replicas on as many nodes, and one that fails at once: another is active, and on each node there is one at most" {
	make_only
	stub first <<-SH
		[ "\$WP_REPLICA" != 0 ] || exit 3
		trap "" USR1
		exec only x "\$WP_REPLICA"
	SH
	node a
	node b
	node c
	run wp-distribute start x --replicas 3 --mode active-passive --restart temporary --await --timeout 1m -- first
	[ "$status" -le 1 ] # it may be seen to run
	until_true has_failed x
	until_true has_active x
	in_peace_of 2
	assert_equal "$(of x STATE,NODE | grep running | sort -u | wc -l)" 2
	all_over
}
has_failed() { of "$1" STATE | grep -q failed; }
has_active() { [ "$(sql "SELECT count(*) FROM replica WHERE active AND state = 'running'")" = 1 ]; }
in_peace_of() { assert_equal "$(of x STATE | grep -c running)" "$1" && assert_equal "$(cat twice)" ""; }

# All at once

# killed_often NODES KILLS: so many times one of the nodes n1, n2, ... is killed; when the others have seen that it is started anew.
killed_often() {
	local i name
	for ((i = 0; i < $2; i++)); do
		name=n$((i * 7 % $1 + 1))
		kill_node "$name"
		until_true is_no_node "$name"
		node "$name"
	done
}
is_no_node() { ! wp-distribute nodes -rno NODE | grep -qx "$1"; }

@test "200 children on 20 nodes, of which 15 are killed (50 on 8 with sanitizers): each runs once in the end, and none ran twice" {
	local many=200 several=20
	[ -z "${SANITIZE-}" ] || many=50 several=8
	make_only
	for i in $(seq $several); do
		node "n$i"
	done
	for i in $(seq $many); do
		echo "{\"id\":\"x$i\"}"
	done >children
	wp-distribute start -f children --max-restarts 0 --await --timeout 1m -- only '{id}' '{replica}' >started
	killed_often "$several" 15
	in_peace $many
	all_over
}

@test "replicas on as many nodes as there are, which are killed: each is on another in the end, and none ran twice" {
	local many=6
	[ -z "${SANITIZE-}" ] || many=4
	make_only
	for i in $(seq $many); do
		node "n$i"
	done
	wp-distribute start x --replicas $many --max-restarts 0 --await --timeout 1m -- only '{id}' '{replica}' >started
	killed_often $many $many
	in_peace $many
	assert_equal "$(of x NODE | sort -u | wc -l)" $many
	all_over
}
