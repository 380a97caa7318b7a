#!/usr/bin/env bats
# wp-presence wait: sleep until enough capacity, or a key, is present or gone.

load ../helpers
load presence

# waits NAME OPTION...: a wait in the background that sleeps by now.
waits() {
	start "$1" wp-presence wait "${@:2}"
	until_true blocks "$pid" TERM
}

@test "wait --capacity: what is there already is not waited for" {
	wp-presence track k -c 20 --pid $$ >ref
	run -0 wp-presence wait --capacity 20
	assert_output ""
	run -0 wp-presence wait -c 0 --timeout 0
	run -75 wp-presence wait --capacity 21 --timeout 10ms
	assert_output "wp-presence: error: timed out"
}

@test "wait --capacity: until those who join make it up" {
	waits one --capacity 20
	wp-presence track a -c 5 --pid $$ >ref
	wp-presence track b -c 14 --pid $$ >ref
	wp-presence track c -c 100 -t other --pid $$ >ref
	kill -0 "$pid_one"
	wp-presence update a -c 6
	finish 0 "$pid_one"
	assert_equal "$(cat one.out one.err)" ""
}

@test "wait --free: until so much is not in use" {
	wp-presence track k -c 5 -u 4 --pid $$ >ref
	run -75 wp-presence wait --free 2 --timeout 10ms
	run -0 wp-presence wait -f 1
	waits one --free 5
	wp-presence update k -u 1
	wp-presence update k -u 0
	finish 0 "$pid_one"
}

@test "wait --key and --gone" {
	waits one --key k
	waits two -k l
	wp-presence track k -t other --pid $$ >ref
	wp-presence track m --pid $$ >ref
	wp-presence track k --pid $$ >ref
	finish 0 "$pid_one"
	run -0 wp-presence wait --key k
	waits three --gone k
	wp-presence track k --ref second --pid $$ >ref
	wp-presence untrack k >ref
	finish 0 "$pid_three"
	run -0 wp-presence wait -g k --timeout 0
	kill -0 "$pid_two"
	wp-presence track l --pid $$ >ref
	finish 0 "$pid_two"
}

@test "wait --gone: a death is heard, however it was tracked" {
	worker a a
	process b
	wp-presence track b --pid "$pid_b" >ref
	start c bash -c 'eval "$(wp-presence track c --fd 9)"; echo up; exec sleep 1000'
	wait_line c.out up
	for name in a b c; do
		waits "w$name" --gone "$name"
		kill_worker "$name"
		pid_of=pid_w$name
		finish 0 "${!pid_of}"
	done
	assert_nothing_left
}

@test "wait: the dead do not count from the start" {
	worker a a -c 10
	kill_worker a
	run -75 wp-presence wait --capacity 1 --timeout 10ms
	run -0 wp-presence wait --gone a
	run -75 wp-presence wait --key a --timeout 10ms
	assert_nothing_left
}

@test "wait --topic, by variable as well" {
	wp-presence track k -c 9 -t other --pid $$ >ref
	run -0 wp-presence wait -t other -c 9
	run -0 wp-presence wait --topic other --key k
	WP_PRESENCE_TOPIC=other run -0 wp-presence wait -f 9
	run -0 wp-presence wait --gone k
	run -75 wp-presence wait --key k --timeout 10ms
}

@test "wait: many wait for the same" {
	local n
	for n in $(seq 20); do
		waits "w$n" --key k
	done
	wp-presence track k --pid $$ >ref
	for n in $(seq 20); do
		pid_of=pid_w$n
		finish 0 "${!pid_of}"
	done
}

@test "wait && start: as in a script" {
	start one bash -c 'wp-presence wait --capacity 20 --timeout 1m && echo started'
	wp-presence track k -c 20 --pid $$ >ref
	finish 0
	assert_equal "$(cat one.out)" started
	run -75 bash -c 'wp-presence wait --capacity 21 --timeout 20ms && echo started'
	refute_output --partial started
}

@test "wait: a signal ends it, with 128 more than its number" {
	local signal
	for signal in TERM HUP INT; do
		start one env --default-signal=INT wp-presence wait --key k
		until_true blocks "$pid" "$signal"
		kill "-$signal" "$pid"
		finish "$((128 + $(kill -l "$signal")))"
		assert_equal "$(cat one.err)" ""
	done
}

@test "wait: more than 32 bits of capacity" {
	run -75 wp-presence wait --capacity 9223372036854775807 --timeout 10ms
	run -64 wp-presence wait --capacity 9223372036854775808
}

@test "wait: mistakes" {
	local number
	run -64 wp-presence wait
	assert_output --partial "nothing to wait for"
	run -64 wp-presence wait --timeout 1s
	run -64 wp-presence wait k
	run -64 wp-presence wait --key k --gone k
	run -64 wp-presence wait --key k --capacity 1
	run -64 wp-presence wait --free 1 --capacity 1
	for number in -1 1.5 "" x 1x; do
		run -64 wp-presence wait --capacity "$number"
		run -64 wp-presence wait --free "$number"
	done
	run -64 wp-presence wait --key k --timeout 5
	run -64 wp-presence wait --key k -a
	assert_output --partial "Try 'wp-presence wait --help'"
	run -65 wp-presence wait --key ""
	run -65 wp-presence wait --gone ""
	run -65 wp-presence wait --key k -t ""
}
