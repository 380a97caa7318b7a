#!/usr/bin/env bats
# wp-pool start: options, mistakes, readiness, and what others see of a pool.

load ../helpers
load named
load verbs

# Mistakes

# refused_start TEXT ARGUMENT...: a mistake, and nothing was made.
refused_start() {
	usage start "$@"
	[ ! -e "$WP_STATE" ]
}

@test "start: max below min" {
	refused_start '--max 1 is less than --min 2' --min 2 --max 1 p
	refused_start '--max 10 is less than --min 11' --min 11 p
	refused_start '--max 3 is less than --min 1000' --max 3 --min 1000 p
}

@test "start: the least and the greatest" {
	pool p --min 0 --max 1 -c 1 --grow-when 1 --spare 0
	assert_equal "$(of_pool p MIN,MAX,MAX-CONCURRENCY,CAPACITY)" '0 1 1 1'
	pool q --min 0 --max 1000 -c 4096 --grow-when 2147483647
	assert_equal "$(of_pool q MIN,MAX,MAX-CONCURRENCY,CAPACITY)" '0 1000 4096 4096000'
	run -0 wp-pool call q -- echo x
	pool r --min 1 --max 1
	assert_equal "$(of_pool r MIN,MAX,RUNNERS)" '1 1 1'
	over p q r
}

@test "start: numbers that are none, or out of range" {
	local option number
	for option in --min --max --max-concurrency --spare --grow-when; do
		for number in '' x -1 1.5 1x ' 1' 0x1 4097000000 99999999999999999999; do
			refused_start "${option#--}" "$option" "$number" p
		done
	done
	for option in '--min 1001' '--max 1001' '--max 0' '-c 0' '-c 4097' '--spare 1001' '--grow-when 0'; do
		# shellcheck disable=SC2086 # two words
		refused_start 'out of range' $option p
	done
}

@test "start: bad durations" {
	local option
	for option in --timeout --boot-timeout --shutdown-timeout --kill-after --idle-shutdown-after --min-idle-shutdown-after; do
		bad_durations start "$option" p
	done
	for option in --timeout --boot-timeout --shutdown-timeout --kill-after; do
		refused_start "${option#--}" "$option" never p
	done
	[ ! -e "$WP_STATE" ]
	pool p --idle-shutdown-after never --min-idle-shutdown-after 1h30m
	over p
}

@test "start: an unknown backend, or one that is no program" {
	echo text >text
	refused_start 'there is no backend "nonesuch"' --backend nonesuch p
	refused_start 'cannot use the backend "./nonesuch": No such file or directory' --backend ./nonesuch p
	refused_start 'cannot use the backend "./text": Permission denied' --backend ./text p
	refused_start 'there is no backend ""' --backend '' p
	WP_POOL_BACKEND=nonesuch refused_start 'there is no backend "nonesuch"' p
	refused_start 'the local backend takes no --backend-arg' --backend-arg x p
}

@test "start: --sync of what is not there" {
	refused_start 'cannot sync "nonesuch": No such file or directory' --sync nonesuch p
	refused_start 'cannot sync ""' --sync '' p
}

@test "start: --ready-fd that is no descriptor, or one of the first three" {
	local fd
	for fd in '' x -1 0 1 2; do
		refused_start ready-fd --ready-fd "$fd" p
	done
	refused_start 'descriptor 77 is not open' --ready-fd 77 p
}

@test "start: --log that is none" {
	refused_start 'not one of off|info|debug' --log loud p
	WP_POOL_LOG=loud refused_start WP_POOL_LOG p
}

@test "start: no name, two names, unknown options, flags with a value" {
	refused_start 'missing argument: NAME'
	refused_start 'unexpected argument "q"' p q
	refused_start 'unknown option "--colour"' --colour p
	refused_start 'takes no value' --single-use=yes p
	refused_start 'needs a value' p --max
}

@test "start: names that no pool can have, and those it can" {
	local name
	bad_names start
	[ ! -e "$WP_STATE" ]
	for name in a 1 A.b-c_d "$(printf 'x%.0s' {1..64})" 0.; do
		start pool_it wp-pool start "$name"
		wp-pool wait "$name" --timeout "${PATIENCE}s"
		run -0 wp-pool call "$name" -- sh -c 'echo "$WP_POOL"'
		assert_output "$name"
		wp-pool stop "$name"
		finish 0 "$pid_pool_it"
	done
	assert_nothing_left
}

@test "start: --help" {
	help_of start
}

# Of one name

@test "start: two pools of one name: the second is refused and names the first, which goes on" {
	pool p
	held call p
	run -75 wp-pool start p --max 3
	assert_output "wp-pool: error: there is a pool \"p\" already: process $pid_pool_p"
	let_go call
	assert_equal "$(of_pool p PID,MAX)" "$pid_pool_p 10"
	over p
}

@test "start: two pools of one name: also when the first is stopped" {
	pool p
	kill -STOP "$pid_pool_p"
	run -75 wp-pool start p
	assert_output "wp-pool: error: there is a pool \"p\" already: process $pid_pool_p"
	kill -CONT "$pid_pool_p"
	over p
}

@test "start: of many that start at once with one name one stays, and the others name it" {
	local n pid_of first others=0
	for n in 1 2 3 4 5 6 7 8; do
		start "p$n" wp-pool start p
	done
	wp-pool wait p --timeout "${PATIENCE}s"
	first=$(of_pool p PID)
	for n in 1 2 3 4 5 6 7 8; do
		pid_of=pid_p$n
		[ "${!pid_of}" -ne "$first" ] || continue
		finish 75 "${!pid_of}"
		assert_equal "$(cat "p$n.err")" "wp-pool: error: there is a pool \"p\" already: process $first"
		others=$((others + 1))
	done
	assert_equal "$others" 7
	assert_equal "$(of_pool p STATE)" ready
	wp-pool stop p
	finish 0 "$first"
	assert_nothing_left
}

@test "start: one name in two state directories is two pools" {
	pool p
	start other wp-pool --state "$T/other" start p
	wp-pool --state "$T/other" wait p --timeout "${PATIENCE}s"
	assert_equal "$(wp-pool --state "$T/other" status p -rno PID)" "$pid_other"
	assert_equal "$(of_pool p PID)" "$pid_pool_p"
	wp-pool --state "$T/other" stop p
	finish 0 "$pid_other"
	over p
}

@test "start: pools of other names have nothing to do with each other" {
	pool p --max 1 -c 1
	pool pq --max 1 -c 1
	held one p
	run -0 wp-pool call pq -- sh -c 'echo "$WP_POOL $WP_SLOT $WP_CALL"'
	assert_output 'pq 1 1'
	end_pool pq
	let_go one
	over p
}

@test "start: of the name of a pool that is being stopped: refused as long as it has calls, then taken at once" {
	local n
	pool p --shutdown-timeout "${PATIENCE}s"
	held call p
	start stop wp-pool stop p
	until_pool p STATE stopping
	run -75 wp-pool start p
	assert_output "wp-pool: error: there is a pool \"p\" already: process $pid_pool_p"
	let_go call
	finish 0 "$pid_stop"
	for n in 1 2 3 4 5; do
		pool p --min 2
		end_pool p
	done
	assert_nothing_left
}

# Readiness

@test "start: --ready-fd: a newline and the end, when the min runners are there" {
	make_gated_backend
	mkfifo ready
	start pool_p bash -c 'exec wp-pool start p --backend ./gated --min 2 --ready-fd 7 7>ready'
	cat ready >said 3>&- &
	local reader=$!
	appears p
	until_pool p STATE,RUNNERS,BOOTING 'booting 0 2'
	echo >>boot
	until_pool p STATE,RUNNERS,BOOTING 'booting 1 1'
	[ ! -s said ]
	echo >>boot
	finish 0 "$reader"
	assert_equal "$(od -An -tx1 said)" ' 0a'
	assert_equal "$(of_pool p STATE,RUNNERS)" 'ready 2'
	over p
}

@test "start: --ready-fd: nobody else has that descriptor" {
	mkfifo ready
	start pool_p bash -c 'exec wp-pool start p --ready-fd 7 7>ready'
	assert_equal "$(od -An -tx1 ready)" ' 0a'
	run -0 wp-pool call p -- true
	over p
}

@test "start: --ready-fd whose reader is gone is no reason to end" {
	mkfifo ready
	make_gated_backend
	start pool_p bash -c 'exec wp-pool start p --backend ./gated --min 1 --ready-fd 7 7>ready'
	: <ready
	appears p
	echo >>boot
	wp-pool wait p --timeout "${PATIENCE}s"
	run -0 wp-pool call p -- echo x
	assert_output x
	over p
}

# listener ADDRESS: prints the datagrams that come there, a line each.
listener() {
	cat >"$T/listener" <<-'PERL'
		use Socket;
		$| = 1;
		my $path = $ARGV[0] =~ s/^@/\0/r;
		socket(S, AF_UNIX, SOCK_DGRAM, 0) && bind(S, pack_sockaddr_un($path)) or die $!;
		print "listens\n";
		print "$m\n" while defined recv(S, $m, 4096, 0);
	PERL
	start listener perl "$T/listener" "$1"
	wait_line listener.out listens
}

end_listener() {
	kill "$pid_listener"
	finish 143 "$pid_listener"
}

@test "start: NOTIFY_SOCKET hears READY=1 when the min runners are there, and STOPPING=1" {
	listener "$T/notify"
	NOTIFY_SOCKET=$T/notify gated_pool p --min 1
	until_pool p STATE,BOOTING 'booting 1'
	assert_equal "$(cat listener.out)" listens
	echo >>boot
	wait_line listener.out '^READY=1$'
	assert_equal "$(of_pool p STATE,RUNNERS)" 'ready 1'
	end_pool p
	wait_line listener.out '^STOPPING=1$'
	assert_equal "$(cat listener.out)" $'listens\nREADY=1\nSTOPPING=1'
	end_listener
	assert_nothing_left
}

@test "start: NOTIFY_SOCKET that is abstract, that nobody listens to, or that is none" {
	local address
	listener "@$T/abstract"
	NOTIFY_SOCKET=@$T/abstract start pool_p wp-pool start p
	wait_line listener.out '^READY=1$'
	end_pool p
	end_listener
	for address in "$T/nobody" relative '' "/$(printf 'x%.0s' {1..200})"; do
		NOTIFY_SOCKET=$address pool p
		assert_equal "$(cat pool_p.err)" ""
		end_pool p
	done
	assert_nothing_left
}

@test "start: a pool without min runners is ready at once, and boots one for the first call" {
	pool p
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTS)" 'ready 0 0'
	run -0 wp-pool call p -- echo x
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTS)" 'ready 1 1'
	over p
}

@test "start: calls that come before it is ready run as soon as there is a runner" {
	gated_pool p --min 2
	until_pool p STATE,BOOTING 'booting 2'
	start call wp-pool call p -- echo ran
	until_pool p WAITING 1
	echo >>boot
	finish 0 "$pid_call"
	assert_equal "$(cat call.out)" ran
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTING)" 'booting 1 1'
	echo >>boot
	over p
}

@test "start: told to stop before it is ready it never says that it is" {
	listener "$T/notify"
	NOTIFY_SOCKET=$T/notify gated_pool p --min 1
	until_pool p STATE,BOOTING 'booting 1'
	start wait wp-pool wait p --timeout 100ms
	start stop wp-pool stop p
	wait_line listener.out '^STOPPING=1$'
	echo >>boot
	finish 0 "$pid_stop"
	finish 0 "$pid_pool_p"
	finish 75 "$pid_wait"
	assert_equal "$(cat listener.out)" $'listens\nSTOPPING=1'
	end_listener
	assert_nothing_left
}

# What others see

@test "start: it is in wp-presence under topic pools, with its capacity and what is in use" {
	pool p --max 3 -c 4
	assert_equal "$(wp-presence get -t pools p -rno PID,CAPACITY,IN-USE)" "$pid_pool_p 12 0"
	assert_equal "$(wp-presence get -t pools p --format ndjson | jq -c .meta)" '{"program":"wp-pool","backend":"local"}'
	assert_equal "$(wp-presence capacity -t pools)" 12
	assert_equal "$(wp-presence list -rno KEY)" ""
	start watch wp-presence watch -t pools --snapshot
	held a p
	wait_line watch.out '"key":"p".*"in_use":1[,}]'
	held b p
	wait_line watch.out '"key":"p".*"in_use":2[,}]'
	let_go a
	let_go b
	wait_line watch.out '"event":"update".*"key":"p".*"in_use":0[,}]'
	end_pool p
	wait_line watch.out '"event":"leave".*"key":"p".*"reason":"exited"'
	kill "$pid_watch"
	finish 143 "$pid_watch"
	assert_nothing_left
}

@test "start: what waits is not in use" {
	pool p --max 1 -c 1
	start watch wp-presence watch -t pools --snapshot
	held a p
	offer b p
	until_pool p RUNNING,WAITING '1 1'
	wait_line watch.out '"key":"p".*"in_use":1[,}]'
	assert_equal "$(wp-presence get -t pools p -rno CAPACITY,IN-USE)" '1 1'
	let_go a
	runs b
	let_go b
	kill "$pid_watch"
	finish 143 "$pid_watch"
	assert_equal "$(grep -c '"in_use":2' watch.out)" 0
	over p
}

@test "start: a pool is present before it is ready" {
	gated_pool p --min 1
	until_pool p STATE booting
	assert_equal "$(wp-presence get -t pools p --format ndjson | jq -r .meta.backend)" ./gated
	echo >>boot
	wp-pool wait p --timeout "${PATIENCE}s"
	over p
}

@test "start: without --log it says nothing as long as nothing goes wrong" {
	pool p --min 1
	run -3 wp-pool call p -- sh -c 'exit 3'
	run -127 wp-pool call p -- nonesuch
	over p
	assert_equal "$(cat pool_p.out pool_p.err)" ""
}

@test "start: --log info tells of runners, and of its own beginning and end" {
	pool p --min 1 --log info
	run -0 wp-pool call p -- true
	wp-pool drain p
	wp-pool drain p --undo
	over p
	assert_equal "$(cat pool_p.err)" 'wp-pool: pool "p": runner 1 boots
wp-pool: pool "p": runner 1 is ready: local
wp-pool: pool "p": is ready
wp-pool: pool "p": is being drained
wp-pool: pool "p": takes calls again
wp-pool: pool "p": is being stopped
wp-pool: pool "p": runner 1 is shut
wp-pool: pool "p": runner 1 has ended'
	assert_equal "$(cat pool_p.out)" ""
}

@test "start: --log debug tells of calls, too; WP_POOL_LOG is its default" {
	WP_POOL_LOG=debug pool p
	run -3 wp-pool call p -- sh -c 'exit 3'
	run -127 wp-pool call p -- nonesuch
	end_pool p
	grep -Eq '^wp-pool: pool "p": call 1 started as process [0-9]+ on runner 1$' pool_p.err
	grep -Fxq 'wp-pool: pool "p": call 1 ended with status 3' pool_p.err
	grep -Fxq 'wp-pool: pool "p": call 2 ended with status 127: command not found: "nonesuch"' pool_p.err
	WP_POOL_LOG=debug pool p --log off
	run -3 wp-pool call p -- sh -c 'exit 3'
	over p
	assert_equal "$(cat pool_p.err)" ""
}

@test "start: a full stderr (/dev/full) is no reason to end" {
	start pool_p bash -c 'exec wp-pool start p --log debug 2>/dev/full'
	wp-pool wait p --timeout "${PATIENCE}s"
	run -0 wp-pool call p -- echo x
	assert_output x
	over p
}

# The state directory

@test "start: state directories that are refused" {
	bad_state start
}

@test "start: a state directory that may not be written to: a clear answer" {
	mkdir -m 500 locked
	run -77 without_rights wp-pool --state "$T/locked/state" start p
	assert_output "wp-pool: error: permission denied: cannot make directory \"$T/locked/state\""
	mkdir -m 500 "$WP_STATE"
	run -77 without_rights wp-pool start p
	assert_output --partial "ermission denied"
	assert_output --partial "$WP_STATE"
	assert_equal "$(find "$WP_STATE" "$T/locked" -mindepth 1)" ""
}

@test "start: a state directory made unwritable under a living pool: its calls go on" {
	start pool_p without_rights wp-pool start p
	wp-pool wait p --timeout "${PATIENCE}s"
	held a p
	chmod a-w "$WP_STATE" "$WP_STATE"/*/
	run -0 without_rights wp-pool call p -- echo x
	assert_output x
	until_pool p RUNNING 1
	assert_equal "$(without_rights wp-pool status p -rno RUNNING)" 1
	run -77 without_rights wp-pool start q
	let_go a
	chmod u+w "$WP_STATE" "$WP_STATE"/*/
	over p
}

@test "start: a state directory whose path is longer than a socket's address may be" {
	WP_STATE=$T/$(printf 'x%.0s' {1..100})/$(printf 'y%.0s' {1..100})
	pool p
	run -0 wp-pool call p -- echo x
	assert_output x
	over p
}

# in_full COMMAND...: where no file can grow.
in_full() { bash -c 'ulimit -f 0; trap "" XFSZ; exec "$@"' bash "$@"; }

@test "start: a full disk (a file size limit stands in): told, and nothing is left" {
	run -74 in_full wp-pool start p
	assert_output --partial "error:"
	assert_equal "$(find "$WP_STATE" -name '*pool*')" ""
	pool p
	run -74 in_full wp-pool start q
	assert_equal "$(find "$WP_STATE" -name 'pool.*' -printf '%f\n' | sort -u)" pool.p
	over p
}

@test "start: a full disk: a small one of its own, where that can be mounted (elsewhere a file size limit stands in)" {
	mkdir -m 700 "$WP_STATE"
	if ! with_mounts mount -t tmpfs -o size=1m,mode=700 none "$WP_STATE" 2>/dev/null; then
		run -74 in_full wp-pool start p
		return
	fi
	stub smalldisk <<-'SH'
		mount -t tmpfs -o size=1m,mode=700 none "$WP_STATE" || exit
		wp-pool start p --max 2 -c 1 &
		pool=$!
		wp-pool wait p
		cat /dev/zero >"$WP_STATE/filler" 2>/dev/null
		wp-pool call p -- echo called
		printf 'in\n' | wp-pool call p -- cat
		wp-pool set p --max 3 && echo set
		wp-pool status p -rno MAX
		wp-pool drain p && wp-pool drain p --undo && echo drained
		wp-pool start q 2>err
		echo "second $?"
		find "$WP_STATE/live" "$WP_STATE/pipe" -name '*.q' | wc -l
		wp-pool stop p && wait "$pool"
		echo "stopped $?"
		find "$WP_STATE" -name '*pool*'
		rm "$WP_STATE/filler"
		wp-presence list -t pools -rno KEY
	SH
	run -0 --separate-stderr with_mounts smalldisk
	assert_output 'called
in
set
3
drained
second 74
0
stopped 0'
	assert_equal "$(grep -c 'error:' err)" 1
	rmdir "$WP_STATE"
}
