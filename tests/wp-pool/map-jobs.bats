#!/usr/bin/env bats
# wp-pool map --jobs: job lines in, result lines out, a process a job.

load ../helpers
load pool

# job ID PAYLOAD [MEMBER...]: a job line, its lease made of its id.
job() {
	local id=$1 payload=$2
	shift 2
	printf '{"id":%s,"queue":"q \\u00e9","attempt":2,"max_attempts":5,"payload":%s,"lease":"l%s"%s}\n' \
		"$id" "$payload" "$id" "$*"
}

# Results without announcements and durations, sorted.
results() { jq -c -S 'select(.status != "started") | del(.duration)' | sort; }

@test "map jobs: the exit status is the handler's answer" {
	{ job 1 0; job 2 75; job 3 65; job 4 1; job 5 3; } >in
	run -1 --separate-stderr wp-pool map --jobs -- sh -c 'exit "$1"' sh {} <in
	assert_equal "$(results <<<"$output")" '{"error":"exit status 1","exit":1,"id":4,"lease":"l4","status":"retry"}
{"error":"exit status 3","exit":3,"id":5,"lease":"l5","status":"retry"}
{"error":"exit status 65","exit":65,"id":3,"lease":"l3","status":"fail"}
{"error":"exit status 75","exit":75,"id":2,"lease":"l2","status":"snooze"}
{"exit":0,"id":1,"lease":"l1","status":"ok"}'
	assert_equal "$stderr" 'wp-pool: 3 of 5 failed'
	assert_equal "$(jq 'select(.exit) | .duration >= 0' <<<"$output" | sort -u)" true
}

@test "map jobs: without a placeholder the payload is the command's stdin" {
	job 1 '{"a": [1, "x"]}' >in
	run -0 wp-pool map --jobs -- sh -c 'cat >got; echo "$#" >args' sh <in
	assert_equal "$(cat got)" '{"a": [1, "x"]}'
	assert_equal "$(cat args)" 0
}

@test "map jobs: {} is the payload, {key} one of its members" {
	{ job 1 '"a b\u0041"'; job 2 '{"k":"v w"}'; } >in
	run -0 wp-pool map -j 1 --jobs -- sh -c 'printf "%s\n" "$1" >>got' sh {} <in
	assert_equal "$(cat got)" $'a bA\n{"k":"v w"}'
	job 2 '{"k":"v w","lease":"mine"}' >in
	run -0 wp-pool map --jobs -- sh -c 'printf "%s\n" "$@" >got' sh {k} {lease} <in
	assert_equal "$(cat got)" $'v w\nmine'
}

@test "map jobs: a payload without the member fails for good" {
	job 1 '{"b":1}' >in
	run -1 --separate-stderr wp-pool map --jobs -- echo {a} <in
	assert_equal "$(results <<<"$output")" '{"error":"no member \"a\"","exit":65,"id":1,"lease":"l1","status":"fail"}'
}

@test "map jobs: the environment tells the job" {
	job 7 1 >in
	WP_JOB_ID=mine WP_SLOT=mine run -0 wp-pool map --jobs -- sh -c 'env | grep -a ^WP_ | grep -v WP_TEST | sort >got' <in
	assert_equal "$(grep -v -e WP_STATE got)" 'WP_JOB_ATTEMPT=2
WP_JOB_ID=7
WP_JOB_MAX_ATTEMPTS=5
WP_JOB_QUEUE=q é
WP_SLOT=1'
}

@test "map jobs: stdout is the output: JSON as it is, else a string" {
	{ job 1 '"{\"a\": [1,\n 2]}\n"'; job 2 '"two words\nand more\n"'; job 3 '""'; job 4 '"1 2"'; job 5 '"null\n"'; } >in
	run -0 wp-pool map --jobs -- printf %s {} <in
	assert_equal "$(results <<<"$output" | jq -c '[.id, has("output"), .output]')" '[1,true,{"a":[1,2]}]
[2,true,"two words\nand more"]
[3,false,null]
[4,true,"1 2"]
[5,true,null]'
	assert_equal "$(results <<<"$output" | wc -l)" 5
}

@test "map jobs: much output is cut to 64 KiB, with --output-fd it goes there whole" {
	job 1 1 >in
	wp-pool map --jobs --output-fd 4 -- sh -c 'yes abc | head -c 300000' <in >out 4>whole
	run -0 jq -c 'select(.exit) | [.status, (.output | length)]' out
	assert_output '["ok",65536]'
	assert_equal "$(wc -c <whole)" 300000
}

@test "map jobs: --output-fd gets each job's stdout whole" {
	local i
	for i in 1 2 3 4 5 6; do job "$i" "\"$i\""; done >in
	wp-pool map -j 6 --jobs --output-fd 4 -- sh -c 'yes "$1" | head -c 200000' sh {} <in >out 4>whole
	assert_equal "$(uniq whole | wc -l)" 6
	assert_equal "$(results <out | wc -l)" 6
}

@test "map jobs: commands do not inherit the descriptor of --output-fd" {
	job 1 1 >in
	wp-pool map --jobs --output-fd 4 -- sh -c '[ ! -e /proc/$$/fd/4 ]' <in >out 4>whole
}

@test "map jobs: the end of stderr is the error, all of it goes to our stderr" {
	job 1 1 >in
	wp-pool map --jobs -- sh -c 'seq 2000 >&2; echo "  last é words  " >&2; echo >&2; exit 1' <in >out 2>err || [ $? -eq 1 ]
	run -0 jq -r 'select(.exit) | .error' out
	assert_equal "${lines[-1]}" '  last é words'
	[ "${#output}" -gt 4000 ] && [ "${#output}" -le 4096 ]
	assert_equal "$(sed -n 2000p err)" 2000
}

@test "map jobs: killed and timed out jobs are retried" {
	{ job 1 '"kill -9 $$"'; job 2 '"exec sleep 1000"'; } >in
	run -1 --separate-stderr wp-pool map --jobs --timeout 1s -- sh -c '{}' <in
	assert_equal "$(results <<<"$output")" '{"error":"killed by signal 9","exit":137,"id":1,"lease":"l1","status":"retry"}
{"error":"timed out after 1s","exit":124,"id":2,"lease":"l2","status":"retry"}'
}

@test "map jobs: a job that runs for a while is announced" {
	mkfifo gate out
	exec 7<>gate 8<>out
	{ job 2 '"read -r _ <gate"'; } >in
	wp-pool map --jobs -- sh -c '{}' <in >out 2>map.err 3>&- &
	pid=$!
	wait_line out '"id":2,'
	assert_equal "$(jq -c . <<<"$line")" '{"id":2,"lease":"l2","status":"started"}'
	printf '\n' >&7
	wait_line out '"id":2,'
	assert_equal "$(jq -r .status <<<"$line")" ok
	finish 0
	exec 7<&- 8<&-
}

@test "map jobs: a cancel line ends the job that it names" {
	mkfifo in out
	exec 7<>in 8<>out
	start_with in map sh -c 'exec wp-pool map -j 1 --jobs --kill-after 100ms -- sh -c "echo up >>up; exec sleep 1000" >out'
	{ job 1 1; job 2 2; job 3 3; } >&7
	wait_line up up
	printf '{"id":1,"lease":"other","cancel":true}\n{"id":2,"lease":"l2","cancel":true}\n{"id":9,"lease":"l9","cancel":true}\n' >&7
	wait_line out '"id":2,'
	assert_equal "$(results <<<"$line")" '{"error":"cancelled","id":2,"lease":"l2","status":"fail"}'
	printf '{"id":1,"lease":"l1","cancel":true}\n' >&7
	wait_line out '"id":1,.*"status":"fail"'
	assert_equal "$(results <<<"$line")" '{"error":"cancelled","id":1,"lease":"l1","status":"fail"}'
	printf '{"id":3,"lease":"l3","payload":1,"cancel":true}\n' >&7
	wait_line out '"id":3,.*"status":"fail"'
	kill -TERM "$pid"
	finish 1
	exec 7<&- 8<&-
}

@test "map jobs: a cancelled job that ignores SIGTERM is killed" {
	mkfifo in out
	exec 7<>in 8<>out
	start_with in map sh -c 'exec wp-pool map --jobs --kill-after 100ms -- sh -c "trap : TERM; echo up >up; sleep 1000 & wait; wait; wait; sleep 1000" >out'
	job 1 1 >&7
	wait_line up up
	printf '{"id":1,"lease":"l1","cancel":true}\n' >&7
	wait_line out '"cancelled"'
	kill -TERM "$pid"
	finish 1
	exec 7<&- 8<&-
}

@test "map jobs: lines that are no jobs are named and passed over" {
	{
		job 1 1
		echo 'no json'
		echo '{"id":2,"payload":1}'
		echo '{"id":-1,"payload":1,"lease":"x"}'
		echo '{"id":3,"lease":"x"}'
		echo
		job 4 1
		printf '{"id":5,"lease":"x","payl'
	} >in
	run -1 --separate-stderr wp-pool map --jobs -- true <in
	assert_equal "$(results <<<"$output" | jq -c '[.id,.status]' | sort)" $'[1,"ok"]\n[4,"ok"]'
	assert_equal "$stderr" 'wp-pool: error: line 2: not a JSON object
wp-pool: error: line 3: no member "lease"
wp-pool: error: line 4: member "id" is not a whole number of at least 1
wp-pool: error: line 5: no member "payload"
wp-pool: error: line 6: not a JSON object
wp-pool: error: line 8: not a well-formed JSON object
wp-pool: 6 of 8 failed'
}

@test "map jobs: told to stop, every job that was read and did not end goes back" {
	mkfifo out
	exec 8<>out
	local i
	for i in 1 2 3 4 5 6 7 8 9; do job "$i" 1; done >in
	start_with in map sh -c 'exec wp-pool map -j 2 --jobs --grace 100ms -- sh -c "echo up \$WP_SLOT >>up; exec sleep 1000" >out'
	# Both run: one that does not would be given back before the others.
	wait_line up 'up 1'
	wait_line up 'up 2'
	kill -TERM "$pid"
	for i in 1 2 3 4 5 6 7; do
		wait_line out '"interrupted"'
		assert_equal "$(jq -c '[.status,.delay,.error]' <<<"$line")" '["snooze",0,"interrupted"]'
	done
	wait_line out '"id":[12],.*"interrupted"'
	wait_line out '"id":[12],.*"interrupted"'
	finish 0
	exec 8<&-
}

@test "map jobs: what ends by itself while we stop has ended" {
	mkfifo gate
	exec 7<>gate
	job 1 1 >in
	start_with in map wp-pool map -j 1 --jobs -- sh -c 'echo up >up; read -r _ <gate; exit 65'
	wait_line up up
	kill -TERM "$pid"
	printf '\n' >&7
	finish 1
	assert_equal "$(jq -r 'select(.status != "started") | .status' map.out)" fail
	exec 7<&-
}

@test "map jobs: when nobody takes results any more it ends, also when it waits for jobs" {
	local lines results
	mkfifo lines results
	exec {lines}<>lines {results}<>results
	# It must not have the reading end itself.
	start idle bash -c "exec wp-pool map --jobs -- true <lines >results $results<&-"
	echo '{"id":1,"payload":1,"lease":"a"}' >&"$lines"
	IFS= read -r -t "$PATIENCE" -u "$results" line
	exec {results}<&-
	finish 74 "$pid_idle"
	run -0 cat idle.err
	assert_output ""
}

@test "map jobs: when the command is not there at the start nothing is read" {
	job 1 1 >in
	{ run -127 wp-pool map --jobs -- no-such-command; cat; } <in >rest
	assert_equal "$(cat rest)" "$(cat in)"
}

@test "map jobs: when the command goes away all jobs go back, exit 127" {
	printf '#!/bin/sh\nrm -f script\n' >script
	chmod +x script
	local i
	for i in 1 2 3 4 5; do job "$i" 1; done >in
	run -127 --separate-stderr wp-pool map -j 1 --jobs -- ./script <in
	assert_equal "$(jq -c 'select(.status != "started") | [.id,.status,.delay]' <<<"$output" | sort)" '[1,"ok",null]
[2,"snooze",0]
[3,"snooze",0]
[4,"snooze",0]
[5,"snooze",0]'
}

@test "map jobs: a job's payload may be megabytes" {
	{
		printf '{"id":1,"lease":"x","payload":"'
		head -c 8000000 /dev/zero | tr '\0' a
		printf '"}\n'
	} >in
	run -0 wp-pool map --jobs -- sh -c 'wc -c' <in
	assert_equal "$(jq 'select(.exit) | .output' <<<"$output")" 8000003
}
