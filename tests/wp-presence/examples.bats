#!/usr/bin/env bats
# wp-presence: what a user does with it, as it would be typed.

load ../helpers
load presence

setup() {
	wp_setup
	cat >worker <<-'SH'
		#!/bin/sh
		echo up
		read -r _ <gate
	SH
	chmod +x worker
	mkfifo gate
	fifo_fd "$T/gate"
}

@test "present exactly while ./worker runs" {
	start one wp-presence track worker-1 --capacity 5 -- ./worker
	wait_line one.out up
	assert_equal "$(wp-presence capacity)" 5
	echo >>gate
	finish 0
	assert_equal "$(wp-presence capacity)" 0
	assert_nothing_left
}

@test "present while that process lives" {
	run -0 sh -c 'wp-presence track worker-1 --capacity 5 --pid $$ >ref; wp-presence capacity'
	assert_output 5
	assert_equal "$(wp-presence capacity)" 0
	assert_nothing_left
}

@test "the shell itself is the worker" {
	local shell
	for shell in sh bash; do
		run -0 "$shell" -c 'eval "$(wp-presence track worker-1 --capacity 5 --fd 9)"; wp-presence capacity'
		assert_output 5
		run -0 "$shell" -c 'exec 9>>/dev/null; eval "$(wp-presence track worker-1 --capacity 5 --fd 9)"; wp-presence capacity'
		assert_output 5
		assert_equal "$(wp-presence capacity)" 0
	done
	assert_nothing_left
}

@test "two workers, and how much they can carry" {
	start one wp-presence track worker-1 --capacity 5 -- ./worker
	wait_line one.out up
	start two wp-presence track worker-2 --capacity 5 -- ./worker
	wait_line two.out up
	run -0 wp-presence capacity
	assert_output 10
	wp-presence update worker-1 --in-use 4
	run -0 wp-presence capacity --free
	assert_output 6
	run -0 wp-presence list
	assert_line --index 1 --partial worker-1
	assert_line --index 2 --partial worker-2
	run -0 wp-presence get worker-1 -J
	assert_equal "$(jq -c '.presence[] | [.key, .capacity]' <<<"$output")" '["worker-1",5]'
	kill_worker one
	kill_worker two
}

@test "watch | jq -c" {
	start one bash -c 'wp-presence watch --snapshot | jq --unbuffered -c "[.event, .key]"'
	wp-presence track ready --pid $$ >ref
	wait_line one.out ready
	wp-presence track worker-1 --pid $$ >ref
	wait_line one.out '^\["join","worker-1"\]$'
	kill "$(pgrep -P "$pid_one" -x wp-presence)"
	finish 0
}

@test "wait && start the batch" {
	stub start-the-batch <<-'SH'
		echo started
	SH
	start batch sh -c 'wp-presence wait --capacity 20 --timeout 1m && start-the-batch'
	wp-presence track worker-1 --capacity 15 --pid $$ >ref
	wp-presence track worker-2 --capacity 5 --pid $$ >ref
	finish 0
	assert_equal "$(cat batch.out)" started
}
