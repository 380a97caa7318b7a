load ../helpers
load jobs

# The pipeline that work is made of, from its parts.

@test "produce, map and settle: every job once, and nothing is left" {
	seq 500 | wp-jobs add -q q >ids
	# shellcheck disable=SC2016
	run -0 bash -o pipefail -c 'wp-jobs produce -q q --limit 500 |
		wp-pool map --jobs -j 4 -- sh -c "echo {} >>ran" | wp-jobs settle'
	assert_equal "$(sort -n ran | tr '\n' ' ')" "$(seq 500 | tr '\n' ' ')"
	run -0 jobs ID
	assert_output ""
}

@test "results that are demand: the way back closes the circle" {
	wp-jobs add -q q 1 2 3 4 5 6
	mkfifo demand
	exec {demand}<>demand
	echo 2 >&"$demand"
	start_reading demand circle bash -c 'wp-jobs produce -q q --demand - --limit 6 |
		wp-pool map --jobs -j 2 -- sh -c "echo {} >>ran" |
		jq -c --unbuffered "select(.status != \"started\")" | tee results | tee >(wp-jobs settle) | while read -r line; do echo 1; done >>demand'
	wp-jobs await 1 2 3 4 5 6
	finish 0 "$pid_circle"
	assert_equal "$(sort ran | tr '\n' ' ')" "1 2 3 4 5 6 "
}

@test "five lines of shell and jq are a consumer" {
	cat >consumer <<-'SH'
		while IFS= read -r job; do
			to=$(jq -r .payload.to <<<"$job")
			echo "hello $to" >>greeted
			jq -c '{id, lease, status: "ok"}' <<<"$job"
		done
	SH
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}'
	run -0 bash -o pipefail -c 'wp-jobs produce -q mail --limit 2 | bash consumer | wp-jobs settle'
	run -0 cat greeted
	assert_output "hello ann
hello bob"
	run -0 jobs ID
	assert_output ""
}

@test "a consumer that dies: what it did not answer comes back when the lease is over" {
	wp-jobs add -q q 1 2 3
	wp-jobs produce -q q --limit 3 --lease 1s | head -n 1 | settle_as ok | wp-jobs settle
	mkfifo work.out
	fifo_fd "$T/work.out"
	start work wp-jobs work -q q -j 1 -- echo again {}
	wait_line "$T/work.out" "again 2"
	wait_line "$T/work.out" "again 3"
	kill "$pid_work"
	finish 0
	run -0 jobs ID
	assert_output ""
}

@test "a result that is late, for a job that was given to another, changes nothing" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 >early
	settle_as snooze <early | jq -c '.delay = 0' | wp-jobs settle
	wp-jobs produce -q q --limit 1 >late
	run -1 wp-jobs settle < <(settle_as fail <early)
	assert_output --partial stale
	assert_equal "$(job 1 state)" reserved
	settle_as ok <late | wp-jobs settle
	run -0 jobs ID
	assert_output ""
}
