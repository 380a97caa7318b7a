#!/usr/bin/env bats
# wp-pool: the cases of FLAME's own tests (test/flame_test.exs and test/runner_test.exs), by their names. A function
# is a command here, a result what it writes and its status, and a link the caller's connection. "resource tracking local" and
# the calls of a runner without a pool have no counterpart: there is nothing that tracks a process outside of a pool.

load ../helpers
load named

# cast_held NAME POOL [OPTION...]: a cast of "hold"; its id is in $id. go ends it.
cast_held() {
	local name=$1 pool=$2
	shift 2
	gate "$name"
	id=$(wp-pool cast "$@" --output "$T/$name.out" "$pool" -- hold "$T/$name.gate")
	runs "$name"
}

# placed NAME POOL [OPTION...]: a place of "hold" that does not wait; its id is in $id.
placed() {
	local name=$1 pool=$2
	shift 2
	gate "$name"
	id=$(wp-pool place --detach "$@" --output "$T/$name.out" "$pool" -- hold "$T/$name.gate")
	runs "$name"
}

# linked NAME POOL: a place of "hold" whose caller stays.
linked() {
	gate "$1"
	start "$1" wp-pool place "$2" -- hold "$T/$1.gate"
	runs "$1"
}

gate() {
	make_hold
	rm -f "$T/$1.out"
	[ -p "$T/$1.gate" ] || mkfifo "$T/$1.gate"
	fifo_fd "$T/$1.gate"
}

# works POOL: it takes a call.
works() {
	run -0 wp-pool call "$1" -- echo works
	assert_output works
}

go() { printf '%s\n' "${2-0}" >>"$T/$1.gate"; }

# FLAME.FLAMETest

@test "FLAME: init boots min runners synchronously and grows on demand" {
	local first both
	pool p --min 1 --max 2 -c 2 --timeout 0
	first=$(of_runners p RUNNER,PID)
	assert_equal "$(of_pool p RUNNERS,BOOTING)" '1 0'
	works p
	held one p
	run -0 wp-pool call p -- echo works
	assert_equal "$(of_runners p RUNNER,PID)" "$first"
	held two p
	run -0 wp-pool call p -- echo works
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '2 2'
	both=$(of_runners p RUNNER,PID)
	held three p
	held four p
	run -124 wp-pool call --timeout 100ms p -- echo queued
	assert_output 'wp-pool: error: timed out: no runner was free within 0.1 seconds'
	start queued wp-pool call p -- echo queued
	until_pool p RUNNING,WAITING '4 1'
	let_go two
	finish 0 "$pid_queued"
	assert_equal "$(cat queued.out)" queued
	assert_equal "$(of_runners p RUNNER,PID)" "$both"
	let_go one
	let_go three
	let_go four
	end_pool p
	assert_nothing_left
}

@test "FLAME: concurrent calls on fully pending runners" {
	mkfifo go
	fifo_fd go
	make_backend plain
	cat >pending <<-'SH'
		#!/bin/sh
		[ "$1" != boot ] || read -r _ <"$T/go"
		exec "$T/plain" "$@"
	SH
	chmod +x pending
	pool p --min 0 --max 1 -c 2 --backend ./pending
	assert_equal "$(of_pool p RUNNERS,BOOTING)" '0 0'
	offer one p
	offer two p
	until_pool p RUNNERS,BOOTING,WAITING '0 1 2'
	echo >>go
	runs one
	runs two
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '1 1'
	let_go one 3
	let_go two 4
	end_pool p
	assert_nothing_left
}

@test "FLAME: failure of pending async runner bootup" {
	mkfifo told
	fifo_fd told
	make_backend plain
	cat >booms <<-'SH'
		#!/bin/sh
		[ "$1$WP_RUNNER" != boot2 ] || exit 7
		exec "$T/plain" "$@"
	SH
	chmod +x booms
	# One after the other: the end of a growth is told when its start has been.
	pool p --min 1 --max 2 -c 1 --backend ./booms --on-grow-start 'echo "start $WP_RUNNER $WP_COUNT" >>"$T/told"' \
		--on-grow-end 'echo "end $WP_RUNNER $WP_COUNT $WP_RESULT" >>"$T/told"'
	held one p
	cast_held two p
	{ wait_line told . && echo "$line"; wait_line told . && echo "$line"; wait_line told . && echo "$line"; wait_line told . && echo "$line"; } >lines
	assert_equal "$(sort lines)" "end 2 1 the backend's boot ended with exit status 7 before it was ready
end 3 2 ok
start 2 2
start 3 2"
	go two
	works p
	assert_equal "$(of_pool p RUNNERS,BOOTS,BOOT-FAILURES)" '2 3 1'
	let_go one
	end_pool p
	assert_nothing_left
}

@test "FLAME: idle shutdown" {
	local stays goes
	pool p --min 1 --max 2 -c 2 --idle-shutdown-after 20ms
	held one p
	held two p
	held three p
	assert_equal "$(of_runners p RUNNER)" $'1\n2'
	stays=$(runner_pid p 1)
	goes=$(runner_pid p 2)
	let_go three
	wait_ended "$goes"
	let_go one
	let_go two
	until_runners p RUNNER,STATE,PID "1 ready $stays"
	# Whatever is shut is shut in turn: one more that goes, and this one stays.
	held one p
	held two p
	held three p
	let_go three
	until_runners p RUNNER,STATE,PID "1 ready $stays"
	let_go one
	let_go two
	assert_equal "$(of_pool p LOST)" 0
	end_pool p
	assert_nothing_left
}

@test "FLAME: pool runner DOWN exits any active checkouts" {
	pool p --min 1 --max 1 -c 2
	held one p
	held two p
	kill -KILL "$(runner_pid p 1)"
	finish 125 "$pid_one"
	finish 125 "$pid_two"
	assert_equal "$(cat one.err)" 'wp-pool: error: runner 1 was lost: it was killed by signal 9'
	wait_ended "$command_one" "$command_two"
	end_pool p
	assert_nothing_left
}

@test "FLAME: call links" {
	pool p --min 0 --max 1 -c 2 --idle-shutdown-after 20ms
	# The command is killed: so the caller hears.
	run -137 wp-pool call p -- sh -c 'kill -KILL $$'
	until_pool p RUNNERS 0
	# The caller is killed: so is the command.
	held linked p
	kill -KILL "$pid_linked"
	finish 137 "$pid_linked"
	wait_ended "$command_linked"
	until_pool p RUNNERS 0
	# link: false: the status all the same, and the command outlives its caller.
	run -5 wp-pool call --no-link p -- sh -c 'exit 5'
	until_pool p RUNNERS 0
	held free p --no-link
	kill -KILL "$pid_free"
	finish 137 "$pid_free"
	until_pool p RUNNERS,RUNNING '1 1'
	kill -0 "$command_free"
	go free
	wait_ended "$command_free"
	until_pool p RUNNERS,RUNNING '0 0'
	assert_equal "$(of_pool p LOST,BOOTS)" '0 4'
	end_pool p
	assert_nothing_left
}

@test "FLAME: cast with link false" {
	pool p --min 0 --max 1 -c 2 --idle-shutdown-after 20ms
	cast_held booms p
	go booms 5
	wait_ended "$command"
	until_pool p RUNNERS,RUNNING,FAILED '0 0 1'
	end_pool p
	assert_nothing_left
}

@test "FLAME: cast: normal execution" {
	pool p --min 1 --max 2 -c 2 --idle-shutdown-after 500ms
	held long p
	cast_held ran p
	assert_equal "$(of_calls p ID,STATE | grep "^$id ")" "$id running"
	go ran
	wait_ended "$command_ran"
	until_pool p RUNNING,FAILED '1 0'
	let_go long
	end_pool p
	assert_nothing_left
}

@test "FLAME: cast: pool growth" {
	local n
	mkfifo grow
	fifo_fd grow
	make_hold
	pool p --min 0 --max 2 -c 1 --on-grow-start 'echo "$WP_COUNT" >>"$T/grow"; echo "$WP_COUNT" >>"$T/log"'
	for n in 1 2 3; do
		gate "c$n"
		wp-pool cast --output "$T/c$n.out" p -- hold "$T/c$n.gate"
	done
	wait_line grow .
	wait_line grow .
	runs c1
	runs c2
	assert_equal "$(of_pool p RUNNING,WAITING)" '2 1'
	go c1
	runs c3
	go c2
	go c3
	wp-pool drain p
	end_pool p
	assert_equal "$(sort log)" $'1\n2'
	assert_nothing_left
}

@test "FLAME: cast: with exit and default link" {
	pool p --min 1 --max 2 -c 2 --idle-shutdown-after 500ms --log debug
	held long p
	cast_held booms p
	go booms 9
	wait_ended "$command_booms"
	# Nobody waits for it: it is the pool that knows.
	wait_line pool_p.err "call $id ended with status 9\$"
	until_pool p RUNNING,FAILED '1 1'
	let_go long
	end_pool p
	assert_nothing_left
}

@test "FLAME: process placement: place_child/2" {
	pool p --min 0 --max 2 -c 2 --timeout 1s --idle-shutdown-after 20ms
	pool other --idle-shutdown-after 20ms
	assert_equal "$(of_pool p RUNNERS)" 0
	placed child p
	# The runner is not idle, and the child has no timeout: that of another pool goes in the meantime, time and again.
	for n in 1 2 3; do
		wp-pool call other -- true
		until_pool other RUNNERS 0
	done
	run -124 wp-pool call p -- sleep 1000
	assert_equal "$(of_pool p RUNNERS,RUNNING,BOOTS)" '1 1 1'
	cast_held active p --timeout 0
	go child
	wait_ended "$command_child"
	until_pool p RUNNERS,RUNNING '1 1'
	go active
	until_pool p RUNNERS,RUNNING,BOOTS '0 0 1'
	end_pool p
	end_pool other
	assert_nothing_left
}

@test "FLAME: process placement: place_child links" {
	pool p --min 0 --max 2 -c 2 --idle-shutdown-after 20ms
	linked child p
	kill -KILL "$command"
	finish 137 "$pid_child"
	until_pool p RUNNERS 0
	# link: false
	placed child p
	kill -KILL "$command"
	wait_ended "$command"
	until_pool p RUNNERS,BOOTS '0 2'
	end_pool p
	assert_nothing_left
}

@test "FLAME: process placement: place_child when caller exits" {
	pool p --min 0 --max 2 -c 2 --idle-shutdown-after 20ms
	linked child p
	kill -KILL "$pid_child"
	finish 137 "$pid_child"
	wait_ended "$command"
	until_pool p RUNNERS 0
	# link: false: its caller is gone by now.
	placed child p
	kill -0 "$command"
	assert_equal "$(of_pool p RUNNERS,RUNNING)" '1 1'
	kill -KILL "$command"
	until_pool p RUNNERS,BOOTS '0 2'
	end_pool p
	assert_nothing_left
}

# A call that leaves a child in its process group behind, whose pid is in the file "child". It does not hold the stdout that run reads.
leaver='exec >"$T/null" 2>&1; read -r _ <"$T/tracked.gate" & echo $! >"$T/child"; exit 3'

tracked_pool() {
	gate tracked
	pool p --min 0 --max 2 -c 2 --timeout 0 --idle-shutdown-after 20ms "$@"
}

@test "FLAME: resource tracking: remote without tracking" {
	tracked_pool
	run -3 wp-pool call p -- sh -c "$leaver"
	until_pool p RUNNERS,RUNNING '0 0'
	# What nobody tracks ends with the runner.
	wait_ended "$(cat child)"
	end_pool p
	assert_nothing_left
}

# The call is over, its slot is not: the runner is there until the child is gone.
assert_tracked() {
	assert_equal "$(of_pool p RUNNERS,RUNNING)" '1 1'
	kill -0 "$(cat child)"
	go tracked
	until_pool p RUNNERS,RUNNING '0 0'
	wait_ended "$(cat child)"
	assert_equal "$(of_pool p LOST,BOOTS)" '0 1'
}

@test "FLAME: resource tracking: remote with tracking" {
	tracked_pool
	run -3 wp-pool call --track-resources p -- sh -c "$leaver"
	assert_tracked
	end_pool p
	assert_nothing_left
}

@test "FLAME: resource tracking: remote with tracking enabled at pool level" {
	tracked_pool --track-resources
	run -3 wp-pool call p -- sh -c "$leaver"
	assert_tracked
	run -3 wp-pool call --no-track-resources p -- sh -c "$leaver"
	until_pool p RUNNERS,RUNNING '0 0'
	wait_ended "$(cat child)"
	end_pool p
	assert_nothing_left
}

@test "FLAME: resource tracking: remote with tracking max concurrency" {
	gate one
	gate two
	pool p --min 0 --max 1 -c 1 --timeout 0 --idle-shutdown-after 20ms --track-resources
	run -0 wp-pool call p -- sh -c 'exec >null 2>&1; read -r _ <one.gate & echo $! >one; read -r _ <two.gate & echo $! >two'
	go one
	wait_ended "$(cat one)"
	assert_equal "$(of_pool p RUNNERS,RUNNING)" '1 1'
	run -124 wp-pool call --timeout 100ms p -- true
	start next wp-pool call p -- sh -c 'exit 4'
	until_pool p WAITING 1
	go two
	finish 4 "$pid_next"
	wait_ended "$(cat two)"
	until_pool p RUNNERS,RUNNING,BOOTS '0 0 1'
	end_pool p
	assert_nothing_left
}

@test "FLAME: code_sync artifact cleaner" {
	echo data >artifact
	make_backend back
	pool p --min 1 --max 1 -c 1 --backend ./back --sync "$T/artifact"
	[ -e place.p.1/artifact ]
	run -0 wp-pool call p -- cat artifact
	assert_output data
	end_pool p
	[ ! -e place.p.1 ]
	assert_equal "$(cat artifact)" data
	assert_nothing_left
}

# FLAME.RunnerTest

# noting: a backend that notes in the file "verbs" what it is asked, and its end.
noting() {
	make_backend plain
	cat >noting <<-'SH'
		#!/bin/sh
		echo "$1" >>"$T/verbs"
		[ "$1" = boot ] || exec "$T/plain" "$@"
		"$T/plain" "$@"
		echo stopped >>"$T/verbs"
	SH
	chmod +x noting
}

verbs() { paste -sd ' ' verbs; }

@test "FLAME: Runner: backend success single_use" {
	noting
	pool p --max 1 --single-use --backend ./noting
	works p
	until_pool p RUNNERS,LEAVING '0 0'
	assert_equal "$(verbs)" 'boot exec stopped'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: backend success multi use" {
	noting
	pool p --max 1 --backend ./noting
	works p
	run -0 wp-pool call p -- echo still works
	assert_output 'still works'
	assert_equal "$(verbs)" 'boot exec exec'
	end_pool p
	assert_equal "$(verbs)" 'boot exec exec stopped'
	assert_nothing_left
}

# fails_with TEXT STATUS: the boot says TEXT on stderr and ends with STATUS.
fails_with() {
	cat >failing <<-SH
		#!/bin/sh
		echo "$1" >&2
		exit $2
	SH
	chmod +x failing
	start pool_p wp-pool start p --min 1 --backend ./failing
	wait_line pool_p.err "^$1\$"
	wait_line pool_p.err 'did not boot'
	assert_equal "$line" "wp-pool: warning: pool \"p\": runner 1 did not boot: the backend's boot ended with exit status $2 before it was ready"
	assert_equal "$(of_pool p STATE,RUNNERS)" 'booting 0'
	run -124 wp-pool call --timeout 50ms p -- true
	kill -TERM "$pid_pool_p"
	finish 0 "$pid_pool_p"
	assert_nothing_left
}

@test "FLAME: Runner: backend runner spawn connect failure" {
	fails_with 'invalid authentication' 77
}

@test "FLAME: Runner: backend runner boot failure" {
	fails_with nxdomain 68
}

@test "FLAME: Runner: execution failure: single use" {
	noting
	pool p --max 1 --single-use --backend ./noting
	run -5 wp-pool call p -- sh -c 'echo boom >&2; exit 5'
	assert_output boom
	until_pool p RUNNERS,LEAVING,LOST '0 0 0'
	assert_equal "$(verbs)" 'boot exec stopped'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: execution failure: multi use" {
	noting
	pool p --max 1 --backend ./noting
	run -5 wp-pool call p -- sh -c 'echo boom >&2; exit 5'
	assert_output boom
	works p
	assert_equal "$(of_runners p RUNNER,STATE,CALLS,FAILED)" '1 ready 2 1'
	assert_equal "$(verbs)" 'boot exec exec'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: execution timeout: single use" {
	noting
	pool p --max 1 --single-use --backend ./noting --timeout 1500ms
	run -124 wp-pool call p -- sh -c 'echo $$ >"$T/command"; exec sleep 1000'
	assert_output 'wp-pool: error: timed out: the call took longer than 1.5 seconds'
	wait_ended "$(cat command)"
	until_pool p RUNNERS,LEAVING,LOST '0 0 0'
	assert_equal "$(verbs)" 'boot exec stopped'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: execution timeout: multi use" {
	noting
	pool p --max 1 --backend ./noting --timeout 1500ms
	run -124 wp-pool call p -- sh -c 'echo $$ >"$T/command"; exec sleep 1000'
	wait_ended "$(cat command)"
	run -0 wp-pool call --timeout 0 p -- echo works
	assert_output works
	assert_equal "$(of_pool p RUNNERS,BOOTS,LOST)" '1 1 0'
	assert_equal "$(verbs)" 'boot exec exec'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: idle shutdown: with time" {
	noting
	# Also one that has never had a call.
	pool p --min 1 --max 1 --backend ./noting --idle-shutdown-after 20ms --min-idle-shutdown-after 20ms
	until_pool p RUNNERS,LEAVING '0 0'
	assert_equal "$(verbs)" 'boot stopped'
	works p
	until_pool p RUNNERS,LEAVING,BOOTS,LOST '0 0 2 0'
	assert_equal "$(verbs)" 'boot stopped boot exec stopped'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: idle shutdown: with timed check" {
	noting
	mkfifo asked
	fifo_fd asked
	pool p --max 1 --backend ./noting --idle-shutdown-after 20ms --idle-check 'echo asked >>"$T/asked"; [ -e "$T/agent" ]'
	wp-pool call p -- true
	wait_line asked asked
	wait_line asked asked
	assert_equal "$(verbs)" 'boot exec'
	: >agent
	until_pool p RUNNERS,LEAVING '0 0'
	assert_equal "$(verbs)" 'boot exec stopped'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: code_sync: copies code paths and extracts on boot" {
	noting
	mkdir -p ebin/sub
	echo code >ebin/sub/file
	pool p --max 1 --backend ./noting --sync "$T/ebin"
	run -0 wp-pool call p -- cat ebin/sub/file
	assert_output code
	assert_equal "$(verbs)" 'boot sync exec'
	end_pool p
	assert_nothing_left
}

@test "FLAME: Runner: code_sync: noops by default" {
	noting
	pool p --max 1 --backend ./noting
	works p
	assert_equal "$(verbs)" 'boot exec'
	end_pool p
	assert_equal "$(verbs)" 'boot exec stopped'
	assert_nothing_left
}
