#!/usr/bin/env bats
# wp-distribute explain: why a child is where it is, or nowhere.

load ../helpers
load distribute

@test "explain: help" { help_of explain; }

@test "explain: a state directory that cannot be one" { refused_states explain a; }

@test "explain: mistakes" {
	usage explain "missing argument: ID"
	usage explain 'unexpected argument "b"' a b
	usage explain colour a --colour
	bad_names explain child
}

@test "explain: a child that nobody knows: 1" {
	run -1 wp-distribute explain none
	assert_output 'wp-distribute: error: there is no child "none"'
}

@test "explain: where it is, and all other nodes, the best first, with what is against them" {
	node alpha --label x=1 --rebalance manual
	sleepers a --require x=1
	node beta
	node gamma --label x=1 --limit 0
	node delta --label x=1
	wp-distribute drain delta
	run -0 wp-distribute explain a
	assert_line --index 0 "a, replica 0: running on alpha"
	assert_line --regexp '^  [1-4]\. alpha: it is here$'
	assert_line --regexp '^  [1-4]\. beta: has not the labels$'
	assert_line --regexp '^  [1-4]\. gamma: is full$'
	assert_line --regexp '^  [1-4]\. delta: takes nothing more$'
	assert_equal "$(cut -d . -f 1 <<<"$output" | tail -n +2 | tr -d ' \n')" 1234
	over
}

@test "explain: each replica, and what keeps them apart" {
	node alpha
	node beta
	sleepers a --replicas 2
	run -0 wp-distribute explain a
	assert_line --index 0 --regexp '^a, replica 0: running on (alpha|beta)$'
	assert_line --index 3 --regexp '^a, replica 1: running on (alpha|beta)$'
	assert_equal "$(grep -c 'it is here' <<<"$output")" 2
	assert_equal "$(grep -c 'has one that is to be apart' <<<"$output")" 2
	over
}

@test "explain: a guided one, and one that could be elsewhere as well" {
	node alpha
	node beta
	sleepers a --node beta
	run -0 wp-distribute explain a
	assert_output "a, replica 0: running on beta
  1. beta: it is here
  2. alpha: is not the one that was named"
	sleepers b --strategy balanced
	run -0 wp-distribute explain b
	assert_line --partial "could take it"
	over
}

@test "explain: why it is nowhere" {
	node alpha
	wp-distribute start a --node beta -- true >told
	until_nowhere a "the node that it is to be on is not there"
	run -0 wp-distribute explain a
	assert_output "a, replica 0: waiting: the node that it is to be on is not there
  1. alpha: is not the one that was named"
	wp-distribute start b --require x=1 -- true >told
	until_nowhere b "no node has the labels"
	run -0 wp-distribute explain b
	assert_output "b, replica 0: waiting: no node has the labels
  1. alpha: has not the labels"
	over
}

@test "explain: without any node" {
	wp-distribute start a -- true >told
	run -0 wp-distribute explain a
	assert_line --index 0 --regexp '^a, replica 0: waiting'
	assert_output --partial "there is no node"
	wp-distribute stop a >told
	assert_nothing_left
}

@test "explain: one that has failed, one on its way, and one that is stopping" {
	node alpha --rebalance manual
	wp-distribute start bad --max-restarts 0 -- sh -c 'exit 7' >told
	until_event bad 'fail|failed'
	run -0 wp-distribute explain bad
	assert_output "bad, replica 0: failed: exit status 7"
	start_stubborn
	node beta
	wp-distribute redistribute --to beta stubborn
	wait_line stubborn.up '^told'
	run -0 wp-distribute explain stubborn
	assert_line --index 0 "stubborn, replica 0: running on alpha, on its way to beta"
	wp-distribute stop stubborn >told
	run -0 wp-distribute explain stubborn
	assert_line --index 0 --regexp "^stubborn, replica 0: stopping on alpha"
	wp-distribute terminate stubborn --node alpha --await >told
	over
}

@test "explain: /dev/full and a closed stdout are errors" {
	node alpha
	sleepers a
	run -74 bash -c 'wp-distribute explain a >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute explain a >&-'
	assert_output --partial "error:"
	over
}
