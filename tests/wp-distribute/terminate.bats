#!/usr/bin/env bats
# wp-distribute terminate: kill what runs of children on one node, for good.

load ../helpers
load distribute

@test "terminate: help" { help_of terminate; }

@test "terminate: a state directory that cannot be one" { refused_states terminate a --node alpha; }

@test "terminate: mistakes" {
	usage terminate "missing argument: ID" --node alpha
	usage terminate "--node is needed" a
	usage terminate colour a --node alpha --colour
	bad_durations terminate --timeout a --node alpha
	bad_names terminate child --node alpha
	bad_names terminate node a --node
}

@test "terminate: SIGKILL, and it is gone for good" {
	node alpha
	watcher one
	start_stubborn
	run -0 wp-distribute terminate stubborn --node alpha
	assert_output '{"child":"stubborn","result":"initiated"}'
	wait_ended "$child"
	mark one
	wait_line one.out '"stopped".*"stubborn"'
	assert_equal "$(told one stubborn)" "start place@alpha run@alpha stop@alpha stopped@alpha"
	# It was not told to end.
	echo end >>stubborn.up
	wait_line stubborn.up .
	assert_equal "$line" end
	stop_watcher one
	over
}

@test "terminate: the node by variable, which an option goes before" {
	node alpha
	sleepers a b
	WP_NODE=alpha run -0 wp-distribute terminate a --await
	assert_output '{"child":"a","result":"stopped"}'
	WP_NODE=beta run -0 wp-distribute terminate b -n alpha -w
	assert_equal "$(ids)" ""
	over
}

@test "terminate: a child may end itself so, on its own node" {
	open_gate gate
	node alpha
	wp-distribute start a -- sh -c 'read -r _ <gate; exec wp-distribute terminate a' >told
	until_event a 'run|running'
	watcher one
	echo go >>gate
	wait_line one.out '"stopped".*"a"'
	stop_watcher one
	over
}

@test "terminate --await: what is on that node, and nothing elsewhere" {
	local other
	node alpha
	node beta
	sleepers a --replicas 2
	other=$(wp-distribute lookup a | grep beta)
	run -0 wp-distribute terminate a --node alpha --await
	assert_output '{"child":"a","result":"stopped"}'
	assert_equal "$(wp-distribute lookup a)" "$other"
	assert_equal "$(of a NODE,STATE)" "beta running"
	run -0 wp-distribute terminate a --node beta --await
	assert_equal "$(ids)" ""
	over
}

@test "terminate: one that is not there, or a node that is not" {
	node alpha
	node beta
	sleepers a --node alpha
	run -1 wp-distribute terminate a --node beta
	assert_output '{"child":"a","result":"unknown"}'
	run -1 wp-distribute terminate none --node alpha --await
	assert_output '{"child":"none","result":"unknown"}'
	run -1 wp-distribute terminate a --node gamma
	assert_equal "$(of a STATE)" running
	run -1 wp-distribute terminate none a --node alpha --await
	assert_equal "$(ids)" ""
	over
}

@test "terminate: one that is told to stop already is killed now" {
	start_stubborn
	wp-distribute stop stubborn >told
	wait_line stubborn.up '^told'
	run -0 wp-distribute terminate stubborn --node alpha --await
	wait_ended "$child"
	over
}

@test "terminate --timeout: 75 when its node does not see to it (it is stopped)" {
	node alpha
	sleepers a
	kill -STOP "${nodes[alpha]}"
	run -75 wp-distribute terminate a --node alpha --await --timeout 10ms
	assert_equal "$(jq -r .result <<<"$output")" timeout
	kill -CONT "${nodes[alpha]}"
	until_true has_no_children
	over
}
has_no_children() { [ "$(ids)" = "" ]; }

@test "terminate: /dev/full is an error" {
	node alpha
	sleepers a
	run -74 bash -c 'wp-distribute terminate a --node alpha >/dev/full'
	assert_output --partial "No space left"
	over
}
