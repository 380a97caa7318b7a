#!/usr/bin/env bats
# wp-presence watch: joins, updates and leaves as they happen.

load ../helpers
load presence

@test "watch: a join, an update and a leave, each with the entry as it was then" {
	watcher one
	wp-presence track k --ref mine -c 5 -m '{"zone":"eu"}' --pid $$ >ref
	wp-presence update k --in-use 2
	wp-presence untrack k >ref
	wait_line one.out leave
	assert_equal "$(jq -c 'select(.key == "k") | [.event, .topic, .ref, .pid, .capacity, .in_use, .meta, .reason]' one.out)" \
		"[\"join\",\"workers\",\"mine\",$$,5,0,{\"zone\":\"eu\"},null]
[\"update\",\"workers\",\"mine\",$$,5,2,{\"zone\":\"eu\"},null]
[\"leave\",\"workers\",\"mine\",$$,5,2,{\"zone\":\"eu\"},\"untracked\"]"
	stop_watcher one
}

@test "watch: when it happened, and nothing else in a line" {
	watcher one
	wp-presence track k --pid $$ >ref
	wait_line one.out '"key":"k"'
	assert_equal "$(jq -c keys_unsorted <<<"$line")" '["event","at","topic","key","ref","pid","capacity","in_use","meta"]'
	[ "$(date -d "$(jq -r .at <<<"$line")" +%s)" -gt $(($(date +%s) - 600)) ]
	stop_watcher one
}

@test "watch: a leave says why" {
	watcher one
	worker exited exited
	end_worker exited 3
	worker killed killed
	kill_worker killed
	wait_line one.out 'leave.*"killed"'
	worker command command
	kill -KILL "$(pgrep -P "$pid_command" -x hold)"
	finish 137
	process process
	wp-presence track process --pid "$pid" >ref
	end_process process
	wait_line one.out 'leave.*"process"'
	bash -c 'eval "$(wp-presence track closed --fd 9)"; exec 9>&-'
	wait_line one.out 'leave.*"closed"'
	wp-presence track untracked --pid $$ >ref
	wp-presence untrack untracked >ref
	wait_line one.out 'leave.*"untracked"'
	assert_equal "$(watched one | grep -o 'leave [^ ]*')" "leave exited:exited
leave killed:killed
leave command:killed
leave process:exited
leave closed:exited
leave untracked:untracked"
	stop_watcher one
	assert_nothing_left
}

@test "watch: every death is heard at once, without anybody who looks" {
	watcher one
	worker a a
	kill_worker a
	wait_line one.out 'leave.*"a"'
	process b
	wp-presence track b --pid "$pid_b" >ref
	kill_worker b
	wait_line one.out 'leave.*"b"'
	start c bash -c 'eval "$(wp-presence track c --fd 9)"; echo up; exec sleep 1000'
	wait_line c.out up
	kill_worker c
	wait_line one.out 'leave.*"c"'
	stop_watcher one
	assert_nothing_left
}

@test "watch: those who were there before it die like others" {
	worker a a
	process b
	wp-presence track b --pid "$pid_b" >ref
	start c bash -c 'eval "$(wp-presence track c --fd 9)"; echo up; exec sleep 1000'
	wait_line c.out up
	watcher one
	kill_worker a
	wait_line one.out 'leave.*"a"'
	kill_worker b
	wait_line one.out 'leave.*"b"'
	kill_worker c
	wait_line one.out 'leave.*"c"'
	assert_equal "$(watched one)" "leave a:killed leave b:exited leave c:exited"
	stop_watcher one
}

@test "watch: one whose lock file is shared with living ones" {
	local n
	watcher one
	for n in 1 2 3 4; do
		worker "w$n" "w$n"
	done
	assert_equal "$(find "$WP_STATE/live" -type f | wc -l)" 1
	kill_worker w2
	wait_line one.out 'leave.*"w2"'
	kill_worker w4
	wait_line one.out 'leave.*"w4"'
	assert_equal "$(present | sed 's/ready //')" "w1 w3"
	end_worker w1
	end_worker w3
	stop_watcher one
	assert_nothing_left
}

@test "watch --topic, by variable as well, and --all-topics" {
	watcher one
	WP_PRESENCE_TOPIC=other watcher two
	watcher three -a
	WP_PRESENCE_TOPIC=other watcher four --all-topics
	WP_PRESENCE_TOPIC=other watcher five --topic other
	wp-presence track a --pid $$ >ref
	wp-presence track b -t other --pid $$ >ref
	wp-presence track end --pid $$ >ref
	wp-presence track end -t other --pid $$ >ref
	for name in one two three four five; do
		wait_line "$name.out" '"end"'
	done
	wait_line three.out '"topic":"other","key":"end"'
	wait_line four.out '"topic":"other","key":"end"'
	assert_equal "$(watched one)" "join a join end"
	assert_equal "$(watched two)" "join b join end"
	assert_equal "$(watched three)" "join a join b join end join end"
	assert_equal "$(watched four)" "join a join b join end join end"
	assert_equal "$(watched five)" "join b join end"
	for name in one two three four five; do
		stop_watcher "$name"
	done
	run -65 wp-presence watch -t ""
}

@test "watch --snapshot: first those who are present, then what happens" {
	wp-presence track a -c 3 --pid $$ >ref
	wp-presence track b -t other --pid $$ >ref
	worker dead dead
	kill_worker dead
	start one wp-presence watch --snapshot
	wait_line one.out present
	wp-presence track c --pid $$ >ref
	wait_line one.out join
	assert_equal "$(watched one)" "present a join c"
	assert_equal "$(head -n 1 one.out | jq -c '[.capacity, .reason]')" "[3,null]"
	stop_watcher one
	start two wp-presence watch -s -a
	wait_line two.out '"c"'
	assert_equal "$(watched two)" "present a present b present c"
	stop_watcher two
}

@test "watch --snapshot: nobody there" {
	run -75 wp-presence watch --snapshot --timeout 50ms
	assert_output ""
	run -75 wp-presence --state "$T/new" watch --snapshot --timeout 50ms
	assert_output ""
}

@test "watch --snapshot: nothing is lost between the two and nothing comes twice, while others come and go" {
	seq 200 >numbers
	start busy sh -c 'exec wp-pool map -j 4 -- sh -c "wp-presence track -t busy k\$1 --ref r\$1 --pid $1 >/dev/null &&
		{ [ \$((\$1 % 3)) -eq 0 ] || wp-presence untrack -t busy k\$1; }; echo done \$1" sh <numbers' sh $$
	wait_line busy.out 'done 60'
	start one wp-presence watch --snapshot -t busy
	finish 0 "$pid_busy"
	wp-presence track -t busy end --pid $$ >ref
	wait_line one.out '"end"'
	stop_watcher one
	# The log in the table: what the watch has told is its end, and what it began with is the sum of what went before.
	sql "SELECT event || ' ' || ref FROM presence_event WHERE topic = 'busy' ORDER BY seq" >log
	jq -r 'select(.event != "present") | .event + " " + .ref' one.out >told
	[ "$(wc -l <told)" -lt "$(wc -l <log)" ]
	cmp told <(tail -n "$(wc -l <told)" log)
	head -n "-$(wc -l <told)" log |
		awk '$1 == "join" { there[$2] } $1 == "leave" { delete there[$2] } END { for (ref in there) print ref }' | sort >before
	jq -r 'select(.event == "present") | .ref' one.out | sort >snapshot
	cmp before snapshot
}

@test "watch: in the order of the log, once, with many who write (fewer with sanitizers)" {
	local many=200
	[ -z "${SANITIZE-}" ] || many=50
	watcher one
	seq "$many" | wp-pool map -j 4 -- sh -c "wp-presence track k\$1 --ref r\$1 --pid $$ &&
		wp-presence update k\$1 --in-use 1 && wp-presence untrack k\$1" sh >refs
	wp-presence track end --pid $$ >ref
	wait_line one.out '"end"'
	sql "SELECT event || ' ' || ref FROM presence_event WHERE key LIKE 'k%' ORDER BY seq" >log
	jq -r 'select(.key | startswith("k")) | .event + " " + .ref' one.out | cmp - log
	assert_equal "$(wc -l <log)" "$((3 * many))"
	stop_watcher one
}

@test "watch: many die at once: each leave comes once" {
	local n
	for n in $(seq 40); do
		process "p$n"
		wp-presence track "p$n" --pid "$pid" >>refs
		echo "$pid" >>pids
	done
	for n in $(seq 20); do
		worker "w$n" "w$n"
		echo "$pid" >>pids
		guard_of "$pid"
		echo "$guard" >>guards
	done
	watcher one
	watcher two
	xargs kill -KILL <pids
	cat pids guards | while read -r pid; do
		wait_gone "$pid"
	done
	assert_present ready
	wp-presence track end --pid $$ >ref
	for name in one two; do
		wait_line "$name.out" '"end"'
		assert_equal "$(watched "$name" | grep -o 'leave [^ ]*' | wc -l)" 60
		assert_equal "$(watched "$name" | grep -o 'leave [^ ]*' | sort -u | wc -l)" 60
		stop_watcher "$name"
	done
	assert_equal "$(sql "SELECT count(*) FROM presence_event WHERE event = 'leave'")" 60
}

@test "watch: two watchers both tell of a death, each once, and the log has it once" {
	local name
	worker w w
	process p
	wp-presence track p --pid "$pid_p" >ref
	watcher one
	watcher two
	kill_worker w
	kill_worker p
	for name in one two; do
		wait_line "$name.out" 'leave.*"w"'
		wait_line "$name.out" 'leave.*"p"'
	done
	wp-presence track end --pid $$ >ref
	for name in one two; do
		wait_line "$name.out" '"end"'
		assert_equal "$(watched "$name" | grep -o 'leave [^ ]*' | sort)" "leave p:exited
leave w:killed"
		stop_watcher "$name"
	done
	assert_equal "$(history w) $(history p)" "join leave:killed join leave:exited"
}

@test "watch --timeout: 75, quietly" {
	run -75 wp-presence watch --timeout 20ms
	assert_output ""
	run -75 wp-presence watch --timeout 0
	run -64 wp-presence watch --timeout 5
	run -64 wp-presence watch --timeout -1s
	run -64 wp-presence watch --timeout soon
	assert_output --partial soon
}

@test "watch: a signal ends it, with 128 more than its number" {
	local signal
	for signal in TERM HUP INT; do
		start "one$signal" env --default-signal=INT wp-presence watch --snapshot
		wp-presence track ready --ref "$signal" --pid $$ >ref
		wait_line "one$signal.out" "$signal"
		kill "-$signal" "$pid"
		finish "$((128 + $(kill -l "$signal")))"
		assert_equal "$(cat "one$signal.err")" ""
	done
}

@test "watch: a reader that goes ends it at the next event, quietly" {
	wp-presence track k --pid $$ >ref
	start one bash -c 'set -o pipefail; wp-presence watch --snapshot | head -n 1'
	wait_line one.out '"k"'
	wp-presence update k -u 1
	finish 74
	assert_equal "$(cat one.err)" ""
}

@test "watch: a reader that goes ends it at once" {
	wp-presence track k --pid $$ >ref
	start one bash -c 'set -o pipefail; wp-presence watch --snapshot | head -n 1'
	finish 74
	assert_equal "$(cat one.err)" ""
	assert_equal "$(wc -l <one.out)" 1
}

@test "watch: /dev/full and a closed stdout are errors" {
	wp-presence track k --pid $$ >ref
	run -74 bash -c 'wp-presence watch --snapshot >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-presence watch --snapshot >&-'
	assert_output --partial "error:"
}

@test "watch: a reader that is slow for a while loses nothing" {
	mkfifo slow
	wp-presence track -t busy first --pid $$ >ref
	start one sh -c 'exec wp-presence watch --snapshot -t busy >slow'
	exec 7<slow
	read -r -t "$PATIENCE" line <&7    # the snapshot is taken
	wp-presence track -t busy ready -m "{\"x\":\"$(head -c 60000 /dev/zero | tr '\0' x)\"}" --pid $$ >ref
	for n in $(seq 30); do
		wp-presence update -t busy ready -u "$n"
	done
	wp-presence untrack -t busy ready >ref
	timeout "$PATIENCE" sh -c 'while read -r line; do
		printf "%s\n" "$line"
		case $line in *leave*) exit 0 ;; esac
	done' <&7 >told
	kill "$pid_one"
	finish 143
	exec 7<&-
	assert_equal "$(jq -r .event told | uniq -c | awk '{ print $2 $1 }' | paste -sd ' ')" "join1 update30 leave1"
}

@test "watch: one who falls behind what is kept says so: 75 (old events stand in for the time that takes)" {
	watcher one
	kill -STOP "$pid_one"
	# Nobody deletes what is not ten minutes old.
	wp-presence track k --pid $$ >ref
	wp-presence track l --pid $$ >ref
	sql "DELETE FROM presence_event WHERE seq < (SELECT max(seq) FROM presence_event)"
	kill -CONT "$pid_one"
	finish 75 "$pid_one"
	assert_regex "$(cat one.err)" '^wp-presence: error: [0-9]+ events are not kept any more: read too slowly$'
}

@test "watch: events are kept, at least the newest 10,000 (old ones stand in)" {
	local last
	wp-presence track k --pid $$ >ref
	sql "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
		INSERT INTO presence_event SELECT i, 1, 'update', NULL, topic, key, ref, id, pid, process, capacity, in_use, meta
		FROM n, presence"
	last=$(sql "SELECT max(seq) FROM presence_event")
	for _ in $(seq 256); do
		wp-presence update k --in-use 1
	done
	run -0 sql "SELECT count(*) BETWEEN 10000 AND 10256, max(seq) FROM presence_event"
	assert_output "1|$((last + 256))"
}

@test "watch: mistakes" {
	run -64 wp-presence watch k
	run -64 wp-presence watch --colour
	assert_output --partial "Try 'wp-presence watch --help'"
}
