#!/usr/bin/env bats
# wp-pool map --pool: lines whose commands a named pool runs.

load ../helpers
load pool

setup() {
	wp_setup
	start pool wp-pool start work --max 2 --max-concurrency 4 --kill-after 200ms
	wp-pool wait work --timeout "${PATIENCE}s"
}

teardown() {
	wp-pool stop work --now || true
	wp_teardown
}

@test "map --pool: commands run on the runners of the pool, each once" {
	seq 50 >in
	wp-pool map --pool work -- sh -c 'echo "$1 $WP_POOL"' sh <in | sort -n >out
	seq 50 | sed 's/$/ work/' >expected
	assert_equal "$(cat out)" "$(cat expected)"
	assert_equal "$(wp-pool status work -n -r -o CALLS,FAILED)" '50 0'
}

@test "map --pool: as many at once as the pool can run, unless -j says less" {
	mkfifo up gate
	exec 7<>gate
	seq 20 >in
	start_with in map wp-pool map --pool work -- sh -c 'echo up >up; read -r x <gate' sh
	for _ in 1 2 3 4 5 6 7 8; do
		wait_line up up
	done
	assert_equal "$(wp-pool status work -n -r -o RUNNING,WAITING)" '8 0'
	yes | head -20 >&7
	finish 0
}

@test "map --pool: the output, its order and the exit statuses are as without a pool" {
	run -1 --separate-stderr wp-pool map --pool work -k -- sh -c 'echo "out $1"; echo "err $1" >&2; [ "$1" != 2 ]' sh <<<$'1\n2\n3'
	assert_equal "$output" $'out 1\nout 2\nout 3'
	assert_equal "$(sort <<<"$stderr")" $'err 1\nerr 2\nerr 3\nwp-pool: 1 of 3 failed'
	wp-pool map --pool work --results ndjson -- sh -c 'exit "$1"' sh <<<7 >out || true
	assert_equal "$(jq -c '[.status,.exit]' out)" '["fail",7]'
}

@test "map --pool: --stdin, and job lines with their payload and variables" {
	assert_equal "$(wp-pool map --pool work --stdin -- cat <<<$'a\nb' | sort)" $'a\nb'
	wp-pool map --pool work --jobs -- sh -c 'cat; echo; echo "$WP_JOB_ID $WP_JOB_QUEUE"' <<<'{"id":5,"lease":"x","queue":"q","payload":{"a":1}}' >out
	assert_equal "$(jq -r .output out)" $'{"a":1}\n\n5 q'
}

@test "map --pool: --timeout ends the whole group on the runner, --retries runs a line again" {
	run -1 wp-pool map --pool work --timeout 1s -- sh -c 'sleep 1000 & echo $! >child; wait' sh <<<x
	wait_ended "$(cat child)"
	wp-pool map --pool work --retries 1 -- sh -c 'mkdir d 2>/dev/null && exit 1; exit 0' sh <<<x
}

@test "map --pool: a command that is not there fails its line and says so" {
	run -1 wp-pool map --pool work -- no-such-command <<<x
	assert_output --partial 'line 1: command not found: "no-such-command"'
}

@test "map --pool: no pool of that name is status 69, one that is drained fails lines with 75" {
	run -69 wp-pool map --pool nobody -- true <<<x
	assert_output --partial 'there is no pool "nobody"'
	wp-pool drain work
	run -1 wp-pool map --pool work -j 2 -- true <<<x
	assert_output --partial 'takes no calls'
}

@test "map --pool: SIGKILL of the map ends its commands, and leaves the pool to others" {
	mkfifo up
	start_with /dev/zero map wp-pool map --pool work -0 -j 3 -- sh -c 'echo $$ >up; exec sleep 1000' sh
	for _ in 1 2 3; do
		wait_line up .
		pids+=("$line")
	done
	kill -KILL "$pid"
	finish 137
	wait_ended "${pids[@]}"
	assert_equal "$(wp-pool call work -- echo still here)" 'still here'
}

@test "map --pool: SIGKILL of the pool fails the lines that run, with the reason" {
	mkfifo up
	echo x >in
	start_with in map wp-pool map --pool work -- sh -c 'echo $$ >up; exec sleep 1000' sh
	wait_line up .
	kill -KILL "$pid_pool"
	finish 1
	grep -q 'line 1: the pool has ended' map.err
	wait_ended "$line"
}

@test "map --pool: --warm, --dry-run and --hold-fd are refused with it" {
	for option in --warm --dry-run '--hold-fd 3'; do
		# shellcheck disable=SC2086 # an option and its value
		run -64 wp-pool map --pool work $option -- cat </dev/null
		assert_output --partial 'exclude each other'
	done
}
