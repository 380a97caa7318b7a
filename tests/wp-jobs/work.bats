load ../helpers
load jobs

@test "{} is the payload, {key} one of its members, and no shell comes between" {
	wp-jobs add -q q '{"src":"a b.png","n":{"k":[1,2]},"evil":"$(touch evil); `touch evil`"}'
	run -0 wp-jobs work -q q --drain -- printf '%s|' {src} {n} x{evil}x
	assert_output 'a b.png|{"k":[1,2]}|x$(touch evil); `touch evil`x|'
	assert_not_exists evil
	wp-jobs add -q q '"text"' 17 '[1, null]'
	run -0 wp-jobs work -q q -j 1 --drain -- echo {}
	assert_output 'text
17
[1, null]'
}

assert_not_exists() { [ ! -e "$1" ]; }

@test "without a placeholder the payload is the command's stdin" {
	wp-jobs add -q q '{"a": [1,2]}' '"text"'
	run -0 wp-jobs work -q q -j 1 --drain -- cat
	assert_output '{"a": [1,2]}
"text"'
}

@test "a member that is not there fails its job alone, with the reason" {
	wp-jobs add -q q '{"a":1}' '{"b":2}' 3
	run -1 --separate-stderr wp-jobs work -q q -j 1 --drain -- echo {b}
	assert_output 2
	run -0 jobs ID,STATE
	assert_output "1 failed
3 failed"
	assert_regex "$(job 1 error)" '"b"'
}

assert_regex() { [[ $1 =~ $2 ]] || { echo "\"$1\" does not match $2" && return 1; }; }

@test "the command's environment says which job it is" {
	wp-jobs add -q "my queue" --max-attempts 7 1
	# shellcheck disable=SC2016
	run -0 wp-jobs work -q "my queue" --drain -- sh -c 'echo "$WP_JOB_ID,$WP_JOB_QUEUE,$WP_JOB_ATTEMPT,$WP_JOB_MAX_ATTEMPTS"'
	assert_output "1,my queue,1,7"
}

@test "exit statuses: 0 done, 65 never again, 75 not now, others are retried" {
	wp-jobs add -q q 0 65 75 3
	run -1 wp-jobs work -q q --drain -- sh -c 'exit "$1"' sh {}
	assert_line --partial "2 of 4 failed"
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output "65 failed 1
75 scheduled 0
3 retry 1"
}

@test "the end of stderr is the job's error, and goes on to stderr" {
	wp-jobs add -q q 1
	run -1 --separate-stderr wp-jobs work -q q --drain -- sh -c 'echo first >&2; echo "the reason" >&2; echo out; exit 1'
	assert_output out
	assert_regex "$stderr" "the reason"
	assert_regex "$(job 1 error)" "the reason$"
}

@test "what was silent has its exit status or signal for a reason" {
	wp-jobs add -q q '"exit 3"' '"kill -9 $$"'
	run -1 wp-jobs work -q q -j 1 --drain -- sh -c {}
	assert_regex "$(job 1 error)" "exit status 3"
	assert_regex "$(job 2 error)" "signal 9"
	assert_equal "$(job 2 state)" retry
}

@test "the commands' output comes out whole, each by itself" {
	local text
	text=$(head -c 60000 /dev/zero | tr '\0' x)
	export text
	seq 12 | wp-jobs add -q q >ids
	# shellcheck disable=SC2016
	wp-jobs work -q q -j 4 --drain -- sh -c 'printf "%s " "$1"; printf "%s" "$text"; printf "\n"' sh {} >out
	assert_equal "$(sort -n out | cut -d ' ' -f 1 | tr '\n' ' ')" "1 2 3 4 5 6 7 8 9 10 11 12 "
	assert_equal "$(awk '{ print length($2) }' out | sort -u)" 60000
}

@test "-j: so many at a time, and no more" {
	# shellcheck disable=SC2016
	seq 60 | wp-jobs add -q q >ids
	stub counted <<-'SH'
		mkdir "$T/running/$$"
		ls "$T/running" | wc -l >>"$T/counts"
		rmdir "$T/running/$$"
	SH
	mkdir running
	run -0 wp-jobs work -q q -j 3 --drain -- counted
	assert_equal "$(wc -l <counts)" 60
	[ "$(sort -n counts | tail -n 1)" -le 3 ]
}

@test "-j: so many indeed" {
	gated_handler
	wp-jobs add -q q 1 2 3 4
	start work wp-jobs work -q q -j 3 --drain -- gated
	wait_begun
	wait_begun
	wait_begun

	assert_equal "$(count q available)" 1
	for n in 1 2 3 4; do
		pass_gate 0
	done
	finish 0
	assert_equal "$(count q done/min)" 4
}

@test "-j by its variable, and what is none" {
	wp-jobs add -q q 1
	run -64 wp-jobs work -q q -j 0 --drain -- true
	run -64 wp-jobs work -q q -j many --drain -- true
	WP_JOBS_MAX_PROCS=5000 run -64 wp-jobs work -q q --drain -- true
	assert_output --partial WP_JOBS_MAX_PROCS
	WP_JOBS_MAX_PROCS=2 WP_JOBS_QUEUE=q run -0 wp-jobs work --drain -- echo {}
	assert_output 1
}

@test "queue and command have to be said" {
	run -64 wp-jobs work -- true
	assert_output --partial "--queue"
	run -64 wp-jobs work -q q
	assert_output --partial COMMAND
	run -64 wp-jobs work -q "" -- true
}

@test "--drain: it ends when no job is available; what is scheduled or failed stays" {
	wp-jobs add -q q 1
	wp-jobs add -q q --in 1h 2
	run -0 wp-jobs work -q q --drain -- echo {}
	assert_output 1
	run -0 jobs PAYLOAD,STATE
	assert_output "2 scheduled"
	run -0 wp-jobs work -q empty --drain -- echo {}
	assert_output ""
	assert_no_workers
}

@test "without --drain it waits for more: at once, at its time, and for the retry" {
	stub handler <<-'SH'
		echo "$1 $WP_JOB_ATTEMPT"
		[ "$1" != retried ] || [ "$WP_JOB_ATTEMPT" -gt 1 ]
	SH
	mkfifo work.out
	fifo_fd "$T/work.out"
	start work wp-jobs work -q q -j 2 --backoff constant:100ms -- handler {}
	wp-jobs add -q q '"first"'
	wait_line "$T/work.out" "first 1"
	wp-jobs add -q q '"second"'
	wait_line "$T/work.out" "second 1"
	wp-jobs add -q q --in 200ms '"timed"'
	wait_line "$T/work.out" "timed 1"
	wp-jobs add -q q '"retried"'
	wait_line "$T/work.out" "retried 2"
	kill "$pid_work"
	finish 1
	run -0 jobs ID
	assert_output ""
	assert_no_workers
}

@test "--backoff: a failed job waits; by variable as well" {
	wp-jobs add -q q 1
	run -1 wp-jobs work -q q --drain --backoff 2h -- false
	[ "$(date -d "$(job 1 due)" +%s)" -gt $(($(date +%s) + 3600)) ]
	wp-jobs retry 1
	WP_JOBS_BACKOFF=4h run -1 wp-jobs work -q q --drain -- false
	[ "$(date -d "$(job 1 due)" +%s)" -gt $(($(date +%s) + 7200)) ]
	run -64 wp-jobs work -q q --backoff nonsense -- true
}

@test "a job that fails as often as it may has failed" {
	wp-jobs add -q q --max-attempts 3 1
	start work wp-jobs work -q q --backoff constant:1ms -- sh -c 'echo "attempt $WP_JOB_ATTEMPT" >&2; exit 1'
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1
	kill "$pid_work"
	finish 1
	run -0 jobs STATE,ATTEMPT,ERROR
	assert_output 'failed 3 attempt\x203'
}

@test "--timeout: a job that runs longer is stopped, and its whole group with it" {
	wp-jobs add -q q 1
	run -1 wp-jobs work -q q --drain --timeout 200ms -- sh -c 'sleep 1000 & sleep 1000'
	assert_equal "$(job 1 state)" retry
	assert_regex "$(job 1 error)" "timed out"
	no_process_left
}

@test "--timeout by its variable" {
	wp-jobs add -q q 1
	WP_JOBS_TIMEOUT=200ms run -1 wp-jobs work -q q --drain -- sleep 1000
	assert_regex "$(job 1 error)" "timed out"
}

@test "--kill-after: who does not heed SIGTERM is killed" {
	wp-jobs add -q q 1
	run -1 wp-jobs work -q q --drain --timeout 200ms --kill-after 100ms -- sh -c 'trap "" TERM; while :; do sleep 1000; done'
	assert_equal "$(job 1 state)" retry
	wp-jobs retry 1
	run -1 wp-jobs work -q q --drain --timeout 200ms -k 100ms -- sh -c 'trap "" TERM; while :; do sleep 1000; done'
	no_process_left
}

@test "SIGTERM: what runs may end, the rest goes back, and the attempt does not count" {
	gated_handler
	wp-jobs add -q q 1 2 3
	start work wp-jobs work -q q -j 1 --prefetch 2 -- gated
	wait_begun 1
	kill "$pid_work"
	wait_count q available 2
	pass_gate 0
	finish 0
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output "2 available 0
3 available 0"
	assert_no_workers
}

@test "--grace: what has not ended by then is stopped and goes back; the attempt does not count" {
	gated_handler
	wp-jobs add -q q 1 2
	start work wp-jobs work -q q -j 1 --grace 100ms -- gated
	wait_begun 1
	kill "$pid_work"
	finish 0
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output "1 available 0
2 available 0"
	WP_JOBS_GRACE=100ms start work wp-jobs work -q q -j 1 -- gated
	wait_begun 1
	kill -HUP "$pid_work"
	finish 0
	assert_equal "$(jobs STATE,ATTEMPT | sort -u)" "available 0"
	assert_no_workers
}

@test "a second SIGTERM stops now" {
	gated_handler
	wp-jobs add -q q 1 2
	start work wp-jobs work -q q -j 1 --prefetch 1 --grace 1h -- gated
	wait_begun 1
	kill "$pid_work"
	wait_count q available 1
	kill "$pid_work"
	finish 0
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output "1 available 0
2 available 0"
}

@test "--keep: done jobs stay, with what they put out; by variable as well" {
	wp-jobs add -q q 1
	run -0 wp-jobs work -q q --drain --keep 1h -- sh -c 'echo "{\"made\":[1]}"'
	assert_equal "$(job 1 state)" completed
	assert_equal "$(job 1 output)" '{"made":[1]}'
	wp-jobs add -q q 2
	WP_JOBS_KEEP=1h run -0 wp-jobs work -q q --drain -- echo some text
	assert_equal "$(job 2 output)" "some text"
	assert_equal "$(count q completed)" 2
}

@test "--prefetch: so many are reserved ahead of the pool" {
	gated_handler
	seq 10 | wp-jobs add -q q >ids
	start work wp-jobs work -q q -j 1 --prefetch 3 -- gated
	wait_begun 1
	assert_equal "$(count q available)" 6
	kill "$pid_work"
	wait_count q available 9
	pass_gate 0
	finish 0
	WP_JOBS_PREFETCH=0 start work wp-jobs work -q q -j 2 -- gated
	wait_begun
	wait_begun
	assert_equal "$(count q available)" 7
	kill "$pid_work"
	pass_gate 0
	pass_gate 0
	finish 0
}

@test "several queues share the pool by weight, and none starves" {
	seq 60 | jq -Rc '"a"' | wp-jobs add -q a >ids
	seq 60 | jq -Rc '"b"' | wp-jobs add -q b >ids
	wp-jobs work -q a=2 -q b -j 1 --prefetch 0 --drain -- echo {} >order
	assert_equal "$(wc -l <order)" 120
	assert_equal "$(head -n 30 order | sort | uniq -c | awk '{ print $1, $2 }')" "20 a
10 b"
}

@test "several queues from the variable" {
	wp-jobs add -q a 1
	wp-jobs add -q b 2
	run -0 env WP_JOBS_QUEUE=b wp-jobs work --drain -- echo {}
	assert_output 2
	run -0 wp-jobs work -q a -q b -j 1 --drain -- echo {}
	assert_output 1
}

warm_worker() {
	stub warm <<-'SH'
		echo started >>"$T/warm.starts"
		while IFS= read -r line; do
			case $line in
			*'"die"'*) exit 7 ;;
			*'"fail"'*) echo '{"status":"fail","error":"no good"}' ;;
			*'"garbage"'*) echo 'what?' ;;
			*) printf '%s\n' "$line" >>"$T/warm.seen"; echo '{"status":"ok"}' ;;
			esac
		done
	SH
}

@test "--warm: one worker a slot takes job line after job line" {
	warm_worker
	seq 500 | wp-jobs add -q q >ids
	run -0 wp-jobs work -q q -j 2 --warm --drain -- warm
	[ "$(wc -l <warm.starts)" -le 2 ]
	assert_equal "$(jq .payload warm.seen | sort -n | tr '\n' ' ')" "$(seq 500 | tr '\n' ' ')"
	run -0 jobs ID
	assert_output ""
}

@test "--warm: a worker's answers, and its death, are its job's alone" {
	warm_worker
	wp-jobs add -q q 1 '"die"' 2 '"fail"' 3 '"garbage"' 4
	run -1 wp-jobs work -q q -j 1 --warm --drain --backoff 1h -- warm
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output '"die" retry 1
"fail" failed 1
"garbage" retry 1'
	assert_equal "$(jq .payload warm.seen | tr '\n' ' ')" "1 2 3 4 "
	assert_equal "$(job 4 error)" "no good"
}

@test "--window: lines go ahead of the answers, and no job is blamed for another" {
	warm_worker
	{ seq 20 && echo '"die"' && seq 21 40; } | wp-jobs add -q q >ids
	run -1 wp-jobs work -q q -j 1 --warm --window 8 --drain --backoff 1h -- warm
	run -0 jobs PAYLOAD,STATE,ATTEMPT
	assert_output '"die" retry 1'
	assert_equal "$(jq .payload warm.seen | sort -nu | wc -l)" 40
	run -64 wp-jobs work -q q --window 8 -- true
	assert_output --partial "--warm"
}

@test "a command that does not exist: 127, and the jobs are unharmed" {
	wp-jobs add -q q 1 2 3
	run -127 wp-jobs work -q q -- no-such-command
	assert_output --partial no-such-command
	run -0 jobs STATE,ATTEMPT
	assert_output "available 0
available 0
available 0"
	assert_no_workers
}

@test "a command that cannot be executed: 126, and the jobs are unharmed" {
	wp-jobs add -q q 1
	touch not-executable
	run -126 wp-jobs work -q q -- ./not-executable
	run -0 jobs STATE,ATTEMPT
	assert_output "available 0"
}

@test "a command that goes away in between: 127, and the jobs that are left are unharmed" {
	stub vanishing <<-'SH'
		rm -f "$T/bin/vanishing"
	SH
	seq 10 | wp-jobs add -q q >ids
	run -127 wp-jobs work -q q -j 1 -- "$T/bin/vanishing"
	run -0 jobs STATE,ATTEMPT
	assert_equal "${#lines[@]}" 9
	assert_equal "$(jobs STATE,ATTEMPT | sort -u)" "available 0"
}

@test "two workers on one queue never run a job at once, and together run every job once" {
	seq 600 | wp-jobs add -q q >ids
	mkdir locks
	stub exclusive <<-'SH'
		set -C
		{ : >"$T/locks/$WP_JOB_ID"; } 2>/dev/null || { echo "overlap $WP_JOB_ID" >>"$T/overlaps"; exit 65; }
		echo "$WP_JOB_ID" >>"$T/ran"
		rm "$T/locks/$WP_JOB_ID"
	SH
	start one wp-jobs work -q q -j 3 --drain -- exclusive
	start two wp-jobs work -q q -j 3 --drain -- exclusive
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	[ ! -e overlaps ]
	assert_equal "$(sort -n ran | tr '\n' ' ')" "$(seq 600 | tr '\n' ' ')"
	assert_no_workers
}

@test "what it starts gets no connection, and no password, in its arguments" {
	gated_handler
	wp-jobs add -q q 1
	! on_postgres || export WP_JOBS_DB="$WP_JOBS_DB password=secret-word"
	start work wp-jobs work -q q -j 1 -- gated
	wait_begun 1
	"$BUILD/tests/processes" list "WP_TEST_ID=$WP_TEST_ID" >seen
	grep -q "wp-pool map" seen
	run -1 grep -e secret-word -e dbname= seen
	kill "$pid_work"
	pass_gate 0
	finish 0
}

@test "handlers inherit no descriptor but their own three" {
	wp-jobs add -q q 1
	run -0 wp-jobs work -q q --drain -- ls /proc/self/fd
	# the fourth is ls's own, of the directory
	assert_output "0
1
2
3"
}

@test "the texts to notify are sent, and one failed job is no reason to be silent about others" {
	only_on postgres
	wp-jobs add -q q --notify ann 0
	wp-jobs add -q q --notify bob 65
	wp-jobs add -q q --notify cid 1
	{
		echo 'LISTEN "workplane.completed"; LISTEN "workplane.retry"; LISTEN "workplane.failed";'
		echo '\! wp-jobs work -q q --drain -- sh -c '\''exit "$1"'\'' sh {}'
		echo 'SELECT 1;'
	} | psql -X -q -At -d "$WP_JOBS_DB" >heard
	run -0 sed -E 's/.*notification "workplane\.([a-z]+)" with payload "([a-z]+)".*/\1 \2/; /^1$/d' heard
	assert_equal "$(sort <<<"$output")" "completed ann
failed bob
retry cid"
}

@test "--progress shows on a terminal, and is silent elsewhere" {
	wp-jobs add -q q 1 2
	run -0 --separate-stderr wp-jobs work -q q --drain --progress -- echo {}
	assert_equal "$stderr" ""
	wp-jobs add -q q 1 2
	start screen script -qec "wp-jobs work -q q --drain --progress -- false" "$T/screen"
	finish 1
	run -0 cat screen.out
	assert_output --partial "2 of 2 failed"
}
