#!/usr/bin/env bats
# wp-pool: control groups of calls, where the pool has a subtree to itself.
#
# That takes version 2 of control groups and the right to make one. Where the tests do not have it, the first
# test still holds the pool to doing without, and the others have nothing to show.

load ../helpers
load pool

setup() {
	wp_setup
	mount=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
	path=$(sed -n 's/^0:://p' /proc/self/cgroup)
	group=
}

teardown() {
	wp-pool stop work --now || true
	if [ -n "$group" ]; then
		rmdir "$group"/pool "$group" || true
	fi
	wp_teardown
}

# A group of the pool's own.
pool_in_group() {
	group=$mount${path%/}/wp-test-$$-$BATS_TEST_NUMBER
	if ! mkdir "$group" 2>/dev/null; then
		group=
		return 1
	fi
	# shellcheck disable=SC2016 # for the shell inside
	start pool sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group" wp-pool start work "$@"
	wp-pool wait work --timeout "${PATIENCE}s"
}

calls_in_group() { find "$group" -mindepth 1 -type d -name 'call-*'; }
no_calls_in_group() { [ -z "$(calls_in_group)" ]; }

@test "cgroup: among others, a pool makes no groups" {
	start pool wp-pool start work
	wp-pool wait work --timeout "${PATIENCE}s"
	wp-pool call work -- cat /proc/self/cgroup >got
	assert_equal "$(cat got)" "$(cat /proc/self/cgroup)"
}

@test "cgroup: alone in one, a pool gives each call a group, and removes it" {
	pool_in_group || return 0
	run -0 wp-pool call work -- sed -n 's/^0:://p' /proc/self/cgroup
	assert_equal "$output" "${path%/}/${group##*/}/call-1-1"
	until_true no_calls_in_group
}

@test "cgroup: what has left its process group dies with a call that is ended" {
	pool_in_group --kill-after 100ms || return 0
	mkfifo child
	start call wp-pool call work --timeout 1s -- sh -c 'setsid sh -c "echo \$\$ >child; exec sleep 1000" & exec sleep 1000'
	wait_line child .
	finish 124
	wait_ended "$line"
	until_true no_calls_in_group
}

@test "cgroup: what has left its process group dies with a runner that is killed" {
	pool_in_group || return 0
	wp-pool call work -- sh -c 'setsid sleep 1000 >/dev/null 2>&1 & echo $! >child'
	assert_equal "$(calls_in_group)" "$group/call-1-1"
	kill -KILL "$(wp-pool status work --runners -n -r -o PID)"
	wait_ended "$(cat child)"
	until_true no_calls_in_group
	wp-pool call work -- true
}

@test "cgroup: --memory limits the whole call where that can be, else each process" {
	pool_in_group || return 0
	wp-pool call work --memory 64M -- sh -c 'cat "$1$(sed -n s/^0:://p /proc/self/cgroup)/memory.max" 2>/dev/null; ulimit -v' - "$mount" >got
	if grep -qw memory "$group/cgroup.subtree_control"; then
		assert_equal "$(cat got)" $'67108864\nunlimited'
	else
		assert_equal "$(cat got)" 65536
	fi
}
