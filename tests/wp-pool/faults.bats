#!/usr/bin/env bats
# wp-pool: sudden death and bad manners around named pools. Each time a call that has nothing to do with it goes on.

load ../helpers
load named

# Sudden death

@test "SIGKILL to the pool: its calls fail at once with 125, its commands die, another pool goes on" {
	pool p --max 1 -c 1 --timeout 0
	pool q
	innocent q
	held running p
	offer waiting p
	until_pool p RUNNING,WAITING '1 1'
	kill_pool p
	finish 125 "$pid_running"
	finish 125 "$pid_waiting"
	assert_equal "$(cat running.err waiting.err)" 'wp-pool: error: the pool "p" has ended
wp-pool: error: the pool "p" has ended'
	wait_ended "$command_running"
	run -69 wp-pool call p -- true
	assert_unharmed q
	end_pool q
	assert_nothing_left
}

@test "SIGKILL to the pool: whatever its commands have started dies, also what has left their process groups" {
	pool p --max 2
	stub family <<-'SH'
		trap "" TERM HUP
		(trap "" TERM HUP; sleep 1000) & echo $! >child
		setsid sh -c 'echo $$ >grandchild; exec sleep 1000' &
		setsid sh -c 'setsid sh -c "echo \$\$ >orphan; exec sleep 1000" & exit 0'
		until [ -s orphan ] && [ -s grandchild ]; do :; done
		echo up
		wait
	SH
	start family wp-pool call p -- family
	wait_line family.out up
	kill_pool p
	finish 125 "$pid_family"
	wait_dead child grandchild orphan
	assert_nothing_left
}

@test "SIGKILL to the pool: the next one of its name starts at once, and takes calls" {
	local n
	for n in 1 2 3 4 5; do
		pool p --min 2
		kill_pool p
	done
	pool p
	run -3 wp-pool call p -- sh -c 'exit 3'
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to the pool while runners boot and hooks run" {
	mkfifo hooks
	pool p --max 3 -c 1 --on-grow-start 'echo $WP_RUNNER >>hooks; exec sleep 1000'
	for n in 1 2 3; do
		start "call$n" wp-pool call p -- sleep 1000
		wait_line hooks "^$n\$"
	done
	kill_pool p
	for n in 1 2 3; do
		local pid_of=pid_call$n
		finish 125 "${!pid_of}"
	done
	assert_nothing_left
}

@test "SIGKILL to a runner: its calls fail at once with 125 and say so, those of another runner go on" {
	pool p --min 2 --max 2 -c 2 --timeout 0
	local other lost
	innocent p
	other=$runner
	held first p
	lost=$runner
	assert_not_equal "$lost" "$other"
	held second p
	kill -KILL "$(runner_pid p "$lost")"
	finish 125 "$pid_first"
	assert_equal "$(cat first.err)" "wp-pool: error: runner $lost was lost: it was killed by signal 9"
	wait_ended "$command_first"
	wait_line pool_p.err "runner $lost was lost"
	# Whichever of the two it was on.
	if [ "$runner" = "$other" ]; then
		let_go second 4
	else
		finish 125 "$pid_second"
	fi
	# The lost one is replaced.
	until_pool p RUNNERS,LOST '2 1'
	held third p
	let_go third 5
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to a runner: what its commands have left in sessions of their own dies, too" {
	pool p --min 2 --max 2 -c 1
	innocent p
	stub family <<-'SH'
		setsid sh -c 'setsid sh -c "echo \$\$ >orphan; exec sleep 1000" & exit 0'
		until [ -s orphan ]; do :; done
		echo up $WP_RUNNER
		sleep 1000
	SH
	start family wp-pool call p -- family
	wait_line family.out up
	kill -KILL "$(runner_pid p "${line#up }")"
	finish 125 "$pid_family"
	wait_dead orphan
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to all runners at once: their calls fail, those that wait are run on new ones" {
	pool p --min 2 --max 2 -c 1 --timeout 0
	pool q
	innocent q
	held a p
	held b p
	offer c p
	offer d p
	until_pool p RUNNING,WAITING '2 2'
	# shellcheck disable=SC2046 # several
	kill -KILL $(of_runners p PID)
	finish 125 "$pid_a"
	finish 125 "$pid_b"
	runs c
	runs d
	let_go c 3
	let_go d 4
	assert_unharmed q
	end_pool p
	end_pool q
	assert_nothing_left
}

@test "SIGKILL to a runner: with --retries its call is run again on another one" {
	pool p --max 2 -c 1 --timeout 0
	innocent p
	stub once <<-'SH'
		echo $$ >>tries
		mkdir tried 2>/dev/null || { echo "again on $WP_RUNNER"; exit 6; }
		kill -KILL $PPID
		sleep 1000
	SH
	run -6 wp-pool call --retries 1 p -- once
	assert_output 'again on 3'
	assert_equal "$(wc -l <tries)" 2
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to the guard of a runner: it is replaced, and no call is touched" {
	pool p --min 1 --max 1
	local first target
	innocent p
	target=$(runner_pid p 1)
	first=$(guard_of "$target")
	kill -KILL "$first"
	new_guard() { guard=$(guard_of "$target") && [ "$guard" != "$first" ]; }
	until_true new_guard
	run -5 wp-pool call p -- sh -c 'exit 5'
	stub family <<-'SH'
		sleep 1000 & echo $! >child
		echo up
		wait
	SH
	pool q
	innocent q
	start family wp-pool call p -- family
	wait_line family.out up
	let_go innocent_p 7
	kill -KILL "$target"
	finish 125 "$pid_family"
	wait_dead child
	assert_unharmed q
	end_pool p
	end_pool q
	assert_nothing_left
}

@test "SIGKILL to the guard of the pool: it is replaced, and after a SIGKILL to the pool nothing is left" {
	local first guard
	pool p --min 1
	innocent p
	first=$(guard_of "$pid_pool_p")
	kill -KILL "$first"
	new_guard() { guard=$(guard_of "$pid_pool_p") && [ "$guard" != "$first" ]; }
	until_true new_guard
	assert_unharmed p
	kill_pool p
	assert_nothing_left
}

@test "SIGKILL to the pool and its guard: what is left in the state directory is cleared by whoever comes next" {
	local guard
	pool p --min 1
	held one p
	guard=$(guard_of "$pid_pool_p")
	kill -STOP "$pid_pool_p"
	kill -KILL "$guard" "$pid_pool_p"
	finish 137 "$pid_pool_p"
	finish 125 "$pid_one"
	wait_ended "$command"
	no_process_left
	run -69 wp-pool call p -- true
	assert_equal "$(wp-presence list -t pools -rno KEY)" ""
	assert_nothing_left
	pool p
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to the pool and all its runners together: commands and what they have started die, nothing is left" {
	pool p --min 3 --max 3 -c 1
	pool q
	innocent q
	local n runners
	stub family <<-'SH'
		trap "" TERM HUP
		(trap "" TERM HUP; sleep 1000) & echo $! >"child.$1"
		echo $$ >"command.$1"
		echo up
		wait
	SH
	for n in 1 2 3; do
		start "call$n" wp-pool call p -- family "$n"
		wait_line "call$n.out" up
	done
	runners=$(of_runners p PID)
	# shellcheck disable=SC2086 # several
	kill -KILL "$pid_pool_p" $runners
	finish 137 "$pid_pool_p"
	finish 125 "$pid_call1"
	finish 125 "$pid_call2"
	finish 125 "$pid_call3"
	wait_dead child.1 child.2 child.3 command.1 command.2 command.3
	assert_unharmed q
	end_pool q
	assert_nothing_left
}

@test "SIGKILL to a caller that waits: it leaves the queue, and its command never runs" {
	pool p --max 1 -c 1 --timeout 0
	innocent p
	start doomed wp-pool call p -- touch ran
	until_pool p WAITING 1
	offer next p
	until_pool p WAITING 2
	kill -KILL "$pid_doomed"
	finish 137 "$pid_doomed"
	until_pool p RUNNING,WAITING '1 1'
	assert_unharmed p
	runs next
	let_go next 3
	[ ! -e ran ]
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to a caller whose command runs: its whole process group dies, its neighbours on the runner do not" {
	pool p --max 1
	innocent p
	stub family <<-'SH'
		trap "" TERM HUP
		(trap "" TERM HUP; sleep 1000) & echo $! >child
		echo $$ >command
		echo up
		wait
		wait
	SH
	wp-pool set p --kill-after 10ms
	start doomed wp-pool call p -- family
	wait_line doomed.out up
	kill -KILL "$pid_doomed"
	finish 137 "$pid_doomed"
	wait_dead child command
	until_pool p RUNNING,WAITING '1 0'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to a command: 137, and nobody else notices" {
	pool p --max 1
	innocent p
	held doomed p
	kill -KILL "$command"
	finish 137 "$pid_doomed"
	assert_unharmed p
	assert_equal "$(of_pool p RUNNERS,BOOTS,LOST)" '1 1 0'
	end_pool p
	assert_nothing_left
}

@test "SIGKILL to a backend's boot: its runner is lost and replaced, another runner's call goes on" {
	make_backend back
	pool p --backend ./back --min 2 --max 2 -c 1
	innocent p
	held doomed p
	local lost=$runner
	kill -KILL "$(pgrep -f -P "$(runner_pid p "$lost")" '^/bin/sh .*/back boot$')"
	finish 125 "$pid_doomed"
	assert_equal "$(cat doomed.err)" \
		"wp-pool: error: runner $lost was lost: the backend's boot was killed by signal 9"
	wait_ended "$command_doomed"
	until_pool p RUNNERS,LOST '2 1'
	held next p
	let_go next 4
	assert_unharmed p
	end_pool p
	# What a boot that was killed cannot remove is the place alone.
	assert_equal "$(find . -name "place.*")" "./place.p.$lost"
	rm -r place.*
	assert_nothing_left
}

@test "SIGKILL to a backend's exec: 137 for its call, and nobody else notices" {
	make_backend back
	pool p --backend ./back --max 1
	innocent p
	held doomed p
	kill -KILL "$command"
	finish 137 "$pid_doomed"
	assert_unharmed p
	assert_equal "$(of_pool p BOOTS,LOST)" '1 0'
	end_pool p
	assert_equal "$(find . -name 'place.*')" ""
	assert_nothing_left
}

# Those who do not move

@test "SIGSTOP to a runner: others go on, a call that is sent there times out and the runner is replaced" {
	pool p --min 2 --max 2 -c 1 --kill-after 10ms
	local stopped
	innocent p
	held there p
	let_go there
	stopped=$(runner_pid p "$runner")
	kill -STOP "$stopped"
	run -124 wp-pool call --timeout 200ms p -- touch ran
	wait_ended "$stopped"
	[ ! -e ran ]
	until_pool p RUNNERS,LOST '2 1'
	held next p
	let_go next 4
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGSTOP to a runner, and SIGCONT: its command has gone on all the time, and a call sent there is run" {
	pool p --max 1 --timeout 0
	pool q
	innocent q
	held before p
	local stopped
	stopped=$(runner_pid p 1)
	kill -STOP "$stopped"
	offer after p
	until_pool p RUNNING 2
	printf '3\n' >>before.gate
	wait_ended "$command_before"
	kill -CONT "$stopped"
	finish 3 "$pid_before"
	runs after
	let_go after 4
	assert_unharmed q
	end_pool p
	end_pool q
	assert_nothing_left
}

@test "SIGSTOP to the pool: commands and callers stream on without it, and after SIGCONT all is as it was" {
	pool p --max 1 --timeout 0
	pool q
	innocent q
	mkfifo to from
	fifo_fd "$T/to"
	local in=$fd
	wp-pool call p -- cat <to >from 2>cat.err 3>&- &
	local pid_cat=$!
	echo one >&"$in"
	wait_line from '^one$'
	kill -STOP "$pid_pool_p"
	echo two >&"$in"
	wait_line from '^two$'
	offer later p
	kill -CONT "$pid_pool_p"
	runs later
	let_go later 3
	echo three >&"$in"
	wait_line from '^three$'
	kill -TERM "$pid_cat"
	finish 143 "$pid_cat"
	assert_unharmed q
	end_pool p
	end_pool q
	assert_nothing_left
}

@test "SIGKILL to a pool that was stopped by SIGSTOP, with callers at its door" {
	pool p --max 1
	pool q
	innocent q
	held inside p
	kill -STOP "$pid_pool_p"
	start outside wp-pool call p -- touch ran
	start status wp-pool status p
	kill_pool p
	finish 125 "$pid_inside"
	# Its request may have come to the door before the end or after it.
	local got=0
	wait "$pid_outside" || got=$?
	[ "$got" -eq 125 ] || [ "$got" -eq 69 ]
	got=0
	wait "$pid_status" || got=$?
	[ "$got" -eq 125 ] || [ "$got" -eq 69 ]
	[ ! -e ran ]
	assert_unharmed q
	end_pool q
	assert_nothing_left
}

@test "SIGSTOP to a caller: its command ends and gives its slot to the next; after SIGCONT it has the status" {
	pool p --max 1 -c 2 --timeout 0
	innocent p
	held stopped p
	kill -STOP "$pid_stopped"
	offer next p
	printf '5\n' >>stopped.gate
	runs next
	let_go next 3
	kill -CONT "$pid_stopped"
	finish 5 "$pid_stopped"
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "SIGSTOP to those who watch the status: the pool does not wait for them" {
	local many=150
	pool p --max 1 -c 2 --timeout 0
	innocent p
	held second p
	start watch wp-pool status p --watch --calls -rno ID
	wait_line watch.out .
	kill -STOP "$pid_watch"
	# Each is a message whenever the status is told: far more than the socket takes.
	for _ in $(seq $many); do
		wp-pool cast p -- true >id
	done
	until_pool p RUNNING,WAITING "2 $many"
	let_go second 3
	until_pool p RUNNING,WAITING '1 0'
	kill -CONT "$pid_watch"
	assert_unharmed p
	end_pool p
	finish 0 "$pid_watch"
	assert_nothing_left
}

# Commands without manners

@test "a command that ignores SIGTERM is killed when its time is over, its neighbour is not" {
	pool p --max 1 --kill-after 10ms
	innocent p
	run -124 wp-pool call --timeout 1s p -- sh -c \
		'trap "" TERM INT HUP; sleep 1000 & echo $! >child; echo $$ >command; while :; do wait; done'
	wait_dead child command
	until_pool p RUNNING 1
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "a command that ignores SIGTERM does not keep a pool from stopping" {
	pool p --max 1 --shutdown-timeout 10ms --kill-after 10ms
	pool q
	innocent q
	start stubborn wp-pool call p -- sh -c 'trap "" TERM; echo up; while :; do sleep 1000; done'
	wait_line stubborn.out up
	end_pool p
	finish 125 "$pid_stubborn"
	assert_unharmed q
	end_pool q
	assert_nothing_left
}

@test "a command that forks twice into a session of its own: its call is over, and the rest ends with the pool" {
	pool p --max 1
	innocent p
	run -3 wp-pool call p -- sh -c \
		'setsid sh -c "setsid sh -c \"echo \\\$\\\$ >orphan; exec sleep 1000\" >/dev/null 2>&1 & exit 0"; until [ -s orphan ]; do :; done; exit 3'
	kill -0 "$(cat orphan)"
	assert_unharmed p
	kill -0 "$(cat orphan)"
	end_pool p
	wait_dead orphan
	assert_nothing_left
}

@test "a command that leaves children in the background: its call is over, and they end with the pool" {
	pool p --max 1
	innocent p
	run -3 wp-pool call p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >child; exit 3'
	kill -0 "$(cat child)"
	assert_unharmed p
	end_pool p
	wait_dead child
	assert_nothing_left
}

@test "a command that leaves children which hold its stdout: the call is over, its reader sees the end with theirs" {
	pool p --max 1
	innocent p
	local got=0
	mkfifo out gate
	fifo_fd "$T/gate"
	start reader cat out
	wp-pool call p -- sh -c '{ read -r _ <gate; echo late; } & echo early; exit 3' >out 3>&- || got=$?
	assert_equal "$got" 3
	kill -0 "$pid_reader"
	echo >>gate
	finish 0 "$pid_reader"
	assert_equal "$(cat reader.out)" $'early\nlate'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "a command that fills its stdout with no reader blocks itself alone, and dies with its caller" {
	pool p --max 1
	innocent p
	mkfifo full
	exec 7<>full
	wp-pool call p -- sh -c 'echo $$ >command; exec yes' >full 2>yes.err 3>&- 7<&- &
	local pid_yes=$!
	until_true [ -s command ]
	until_true blocked_writing "$(cat command)"
	run -5 wp-pool call p -- sh -c 'exit 5'
	kill -KILL "$pid_yes"
	finish 137 "$pid_yes"
	wait_dead command
	exec 7<&-
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

# blocked_writing PID: "yes" sleeps, which it does for nothing else than a pipe that is full.
blocked_writing() { [ "$(cat "/proc/$1/comm")" = yes ] && [ "$(ps -o stat= -p "$1" | cut -c 1)" = S ]; }

@test "a reader that goes away: the command gets SIGPIPE, as it would without a pool" {
	pool p --max 1
	innocent p
	run -0 bash -c 'set +o pipefail; wp-pool call p -- yes | head -n 1; echo "${PIPESTATUS[0]}"'
	assert_output $'y\n141'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "a command that closes its stdin early: its feeder gets SIGPIPE, as it would without a pool" {
	pool p --max 1
	innocent p
	run -0 bash -c 'yes | wp-pool call p -- sh -c "read -r a; exec <&-; echo \$a; exit 3"; echo "${PIPESTATUS[*]}"'
	assert_output $'y\n141 3'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "a command that stops itself is ended when its time is over" {
	pool p --max 1
	innocent p
	run -124 wp-pool call --timeout 1s p -- sh -c 'echo $$ >command; kill -STOP $$'
	wait_dead command
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

# Crowds and garbage

@test "500 callers at once while runners are killed under them: each has an answer of its own, whoever asked for retries a good one" {
	local many=500 n got want pids=()
	pool p --min 2 --max 4 -c 16 --timeout 0
	pool q
	innocent q
	# A command whose runner was killed before it looked who that is falls to the pool, which is not meant.
	stub work <<-'SH'
		[ $(($1 % 50)) -ne 0 ] || [ $PPID -eq "$POOL" ] || ! mkdir "killed.$1" 2>/dev/null || { kill -KILL $PPID; sleep 1000; }
		echo "$1" >>ran
		exit $(($1 % 2 * 3))
	SH
	for n in $(seq $many); do
		POOL=$pid_pool_p wp-pool call --retries $(((n + 1) % 2 * 100)) p -- work "$n" 2>>err 3>&- &
		pids+=($!)
	done
	for n in $(seq $many); do
		got=0
		wait "${pids[n - 1]}" || got=$?
		want=$((n % 2 * 3))
		# Those without retries may have been on a runner that was killed.
		[ "$want" -eq 0 ] || [ "$got" -ne 125 ] || want=125
		assert_equal "$n: $got" "$n: $want"
		[ "$got" -ne 125 ] || echo "$n" >>lost
	done
	assert_equal "$(find . -name 'killed.*' | wc -l)" 10
	# Ten runners, with fifteen others on each.
	[ "$(cat lost 2>/dev/null | wc -l)" -le 150 ]
	assert_equal "$(sort -n ran | uniq | awk '$1 % 2 == 0' | wc -l)" 250
	assert_equal "$(grep -cv 'runner [0-9]* was lost: it was killed by signal 9$' err)" 0
	until_pool p RUNNING,WAITING '0 0'
	# Two of them may have killed the same one.
	[[ $(of_pool p LOST) =~ ^([1-9]|10)$ ]]
	assert_unharmed q
	end_pool p
	end_pool q
	assert_nothing_left
}

# say POOL TEXT: to its socket, as one message; what it answers.
say() {
	perl -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
		connect($s, pack_sockaddr_un($ARGV[0])) or die "connect: $!";
		local $/;
		my $text = <STDIN>;
		send($s, $text, 0) // die "send: $!";
		my $answer;
		print "$answer\n" if defined recv($s, $answer, 65536, 0) && length $answer;
	' "$WP_STATE/pipe/pool.$1"
}

@test "garbage in the socket: whoever sends it gets an answer or the end, and nobody else notices" {
	local text
	pool p --max 1
	innocent p
	for text in 'garbage' '{' '{}' '[]' '"x"' 'null' '{"ask":"call"}' '{"ask":"nonsense"}' '{"ask":-1}' '{"ask":99999999999999999999}' \
		'{"ask":{"ask":{}}}' '{"ask":"set","min":-5,"max":"x"}' '{"ask":"set","max":0}' $'\001\002\377\376' "$(printf '[%.0s' {1..9000})"; do
		run say p <<<"$text"
		[ "$status" -eq 0 ] || { echo "$text: $output"; false; }
		# An answer, and not only the end.
		[[ $output == *'"'* ]] || { echo "no answer to $text: $output"; false; }
	done
	run -0 bash -c 'head -c 100000 /dev/zero | tr "\0" x >long'
	run -0 say p <long
	run -0 say p < <(head -c 30000 /dev/urandom)
	assert_equal "$(of_pool p MIN,MAX,RUNNING,WAITING,CALLS)" '0 1 1 0 1'
	run -5 wp-pool call p -- sh -c 'exit 5'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

@test "garbage in the socket: whoever says nothing, and goes, is no caller" {
	pool p --max 1
	innocent p
	perl -MSocket -e '
		for (1 .. 50) {
			socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die; connect($s, pack_sockaddr_un($ARGV[0])) or die "$!";
			push @all, $s;
		}
		kill "KILL", $$' "$WP_STATE/pipe/pool.p" || true
	assert_equal "$(of_pool p RUNNING,WAITING,CALLS)" '1 0 1'
	assert_unharmed p
	end_pool p
	assert_nothing_left
}

# The state directory

@test "a full state directory: a pool that is there goes on, a new one says what is wrong (a disk of its own, else a file size limit)" {
	stub smalldisk <<-'SH'
		say() { echo "$*"; }
		wp-pool start p --max 2 2>p.err 3>&- &
		pool=$!
		wp-pool wait p
		mkfifo gate
		wp-pool call p -- sh -c 'echo up; read -r status; exit $status' <gate >innocent.out &
		innocent=$!
		exec 8>gate
		until [ -s innocent.out ]; do :; done
		"$@"
		say "echo $(wp-pool call p -- echo works)"
		wp-pool call p -- sh -c 'exit 5'
		say "call $?"
		say "cast $(wp-pool cast p -- true)"
		wp-pool set p --max 3
		say "set $?"
		wp-pool status p -rno MAX
		wp-pool start q
		say "start $?"
		wp-pool call q -- true
		say "no pool $?"
		echo 7 >&8
		wait $innocent
		say "innocent $?"
		wp-pool stop p
		wait $pool
		say "pool $?"
		rm -f state/filler
		ulimit -f unlimited
		find state/pipe state/live ! -type d -name '*pool*'
		wp-presence list -rno KEY
	SH
	with_full_disk 40 smalldisk
	assert_output "$(printf '%s\n' "echo works" "call 5" "cast 4" "set 0" 3 "start 74" "no pool 69" "innocent 7" "pool 0")"
	assert_nothing_left
}

@test "the socket is removed under a pool: whoever calls is told that there is none, what runs goes on, the pool ends clean" {
	pool p --max 1
	innocent p
	rm state/pipe/pool.p
	run -69 wp-pool call p -- true
	assert_output --partial 'there is no pool "p"'
	assert_unharmed p
	kill -TERM "$pid_pool_p"
	finish 0 "$pid_pool_p"
	assert_nothing_left
}

@test "the whole state directory is removed under a pool: what runs goes on, the pool ends clean, another one can be started" {
	pool p --max 1
	innocent p
	rm -r state
	run -69 wp-pool call p -- true
	pool q
	run -4 wp-pool call q -- sh -c 'exit 4'
	assert_unharmed p
	kill -TERM "$pid_pool_p"
	finish 0 "$pid_pool_p"
	run -5 wp-pool call q -- sh -c 'exit 5'
	end_pool q
	assert_nothing_left
}
