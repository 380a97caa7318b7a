load ../helpers
load jobs

@test "jobs that wait never run" {
	wp-jobs add -q q 1 2
	wp-jobs add -q q --in 1h 3
	run -0 wp-jobs cancel 1 3
	assert_equal "$(sort <<<"$output")" "1
3"
	run -0 wp-jobs work -q q --drain -- echo {}
	assert_output 2
	run -0 jobs ID,STATE
	assert_output "1 cancelled
3 cancelled"
	assert_not_equal "$(job 1 ended)" null
}

@test "a running one is told to stop, and is not tried again" {
	gated_handler
	wp-jobs add -q q 1 2
	start work wp-jobs work -q q -j 1 -- gated
	wait_begun 1
	run -0 wp-jobs cancel 1
	assert_output 1
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1
	assert_output '{"id":1,"state":"cancelled"}'
	wait_begun 2
	kill "$pid_work"
	pass_gate 0
	wait "$pid_work" || [ $? -eq 1 ]
	run -0 jobs ID,STATE
	assert_output "1 cancelled"
}

@test "one that is reserved and has not begun is dropped" {
	gated_handler
	wp-jobs add -q q 1 2 3
	start work wp-jobs work -q q -j 1 --prefetch 2 -- gated
	wait_begun 1
	wp-jobs cancel 2
	run -1 wp-jobs await --timeout "${PATIENCE}s" 2
	assert_output '{"id":2,"state":"cancelled"}'
	pass_gate 0
	wait_begun 3
	kill "$pid_work"
	pass_gate 0
	wait "$pid_work" || [ $? -eq 1 ]
	assert_equal "$(jobs ID,STATE)" "2 cancelled"
}

@test "who is done all the same is done" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 >line
	wp-jobs cancel 1
	assert_equal "$(job 1 state)" reserved
	settle_as ok <line | wp-jobs settle --keep 1h
	assert_equal "$(job 1 state)" completed
}

@test "cancelled while its worker dies: it is not run again" {
	gated_handler
	wp-jobs add -q q 1
	start work wp-jobs work -q q -j 1 --kill-after 1h -- sh -c 'trap "" TERM; exec gated'
	wait_begun 1
	wp-jobs cancel 1
	kill -KILL "$pid_work"
	finish 137
	start work wp-jobs work -q q -j 1 -- gated
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1
	assert_output '{"id":1,"state":"cancelled"}'
	kill "$pid_work"
	finish 0
}

@test "by queue and state, in batches" {
	seq 6000 | wp-jobs add -q a >ids
	wp-jobs add -q a --in 1h 1 >ids
	wp-jobs add -q b 1 >ids
	run -0 wp-jobs cancel -q a --state available
	assert_equal "$(wc -l <<<"$output")" 6000
	assert_equal "$(count a scheduled)$(count b available)" 11
	run -0 wp-jobs cancel --queue b
	assert_equal "$(count b cancelled)" 1
	run -0 wp-jobs cancel -s scheduled
	assert_equal "$(count a scheduled)" 0
	run -0 wp-jobs cancel -q a
	assert_output ""
}

@test "--dry-run: the ids, and nothing changes" {
	wp-jobs add -q q 1 2
	run -0 wp-jobs cancel -q q --dry-run
	assert_output "1
2"
	run -0 wp-jobs cancel --dry-run 2
	assert_output 2
	assert_equal "$(count q available)" 2
}

@test "finished ones and unknown ones: 1, the others are cancelled" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 1 | settle_as ok | wp-jobs settle
	run -1 --separate-stderr wp-jobs cancel 1 2 99
	assert_output 2
	assert_equal "$(job 2 state)" cancelled
}

@test "it has to be said which, and either by id or otherwise" {
	run -64 wp-jobs cancel
	run -64 wp-jobs cancel -q q 1
	run -64 wp-jobs cancel --state gone
	run -64 wp-jobs cancel one
	wp-jobs add -q q 1
	WP_JOBS_QUEUE=q run -64 wp-jobs cancel
	assert_equal "$(job 1 state)" available
}
