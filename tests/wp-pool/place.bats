#!/usr/bin/env bats
# wp-pool place: a long-lived command on a pool, which holds a slot.

load ../helpers
load named
load verbs

# placed NAME POOL [OPTION...]: "hold" in the background, and it runs. let_go ends it.
placed() {
	local name=$1 pool=$2
	shift 2
	make_hold
	open_gate "$name.gate"
	start "$name" wp-pool place "$@" "$pool" -- hold "$T/$name.gate"
	runs "$name"
}

# detached NAME POOL [OPTION...]: "hold" goes on without its caller, who has printed $id.
detached() {
	local name=$1 pool=$2
	shift 2
	make_hold
	open_gate "$name.gate"
	id=$(wp-pool place --detach -o "$T/$name.out" "$@" "$pool" -- hold "$T/$name.gate")
	runs "$name"
}

@test "place: streams and exit status are the command's" {
	pool p
	run -5 --separate-stderr wp-pool place p -- sh -c 'cat; echo err >&2; exit 5' <<<input
	assert_output input
	assert_equal "$stderr" err
	run -137 wp-pool place p -- sh -c 'kill -KILL $$'
	run -127 wp-pool place p -- nonesuch
	run -126 wp-pool place p -- "$T"
	over p
}

@test "place: it holds a slot as long as it lives" {
	pool p --max 1 -c 2
	placed one p
	assert_equal "$(of_pool p RUNNING)" 1
	run -0 wp-pool call p -- sh -c 'echo "$WP_SLOT"'
	assert_output 2
	placed two p
	run -124 wp-pool call --timeout 50ms p -- true
	let_go one
	run -0 wp-pool call p -- sh -c 'echo "$WP_SLOT"'
	assert_output 1
	let_go two
	over p
}

@test "place: no timeout once it runs, neither the pool's nor its own" {
	pool p --timeout 1s
	placed one p
	placed two p --timeout 900ms
	detached three p
	detached four p --timeout 900ms
	# A call that came later is over.
	run -124 wp-pool call p -- sleep 1000
	until_pool p RUNNING 4
	let_go one
	let_go two
	until_pool p RUNNING 2
	printf '0\n' >>three.gate
	printf '0\n' >>four.gate
	until_pool p RUNNING 0
	over p
}

@test "place: --timeout while it waits: 124; the pool's is the default" {
	pool p --max 1 -c 1 --timeout 100ms
	held first p --timeout 0
	run -124 wp-pool place p -- touch ran
	assert_output 'wp-pool: error: timed out: no runner was free within 0.1 seconds'
	run -124 wp-pool place --timeout 50ms p -- touch ran
	assert_output --partial 'within 0.05 seconds'
	run -124 wp-pool place --detach --timeout 50ms p -- touch ran
	assert_output 'wp-pool: error: timed out: no runner was free within 0.05 seconds'
	WP_POOL_TIMEOUT=75ms run -124 wp-pool place p -- touch ran
	assert_output --partial 'within 0.075 seconds'
	let_go first
	[ ! -e ran ]
	over p
}

@test "place: its signals are the command's, its caller's death ends it" {
	pool p --kill-after 50ms
	open_gate gate
	start place "${terminal[@]}" wp-pool place p -- sh -c 'trap "echo heard; exit 3" INT; echo up; read -r _ <gate'
	wait_line place.out up
	begun p
	kill -INT "$pid_place"
	finish 3
	placed one p
	kill -KILL "$pid_one"
	finish 137 "$pid_one"
	wait_ended "$command_one"
	over p
}

@test "place: where and as its caller is" {
	pool p
	mkdir dir
	(cd dir && umask 077 && MINE=mine wp-pool place p -- sh -c 'pwd; umask; echo "$MINE $WP_POOL $WP_RUNNER $WP_CALL $WP_SLOT"') >out
	assert_equal "$(cat out)" "$T/dir
0077
mine p 1 1 1"
	(cd dir && umask 077 && MINE=mine wp-pool place -d -o ../log p -- sh -c 'pwd; umask; echo "$MINE"') >id
	until_pool p RUNNING 0
	assert_equal "$(cat log)" "$T/dir
0077
mine"
	over p
}

@test "place: --priority: lower runs first" {
	pool p --max 1 -c 1
	held first p
	start two wp-pool place --priority 2 p -- sh -c 'echo 2 >>order'
	until_pool p WAITING 1
	start one wp-pool place --priority 1 p -- sh -c 'echo 1 >>order'
	until_pool p WAITING 2
	let_go first
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	assert_equal "$(paste -sd ' ' order)" '1 2'
	over p
}

@test "place: --nice, --cpu, --track-resources" {
	pool p --max 1 -c 1
	run -0 wp-pool place -n 4 --cpu 7s p -- sh -c 'nice; ulimit -t'
	assert_output "$(($(nice) + 4))
7"
	run -0 wp-pool place --track-resources p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >child'
	run -124 wp-pool call --timeout 50ms p -- true
	kill "$(cat child)"
	run -0 wp-pool call p -- true
	over p
}

@test "place: a lost runner: 125" {
	pool p
	placed one p
	kill -KILL "$(runner_pid p 1)"
	finish 125 "$pid_one"
	assert_equal "$(cat one.err)" 'wp-pool: error: runner 1 was lost: it was killed by signal 9'
	wait_ended "$command_one"
	over p
}

# Detached

@test "place: --detach: prints the id when it runs, and goes" {
	pool p
	make_hold
	open_gate gate
	run -0 --separate-stderr wp-pool place --detach p -- hold "$T/gate"
	assert_output 1
	assert_equal "$stderr" ""
	[[ $(of_calls p ID,STATE,PID) =~ ^1\ running\ [1-9][0-9]*$ ]]
	wait_line pool_p.err '^up '
	echo 0 >>gate
	until_pool p RUNNING 0
	over p
}

@test "place: --detach: waits until there is room" {
	pool p --max 1 -c 1
	held first p
	start place wp-pool place -d p -- sh -c 'echo up >>up; exec sleep 1000'
	until_pool p RUNNING,WAITING '1 1'
	assert_equal "$(cat place.out)" ""
	let_go first
	finish 0 "$pid_place"
	assert_equal "$(cat place.out)" 2
	wait_line up up
	wp-pool stop p --now
	finish 0 "$pid_pool_p"
	assert_nothing_left
}

@test "place: --detach: its caller dies while it waits: it leaves the queue" {
	leaves_queue place -d
}

@test "place: --detach: what cannot be run: 127 or 126, and no id" {
	pool p
	run -127 --separate-stderr wp-pool place --detach p -- nonesuch
	assert_output ""
	assert_equal "$stderr" 'wp-pool: error: command not found: "nonesuch"'
	run -126 --separate-stderr wp-pool place --detach p -- "$T"
	assert_output ""
	over p
}

@test "place: --detach: a command that is over at once is no failure" {
	local n
	pool p
	for n in 1 2 3 4 5; do
		run -0 wp-pool place --detach p -- true
		assert_output "$n"
	done
	run -0 wp-pool place --detach p -- false
	over p
}

@test "place: --detach: it lives until the pool ends, which gives it its --shutdown-timeout" {
	pool p --shutdown-timeout 50ms --kill-after 50ms
	detached one p
	wp-pool place -d p -- sh -c 'trap "" TERM; echo $$ >stubborn; while :; do sleep 1000; done' >id
	until_true [ -s stubborn ]
	run -0 wp-pool call p -- true
	kill -0 "$command_one"
	wp-pool stop p
	finish 0 "$pid_pool_p"
	wait_ended "$command_one"
	wait_dead stubborn
	assert_nothing_left
}

@test "place: --detach: drain waits for it" {
	pool p
	detached one p
	run -75 wp-pool drain p --timeout 50ms
	start drain wp-pool drain p
	echo 0 >>one.gate
	finish 0 "$pid_drain"
	over p
}

@test "place: --output: appended, stdout and stderr; stdin is empty" {
	pool p
	echo before >log
	wp-pool place -d -o log p -- sh -c 'echo out; echo err >&2; cat; echo "read $?"' <<<input >id
	until_pool p RUNNING 0
	assert_equal "$(cat log)" $'before\nout\nerr\nread 0'
	assert_equal "$(cat pool_p.err)" ""
	run wp-pool place -d -o no/such p -- touch ran
	refute_crash
	[ "$status" -ne 0 ]
	[ ! -e ran ]
	over p
}

@test "place: a full disk (/dev/full) under the id" {
	pool p
	run -74 bash -c 'exec wp-pool place -d p -- true >/dev/full'
	over p
}

@test "place: mistakes" {
	pool p
	usage place 'missing argument: NAME -- COMMAND'
	usage place 'missing argument' p
	usage place 'option --output needs --detach' --output x p -- touch ran
	usage place 'unknown option "--retries"' --retries 1 p -- touch ran
	usage place 'unknown option "--no-link"' --no-link p -- touch ran
	usage place 'priority' --priority x p -- touch ran
	usage place 'nice' --nice -21 p -- touch ran
	bad_durations place --timeout p -- touch ran
	bad_durations place --cpu p -- touch ran
	usage place 'exclude each other' --track-resources --no-track-resources p -- touch ran
	run -64 wp-pool place --memory 1X p -- touch ran
	assert_equal "$(of_pool p CALLS)" 0
	[ ! -e ran ]
	[ ! -e x ]
	over p
}

@test "place: no such pool, names that no pool can have, state directories that are refused" {
	no_pool place -- touch ran
	no_pool place --detach -- touch ran
	bad_names place -- touch ran
	bad_state place -- touch ran
	[ ! -e ran ]
}

@test "place: --help" {
	help_of place
}
