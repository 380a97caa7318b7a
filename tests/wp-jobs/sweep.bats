load ../helpers
load jobs

swept() { jq -c '[.dead_workers, .reclaimed, .activated, .expired]' <<<"$output"; }

# Set a time of all jobs (or, with workers, of all workers) to a moment ago.
long_ago() {
	if on_postgres; then
		sql "UPDATE workplane.$1 SET $2 = now() - interval '1 second' WHERE $2 IS NOT NULL"
	else
		sql "UPDATE $1 SET $2 = 1 WHERE $2 IS NOT NULL"
	fi
}

@test "nothing to do" {
	run -0 wp-jobs sweep
	assert_output '{"dead_workers":0,"reclaimed":0,"activated":0,"expired":0}'
}

@test "due jobs become available" {
	wp-jobs add -q q --in 1h 1
	wp-jobs add -q q 2
	wp-jobs produce -q q --limit 1 | settle_as retry | wp-jobs settle --backoff 1h
	long_ago job due
	wp-jobs add -q q --in 1h 3
	run -0 wp-jobs sweep --dry-run
	assert_equal "$(swept)" "[0,0,2,0]"
	assert_equal "$(count q available)" 0
	run -0 wp-jobs sweep
	assert_equal "$(swept)" "[0,0,2,0]"
	run -0 jobs PAYLOAD,STATE
	assert_output "1 available
2 available
3 scheduled"
}

@test "jobs that were kept long enough go" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 2 >lines
	head -n 1 lines | settle_as ok | wp-jobs settle --keep 0
	tail -n 1 lines | settle_as ok | wp-jobs settle --keep 1h
	run -0 wp-jobs sweep --dry-run
	assert_equal "$(swept)" "[0,0,0,1]"
	run -0 wp-jobs sweep
	assert_equal "$(swept)" "[0,0,0,1]"
	run -0 jobs PAYLOAD,STATE
	assert_output "2 completed"
}

@test "a due job wakes a worker that waits for it elsewhere" {
	start work wp-jobs work -q q -- echo ran {}
	wp-jobs add -q q --in 1h 1
	long_ago job due
	wp-jobs sweep
	wait_line "$T/work.out" "ran 1"
	kill "$pid_work"
	finish 0
}

@test "a producer that is gone: its jobs go back when their lease is over, and not before" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 --lease 1h >line
	run -0 wp-jobs sweep
	assert_equal "$(job 1 state)" reserved
	if on_postgres; then
		long_ago worker expires
		sql "UPDATE workplane.job SET due = now() - interval '1 second'"
	else
		long_ago worker expires
		sql "UPDATE job SET due = 1"
	fi
	run -0 wp-jobs sweep
	assert_equal "$(job 1 state)" available
	assert_equal "$(job 1 attempt)" 0
	assert_no_workers
}

@test "the lock file of a worker that died before it was in the table goes; that of one who lives stays" {
	only_on sqlite
	wp-jobs add -q q 1
	: >"$WP_STATE/live/jobs.1.dead"
	start living "$BUILD/tests/chaos_handler" hold "$T/history" "$WP_STATE/live/jobs.2.living" 0 here
	wait_line "$T/history" " here "
	run -0 wp-jobs sweep
	[ ! -e "$WP_STATE/live/jobs.1.dead" ]
	[ -e "$WP_STATE/live/jobs.2.living" ]
	kill "$pid"
	finish 143
	run -0 wp-jobs sweep
	assert_no_workers
}

@test "sweep takes no operands" {
	run -64 wp-jobs sweep everything
}
