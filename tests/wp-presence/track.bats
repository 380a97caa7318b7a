#!/usr/bin/env bats
# wp-presence track: be present as long as a command, process or descriptor lives.

load ../helpers
load presence

# A command

@test "track: present exactly while the command runs" {
	worker one worker-1 --capacity 5
	assert_present worker-1
	assert_equal "$(wp-presence capacity)" 5
	end_worker one
	assert_present ""
	assert_equal "$(history worker-1)" "join leave:exited"
	assert_nothing_left
}

@test "track: the command finds itself present, and knows as what" {
	run -0 wp-presence track -t render --ref mine k -- sh -c 'wp-presence list -rno TOPIC,KEY,REF -t "$WP_PRESENCE_TOPIC"
		echo "$WP_PRESENCE_TOPIC $WP_PRESENCE_KEY $WP_PRESENCE_REF"'
	assert_output "render k mine
render k mine"
	run -0 wp-presence track k -- sh -c 'wp-presence get k -rno REF; echo "$WP_PRESENCE_REF"'
	assert_equal "${lines[0]}" "${lines[1]}"
	assert_nothing_left
}

@test "track: the command's standard descriptors are its own: nothing else is printed" {
	run -0 --separate-stderr bash -c 'printf "a\nb\n" | wp-presence track k -- sh -c "cat; echo err >&2"'
	assert_output "a
b"
	assert_equal "$stderr" err
}

@test "track: inherited descriptors reach the command, that of the lock does not" {
	exec 8>other
	run -0 wp-presence track k -- sh -c 'echo through >&8; ls -l /proc/$$/fd'
	exec 8>&-
	assert_equal "$(cat other)" through
	refute_output --partial "$WP_STATE"
}

@test "track: the status is the command's" {
	local status_of
	for status_of in 0 1 7 64 75 255; do
		run "-$status_of" wp-presence track k -- sh -c "exit $status_of"
		assert_output ""
	done
	run -143 wp-presence track k -- sh -c 'kill -TERM $$'
	run -137 wp-presence track killed -- sh -c 'kill -KILL $$'
	assert_output ""
	assert_equal "$(history killed)" "join leave:killed"
	assert_nothing_left
}

@test "track: a command that cannot be run: 127 and 126, and nobody was left present" {
	run -127 wp-presence track k -- no-such-command
	assert_output --partial 'command not found: "no-such-command"'
	run -127 wp-presence track k -- ./missing
	echo >plain
	run -126 wp-presence track k -- ./plain
	assert_output --partial './plain'
	run -126 wp-presence track k -- "$T"
	assert_nothing_left
}

@test "track: what keeps it from joining is 125, and the command does not run" {
	: >file
	run -125 wp-presence --state "$T/file" track k -- touch ran
	assert_output --partial "$T/file"
	worker one --ref mine k
	run -125 wp-presence track k --ref mine -- touch ran
	assert_output "wp-presence: error: ref \"mine\" is tracked already, by process $pid_one"
	end_worker one
	[ ! -e ran ]
	assert_nothing_left
}

@test "track: a script without #! is the shell's" {
	echo 'echo "$WP_PRESENCE_KEY"' >script
	chmod +x script
	run -0 wp-presence track k -- ./script
	assert_output k
}

@test "track: signals are handed on, and the command decides" {
	local signal
	stub traps <<-'SH'
		for signal in HUP INT QUIT USR1 USR2 WINCH; do
			trap "echo got $signal" "$signal"
		done
		trap 'kill "$child"; exit 3' TERM
		sleep 1000 &
		child=$!
		echo up
		while :; do wait; done
	SH
	# A shell lets its background ignore two of them.
	start one env --default-signal=INT,QUIT wp-presence track k -- traps
	wait_line one.out up
	for signal in HUP INT QUIT USR1 USR2 WINCH; do
		kill "-$signal" "$pid"
		wait_line one.out "got $signal"
	done
	assert_present k
	kill -TERM "$pid"
	finish 3
	assert_equal "$(history k)" "join leave:exited"
	assert_nothing_left
}

@test "track: a command that a forwarded signal kills" {
	worker one k
	kill -TERM "$pid_one"
	finish 143 "$pid_one"
	assert_equal "$(history k)" "join leave:killed"
	assert_nothing_left
}

@test "track: what was ignored at the start (nohup) stays so, for it and for the command" {
	stub hangup <<-'SH'
		kill -HUP "$PPID" $$
		echo "still here"
	SH
	run -0 env --ignore-signal=HUP wp-presence track k -- hangup
	assert_output "still here"
	run -129 env --default-signal=HUP wp-presence track k -- sh -c 'kill -HUP $$'
	# That we ignore SIGPIPE is no business of the command's.
	run -141 wp-presence track k -- sh -c 'kill -PIPE $$'
}

@test "track: a stopped command is present, as is a stopped wrapper" {
	worker one k
	kill -STOP "$(pgrep -P "$pid_one" -x hold)"
	kill -STOP "$pid_one"
	assert_present k
	kill -CONT "$pid_one" "$(pgrep -P "$pid_one" -x hold)"
	assert_present k
	end_worker one
}

@test "track: processes that the command leaves behind are not waited for, and are not ended" {
	mkfifo gate
	exec 7<>gate
	run -0 wp-presence track k -- sh -c '{ read -r _ <gate; : >ended; } >/dev/null 2>&1 & echo $! >child'
	assert_present ""
	kill -0 "$(cat child)"
	echo >&7
	wait_gone "$(cat child)"
	[ -e ended ]
	exec 7<&-
}

@test "track: on a terminal the command may read from it" {
	run -0 bash -c 'echo hello | script -qec "wp-presence track k -- sh -c \"read -r word; echo got \\\$word\"" /dev/null'
	assert_output --partial "got hello"
	assert_nothing_left
}

@test "track: on a terminal its interrupt key reaches the command once" {
	stub interruptible <<-'SH'
		trap 'echo got it; exit 5' INT
		echo up
		sleep 1000 &
		wait
	SH
	mkfifo keys
	fifo_fd "$T/keys"
	start screen sh -c 'exec script -qefc "exec env --default-signal=INT wp-presence track k -- interruptible" screen <keys'
	wait_line screen up
	printf '\003' >>keys
	finish 5
	assert_equal "$(grep -c 'got it' screen)" 1
	assert_nothing_left
}

# A process

@test "track --pid: present while that process lives; the ref is printed" {
	local ref
	process one
	ref=$(wp-presence track worker-1 --capacity 5 --pid "$pid_one")
	assert_regex "$ref" '^[0-9a-f]{16}$'
	assert_equal "$(columns KEY,REF,PID,CAPACITY)" "worker-1 $ref $pid_one 5"
	end_process one
	assert_present ""
	assert_equal "$(history worker-1)" "join leave:exited"
	assert_nothing_left
}

@test "track -p: the shell that says so itself" {
	run -0 sh -c 'wp-presence track k -p $$ >ref; wp-presence get k -rno PID; echo $$'
	assert_equal "${lines[0]}" "${lines[1]}"
	assert_nothing_left
}

@test "track --pid: no such process: 1" {
	process one
	end_process one
	run -1 wp-presence track k --pid "$pid_one"
	assert_output "wp-presence: error: no process $pid_one"
	assert_present ""
}

# Its pid is in $child, that of its parent, which does not reap, in $pid_parent.
neglected_child() {
	start parent sh -c 'sleep 1000 & echo $!; exec sleep 1000'
	wait_line parent.out '[0-9]'
	child=$line
	# Up to then a shell may reap.
	until_true grep -qx sleep "/proc/$pid_parent/comm"
}

end_neglected_child() {
	kill "$child"
	wait_gone "$child"
}

@test "track --pid: one that has ended is none, although nobody has reaped it" {
	neglected_child
	end_neglected_child
	run -1 wp-presence track k --pid "$child"
	assert_output --partial "no process $child"
	end_process parent
}

@test "track --pid: gone when it has ended, although nobody has reaped it" {
	neglected_child
	wp-presence track k --pid "$child"
	assert_present k
	end_neglected_child
	assert_present ""
	assert_equal "$(history k)" "join leave:exited"
	end_process parent
}

@test "track --pid: numbers that are none" {
	local pid
	for pid in 0 -1 abc "" 1.5 2147483648 99999999999999999999; do
		run -64 wp-presence track k --pid "$pid"
		assert_output --partial pid
	done
}

# A descriptor

@test "track --fd: the shell itself is the worker, in sh and bash, without a process of ours" {
	local shell
	mkfifo gate
	fifo_fd "$T/gate"
	for shell in sh bash; do
		start "$shell" "$shell" -c 'exec 9>>/dev/null; eval "$(wp-presence track worker-1 --capacity 5 --fd 9)"
			echo "ref $WP_PRESENCE_REF"
			read -r _ <"$1"
			exec 9>&-
			echo closed
			read -r _ <"$1"' "$shell" "$T/gate"
		wait_line "$shell.out" "ref"
		assert_equal "$(columns KEY,REF,PID,CAPACITY)" "worker-1 ${line#ref } $pid 5"
		assert_equal "$(pgrep -P "$pid")" ""
		echo >>gate
		wait_line "$shell.out" closed
		assert_present ""
		echo >>gate
		finish 0
		assert_equal "$(find "$WP_STATE/live" -type f)" ""
	done
	assert_equal "$(history worker-1)" "join leave:exited join leave:exited"
	assert_nothing_left
}

@test "track --fd: the state directory lies behind a symbolic link" {
	local shell
	mkdir -p real
	ln -s real link
	for shell in sh bash; do
		run -0 env WP_STATE="$T/link/state" "$shell" -c 'eval "$(wp-presence track "$0" --fd 9)" &&
			wp-presence get "$0" -rno REF && echo "$WP_PRESENCE_REF"' "$shell"
		assert_equal "${lines[0]}" "${lines[1]}"
	done
	assert_equal "$(find real/state/live -name 'presence.*')" ""
}

@test "track --fd with --pid: a descriptor that is no lock file is refused, not turned into code" {
	run -1 wp-presence track k --fd 8 --pid $$ 8</dev/null
	assert_output --partial "descriptor 8 is none of the lock files in"
	run -1 wp-presence track k --fd 8 --pid $$ 8<&-
	assert_present ""
}

@test "track --fd: gone with the shell" {
	local signal
	for signal in EXIT TERM KILL; do
		mkfifo "gate$signal"
		rm -f one.out
		start one bash -c 'eval "$(wp-presence track k --fd 9)"; echo up; read -r _ <"$1"' bash "$T/gate$signal"
		wait_line one.out up
		assert_present k
		if [ "$signal" = EXIT ]; then
			echo >gateEXIT
		else
			kill "-$signal" "$pid_one"
		fi
		wait "$pid_one" || true
		assert_present ""
	done
	assert_nothing_left
}

@test "track --fd: any descriptor that the shell can have" {
	local fd
	for fd in 3 5 12; do
		run -0 bash -c "eval \"\$(wp-presence track k --fd $fd)\" && wp-presence list -rno KEY"
		assert_output k
	done
	for fd in 0 1 2 -1 x "" 2147483648; do
		run -64 wp-presence track k --fd "$fd"
		assert_output --partial fd
	done
}

@test "track --fd: what the shell evaluates is data to it" {
	local key=$'it\'s; $(touch ran) `touch ran` "q" \\ &\n*' meta='{"a":"$(touch ran) '"'"'x'"'"' \"y\""}' shell
	for shell in sh bash; do
		run -0 "$shell" -c 'eval "$(wp-presence track -t "$1" -m "$2" --ref "$1" --fd 9 -- "$1")" && wp-presence list -a --format ndjson' "$shell" "$key" "$meta"
		assert_equal "$(jq -j .key <<<"$output")." "$key."
		assert_equal "$(jq -j .topic <<<"$output")." "$key."
		assert_equal "$(jq -j .ref <<<"$output")." "$key."
		assert_equal "$(jq -c .meta <<<"$output")" "$meta"
	done
	[ ! -e ran ]
}

@test "track --fd: a key that begins with a dash" {
	run -0 bash -c 'eval "$(wp-presence track --fd 9 -- -k)" && wp-presence list -rno KEY'
	assert_output -- -k
}

@test "track --fd: all it was told is known" {
	run -0 bash -c 'eval "$(wp-presence track k -t other -c 7 -u 3 -m "{\"a\":1}" --ref mine --fd 9)"; echo "$WP_PRESENCE_REF"
		wp-presence list -t other -rno TOPIC,KEY,REF,CAPACITY,IN-USE,META'
	assert_output 'mine
other k mine 7 3 {"a":1}'
}

@test "track --fd: the state directory is the one it was told" {
	run -0 bash -c 'eval "$(wp-presence --state "$T/it'"'"'s" track k --fd 9)"; wp-presence --state "$T/it'"'"'s" list -rno KEY; wp-presence list -rno KEY'
	assert_output k
}

@test "track --fd: a descriptor that is tracked already" {
	run -0 bash -c 'eval "$(wp-presence track a --fd 9)"; wp-presence track b --fd 9 --pid $$; echo "status $?"; wp-presence list -rno KEY'
	assert_output "wp-presence: error: descriptor 9 is tracked already
status 1
a"
	assert_nothing_left
}

@test "track --fd: two descriptors of one shell are two entries" {
	run -0 bash -c 'eval "$(wp-presence track a --fd 8)"; eval "$(wp-presence track b --fd 9)"; wp-presence list -rno KEY; exec 8>&-; wp-presence list -rno KEY'
	assert_output "a
b
b"
	assert_nothing_left
}

@test "track --fd: who cannot join has no open descriptor and no file" {
	worker one --ref mine a
	run -0 bash -c 'eval "$(wp-presence track b --ref mine --fd 9)" || echo "status $?"; [ ! -e /proc/$$/fd/9 ] && echo closed'
	assert_output "wp-presence: error: ref \"mine\" is tracked already, by process $pid_one
status 1
closed"
	end_worker one
	assert_nothing_left
}

@test "track --fd: the shell hears of a failure before it has evaluated anything" {
	local shell
	for shell in sh bash; do
		run -1 "$shell" -c 'eval "$(wp-presence track "" --fd 9)" && echo "went on"'
		assert_output "wp-presence: error: the key is empty"
	done
}

@test "track --fd: files that shells have left are removed, unless they may be about to be used" {
	mkdir -m 700 state state/live
	touch -d '2 minutes ago' state/live/fd.1.old
	touch state/live/fd.1.new
	run -0 wp-presence track k --fd 9
	assert_equal "$(find state/live -type f)" state/live/fd.1.new
}

@test "track --fd: an old file in use is not removed" {
	start one bash -c 'eval "$(wp-presence track k --fd 9)"; echo up; exec sleep 1000'
	wait_line one.out up
	touch -d '2 minutes ago' state/live/fd.*
	run -0 wp-presence track other --fd 9
	assert_present k
	end_process one
	assert_present ""
}

# What is known of an entry

@test "track: --topic, --capacity, --in-use, --meta and --ref, long and short" {
	wp-presence track a --pid $$ >ref
	wp-presence track b --topic t --capacity 5 --in-use 2 --meta '{"zone":"eu"}' --ref mine --pid $$ >ref
	assert_equal "$(cat ref)" mine
	wp-presence track c -t t -c 2147483647 -u 2147483647 -m '{}' -p $$ >ref
	WP_PRESENCE_TOPIC=v wp-presence track d -c 0 -p $$ >ref
	WP_PRESENCE_TOPIC=v wp-presence track e -t t -p $$ >ref
	run -0 columns TOPIC,KEY,CAPACITY,IN-USE,META -a
	assert_output 'workers a 1 0 {}
t b 5 2 {"zone":"eu"}
t c 2147483647 2147483647 {}
v d 0 0 {}
t e 1 0 {}'
}

@test "track: a key several times, each with its own ref" {
	process one
	process two
	wp-presence track k --pid "$pid_one" >refs
	wp-presence track k --pid "$pid_two" >>refs
	wp-presence track k --pid "$pid_two" >>refs
	assert_equal "$(sort -u refs | wc -l)" 3
	assert_equal "$(columns REF)" "$(cat refs)"
	end_process two
	assert_equal "$(columns REF)" "$(head -n 1 refs)"
	end_process one
	assert_nothing_left
}

@test "track: the same ref twice is an error, whatever the key and topic" {
	process one
	wp-presence track k --ref mine --pid "$pid_one"
	run -1 wp-presence track k --ref mine --pid "$pid_one"
	assert_output "wp-presence: error: ref \"mine\" is tracked already, by process $pid_one"
	run -1 wp-presence track other -t other --ref mine --pid $$
	assert_output --partial 'ref "mine" is tracked already'
	assert_equal "$(columns KEY -a)" k
	end_process one
}

@test "track: the ref of one who has died is free, and its leave comes before the join" {
	worker one --ref mine a
	kill_worker one
	wp-presence track b --ref mine --pid $$
	run -0 sql "SELECT event || coalesce(' ' || reason, '') || ' ' || key FROM presence_event ORDER BY seq"
	assert_output "join a
leave killed a
join b"
}

@test "track: mistakes on the command line" {
	run -64 wp-presence track
	run -64 wp-presence track k
	assert_output --partial "nothing to be present with"
	run -64 wp-presence track k --pid $$ -- true
	assert_output --partial "a command excludes"
	run -64 wp-presence track k --fd 9 -- true
	run -64 wp-presence track k --colour --pid $$
	assert_output --partial "Try 'wp-presence track --help'"
	run -64 wp-presence track k --pid
	[ ! -e state ]
}

@test "track: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-presence track k --pid $$ >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-presence track k --pid $$ >&-'
	assert_output --partial "error:"
	run -74 bash -c 'wp-presence track k --fd 9 >/dev/full'
	assert_output --partial "No space left"
}

@test "track: a closed stdout, or a full one, is the command's own affair" {
	run -0 bash -c 'wp-presence track k -- true >&-'
	assert_output ""
	run -0 bash -c 'wp-presence track k -- true >/dev/full'
	assert_output ""
	run -1 bash -c 'wp-presence track k -- sh -c "echo x" >/dev/full'
	assert_nothing_left
}
