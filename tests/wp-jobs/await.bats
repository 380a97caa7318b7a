load ../helpers
load jobs

@test "a job that is done already, whether it was kept or not" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 2 >lines
	head -n 1 lines | settle_as ok | wp-jobs settle
	tail -n 1 lines | settle_as ok | wp-jobs settle --keep 1h
	run -0 wp-jobs await 1 2
	assert_output '{"id":1,"state":"completed"}
{"id":2,"state":"completed"}'
}

@test "jobs that end one after the other: a line each, as they end" {
	wp-jobs add -q q 1 2 3
	wp-jobs produce -q q --limit 3 >lines
	mkfifo await.out
	fifo_fd "$T/await.out"
	start await wp-jobs await 1 2 3
	sed -n 2p lines | settle_as ok | wp-jobs settle
	wait_line "$T/await.out" .
	assert_equal "$line" '{"id":2,"state":"completed"}'
	sed -n 3p lines | settle_as ok | wp-jobs settle
	wait_line "$T/await.out" .
	assert_equal "$line" '{"id":3,"state":"completed"}'
	sed -n 1p lines | settle_as ok | wp-jobs settle
	wait_line "$T/await.out" .
	assert_equal "$line" '{"id":1,"state":"completed"}'
	finish 0
}

@test "failed and cancelled ones: 1" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 1 | settle_as fail | wp-jobs settle
	wp-jobs cancel 2
	run -1 wp-jobs await 1
	assert_output '{"id":1,"state":"failed"}'
	run -1 wp-jobs await 2
	assert_output '{"id":2,"state":"cancelled"}'
}

@test "a retry is no end" {
	wp-jobs add -q q 1
	start await wp-jobs await 1
	wp-jobs produce -q q --limit 1 | settle_as retry | wp-jobs settle --backoff 1ms
	wp-jobs produce -q q --limit 1 --follow | settle_as ok | wp-jobs settle
	finish 0
	run -0 cat await.out
	assert_output '{"id":1,"state":"completed"}'
}

@test "many waiters, and many waits in a row, miss nothing" {
	local pids=() n
	seq 40 | wp-jobs add -q q >ids
	for n in 1 2 3 4; do
		start_reading ids "await$n" xargs -n 1 wp-jobs await --timeout "${PATIENCE}s"
		pids+=("$pid")
	done
	run -0 wp-jobs work -q q -j 1 --drain -- true
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
}

@test "--timeout: 75" {
	wp-jobs add -q q 1 2
	wp-jobs cancel 1
	run -75 wp-jobs await --timeout 50ms 1 2
	assert_line '{"id":1,"state":"cancelled"}'
	assert_line --partial "timed out: 1 of"
	run -75 wp-jobs await --timeout 0 2
}

@test "a job that never was: 1, and it says which" {
	wp-jobs add -q q 1
	run -1 wp-jobs await 2
	assert_output --partial "no job 2"
}

@test "SIGTERM ends it" {
	wp-jobs add -q q 1
	wp-jobs cancel 1
	wp-jobs add -q q 2
	start await wp-jobs await 1 2
	wait_line "$T/await.out" cancelled
	kill "$pid_await"
	finish 143
}

@test "what is no id is a mistake" {
	run -64 wp-jobs await
	run -64 wp-jobs await 1 x
	run -64 wp-jobs await 0
	run -64 wp-jobs await --timeout soon 1
}
