#!/usr/bin/env bats
# wp-registry start: a defined consumer without a message, also after a crash.

load ../helpers
load registry

@test "start: help" { help_of start; }

@test "start: a state directory that cannot be one" { refused_states start a; }

@test "start: a handle is needed, and one alone" {
	usage start 'missing argument: HANDLE'
	usage start 'unexpected argument "b"' a b
	bad_handles start
}

@test "start: whereis and list name the process of the consumer at once, not that of whoever started it" {
	local consumer
	wp-registry define a -- sh -c 'echo "$PPID"'
	wp-registry start a
	consumer=$(wp-registry whereis a)
	assert_equal "$(of a PID)" "$consumer"
	assert_equal "$(wp-registry send a x)" "$consumer"
	assert_equal "$(cat "/proc/$consumer/comm")" wp-registry
	over
}

@test "start: it has a process without a message, and whereis finds it at once" {
	wp-registry define a --warm -- sh -c 'touch started; cat'
	run -0 wp-registry start a
	assert_output ''
	run -0 wp-registry whereis a
	until_event a 'run|running'
	assert_equal "$(of a STATE,PID)" "running $(wp-registry whereis a)"
	# Its warm command has nothing to do yet.
	[ ! -e started ]
	over
}

@test "start: one that runs goes on" {
	local consumer
	wp-registry define a -- cat
	wp-registry start a
	consumer=$(wp-registry whereis a)
	run -0 wp-registry start a
	assert_output ''
	assert_equal "$(wp-registry whereis a)" "$consumer"
	registered b -- cat
	run -0 wp-registry start b
	assert_equal "$(wp-registry whereis b)" "$pid_b"
	over
}

@test "start: one that nobody knows, that is in another stack, or that was registered alone" {
	wp-registry define -s s a -- cat
	run -1 wp-registry start a
	assert_output 'wp-registry: error: there is no consumer "a"'
	run -0 wp-registry start -s s a
	registered b -- cat
	kill_registration b
	run -1 wp-registry start b
	assert_output 'wp-registry: error: consumer "b" is not defined: it has to register itself'
	assert_equal "$(state_of b)" crashed
	over
}

@test "start: one that has crashed is started again, which a message alone does not do" {
	wp-registry define a --warm -- sh -c 'while read -r line; do [ "$line" != die ] || exit 3; echo "$line"; done'
	run -1 wp-registry send a die
	assert_output 'wp-registry: error: consumer "a" has crashed: exit status 3'
	until_event a 'crash|crashed'
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: exit status 3'
	assert_equal "$(of a STATE,PID,REASON)" 'crashed null exit status 3'
	wp-registry start a
	run -0 wp-registry send a x
	assert_output x
	assert_equal "$(of a STATE,REASON,DELIVERED)" 'running null 1'
	over
}

@test "start: one that was killed is started again" {
	wp-registry define a -- cat
	wp-registry start a
	kill_consumer a
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: killed'
	wp-registry start a
	assert_equal "$(wp-registry send a x)" x
	over
}
