#!/usr/bin/env bats
# wp-pool wait: until a pool is there, with its min runners.

load ../helpers
load named
load verbs

@test "wait: a pool that is ready: at once, and not a word" {
	pool p
	run -0 wp-pool wait p
	assert_output ''
	over p
}

@test "wait: until the min runners are there" {
	gated_pool p --min 2
	until_pool p STATE,BOOTING 'booting 2'
	start wait wp-pool wait p
	run -75 wp-pool wait p --timeout 50ms
	assert_output 'wp-pool: error: timed out'
	echo >>boot
	until_pool p RUNNERS,BOOTING '1 1'
	run -75 wp-pool wait p --timeout 50ms
	kill -0 "$pid_wait"
	echo >>boot
	finish 0 "$pid_wait"
	assert_equal "$(of_pool p STATE,RUNNERS)" 'ready 2'
	assert_equal "$(cat wait.out wait.err)" ""
	over p
}

@test "wait: several for one pool that boots: all hear of it" {
	local n pid_of
	gated_pool p --min 1
	until_pool p BOOTING 1
	for n in 1 2 3 4; do
		start "wait$n" wp-pool wait p
		pid_of=pid_wait$n
		until_true waits_for_answer "${!pid_of}"
	done
	echo >>boot
	for n in 1 2 3 4; do
		pid_of=pid_wait$n
		finish 0 "${!pid_of}"
	done
	over p
}

@test "wait: for a pool that is not there yet, nor its state directory" {
	start one wp-pool wait p
	start two wp-pool wait p --timeout "${PATIENCE}s"
	until_true [ -d "$WP_STATE/pipe" ]
	run -75 wp-pool wait p --timeout 50ms
	assert_output 'wp-pool: error: timed out'
	pool q
	start pool_p wp-pool start p
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	assert_equal "$(cat one.out one.err two.out two.err)" ""
	over p q
}

@test "wait: many, for several pools" {
	local n pid_of
	for n in 1 2 3 4 5 6; do
		start "wait$n" wp-pool wait "p$((n % 2))"
	done
	pool p0
	pool p1
	for n in 1 2 3 4 5 6; do
		pid_of=pid_wait$n
		finish 0 "${!pid_of}"
	done
	over p0 p1
}

@test "wait: a pool that ends before it is ready: for the next one" {
	gated_pool p --min 1
	until_pool p STATE,BOOTING 'booting 1'
	start wait wp-pool wait p
	run -75 wp-pool wait p --timeout 50ms
	kill -KILL "$pid_pool_p"
	finish 137 "$pid_pool_p"
	echo >>boot
	start pool_p wp-pool start p
	finish 0 "$pid_wait"
	assert_equal "$(cat wait.err)" ""
	over p
}

@test "wait: what a pool that was killed has left is no pool" {
	pool p
	kill_pool p
	run -75 wp-pool wait p --timeout 50ms
	assert_output 'wp-pool: error: timed out'
	pool p
	over p
}

@test "wait: a pool that is drained is ready" {
	pool p
	wp-pool drain p
	run -0 wp-pool wait p
	over p
}

@test "wait: a pool that is being stopped is on its way out: for the next one" {
	pool p --shutdown-timeout 1h
	held a p
	wp-pool stop p --no-wait
	until_pool p STATE stopping
	run -75 wp-pool wait p --timeout 50ms
	start wait wp-pool wait p
	let_go a
	finish 0 "$pid_pool_p"
	start pool_p wp-pool start p
	finish 0 "$pid_wait"
	over p
}

@test "wait: ready is ready, also when runners are lost or go afterwards" {
	pool p --min 1 --idle-shutdown-after 20ms
	kill -KILL "$(runner_pid p 1)"
	run -0 wp-pool wait p --timeout "${PATIENCE}s"
	wp-pool set p --min 0
	until_pool p RUNNERS 0
	run -0 wp-pool wait p
	over p
}

@test "wait: interrupted, it ends as ever" {
	start wait "${terminal[@]}" wp-pool wait p
	until_true [ -d "$WP_STATE/pipe" ]
	kill -INT "$pid_wait"
	finish 130
	no_process_left
}

@test "wait: mistakes" {
	usage wait 'missing argument: NAME'
	usage wait 'unexpected argument "q"' p q
	usage wait 'unknown option "--now"' p --now
	bad_durations wait --timeout p
	[ ! -e "$WP_STATE" ]
}

@test "wait: names that no pool can have, state directories that are refused" {
	bad_names wait
	bad_state wait
	mkdir -m 500 locked
	run -77 without_rights wp-pool --state "$T/locked/state" wait p
	assert_output "wp-pool: error: permission denied: cannot make directory \"$T/locked/state\""
}

@test "wait: --help" {
	help_of wait
}
