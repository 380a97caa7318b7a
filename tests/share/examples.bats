load ../helpers

# The worked examples, as they are, with the programs that they are about.
setup() {
	wp_setup
	PATH=$TOP/share/examples:$PATH
}

# image FILE: one of 400 by 300 points.
image() { convert -size 400x300 xc:red "png:$1"; }

jobs() { wp-jobs list -rno "$@"; }

# script NAME: a program in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

@test "each example is a program of under 30 lines, which says at its top how it is used" {
	local example count=0
	for example in "$TOP"/share/examples/*; do
		[ "${example##*/}" != crontab ] || continue
		count=$((count + 1))
		[ -x "$example" ]
		run -0 grep -c '' "$example"
		[ "$output" -lt 30 ]
		run -0 sed -n 2p "$example"
		assert_output --regexp "^# usage: .*${example##*/}"
		grep -qFx ".It Pa ${example##*/}" "$TOP/man/workplane.7"
	done
	[ "$count" -eq 5 ]
}

@test "thumbnails: each image once, whatever its name; then what is new" {
	local thumb
	mkdir photos
	image photos/one.png
	image "photos/it's [2] \"x\" %d.png"
	image "photos/-n:{}.png"
	run -0 thumbnails photos thumbs
	assert_output "3 thumbnails, 0 not done"
	for thumb in thumbs/*; do
		run -0 identify -format '%m %w %h' - <"$thumb"
		assert_output "JPEG 200 150"
	done
	stat -c '%n %i %y' thumbs/* >before
	run -0 thumbnails photos thumbs
	assert_output "3 thumbnails, 0 not done"
	stat -c '%n %i %y' thumbs/* >after
	run -0 diff before after
	image photos/four.png
	touch -d tomorrow photos/one.png
	run -0 thumbnails photos thumbs
	assert_output "4 thumbnails, 0 not done"
	stat -c '%n %i %y' thumbs/* >after
	run -1 diff before after
	assert_equal "$(grep -c '^> thumbs/\(four\|one\)' <<<"$output") $(grep -c '^>' <<<"$output")" "2 2"
}

@test "thumbnails: what is no image is not done, and tried again; what is gone is forgotten" {
	mkdir photos
	image photos/one.png
	echo "no image" >photos/two.png
	run -1 --separate-stderr thumbnails photos thumbs
	assert_output "1 thumbnails, 1 not done"
	assert_equal "$(jobs PAYLOAD,STATE,ATTEMPT)" '"two.png" retry 1'
	run -1 --separate-stderr thumbnails photos thumbs
	assert_output "1 thumbnails, 1 not done"
	assert_equal "$(jobs PAYLOAD,STATE,ATTEMPT)" '"two.png" retry 2'
	image photos/two.png
	run -0 --separate-stderr thumbnails photos thumbs
	assert_output "2 thumbnails, 0 not done"
	echo "no image" >photos/three.png
	run -1 --separate-stderr thumbnails photos thumbs
	rm photos/three.png
	run -0 --separate-stderr thumbnails photos thumbs
	assert_output "2 thumbnails, 0 not done"
	assert_equal "$(ls -A thumbs)" "one.png.jpg
two.png.jpg"
	run -64 thumbnails photos
	assert_output "usage: thumbnails PHOTOS THUMBNAILS"
}

# A backup that says when it runs, and ends with the status that it is told.
backup() {
	mkfifo begun gate
	script make-backup <<-'SH'
		echo "$*" >begun
		read -r status <gate
		exit "$status"
	SH
	fifo_fd "$PWD/begun"
	fifo_fd "$PWD/gate"
	gate=$fd
}

# The commands of the table, each as cron gives it to sh: without its time.
crontab_lines() { sed -n '/^#/d; /^[A-Z]*=/d; s/^[^\t]*\t\t*//p' "$TOP/share/examples/crontab"; }

# cron_runs REGEX: the one command that matches, as cron runs it.
cron_runs() {
	crontab_lines | grep -E "$1" >line
	assert_equal "$(wc -l <line)" 1
	sh -c "$(cat line)"
}

# Of a worker that was killed the command is killed as well, and only when that is gone its job goes back.
goes_back() {
	run -0 cron_runs '^wp-jobs sweep'
	assert_output ""
	[ "$(jobs STATE)" = available ]
}

@test "nightly: a second one at the same time does nothing, and says who is at it" {
	backup
	start first nightly backup ./make-backup /srv
	wait_line "$PWD/begun" '^/srv$'
	run -0 --separate-stderr nightly backup touch ran
	assert_equal "$stderr" 'wp-jobs: job 1 already stands for key "backup"'
	assert_line --index 0 "backup is not done:"
	assert_line --index 2 --regexp "^(reserved|in_progress) +1 +$(pgrep -P "$pid_first" -x wp-jobs) "
	[ ! -e ran ]
	echo 0 >&"$gate"
	finish 0 "$pid_first"
	run -0 cat first.out
	assert_output "backup is done"
	run -0 nightly backup touch ran
	[ -e ran ]
}

@test "nightly: what fails is tried again by the other line of its head, and has nothing to do with the next night" {
	script make-backup <<-'SH'
		echo "$*: $WP_JOB_ATTEMPT" >>"$T/ran"
		[ -e disk ]
	SH
	PATH=$T:$PATH
	run -1 --separate-stderr nightly backup make-backup /srv
	assert_line --index 0 "backup is not done:"
	assert_line --index 2 --regexp '^retry +1 .* exit status 1$'
	sed -n 's/^#\t[^\t]*\t//p' "$TOP/share/examples/nightly" >lines
	assert_equal "$(wc -l <lines)" 2
	run -0 wp-jobs retry -q nightly:backup
	run -1 sh -c "$(sed -n 2p lines)"
	run -0 wp-jobs retry -q nightly:backup
	run -1 sh -c "$(sed -n 2p lines)"
	assert_equal "$(jobs STATE,ATTEMPT)" "failed 3"
	touch disk
	run -0 sh -c "$(sed -n 1p lines)"
	assert_output "backup is done"
	assert_equal "$(cat ran)" "/srv: 1
/srv: 2
/srv: 3
/srv: 1"
}

@test "nightly: what was killed with all of it is still to be done, and is done" {
	backup
	start first setsid nightly backup ./make-backup /srv
	wait_line "$PWD/begun" '^/srv$'
	kill -KILL -- "-$pid_first"
	finish 137 "$pid_first"
	until_true goes_back
	start second nightly backup ./make-backup again
	wait_line "$PWD/begun" '^again$'
	echo 0 >&"$gate"
	finish 0 "$pid_second"
	run -0 cat second.err second.out
	assert_output 'wp-jobs: job 1 already stands for key "backup"
backup is done'
}

@test "outbox: a mail for the order that was committed, none for the other, and none twice" {
	jobs_backend postgres
	run -0 outbox
	assert_output "mail to ada@example.com about order 1
orders 1, mails 1"
	assert_equal "$(jobs ID)" ""
	run -0 sql "SELECT count(*) FROM pg_namespace WHERE nspname = 'outbox'"
	assert_output 0
	run -0 outbox
	sed 's/ ROLLBACK / COMMIT /; s/json_build_object(.order., id/&, '"'who', 'x'"'/' "$TOP/share/examples/outbox" >both
	chmod +x both
	run -0 ./both
	assert_line "orders 2, mails 2"
	unset WP_JOBS_DB
	run outbox
	refute_crash
	assert_output --partial "is to say which database"
	drop_database
}

@test "fan-out: answers in order, from workers each of which has loaded its table once" {
	seq 1000 | sed 's/.*/&\tnumber &/' >table
	seq 1200 | shuf --random-source=table >keys
	run -0 --separate-stderr fan-out table 3 <keys
	awk '{ print $0 "\t" ($0 <= 1000 ? "number " $0 : "unknown") }' keys >expected
	run -0 diff expected - <<<"$output"
	run -0 awk '/^worker [123]: loaded 1000 entries once, answered [0-9]+ lines$/ { n++; sum += $(NF - 1) } END { print n, sum }' \
		<<<"$stderr"
	assert_output "3 1200"
	assert_equal "$(find . -name 'tmp.*')" ""
}

@test "fan-out: a worker that dies costs one line" {
	printf 'a\t1\nb\t2\n' >table
	{ yes a | head -n 50; printf '\377\n'; yes b | head -n 50; } >keys
	run -1 --separate-stderr fan-out table 1 <keys
	assert_equal "$(sort <<<"$output" | uniq -c | tr -s ' ')" " 50 a	1
 50 b	2"
	assert_regex "$stderr" "line 51: worker ended with exit status 1"
	assert_equal "$(grep -c 'loaded 2 entries once' <<<"$stderr")" 1
}

@test "standby: the other one is active when the node is killed, and the first one comes back as the standby" {
	run -0 --separate-stderr standby
	local killed other
	killed=$(sed -n 's/^kill -9: node //p' <<<"$output")
	other=$(sed -n 's/^db on \(.*\) is active now$/\1/p' <<<"$output")
	assert_equal "$(printf '%s\n' "$killed" "$other" | sort)" "alpha
beta"
	assert_line --index 0 --regexp "^db on $killed is active|^db on $other is passive"
	assert_line --partial '"event":"promote"'
	assert_line --regexp "^db +[01] $killed +running passive$"
	assert_line --regexp "^db +[01] $other +running active$"
	assert_equal "$(find . -name 'tmp.*')" ""
	[ ! -e "$WP_STATE" ]
}

@test "crontab: each line has a time and a command, without %, and the PATH is there" {
	local time='[0-9*/,-]+'
	run -0 grep -cE "^(@reboot|($time ){4}$time)	+wp-[a-z]+ [^%]+$" "$TOP/share/examples/crontab"
	assert_output "$(crontab_lines | wc -l)"
	run -0 grep -vE '^(#|$|@reboot|[0-9*])' "$TOP/share/examples/crontab"
	assert_output PATH=/usr/local/bin:/usr/bin:/bin
}

@test "crontab: queues, and what becomes of them" {
	stub send-mail <<-'SH'
		cat >>"$T/sent"
	SH
	stub make-report <<-'SH'
		echo report >>"$T/reports"
	SH
	wp-jobs add -q mail '"one"' '"two"' >ids
	run -0 cron_runs 'work -q mail'
	run -0 sort sent
	assert_output '"one"
"two"'
	run -0 cron_runs 'add -q report'
	run -0 cron_runs 'add -q report'
	run -0 cron_runs 'work -q report'
	run -0 cat reports
	assert_output report
	wp-jobs add -q bad --max-attempts 1 1 >ids
	run -1 wp-jobs work -q bad --drain -- false
	run -0 cron_runs '^wp-jobs list'
	assert_output --regexp '^ *[0-9]+ bad .* exit status 1$'
	run -0 cron_runs '^wp-jobs prune'
	assert_output ""
	assert_equal "$(jobs STATE)" failed
}

@test "crontab: the jobs of a worker that has died go back" {
	backup
	wp-jobs add -q backup null >ids
	start worker setsid wp-jobs work -q backup -- ./make-backup now
	wait_line "$PWD/begun" now
	kill -KILL -- "-$pid_worker"
	finish 137 "$pid_worker"
	until_true goes_back
}

@test "crontab: mail when nobody is there to work, and none when somebody is" {
	wp-presence track worker --pid $$ --capacity 1 >ref
	run -0 cron_runs 'wp-presence wait'
	assert_output ""
	wp-presence untrack worker
	crontab_lines | sed -n 's/--timeout 10s/--timeout 10ms/; /wp-presence wait/p' >impatient
	run -0 sh ./impatient
	assert_output "no worker is there"
}

@test "crontab: a pool and a node from the start of the machine on" {
	crontab_lines | sed -n 's/^wp-pool/exec &/p' >pool
	start pool sh ./pool
	wp-pool wait video
	run -0 wp-pool call video -- echo hello
	assert_output hello
	kill "$pid_pool"
	finish 0 "$pid_pool"
	crontab_lines | sed -n 's/^wp-distribute/exec &/p' >node
	start node sh ./node
	wp-distribute start child --await --timeout 1m -- sleep 1000 >started
	run -0 wp-distribute list -rno ID,NODE,STATE
	assert_output "child alpha running"
	kill "$pid_node"
	finish 0 "$pid_node"
}
