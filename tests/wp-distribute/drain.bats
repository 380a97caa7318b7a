#!/usr/bin/env bats
# wp-distribute drain: have all children of a node move elsewhere, and no more go there.

load ../helpers
load distribute

@test "drain: help" { help_of drain; }

@test "drain: a state directory that cannot be one" { refused_states drain alpha; }

@test "drain: mistakes" {
	usage drain "missing argument: NODE"
	usage drain 'unexpected argument "b"' a b
	usage drain colour a --colour
	bad_durations drain --timeout a
	bad_names drain node
}

@test "drain: a node that is not there: 1" {
	run -1 wp-distribute drain alpha
	assert_output 'wp-distribute: error: there is no node "alpha"'
	run -1 wp-distribute drain alpha --undo
	node alpha
	kill_node alpha
	run -1 wp-distribute drain alpha
	assert_output 'wp-distribute: error: there is no node "alpha"'
	assert_nothing_left
}

@test "drain: all that is there goes elsewhere, and when it is over nothing is there" {
	node alpha --rebalance manual
	sleepers a b c
	node beta
	run -0 wp-distribute drain alpha
	assert_output ""
	assert_equal "$(ids --node alpha)" ""
	run -0 wp-distribute await a b c
	assert_equal "$(ids --node beta)" "a b c"
	over
}

@test "drain: nothing more goes there" {
	node alpha
	wp-distribute drain alpha
	wp-distribute start a -- sleep 1000 >told
	until_nowhere a "there is no node"
	wp-distribute start b --node alpha -- sleep 1000 >told
	until_nowhere b "the node that it is to be on is not there"
	node beta
	run -0 wp-distribute await a
	assert_equal "$(of a NODE)" beta
	over
}

@test "drain: again is no mistake, and no news" {
	node alpha
	watcher one
	wp-distribute drain alpha
	run -0 wp-distribute drain alpha
	wp-distribute drain alpha --undo
	run -0 wp-distribute drain alpha --undo
	mark one
	assert_equal "$(jq -r 'select(.child == null) | .event + "@" + .node' one.out | paste -sd ' ')" "node@alpha drain@alpha open@alpha"
	stop_watcher one
	over
}

@test "drain --undo: it takes children again, and waits for nothing" {
	node alpha
	wp-distribute drain alpha
	wp-distribute start a -- sleep 1000 >told
	until_nowhere a "there is no node"
	run -0 wp-distribute drain alpha --undo
	run -0 wp-distribute await a
	assert_equal "$(of a NODE)" alpha
	over
}

@test "drain --timeout: 75 when what is there can go nowhere; it goes as soon as it can" {
	node alpha
	sleepers a b
	run -75 wp-distribute drain alpha --timeout 10ms
	assert_output 'wp-distribute: error: node "alpha" has 2 children still'
	assert_equal "$(of a STATE)" running
	start drainer wp-distribute drain alpha -t 1m
	node beta
	finish 0 "$pid_drainer"
	run -0 wp-distribute await a b
	assert_equal "$(ids --node beta)" "a b"
	over
}

@test "drain --timeout: a guided child stays, for it is to be there and on no other" {
	node alpha
	node beta
	sleepers a --node alpha
	run -75 wp-distribute drain alpha --timeout 10ms
	assert_output 'wp-distribute: error: node "alpha" has 1 children still'
	assert_equal "$(of a STATE,NODE)" "running alpha"
	over
}

@test "drain --no-wait: it is only told to" {
	start_stubborn
	node beta
	run -0 wp-distribute drain alpha --no-wait
	wait_line stubborn.up '^told'
	assert_equal "$(of stubborn STATE,NODE,TARGET)" "moving alpha beta"
	wp-distribute terminate stubborn --node alpha --await >told
	over
}

@test "drain --undo: what was on its way goes on, or stays" {
	start_stubborn
	node beta
	wp-distribute drain alpha --no-wait
	wait_line stubborn.up '^told'
	wp-distribute drain alpha --undo
	kill -KILL "$child"
	wait_line stubborn.up '^up '
	run -0 wp-distribute await stubborn
	assert_regex "$(of stubborn NODE,STATE)" '^(alpha|beta) running$'
	wp-distribute terminate stubborn --node "$(of stubborn NODE)" --await >told
	over
}

@test "drain: the node leaves while it is waited for: it is empty" {
	node alpha
	sleepers a
	start drainer wp-distribute drain alpha --timeout 1m
	until_true is_drained
	kill_node alpha
	finish 0 "$pid_drainer"
	assert_equal "$(state_of a)" waiting
	over
}
is_drained() { [ "$(wp-distribute nodes -rno STATE)" = drained ]; }

@test "drain: the leader too, which places what it gives up" {
	node alpha
	node beta
	node gamma
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 9)
	for name in alpha beta; do
		run -0 wp-distribute drain "$name"
	done
	# shellcheck disable=SC2046
	run -0 wp-distribute await $(seq -f c%g 9)
	assert_equal "$(ids --node gamma | wc -w)" 9
	over
}
