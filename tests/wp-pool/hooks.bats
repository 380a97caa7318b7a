#!/usr/bin/env bats
# wp-pool: --on-grow-start, --on-grow-end, --on-shrink and --idle-check: when they run and what they are told, and that
# nobody waits for them.

load ../helpers
load named

# What hooks are told, as one line in the FIFO "told". $1 is which hook it is.
teller='printf "%s\n" "$HOOK $WP_POOL count=$WP_COUNT runner=$WP_RUNNER handle=$WP_HANDLE result=${WP_RESULT-none}" >>"$T/told"'

# all_hooks: options for all three.
all_hooks() {
	mkfifo told
	fifo_fd told
	hooks=(--on-grow-start "HOOK=start; $teller" --on-grow-end "HOOK=end; $teller" --on-shrink "HOOK=shrink; $teller")
}

# told LINE: the next of them.
told() {
	wait_line told .
	assert_equal "$line" "$1"
}

# told_in_any_order LINE...: the next of them are these; hooks of one moment run at the same time.
told_in_any_order() {
	local n lines=
	for n; do
		wait_line told .
		lines=$lines$line$'\n'
	done
	assert_equal "$(sort <<<"${lines%$'\n'}")" "$(printf '%s\n' "$@" | sort)"
}

@test "growth: --on-grow-start and --on-grow-end, with the pool, the number of runners, the runner, its handle and the result" {
	local hooks
	all_hooks
	pool p --max 2 -c 1 "${hooks[@]}"
	held a p
	told_in_any_order 'start p count=1 runner=1 handle= result=none' 'end p count=1 runner=1 handle=local result=ok'
	held b p
	told_in_any_order 'start p count=2 runner=2 handle= result=none' 'end p count=2 runner=2 handle=local result=ok'
	let_go a
	let_go b
	end_pool p
	assert_nothing_left
}

@test "the --min runners are no growth" {
	local hooks
	all_hooks
	pool p --min 2 --max 3 -c 1 "${hooks[@]}"
	held a p
	held b p
	held c p
	told_in_any_order 'start p count=3 runner=3 handle= result=none' 'end p count=3 runner=3 handle=local result=ok'
	let_go a
	let_go b
	let_go c
	end_pool p
	assert_nothing_left
}

@test "shrinking: --on-shrink, with the number of those that stay" {
	local hooks
	all_hooks
	pool p --min 1 --max 2 -c 1 --idle-shutdown-after 20ms "${hooks[@]}"
	held a p
	held b p
	told_in_any_order 'start p count=2 runner=2 handle= result=none' 'end p count=2 runner=2 handle=local result=ok'
	let_go b
	told 'shrink p count=1 runner=2 handle=local result=none'
	let_go a
	end_pool p
	assert_nothing_left
}

@test "a runner that is lost: --on-shrink, with the reason as its result" {
	local hooks
	all_hooks
	pool p --min 2 --max 2 "${hooks[@]}"
	kill -KILL "$(runner_pid p 2)"
	told 'shrink p count=1 runner=2 handle=local result=it was killed by signal 9'
	end_pool p
	assert_nothing_left
}

@test "a boot that fails: --on-grow-end, with the reason as its result, and --on-grow-start again when it is tried again" {
	local hooks
	all_hooks
	make_backend back
	cat >fails-once <<-'SH'
		#!/bin/sh
		[ "$1" != boot ] || ! mkdir "$T/tried" 2>/dev/null || exit 3
		exec "$T/back" "$@"
	SH
	chmod +x fails-once
	pool p --max 1 --backend ./fails-once "${hooks[@]}"
	run -5 wp-pool call p -- sh -c 'exit 5'
	local why="the backend's boot ended with exit status 3 before it was ready"
	told_in_any_order 'start p count=1 runner=1 handle= result=none' "end p count=0 runner=1 handle= result=$why" \
		'start p count=1 runner=2 handle= result=none' "end p count=1 runner=2 handle=$T/place.p.2 result=ok"
	end_pool p
	assert_nothing_left
}

@test "--idle-check is told which runner it is about" {
	mkfifo told
	fifo_fd told
	pool p --max 2 -c 1 --idle-shutdown-after 10ms --idle-check "HOOK=check; $teller"
	held a p
	held b p
	let_go b
	told 'check p count=1 runner=2 handle=local result=none'
	until_pool p RUNNERS 1
	let_go a
	told 'check p count=0 runner=1 handle=local result=none'
	until_pool p RUNNERS 0
	end_pool p
	assert_nothing_left
}

@test "what is in a handle or a result reaches the hook as it is, whatever the shell would make of it" {
	local hooks
	all_hooks
	cat >odd <<-'SH'
		#!/bin/sh
		[ "$1" = boot ] || exit 64
		printf '%s\n' '$(touch "$T/ran") `touch "$T/ran"`; touch ran # "'\'' \\ %s * ä'
		cat >/dev/null
	SH
	chmod +x odd
	pool p --max 1 --backend ./odd "${hooks[@]}"
	run wp-pool call p -- true
	told_in_any_order 'start p count=1 runner=1 handle= result=none' \
		'end p count=1 runner=1 handle=$(touch "$T/ran") `touch "$T/ran"`; touch ran # "'\'' \\ %s * ä result=ok'
	[ ! -e ran ]
	end_pool p
	assert_nothing_left
}

@test "a hook has the pool's environment, no stdin, and what it writes goes to the pool's stderr" {
	OF_THE_POOL=yes pool p --max 1 --on-grow-end 'cat; echo "out $OF_THE_POOL"; echo err >&2
		for n in 3 4 5 6 7 8 9 10 11 12; do [ ! -e /proc/$$/fd/$n ] || echo "$n is open"; done; echo over'
	wp-pool call p -- true
	wait_line pool_p.err '^over'
	assert_equal "$(cat pool_p.err)" $'out yes\nerr\nover'
	end_pool p
	assert_equal "$(cat pool_p.out)" ""
	assert_nothing_left
}

@test "a hook that fails is said on the pool's stderr, and delays nothing" {
	pool p --max 1 --idle-shutdown-after 10ms --on-grow-start 'exit 3' --on-grow-end 'kill -TERM $$' --on-shrink nothing-like-that
	run -5 wp-pool call p -- sh -c 'exit 5'
	until_pool p RUNNERS 0
	wait_line pool_p.err '^wp-pool: warning: the on-grow-start command ended with exit status 3$'
	wait_line pool_p.err '^wp-pool: warning: the on-grow-end command ended with exit status 143$'
	wait_line pool_p.err '^wp-pool: warning: the on-shrink command ended with exit status 127$'
	run -6 wp-pool call p -- sh -c 'exit 6'
	end_pool p
	assert_nothing_left
}

@test "hooks that hang delay nothing: calls run, the pool grows and shrinks; at its end they are killed, and all that they have started" {
	mkfifo hangs
	fifo_fd hangs
	stub hang <<-'SH'
		trap "" TERM HUP
		(trap "" TERM HUP; sleep 1000) &
		setsid sh -c 'trap "" TERM HUP; sleep 1000' &
		echo "$1" >>"$T/hangs"
		wait
	SH
	pool p --max 2 -c 1 --idle-shutdown-after 10ms --on-grow-start 'hang start' --on-grow-end 'hang end' --on-shrink 'hang shrink'
	held a p
	held b p
	let_go b 3
	until_pool p RUNNERS,RUNNING '1 1'
	let_go a 4
	until_pool p RUNNERS 0
	run -5 wp-pool call p -- sh -c 'exit 5'
	local n
	for n in 1 2 3 4 5 6 7 8; do
		wait_line hangs .
	done
	end_pool p
	assert_nothing_left
}

@test "more hooks than run at once: the others wait their turn, calls do not wait for them" {
	local many=36 n
	# Beyond the 32 that may run at once; more processes than hooks that are needed would only take time.
	pool p --max $many -c 1 --timeout 0 --on-grow-start 'echo "$WP_RUNNER" >>"$T/started"; exec sleep 1000'
	for n in $(seq $many); do
		offer "c$n" p
	done
	until_pool p RUNNING $many
	for n in $(seq $many); do
		runs "c$n"
		let_go "c$n" 3
	done
	until_true all_started
	kill_pool p
	assert_equal "$(sort -n started | tail -n 1)" 32
	assert_equal "$(wc -l <started)" 32
	assert_nothing_left
}

all_started() { [ "$(cat started 2>/dev/null | wc -l)" -ge 32 ]; }

@test "a hook that still runs when the pool is told to stop has a moment to end" {
	mkfifo begun gate
	fifo_fd begun
	fifo_fd gate
	pool p --max 1 --on-grow-end 'echo begun >>begun; read -r _ <gate; echo ended >>"$T/log"'
	wp-pool call p -- true
	wait_line begun begun
	start stop wp-pool stop p
	until_pool p STATE stopping
	echo >>gate
	finish 0 "$pid_stop"
	finish 0 "$pid_pool_p"
	assert_equal "$(cat log)" ended
	assert_nothing_left
}
