#!/usr/bin/env bats
# wp-registry register: a process that is a consumer, from its beginning to its end.

load ../helpers
load registry

# Mistakes

# refused TEXT ARGUMENT...: a mistake, and nothing was made.
refused() {
	usage register "$@"
	[ ! -e "$WP_STATE" ]
}

@test "register: help" { help_of register; }

@test "register: a handle is needed, and one of a command and --pid" {
	refused 'missing argument: HANDLE'
	refused 'a command is needed, or --pid' a
	refused 'a command is needed, or --pid' a --warm --
	refused '--pid and a command exclude each other' a --pid $$ -- cat
	refused 'unknown option "--suspend-after"' a --suspend-after 1s -- cat
	refused 'unknown option "--durable"' a --durable -- cat
}

@test "register: numbers and words that are none, or out of range" {
	local option value
	for option in --max-pending --pid --ready-fd; do
		for value in '' x -1 1.5 1x ' 1' 0x1 2147483648 99999999999999999999; do
			refused "${option#--}" a "$option" "$value" -- cat
		done
	done
	refused 'max-pending "0" is out of range' a --max-pending 0 -- cat
	refused 'pid "0" is out of range' a --pid 0
	for value in 0 1 2; do
		refused "ready-fd \"$value\" is out of range" a --ready-fd "$value" -- cat
	done
	refused 'not one of keep|restart' a --on-crash no -- cat
	refused 'not one of keep|restart' a --on-crash '' -- cat
	refused 'not one of stop|signal' a --hibernate kill -- cat
}

@test "register: bad durations" {
	local option
	for option in --timeout --shutdown-timeout --hibernate-after --jitter; do
		bad_durations register "$option" a -- cat
	done
	[ ! -e "$WP_STATE" ]
}

@test "register: a handle or stack that is empty, not UTF-8 or over 64 KiB" {
	bad_handles register -- cat
	bad_handles register --pid $$
	[ ! -e "$WP_STATE" ]
}

@test "register: meta that is no object, not JSON, or over 1 MiB" {
	local meta
	for meta in '[]' '"x"' 1 null true '' ' ' word '{' '{}}' '{"a":}' "{'a':1}" '{"a":1,}' '{"a":1} {"b":2}' $'{"a":"\xff"}' "$(bytes 100000 '[')"; do
		run -65 wp-registry register a --meta "$meta" -- touch ran
		assert_output --partial meta
		run -65 wp-registry register a --meta "$meta" --pid $$
	done
	[ ! -e ran ]
	[ ! -e "$WP_STATE" ]
}

@test "register: a command that cannot be found or run is told at once, and nobody is registered" {
	echo text >text
	run -127 wp-registry register a -- nothing-of-that-name
	assert_output 'wp-registry: error: command not found: "nothing-of-that-name"'
	run -127 wp-registry register a -- ./nothing
	assert_output 'wp-registry: error: cannot run "./nothing": No such file or directory'
	run -126 wp-registry register a -- ./text
	assert_output 'wp-registry: error: cannot run "./text": Permission denied'
	run -127 wp-registry register a -- ''
	[ ! -e "$WP_STATE" ]
}

@test "register: a state directory that cannot be one" { refused_states register a -- cat; }

@test "register: a descriptor for --ready-fd that is not open" {
	refused 'descriptor 99 is not open' a --ready-fd 99 -- cat
}

# Handles

@test "register: handles with a slash, a newline, quotes, of 64 KiB, and what is SQL, a path or a pattern" {
	local handle n=0
	for handle in a/b / ../../etc/passwd . .. $'a\nb' $'\n' ' ' $'tab\t' "'; DROP TABLE consumer; --" '%' '*' '"' '\' '$(touch ran)' é 日本語 \
		$'\x01' -- --pid "$(bytes 65536)"; do
		register "n$((n += 1))" --meta '{"odd":true}' -- "$handle" sh -c 'cat; printf %s "$WP_REGISTRY_HANDLE" >handle'
		run -0 wp-registry whereis -- "$handle"
		assert_output "$pid"
		run -0 wp-registry send -- "$handle" hello
		assert_output hello
		assert_equal "$(cat handle; echo .)" "$handle."
		assert_equal "$(wp-registry list -J | jq -r '.consumers[].handle'; echo .)" "$handle"$'\n.'
		wp-registry remove -- "$handle"
		unregistered "n$n" 0
		assert_equal "$(cat "n$n.err")" ""
	done
	[ ! -e ran ]
	over
}

@test "register: a handle is taken once a stack: who comes second is refused and told the pid" {
	registered a -- cat
	run -1 wp-registry register a -- touch ran
	assert_output "wp-registry: error: handle \"a\" is taken, by process $pid_a"
	run -1 wp-registry register a --replace -- touch ran
	assert_output "wp-registry: error: handle \"a\" is taken, by process $pid_a"
	run -1 wp-registry register a --pid $$
	assert_output "wp-registry: error: handle \"a\" is taken, by process $pid_a"
	assert_equal "$(wp-registry whereis a)" "$pid_a"
	[ ! -e ran ]
	over
}

@test "register: the same handle in two stacks is two consumers" {
	registered a -- echo of default
	register other --stack s a -- sh -c 'echo "of $WP_REGISTRY_STACK"'
	assert_equal "$count" 1
	assert_equal "$(wp-registry whereis a)" "$pid_a"
	assert_equal "$(wp-registry whereis -s s a)" "$pid_other"
	assert_equal "$(wp-registry send a x; wp-registry send -s s a x)" $'of default\nof s'
	wp-registry remove a
	unregistered a 0
	run -1 wp-registry whereis a
	assert_equal "$(WP_REGISTRY_STACK=s wp-registry whereis a)" "$pid_other"
	over
}

@test "register: WP_REGISTRY_STACK is the stack when none is given" {
	WP_REGISTRY_STACK=s registered a -- cat
	assert_equal "$(wp-registry list -a -rno STACK,HANDLE)" 's a'
	WP_REGISTRY_STACK=s register other --stack t a -- cat
	assert_equal "$(wp-registry list -a -rno STACK,HANDLE)" $'s a\nt a'
	over
}

@test "register: of 20 that race for one handle one has it, and all others are told its pid" {
	local n pids=() winners=0 status winner=
	open_gate over
	for n in {1..20}; do
		start "racer$n" wp-registry register a --ready-fd "${fifo_fds[$T/over]}" -- cat
		pids+=("$pid")
	done
	read -r -t "$PATIENCE" -u "${fifo_fds[$T/over]}" count
	winner=$(wp-registry whereis a)
	for pid in "${pids[@]}"; do
		if [ "$pid" = "$winner" ]; then
			winners=$((winners + 1))
		else
			finish 1 "$pid"
		fi
	done
	assert_equal "$winners" 1
	assert_equal "$(cat racer*.err | sort -u)" "wp-registry: error: handle \"a\" is taken, by process $winner"
	wp-registry remove a
	finish 0 "$winner"
	assert_nothing_left
}

@test "register: what it is registered with is in the list" {
	registered a --meta '{"table": "orders", "n": [1, 2.50]}' --hibernate-after 1h --jitter 2h -- cat
	assert_equal "$(of a PID,STATE,DELIVERED,PENDING,DEFINED,DURABLE,HIBERNATE-AFTER,JITTER,SUSPEND-AFTER)" \
		"$pid_a running 0 0 false false 3600 7200 null"
	run -0 wp-registry list -J -o META
	assert_output --partial '{"table": "orders", "n": [1, 2.50]}'
	over
}

# A command a message

@test "register: a command gets the message on stdin, and what it prints is the reply" {
	registered a -- sh -c 'sed "s/^/got /"'
	run -0 wp-registry send a one
	assert_output 'got one'
	run -0 wp-registry send a $'two\nlines'
	assert_output $'got two\ngot lines'
	assert_equal "$(cat a.out a.err)" ""
	assert_equal "$(of a DELIVERED)" 2
	over
}

@test "register: the message ends with one newline, and the reply loses one" {
	registered a -- od -An -c
	assert_equal "$(wp-registry send a x | tr -s ' ')" ' x \n'
	assert_equal "$(printf 'x\n\n' | wp-registry send a | tr -s ' ')" ' x \n \n'
	registered b -- printf 'x\n\n'
	assert_equal "$(wp-registry send b x | od -An -c | tr -s ' ')" ' x \n \n'
	over
}

@test "register: the exit status of a command is the answer, and no crash" {
	registered a -- sh -c 'read -r status; echo "said $status"; exit "$status"'
	run -3 --separate-stderr wp-registry send a 3
	assert_output 'said 3'
	assert_equal "$stderr" 'wp-registry: error: consumer "a" has failed: exit status 3'
	run -0 wp-registry send a 0
	run -143 wp-registry send a 143
	assert_equal "$(of a STATE,DELIVERED,REASON)" 'running 1 null'
	over
}

@test "register: a command that kills itself has failed with 128 and the signal" {
	registered a -- sh -c 'kill -KILL $$'
	run -137 wp-registry send a x
	assert_output --partial 'exit status 137'
	assert_equal "$(state_of a)" running
	over
}

@test "register: the handler knows its handle and stack, and has the environment and directory of the registration" {
	mkdir there
	cd there
	WORD=here register a --stack s a -- sh -c 'echo "$WP_REGISTRY_HANDLE $WP_REGISTRY_STACK ${WP_REGISTRY_OFFSET-none} $WORD"; pwd'
	cd ..
	run -0 wp-registry send -s s a x
	assert_output "a s none here
$T/there"
	over
}

@test "register: what a handler says on stderr is the registration's" {
	registered a -- sh -c 'echo oops >&2'
	run -0 wp-registry send a x
	assert_output ''
	wait_line a.err '^oops$'
	over
}

@test "register: a handler has descriptors 0, 1 and 2, and no others" {
	local handler
	registered a -- ls /proc/self/fd
	registered b --warm -- sh -c 'while read -r _; do echo "$$"; done'
	run -0 wp-registry send a x
	assert_output $'0\n1\n2\n3'         # 3 is where ls reads them from
	handler=$(wp-registry send b x)
	assert_equal "$(ls "/proc/$handler/fd")" $'0\n1\n2'
	over
}

@test "register: a handler need not read its message" {
	registered a -- true
	run -0 wp-registry send a "$(bytes 100000)"
	assert_output ''
	assert_equal "$(of a DELIVERED)" 1
	over
}

@test "register: what a command leaves running keeps its own output open, and nobody waits for that" {
	local left
	open_gate hold
	# shellcheck disable=SC2016 # for the handler
	registered a -- sh -c 'sh -c "read -r _ <hold" & echo $!'
	left=$(wp-registry send a x)
	kill -0 "$left"
	run -0 wp-registry send a y
	echo >>hold
	echo >>hold
	wait_ended "$left" "$output"
	over
}

@test "register: a command that has gone by the time of a message has failed with 127, and the consumer stays" {
	stub handler <<<'echo fine'
	registered a -- ./bin/handler
	assert_equal "$(wp-registry send a x)" fine
	mv bin/handler bin/elsewhere
	run -127 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has failed: cannot run "./bin/handler": No such file or directory'
	assert_equal "$(state_of a)" running
	mv bin/elsewhere bin/handler
	assert_equal "$(wp-registry send a x)" fine
	over
}

# Warm ones

@test "register: a warm handler is started by the first message, and gets all of them, a line each" {
	registered a --warm -- sh -c 'echo "$$" >>started; while read -r line; do echo "$$ $line"; done'
	[ ! -e started ]
	assert_equal "$(wp-registry send a one)" "$(cat started) one"
	assert_equal "$(wp-registry send a two)" "$(cat started) two"
	assert_equal "$(wc -l <started)" 1
	over
}

@test "register: a warm handler that is done and ends with 0 ends the registration with 0" {
	registered a --warm -- sh -c 'read -r line; echo "last $line"'
	run -0 wp-registry send a one
	assert_output 'last one'
	unregistered a 0
	run -1 wp-registry send a two
	assert_output 'wp-registry: error: there is no consumer "a"'
	over
}

@test "register: a warm handler that crashes between messages is remembered with the reason" {
	local handler
	registered a --warm -- sh -c 'while read -r line; do echo "$$"; done'
	handler=$(wp-registry send a x)
	kill -KILL "$handler"
	unregistered a 137
	assert_equal "$(of a STATE,PID,REASON,DELIVERED)" 'crashed null killed by signal 9 1'
	assert_equal "$(cat a.err)" 'wp-registry: warning: consumer "a" has crashed: killed by signal 9'
	over
}

@test "register: a warm handler that crashes over a message ends the registration with its status" {
	make_gated a
	registered a --warm -- warm-gated a
	start send wp-registry send a x
	given a
	let_go a 3
	finish 1 "$pid_send"
	assert_equal "$(cat send.err)" 'wp-registry: error: consumer "a" has crashed: exit status 3'
	unregistered a 3
	assert_equal "$(of a STATE,REASON,DELIVERED)" 'crashed exit status 3 0'
	over
}

@test "register: a warm handler that ends with 0 but has not answered has crashed" {
	make_gated a
	registered a --warm -- warm-gated a
	start send wp-registry send a x
	given a
	let_go a 0
	finish 1 "$pid_send"
	unregistered a 125
	assert_equal "$(of a STATE,REASON)" 'crashed exit status 0'
	over
}

@test "register: a warm handler that cannot be started has crashed with 127" {
	stub handler <<<'cat'
	registered a --warm -- ./bin/handler
	rm bin/handler
	run -1 wp-registry send a x
	assert_output --partial 'has crashed: cannot run "./bin/handler"'
	unregistered a 127
	assert_equal "$(state_of a)" crashed
	over
}

@test "register: a warm handler that answers twice is killed, and has crashed" {
	registered a --warm -- sh -c 'while read -r line; do printf "%s\n" "$line" "$line"; done'
	run -0 wp-registry send a once
	assert_output once
	unregistered a 137
	assert_equal "$(of a STATE,REASON)" 'crashed it answered without being asked'
	over
}

@test "register: a warm handler that closes its output is ended, and has crashed" {
	open_gate hold
	registered a --warm --shutdown-timeout 50ms -- sh -c 'trap "" TERM; exec >&-; read -r _ <hold'
	run -1 wp-registry send a x
	unregistered a 137
	assert_equal "$(state_of a)" crashed
	over
}

@test "register: what a warm handler leaves running is ended with it" {
	# shellcheck disable=SC2016 # for the handler
	registered a --warm -- sh -c 'sleep 1000 & while read -r _; do echo "$!"; done'
	local left
	left=$(wp-registry send a x)
	kill -0 "$left"
	kill "$pid_a"
	unregistered a 0
	wait_ended "$left"
	over
}

# Crashed or unknown

@test "register: a crashed one keeps its entry: others can tell it from one that never was" {
	registered a -- cat
	kill_registration a
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: killed'
	run -1 wp-registry send b x
	assert_output 'wp-registry: error: there is no consumer "b"'
	run -1 wp-registry whereis a
	assert_equal "$(of a STATE,PID,REASON)" 'crashed null killed'
	over
}

@test "register: the handler does not outlive a registration that is killed" {
	make_gated a
	registered a -- gated a
	start send wp-registry send a x
	given a
	kill_registration a
	wait_ended "$handler"
	finish 1 "$pid_send"
	assert_equal "$(cat send.err)" 'wp-registry: error: consumer "a" has crashed: killed'
	over
}

@test "register: the place of a crashed one is taken with --replace alone" {
	registered a --meta '{"old":1}' -- echo old
	wp-registry send a x
	kill_registration a
	run -1 wp-registry register a -- echo new
	assert_output 'wp-registry: error: handle "a" has crashed: killed
wp-registry: hint: --replace, or wp-registry remove'
	registered a --replace -- echo new
	run -0 wp-registry send a x
	assert_output new
	assert_equal "$(of a STATE,PID,META,REASON)" "running $pid_a {} null"
	over
}

@test "register: a crashed one that was removed leaves its place to anybody" {
	registered a -- echo old
	kill_registration a
	wp-registry remove a
	registered a -- echo new
	assert_equal "$(wp-registry send a x)" new
	over
}

@test "register: the place of one that is defined is taken with --replace alone, and then it is defined no more" {
	wp-registry define a -- echo defined
	run -1 wp-registry register a -- echo registered
	assert_output 'wp-registry: error: handle "a" is defined already
wp-registry: hint: --replace, or wp-registry remove'
	registered a --replace -- echo registered
	run -0 wp-registry send a x
	assert_output registered
	kill "$pid_a"
	unregistered a 0
	assert_equal "$(handles)" ""
	over
}

@test "register: a handle whose holder was killed is free for --replace, though nobody has looked yet" {
	registered a -- echo old
	kill_registration a
	registered a --replace -- echo new
	assert_equal "$(wp-registry send a x)" new
	over
}

@test "register: --replace is no need where there is nobody" {
	registered a --replace -- cat
	assert_equal "$(wp-registry send a x)" x
	over
}

# --on-crash

@test "register: --on-crash restart starts the handler again, and only who had been given is told of the crash" {
	make_gated a
	registered a --warm --on-crash restart -- warm-gated a
	start one wp-registry send a one
	given a
	local first=$handler
	start two wp-registry send a two
	until_pending a 2
	let_go a 7
	finish 1 "$pid_one"
	assert_equal "$(cat one.err)" 'wp-registry: error: consumer "a" has crashed: exit status 7'
	given a
	assert_equal "$message" two
	[ "$handler" != "$first" ]
	let_go a - answer
	finish 0 "$pid_two"
	assert_equal "$(cat two.out)" answer
	assert_equal "$(of a STATE,PID,REASON)" "running $pid_a null"
	assert_equal "$(cat a.err)" 'wp-registry: warning: consumer "a": its handler has crashed: exit status 7'
	over
}

@test "register: --on-crash keep is what holds when nothing is said" {
	registered a --warm --on-crash keep -- sh -c 'read -r _; exit 9'
	run -1 wp-registry send a x
	unregistered a 9
	assert_equal "$(of a STATE,REASON)" 'crashed exit status 9'
	over
}

@test "register: --on-crash restart starts a handler that goes idle with 0 again for the next message" {
	registered a --warm --on-crash restart -- sh -c 'read -r line; echo "$$ $line"'
	local first second
	first=$(wp-registry send a one)
	second=$(wp-registry send a two)
	[ "${first#* }" = one ]
	[ "${second#* }" = two ]
	[ "${first% *}" != "${second% *}" ]
	assert_equal "$(state_of a)" running
	over
}

@test "register: one that is killed itself has crashed, also with --on-crash restart" {
	registered a --on-crash restart -- cat
	kill_registration a
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: killed'
	over
}

# --timeout

@test "register: --timeout: a command that takes longer has failed with 124, and the consumer goes on" {
	make_gated a
	registered a --timeout 2s -- sh -c 'read -r word; [ "$word" = quick ] || read -r _ <a.gate; echo "$word"'
	run -124 wp-registry send a slow
	assert_output 'wp-registry: error: consumer "a" has failed: it took too long'
	run -0 wp-registry send a quick
	assert_output quick
	assert_equal "$(of a STATE,DELIVERED)" 'running 1'
	over
}

@test "register: --timeout: a command that cannot be told to end is killed" {
	make_gated a
	registered a --timeout 50ms --shutdown-timeout 50ms -- sh -c 'trap "" TERM; read -r _ <a.gate'
	run -124 wp-registry send a slow
	assert_output 'wp-registry: error: consumer "a" has failed: it took too long'
	over
}

@test "register: --timeout: a warm handler that takes longer has crashed" {
	make_gated a
	registered a --warm --timeout 50ms --shutdown-timeout 1s -- warm-gated a
	run -1 wp-registry send a slow
	assert_output 'wp-registry: error: consumer "a" has crashed: it took too long'
	unregistered a 143
	assert_equal "$(of a STATE,REASON)" 'crashed it took too long'
	over
}

@test "register: --timeout 0 is none" {
	make_gated a
	registered a --timeout 0s -- gated a
	start send wp-registry send a x
	given a
	let_go a 0 y
	finish 0 "$pid_send"
	over
}

# --pid

@test "register: --pid: a process that can be found, and has no inbox" {
	start sleeper sleep 1000
	run -0 wp-registry register a --pid "$pid_sleeper" --meta '{"kind":"old"}'
	assert_output ''
	assert_equal "$(wp-registry whereis a)" "$pid_sleeper"
	assert_equal "$(wp-registry count)" 1
	assert_equal "$(of a STATE,PID,META,DELIVERED)" "running $pid_sleeper {\"kind\":\"old\"} 0"
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has no inbox'
	kill "$pid_sleeper"
	finish 143 "$pid_sleeper"
	run -1 wp-registry whereis a
	assert_equal "$(handles)" ""
	over
}

@test "register: --pid: its handle is free when it has ended, however" {
	start sleeper sleep 1000
	wp-registry register a --pid "$pid_sleeper"
	kill -KILL "$pid_sleeper"
	finish 137 "$pid_sleeper"
	wp-registry register a --pid $$
	assert_equal "$(wp-registry whereis a)" $$
	over
}

@test "register: --pid: no such process" {
	start gone true
	finish 0
	run -1 wp-registry register a --pid "$pid_gone"
	assert_output "wp-registry: error: there is no process $pid_gone"
	assert_equal "$(handles)" ""
}

@test "register: --pid: one process may be several consumers" {
	wp-registry register a --pid $$
	wp-registry register b --pid $$
	assert_equal "$(wp-registry list -rno HANDLE,PID)" "a $$
b $$"
	assert_equal "$(wp-registry count)" 2
	over
}

@test "register: --pid: a watcher is told when it ends" {
	watcher watch
	start sleeper sleep 1000
	wp-registry register a --pid "$pid_sleeper"
	wait_line watch.out '"event":"start"'
	kill "$pid_sleeper"
	finish 143 "$pid_sleeper"
	wait_line watch.out '"event":"leave"'
	stop_watcher watch
	assert_equal "$(watched watch)" 'start a leave a:exited'
	over
}

# Readiness

@test "register: --ready-fd says how many consumers of the stack run, and is closed then" {
	registered a -- cat
	assert_equal "$count" 1
	wp-registry define d -- cat
	register other --stack s o -- cat
	assert_equal "$count" 1
	registered b --warm -- cat
	assert_equal "$count" 2
	exec {fd}> >(cat >ready)
	wp-registry register c --pid $$ --ready-fd "$fd"
	exec {fd}>&-
	wait_line ready '^3$'
	over
}

@test "register: --ready-fd whose reader has gone is nobody's problem" {
	local fd
	mkfifo fifo
	exec {fd}<>fifo
	exec 8>fifo {fd}>&-
	start a wp-registry register a --ready-fd 8 -- cat
	exec 8>&-
	until_event a 'start|running'
	assert_equal "$(wp-registry send a x)" x
	wp-registry remove a
	finish 0 "$pid_a"
	assert_nothing_left
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

@test "register: NOTIFY_SOCKET hears READY=1, and is no matter of the handler's" {
	listener "$T/notify"
	NOTIFY_SOCKET=$T/notify registered a -- sh -c 'cat'
	wait_line listener.out '^READY=1$'
	assert_equal "$(wp-registry send a x)" x
	kill "$pid_a"
	unregistered a 0
	assert_equal "$(cat listener.out)" $'listens\nREADY=1'
	kill "$pid_listener"
	finish 143 "$pid_listener"
	assert_nothing_left
}

@test "register: a message can be sent as soon as it is ready, or found" {
	local n
	for n in {1..10}; do
		registered "a$n" -- cat
		assert_equal "$(wp-registry send "a$n" x)" x
		[ "$count" -eq "$n" ]
	done
	over
}

# Standard descriptors

@test "register: closed or full standard descriptors are no problem of the consumer's" {
	register a a -- cat <&-
	register b b -- cat
	start c bash -c 'exec wp-registry register c --ready-fd 9 -- sh -c "echo x >&2; cat" 9>ready <&- >&- 2>&-'
	# It is said how many there are when it has been told that it is there.
	wait_line ready '^3$'
	start d bash -c 'exec wp-registry register d -- sh -c "echo x >&2; cat" >/dev/full 2>&1'
	until_event d 'start|running'
	assert_equal "$(cat ready)" 3
	for handle in a b c d; do
		run -0 --separate-stderr wp-registry send "$handle" hello
		assert_output hello
		wp-registry remove "$handle"
	done
	unregistered a 0
	unregistered b 0
	finish 0 "$pid_c"
	finish 0 "$pid_d"
	over
}

# The end

@test "register: SIGTERM, SIGINT and SIGHUP end it with 0, and it is forgotten" {
	local signal
	for signal in TERM INT HUP; do
		registered a --warm -- cat
		assert_equal "$(wp-registry send a x)" x
		kill -"$signal" "$pid_a"
		unregistered a 0
		assert_equal "$(handles)" ""
		run -1 wp-registry send a x
		assert_output 'wp-registry: error: there is no consumer "a"'
	done
	over
}

@test "register: SIGTERM lets the message in hand be dealt with, and the others are told that it was removed" {
	make_gated a
	registered a -- gated a
	start one wp-registry send a one
	given a
	start two wp-registry send a two
	until_pending a 2
	kill "$pid_a"
	let_go a 0 answer
	finish 0 "$pid_one"
	assert_equal "$(cat one.out)" answer
	finish 1 "$pid_two"
	unregistered a 0
	assert_equal "$(cat two.err)" 'wp-registry: error: consumer "a" was removed or is suspended still'
	over
}

@test "register: a second signal ends the handler as well" {
	make_gated a
	registered a -- gated a
	start send wp-registry send a x
	given a
	# Two of one kind could be taken for one.
	kill -TERM "$pid_a"
	kill -INT "$pid_a"
	finish 143 "$pid_send"
	unregistered a 0
	over
}

@test "register: --shutdown-timeout after SIGTERM, and again, a handler that does not end is killed" {
	make_gated a
	registered a --shutdown-timeout 50ms -- sh -c 'trap "" TERM; read -r m; echo "up $$ $m" >a.up; while :; do read -r _ <a.gate; done'
	start send wp-registry send a x
	given a
	kill "$pid_a"
	finish 137 "$pid_send"
	unregistered a 0
	wait_ended "$handler"
	over
}

@test "register: a warm handler is ended by the end of its input, then by SIGTERM, then by SIGKILL" {
	local how patience
	open_gate hold
	stub handler <<-'SH'
		[ "$1" != term ] || trap 'echo TERM >ended; exit 0' TERM
		[ "$1" != kill ] || trap '' TERM
		while read -r line; do
			echo "$line"
		done
		[ "$1" != end ] || { echo end >ended; exit 0; }
		while :; do
			read -r _ <hold
		done
	SH
	for how in end term kill; do
		rm -f ended
		case $how in
		end) patience=1m ;;
		term) patience=2s ;;
		kill) patience=50ms ;;
		esac
		registered "$how" --warm --shutdown-timeout "$patience" -- handler "$how"
		assert_equal "$(wp-registry send "$how" x)" x
		kill "$pid"
		unregistered "$how" 0
		case $how in
		end) assert_equal "$(cat ended)" end ;;
		term) assert_equal "$(cat ended)" TERM ;;
		kill) [ ! -e ended ] ;;
		esac
	done
	over
}

@test "register: remove ends it with 0" {
	registered a -- cat
	watcher watch
	wp-registry remove a
	unregistered a 0
	wait_line watch.out '"event":"remove"'
	stop_watcher watch
	assert_equal "$(watched watch)" 'running a remove a'
	over
}

@test "register: what happens to it is told: start, leave, crash" {
	watcher watch
	registered a -- cat
	kill "$pid_a"
	unregistered a 0
	registered a --warm -- sh -c 'read -r _; exit 3'
	run -1 wp-registry send a x
	unregistered a 3
	registered a --replace -- cat
	kill_registration a
	wait_line watch.out '"reason":"killed"'
	stop_watcher watch
	assert_equal "$(watched watch)" 'start a leave a start a crash a:exit status 3 start a crash a:killed'
	over
}
