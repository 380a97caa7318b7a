#!/usr/bin/env bats
# wp-pool set: a pool is changed while it runs.

load ../helpers
load named
load verbs

# settings POOL: what status shows of them.
settings() { of_pool "$1" MIN,MAX,MAX-CONCURRENCY,CAPACITY; }

# let_all_go NAME...
let_all_go() {
	local name
	for name; do
		let_go "$name"
	done
}

@test "set: --min up: runners are booted at once, while calls run" {
	pool p --min 1 --max 5 -c 2
	held a p
	run -0 wp-pool set p --min 3
	assert_output ''
	until_pool p RUNNERS 3
	assert_equal "$(settings p)" '3 5 2 10'
	let_go a
	over p
}

@test "set: --min down: those beyond it may go" {
	pool p --min 3 --idle-shutdown-after 50ms
	assert_equal "$(of_pool p RUNNERS)" 3
	wp-pool set p --min 1
	until_pool p RUNNERS,LEAVING '1 0'
	run -0 wp-pool call p -- true
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '1 3'
	wp-pool set p --min 0
	until_pool p RUNNERS 0
	run -0 wp-pool call p -- true
	over p
}

@test "set: --max up: what waits runs at once" {
	local name
	pool p --max 1 -c 1
	held a p
	for name in b c d; do
		offer "$name" p
	done
	until_pool p RUNNING,WAITING '1 3'
	wp-pool set p --max 3
	until_pool p RUNNERS,RUNNING,WAITING '3 3 1'
	wp-pool set p --max 10
	for name in b c d; do
		runs "$name"
	done
	assert_equal "$(of_pool p RUNNING,WAITING)" '4 0'
	let_all_go a b c d
	over p
}

@test "set: --max down: what runs goes on, and runners go as they become idle" {
	local name
	pool p --max 3 -c 1
	for name in a b c; do
		held "$name" p
	done
	wp-pool set p --max 1
	assert_equal "$(of_pool p RUNNERS,RUNNING)" '3 3'
	offer d p
	until_pool p RUNNING,WAITING '3 1'
	let_go a
	let_go b
	let_go c
	runs d
	until_pool p RUNNERS,LEAVING,RUNNING '1 0 1'
	offer e p
	until_pool p RUNNING,WAITING '1 1'
	let_go d
	runs e
	let_go e
	until_pool p RUNNERS,BOOTS '1 3'
	over p
}

@test "set: --max down and up again" {
	local n
	pool p --max 4 -c 1
	held a p
	held b p
	for n in 1 2 3 4 5; do
		wp-pool set p --max 1
		wp-pool set p --max 4
	done
	held c p
	held d p
	assert_equal "$(of_pool p RUNNING)" 4
	let_all_go a b c d
	over p
}

@test "set: --max-concurrency up: what waits runs on the same runner" {
	pool p --max 1 -c 1
	held a p
	offer b p
	offer c p
	until_pool p RUNNING,WAITING '1 2'
	wp-pool set p -c 2
	until_pool p RUNNING,WAITING '2 1'
	wp-pool set p --max-concurrency 4096
	runs b
	runs c
	assert_equal "$(of_pool p RUNNERS,RUNNING,BOOTS)" '1 3 1'
	assert_equal "$(of_runners p RUNNING,SLOTS)" '3 4096'
	let_all_go a b c
	over p
}

@test "set: --max-concurrency down: what runs goes on, and nothing new until there is room again" {
	pool p --max 1 -c 3
	held a p
	held b p
	held c p
	wp-pool set p -c 1
	assert_equal "$(of_pool p RUNNING)" 3
	offer d p
	until_pool p RUNNING,WAITING '3 1'
	let_go a
	let_go b
	until_pool p RUNNING,WAITING '1 1'
	let_go c
	runs d
	assert_equal "$slot" 1
	offer e p
	until_pool p RUNNING,WAITING '1 1'
	let_go d
	runs e
	let_go e
	over p
}

@test "set: --max-concurrency up and down while many calls come and go" {
	local n
	pool p --max 2 -c 4 --timeout 0
	seq 200 >in
	start map sh -c 'exec wp-pool map -j 20 -- wp-pool call p -- sh -c "echo \$1" sh <in'
	for n in 1 7 2 30 1 4; do
		wp-pool set p -c "$n" --max "$((n % 3 + 1))"
	done
	finish 0 "$pid_map"
	assert_equal "$(sort -n map.out)" "$(seq 200)"
	until_pool p CALLS,PASSED,RUNNING,WAITING '200 200 0 0'
	held a p
	let_go a
	over p
}

@test "set: --timeout: for the calls that come, not for those that are there" {
	pool p --max 1 -c 2
	held a p
	wp-pool set p --timeout 100ms
	run -124 wp-pool call p -- sleep 1000
	assert_output --partial '0.1 seconds'
	wp-pool set p --timeout 0
	held b p
	wp-pool set p --timeout 50ms
	run -124 wp-pool call p -- true
	assert_output 'wp-pool: error: timed out: no runner was free within 0.05 seconds'
	let_all_go a b
	over p
}

@test "set: --kill-after" {
	pool p --kill-after 1h
	wp-pool set p --kill-after 50ms
	run -124 wp-pool call --timeout 1s p -- sh -c 'trap "" TERM; echo $$ >pid; while :; do sleep 1000; done'
	wait_dead pid
	over p
}

@test "set: --shutdown-timeout" {
	pool p --shutdown-timeout 1h
	held a p
	wp-pool set p --shutdown-timeout 50ms
	wp-pool stop p
	finish 0 "$pid_pool_p"
	finish 125 "$pid_a"
	wait_ended "$command_a"
	assert_nothing_left
}

@test "set: --boot-timeout: also for what boots already" {
	gated_pool p --min 1 --boot-timeout 1h
	until_pool p BOOTING 1
	wp-pool set p --boot-timeout 50ms
	wait_line pool_p.err 'runner 1 did not boot: it took too long'
	# What was told to end and still waits for a line, and what has come in its place.
	wp-pool set p --boot-timeout 1h
	yes '' | head -n 100 >>boot
	wp-pool wait p --timeout "${PATIENCE}s"
	over p
}

@test "set: --idle-shutdown-after and --min-idle-shutdown-after, never and back" {
	pool p --idle-shutdown-after never --min 1
	held a p
	wp-pool set p -c 1
	held b p
	let_all_go a b
	assert_equal "$(of_pool p RUNNERS)" 2
	wp-pool set p --idle-shutdown-after 20ms
	until_pool p RUNNERS 1
	wp-pool set p --min-idle-shutdown-after 20ms
	until_pool p RUNNERS 0
	wp-pool set p --idle-shutdown-after never --min-idle-shutdown-after never
	held a p
	held b p
	let_all_go a b
	assert_equal "$(of_pool p RUNNERS)" 2
	over p
}

@test "set: --spare" {
	pool p -c 1 --max 4
	wp-pool set p --spare 2
	until_pool p RUNNERS 2
	held a p
	until_pool p RUNNERS 3
	wp-pool set p --spare 0 --idle-shutdown-after 20ms
	until_pool p RUNNERS 1
	let_go a
	over p
}

@test "set: --grow-when" {
	pool p -c 1 --max 4 --grow-when 3
	held a p
	offer b p
	offer c p
	until_pool p RUNNERS,RUNNING,WAITING '1 1 2'
	wp-pool set p --grow-when 2
	runs b
	runs c
	let_all_go a b c
	over p
}

@test "set: several at once" {
	pool p
	wp-pool set p --min 1 --max 3 -c 7 --spare 0 --timeout 100ms
	assert_equal "$(settings p)" '1 3 7 21'
	run -124 wp-pool call p -- sleep 1000
	wp-pool set p --max 2 --min 2
	assert_equal "$(settings p)" '2 2 7 14'
	# What is not given stays.
	run -124 wp-pool call p -- sleep 1000
	over p
}

# Presence

@test "set: the capacity in wp-presence follows" {
	pool p --max 2 -c 2
	start watch wp-presence watch -t pools --snapshot
	wait_line watch.out '"key":"p".*"capacity":4[,}]'
	wp-pool set p --max 3
	wait_line watch.out '"key":"p".*"capacity":6[,}]'
	wp-pool set p -c 5
	wait_line watch.out '"key":"p".*"capacity":15[,}]'
	wp-pool set p -c 1 --max 1
	wait_line watch.out '"key":"p".*"capacity":1[,}]'
	assert_equal "$(wp-presence get -t pools p -rno CAPACITY,IN-USE)" '1 0'
	assert_equal "$(wp-presence capacity -t pools)" 1
	kill "$pid_watch"
	finish 143 "$pid_watch"
	over p
}

@test "set: capacity below what is in use" {
	pool p --max 1 -c 3
	start watch wp-presence watch -t pools --snapshot
	held a p
	held b p
	wait_line watch.out '"in_use":2[,}]'
	wp-pool set p -c 1
	wait_line watch.out '"capacity":1[,}].*"in_use":2|"in_use":2.*"capacity":1[,}]'
	let_all_go a b
	wait_line watch.out '"event":"update".*"in_use":0[,}]'
	kill "$pid_watch"
	finish 143 "$pid_watch"
	over p
}

# Refusals

@test "set: what contradicts what is there is refused, and all stays as it was" {
	pool p --min 2 --max 4 -c 3 --timeout 100ms
	run -64 wp-pool set p --max 1
	assert_output 'wp-pool: error: --max 1 is less than --min 2'
	run -64 wp-pool set p --min 5
	assert_output 'wp-pool: error: --max 4 is less than --min 5'
	run -64 wp-pool set p --min 5 -c 9 --timeout 1h --spare 3
	assert_output 'wp-pool: error: --max 4 is less than --min 5'
	assert_equal "$(settings p)" '2 4 3 12'
	assert_equal "$(of_pool p RUNNERS,BOOTING)" '2 0'
	assert_equal "$(wp-presence get -t pools p -rno CAPACITY)" 12
	run -124 wp-pool call p -- sleep 1000
	assert_output --partial '0.1 seconds'
	# Together they are fine.
	run -0 wp-pool set p --min 5 --max 5
	until_pool p RUNNERS 5
	over p
}

@test "set: a mistake in one of several changes nothing" {
	pool p
	usage set 'out of range' p --max 3 -c 0
	usage set 'timeout' p --max 3 --timeout soon
	usage set 'idle-shutdown-after' p --max 3 --idle-shutdown-after soon
	assert_equal "$(settings p)" '0 10 100 1000'
	over p
}

@test "set: nothing given" {
	pool p
	usage set 'nothing to set' p
	# A variable is none of the pool's settings.
	WP_POOL_TIMEOUT=5s usage set 'nothing to set' p
	over p
}

@test "set: what start says only once cannot be set" {
	pool p
	usage set 'unknown option "--single-use"' p --single-use
	usage set 'unknown option "--backend"' p --backend local
	usage set 'unknown option "--on-shrink"' p --on-shrink true
	usage set 'unknown option "--log"' p --log debug
	over p
}

@test "set: mistakes" {
	local option number
	pool p
	usage set 'missing argument: NAME' --min 1
	usage set 'unexpected argument "q"' p q --min 1
	for option in --min --max --max-concurrency --spare --grow-when; do
		for number in '' x -1 1.5 99999999999999999999; do
			usage set "${option#--}" p "$option" "$number"
		done
	done
	for option in --timeout --boot-timeout --shutdown-timeout --kill-after --idle-shutdown-after --min-idle-shutdown-after; do
		bad_durations set "$option" p
	done
	usage set timeout p --timeout never
	assert_equal "$(settings p)" '0 10 100 1000'
	over p
}

@test "set: what is so already is fine" {
	pool p --min 1
	run -0 wp-pool set p --min 1
	run -0 wp-pool set p --min 0 --timeout 0
	run -0 wp-pool set p --min 0 --timeout 0
	over p
}

@test "set: a pool that is drained can be changed, one that is being stopped boots nothing for it" {
	pool p
	wp-pool drain p
	run -0 wp-pool set p --min 1
	until_pool p STATE,RUNNERS 'drained 1'
	wp-pool drain p --undo
	held a p
	wp-pool stop p --no-wait
	until_pool p STATE stopping
	run -0 wp-pool set p --min 3
	assert_equal "$(of_pool p MIN,RUNNERS,BOOTING,BOOTS)" '3 1 0 1'
	let_go a
	finish 0 "$pid_pool_p"
	assert_nothing_left
}

@test "set: before the pool is ready, so that it is" {
	gated_pool p --min 2
	until_pool p STATE,BOOTING 'booting 2'
	echo >>boot
	until_pool p RUNNERS 1
	wp-pool set p --min 1
	wp-pool wait p --timeout "${PATIENCE}s"
	assert_equal "$(of_pool p STATE,RUNNERS)" 'ready 1'
	echo >>boot
	over p
}

@test "set: no such pool, names that no pool can have, state directories that are refused" {
	no_pool set --min 1
	bad_names set --min 1
	bad_state set --min 1
}

@test "set: --help" {
	help_of set
}
