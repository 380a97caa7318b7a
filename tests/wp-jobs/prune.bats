load ../helpers
load jobs

# A completed, a failed and a cancelled job in each of the queues a and b, and one that waits.
setup() {
	local queue
	wp_setup
	for queue in a b; do
		wp-jobs add -q $queue 1 2 3 4 >ids
		wp-jobs produce -q $queue --limit 2 |
			jq -c '{id, lease, status: (if .payload == 1 then "ok" else "fail" end)}' | wp-jobs settle --keep 1h
		wp-jobs cancel "$(sed -n 3p ids)" >cancelled
	done
}

states() { jobs QUEUE,STATE | sort | tr '\n' ','; }

@test "--older-than 0: all that are finished, and none that is not" {
	run -0 wp-jobs prune --older-than 0
	assert_output 6
	assert_equal "$(states)" "a available,b available,"
}

@test "--older-than: younger ones stay" {
	run -0 wp-jobs prune --older-than 1h
	assert_output 0
	if on_postgres; then
		sql "UPDATE workplane.job SET ended_at = now() - interval '2 hours' WHERE queue = 'a' AND ended_at IS NOT NULL"
	else
		sql "UPDATE job SET ended_at = ended_at - 7200000000 WHERE queue = 'a' AND ended_at IS NOT NULL"
	fi
	run -0 wp-jobs prune --older-than 1h
	assert_output 3
	assert_equal "$(states)" "a available,b available,b cancelled,b completed,b failed,"
}

@test "--queue and --state" {
	run -0 wp-jobs prune --older-than 0 --queue a --state failed
	assert_output 1
	run -0 wp-jobs prune --older-than 0 -q b -s completed,cancelled
	assert_output 2
	assert_equal "$(states)" "a available,a cancelled,a completed,b available,b failed,"
	run -0 wp-jobs prune --older-than 0 --state available
	assert_output 0
}

@test "--dry-run: how many, and nothing is deleted" {
	run -0 wp-jobs prune --older-than 0 --dry-run
	assert_output 6
	run -0 wp-jobs prune --older-than 0 -q a -s failed --dry-run
	assert_output 1
	assert_equal "$(jobs ID | wc -l)" 8
}

@test "more than one batch" {
	seq 10500 | wp-jobs add -q c >ids
	wp-jobs cancel -q c >ids
	run -0 wp-jobs prune --older-than 0 -q c
	assert_output 10500
	assert_equal "$(jobs ID -q c)" ""
}

@test "the age has to be said" {
	run -64 wp-jobs prune
	assert_output --partial "--older-than"
	run -64 wp-jobs prune --older-than yesterday
	run -64 wp-jobs prune --older-than 0 --state gone
	run -64 wp-jobs prune --older-than 0 7
	assert_equal "$(jobs ID | wc -l)" 8
	WP_JOBS_QUEUE=a run -0 wp-jobs prune --older-than 0
	assert_output 6
}
