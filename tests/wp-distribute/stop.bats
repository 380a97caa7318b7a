#!/usr/bin/env bats
# wp-distribute stop: have children end, and not be started again.

load ../helpers
load distribute

@test "stop: help" { help_of stop; }

@test "stop: a state directory that cannot be one" { refused_states stop a; }

@test "stop: mistakes" {
	usage stop "missing argument: ID"
	usage stop colour a --colour
	bad_durations stop --timeout a
	bad_names stop child
	bad_names stop child good
}

@test "stop: one line for each, that it was asked for" {
	local child
	node alpha
	sleepers a b c
	child=$(of a PID)
	run -0 wp-distribute stop a b
	assert_output '{"child":"a","result":"initiated"}
{"child":"b","result":"initiated"}'
	wait_ended "$child"
	assert_equal "$(state_of c)" running
	over
}

@test "stop --await: they are gone, and so is all that is known of them" {
	local child
	node alpha
	sleepers a b
	child=$(of a PID)
	run -0 wp-distribute stop a --await
	assert_output '{"child":"a","result":"stopped"}'
	[ ! -e "/proc/$child" ]
	assert_equal "$(ids)" b
	run -1 wp-distribute lookup a
	over
}

@test "stop: all replicas, wherever they are" {
	node alpha
	node beta
	sleepers a --replicas 2
	run -0 wp-distribute stop a -w
	assert_output '{"child":"a","result":"stopped"}'
	assert_equal "$(ids)" ""
	over
}

@test "stop: one that nobody knows: 1, and the others are stopped" {
	node alpha
	sleepers a b
	run -1 wp-distribute stop a none b
	assert_output '{"child":"a","result":"initiated"}
{"child":"none","result":"unknown"}
{"child":"b","result":"initiated"}'
	run -1 wp-distribute stop none --await
	assert_output '{"child":"none","result":"unknown"}'
	over
}

@test "stop: one that is nowhere, is over or has failed: it is gone at once, without any node" {
	node alpha
	wp-distribute start good --restart temporary -- true >told
	wp-distribute start bad --max-restarts 0 -- false >told
	until_event good 'exit|exited'
	until_event bad 'fail|failed'
	leave alpha
	wp-distribute start waiting -- true >told
	run -0 wp-distribute stop good bad waiting --await
	assert_equal "$(LC_ALL=C sort <<<"$output" | jq -r .result | paste -sd ' ')" "stopped stopped stopped"
	assert_nothing_left
}

@test "stop: it is told by its stop signal, even when it is stopped, and so is its whole group" {
	local child
	open_gate up
	node alpha
	wp-distribute start a --stop-signal USR1 -- sh -c 'trap "echo told >up; exit" USR1; sleep 1000 & echo "up $$ $!" >up; wait; exit' >told
	wait_line up '^up '
	child=${line##* }
	kill -STOP "$(of a PID)"
	run -0 wp-distribute stop a --await --timeout 1m
	wait_line up '^told$'
	[ ! -e "/proc/$child" ]
	over
}

@test "stop: it is not started again, whatever its restart policy and its status" {
	node alpha
	watcher one
	wp-distribute start a --restart permanent --await -- sh -c 'trap "exit 3" TERM; sleep 1000 & wait' >told
	run -0 wp-distribute stop a --await
	mark one
	assert_equal "$(told one a)" "start place@alpha run@alpha stop@alpha stopped@alpha"
	stop_watcher one
	over
}

@test "stop --timeout: 75 when one has not ended by then; it is stopping, and does later" {
	start_stubborn
	sleepers good
	run -75 wp-distribute stop stubborn good --await --timeout 10ms
	wait_line stubborn.up '^told'
	assert_equal "$(of stubborn STATE,PID)" "stopping $child"
	run -75 wp-distribute stop stubborn --await --timeout 0
	assert_output "{\"child\":\"stubborn\",\"replica\":0,\"result\":\"timeout\",\"node\":\"alpha\",\"pid\":$child}"
	kill -KILL "$child"
	until_true is_gone stubborn
	over
}
is_gone() { [[ " $(ids) " != *" $1 "* ]]; }

@test "stop: the same id is free as soon as it is gone" {
	node alpha
	sleepers a
	wp-distribute stop a --await >told
	sleepers a
	run -1 wp-distribute start a -- true
	over
}

@test "stop: names may be anything that is text, and stop is none of its options after --" {
	local odd
	odd_names
	node alpha
	for name in "${odd[@]}"; do
		wp-distribute start --await -f - <<<"$(jq -nc --arg id "$name" '{id: $id, command: ["sleep", "1000"]}')" >told
		run -0 wp-distribute stop --await -- "$name"
		assert_equal "$(jq -r .child <<<"$output")" "$name"
	done
	over
}

@test "stop: many at once" {
	local all
	all=$(seq -f c%g 100)
	node alpha
	node beta
	# shellcheck disable=SC2086
	sleepers $all
	# shellcheck disable=SC2086
	run -0 wp-distribute stop $all --await --timeout 1m
	assert_equal "$(jq -r .child <<<"$output" | sort -V | paste -sd ' ')" "$(paste -sd ' ' <<<"$all")"
	over
}

@test "stop: /dev/full and a closed stdout are errors" {
	wp-distribute start a b -- true >told
	run -74 bash -c 'wp-distribute stop a >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute stop b >&-'
	assert_output --partial "error:"
	assert_nothing_left
}

@test "stop --dry-run: says which of them there are, and stops nothing" {
	node alpha
	sleepers a b
	run -1 wp-distribute stop a nobody b --dry-run --await
	assert_output '{"child":"a","result":"would stop"}
{"child":"nobody","result":"unknown"}
{"child":"b","result":"would stop"}'
	assert_equal "$(wp-distribute list -rno ID,STATE | paste -sd ,)" "a running,b running"
	run -0 wp-distribute terminate a --node alpha --dry-run
	assert_output '{"child":"a","result":"would stop"}'
	assert_equal "$(wp-distribute list -rno ID,STATE | paste -sd ,)" "a running,b running"
	over
}
