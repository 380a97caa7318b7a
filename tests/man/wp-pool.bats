#!/usr/bin/env bats
# The EXAMPLES of wp-pool(1), as they stand there.

load ../helpers

# example N: the Nth literal display under EXAMPLES, in the file "example".
example() { manual_example wp-pool.1 "$1" >example && [ -s example ]; }

@test "wp-pool(1): compress every text file" {
	echo 1 >a.txt
	echo 2 >'b c.txt'
	example 1
	run -0 sh ./example
	assert_equal "$(zcat a.txt.gz 'b c.txt.gz')" $'1\n2'
}

@test "wp-pool(1): any file name whatever" {
	echo 1 >$'new\nline.txt'
	example 2
	run -0 sh ./example
	assert_equal "$(zcat $'new\nline.txt.gz')" 1
}

@test "wp-pool(1): members of JSON lines" {
	example 3
	run -0 sh ./example
	assert_output $'w1 is number 1\nw2 is number 2'
}

@test "wp-pool(1): go on where a run was interrupted" {
	example 4
	run -0 sh ./example
	assert_equal "${#lines[@]}" 100
	head -n 51 log >half
	mv half log
	run -0 sh ./example
	assert_equal "${#lines[@]}" 50
}

@test "wp-pool(1): a long-lived worker" {
	example 5
	run -0 sh ./example
	assert_output "$(seq 1000 | sed 's/^/line /')"
}

@test "wp-pool(1): what failed" {
	example 6
	run -0 --separate-stderr sh ./example
	assert_output 3
}

# script NAME: an executable in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

# A pool of the test's own, for examples that use one.
ffmpeg_pool() {
	start pool wp-pool start ffmpeg
	wp-pool wait ffmpeg
}

# A command NAME that says that it runs, and ends when it is told to.
patient() {
	[ -p gate ] || mkfifo begun gate
	fifo_fd "$PWD/begun"
	fifo_fd "$PWD/gate"
	script "$1" <<-'SH'
		echo "$0 $GPU" >begun
		read -r _ <gate
	SH
}

status() { wp-pool status -rno "$@"; }

@test "wp-pool(1): a pool, and what it can do for a shell" {
	stub ffmpeg <<-'SH'
		[ "$1" = -i ] && cp "$2" "$3"
	SH
	script long-report <<-'SH'
		echo reported
	SH
	patient listener
	echo film >in.mp4
	mkdir dir
	echo 1 >dir/a
	example 7
	sh ./example >out 2>err 3>&-
	assert_equal "$(cat out.webm)" film
	assert_equal "$(tar -xzOf dir.tar.gz dir/a)" 1
	wait_line report.log '^reported$'
	# Ids, and a table.
	assert_equal "$(sed -n '1,2p' out)" $'3\n4'
	run -0 tail -n +3 out
	assert_line --index 0 --regexp '^POOL +ID +STATE'
	assert_line --regexp ' 4 running .* \./listener$'
	assert_equal "$(status MIN,MAX,CAPACITY ffmpeg)" "2 20 80"
	wp-pool stop ffmpeg --now
	assert_equal "$(cat err)" ""
}

@test "wp-pool(1): a list through a pool" {
	stub flac <<-'SH'
		echo "$WP_POOL $2" >>flac.ran
	SH
	touch a.wav 'b c.wav'
	ffmpeg_pool
	example 8
	run -0 sh ./example
	assert_equal "$(sort flac.ran)" $'ffmpeg a.wav\nffmpeg b c.wav'
	wp-pool stop ffmpeg
}

@test "wp-pool(1): something urgent that may fail, with limits" {
	script probe <<-'SH'
		mkdir tried 2>/dev/null && exit 1
		echo "$1 $(ulimit -v) $(ulimit -t) $(nice)"
	SH
	ffmpeg_pool
	example 9
	run -0 sh ./example
	assert_output "in.mp4 2097152 120 $(($(nice) + 5))"
	wp-pool stop ffmpeg
}

@test "wp-pool(1): two GPUs, a call each at a time" {
	patient train
	example 10
	start first sh ./example
	wait_line begun . && echo "$line" >trained
	tail -n 1 example >second
	start second sh ./second
	wait_line begun . && echo "$line" >>trained
	assert_equal "$(sort trained)" $'./train 0\n./train 1'
	printf '\n\n' >gate
	finish 0 "$pid_first"
	finish 0 "$pid_second"
	wp-pool stop gpu
}

@test "wp-pool(1): runners that stay while a file is there, and tell of themselves" {
	mkfifo crew.log
	fifo_fd "$PWD/crew.log"
	touch keep-runners
	# The check says that it was asked, too.
	example 11
	sed "s/^wp-pool/exec &/; s/1m/1ms/; s/'test ! -e keep-runners'/'echo asked >>crew.log; test ! -e keep-runners'/" example >crew
	run -0 grep -c asked crew
	start crew sh ./crew
	wp-pool wait crew
	wp-pool call crew -- true
	wait_line crew.log '^runner 1: ok$'
	wait_line crew.log '^asked$'
	wait_line crew.log '^asked$'
	assert_equal "$(status RUNNERS crew)" 1
	rm keep-runners
	wait_line crew.log '^0 are left$'
	wp-pool stop crew
	finish 0 "$pid_crew"
}

@test "wp-pool(1): runners elsewhere, with a stand-in for the ssh backend, which runs things here" {
	mkdir backends places
	script backends/ssh <<-'SH'
		case $1 in
		boot) [ "$2" = build1 ] && mkdir "$T/places/$WP_RUNNER" && echo "$T/places/$WP_RUNNER" && cat && rm -r "$T/places/$WP_RUNNER" ;;
		exec) cd "$2" && shift 3 && exec "$@" ;;
		sync) cp "$3" "$2" ;;
		*) exit 64 ;;
		esac
	SH
	export WP_BACKENDS=$T/backends
	script resize <<-'SH'
		pwd && exec tr a-z A-Z
	SH
	echo image >in.png
	example 12
	sh ./example 2>err 3>&-
	assert_equal "$(cat out.png)" "$T/places/1"$'\n'IMAGE
	assert_equal "$(status MAX,BACKEND remote)" "4 ssh"
	wp-pool stop remote
	assert_equal "$(ls places)" ""
	assert_equal "$(cat err)" ""
}

@test "wp-pool(1): what would be ended, and the end of it" {
	patient listener
	ffmpeg_pool
	start call wp-pool call ffmpeg -- ./listener
	wait_line begun .
	example 13
	start example sh ./example
	wait_line "$T/example.out" '^\./listener$'
	echo >gate
	finish 0 "$pid_call"
	finish 0 "$pid_example"
	finish 0 "$pid_pool"
}

@test "wp-pool(1): cron: figures for node_exporter" {
	ffmpeg_pool
	wp-pool call ffmpeg -- true
	example 14
	sed -E "s/^([^ ]+ +){5}//; s|/var/lib/prometheus/node-exporter|$T|" example >figures
	run -0 sh ./figures
	assert_output ""
	run -0 cat wp-pool.prom
	assert_line 'wp_pool_passed_total{pool="ffmpeg"} 1'
	assert_line --index -1 "# EOF"
	wp-pool stop ffmpeg
}

# columns OPTION...: those that the program knows.
columns() {
	run -64 wp-pool status "$@" -o none
	sed -n 's/.*the columns are //p' <<<"$output" | sed 's/, /\n/g'
}

# marked THINGS: those that the page has for pools, runners or calls.
marked() { sed -n "/^The columns of $1/,/^\.El/s/^\.It //p" "$TOP/man/wp-pool.1"; }

# assert_columns THINGS [OPTION]
assert_columns() {
	local things=$1
	shift
	assert_equal "$(marked "$things" | tr -d '*')" "$(columns "$@")"
	assert_equal "$(marked "$things" | sed -n 's/\*$//p')" "$(wp-pool status "$@" | head -n 1 | tr -s ' ' '\n')"
}

@test "wp-pool(1): the columns are those of the program, and the marked ones are the usual" {
	ffmpeg_pool
	wp-pool place ffmpeg --detach -- sleep 1000 >id
	assert_columns pools
	assert_columns runners --runners
	assert_columns calls --calls
	wp-pool stop ffmpeg --now
}

@test "wp-pool(1): the figures are those of the program" {
	ffmpeg_pool
	wp-pool status --format openmetrics | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sort >figures
	run -0 grep -oE '\bwp_pool_[a-z_]+' "$TOP/man/wp-pool.1"
	assert_equal "$(sort <<<"$output")" "$(cat figures)"
	wp-pool stop ffmpeg
}

@test "wp-pool(1): each option of FLAME.Pool has a line" {
	sed -n '/^\.Ss Coming from FLAME/,/^\.El/s/^\.It Li //p' "$TOP/man/wp-pool.1" | sed 's/ , /\n/g' >answered
	local name
	for name in name min max max_concurrency single_use backend log timeout boot_timeout shutdown_timeout \
		idle_shutdown_after min_idle_shutdown_after on_grow_start on_grow_end on_shrink; do
		run -0 grep -Fx ":$name" answered
	done
}
