load ../helpers

# example N: the Nth literal display under EXAMPLES.
example() { manual_example wp-presence.1 "$1"; }

# script NAME: an executable in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

# A worker that says that it runs, and ends when it is told to.
patient_worker() {
	mkfifo begun gate
	fifo_fd "$PWD/begun"
	script worker <<-'SH'
		echo $$ >begun
		read -r _ <gate
	SH
}

entries() { wp-presence list -rno "$@"; }

@test "a worker that is present as long as it runs" {
	patient_worker
	example 1 | sed 's/^/exec /' >track
	start track sh ./track
	wait_line "$PWD/begun" .
	assert_equal "$(entries KEY,PID,CAPACITY)" "worker-1 $pid_track 5"
	echo >gate
	finish 0 "$pid_track"
	assert_equal "$(entries KEY)" ""
}

@test "one that runs already" {
	patient_worker
	{ example 2 && echo 'wait $!'; } >track
	start track sh ./track
	wait_line "$PWD/begun" .
	run -0 wp-presence wait --key worker-1 --timeout "${PATIENCE}s"
	assert_equal "$(entries KEY,PID,CAPACITY)" "worker-1 $line 5"
	echo >gate
	finish 0 "$pid_track"
	assert_equal "$(entries KEY)" ""
}

@test "a shell that is present itself" {
	{ manual_block wp-presence.1 1 && echo 'wp-presence list -rno KEY,PID,CAPACITY,REF && echo "$$ $WP_PRESENCE_REF"'; } >shell
	run -0 sh ./shell
	local pid=${lines[1]% *} ref=${lines[1]#* }
	assert_output "worker-1 $pid 5 $ref
$pid $ref"
	assert_equal "$(entries KEY)" ""
}

@test "a script that is the worker" {
	stub convert <<-'SH'
		wp-presence list -rno KEY,PID,IN-USE >"$4"
	SH
	example 3 >thumbs
	chmod +x thumbs
	printf '%s\n' a.png "b c.png" >images
	run -0 sh -c 'echo $$ && exec ./thumbs <images'
	local pid=$output
	assert_equal "$(cat thumb-a.png)" "thumbs-$pid $pid 1"
	assert_equal "$(cat "thumb-b c.png")" "thumbs-$pid $pid 1"
	assert_equal "$(entries KEY)" ""
}

@test "how much can be carried, and by whom" {
	wp-presence track worker-1 --capacity 5 --in-use 2 --ref r1 --pid $$ >refs
	wp-presence track worker-2 --capacity 5 --ref r2 --pid $$ >>refs
	example 4 >ask
	run -0 sh ./ask
	assert_output - <<-ASKED
		10
		8
		KEY      CAPACITY FREE
		worker-1        5    3
		worker-2        5    5
		{"key":"worker-1","ref":"r1","pid":$$,"capacity":5,"in-use":2,"meta":{}}
	ASKED
}

@test "start when there are enough" {
	script start-the-batch <<-'SH'
		echo started
	SH
	example 5 >enough
	sed 's/1m/10ms/' enough >never
	wp-presence track worker-1 --capacity 19 --pid $$ >refs
	run -75 --separate-stderr sh ./never
	assert_output ""
	start batch sh ./enough
	wp-presence track worker-2 --pid $$ >>refs
	finish 0 "$pid_batch"
	assert_equal "$(cat batch.out)" started
}

@test "who is there, and who comes and goes" {
	wp-presence track worker-1 --pid $$ >refs
	example 6 >watch
	start watch sh ./watch
	wait_line "$T/watch.out" $'^present\tworker-1$'
	wp-presence track worker-2 -- true
	wait_line "$T/watch.out" $'^join\tworker-2$'
	wait_line "$T/watch.out" $'^leave\tworker-2\texited$'
	kill "$(pgrep -P "$pid_watch" -x wp-presence)"
	finish 0 "$pid_watch"
}

@test "one at a time" {
	patient_worker
	mv worker make-report
	example 7 | sed 's/^/exec /' >nightly
	start first sh ./nightly
	wait_line "$PWD/begun" .
	run -125 sh ./nightly
	assert_output --partial "ref \"nightly\" is tracked already, by process $pid_first"
	echo >gate
	finish 0 "$pid_first"
	start second sh ./nightly
	wait_line "$PWD/begun" .
	echo >gate
	finish 0 "$pid_second"
}

@test "entries with the owners of their workers" {
	echo '{"worker-1":"ann"}' >owners.json
	wp-presence track worker-1 --pid $$ >refs
	wp-presence track worker-2 --pid $$ >>refs
	example 8 >owners
	run -0 sh ./owners
	assert_equal "$(jq -r '.presence[] | "\(.key) \(.owner)"' <<<"$output")" "worker-1 ann
worker-2 null"
}

@test "cron: figures for node_exporter" {
	wp-presence track worker-1 --capacity 5 --topic resizers --pid $$ >refs
	example 9 | sed -E "s/^([^ ]+ +){5}//; s|/var/lib/prometheus/node-exporter|$T|" >figures
	run -0 sh ./figures
	assert_output ""
	run -0 grep resizers workplane.prom
	assert_line 'workplane_presence_free{topic="resizers"} 5'
	assert_equal "$(tail -n 1 workplane.prom)" "# EOF"
}

@test "no more jobs than those present can carry" {
	script dispatch <<-'SH'
		jq --unbuffered -c '{id, lease, status: "ok", output: .payload}' | tee dispatched
	SH
	seq 3 | wp-jobs add -q mail >ids
	example 10 | sed 's/produce/& --limit 3/' >hand-out
	start out sh ./hand-out
	wp-presence track a --topic mailers --capacity 2 --pid $$ >refs
	finish 0 "$pid_out"
	assert_equal "$(jq -r .output dispatched | sort)" "1
2
3"
	assert_equal "$(wp-jobs list -rno ID)" ""
}

@test "the columns are those of the program, and the marked ones are the usual" {
	sed -n '/^The columns:/,/^\.El/s/^\.It //p' "$TOP/man/wp-presence.1" >columns
	run -64 wp-presence list -o none
	wp-presence track worker-1 --pid $$ >refs
	assert_equal "$(sed -n 's/.*the columns are //p' <<<"$output" | sed 's/, /\n/g')" "$(tr -d '*' <columns)"
	assert_equal "$(wp-presence list | head -n 1 | tr -s ' ' '\n')" "$(sed -n 's/\*$//p' columns)"
	run -0 grep -A 1 '^List the topics' "$TOP/man/wp-presence.1"
	assert_line "$(wp-presence topics | head -n 1 | sed 's/ \+/, /g; s/, FREE/ and FREE./')"
}

@test "the gauges are those of the program" {
	wp-presence track worker-1 --pid $$ >refs
	{ wp-presence list --format openmetrics && wp-presence capacity --format openmetrics; } |
		sed -n 's/^# TYPE \([a-z_]*\) gauge$/\1/p' | sort >gauges
	run -0 grep -oE 'workplane_presence_[a-z_]+' "$TOP/man/wp-presence.1"
	assert_equal "$(sort <<<"$output")" "$(cat gauges)"
}
