#!/usr/bin/env bats
# wp-pool map --warm: workers that stay, a line in, a line out.

load ../helpers
load pool

job() { printf '{"id":%s,"queue":"q","payload":%s,"lease":"l%s"}\n' "$1" "$2" "$1"; }
jobs() {
	local i
	for i; do job "$i" "$i"; done
}
results() { jq -c -S 'select(.status != "started") | del(.duration)' | sort; }

# A worker that does with each line what the shell text on stdin says ($line; answer it).
stub_worker() {
	stub worker < <(
		echo 'echo "$$" >>pids'
		echo 'while IFS= read -r line; do'
		cat
		echo done
	)
}

@test "map warm: one worker answers many lines" {
	stub_worker <<<'echo "<$line>"'
	run -0 wp-pool map --warm -j 1 -- worker < <(seq 100)
	assert_output "$(seq 100 | sed 's/.*/<&>/')"
	assert_equal "$(wc -l <pids)" 1
}

@test "map warm: a worker is started only when there is a line for it" {
	stub_worker <<<'echo ok'
	run -0 wp-pool map --warm -j 8 -- worker <<<x
	assert_equal "$(wc -l <pids)" 1
	rm pids
	run -0 wp-pool map --warm -j 8 -- worker </dev/null
	[ ! -e pids ]
}

@test "map warm: workers work side by side, WP_SLOT tells them apart" {
	mkfifo up gate
	stub_worker <<<'echo "slot $WP_SLOT" >up; read -r _ <gate; echo "$line"'
	seq 3 >in
	start_with in map wp-pool map --warm -j 3 -- worker
	local slots=
	for _ in 1 2 3; do
		wait_line up slot
		slots+="${line#slot } "
	done
	assert_equal "$(printf '%s\n' $slots | sort | tr '\n' ' ')" '1 2 3 '
	exec 7<>gate
	printf '\n\n\n' >&7
	finish 0
	exec 7<&-
}

@test "map warm: -k keeps the order of the input" {
	mkfifo gate
	exec 7<>gate
	stub_worker <<<'[ "$line" -ne 1 ] || read -r _ <gate; echo "$line"; echo "$line" >>done'
	seq 9 >in
	start_with in map wp-pool map --warm -k -j 2 -- worker
	wait_line done 9
	printf '\n' >&7
	finish 0
	assert_equal "$(cat map.out)" "$(seq 9)"
	exec 7<&-
}

@test "map warm: --window sends ahead of the answers" {
	# Answers only when it has three lines.
	stub worker <<-'END'
		while read -r a && read -r b && read -r c; do printf '%s\n' "$a" "$b" "$c"; done
	END
	run -0 timeout 60 wp-pool map --warm --window 3 -j 1 -- worker < <(seq 9)
	assert_output "$(seq 9)"
}

@test "map warm: many lines through wide windows" {
	seq 50000 >in
	wp-pool map --warm --window 100 -j 3 -k -- cat <in >out
	cmp in out
}

@test "map warm: long lines go through narrow pipes" {
	for i in 1 2 3 4; do
		head -c 1000000 /dev/zero | tr '\0' "$i"
		echo
	done >in
	wp-pool map --warm --window 4 -j 1 -- cat <in >out
	cmp in out
}

@test "map warm: a worker that dies fails its line only and is started anew" {
	stub_worker <<<'[ "$line" != 3 ] || exit 9; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm -j 1 -- worker < <(seq 5)
	assert_output $'1\n2\n4\n5'
	assert_equal "$stderr" 'wp-pool: error: line 3: worker ended with exit status 9
wp-pool: 1 of 5 failed'
	assert_equal "$(wc -l <pids)" 2
}

@test "map warm: killed by a signal says so" {
	stub_worker <<<'[ "$line" != 1 ] || kill -9 $$; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm -j 1 -- worker < <(seq 2)
	assert_output 2
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 1: worker killed by signal 9'
}

@test "map warm: what a dying worker had in its window is tried again, each line alone" {
	stub_worker <<<'[ "$line" != 3 ] || exit 1; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm --window 5 -j 1 -- worker < <(seq 6)
	assert_equal "$(sort <<<"$output")" $'1\n2\n4\n5\n6'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 3: worker ended with exit status 1'
	assert_equal "${stderr_lines[1]}" 'wp-pool: 1 of 6 failed'
}

@test "map warm: a worker that answers nothing fails every line, one at a time" {
	run -1 --separate-stderr wp-pool map --warm --window 3 -j 1 -- sh -c 'read -r _; exit 2' < <(seq 3)
	assert_output ''
	assert_equal "${stderr_lines[-1]}" 'wp-pool: 3 of 3 failed'
}

@test "map warm: a worker that speaks without being asked is replaced" {
	stub_worker <<<'if [ "$line" = 2 ]; then echo a; echo b; echo c; else echo "$line"; fi'
	run -0 timeout 60 wp-pool map --warm -j 1 -- worker < <(seq 2)
	assert_equal "${lines[0]}" 1
	assert_equal "${lines[1]}" a
	assert_equal "${#lines[@]}" 2
}

@test "map warm: a worker that closes its stdout fails its line" {
	stub_worker <<<'if [ "$line" = 1 ]; then exec >&-; sleep 1000; fi; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm -j 1 -- worker < <(seq 2)
	assert_output 2
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 1: worker closed its output'
}

@test "map warm: a worker that closes its stdin after its last answer is replaced" {
	stub worker <<-'END'
		read -r line
		echo "$line"
	END
	run -0 wp-pool map --warm --retries 50 -j 1 -- worker < <(seq 3)
	assert_output $'1\n2\n3'
}

@test "map warm: --retries tries a failed line again" {
	stub_worker <<<'mkdir d && exit 1; echo "$line"'
	run -0 wp-pool map --warm --retries 1 -j 1 -- worker 2>/dev/null <<<x
	assert_line x
}

@test "map warm: --timeout is for an answer; the worker is replaced" {
	stub_worker <<<'[ "$line" != 2 ] || exec sleep 1000; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm --timeout 1s -j 1 -- worker < <(seq 3)
	assert_output $'1\n3'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 2: timed out after 1s'
}

@test "map warm: with a window, --timeout blames the head only" {
	stub_worker <<<'[ "$line" != 2 ] || exec sleep 1000; echo "$line"'
	run -1 --separate-stderr wp-pool map --warm --window 4 --timeout 1s -j 1 -- worker < <(seq 5)
	assert_equal "$(sort <<<"$output")" $'1\n3\n4\n5'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 2: timed out after 1s'
}

@test "map warm: stderr is passed on line by line" {
	stub_worker <<<'printf "half " >&2; printf "of %s\n" "$line" >&2; printf "end %s" "$line" >&2; echo ok'
	run -0 --separate-stderr wp-pool map --warm -j 1 -- worker <<<1
	assert_equal "$stderr" $'half of 1\nend 1'
}

@test "map warm: a worker that stays after the end of input is ended" {
	run -0 wp-pool map --warm --kill-after 100ms -- sh -c 'trap "" TERM; read -r x; echo "$x"; sleep 1000 & wait; sleep 1000' <<<x
	assert_output x
}

@test "map warm: an empty line is a line, the last needs no newline" {
	run -0 wp-pool map --warm -j 1 -- sed -u 's/.*/<&>/' < <(printf '\na')
	assert_output $'<>\n<a>'
}

@test "map warm: a command that is not there is exit 127" {
	run -127 wp-pool map --warm -- no-such-command <<<x
}

@test "map warm: told to stop, the line at work ends, the worker too" {
	mkfifo gate
	exec 7<>gate
	stub_worker <<<'echo up >>up; read -r _ <gate; echo "$line"'
	seq 5 >in
	start_with in map wp-pool map --warm -j 1 -- worker
	wait_line up up
	kill -TERM "$pid"
	printf '\n' >&7
	finish 75
	assert_equal "$(cat map.out)" 1
	exec 7<&-
}

@test "map warm: --results ndjson has the answer as stdout" {
	stub_worker <<<'[ "$line" != 2 ] || exit 3; echo "<$line>"'
	run -1 --separate-stderr wp-pool map --warm -j 1 --results ndjson -- worker < <(seq 2)
	assert_equal "$(jq -c '[.seq,.status,.exit,.stdout]' <<<"$output")" '[1,"ok",0,"<1>\n"]
[2,"fail",3,""]'
}

@test "map warm jobs: the job line as it came in, a result object out" {
	stub_worker <<<'echo "$line" >>got; echo "{\"status\":\"ok\",\"output\":[1],\"unknown\":{}}"'
	jobs 1 2 >in
	run -0 wp-pool map --jobs --warm -j 1 -- worker <in
	cmp in got
	assert_equal "$(results <<<"$output")" '{"id":1,"lease":"l1","output":[1],"status":"ok"}
{"id":2,"lease":"l2","output":[1],"status":"ok"}'
	assert_equal "$(jq 'select(.status == "ok") | .duration >= 0' <<<"$output" | sort -u)" true
}

@test "map warm jobs: every status, with error, exit and delay" {
	stub_worker <<<'echo "$line" | sed "s/.*payload\":\({.*}\),.*/\1/"'
	{
		job 1 '{"status":"retry","error":"e","exit":3,"delay":2.5}'
		job 2 '{"status":"fail","error":"bad"}'
		job 3 '{"status":"snooze","delay":60}'
	} >in
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- worker <in
	assert_equal "$(results <<<"$output")" '{"delay":2.5,"error":"e","exit":3,"id":1,"lease":"l1","status":"retry"}
{"delay":60,"id":3,"lease":"l3","status":"snooze"}
{"error":"bad","id":2,"lease":"l2","status":"fail"}'
	assert_equal "$stderr" 'wp-pool: 2 of 3 failed'
}

@test "map warm jobs: an answer that is none fails the job and ends the worker" {
	stub_worker <<<'case $line in *:2,*) echo garbage ;; *:4,*) echo "{}" ;; *) echo "{\"status\":\"ok\"}" ;; esac'
	jobs 1 2 3 4 >in
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- worker <in
	assert_equal "$(results <<<"$output" | jq -c '[.id,.status,.error]' | sort)" '[1,"ok",null]
[2,"retry","worker answered with something that is no result"]
[3,"ok",null]
[4,"retry","worker answered with something that is no result"]'
	assert_equal "$(wc -l <pids)" 2
}

@test "map warm jobs: an answer with another job's id is out of turn" {
	stub_worker <<<'case $line in *:1,*) echo "{\"id\":2,\"status\":\"ok\"}" ;; *) echo "{\"status\":\"ok\"}" ;; esac'
	jobs 1 2 >in
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- worker <in
	assert_equal "$(results <<<"$output" | jq -c '[.id,.status,.error]' | sort)" '[1,"retry","worker answered out of turn"]
[2,"ok",null]'
}

@test "map warm jobs: the end of its stderr is the error of a worker that dies" {
	stub_worker <<<'echo "reason $line" >&2; exit 1'
	jobs 1 >in
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- worker <in
	assert_equal "$(results <<<"$output" | jq -c '[.id,.status,.exit,.lease]')" '[1,"retry",1,"l1"]'
	[[ $(results <<<"$output" | jq -r .error) == 'reason {"id":1,'* ]]
}

@test "map warm jobs: a dying worker's window: the head is retried later, the others now" {
	stub_worker <<<'case $line in *:2,*) exit 1 ;; esac; echo "{\"status\":\"ok\"}"'
	jobs 1 2 3 4 5 >in
	run -1 --separate-stderr wp-pool map --jobs --warm --window 5 -j 1 -- worker <in
	assert_equal "$(results <<<"$output" | jq -c '[.id,.status]' | sort)" '[1,"ok"]
[2,"retry"]
[3,"ok"]
[4,"ok"]
[5,"ok"]'
}

@test "map warm jobs: a long one is announced" {
	mkfifo gate out
	exec 7<>gate 8<>out
	stub_worker <<<'read -r _ <gate; echo "{\"status\":\"ok\"}"'
	jobs 1 >in
	wp-pool map --jobs --warm -- worker <in >out 2>map.err 3>&- &
	pid=$!
	wait_line out started
	assert_equal "$line" '{"id":1,"lease":"l1","status":"started"}'
	printf '\n' >&7
	wait_line out '"ok"'
	finish 0
	exec 7<&- 8<&-
}

@test "map warm jobs: a cancelled job takes its worker with it, and nothing else" {
	mkfifo in out
	exec 7<>in 8<>out
	stub_worker <<<'case $line in *:1,*) echo up >>up; sleep 1000 & wait ;; esac; echo "{\"status\":\"ok\"}"'
	start_with in map sh -c 'exec wp-pool map --jobs --warm --window 4 -j 1 -- worker >out'
	jobs 1 2 3 >&7
	wait_line up up
	printf '{"id":1,"lease":"l1","cancel":true}\n' >&7
	wait_line out '"id":1,.*"fail"'
	assert_equal "$(results <<<"$line")" '{"error":"cancelled","id":1,"lease":"l1","status":"fail"}'
	wait_line out '"status":"ok"'
	wait_line out '"status":"ok"'
	kill -TERM "$pid"
	finish 1
	exec 7<&- 8<&-
}

@test "map warm jobs: told to stop, what has not been answered goes back" {
	mkfifo out
	exec 8<>out
	stub_worker <<<'echo up >>up; sleep 1000 & wait'
	jobs 1 2 3 4 >in
	start_with in map sh -c 'exec wp-pool map --jobs --warm --window 2 -j 1 --grace 50ms -- worker >out'
	wait_line up up
	kill -TERM "$pid"
	finish 0
	local i
	for i in 1 2 3 4; do
		wait_line out '"snooze","error":"interrupted".*"delay":0'
	done
	exec 8<&-
}

@test "map warm jobs: memory stays below 8 MiB over many jobs" {
	seq 200000 | sed 's/.*/{"id":&,"queue":"q","payload":{"n":&},"lease":"l&"}/' >in
	stub worker <<-'END'
		sed -u 's/.*/{"status":"ok"}/'
		grep VmHWM "/proc/$PPID/status" >peak
	END
	wp-pool map --jobs --warm --window 64 -j 1 -- worker <in >out
	assert_equal "$(grep -c '"status":"ok"' out)" 200000
	# What the sanitizers need is not what the program needs.
	[ -n "${SANITIZE-}" ] || [ "$(tr -dc 0-9 <peak)" -lt 8192 ]
}
