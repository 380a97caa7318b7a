load ../helpers
load jobs

@test "payloads from the command line: ids on stdout, in order" {
	run -0 wp-jobs add -q q 1 '"two"' '{"n": 3}' null
	assert_output "1
2
3
4"
	assert_equal "$(job 3 payload)" '{"n":3}'
	run -0 jobs ID,STATE,QUEUE
	assert_output "1 available q
2 available q
3 available q
4 available q"
}

@test "payloads from stdin, one a line; the last newline may be missing" {
	run -0 wp-jobs add --queue q < <(printf '{"n":1}\n{"n":2}\n{"n":3}')
	assert_output "1
2
3"
	assert_equal "$(job 3 payload)" '{"n":3}'
}

@test "no line on stdin is no job" {
	run -0 wp-jobs add -q q </dev/null
	assert_output ""
	run -0 jobs ID
	assert_output ""
}

@test "many lines: as many ids, all different, and every payload its own" {
	seq 12345 | wp-jobs add -q q >ids
	assert_equal "$(wc -l <ids)" 12345
	assert_equal "$(sort -u ids | wc -l)" 12345
	jobs ID,PAYLOAD >got
	assert_equal "$(wc -l <got)" 12345
	paste -d " " ids <(seq 12345) >want
	run -0 cmp got want
}

@test "adders in parallel draw different ids" {
	local pids=() n
	for n in 1 2 3 4; do
		start "add$n" sh -c 'seq 3000 | wp-jobs add -q q'
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	assert_equal "$(sort -u ./add?.out | wc -l)" 12000
	assert_equal "$(count q available)" 12000
}

@test "a line that is no JSON: the error names it, and nothing is added" {
	run -65 wp-jobs add -q q < <(seq 6000 && echo '{"n":' && seq 5)
	assert_output --partial "line 6001"
	run -0 jobs ID
	assert_output ""
}

@test "an argument that is no JSON: the error names it, and nothing is added" {
	run -65 wp-jobs add -q q 1 2 three
	assert_output --partial "payload 3"
	run -0 jobs ID
	assert_output ""
}

@test "two values are not one payload, and an empty line is none" {
	run -65 wp-jobs add -q q '1 2'
	run -65 wp-jobs add -q q ''
	run -65 wp-jobs add -q q < <(printf '1\n\n2\n')
	assert_output --partial "line 2"
}

@test "--text: arguments and lines become JSON strings" {
	run -0 wp-jobs add -q q --text 'a "word"' 7
	run -0 wp-jobs add -q q -t < <(printf 'tab\there\n\nlast')
	assert_equal "$(job 1 payload)" 'a "word"'
	assert_equal "$(wp-jobs show 2 | jq -c '.jobs[0].payload')" '"7"'
	assert_equal "$(wp-jobs list -Jo PAYLOAD | jq -c '[.jobs[].payload]')" '["a \"word\"","7","tab\there","","last"]'
}

@test "Unicode, escapes and the ends of numbers come back as they went in" {
	wp-jobs add -q q '"\u00e4 ä 😀 \ud83d\ude00"' '[1e400,-0,0.10,123456789012345678901234567890]' '{"":{"":[]}}'
	wp-jobs produce -q q --limit 3 >lines
	assert_equal "$(sed -n 1p lines | jq -r .payload)" "ä ä 😀 😀"
	run -0 grep -F '[1e400,-0,0.10,123456789012345678901234567890]' lines
	run -0 grep -F '{"":{"":[]}}' lines
}

@test "a payload over several lines comes out on one" {
	wp-jobs add -q q $'{\n\t"a": 1,\r\n "b": "x\\ny"\n}'
	wp-jobs produce -q q --limit 1 >lines
	assert_equal "$(wc -l <lines)" 1
	assert_equal "$(jq -c .payload lines)" '{"a":1,"b":"x\ny"}'
}

@test "--priority: lower numbers first, then in order of arrival" {
	wp-jobs add -q q 1
	wp-jobs add -q q -p 5 2
	wp-jobs add -q q --priority -5 3
	wp-jobs add -q q 4
	assert_equal "$(job 3 priority)" -5
	run -0 wp-jobs work -q q -j 1 --drain -- echo {}
	assert_output "3
1
4
2"
}

@test "--at: scheduled for that time; a time that is past is now" {
	wp-jobs add -q q --at 2100-01-31T12:00:00.25+01:00 1
	wp-jobs add -q q --at 2001-01-31 2
	wp-jobs add -q q --at @4102444800 3
	run -0 jobs ID,STATE,DUE
	assert_output "1 scheduled 2100-01-31T11:00:00.250000Z
2 available 
3 scheduled 2100-01-01T00:00:00.000000Z"
}

@test "--at and --in hold for every line of stdin" {
	seq 3 | wp-jobs add -q q --at 2100-01-31T12:00:00Z
	run -0 jobs STATE,DUE
	assert_output "scheduled 2100-01-31T12:00:00.000000Z
scheduled 2100-01-31T12:00:00.000000Z
scheduled 2100-01-31T12:00:00.000000Z"
	seq 3 | wp-jobs add -q later --in 1h
	assert_equal "$(count later scheduled)" 3
	seq 3 | wp-jobs add -q past --at 2001-01-31
	assert_equal "$(count past available)" 3
}

@test "--in: so long from now" {
	local before after due
	before=$(date +%s)
	wp-jobs add -q q --in 1h30m 1
	after=$(date +%s)
	due=$(date -d "$(job 1 due)" +%s)
	[ "$due" -ge $((before + 5400)) ]
	[ "$due" -le $((after + 5401)) ]
	wp-jobs add -q q --in 0 2
	assert_equal "$(job 2 state)" available
}

@test "--at and --in exclude each other" {
	run -64 wp-jobs add -q q --at 2100-01-31 --in 5m 1
	run -0 jobs ID
	assert_output ""
}

@test "--max-attempts, by option and by variable" {
	wp-jobs add -q q 1
	wp-jobs add -q q --max-attempts 2 1
	WP_JOBS_MAX_ATTEMPTS=3 wp-jobs add -q q 1
	echo 1 | wp-jobs add -q q --max-attempts 4
	run -0 jobs ID,MAX-ATTEMPTS
	assert_output "1 5
2 2
3 3
4 4"
	run -64 wp-jobs add -q q --max-attempts 0 1
}

@test "--unique: no second job with the key while one is not finished" {
	run -0 --separate-stderr wp-jobs add -q q --unique nightly 1
	assert_equal "$output$stderr" 1
	run -0 --separate-stderr wp-jobs add -q q --unique nightly 2
	assert_output 1
	assert_equal "$stderr" 'wp-jobs: job 1 already stands for key "nightly"'
	wp-jobs add -q other --unique nightly 3
	assert_equal "$(jobs QUEUE,PAYLOAD)" "q 1
other 3"
	assert_equal "$(job 1 unique)" nightly
}

@test "--unique holds while the job runs, is scheduled or waits for its retry, and no longer" {
	gated_handler
	wp-jobs add -q q --unique k 1
	start work wp-jobs work -q q -j 1 --backoff 1h -- gated
	wait_begun 1
	run -0 --separate-stderr wp-jobs add -q q --unique k 2
	assert_output 1
	pass_gate 1
	wait_count q retry 1
	run -0 --separate-stderr wp-jobs add -q q --unique k 2
	assert_output 1
	wp-jobs cancel 1
	run -0 --separate-stderr wp-jobs add -q q --unique k --in 1h 2
	assert_output "$(jobs ID --state scheduled)"
	[ "$output" -gt 1 ]
	local second=$output
	run -0 --separate-stderr wp-jobs add -q q --unique k 3
	assert_output "$second"
	kill "$pid_work"
	finish 1 "$pid_work"
}

@test "--unique on stdin: the lines share one job" {
	run -0 --separate-stderr wp-jobs add -q q --unique k < <(seq 3)
	assert_output "1
1
1"
	assert_equal "$(jobs PAYLOAD)" 1
}

@test "of eight who race for a key one adds, and all say the same id" {
	local pids=() n
	wp-jobs init
	for n in 1 2 3 4 5 6 7 8; do
		start "add$n" wp-jobs add -q q --unique k "$n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	assert_equal "$(sort -u ./add?.out | wc -l)" 1
	assert_equal "$(count q available)" 1
}

@test "--notify: Postgres sends the text when the job ends, the state file cannot" {
	if ! on_postgres; then
		run -64 wp-jobs add -q q --notify text 1
		assert_output --partial "--notify"
		return
	fi
	wp-jobs add -q q --notify "it's done" 1
	assert_equal "$(job 1 notify)" "it's done"
	run -64 wp-jobs add -q q --notify "$(printf '%08000d' 0)" 1
}

@test "the queue is needed, by option or by variable" {
	run -64 wp-jobs add 1
	assert_output --partial "--queue"
	WP_JOBS_QUEUE=from-variable wp-jobs add 1
	assert_equal "$(job 1 queue)" from-variable
	WP_JOBS_QUEUE=from-variable wp-jobs add -q from-option 1
	assert_equal "$(job 2 queue)" from-option
}

@test "queues are names, whatever is in them" {
	wp-jobs add -q "'; drop table jobs --" 1
	wp-jobs add -q '%s{}\' 2
	wp-jobs add -q "Ä queue, with 😀" 3
	wp-jobs add -q "$(printf '%0255d' 0)" 4
	assert_equal "$(job 1 queue)" "'; drop table jobs --"
	assert_equal "$(wp-jobs list -J -q '%s{}\' | jq -c '[.jobs[].payload]')" "[2]"
	run -0 wp-jobs work -q "'; drop table jobs --" --drain -- echo ran {}
	assert_output "ran 1"
	run -0 wp-jobs work -q "Ä queue, with 😀" --drain -- echo ran {}
	assert_output "ran 3"
}

@test "what is no name of a queue is refused" {
	run -64 wp-jobs add -q "" 1
	run -64 wp-jobs add -q "$(printf '%0256d' 0)" 1
	assert_output --partial "255 bytes"
	run -64 wp-jobs add -q $'a\nb' 1
	run -64 wp-jobs add -q $'\xff' 1
	assert_output --partial "UTF-8"
}

@test "--state and --db say where, before and after the verb" {
	env -u WP_JOBS_DB wp-jobs --state "$T/one" add -q q 1
	env -u WP_JOBS_DB wp-jobs add --state "$T/one" -q q 2
	run -0 env -u WP_JOBS_DB wp-jobs --state "$T/one" list -rno PAYLOAD
	assert_output "1
2"
	if on_postgres; then
		run -0 env -u WP_JOBS_DB wp-jobs --db "$WP_JOBS_DB" add -q q 3
		assert_equal "$(jobs PAYLOAD)" 3
	fi
}
