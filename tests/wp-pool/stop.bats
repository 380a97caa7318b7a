#!/usr/bin/env bats
# wp-pool stop, and what else ends a pool in order.

load ../helpers
load named
load verbs

# stopped POOL: it has ended with 0 and left nothing.
stopped() {
	local pid_of=pid_pool_$1
	finish 0 "${!pid_of}"
	assert_nothing_left
}

# make_stubborn: the command "stubborn" says "up" and minds no signal but SIGKILL; its pid is in the file "stubborn".
make_stubborn() {
	stub stubborn <<-'SH'
		trap '' TERM INT HUP
		echo $$ >"$T/stubborn"
		echo up
		while :; do sleep 1000; done
	SH
}

# call_polite STATUS: a call that runs, of a command that says "asked" and ends with STATUS when it is sent SIGTERM.
call_polite() {
	stub polite <<-'SH'
		trap 'echo asked; exit "$1"' TERM
		echo up
		sleep 1000 &
		wait
	SH
	start call wp-pool call p -- polite "$1"
	wait_line call.out up
}

# ended_politely STATUS: it was asked, its caller has STATUS, and the pool has stopped.
ended_politely() {
	finish "$1" "$pid_call"
	assert_equal "$(cat call.out)" $'up\nasked'
	stopped p
}

@test "stop: an idle pool ends with 0 and leaves nothing" {
	pool p --min 2
	run -0 wp-pool stop p
	assert_output ''
	# It has ended by then.
	run -69 wp-pool status p
	assert_equal "$(wp-presence list -t pools -rno KEY)" ""
	stopped p
	assert_equal "$(cat pool_p.err)" ""
}

@test "stop: what runs comes to its end, what waits and what comes is sent away with 75" {
	pool p --max 1 -c 1
	held a p
	offer b p
	until_pool p RUNNING,WAITING '1 1'
	start stop wp-pool stop p
	finish 75 "$pid_b"
	assert_equal "$(cat b.err)" 'wp-pool: error: the pool is being stopped'
	assert_equal "$(cat b.out)" ""
	run -75 wp-pool call p -- touch ran
	assert_output 'wp-pool: error: the pool "p" is being stopped'
	run -75 wp-pool cast p -- touch ran
	run -75 wp-pool place --detach p -- touch ran
	assert_equal "$(of_pool p STATE,RUNNING,WAITING)" 'stopping 1 0'
	kill -0 "$pid_stop"
	let_go a 3
	finish 0 "$pid_stop"
	[ ! -e ran ]
	stopped p
}

@test "stop: SIGTERM, SIGINT and SIGHUP to the pool do the same" {
	local signal
	for signal in TERM INT HUP; do
		start pool_p "${terminal[@]}" wp-pool start p --max 1 -c 1
		wp-pool wait p --timeout "${PATIENCE}s"
		held a p
		offer b p
		until_pool p RUNNING,WAITING '1 1'
		kill "-$signal" "$pid_pool_p"
		finish 75 "$pid_b"
		let_go a 3
		stopped p
	done
}

@test "stop: a signal that was ignored when the pool was started stays so" {
	start pool_p env --ignore-signal=HUP wp-pool start p
	wp-pool wait p --timeout "${PATIENCE}s"
	kill -HUP "$pid_pool_p"
	run -0 wp-pool call p -- echo x
	assert_equal "$(of_pool p STATE)" ready
	over p
}

@test "stop: after --shutdown-timeout what runs gets SIGTERM, and its caller 125" {
	pool p --shutdown-timeout 50ms --kill-after 1h
	call_polite 3
	wp-pool stop p
	ended_politely 125
	assert_equal "$(cat call.err)" 'wp-pool: error: the pool was stopped'
}

@test "stop: who ends with 0 when asked to has ended well" {
	pool p --shutdown-timeout 50ms
	call_polite 0
	wp-pool stop p
	ended_politely 0
}

@test "stop: --shutdown-timeout 0: SIGTERM at once" {
	pool p --shutdown-timeout 0
	call_polite 0
	wp-pool stop p
	ended_politely 0
}

@test "stop: who does not mind SIGTERM gets SIGKILL after --kill-after, with all of its group" {
	pool p --shutdown-timeout 50ms --kill-after 50ms
	make_stubborn
	start call wp-pool call p -- sh -c 'trap "" TERM; sleep 1000 & echo $! >child; exec stubborn'
	wait_line call.out up
	wp-pool stop p
	finish 125 "$pid_call"
	wait_dead stubborn child
	stopped p
}

@test "stop: a command that is stopped is ended as well" {
	pool p --shutdown-timeout 50ms --kill-after 1h
	start call wp-pool call p -- sh -c 'echo $$ >stopped; kill -STOP $$'
	until_true [ -s stopped ]
	until_true grep -q '^State:.T' "/proc/$(cat stopped)/status"
	wp-pool stop p
	finish 125 "$pid_call"
	wait_dead stopped
	stopped p
}

@test "stop: what calls have left behind is ended, too" {
	pool p --shutdown-timeout 1h
	run -0 wp-pool call p -- sh -c 'trap "" TERM HUP; sleep 1000 >/dev/null 2>&1 & echo $! >left; setsid sh -c "echo \$\$ >session; exec sleep 1000" >/dev/null 2>&1 & until [ -s session ]; do :; done'
	kill -0 "$(cat left)" "$(cat session)"
	wp-pool stop p
	wait_dead left session
	stopped p
}

@test "stop: --now: SIGTERM at once, however long --shutdown-timeout is" {
	pool p --shutdown-timeout 1h --kill-after 1h
	call_polite 3
	wp-pool stop p --now
	ended_politely 125
}

@test "stop: --now: SIGKILL after --kill-after" {
	pool p --shutdown-timeout 1h --kill-after 50ms
	make_stubborn
	start call wp-pool call p -- stubborn
	wait_line call.out up
	wp-pool stop p --now
	finish 125 "$pid_call"
	wait_dead stubborn
	stopped p
}

@test "stop: --now after stop: the first one's end comes, too" {
	pool p --shutdown-timeout 1h
	held a p
	start stop wp-pool stop p
	until_pool p STATE stopping
	run -0 wp-pool stop p --now
	finish 0 "$pid_stop"
	finish 125 "$pid_a"
	stopped p
}

@test "stop: the second signal does not wait" {
	pool p --shutdown-timeout 1h
	call_polite 3
	kill -TERM "$pid_pool_p"
	until_pool p STATE stopping
	assert_equal "$(cat call.out)" up
	kill -TERM "$pid_pool_p"
	ended_politely 125
}

@test "stop: a second stop without --now changes nothing, and waits as well" {
	pool p --shutdown-timeout 1h
	held a p
	start one wp-pool stop p
	until_pool p STATE stopping
	start two wp-pool stop p
	until_true waits_for_answer "$pid_two"
	run -75 wp-pool stop p --timeout 50ms
	assert_equal "$(of_pool p STATE,RUNNING)" 'stopping 1'
	let_go a
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	stopped p
}

@test "stop: --timeout: 75, and the pool goes on to its end" {
	pool p --shutdown-timeout 1h
	held a p
	run -75 wp-pool stop p --timeout 50ms
	assert_output 'wp-pool: error: timed out'
	assert_equal "$(of_pool p STATE,RUNNING)" 'stopping 1'
	let_go a 4
	stopped p
}

@test "stop: --timeout: a pool that is stopped by a signal does not answer" {
	pool p
	kill -STOP "$pid_pool_p"
	run -75 wp-pool stop p --timeout 50ms
	run -75 wp-pool stop p --dry-run
	assert_output 'wp-pool: error: the pool "p" does not answer: it may be stopped'
	kill -CONT "$pid_pool_p"
	stopped p
}

@test "stop: --no-wait does not wait" {
	pool p --shutdown-timeout 1h
	held a p
	run -0 wp-pool stop p --no-wait
	assert_output ''
	until_pool p STATE stopping
	let_go a
	stopped p
}

@test "stop: who waits for its end may die" {
	pool p --shutdown-timeout 1h
	held a p
	start stop wp-pool stop p
	until_pool p STATE stopping
	kill -KILL "$pid_stop"
	finish 137 "$pid_stop"
	assert_equal "$(of_pool p STATE,RUNNING)" 'stopping 1'
	let_go a
	stopped p
}

@test "stop: --dry-run shows the calls that it would end, and ends nothing" {
	pool p --max 1 -c 1
	run -0 wp-pool stop p --dry-run
	assert_output ''
	held a p
	offer b p
	until_pool p RUNNING,WAITING '1 1'
	run -0 --separate-stderr wp-pool stop p --dry-run
	assert_equal "$(jq -c '[.kind, .pool, .id, .state, .pid, .command]' <<<"$output")" \
		"[\"call\",\"p\",1,\"running\",$command_a,\"hold $T/a.gate\"]
[\"call\",\"p\",2,\"waiting\",null,\"hold $T/b.gate\"]"
	assert_equal "$stderr" ""
	run -0 wp-pool stop p --dry-run --now
	assert_equal "${#lines[@]}" 2
	assert_equal "$(of_pool p STATE,RUNNING,WAITING)" 'ready 1 1'
	run -74 bash -c 'exec wp-pool stop p --dry-run >/dev/full'
	let_go a
	runs b
	let_go b
	over p
}

@test "stop: a pool that is drained, or being drained" {
	pool p
	wp-pool drain p
	wp-pool stop p
	stopped p
	pool p --shutdown-timeout 1h
	held a p
	wp-pool drain p --no-wait
	until_pool p STATE draining
	start stop wp-pool stop p
	until_pool p STATE stopping
	let_go a
	finish 0 "$pid_stop"
	stopped p
}

@test "stop: what may be retried is not begun again" {
	pool p --shutdown-timeout 1h
	held a p --retries 5
	start stop wp-pool stop p
	until_pool p STATE stopping
	let_go a 3
	finish 0 "$pid_stop"
	assert_equal "$(grep -c '^up' a.out)" 1
	stopped p
}

@test "stop: a slot that is held by what a call left behind is freed by SIGTERM" {
	pool p --shutdown-timeout 50ms --track-resources
	run -0 wp-pool call p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >child'
	wp-pool stop p
	wait_dead child
	stopped p
}

@test "stop: from inside a call, which gets its time and is ended then" {
	pool p --shutdown-timeout 50ms
	# Deaf until it has said so: its time may be over before.
	start call wp-pool call p -- sh -c 'trap "" TERM; wp-pool stop p --no-wait; echo asked; trap - TERM; exec sleep 1000'
	finish 125 "$pid_call"
	assert_equal "$(cat call.out)" asked
	stopped p
}

@test "stop: with 100 callers that wait, and 20 that run (20 and 4 with sanitizers)" {
	local waiting=100 running=20
	[ -z "${SANITIZE-}" ] || { waiting=20 && running=4; }
	pool p --max 2 -c "$((running / 2))" --timeout 0
	open_gate gate
	stub caller <<-'SH'
		wp-pool call p -- sh -c 'read -r _ <gate' 2>/dev/null
		echo "$?"
	SH
	seq "$((waiting + running))" >in
	start callers sh -c 'exec wp-pool map -j "$1" -- caller <in' sh "$((waiting + running))"
	until_pool p RUNNING,WAITING "$running $waiting"
	start stop wp-pool stop p
	until_pool p STATE,RUNNING,WAITING "stopping $running 0"
	seq "$running" >>gate
	finish 0 "$pid_stop"
	finish 0 "$pid_callers"
	assert_equal "$(sort -n callers.out | uniq -c | awk '{ print $2, $1 }')" "0 $running
75 $waiting"
	stopped p
}

@test "stop: the name is free when it returns" {
	local n
	for n in 1 2 3 4 5 6 7 8; do
		pool p --min 1
		run -0 wp-pool call p -- true
		wp-pool stop p
		assert_equal "$(find "$WP_STATE/live" "$WP_STATE/pipe" ! -type d)" ""
		start again wp-pool start p
		wp-pool wait p --timeout "${PATIENCE}s"
		finish 0 "$pid_pool_p"
		wp-pool stop p
		finish 0 "$pid_again"
	done
	assert_nothing_left
}

@test "stop: mistakes" {
	pool p
	usage stop 'missing argument: NAME'
	usage stop 'unexpected argument "q"' p q
	usage stop 'unknown option "--undo"' p --undo
	bad_durations stop --timeout p
	assert_equal "$(of_pool p STATE)" ready
	over p
}

@test "stop: no such pool, names that no pool can have, state directories that are refused" {
	no_pool stop
	no_pool stop --now
	no_pool stop --no-wait
	no_pool stop --dry-run
	bad_names stop
	bad_state stop
}

@test "stop: --help" {
	help_of stop
}
