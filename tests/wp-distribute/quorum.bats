#!/usr/bin/env bats
# wp-distribute quorum: how many nodes there must be for anything to run.

load ../helpers
load distribute

@test "quorum: help" { help_of quorum; }

@test "quorum: a state directory that cannot be one" { refused_states quorum; }

@test "quorum: mistakes" {
	local rule
	usage quorum 'unexpected argument "2"' 1 2
	usage quorum colour --colour
	for rule in '' 0 -1 some 1x 1.5 2147483648 Majority; do
		run -64 wp-distribute quorum -- "$rule"
		assert_output "wp-distribute: error: \"$rule\" is no quorum: none, majority or a number of nodes"
	done
	[ ! -e state ]
}

@test "quorum: none at first, and what is set is kept" {
	run -0 wp-distribute quorum
	assert_output "none: 0 of 0 nodes are there, which is enough"
	run -0 wp-distribute quorum 2
	assert_output "2: 0 of 0 nodes are there, which is not enough"
	run -0 wp-distribute quorum majority
	assert_output "majority: 0 of 0 nodes are there, which is not enough"
	run -0 wp-distribute quorum
	assert_output "majority: 0 of 0 nodes are there, which is not enough"
	run -0 wp-distribute quorum none
	assert_output "none: 0 of 0 nodes are there, which is enough"
	assert_nothing_left
}

@test "quorum: below it what runs ends, and nothing is started; above it all runs again" {
	local child
	node alpha --quorum 2
	node beta
	sleepers a --node alpha
	child=$(of a PID)
	kill_node beta
	wait_ended "$child"
	wait_line alpha.err 'there are fewer nodes than the quorum: nothing runs here'
	until_event a waiting
	wp-distribute start b -- sleep 1000 >told
	run -75 wp-distribute await a b --timeout 10ms
	assert_equal "$(wp-distribute list -rno PID | tr -d '\n ')" ""
	node gamma
	wait_line alpha.err 'there are enough nodes again'
	run -0 wp-distribute await a b
	over
}

@test "quorum: a rule that is set counts at once" {
	local child
	node alpha
	sleepers a
	child=$(of a PID)
	run -0 wp-distribute quorum 2
	assert_output "2: 1 of 1 nodes are there, which is not enough"
	wait_ended "$child"
	run -0 wp-distribute quorum 1
	assert_output "1: 1 of 1 nodes are there, which is enough"
	run -0 wp-distribute await a
	over
}

@test "quorum majority: more than half of as many as there ever were" {
	node alpha --quorum majority
	node beta
	node gamma
	sleepers a --node alpha
	kill_node gamma
	run -0 wp-distribute quorum
	assert_output "majority: 2 of 3 nodes are there, which is enough"
	run -0 wp-distribute await a
	kill_node beta
	run -0 wp-distribute quorum
	assert_output "majority: 1 of 3 nodes are there, which is not enough"
	wait_line alpha.err 'there are fewer nodes'
	until_event a waiting
	node beta
	run -0 wp-distribute await a
	over
}

@test "quorum majority: half of an even number is not enough" {
	node alpha --quorum majority
	node beta
	leave beta
	run -0 wp-distribute quorum
	assert_output "majority: 1 of 2 nodes are there, which is not enough"
	over
}

@test "quorum --reset: as many as there are now are all" {
	node alpha --quorum majority
	node beta
	node gamma
	leave beta gamma
	wp-distribute start a -- sleep 1000 >told
	run -0 wp-distribute quorum --reset
	assert_output "majority: 1 of 1 nodes are there, which is enough"
	run -0 wp-distribute await a
	run -0 wp-distribute quorum 1 --reset
	assert_output "1: 1 of 1 nodes are there, which is enough"
	over
}

@test "quorum: it is an event" {
	node alpha
	watcher one
	wp-distribute quorum 1 >told
	wait_line one.out '"event":"quorum"'
	assert_equal "$(jq -c 'del(.at)' <<<"$line")" '{"event":"quorum","reason":"1"}'
	# Asking is none.
	wp-distribute quorum >told
	mark one
	assert_equal "$(grep -c '"quorum"' one.out)" 1
	stop_watcher one
	over
}

@test "quorum: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-distribute quorum >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute quorum >&-'
	assert_output --partial "error:"
}
