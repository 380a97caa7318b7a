#!/usr/bin/env bats
# wp-jobs and wp-presence: workers among those present, and their capacity as demand.

load ../helpers
load jobs

# The jobs may be elsewhere: presence needs the directory.
make_state() { mkdir -p "$WP_STATE" && chmod 700 "$WP_STATE"; }

wait_payload() { wait_line "$T/lines.out" "\"payload\":$1[,}]"; }

follow_presence() {
	[ -p lines.out ] || mkfifo lines.out
	fifo_fd "$T/lines.out"
	start_reading /dev/null lines wp-jobs produce -q q --follow --demand "$@"
}

stop() {
	local pid_of=pid_$1
	kill "${!pid_of}"
	finish 0 "${!pid_of}"
}

# How many jobs are out.
out() { jobs ID --state reserved,in_progress | wc -l; }

@test "a worker is present with -j as its capacity, what is in use, and its queues" {
	make_state
	gated_handler
	wp-jobs add -q q 1 2 >ids
	start watch wp-presence watch --snapshot
	start work wp-jobs work -q q -j 3 --name jobber -- gated
	wp-presence wait --key jobber --timeout "${PATIENCE}s"
	wait_begun
	wait_begun
	wait_line watch.out '"key":"jobber".*"in_use":2'
	assert_equal "$(wp-presence get jobber -rno PID,CAPACITY)" "$pid_work 3"
	assert_equal "$(wp-presence get jobber --format ndjson | jq -c '.meta | .program, .queues')" '"wp-jobs"
["q"]'
	assert_equal "$(wp-presence list -rno KEY)" jobber
	pass_gate 00
	wait_line watch.out '"key":"jobber".*"in_use":0'
	stop work
	wp-presence wait --gone jobber --timeout "${PATIENCE}s"
	kill "$pid_watch"
}

@test "a worker appears under its pid, under WP_NAME, or not at all" {
	make_state
	start one wp-jobs work -q q -- true
	WP_NAME=named start two wp-jobs work -q q -- true
	start three wp-jobs work -q q --untracked -- true
	wp-presence wait --key "wp-jobs-$pid_one" --timeout "${PATIENCE}s"
	wp-presence wait --key named --timeout "${PATIENCE}s"
	# the third would be there by now if it ever was: it began to work before the others were seen
	wp-jobs add -q q 1 >id
	wp-jobs await "$(cat id)" --timeout "${PATIENCE}s"
	assert_equal "$(wp-presence list -rno PID | sort -n)" "$(printf '%s\n' "$pid_one" "$pid_two" | sort -n)"
	stop one
	stop two
	stop three
	run -65 wp-jobs work -q q --name '' -- true
}

@test "--demand presence: as many as those present can carry, following joins, leaves and updates" {
	make_state
	seq 30 | wp-jobs add -q q >ids
	wp-presence track one --capacity 5 --in-use 2 --pid $$ >ref
	follow_presence presence
	wait_payload 3
	wp-presence track two --capacity 3 --pid $$ >ref
	wait_payload 6
	assert_equal "$(out)" 6
	wp-presence update one --in-use 1
	wait_payload 7
	assert_equal "$(out)" 7
	wp-presence untrack two >refs
	wp-presence update one --capacity 9
	# 8 are free of one's 9, 7 are out
	wait_payload 8
	assert_equal "$(out)" 8
	stop lines
}

@test "--demand presence: a job that its worker counts as in use is not counted twice" {
	make_state
	seq 30 | wp-jobs add -q q >ids
	wp-presence track one --capacity 2 --pid $$ >ref
	follow_presence presence
	wait_payload 1
	job=$line
	wait_payload 2
	wp-presence update one --in-use 2
	settle_as ok <<<"$job" | wp-jobs settle
	wp-presence update one --in-use 1
	wait_payload 3
	assert_equal "$(out)" 2
	stop lines
}

@test "--demand presence: nobody is there, then somebody; killed, it counts no more" {
	make_state
	wp-jobs add -q q 1 2 3 >ids
	follow_presence presence
	start worker wp-presence track one --capacity 1 -- tail -f /dev/null
	wait_payload 1
	job=$line
	kill -KILL "$pid_worker"
	finish 137 "$pid_worker"
	wp-presence wait --gone one --timeout "${PATIENCE}s"
	settle_as ok <<<"$job" | wp-jobs settle
	wp-presence track two --capacity 1 --pid $$ >ref
	wait_payload 2
	assert_equal "$(out)" 1
	stop lines
}

@test "--demand presence:TOPIC: only those under it" {
	make_state
	wp-jobs add -q q 1 2 3 >ids
	wp-presence track one --capacity 5 --pid $$ >ref
	wp-presence track one --topic other --capacity 2 --pid $$ >ref
	follow_presence presence:other
	wait_payload 2
	assert_equal "$(out)" 2
	stop lines
	run -65 wp-jobs produce -q q --demand presence:
	assert_output --partial 'the topic is empty'
	run -64 wp-jobs produce -q q --demand presences
}

@test "--demand presence feeds a pipeline whose pool is present itself" {
	make_state
	seq 200 | wp-jobs add -q q >ids
	start_reading /dev/null pipe sh -c 'wp-jobs produce -q q --follow --demand presence |
		wp-pool map --jobs -j 4 -- true | wp-jobs settle'
	xargs wp-jobs await --timeout "${PATIENCE}s" <ids >ended
	assert_equal "$(grep -c '"state":"completed"' ended)" 200
	pkill -TERM -P "$pid_pipe" -f 'wp-jobs produce'
	finish 0 "$pid_pipe"
}
