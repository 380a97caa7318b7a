load ../helpers
load jobs

# follow OPTION...: a produce in the background whose lines come through the FIFO lines.out; its stdin is $demand.
follow() {
	[ -p lines.out ] || mkfifo lines.out
	fifo_fd "$T/lines.out"
	start_reading "${demand:-/dev/null}" lines wp-jobs produce -q q "$@"
}

wait_payload() { wait_line "$T/lines.out" "\"payload\":$1[,}]"; }

# Ask NAME's process to end, and see it do so.
stop() {
	local pid_of=pid_$1
	kill "${!pid_of}"
	finish 0 "${!pid_of}"
}

@test "--limit: so many lines, in order; the rest stays" {
	wp-jobs add -q q 1 2 3
	wp-jobs add -q q -p -1 0
	run -0 wp-jobs produce -q q --limit 3
	assert_equal "$(jq -c '[.id, .queue, .attempt, .max_attempts, .priority, .payload]' <<<"$output")" '[4,"q",1,5,-1,0]
[1,"q",1,5,0,1]
[2,"q",1,5,0,2]'
	assert_equal "$(jobs ID,STATE,ATTEMPT)" "1 reserved 1
2 reserved 1
3 available 0
4 reserved 1"
}

@test "a line has the members that workplane-stream(5) says, and every reservation has its own lease" {
	wp-jobs add -q q 1
	wp-jobs produce -q q -n 1 >line
	assert_equal "$(jq -c keys_unsorted line)" '["id","queue","attempt","max_attempts","priority","payload","lease"]'
	jq -c '{id, lease, status: "snooze", delay: 0}' line | wp-jobs settle
	wp-jobs produce -q q -n 1 >again
	assert_equal "$(jq .attempt line again)" "1
1"
	assert_not_equal "$(jq .lease line)" "$(jq .lease again)"
}

@test "with --limit alone it ends when no job is available" {
	run -0 wp-jobs produce -q q --limit 3
	assert_output ""
	wp-jobs add -q q 1
	run -0 wp-jobs produce -q q --limit 3
	assert_equal "$(jq .payload <<<"$output")" 1
	assert_equal "$(jobs STATE)" reserved
}

@test "who produced nothing leaves nothing" {
	run -0 wp-jobs produce -q q --limit 3
	assert_no_workers
}

@test "--follow: a job goes out when it is committed, however long that was after the last" {
	local n
	follow --follow --demand 1000
	for n in $(seq 40); do
		wp-jobs add -q q "$n" >ids
		wait_payload "$n"
	done
	seq 41 2000 | wp-jobs add -q q >ids
	wait_payload 1000
	stop lines
}

@test "--follow: a scheduled job goes out at its time" {
	follow --follow
	wp-jobs add -q q --in 200ms '"due"'
	wait_payload '"due"'
	wp-jobs add -q q --in 1h '"late"'
	wp-jobs add -q q --in 300ms '"sooner"'
	wait_payload '"sooner"'
	assert_equal "$(jobs STATE --queue q)" "reserved
scheduled
reserved"
	stop lines
}

@test "--follow: a retry goes out at its time" {
	wp-jobs add -q q 1
	follow --follow
	wait_payload 1
	settle_as retry <<<"$line" | wp-jobs settle --backoff 100ms
	wait_line "$T/lines.out" '"attempt":2,.*"payload":1'
	stop lines
}

@test "--follow --limit: it ends after so many" {
	follow --follow --limit 2
	wp-jobs add -q q 1
	wait_payload 1
	wp-jobs add -q q 2 3
	wait_payload 2
	finish 0 "$pid_lines"
	assert_equal "$(jobs STATE)" "reserved
reserved
available"
}

@test "--follow --demand N: N jobs out, the next when one is settled" {
	local first
	wp-jobs add -q q 1 2 3 4 5
	follow --follow --demand 2
	wait_payload 1
	first=$line
	wait_payload 2
	assert_equal "$(count q reserved)" 2
	settle_as ok <<<"$first" | wp-jobs settle
	wait_payload 3
	assert_equal "$(count q reserved)" 2
	settle_as fail <<<"$line" | wp-jobs settle
	wait_payload 4
	assert_equal "$(count q reserved)" 2
	assert_equal "$(count q available)" 1
	stop lines
}

@test "--demand -: numbers on stdin add up, and what is not met waits" {
	mkfifo demand
	fifo_fd "$T/demand"
	demand=demand follow --demand -
	wp-jobs add -q q 1
	echo 2 >>demand
	wait_payload 1
	wp-jobs add -q q 2 3
	wait_payload 2
	assert_equal "$(count q available)" 1
	echo 1 >>demand
	wait_payload 3
	stop lines
}

@test "--demand -: it ends when stdin has ended and the demand is met" {
	wp-jobs add -q q 1 2 3 4
	run -0 wp-jobs produce -q q --demand - < <(printf '1\n0\n2')
	assert_equal "$(jq .payload <<<"$output")" "1
2
3"
	echo 2 >two
	demand=two follow --demand -
	wait_payload 4
	wp-jobs add -q q 5
	wait_payload 5
	finish 0 "$pid_lines"
}

@test "--demand -: a line that is no number is reported and skipped" {
	wp-jobs add -q q 1 2 3
	run -1 --separate-stderr wp-jobs produce -q q --demand - < <(printf '1\nmany\n-1\n\n99999999999\n1\n')
	assert_equal "$(jq .payload <<<"$output")" "1
2"
	assert_equal "$(grep -c 'line [2345]: .*skipped' <<<"$stderr")" 4
}

@test "--demand that is no number is a mistake" {
	run -64 wp-jobs produce -q q --demand 0
	run -64 wp-jobs produce -q q --demand -2
	run -64 wp-jobs produce -q q --demand some
	assert_output --partial some
}

@test "demand and queue have to be said" {
	run -64 wp-jobs produce -q q
	assert_output --partial "--limit"
	run -64 wp-jobs produce --limit 1
	assert_output --partial "--queue"
	wp-jobs add -q q 1
	WP_JOBS_QUEUE=q run -0 wp-jobs produce --limit 1
	assert_equal "$(jq .payload <<<"$output")" 1
}

@test "several queues share the demand by weight" {
	local queue
	for queue in a b c; do
		seq 100 | wp-jobs add -q $queue >ids
	done
	wp-jobs produce -q a=2 -q b --limit 60 >lines
	assert_equal "$(jq -r .queue lines | sort | uniq -c | awk '{ print $1, $2 }')" "40 a
20 b"
	wp-jobs produce -q c=3 -q b -q empty=5 --limit 40 >lines
	assert_equal "$(jq -r .queue lines | sort | uniq -c | awk '{ print $1, $2 }')" "10 b
30 c"
}

@test "one after the other several queues share by weight as well" {
	local n
	seq 100 | wp-jobs add -q a >ids
	seq 100 | wp-jobs add -q b >ids
	mkfifo demand
	fifo_fd "$T/demand"
	mkfifo lines.out
	fifo_fd "$T/lines.out"
	start_reading demand lines wp-jobs produce -q a=3 -q b --demand -
	for n in $(seq 12); do
		echo 1 >>demand
		wait_line "$T/lines.out" payload
		jq -r .queue <<<"$line" >>got
	done
	assert_equal "$(sort got | uniq -c | awk '{ print $1, $2 }')" "9 a
3 b"
	stop lines
}

@test "what one queue has not got, the others may have" {
	seq 10 | wp-jobs add -q a >ids
	wp-jobs add -q b 1
	wp-jobs produce -q b=100 -q a --limit 8 >lines
	assert_equal "$(jq -r .queue lines | sort | uniq -c | awk '{ print $1, $2 }')" "7 a
1 b"
}

@test "of two producers none gets what the other has" {
	seq 400 | wp-jobs add -q q >ids
	start one wp-jobs produce -q q --limit 300
	start two wp-jobs produce -q q --limit 300
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	cat one.out two.out | jq .id | sort >got
	assert_equal "$(wc -l <got)" 400
	assert_equal "$(uniq -d got)" ""
}

@test "a reader that leaves: the unread go back, and the attempt does not count" {
	seq 20000 | jq -c '{n:., pad: ("x" * 100)}' | wp-jobs add -q q >ids
	run -0 bash -c 'wp-jobs produce -q q --follow --demand 20000 3>&- | head -n 1'
	assert_equal "$(jq .payload.n <<<"$output")" 1
	[ "$(count q reserved)" -lt 20000 ]
	assert_equal "$(($(count q available) + $(count q reserved)))" 20000
	assert_equal "$(jobs ATTEMPT --state available | sort -u)" 0
}

@test "a reader that leaves while there is nothing to print: produce ends" {
	local reader
	mkfifo lines
	exec {reader}<>lines
	wp-jobs add -q q 1 >id
	# It must not have the reading end itself.
	start producer bash -c "exec wp-jobs produce -q q --follow --demand 1 --lease 1s >lines $reader<&-"
	IFS= read -r -t "$PATIENCE" -u "$reader" line
	exec {reader}<&-
	wait_ended "$pid_producer"
	until_true no_jobs
}
no_jobs() {
	wp-jobs work -q q --drain -- true
	[ -z "$(jobs ID)" ]
}

@test "SIGTERM while the reader does not read: nothing is lost" {
	seq 20000 | jq -c '{n:., pad: ("x" * 100)}' | wp-jobs add -q q >ids
	mkfifo lines.out
	exec {reader}<>lines.out
	start lines wp-jobs produce -q q --follow --demand 20000
	IFS= read -r -t "$PATIENCE" -u "$reader" line
	stop lines
	exec {reader}<&-
	assert_equal "$(($(count q available) + $(count q reserved)))" 20000
	[ "$(count q available)" -gt 0 ]
}

@test "/dev/full: 74, and the jobs are still there" {
	wp-jobs add -q q 1 2
	run -74 bash -c 'wp-jobs produce -q q --limit 2 >/dev/full'
	assert_output --partial "No space left"
	assert_equal "$(jobs STATE,ATTEMPT)" "available 0
available 0"
}

@test "stdout that is closed: 74, and the jobs are still there" {
	wp-jobs add -q q 1
	run -74 bash -c 'wp-jobs produce -q q --limit 2 >&-'
	assert_equal "$(jobs STATE,ATTEMPT)" "available 0"
}

@test "--lease: what is not settled so long after the end is available again" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 --lease 1s >line
	assert_equal "$(job 1 state)" reserved
	run -0 wp-jobs sweep
	start worker wp-jobs work -q q -- echo again
	wait_line "$T/worker.out" again
	stop worker
	settle_as ok <line >result
	run -1 wp-jobs settle <result
	assert_output --partial "stale"
}

@test "--lease by its variable, and what is no lease" {
	wp-jobs add -q q 1
	WP_JOBS_LEASE=nonsense run -64 wp-jobs produce -q q --limit 1
	assert_output --partial WP_JOBS_LEASE
	run -64 wp-jobs produce -q q --limit 1 --lease 10ms
	assert_equal "$(job 1 state)" available
}

@test "while it runs, no lease ends" {
	wp-jobs add -q q 1
	follow --follow --lease 1s
	wait_payload 1
	local first=$line
	# two leases later, by the clock of the queue
	wp-jobs add -q other --in 2s 1
	start worker wp-jobs work -q other -- echo later
	wait_line "$T/worker.out" later
	stop worker
	wp-jobs sweep
	assert_equal "$(job 1 state)" reserved
	settle_as ok <<<"$first" | wp-jobs settle
	stop lines
}

@test "a cancelled job is told of by a cancel line, once" {
	wp-jobs add -q q 1 2
	follow --follow
	wait_payload 2
	wp-jobs cancel 1
	wait_line "$T/lines.out" cancel
	assert_equal "$(jq -c '[.id, .cancel, has("lease")]' <<<"$line")" "[1,true,true]"
	wp-jobs cancel 2
	wait_line "$T/lines.out" .
	assert_equal "$(jq -c '[.id, .cancel]' <<<"$line")" "[2,true]"
	stop lines
}
