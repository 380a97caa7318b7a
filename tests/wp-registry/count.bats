#!/usr/bin/env bats
# wp-registry count: how many consumers have a process.

load ../helpers
load registry
load rest

@test "count: those that have a process: running, hibernated and without an inbox; none that is suspended, crashed or was killed" {
	assert_equal "$(wp-registry count)" 0
	wp-registry define defined -- true
	assert_equal "$(wp-registry count)" 0
	wp-registry start defined
	assert_equal "$(wp-registry count)" 1
	wp-registry register process --pid $$
	registered mine -- true
	assert_equal "$(wp-registry count)" 3
	wp-registry suspend --hibernate-after 0 >told
	until_state defined hibernated
	until_state mine hibernated
	assert_equal "$(wp-registry count)" 3
	wp-registry suspend --suspend-after 0 >told
	until_state defined suspended
	assert_equal "$(wp-registry count)" 2
	kill_registration mine
	assert_equal "$(wp-registry count)" 1
	wp-registry remove process
	assert_equal "$(wp-registry count)" 0
	over
}

@test "count: --stack, by variable as well, and --all-stacks" {
	wp-registry register a --pid $$
	wp-registry register b --pid $$
	wp-registry register a -s other --pid $$
	wp-registry define b -s other -- true
	assert_equal "$(wp-registry count)" 2
	assert_equal "$(wp-registry count -s other)" 1
	assert_equal "$(wp-registry count --stack other)" 1
	assert_equal "$(WP_REGISTRY_STACK=other wp-registry count)" 1
	assert_equal "$(WP_REGISTRY_STACK=other wp-registry count -s default)" 2
	assert_equal "$(wp-registry count -a)" 3
	assert_equal "$(wp-registry count --all-stacks)" 3
	assert_equal "$(wp-registry count -s "no such")" 0
}

@test "count: a state directory that is not there has nobody, and is not made" {
	run -0 wp-registry count
	assert_output 0
	[ ! -e "$WP_STATE" ]
}

@test "count: mistakes, and refused state directories" {
	run -65 wp-registry count -s ""
	assert_output --partial "the stack is empty"
	usage count "unexpected argument" one
	usage count --colour --colour
	help_of count
	refused_states count
}

@test "count: /dev/full and a closed stdout are errors" {
	wp-registry register one --pid $$
	run -74 bash -c 'wp-registry count >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-registry count >&-'
	assert_output --partial "error:"
}
