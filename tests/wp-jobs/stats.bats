load ../helpers
load jobs

@test "counts by queue and state" {
	wp-jobs add -q a 1 2 3 4 5 6 7 8 >ids
	wp-jobs add -q b --in 1h 9 >>ids
	wp-jobs produce -q a --limit 6 >lines
	wp-jobs cancel 8 >>ids
	jq -c '{id, lease, status: ["", "ok", "retry", "fail", "started", "snooze"][.id]}' <(head -n 5 lines) | wp-jobs settle --keep 1h
	run -0 wp-jobs stats -J
	assert_equal "$(jq -c '.queues[0] | del(.oldest)' <<<"$output")" \
		'{"queue":"a","scheduled":1,"available":1,"reserved":1,"in-progress":1,"retry":1,"completed":1,"failed":1,"cancelled":1,"done/min":1,"failed/min":1}'
	assert_equal "$(jq -c '.queues[1] | [.queue, .scheduled, .available, .oldest]' <<<"$output")" '["b",1,0,null]'
	run -0 wp-jobs stats -rno QUEUE,RETRIED/MIN
	assert_output "a 1
b 0"
}

@test "a table with headings" {
	wp-jobs add -q q 1
	run -0 wp-jobs stats
	assert_line --index 0 --regexp '^QUEUE SCHEDULED AVAILABLE RESERVED IN-PROGRESS RETRY COMPLETED FAILED CANCELLED +OLDEST DONE/MIN FAILED/MIN$'
	assert_line --index 1 --regexp '^q +0 +1 +0 '
}

@test "nothing is there: no row, and status 0" {
	run -0 wp-jobs stats -n
	assert_output ""
}

@test "--queue, by variable as well" {
	wp-jobs add -q a 1
	wp-jobs add -q b 1
	run -0 wp-jobs stats -q b -rno QUEUE,AVAILABLE
	assert_output "b 1"
	WP_JOBS_QUEUE=a run -0 wp-jobs stats --raw -no QUEUE
	assert_output a
}

@test "the age of the oldest is that of who waits longest, from when it could have run" {
	wp-jobs add -q q --at 2001-01-01 1
	wp-jobs add -q q --in 1h 2
	run -0 wp-jobs stats -rno OLDEST
	assert_regex "$output" '^[0-9]+(\.[0-9]+)?$'
	[ "${output%.*}" -lt 600 ]
}

assert_regex() { [[ $1 =~ $2 ]]; }

@test "jobs in the last minute are counted after they are gone" {
	seq 300 | wp-jobs add -q q >ids
	wp-jobs work -q q --drain --warm -- sh -c 'while read -r line; do echo "{\"status\":\"ok\"}"; done'
	run -0 wp-jobs stats -rno QUEUE,AVAILABLE,COMPLETED,DONE/MIN
	assert_output "q 0 0 300"
}

@test "--pairs and columns that there are not" {
	wp-jobs add -q q 1
	run -0 wp-jobs stats -P -o QUEUE,AVAILABLE
	assert_output 'QUEUE="q" AVAILABLE="1"'
	run -64 wp-jobs stats -o SIZE
}
