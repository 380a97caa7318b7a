#!/usr/bin/env bats
# wp-distribute lookup: the node and the process of each replica that runs.

load ../helpers
load distribute

@test "lookup: help" { help_of lookup; }

@test "lookup: a state directory that cannot be one" { refused_states lookup a; }

@test "lookup: mistakes" {
	usage lookup "missing argument: ID"
	usage lookup 'unexpected argument "b"' a b
	usage lookup colour a --colour
	bad_names lookup child
}

@test "lookup: the node and the process" {
	node alpha
	sleepers a
	run -0 wp-distribute lookup a
	assert_output "alpha	$(of a PID)"
	assert_equal "$(cat "/proc/${output#*	}/comm")" sleep
	over
}

@test "lookup: a line for each replica" {
	node alpha
	node beta
	sleepers a --replicas 2
	run -0 wp-distribute lookup a
	assert_equal "${#lines[@]}" 2
	assert_equal "$(cut -f 1 <<<"$output" | sort | paste -sd ' ')" "alpha beta"
	kill_node beta
	run -0 wp-distribute lookup a
	assert_output "alpha	$(of a NODE,PID | awk '$1 == "alpha" { print $2 }')"
	over
}

@test "lookup: nobody knows it, or it does not run: 1, and no word" {
	node alpha
	run -1 --separate-stderr wp-distribute lookup none
	assert_equal "$output$stderr" ""
	wp-distribute start waiting --node nowhere -- true >told
	run -1 --separate-stderr wp-distribute lookup waiting
	assert_equal "$output$stderr" ""
	wp-distribute start bad --max-restarts 0 -- false >told
	until_event bad 'fail|failed'
	run -1 wp-distribute lookup bad
	assert_output ""
	run -1 wp-distribute --state "$T/new" lookup none
	assert_output ""
	[ ! -e new ]
	over
}

@test "lookup: one whose node was killed does not run, without anybody who said so" {
	node alpha
	sleepers a
	kill_node alpha
	run -1 wp-distribute lookup a
	assert_output ""
	over
}

@test "lookup: another process when it was started again, another node when it has moved" {
	local pid
	node alpha --rebalance manual
	node beta
	sleepers a --strategy balanced
	pid=$(of a PID)
	kill -KILL "$pid"
	until_true is_other_than "$pid"
	pid=$(of a PID)
	wp-distribute redistribute a --to "$([ "$(of a NODE)" = alpha ] && echo beta || echo alpha)"
	until_true is_other_than "$pid"
	over
}
is_other_than() { [ "$(wp-distribute lookup a | cut -f 2)" != "$1" ] && wp-distribute lookup a >looked; }

@test "lookup: /dev/full and a closed stdout are errors" {
	node alpha
	sleepers a
	run -74 bash -c 'wp-distribute lookup a >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute lookup a >&-'
	assert_output --partial "error:"
	over
}
