#!/usr/bin/env bats
# wp-pool map among the workers of wp-presence.

load ../helpers
load pool

# A map whose commands run until a byte comes through the FIFO gate.
gated_map() {
	mkfifo gate
	fifo_fd "$T/gate"
	seq 3 >in
	start_with in map wp-pool map "$@" -- sh -c 'echo up >>up; head -c 1 <gate >/dev/null' sh
}

open_gates() { printf xxx >>gate; }

@test "map presence: it is there with its capacity and what is in use, and leaves" {
	mkdir -m 700 "$WP_STATE"
	start watch wp-presence watch --snapshot
	gated_map -j 2 --name mapper
	wp-presence wait --key mapper --timeout "${PATIENCE}s"
	wait_line watch.out '"key":"mapper".*"in_use":2'
	assert_equal "$(wp-presence get mapper -rno PID,CAPACITY)" "$pid 2"
	assert_equal "$(wp-presence get mapper --format ndjson | jq -c .meta)" \
		'{"program":"wp-pool","command":["sh","-c","echo up >>up; head -c 1 <gate >/dev/null","sh"]}'
	open_gates
	finish 0
	wp-presence wait --gone mapper --timeout "${PATIENCE}s"
	wait_line watch.out '"event":"leave".*"key":"mapper".*"reason":"exited"'
	assert_equal "$(find "$WP_STATE/live" -type f)" ""
	kill "$pid_watch"
}

@test "map presence: its key is made of its pid, or of WP_NAME" {
	mkdir -m 700 "$WP_STATE"
	gated_map
	wp-presence wait --key "wp-pool-$pid" --timeout "${PATIENCE}s"
	open_gates
	finish 0
	WP_NAME=named gated_map_again
	wp-presence wait --key named --timeout "${PATIENCE}s"
	open_gates
	finish 0
	run -65 wp-pool map --name '' -- true </dev/null
}

gated_map_again() { start_with in map wp-pool map -- sh -c 'head -c 1 <gate >/dev/null' sh; }

@test "map presence: killed, it is gone from the next listing" {
	mkdir -m 700 "$WP_STATE"
	gated_map -j 3 --name victim
	wp-presence wait --key victim --timeout "${PATIENCE}s"
	kill -KILL "$pid"
	finish 137
	wp-presence wait --gone victim --timeout "${PATIENCE}s"
	run -1 wp-presence get victim
	wait_group_of_victim_gone
}

# The guard holds the lock until it has killed the commands, so whoever is gone has none left.
wait_group_of_victim_gone() { no_process_left; }

@test "map presence: untracked when asked, and where there is no state directory, which is not made" {
	run -0 wp-pool map -- sh -c 'head -c 1 <gate >/dev/null' sh </dev/null
	gated_map
	wait_line up up
	open_gates
	finish 0
	[ ! -e "$WP_STATE" ]
	mkdir -m 700 "$WP_STATE"
	start watch wp-presence watch --snapshot
	start_with in map wp-pool map --untracked -- sh -c 'head -c 1 <gate >/dev/null' sh
	wp-presence track mark --pid $$
	wait_line watch.out '"key":"mark"'
	open_gates
	finish 0
	wp-presence untrack mark
	wait_line watch.out '"event":"leave"'
	assert_equal "$(jq -r .key watch.out | sort -u)" mark
	kill "$pid_watch"
}

@test "map presence: a state directory that cannot be used is said, and is no failure" {
	mkdir -m 777 "$WP_STATE"
	gated_map
	wait_line map.err 'warning: not tracked: .* can be written to by others'
	open_gates
	finish 0
}
