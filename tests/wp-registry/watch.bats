#!/usr/bin/env bats
# wp-registry watch: what happens to consumers, as it happens.

load ../helpers
load registry
load rest

echo_lines='while read -r line; do echo "$line"; done'

# lines_of NAME HANDLE: event and reason of each of its lines, on one line.
lines_of() {
	jq -r --arg handle "$2" 'select(.handle == $handle) | .event + (if .reason then ":" + .reason else "" end)' "$T/$1.out" | paste -sd ' '
}

# mark NAME...: each of these watches has told all that has happened so far.
mark() {
	local name
	wp-registry define -s sentinel --replace mark -- true
	for name; do
		wait_line "$T/$name.out" '"event":"define".*"handle":"mark"'
	done
}

@test "watch: the life of one that is defined" {
	watcher one
	wp-registry define d --warm -- sh -c "$echo_lines"
	wp-registry send d x
	wp-registry suspend --hibernate-after 0 >told
	wait_line one.out '"hibernate"'
	wp-registry suspend --disable >told
	wait_line one.out '"run".*"handle":"d"'
	wp-registry suspend --suspend-after 0 >told
	wait_line one.out '"suspend".*"handle":"d"'
	wp-registry suspend --disable >told
	wp-registry start d
	wp-registry send d x
	wp-registry remove d
	wait_line one.out '"remove"'
	assert_regex "$(lines_of one d)" '^define start run hibernate run( hibernate)? suspend start run remove$'
	stop_watcher one
	over
}

@test "watch: the life of one that is registered" {
	watcher one
	registered r -- true
	kill "${registrations[r]}"
	unregistered r 0
	wait_line one.out '"leave"'
	assert_equal "$(lines_of one r)" "start leave"
	stop_watcher one
	over
}

@test "watch: when it happened, and nothing else in a line" {
	watcher one
	wp-registry define h -s s -- cat
	wait_line one.out '"define".*"h"'
	assert_equal "$(jq -c keys_unsorted <<<"$line")" '["event","at","stack","handle"]'
	[ "$(date -d "$(jq -r .at <<<"$line")" +%s)" -gt $(($(date +%s) - 600)) ]
	wp-registry register p -s s --pid $$
	wait_line one.out '"start".*"p"'
	assert_equal "$(jq -c 'del(.at)' <<<"$line")" "{\"event\":\"start\",\"stack\":\"s\",\"handle\":\"p\",\"pid\":$$}"
	registered r -s s -- true
	kill_registration r
	wait_line one.out '"crash"'
	assert_equal "$(jq -c keys_unsorted <<<"$line")" '["event","at","stack","handle","pid","reason"]'
	stop_watcher one
	over
}

@test "watch: the pid is that of the consumer from the start of one that is registered, and from the run of one that is defined" {
	watcher one
	registered r -- true
	wait_line one.out '"start".*"r"'
	assert_equal "$(jq .pid <<<"$line")" "${registrations[r]}"
	wp-registry define d -- true
	wp-registry start d
	wait_line one.out '"run".*"d"'
	assert_equal "$(jq .pid <<<"$line")" "$(wp-registry whereis d)"
	stop_watcher one
	over
}

@test "watch: a crash says why" {
	watcher one
	wp-registry define exits --warm -- sh -c 'read -r line; exit 7'
	wp-registry define dies --warm -- sh -c 'read -r line; kill -KILL $$'
	wp-registry define slow --warm --timeout 10ms -- sh -c 'read -r line; sleep 1000'
	wp-registry define talks --warm -- sh -c 'read -r line; echo; echo; sleep 1000'
	registered killed -- true
	for handle in exits dies slow talks; do
		wp-registry send "$handle" x || true
	done
	kill_registration killed
	for handle in exits dies slow talks killed; do
		wait_line one.out "\"crash\".*\"$handle\""
	done
	assert_equal "$(lines_of one exits)" "define start run crash:exit status 7"
	assert_equal "$(lines_of one dies)" "define start run crash:killed by signal 9"
	assert_equal "$(lines_of one slow)" "define start run crash:it took too long"
	assert_equal "$(lines_of one talks)" "define start run crash:it answered without being asked"
	assert_equal "$(lines_of one killed)" "start crash:killed"
	stop_watcher one
	over
}

@test "watch: every death is heard at once, without anybody who looks" {
	watcher one
	registered r -- true
	kill_registration r
	wait_line one.out '"crash".*"r"'
	wp-registry define d -- true
	wp-registry start d
	wait_line one.out '"run".*"d"'
	kill -KILL "$(jq .pid <<<"$line")"
	wait_line one.out '"crash".*"d"'
	start process sleep 1000
	wp-registry register p --pid "$pid_process"
	kill -KILL "$pid_process"
	finish 137 "$pid_process"
	wait_line one.out '"leave".*"p"'
	assert_equal "$(lines_of one p)" "start leave:exited"
	stop_watcher one
	over
}

@test "watch: those who were there before it die like others" {
	registered r -- true
	start process sleep 1000
	wp-registry register p --pid "$pid_process"
	watcher one
	kill_registration r
	wait_line one.out '"crash".*"r"'
	kill -KILL "$pid_process"
	finish 137 "$pid_process"
	wait_line one.out '"leave".*"p"'
	assert_equal "$(lines_of one r)" "running crash:killed"
	assert_equal "$(lines_of one p)" "running leave:exited"
	stop_watcher one
	over
}

@test "watch: one whose lock file is shared with living ones" {
	local n
	for n in 1 2 3 4; do
		registered "r$n" -- true
	done
	assert_equal "$(find "$WP_STATE/live" -type f | wc -l)" 1
	watcher one
	kill_registration r2
	wait_line one.out '"crash".*"r2"'
	kill_registration r4
	wait_line one.out '"crash".*"r4"'
	assert_equal "$(wp-registry list -rno HANDLE,STATE | paste -sd ' ')" "r1 running r2 crashed r3 running r4 crashed"
	stop_watcher one
	over
}

@test "watch: many die at once: each crash comes once, at every watcher and in the log" {
	local n name guards
	for n in $(seq 20); do
		registered "r$n" -- true
		guards="${guards-} $(pgrep -P "$pid")"
	done
	watcher one
	watcher two
	kill -KILL "${registrations[@]}"
	for n in $(seq 20); do
		unregistered "r$n" 137
	done
	# shellcheck disable=SC2086
	wait_ended $guards
	assert_equal "$(wp-registry count)" 0
	mark one two
	for name in one two; do
		assert_equal "$(jq -r 'select(.event == "crash") | .handle' "$name.out" | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | tr -s ' ')" " 20 1"
		stop_watcher "$name"
	done
	assert_equal "$(sql "SELECT count(*), count(DISTINCT handle) FROM consumer_event WHERE event = 'crash'")" "20|20"
	over
}

@test "watch --stack, by variable as well, and --all-stacks" {
	local name
	wp-registry define there -- true
	wp-registry define there -s other -- true
	start one wp-registry watch --snapshot
	WP_REGISTRY_STACK=other start two wp-registry watch --snapshot
	start three wp-registry watch --snapshot -a
	WP_REGISTRY_STACK=other start four wp-registry watch --snapshot --all-stacks
	WP_REGISTRY_STACK=other start five wp-registry watch --snapshot -s default
	start six wp-registry watch --snapshot --stack other
	for name in one two three four five six; do
		wait_line "$name.out" there
	done
	wp-registry define a -- true
	wp-registry define b -s other -- true
	wp-registry define end -- true
	wp-registry define end -s other -- true
	for name in one two three four five six; do
		wait_line "$name.out" '"end"'
	done
	wait_line three.out '"other","handle":"end"'
	wait_line four.out '"other","handle":"end"'
	assert_equal "$(watched one)" "suspended there define a define end"
	assert_equal "$(watched two)" "suspended there define b define end"
	assert_equal "$(watched three)" "suspended there suspended there define a define b define end define end"
	assert_equal "$(watched four)" "$(watched three)"
	assert_equal "$(watched five)" "$(watched one)"
	assert_equal "$(watched six)" "$(watched two)"
	for name in one two three four five six; do
		stop_watcher "$name"
	done
	run -65 wp-registry watch -s ""
	assert_output --partial "the stack is empty"
}

@test "watch: without --snapshot, what happens from then on alone" {
	wp-registry define before -- true
	start one wp-registry watch
	# It has no word for being ready, so something is to happen until it says so.
	until [ -s one.out ] || ! kill -0 "$pid"; do
		wp-registry define --replace again -- true
	done
	wp-registry define after -- true
	wait_line one.out '"after"'
	assert_equal "$(watched one | grep -o before)" ""
	assert_equal "$(jq -r 'select(.handle == "after") | .event' one.out)" define
	stop_watcher one
}

@test "watch --snapshot: first those who are there, in which state and why" {
	wp-registry define suspended -- true
	wp-registry define running -- true
	wp-registry start running
	until_state running running
	wp-registry define crashed --warm -- sh -c 'read -r line; exit 7'
	run -1 wp-registry send crashed x
	until_state crashed crashed
	registered killed -- true
	kill_registration killed
	wp-registry register process --pid $$
	registered sleeps --hibernate-after 0 -- true
	until_state sleeps hibernated
	run -75 wp-registry watch --snapshot --timeout 10ms
	assert_equal "$(jq -r '.event + " " + .handle + " " + (.reason // "")' <<<"$output" | sort)" "crashed crashed exit status 7
crashed killed killed
hibernated sleeps 
running process 
running running 
suspended suspended "
	assert_equal "$(jq -r 'select(.handle == "sleeps") | .pid' <<<"$output")" "${registrations[sleeps]}"
	over
}

@test "watch --snapshot: nobody there" {
	run -75 wp-registry watch --snapshot --timeout 10ms
	assert_output ""
	run -75 wp-registry --state "$T/new" watch --snapshot --timeout 10ms
	assert_output ""
	[ -d new ]
}

@test "watch --snapshot: nothing is lost between the two and nothing comes twice, while others come and go" {
	stub busy <<-'SH'
		n=0
		while [ $n -lt 100 ]; do
			n=$((n + 1))
			wp-registry define -s busy "$1$n" -- true || exit
			[ $((n % 3)) -eq 0 ] || wp-registry remove -s busy "$1$n" || exit
			echo "done $n"
		done
	SH
	start a busy a
	start b busy b
	wait_line a.out 'done 20'
	start one wp-registry watch --snapshot -s busy
	finish 0 "$pid_a"
	finish 0 "$pid_b"
	wp-registry define -s busy end -- true
	wait_line one.out '"end"'
	stop_watcher one
	# The log in the table: what the watch has told is its end, and what it began with is the sum of what went before.
	sql "SELECT event || ' ' || handle FROM consumer_event WHERE stack = 'busy' ORDER BY seq" >log
	jq -r 'select(.event != "suspended") | .event + " " + .handle' one.out >told
	[ "$(wc -l <told)" -lt "$(wc -l <log)" ]
	cmp told <(tail -n "$(wc -l <told)" log)
	head -n "-$(wc -l <told)" log | awk '$1 == "define" { there[$2] } $1 == "remove" { delete there[$2] } END { for (h in there) print h }' | sort >before
	jq -r 'select(.event == "suspended") | .handle' one.out | sort >snapshot
	cmp before snapshot
}

@test "watch: many handles, one line each whatever they are called" {
	local handle
	watcher one
	for handle in $'new\nline' '"quoted" \ /' é $'\e[31m' "$(bytes 65536)"; do
		wp-registry define -s s -- "$handle" true
		wp-registry list -s s -J | jq -c '.consumers[] | .handle' >there
		mark one
		assert_equal "$(jq -r 'select(.stack == "s") | .handle' one.out)" "$handle"
		wp-registry remove -s s -- "$handle"
		mark one
		stop_watcher one
		: >one.out
		watcher one
	done
	stop_watcher one
}

@test "watch --timeout: 75, quietly" {
	run -75 wp-registry watch --timeout 10ms
	assert_output ""
	run -75 wp-registry watch --timeout 0
	assert_output ""
	bad_durations watch --timeout
}

@test "watch: a signal ends it, with 128 more than its number" {
	local signal
	wp-registry define ready -- true
	for signal in TERM HUP INT; do
		start "one$signal" env --default-signal=INT wp-registry watch --snapshot
		wait_line "one$signal.out" ready
		kill "-$signal" "$pid"
		finish "$((128 + $(kill -l "$signal")))"
		assert_equal "$(cat "one$signal.err")" ""
	done
}

@test "watch: a reader that goes ends it at once, quietly" {
	wp-registry define one -- true
	start one bash -c 'set -o pipefail; wp-registry watch --snapshot | head -n 1'
	finish 74
	assert_equal "$(cat one.err)" ""
	assert_equal "$(wc -l <one.out)" 1
}

@test "watch: a reader that goes with many lines unread ends it quietly" {
	local n
	for n in $(seq 20); do
		wp-registry define "$n$(bytes 20000)" -- true
	done
	start one bash -c 'set -o pipefail; wp-registry watch --snapshot | head -c 1'
	finish 74
	assert_equal "$(cat one.err)" ""
}

@test "watch: /dev/full and a closed stdout are errors" {
	wp-registry define one -- true
	run -74 bash -c 'wp-registry watch --snapshot >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-registry watch --snapshot >&-'
	assert_output --partial "error:"
}

@test "watch: a reader that is slow for a while loses nothing" {
	local n
	mkfifo slow
	wp-registry define first -s slow -- true
	start one sh -c 'exec wp-registry watch --snapshot -s slow >slow'
	exec 7<slow
	read -r -t "$PATIENCE" line <&7    # the snapshot is taken
	for n in $(seq 12); do
		wp-registry define -s slow "$n-$(bytes 10000)" -- true
	done
	wp-registry remove -s slow first
	timeout "$PATIENCE" sh -c 'while read -r line; do
		printf "%s\n" "$line"
		case $line in *remove*) exit 0 ;; esac
	done' <&7 >told
	kill "$pid_one"
	finish 143 "$pid_one"
	exec 7<&-
	assert_equal "$(jq -r '.handle | split("-")[0]' told | paste -sd ' ')" "1 2 3 4 5 6 7 8 9 10 11 12 first"
}

@test "watch: one who falls behind what is kept says so: 75 (old events stand in for the time that takes)" {
	watcher one
	kill -STOP "$pid_one"
	# Nobody deletes what is not ten minutes old.
	wp-registry define a -- true
	wp-registry define b -- true
	sql "DELETE FROM consumer_event WHERE seq < (SELECT max(seq) FROM consumer_event)"
	kill -CONT "$pid_one"
	finish 75 "$pid_one"
	assert_equal "$(cat one.err)" "wp-registry: error: fell behind: some events are not kept any more"
}

@test "watch: events are kept, at least the newest 10,000 (old ones stand in)" {
	wp-registry define a -- true
	sql "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)
		INSERT INTO consumer_event SELECT i, 1, 'define', NULL, stack, handle, NULL FROM n, consumer"
	for _ in $(seq 150); do
		wp-registry define b -- true
		wp-registry remove b
	done
	run -0 sql "SELECT count(*) BETWEEN 10000 AND 10256, max(seq) FROM consumer_event"
	assert_output "1|12300"
}

@test "watch: the state file deleted under it: it says so and ends" {
	watcher one
	rm "$WP_STATE"/state.db*
	wp-registry define again -- true
	finish 74 "$pid_one"
	assert_equal "$(cat one.err)" "wp-registry: error: the state file was removed: \"$WP_STATE/state.db\""
}

@test "watch: mistakes, and refused state directories" {
	usage watch "unexpected argument" one
	usage watch --colour --colour
	help_of watch
	refused_states watch
}
