load ../helpers
load jobs

# One job each that failed, waits to be tried again, was cancelled, and is scheduled.
some_jobs() {
	wp-jobs add -q q --max-attempts 9 1 2 3 >ids
	wp-jobs add -q q --in 1h 4 >>ids
	wp-jobs produce -q q --limit 2 |
		jq -c '{id, lease, status: (if .id == 1 then "fail" else "retry" end), error: "why"}' | wp-jobs settle --backoff 1h
	wp-jobs cancel 3 >>ids
}

@test "failed and cancelled ones start over, waiting ones wait no longer" {
	some_jobs
	run -0 wp-jobs retry 1 2 3 4
	assert_equal "$(sort <<<"$output")" "1
2
3
4"
	run -0 jobs ID,STATE,ATTEMPT
	assert_output "1 available 0
2 available 1
3 available 0
4 available 0"
	run -0 wp-jobs work -q q -j 1 --drain -- echo {}
	assert_output "1
2
3
4"
}

@test "--state failed, and no word of others" {
	some_jobs
	run -0 wp-jobs retry --state failed
	assert_output 1
	run -0 jobs ID,STATE
	assert_output "1 available
2 retry
3 cancelled
4 scheduled"
}

@test "--queue: those that failed, were cancelled or wait for another try" {
	some_jobs
	wp-jobs add -q other 5 >ids
	wp-jobs cancel 5
	run -0 wp-jobs retry -q q
	assert_equal "$(sort <<<"$output")" "1
2
3"
	assert_equal "$(job 5 state)" cancelled
}

@test "--dry-run: the ids, and nothing changes" {
	some_jobs
	run -0 wp-jobs retry -q q --dry-run
	assert_output "1
2
3"
	assert_equal "$(jobs STATE | tr '\n' ' ')" "failed retry cancelled scheduled "
}

@test "a worker that waits begins at once" {
	some_jobs
	start work wp-jobs work -q q -j 1 -- echo ran {}
	wp-jobs retry 1
	wait_line "$T/work.out" "ran 1"
	kill "$pid_work"
	finish 0
}

@test "a completed one that was kept can be run again by its id" {
	wp-jobs add -q q 1
	wp-jobs work -q q --drain --keep 1h -- true
	run -0 wp-jobs retry 1
	assert_equal "$(job 1 state)" available
	assert_equal "$(job 1 ended)" null
	run -0 wp-jobs work -q q --drain --keep 1h -- true
	assert_equal "$(job 1 state)" completed
}

@test "one whose key has another job by now stays: 1" {
	wp-jobs add -q q --unique k 1
	wp-jobs cancel 1
	wp-jobs add -q q --unique k 2
	run -1 --separate-stderr wp-jobs retry 1
	assert_output ""
	assert_equal "$(job 1 state)" cancelled
	run -0 wp-jobs retry --state cancelled
	assert_output ""
}

@test "of two cancelled ones with one key, one is retried" {
	wp-jobs add -q q --unique k 1
	wp-jobs cancel 1
	wp-jobs add -q q --unique k 2
	wp-jobs cancel --queue q
	run -0 wp-jobs retry --state cancelled
	assert_equal "${#lines[@]}" 1
	assert_equal "$(count q available)" 1
	assert_equal "$(count q cancelled)" 1
}

@test "running, available and unknown ones: 1" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 1 >line
	run -1 wp-jobs retry 1
	run -1 wp-jobs retry 2
	run -1 wp-jobs retry 99
	assert_equal "$(jobs STATE | tr '\n' ' ')" "reserved available "
}

@test "it has to be said which" {
	run -64 wp-jobs retry
	run -64 wp-jobs retry --queue q 1
	run -64 wp-jobs retry x
}
