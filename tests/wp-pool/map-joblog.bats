#!/usr/bin/env bats
# wp-pool map: the joblog, and going on from it.

load ../helpers
load pool

fields() { awk -F '\t' -v "n=$1" 'NR > 1 { print $n }' log; }

@test "map joblog: GNU parallel's columns" {
	run -1 wp-pool map -j 1 --joblog log -- sh -c 'echo "$1"; exit $(($1 - 1))' sh < <(seq 2)
	assert_equal "$(head -n 1 log)" "$(printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand')"
	assert_equal "$(fields 1)" $'1\n2'
	assert_equal "$(fields 2)" $':\n:'
	assert_equal "$(fields 6)" $'2\n2'
	assert_equal "$(fields 7)" $'0\n1'
	assert_equal "$(fields 8)" $'0\n0'
	assert_equal "$(fields 9 | head -n 1)" "sh -c 'echo \"\$1\"; exit \$((\$1 - 1))' sh 1"
	local now
	now=$(date +%s)
	[[ $(fields 3 | head -n 1) =~ ^([0-9]+)\.[0-9]{3}$ ]]
	[ $((now - BASH_REMATCH[1])) -lt 600 ]
	[[ $(fields 4 | head -n 1) =~ ^\ *[0-9]+\.[0-9]{3}$ ]]
}

@test "map joblog: has GNU parallel's header" {
	wp-pool map --joblog log -- true <<<x
	parallel --joblog theirs true ::: x
	assert_equal "$(head -n 1 log)" "$(head -n 1 theirs)"
}

@test "map joblog: signals and what cannot be run" {
	run -1 wp-pool map -j 1 --joblog log -- sh -c 'kill -9 $$; : {a}' <<<$'{"a":1}\n{}'
	assert_equal "$(fields 7)" $'0\n65'
	assert_equal "$(fields 8)" $'9\n0'
}

@test "map joblog: a record is a line whatever the command is" {
	wp-pool map -0 --joblog log -- true < <(printf 'a\nb\t\0c\0')
	assert_equal "$(wc -l <log)" 3
	assert_equal "$(fields 9 | sort)" $'true $\'a\\012b\\011\'\ntrue c'
}

@test "map joblog: --resume passes over what succeeded and runs the rest" {
	run -1 wp-pool map -j 1 --joblog log -- sh -c 'echo "$1" >>ran; [ "$1" -ne 3 ]' sh < <(seq 4)
	: >ran
	run -1 wp-pool map -j 1 --joblog log --resume -- sh -c 'echo "$1" >>ran; [ "$1" -ne 3 ]' sh < <(seq 6)
	assert_equal "$(cat ran)" $'3\n5\n6'
	assert_output 'wp-pool: 1 of 6 failed'
	: >ran
	run -1 wp-pool map -j 1 --joblog log --resume -- sh -c 'echo "$1" >>ran; [ "$1" -ne 3 ]' sh < <(seq 6)
	assert_equal "$(cat ran)" 3
}

@test "map joblog: --resume after SIGKILL" {
	mkfifo gate
	exec 7<>gate
	seq 3 >in
	start_with in map wp-pool map -j 1 --joblog log -- sh -c 'echo "$1" >>ran; [ "$1" -ne 2 ] || read -r _ <gate' sh
	wait_line ran 2
	kill -KILL "$pid"
	finish 137
	# One for the command of the run that was killed, if it is still dying.
	printf '\n\n' >&7
	run -0 wp-pool map -j 1 --joblog log --resume -- sh -c 'echo "$1" >>ran; [ "$1" -ne 2 ] || read -r _ <gate' sh <in
	assert_equal "$(cat ran)" $'1\n2\n2\n3'
	exec 7<&-
}

@test "map joblog: half a record at the end is not believed" {
	run -0 wp-pool map -j 1 --joblog log -- true < <(seq 3)
	truncate -s -2 log
	run -0 wp-pool map -j 1 --joblog log --resume -- true < <(seq 4)
	assert_equal "$(fields 1)" $'1\n2\n3\n4'
	head -c 20 log >half
	run -65 wp-pool map -j 1 --joblog half --resume -- true < <(seq 4)
	head -n 1 log | head -c -1 >half
	run -0 wp-pool map -j 1 --joblog half --resume -- true < <(seq 4)
	assert_equal "$(cut -f 1,9 half)" "$(cut -f 1,9 log)"
}

@test "map joblog: --resume with another input is exit 65" {
	run -0 wp-pool map -j 1 --joblog log -- true < <(seq 3)
	run -65 wp-pool map -j 1 --joblog log --resume -- true <<<$'1\nX\n3'
	assert_output --partial 'line 2: joblog "log" is of another input'
	run -65 wp-pool map -j 1 --joblog log --resume -- echo < <(seq 3)
	run -0 wp-pool map -j 1 --joblog log2 --stdin -- true < <(seq 3)
	run -65 wp-pool map -j 1 --joblog log2 --resume --stdin -- true <<<$'1\n2\n4'
}

@test "map joblog: a file that is no joblog is not touched" {
	echo precious >log
	run -65 wp-pool map --joblog log --resume -- true <<<x
	assert_output --partial '"log" is no joblog'
	assert_equal "$(cat log)" precious
}

@test "map joblog: without --resume it begins anew" {
	wp-pool map --joblog log -- true < <(seq 3)
	wp-pool map --joblog log -- true < <(seq 1)
	assert_equal "$(wc -l <log)" 2
}

@test "map joblog: a log that cannot be written is exit 74" {
	run -74 wp-pool map -j 1 --joblog /dev/full -- echo < <(seq 100000)
	assert_output --partial 'cannot write joblog "/dev/full"'
	[ "${#lines[@]}" -lt 100 ]
	run -74 wp-pool map --joblog no/such/file -- true <<<x
}

@test "map joblog: with --warm a record a line" {
	run -0 wp-pool map --warm -j 1 --joblog log -- cat <<<$'a\nb'
	assert_equal "$(fields 9)" $'cat <<< a\ncat <<< b'
	run -0 wp-pool map --warm -j 1 --joblog log --resume -- cat <<<$'a\nb\nc'
	assert_output c
}
