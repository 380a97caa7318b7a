#!/usr/bin/env bats
# wp-pool with runners that the ssh backend boots, against an sshd of the test's own.

load ../helpers
load ../wp-pool/named
load backends
load sshd

setup_file() { sshd_keys; }

setup() {
	backends_setup
	start_sshd MaxSessions=100
}

teardown() {
	stop_sshd
	wp_teardown
}

# remote_pool [OPTION...]: the pool "far", whose runners are behind sshd.
remote_pool() {
	local options=() arg
	for arg in "${ssh_args[@]}"; do
		options+=(--backend-arg "$arg")
	done
	pool far --backend ssh "${options[@]}" "$@"
}

# As held, but there the test's programs are not in PATH.
held_there() {
	make_hold
	mkfifo "$T/$1.gate"
	fifo_fd "$T/$1.gate"
	: >"$T/$1.out"
	start "$1" wp-pool call far -- "$T/bin/hold" "$T/$1.gate"
	runs "$1"
}

no_place_left() { [ -z "$(find "$T/there" "$XDG_RUNTIME_DIR" -mindepth 1)" ]; }

@test "pool over ssh: a command runs there, with the caller's streams and its status" {
	remote_pool --max 1
	run -3 --separate-stderr wp-pool call far -- sh -c 'read -r line; echo "out $line $WP_POOL $WP_RUNNER $WP_SLOT"; echo err >&2; pwd; exit 3' <<<in
	assert_line --index 0 'out in far 1 1'
	assert_line --index 1 --partial "$T/there/"
	assert_equal "$stderr" err
	head -c 3000000 /dev/urandom >data
	wp-pool call far -- gzip <data | wp-pool call far -- gunzip | cmp - data
	run -127 wp-pool call far -- no-such-command
	end_pool far
	until_true no_place_left
}

@test "pool over ssh: it grows to several runners, each with a connection of its own" {
	remote_pool --max 3 --max-concurrency 1
	make_hold
	held_there a
	held_there b
	held_there c
	assert_equal "$(of_runners far RUNNER,STATE,RUNNING | sort)" $'1 ready 1\n2 ready 1\n3 ready 1'
	assert_equal "$(grep -c 'Accepted publickey' sshd.err)" 3
	let_go a
	let_go b 5
	let_go c
	end_pool far
	until_true no_place_left
}

@test "pool over ssh: --sync copies files to each runner, and they go with it" {
	mkdir tools
	echo 'echo "tool $1"' >tools/tool
	remote_pool --max 1 --sync tools
	assert_equal "$(wp-pool call far -- sh tools/tool x)" 'tool x'
	end_pool far
	until_true no_place_left
}

@test "pool over ssh: a caller that is killed takes its command there with it, a timeout too" {
	remote_pool --max 1 --kill-after 500ms
	start call wp-pool call far -- sh -c 'sleep 1000 & echo $! $$; wait'
	wait_line call.out '^[0-9]'
	kill -KILL "$pid"
	finish 137
	# shellcheck disable=SC2086 # two pids
	wait_ended $line
	run -124 wp-pool call far --timeout 5s -- sh -c 'trap "" TERM; echo $$ >"$1"; sleep 1000; sleep 1000' sh "$T/pid"
	wait_dead "$T/pid"
	end_pool far
	until_true no_place_left
}

@test "pool over ssh: a connection that breaks fails its calls, and another runner is booted" {
	remote_pool --max 1
	held_there a
	sshd_sessions | xargs kill -KILL
	finish 125 "$pid_a"
	# Of the end of the connection the call's own end of it may hear first, or the pool.
	grep -q -e 'runner 1 was lost' -e 'or its end is not known' a.err
	wait_line pool_far.err 'runner 1 was lost'
	wait_ended "$command_a"
	assert_equal "$(wp-pool call far -- echo again)" again
	end_pool far
	until_true no_place_left
}

@test "pool over ssh: SIGKILL of the pool leaves nothing there and nothing here" {
	remote_pool --max 2 --min 2
	held_there a
	kill_pool far
	finish 125 "$pid_a"
	wait_ended "$command_a"
	until_true no_place_left
	until_true no_process_of_sshd
	run -69 wp-pool call far -- true
}
no_process_of_sshd() { [ -z "$(sshd_sessions)" ]; }
