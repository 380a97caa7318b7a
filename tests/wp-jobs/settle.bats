load ../helpers
load jobs

# out N: N jobs in queue q, all of them out; their lines in "lines".
out() {
	seq "$1" | wp-jobs add -q q >ids
	wp-jobs produce -q q --limit "$1" >lines
}

@test "ok: the job is gone" {
	out 1
	run -0 wp-jobs settle < <(settle_as ok <lines)
	assert_output ""
	run -0 jobs ID
	assert_output ""
	assert_equal "$(count q done/min)" 1
}

@test "retry: it waits, and the reason is kept" {
	out 1
	jq -c '{id, lease, status: "retry", exit: 3, error: "no route", output: {"got": [1]}, duration: 0.5}' lines |
		wp-jobs settle
	run -0 jobs STATE,ATTEMPT,ERROR
	assert_output 'retry 1 no\x20route'
	assert_equal "$(job 1 output)" '{"got":[1]}'
	assert_equal "$(count q retry)" 1
}

@test "fail: never again, whatever attempts remain" {
	out 1
	settle_as fail <lines | wp-jobs settle
	run -0 jobs STATE,ATTEMPT
	assert_output "failed 1"
	assert_not_equal "$(job 1 ended)" null
	assert_equal "$(count q failed/min)" 1
}

@test "snooze: again later, and the attempt does not count" {
	out 1
	settle_as snooze <lines | wp-jobs settle
	run -0 jobs STATE,ATTEMPT
	assert_output "scheduled 0"
	assert_not_equal "$(job 1 due)" null
}

@test "started: the job is seen to run" {
	out 1
	settle_as started <lines | wp-jobs settle
	run -0 jobs STATE,ATTEMPT
	assert_output "in_progress 1"
	assert_not_equal "$(job 1 started)" null
	settle_as ok <lines | wp-jobs settle
	run -0 jobs ID
	assert_output ""
}

@test "delay: the result says when" {
	local before due
	out 2
	before=$(date +%s)
	jq -c '{id, lease, status: (if .id == 1 then "retry" else "snooze" end), delay: 7200.5}' lines | wp-jobs settle
	for id in 1 2; do
		due=$(date -d "$(job $id due)" +%s)
		[ "$due" -ge $((before + 7200)) ] && [ "$due" -le $(($(date +%s) + 7201)) ]
	done
	wp-jobs add -q q 3
	wp-jobs produce -q q --limit 1 | jq -c '{id, lease, status: "snooze", delay: 0}' | wp-jobs settle
	assert_equal "$(job 3 state)" available
}

@test "the last attempt that fails is a failure" {
	wp-jobs add -q q --max-attempts 2 1
	wp-jobs produce -q q --limit 1 | settle_as retry | wp-jobs settle --backoff 0
	wp-jobs produce -q q --limit 1 --follow >lines
	assert_equal "$(jq .attempt lines)" 2
	settle_as retry <lines | wp-jobs settle
	run -0 jobs STATE,ATTEMPT
	assert_output "failed 2"
}

# waits SPEC ATTEMPT: how long, in seconds, a job that failed in this attempt waits.
waits() {
	local before due
	wp-jobs add -q w --max-attempts 100 1 >id
	wp-jobs produce -q w --limit 1 --lease 1h >line
	before=$(date +%s)
	if on_postgres; then
		sql "UPDATE workplane.job SET attempt = $2, lease = $2 || substr(lease, 2) WHERE id = $(cat id)"
	else
		sql "UPDATE job SET attempt = $2, lease = $2 || substr(lease, 2) WHERE id = $(cat id)"
	fi
	jq -c --arg n "$2" '{id, lease: ($n + .lease[1:]), status: "retry"}' line | wp-jobs settle --backoff "$1"
	due=$(date -d "$(job "$(cat id)" due)" +%s)
	echo $((due - before))
}

assert_between() { [ "$2" -ge "$1" ] && [ "$2" -le "$3" ]; }

@test "--backoff: constant, linear, exponential, a limit, and a quarter either way" {
	assert_between 749 "$(waits constant:1000s 7)" 1260
	assert_between 2249 "$(waits linear:1000s 3)" 3760
	assert_between 2999 "$(waits exponential:1000s,1d 3)" 5010
	assert_between 2999 "$(waits 1000s,1d 3)" 5010
	assert_between 1499 "$(waits 1000s,2000s 60)" 2510
	assert_between 2699 "$(waits 1000s 60)" 4510
	assert_between 14 "$(waits exponential:5s,1h 3)" 35
}

@test "--backoff by its variable, and what is none" {
	out 1
	WP_JOBS_BACKOFF=constant:2h wp-jobs settle < <(settle_as retry <lines)
	[ "$(date -d "$(job 1 due)" +%s)" -gt $(($(date +%s) + 3600)) ]
	for spec in soon quadratic:5s 5s,1s 5 5s, -5s ""; do
		run -64 wp-jobs settle --backoff "$spec" </dev/null
		assert_output --partial backoff
	done
}

@test "--keep: done jobs stay for so long" {
	out 3
	head -n 1 lines | jq -c '{id, lease, status: "ok", output: {"made": "a.jpg"}}' | wp-jobs settle --keep 1h
	run -0 jobs STATE,OUTPUT --state completed
	assert_output 'completed {"made":"a.jpg"}'
	sed -n 2p lines | settle_as ok | WP_JOBS_KEEP=1h wp-jobs settle
	assert_equal "$(count q completed)" 2
	tail -n 1 lines | settle_as ok | wp-jobs settle --keep 0
	assert_equal "$(job 3 state)" completed
	wp-jobs sweep
	run -0 jobs ID
	assert_output "1
2"
}

@test "a stale lease changes nothing and is reported" {
	out 1
	settle_as snooze <lines | jq -c '.delay = 0' | wp-jobs settle
	wp-jobs produce -q q --limit 1 >again
	run -1 wp-jobs settle < <(settle_as ok <lines)
	assert_output --regexp '^wp-jobs: warning: job 1: lease ".*" is stale'
	assert_equal "$(job 1 state)" reserved
	run -0 wp-jobs settle < <(settle_as ok <again)
	run -0 jobs ID
	assert_output ""
}

@test "a result twice settles once" {
	out 1
	settle_as ok <lines >result
	run -1 wp-jobs settle < <(cat result result)
	assert_output --partial stale
	assert_equal "$(count q done/min)" 1
	run -1 wp-jobs settle <result
	assert_output --partial stale
	assert_equal "$(count q done/min)" 1
}

@test "a result for a job that never was changes nothing and is reported" {
	out 1
	run -1 wp-jobs settle < <(echo '{"id":4711,"lease":"1.1.1","status":"ok"}' && settle_as ok <lines)
	assert_output --partial "job 4711"
	run -0 jobs ID
	assert_output ""
}

@test "results in any order, of every kind, in one go" {
	out 2000
	jq -c '{id, lease, status: ["ok", "retry", "fail", "snooze", "started"][.id % 5]}' lines | shuf --random-source=lines |
		wp-jobs settle
	assert_equal "$(jobs STATE | sort | uniq -c | awk '{ print $1, $2 }')" "400 failed
400 in_progress
400 retry
400 scheduled"
	assert_equal "$(jobs ID | grep -c '[05]$')" 0
}

@test "started and its end in one batch" {
	out 1
	run -0 wp-jobs settle < <(settle_as started <lines && settle_as ok <lines)
	run -0 jobs ID
	assert_output ""
}

@test "no result on stdin is no mistake" {
	run -0 wp-jobs settle </dev/null
	assert_output ""
}

@test "results are settled as they come, not at the end" {
	out 2
	mkfifo results
	exec {results}<>results
	start_reading results settle wp-jobs settle
	head -n 1 lines | settle_as fail >&"$results"
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1
	assert_output '{"id":1,"state":"failed"}'
	tail -n 1 lines | settle_as ok >&"$results"
	run -0 wp-jobs await --timeout "${PATIENCE}s" 2
	kill "$pid_settle"
	finish 0 "$pid_settle"
	exec {results}<&-
}

@test "error and output of any shape are kept as text and JSON" {
	out 4
	jq -c '{id, lease, status: "fail", error: "ä 😀 \u0000 \"x\"\ny", output: ["a\u0000b", {"ä": null}]}' lines |
		wp-jobs settle
	assert_equal "$(count q failed)" 4
	wp-jobs show 1 | jq -r '.jobs[0].error' | grep -F 'ä 😀'
}

@test "the text to notify is sent on the channel of the outcome" {
	only_on postgres
	local n
	for n in 1 2 3 4; do
		wp-jobs add -q q --notify "job $n's end" "$n"
	done
	wp-jobs produce -q q --limit 4 >lines
	{
		echo 'LISTEN "workplane.completed"; LISTEN "workplane.retry"; LISTEN "workplane.failed";'
		echo '\! jq -c '\''{id, lease, status: ["ok", "retry", "fail", "snooze"][.id - 1]}'\'' lines | wp-jobs settle'
		echo 'SELECT 1;'
	} | psql -X -q -At -d "$WP_JOBS_DB" >heard
	run -0 sed 's/ received from.*//' <(grep -o 'notification .*' heard | sort)
	assert_output 'notification "workplane.completed" with payload "job 1'\''s end"
notification "workplane.failed" with payload "job 3'\''s end"
notification "workplane.retry" with payload "job 2'\''s end"'
}
