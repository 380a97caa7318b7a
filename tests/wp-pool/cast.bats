#!/usr/bin/env bats
# wp-pool cast: a command on a pool that nobody waits for.

load ../helpers
load named
load verbs

# idle POOL: nothing runs or waits there.
idle() { until_pool "$1" RUNNING,WAITING '0 0'; }

@test "cast: prints an id and returns while the command runs" {
	pool p
	open_gate gate
	run -0 --separate-stderr wp-pool cast p -- sh -c 'echo up >>up; read -r _ <gate; echo "$WP_CALL" >done'
	assert_output 1
	assert_equal "$stderr" ""
	wait_line up up
	assert_equal "$(of_calls p ID,STATE)" '1 running'
	echo >>gate
	idle p
	assert_equal "$(cat done)" 1
	run -0 wp-pool cast p -- true
	assert_output 2
	idle p
	over p
}

@test "cast: returns before the command has begun, when there is no room" {
	pool p --max 1 -c 1
	held first p
	run -0 wp-pool cast p -- sh -c 'echo ran >ran'
	assert_output 2
	assert_equal "$(of_calls p ID,STATE)" '1 running
2 waiting'
	[ ! -e ran ]
	let_go first
	idle p
	assert_equal "$(cat ran)" ran
	over p
}

@test "cast: what it writes goes to the pool's stderr, and its stdin is empty" {
	pool p
	wp-pool cast p -- sh -c 'echo out; echo err >&2; cat; echo "read $?"' <<<input >id
	idle p
	assert_equal "$(cat pool_p.err)" $'out\nerr\nread 0'
	assert_equal "$(cat pool_p.out)" ""
	assert_equal "$(cat id)" 1
	over p
}

@test "cast: --output: appended to a file in the caller's directory, stdout and stderr" {
	pool p
	mkdir dir
	echo before >dir/log
	(cd dir && wp-pool cast -o log p -- sh -c 'echo out; echo err >&2; cat; echo "read $?"' <<<input >id)
	idle p
	assert_equal "$(cat dir/log)" $'before\nout\nerr\nread 0'
	(umask 027 && wp-pool cast --output new p -- echo new >id)
	idle p
	assert_equal "$(stat -c %a new)" 640
	assert_equal "$(cat new)" new
	assert_equal "$(cat pool_p.err)" ""
	over p
}

@test "cast: --output: many into one file, and no line is lost" {
	local n
	pool p --max 2 -c 10
	for n in $(seq 50); do
		wp-pool cast -o log p -- sh -c 'echo "$1"; echo "$1" >&2' sh "$n" >id
	done
	idle p
	assert_equal "$(sort -n log | uniq -c | awk '{ print $1, $2 }')" "$(seq -f '2 %g' 50)"
	over p
}

@test "cast: --output that cannot be opened: nothing runs" {
	pool p
	run -77 without_rights wp-pool cast -o /proc/version p -- touch ran
	assert_output --partial 'cannot open "/proc/version"'
	run wp-pool cast -o "$T" p -- touch ran
	refute_crash
	[ "$status" -ne 0 ]
	assert_output --partial "cannot open \"$T\""
	run wp-pool cast -o no/such/dir p -- touch ran
	refute_crash
	[ "$status" -ne 0 ]
	assert_output --partial 'cannot open "no/such/dir"'
	run wp-pool cast -o '' p -- touch ran
	refute_crash
	[ "$status" -ne 0 ]
	assert_equal "$(of_pool p CALLS)" 0
	[ ! -e ran ]
	over p
}

@test "cast: a full disk (/dev/full) under --output is the command's problem, under the id our own" {
	pool p
	run -0 wp-pool cast -o /dev/full p -- sh -c 'echo x || : >told'
	idle p
	[ -e told ]
	run -74 bash -c 'exec wp-pool cast p -- true >/dev/full'
	assert_output --partial 'error:'
	idle p
	over p
}

@test "cast: it runs where and as the caller is: directory, environment, umask, arguments" {
	pool p
	mkdir dir
	stub tells <<-'SH'
		pwd
		umask
		echo "$MINE $WP_POOL $WP_CALL"
		printf '<%s>' "$@"
	SH
	(cd dir && umask 077 && MINE=mine wp-pool cast -o ../log p -- tells '' 'a b' $'c\nd' -x >../id)
	idle p
	assert_equal "$(cat log)" "$T/dir
0077
mine p 1
<><a b><c
d><-x>"
	over p
}

@test "cast: an environment or command line of a megabyte" {
	pool p
	# shellcheck disable=SC2046 # many
	wp-pool cast -o log p -- printf '%s\n' $(seq 100000) >id
	idle p
	seq 100000 | cmp - log
	over p
}

@test "cast: failures are counted, and told by --log debug" {
	pool p --log debug
	wp-pool cast p -- sh -c 'exit 3' >id
	wp-pool cast p -- nonesuch >id
	idle p
	assert_equal "$(of_pool p CALLS,PASSED,FAILED)" '2 0 2'
	over p
	grep -Fxq 'wp-pool: pool "p": call 1 ended with status 3' pool_p.err
	grep -Fxq 'wp-pool: pool "p": call 2 ended with status 127: command not found: "nonesuch"' pool_p.err
}

@test "cast: --timeout, while it waits and while it runs; the pool's is the default" {
	pool p --max 1 -c 1 --timeout 1s
	held first p --timeout 0
	wp-pool cast --timeout 50ms p -- touch ran >id
	wp-pool cast p -- touch ran >id
	until_pool p RUNNING,WAITING,FAILED '1 0 2'
	let_go first
	wp-pool cast p -- sh -c 'echo $$ >pid1; exec sleep 1000' >id
	until_pool p RUNNING,FAILED '0 3'
	wp-pool cast --timeout 1s p -- sh -c 'echo $$ >pid2; exec sleep 1000' >id
	until_pool p RUNNING,FAILED '0 4'
	wait_dead pid1 pid2
	[ ! -e ran ]
	over p
}

@test "cast: --priority: lower runs first" {
	local n
	pool p --max 1 -c 1
	held first p
	for n in 3 1 -2 2; do
		wp-pool cast --priority "$n" p -- sh -c 'echo "$1" >>order' sh "$n" >id
	done
	let_go first
	idle p
	assert_equal "$(paste -sd ' ' order)" '-2 1 2 3'
	over p
}

@test "cast: --retries: again with the same --output" {
	pool p
	wp-pool cast --retries 5 -o log p -- sh -c 'echo try; [ "$(wc -l <log)" -eq 3 ]' >id
	idle p
	assert_equal "$(cat log)" $'try\ntry\ntry'
	assert_equal "$(of_pool p CALLS,PASSED,FAILED)" '1 1 0'
	over p
}

@test "cast: --retries: on another runner when its own is lost" {
	pool p
	open_gate gate
	wp-pool cast --retries 1 -o log p -- sh -c 'echo "runner $WP_RUNNER as $$"; read -r _ <gate' >id
	wait_line log 'runner 1 as'
	kill -KILL "$(runner_pid p 1)"
	# It is not to take what is for the next one.
	wait_ended "${line##* }"
	wait_line log 'runner 2 as'
	echo >>gate
	idle p
	assert_equal "$(of_pool p PASSED,FAILED)" '1 0'
	over p
}

@test "cast: --track-resources: its slot is taken until its group is gone" {
	pool p --max 1 -c 1
	wp-pool cast --track-resources p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >child' >id
	until_calls p ID,STATE '1 ending'
	start call wp-pool call p -- true
	until_pool p RUNNING,WAITING '1 1'
	kill "$(cat child)"
	finish 0 "$pid_call"
	over p
}

@test "cast: --nice and --cpu" {
	pool p
	wp-pool cast -n 4 --cpu 7s -o log p -- sh -c 'nice; ulimit -t' >id
	idle p
	assert_equal "$(cat log)" "$(($(nice) + 4))
7"
	over p
}

@test "cast: 200 at once: all run, and the ids are those of the calls" {
	pool p --max 2 -c 10
	seq 200 | wp-pool map -j 20 -- wp-pool cast p -- sh -c 'echo "$WP_CALL" >>ran' sh >ids
	idle p
	assert_equal "$(sort -n ids)" "$(seq 200)"
	assert_equal "$(sort -n ran)" "$(seq 200)"
	over p
}

@test "cast: from inside a call, which it outlives" {
	pool p
	open_gate gate
	run -0 wp-pool call p -- wp-pool cast p -- sh -c 'read -r _ <gate; echo late >late'
	assert_output 2
	[ ! -e late ]
	echo >>gate
	idle p
	assert_equal "$(cat late)" late
	over p
}

@test "cast: a pool that is stopped lets it end, and drops what waits" {
	pool p --max 1 -c 1
	open_gate gate
	wp-pool cast p -- sh -c 'echo up >up; read -r _ <gate; echo done >done' >id
	wp-pool cast p -- touch ran >id
	wait_line up up
	start stop wp-pool stop p
	until_pool p STATE,WAITING 'stopping 0'
	echo >>gate
	finish 0 "$pid_stop"
	finish 0 "$pid_pool_p"
	assert_equal "$(cat done)" done
	[ ! -e ran ]
	assert_nothing_left
}

@test "cast: mistakes" {
	pool p
	usage cast 'missing argument: NAME -- COMMAND'
	usage cast 'missing argument' p --
	usage cast 'priority' --priority x p -- touch ran
	usage cast 'retries' --retries -1 p -- touch ran
	usage cast 'nice' --nice 20 p -- touch ran
	bad_durations cast --timeout p -- touch ran
	usage cast 'exclude each other' --track-resources --no-track-resources p -- touch ran
	usage cast 'unknown option "--no-link"' --no-link p -- touch ran
	usage cast 'unknown option "--detach"' --detach p -- touch ran
	run -64 wp-pool cast --memory 0 p -- touch ran
	assert_equal "$(of_pool p CALLS)" 0
	[ ! -e ran ]
	over p
}

@test "cast: no such pool, names that no pool can have, state directories that are refused" {
	no_pool cast -- touch ran
	bad_names cast -- touch ran
	bad_state cast -- touch ran
	[ ! -e ran ]
}

@test "cast: --help" {
	help_of cast
}
