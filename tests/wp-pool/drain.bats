#!/usr/bin/env bats
# wp-pool drain: no more calls, until further notice.

load ../helpers
load named
load verbs

# refuses POOL: calls of any kind are sent away, and nothing is begun.
refuses() {
	local text="wp-pool: error: the pool \"$1\" takes no calls: it is being drained"
	run -75 wp-pool call "$1" -- touch ran
	assert_output "$text"
	run -75 wp-pool cast "$1" -- touch ran
	assert_output "$text"
	run -75 wp-pool place "$1" -- touch ran
	assert_output "$text"
	run -75 wp-pool place --detach "$1" -- touch ran
	assert_output "$text"
	[ ! -e ran ]
}

@test "drain: new calls are refused, those that run and wait come to their end, and it returns then" {
	pool p --max 1 -c 1
	held a p
	offer b p
	until_pool p RUNNING,WAITING '1 1'
	start drain wp-pool drain p
	until_pool p STATE draining
	refuses p
	let_go a 3
	runs b
	assert_equal "$(of_pool p STATE,RUNNING)" 'draining 1'
	kill -0 "$pid_drain"
	let_go b 4
	finish 0 "$pid_drain"
	assert_equal "$(cat drain.out drain.err)" ""
	assert_equal "$(of_pool p STATE,RUNNING,WAITING,CALLS)" 'drained 0 0 2'
	refuses p
	over p
}

@test "drain: casts and what is placed count as well" {
	pool p
	open_gate gate
	wp-pool cast p -- sh -c 'read -r _ <gate; echo cast >>ended' >id
	wp-pool place -d p -- sh -c 'read -r _ <gate; echo placed >>ended' >id
	start drain wp-pool drain p
	until_pool p STATE,RUNNING 'draining 2'
	echo >>gate
	until_pool p STATE,RUNNING 'draining 1'
	kill -0 "$pid_drain"
	echo >>gate
	finish 0 "$pid_drain"
	assert_equal "$(sort ended)" $'cast\nplaced'
	over p
}

@test "drain: a slot that is held until its group is gone counts, too" {
	pool p --track-resources
	run -0 wp-pool call p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >child'
	run -75 wp-pool drain p --timeout 50ms
	start drain wp-pool drain p
	until_pool p STATE draining
	kill "$(cat child)"
	finish 0 "$pid_drain"
	over p
}

@test "drain: retries go on" {
	pool p
	open_gate gate
	start call wp-pool call --retries 1 p -- sh -c 'echo try; read -r status <gate; exit "$status"'
	wait_line call.out try
	start drain wp-pool drain p
	until_pool p STATE draining
	printf '1\n0\n' >>gate
	finish 0 "$pid_call"
	finish 0 "$pid_drain"
	assert_equal "$(cat call.out)" $'try\ntry'
	over p
}

@test "drain: an idle pool is drained at once, and a drained one again" {
	pool p --min 1
	run -0 wp-pool drain p
	run -0 wp-pool drain p
	assert_equal "$(of_pool p STATE,RUNNERS)" 'drained 1'
	refuses p
	over p
}

@test "drain: the pool stays present" {
	pool p
	wp-pool drain p
	assert_equal "$(wp-presence get -t pools p -rno PID,IN-USE)" "$pid_pool_p 0"
	over p
}

@test "drain: --undo has it take calls again" {
	pool p
	wp-pool drain p
	refuses p
	run -0 wp-pool drain p --undo
	assert_equal "$(of_pool p STATE)" ready
	run -0 wp-pool call p -- echo x
	assert_output x
	run -0 wp-pool drain p --undo
	over p
}

@test "drain: --undo while calls run returns at once" {
	pool p
	held a p
	wp-pool drain p --no-wait
	until_pool p STATE draining
	run -0 wp-pool drain p --undo
	assert_equal "$(of_pool p STATE,RUNNING)" 'ready 1'
	held b p
	let_go a
	let_go b
	over p
}

@test "drain: --undo: who waits for the end of the drain hears that there will be none" {
	pool p
	held a p
	start drain wp-pool drain p --timeout "${PATIENCE}s"
	until_pool p STATE draining
	wp-pool drain p --undo
	# Still with a call that runs.
	finish 75 "$pid_drain"
	run -1 grep -q 'timed out' drain.err
	assert_equal "$(wc -l <drain.err)" 1
	let_go a
	over p
}

@test "drain: --no-wait does not wait" {
	pool p
	held a p
	run -0 wp-pool drain p --no-wait
	until_pool p STATE draining
	refuses p
	let_go a
	until_pool p STATE drained
	over p
}

@test "drain: --timeout: 75, and the pool goes on being drained" {
	pool p
	held a p
	run -75 wp-pool drain p --timeout 50ms
	assert_output 'wp-pool: error: timed out'
	assert_equal "$(of_pool p STATE,RUNNING)" 'draining 1'
	refuses p
	let_go a
	run -0 wp-pool drain p --timeout "${PATIENCE}s"
	over p
}

@test "drain: who waits may die, or be interrupted: the pool goes on being drained" {
	pool p
	held a p
	start drain wp-pool drain p
	until_pool p STATE draining
	kill -KILL "$pid_drain"
	finish 137 "$pid_drain"
	start drain "${terminal[@]}" wp-pool drain p
	# Its signals are its own by then.
	until_true is_program "$pid_drain" wp-pool
	kill -INT "$pid_drain"
	finish 130 "$pid_drain"
	refuses p
	assert_equal "$(of_pool p STATE)" draining
	let_go a
	over p
}

is_program() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }

@test "drain: several may wait" {
	local n pid_of
	pool p
	held a p
	for n in 1 2 3; do
		start "drain$n" wp-pool drain p
	done
	until_pool p STATE draining
	let_go a
	for n in 1 2 3; do
		pid_of=pid_drain$n
		finish 0 "${!pid_of}"
	done
	over p
}

@test "drain: the pool is stopped while somebody waits for it" {
	pool p --kill-after 50ms
	held a p
	start drain wp-pool drain p
	until_pool p STATE draining
	wp-pool stop p --now
	finish 0 "$pid_pool_p"
	finish 125 "$pid_a"
	local got=0
	wait "$pid_drain" || got=$?
	# All calls have ended when it ends, so that either answer is true.
	[ "$got" -eq 0 ] || [ "$got" -eq 125 ]
	assert_nothing_left
}

@test "drain: a pool that is being stopped: 75" {
	pool p
	held a p
	wp-pool stop p --no-wait
	until_pool p STATE stopping
	run -75 wp-pool drain p
	assert_output 'wp-pool: error: the pool "p" is being stopped'
	run -75 wp-pool drain p --undo
	let_go a
	finish 0 "$pid_pool_p"
	assert_nothing_left
}

@test "drain: 40 calls at once, of which each either runs or is refused" {
	pool p --max 2 -c 2
	stub caller <<-'SH'
		wp-pool call p -- sh -c 'echo "$1" >>ran' sh "$1" 2>/dev/null
		echo "$1 $?"
	SH
	seq 40 >in
	start callers sh -c 'exec wp-pool map -j 10 -- caller <in'
	wait_line callers.out ' 0$'
	wp-pool drain p
	cp ran ran.drained
	finish 0 "$pid_callers"
	assert_equal "$(awk '$2 != 0 && $2 != 75' callers.out)" ""
	assert_equal "$(awk '$2 == 0 { print $1 }' callers.out | sort -n)" "$(sort -n ran)"
	assert_equal "$(sort -n ran)" "$(sort -n ran.drained)"
	over p
}

@test "drain: mistakes" {
	pool p
	usage drain 'missing argument: NAME'
	usage drain 'unexpected argument "q"' p q
	usage drain 'unknown option "--now"' p --now
	bad_durations drain --timeout p
	assert_equal "$(of_pool p STATE)" ready
	over p
}

@test "drain: no such pool, names that no pool can have, state directories that are refused" {
	no_pool drain
	no_pool drain --undo
	no_pool drain --no-wait
	bad_names drain
	bad_state drain
}

@test "drain: --help" {
	help_of drain
}
