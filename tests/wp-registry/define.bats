#!/usr/bin/env bats
# wp-registry define: a consumer that has no process until there is something to do.

load ../helpers
load registry

# Mistakes

# refused TEXT ARGUMENT...: a mistake, and nothing was made.
refused() {
	usage define "$@"
	[ ! -e "$WP_STATE" ]
}

@test "define: help" { help_of define; }

@test "define: a handle and a command are needed" {
	refused 'missing argument'
	refused 'missing argument' a
	refused 'missing argument' a --
	refused 'unknown option "--pid"' a --pid $$ -- cat
	refused 'unknown option "--ready-fd"' a --ready-fd 9 -- cat
}

@test "define: numbers and words that are none, or out of range" {
	local value
	for value in '' x 0 -1 1.5 1x ' 1' 0x1 2147483648; do
		refused max-pending a --max-pending "$value" -- cat
	done
	refused 'not one of keep|restart' a --on-crash no -- cat
	refused 'not one of stop|signal' a --hibernate kill -- cat
}

@test "define: bad durations" {
	local option
	for option in --timeout --shutdown-timeout --hibernate-after --jitter --suspend-after; do
		bad_durations define "$option" a -- cat
	done
	[ ! -e "$WP_STATE" ]
}

@test "define: a handle or stack that is empty, not UTF-8 or over 64 KiB" {
	bad_handles define -- cat
	[ ! -e "$WP_STATE" ]
}

@test "define: meta that is no object, not JSON, or over 1 MiB" {
	local meta
	for meta in '[]' '"x"' 1 null '' word '{' '{"a":}' "{'a':1}" '{"a":1} {"b":2}' $'{"a":"\xff"}'; do
		run -65 wp-registry define a --meta "$meta" -- touch ran
		assert_output --partial meta
	done
	[ ! -e ran ]
	[ ! -e "$WP_STATE" ]
}

@test "define: a command that cannot be found or run is told to whoever defines it" {
	echo text >text
	run -127 wp-registry define a -- nothing-of-that-name
	assert_output 'wp-registry: error: command not found: "nothing-of-that-name"'
	run -126 wp-registry define a -- ./text
	[ ! -e "$WP_STATE" ]
}

@test "define: a state directory that cannot be one" { refused_states define a -- cat; }

# What is defined

@test "define: it says nothing, and there is no process until there is a message" {
	run -0 wp-registry define a -- cat
	assert_output ''
	run -1 wp-registry whereis a
	assert_equal "$(wp-registry count)" 0
	assert_equal "$(of a STATE,PID,DEFINED,DURABLE,DELIVERED,PENDING,REASON)" 'suspended null true false 0 0 null'
	no_process_left
	over
}

@test "define: what it is defined with is in the list" {
	wp-registry define a --meta '{"table":"orders"}' --durable --hibernate-after 1m --jitter 2m --suspend-after 3m -- cat
	assert_equal "$(of a DURABLE,META,HIBERNATE-AFTER,JITTER,SUSPEND-AFTER)" 'true {"table":"orders"} 60 120 180'
	over
}

@test "define: the first message starts it, and others find it running" {
	wp-registry define a -- sh -c 'cat; echo "$PPID"'
	local first second
	first=$(wp-registry send a one)
	second=$(wp-registry send a two)
	assert_equal "$first" "one
$(wp-registry whereis a)"
	assert_equal "$second" "two
$(wp-registry whereis a)"
	assert_equal "$(wp-registry count)" 1
	assert_equal "$(of a STATE,DELIVERED)" 'running 2'
	over
}

@test "define: a warm one has one process for all messages" {
	wp-registry define a --warm -- sh -c 'while read -r line; do echo "$$ $line"; done'
	local first second
	first=$(wp-registry send a one)
	second=$(wp-registry send a two)
	assert_equal "${first%% *} two" "$second"
	over
}

@test "define: handles of every kind" {
	local handle
	for handle in a/b / .. $'a\nb' ' ' "'; DROP TABLE consumer; --" '*' '$(touch ran)' é -- --durable "$(bytes 65536)"; do
		wp-registry define --meta '{"a":1}' -- "$handle" sh -c 'cat; printf %s "$WP_REGISTRY_HANDLE" >handle'
		run -0 wp-registry send -- "$handle" hello
		assert_output hello
		assert_equal "$(cat handle; echo .)" "$handle."
		wp-registry remove -- "$handle"
	done
	[ ! -e ran ]
	over
}

@test "define: the same handle in two stacks is two consumers" {
	wp-registry define a -- echo of default
	WP_REGISTRY_STACK=s wp-registry define a -- echo of s
	assert_equal "$(wp-registry send a x; wp-registry send -s s a x)" $'of default\nof s'
	over
}

@test "define: it runs in the directory and environment of its definition, not of whoever sends" {
	mkdir there elsewhere
	cd there
	WORD=there wp-registry define a -- sh -c 'pwd; echo "$WORD ${OTHER-none}"; echo "$WP_REGISTRY_HANDLE $WP_REGISTRY_STACK ${WP_REGISTRY_OFFSET-none}"'
	cd ../elsewhere
	WORD=elsewhere OTHER=set run -0 wp-registry send a x
	assert_output "$T/there
there none
a default none"
	cd ..
	over
}

@test "define: arguments and variables may be any bytes" {
	BYTES=$'\xff\x01é\n"' wp-registry define a -- sh -c 'printf "%s|%s|%s|" "$BYTES" "$@"' sh $'\xfe\n\\' ''
	assert_equal "$(wp-registry send a x; echo .)" $'\xff\x01é\n"|\xfe\n\\||\n.'
	over
}

@test "define: a state directory that is given by a relative path is found from everywhere" {
	mkdir there elsewhere
	cd there
	wp-registry --state ../other define a -- sh -c 'echo fine'
	cd ../elsewhere
	run -0 wp-registry --state ../other send a x
	assert_output fine
	cd ..
	wp-registry --state other remove a
	[ ! -e "$WP_STATE" ]
	assert_equal "$(find . -path '*/[lp]i[vp]e/*')" ""
}

@test "define: it outlives its first publisher, in a session of its own, with nothing of the publisher's" {
	local consumer
	echo x >message
	mkfifo fifo
	exec 8<>fifo
	wp-registry define a -- cat
	start send bash -c 'exec wp-registry send a <message >fifo 2>fifo 9>fifo'
	finish 0
	exec 8>&-
	consumer=$(wp-registry whereis a)
	assert_equal "$(ps -o sid= -p "$consumer" | tr -d ' ')" "$consumer"
	[ "$(ps -o ppid= -p "$consumer" | tr -d ' ')" != $$ ]
	run find "/proc/$consumer/fd" -lname "$T/fifo" -o -lname "$T/message" -o -lname "$T/send.*"
	assert_output ''
	assert_equal "$(readlink "/proc/$consumer/fd/0" "/proc/$consumer/fd/1" "/proc/$consumer/fd/2" | sort -u)" /dev/null
	over
}

@test "define: whoever waits for the end of the publisher's output does not wait for the consumer" {
	wp-registry define a -- cat
	assert_equal "$(wp-registry send a x 2>&1 | cat)" x
	assert_equal "$(state_of a)" running
	over
}

@test "define: a publisher that is killed while its message is dealt with leaves the consumer to others" {
	make_gated a
	wp-registry define a -- gated a
	start send wp-registry send a one
	given a
	kill -KILL "$pid_send"
	finish 137 "$pid_send"
	let_go a 0
	start send wp-registry send a two
	given a
	assert_equal "$message" two
	let_go a 0 fine
	finish 0 "$pid_send"
	assert_equal "$(of a STATE,DELIVERED)" 'running 2'
	over
}

# Once

@test "define: of 20 publishers that race one starts it, and all are answered by that one" {
	local n pids=()
	wp-registry define a -- sh -c 'read -r n; echo "$n of $PPID"'
	watcher watch
	for n in {1..20}; do
		start "racer$n" wp-registry send a "$n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	local consumer
	consumer=$(wp-registry whereis a)
	for n in {1..20}; do
		assert_equal "$(cat "racer$n.out")" "$n of $consumer"
	done
	assert_equal "$(of a DELIVERED)" 20
	wait_line watch.out '"event":"run"'
	stop_watcher watch
	assert_equal "$(watched watch)" 'suspended a start a run a'
	over
}

@test "define: however many start it, send to it and publish to it at once, it is started once" {
	local n pids=()
	wp-registry define a --warm -- sh -c 'echo "$$" >>started; while read -r line; do echo "$line"; done'
	echo '{"to":"a","event":1}' >messages
	for n in {1..5}; do
		start "start$n" wp-registry start a
		pids+=("$pid")
		start "send$n" wp-registry send a x
		pids+=("$pid")
		publishing "publish$n" messages
		pids+=("$pid")
		start "broadcast$n" wp-registry broadcast x
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	assert_equal "$(wc -l <started)" 1
	assert_equal "$(sql "SELECT count(*) FROM consumer_event WHERE event = 'start'")" 1
	over
}

@test "define: 20 that race to define a handle: one does" {
	local n pid pids=() winners=0 got
	for n in {1..20}; do
		start "racer$n" wp-registry define a -- echo "$n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		got=0
		wait "$pid" || got=$?
		[ "$got" -eq 1 ] || { [ "$got" -eq 0 ] && winners=$((winners + 1)); }
	done
	assert_equal "$winners" 1
	n=$(wp-registry send a x)
	assert_equal "$(cat "racer$n.err")" ""
	over
}

# Taken, and --replace

@test "define: a handle that is defined already is refused, and --replace makes it another" {
	wp-registry define a --meta '{"old":1}' -- echo old
	run -1 wp-registry define a -- echo new
	assert_output 'wp-registry: error: handle "a" is defined already
wp-registry: hint: --replace, or wp-registry remove'
	wp-registry define a --replace -- echo new
	run -0 wp-registry send a x
	assert_output new
	assert_equal "$(of a META)" '{}'
	over
}

@test "define: one that runs is replaced by nobody" {
	wp-registry define a -- echo old
	wp-registry start a
	local consumer
	consumer=$(wp-registry whereis a)
	run -1 wp-registry define a --replace -- echo new
	assert_output "wp-registry: error: handle \"a\" is taken, by process $consumer"
	registered b -- cat
	run -1 wp-registry define b --replace -- cat
	assert_output "wp-registry: error: handle \"b\" is taken, by process $pid_b"
	wp-registry register c --pid $$
	run -1 wp-registry define c --replace -- cat
	assert_output "wp-registry: error: handle \"c\" is taken, by process $$"
	over
}

@test "define: --replace takes the place of one that has crashed" {
	registered a -- cat
	kill_registration a
	run -1 wp-registry define a -- echo new
	assert_output --partial 'handle "a" has crashed: killed'
	wp-registry define a --replace -- echo new
	assert_equal "$(of a STATE,REASON)" 'suspended null'
	run -0 wp-registry send a x
	assert_output new
	over
}

@test "define: what is stored for a durable one is dealt with by the one that takes its place" {
	local n
	wp-registry define a --durable -- sh -c 'exit 1'
	for n in 1 2; do
		run -0 wp-registry send --no-wait a "$n"
	done
	kill_consumer a
	wp-registry define a --durable --replace -- sh -c 'read -r m; echo "$m" >>got'
	run -0 wp-registry send a 3
	assert_equal "$(cat got)" $'1\n2\n3'
	assert_equal "$(of a PENDING)" 0
	over
}

# How it goes

@test "define: SIGTERM to its process suspends it, and the next message starts a fresh one" {
	local first
	wp-registry define a -- cat
	wp-registry send a x
	first=$(wp-registry whereis a)
	kill "$first"
	wait_ended "$first"
	assert_equal "$(of a STATE,PID,DELIVERED)" 'suspended null 1'
	assert_equal "$(wp-registry send a y)" y
	[ "$(wp-registry whereis a)" != "$first" ]
	assert_equal "$(of a DELIVERED)" 2
	over
}

@test "define: a warm handler that is done and ends with 0 suspends it" {
	local first second
	wp-registry define a --warm -- sh -c 'read -r line; echo "$$ $line"'
	first=$(wp-registry send a one)
	second=$(wp-registry send a two)
	assert_equal "${first#* } ${second#* }" 'one two'
	[ "${first% *}" != "${second% *}" ]
	until_event a 'suspend|suspended'
	assert_equal "$(of a DELIVERED)" 2
	over
}

@test "define: 75 is an answer that somebody else is to give: a fresh one is asked, once" {
	wp-registry define a -- sh -c 'echo "$PPID" >>asked; exit 75'
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" was removed or is suspended still'
	assert_equal "$(sort -u asked | wc -l)" 2
	assert_equal "$(wc -l <asked)" 2
	over
}

@test "define: 75 and then 0 is delivered" {
	wp-registry define a -- sh -c '[ -e asked ] || { touch asked; exit 75; }; cat'
	run -0 wp-registry send a x
	assert_output x
	over
}

@test "define: --suspend-after ends its process when it has nothing to do, and it comes back for the next message" {
	wp-registry define a --suspend-after 50ms -- sh -c 'echo "$PPID"'
	local first second
	first=$(wp-registry send a x)
	wait_ended "$first"
	assert_equal "$(of a STATE,PID)" 'suspended null'
	second=$(wp-registry send a x)
	[ "$first" != "$second" ]
	wait_ended "$second"
	over
}

@test "define: --on-crash restart: the next message starts one that was killed" {
	wp-registry define a --on-crash restart -- cat
	wp-registry start a
	kill_consumer a
	run -0 wp-registry send a x
	assert_output x
	assert_equal "$(of a STATE,REASON)" 'running null'
	over
}

@test "define: --on-crash restart: a warm handler that crashes is started again by the same process" {
	local consumer
	wp-registry define a --warm --on-crash restart -- sh -c 'while read -r line; do [ "$line" != die ] || exit 3; echo "$line"; done'
	wp-registry start a
	consumer=$(wp-registry whereis a)
	run -1 wp-registry send a die
	assert_output 'wp-registry: error: consumer "a" has crashed: exit status 3'
	run -0 wp-registry send a x
	assert_output x
	assert_equal "$(wp-registry whereis a)" "$consumer"
	over
}

@test "define: a directory that has gone is a crash with the reason, which sends and start tell" {
	mkdir there
	cd there
	wp-registry define a -- cat
	cd ..
	rmdir there
	run -1 wp-registry send a x
	assert_output --partial 'consumer "a" has crashed: '
	assert_output --partial "$T/there"
	run -1 wp-registry start a
	assert_output --partial 'consumer "a" has crashed: '
	assert_equal "$(state_of a)" crashed
	mkdir there
	wp-registry start a
	assert_equal "$(wp-registry send a x)" x
	over
}

@test "define: a command that has gone since has failed with 127" {
	stub handler <<<'cat'
	wp-registry define a -- ./bin/handler
	rm bin/handler
	run -127 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has failed: cannot run "./bin/handler": No such file or directory'
	over
}

# --log

@test "define: --log: what the command and its consumer say on stderr is appended, found from where it was defined" {
	mkdir there
	cd there
	echo before >log
	wp-registry define a --warm --log log -- sh -c 'while read -r line; do echo "err $line" >&2; [ "$line" != die ] || exit 3; echo; done'
	cd ..
	wp-registry send a one
	run -1 wp-registry send a die
	# What it says comes after what is known of it.
	wait_line there/log 'has crashed'
	wp-registry start a
	wp-registry send a two
	wp-registry remove a
	assert_equal "$(cat there/log)" 'before
err one
err die
wp-registry: warning: consumer "a" has crashed: exit status 3
err two'
	over
}

@test "define: without --log nobody hears what it says" {
	wp-registry define a -- sh -c 'echo lost >&2; echo reply'
	run -0 wp-registry send a x
	assert_output reply
	over
}

@test "define: --log: a file that cannot be opened is a crash with the reason" {
	wp-registry define a --log missing/log -- cat
	run -1 wp-registry send a x
	assert_output "wp-registry: error: consumer \"a\" has crashed: cannot open \"$T/missing/log\": No such file or directory"
	mkdir missing
	run -0 wp-registry start a
	assert_equal "$(wp-registry send a x)" x
	over
}

# Events

@test "define: what happens to it is told: define, start, run, suspend, crash" {
	local consumer
	watcher watch
	wp-registry define a -- cat
	wp-registry start a
	wait_line watch.out '"event":"run"'
	consumer=$(wp-registry whereis a)
	kill "$consumer"
	wait_line watch.out '"event":"suspend"'
	wp-registry start a
	wait_ended "$consumer"
	kill_consumer a
	wait_line watch.out '"event":"crash"'
	wp-registry remove a
	wait_line watch.out '"event":"remove"'
	stop_watcher watch
	assert_equal "$(watched watch)" \
		'define a start a run a suspend a start a run a crash a:killed remove a'
	over
}

@test "define: whoever calls by hand what starts its process is refused" {
	wp-registry define a -- cat
	run -64 wp-registry consumer 1 1 3>&- 4>&-
	assert_line --index 0 'wp-registry: error: this verb is for wp-registry alone'
	assert_equal "$(wp-registry send a <<<hello)" hello
	over
}
