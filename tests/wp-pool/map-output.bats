#!/usr/bin/env bats
# wp-pool map: what becomes of the commands' output.

load ../helpers
load pool

# A command of N bytes of output: its own line again and again.
stub_big() {
	stub big <<-'END'
		yes "$1" | head -c "$2"
	END
}

@test "map output: calls are not mixed" {
	stub_big
	seq 8 | wp-pool map -j 8 -- big {} 300000 >out
	assert_equal "$(wc -c <out)" 2400000
	assert_equal "$(uniq out | wc -l)" 8
}

@test "map output: stderr comes whole after stdout, in the same place, too" {
	seq 6 | wp-pool map -j 6 -- sh -c 'for i in 1 2 3; do echo "o $1"; echo "e $1" >&2; done' sh >out 2>&1
	assert_equal "$(uniq out | wc -l)" 12
	run -0 awk 'NR % 6 == 1 { who = $2 } $2 != who || $1 != (NR % 6 >= 1 && NR % 6 <= 3 ? "o" : "e")' out
	assert_output ''
}

@test "map output: large stdout and large stderr go through files that nobody sees" {
	mkdir tmp
	TMPDIR=$T/tmp wp-pool map -j 2 -- sh -c 'yes "$1" | head -c 3000000; yes "e$1" | head -c 3000000 >&2
		ls "$TMPDIR" >>seen' sh >out 2>err < <(seq 4)
	assert_equal "$(wc -c <out) $(wc -c <err)" '12000000 12000000'
	assert_equal "$(uniq out | wc -l)" 4
	assert_equal "$(uniq err | wc -l)" 4
	[ ! -s seen ]
}

@test "map output: memory stays below 8 MiB with much output" {
	stub_big
	printf '%s\n' 1 2 3 4 >in
	wp-pool map -k -j 4 -- sh -c 'big "$1" 20000000; grep VmHWM "/proc/$PPID/status" >"peak$1"' sh <in >out
	assert_equal "$(wc -c <out)" 80000000
	[ -n "${SANITIZE-}" ] || [ "$(cat peak? | tr -dc '0-9\n' | sort -n | tail -n 1)" -lt 8192 ]
}

@test "map output: without a place for temporary files the line fails, and says so" {
	stub_big
	TMPDIR=/no/such run -74 wp-pool map -- big {} 1000000 <<<x
	assert_output --partial 'cannot make a temporary file in "/no/such"'
}

@test "map output: -k keeps the order of the input" {
	mkfifo gate
	seq 5 >in
	start_with in map wp-pool map -k -j 5 -- sh -c '[ "$1" -ne 1 ] || read -r _ <gate; echo "$1"; echo "$1" >>done' sh
	wait_line done 5
	exec 7<>gate
	printf '\n' >&7
	finish 0
	assert_equal "$(tr '\n' ' ' <map.out)" '1 2 3 4 5 '
	exec 7<&-
}

@test "map output: -k passes the first call's output on while it runs" {
	mkfifo gate
	exec 7<>gate
	echo a >in
	start_with in map wp-pool map -k -- sh -c 'echo early; read -r _ <gate; echo late' sh
	wait_line map.out early
	printf '\n' >&7
	finish 0
	assert_equal "$(cat map.out)" $'early\nlate'
	exec 7<&-
}

@test "map output: -k holds much output of later calls" {
	mkfifo gate
	exec 7<>gate
	stub_big
	seq -w 300 >in
	start_with in map wp-pool map -k -j 4 -- sh -c \
		'[ "$1" != 001 ] || read -r _ <gate; big "$1" 100000; echo "$1" >>done' sh
	wait_line done '^200$'
	printf '\n' >&7
	finish 0
	assert_equal "$(uniq map.out)" "$(seq -w 300)"
	assert_equal "$(wc -c <map.out)" 30000000
	exec 7<&-
}

@test "map output: -u hands down our own stdout and stderr" {
	mkfifo gate
	exec 7<>gate
	echo a >in
	start_with in map wp-pool map -u -- sh -c 'echo out; echo err >&2; read -r _ <gate' sh
	wait_line map.out out
	wait_line map.err err
	printf '\n' >&7
	finish 0
	exec 7<&-
}

@test "map output: a command can open /dev/stdout again" {
	run -0 wp-pool map -- sh -c 'echo again >/dev/stdout; echo e >/dev/stderr' <<<x
	assert_output $'again\ne'
}

@test "map output: what stays in the background is not waited for" {
	mkfifo gate
	run -0 wp-pool map -- sh -c 'echo now; { read -r _ <gate; echo later; } &' <<<x
	assert_output now
	exec 7<>gate
	printf '\n' >&7
	# A FIFO that nobody holds open forgets what is in it: the reader may have yet to open it.
	no_process_left
	exec 7<&-
}

@test "map output: a full disk is exit 74" {
	run -74 --separate-stderr sh -c 'seq 3 | wp-pool map -- echo >/dev/full'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: write error: No space left on device'
}

# What is full at one write and empty at the next leaves nothing to wait for, though there is more.
@test "map output: all of it goes out when there is room again at once (a stand-in: strace refuses every second write)" {
	echo 3000000 >in
	: >out
	traced -o calls -P "$T/out" -e trace=write -e inject=write:error=EAGAIN:when=2+2 wp-pool map -- head /dev/zero -c <in >out
	grep -q INJECTED calls
	assert_equal "$(stat -c %s out)" 3000000
}

@test "map output: a reader that goes away ends the run, quietly" {
	yes | wp-pool map -j 2 -- sh -c 'echo x; echo x >>ran' 2>err | head -n 1 >out || true
	assert_equal "$(cat out)" x
	[ "$(wc -l <ran)" -lt 5000 ]
	run -1 grep -i -e write -e pipe err
	run -74 bash -c 'set -o pipefail; trap "" PIPE; yes | wp-pool map -- echo | :'
}

@test "map output: a closed stdout is exit 74" {
	run -74 sh -c 'echo x | wp-pool map -- echo >&-'
	assert_output --partial 'write error'
}

@test "map output: a reader that does not read does not keep SIGTERM from us" {
	mkfifo out
	exec 7<>out
	echo x >in
	wp-pool map --grace 0 --kill-after 100ms -- sh -c 'yes | head -c 1000000; echo up >&2; echo x >done' <in >out 2>map.err 3>&- &
	pid=$!
	wait_line done x
	kill -TERM "$pid"
	finish 74
	exec 7<&-
}

@test "map output: --results ndjson is an object a line" {
	printf 'a "q"\nb\n' >in
	run -1 --separate-stderr wp-pool map -k --results ndjson -- sh -c \
		'printf "%s\n" "$1"; echo "e\\" >&2; [ "$1" = b ] || exit 3' sh <in
	assert_equal "$(jq -c 'del(.duration)' <<<"$output")" \
		'{"seq":1,"line":"a \"q\"","status":"fail","exit":3,"stdout":"a \"q\"\n","stderr":"e\\\n"}
{"seq":2,"line":"b","status":"ok","exit":0,"stdout":"b\n","stderr":"e\\\n"}'
	assert_equal "$(jq -c '.duration >= 0' <<<"$output")" $'true\ntrue'
}

@test "map output: --results ndjson cuts what is over 1 MiB, between characters" {
	wp-pool map --results ndjson -- sh -c 'yes äöü | tr -d "\n" | head -c 2000000' sh <<<x >out
	run -0 jq -c '[.truncated, (.stdout | utf8bytelength > 1048570), (.stdout | test("^(äöü)+"))]' out
	assert_output '[true,true,true]'
	wp-pool map --results ndjson -- sh -c 'yes äöü | tr -d "\n" | head -c 600000' sh <<<x >out
	run -0 jq -r '.stdout' out
	assert_equal "$(wc -c <<<"$output")" 600001
	refute_output --partial '�'
}

@test "map output: --results ndjson tells of lines that could not be run" {
	run -1 --separate-stderr wp-pool map --results ndjson -- echo {a} <<<'{}'
	assert_output '{"seq":1,"line":"{}","status":"fail","exit":65,"stdout":"","stderr":"no member \"a\""}'
}

# script(1) gives wp-pool a terminal.
@test "map output: --progress shows on a terminal and is taken away at the end" {
	mkfifo gate
	exec 7<>gate
	seq 4 >in
	start map script -qec 'wp-pool map -j 1 --progress -- sh -c "[ \$1 -ne 3 ] || read -r _ <gate; [ \$1 -ne 2 ]" sh <in' /dev/null
	wait_screen '\[#+\.+\] +[0-9]+%  2 done, 1 failed  [0-9.]+/s  ETA [0-9]'
	printf '\n' >&7
	finish 1
	[[ $(tail -n 1 map.out) == *'1 of 4 failed'* ]]
	exec 7<&-
}

# The screen's lines are redrawn without a newline between them.
wait_screen() {
	local text='' piece fd
	exec {fd}< <(exec tail -c +1 -F map.out 2>/dev/null 3>&-)
	local tail=$!
	while IFS= read -r -d $'\r' -t "$PATIENCE" -u "$fd" piece; do
		text=$piece
		[[ $text =~ $1 ]] && break
	done
	kill "$tail"
	exec {fd}<&-
	[[ $text =~ $1 ]]
}

@test "map output: --progress is silent elsewhere" {
	run -0 wp-pool map --progress -- true < <(seq 3)
	assert_output ''
}
