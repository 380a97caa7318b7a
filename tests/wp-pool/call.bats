#!/usr/bin/env bats
# wp-pool call: a command on a pool, as if it ran here.

load ../helpers
load pool
load named
load verbs

# Streams

# shellcheck disable=SC2059 # made here
every_byte() { printf "$(printf '\\x%x' {0..255})"; }

@test "call: stdin, stdout and stderr are the command's, apart and to the byte" {
	pool p
	{ every_byte && every_byte; } >in
	stub both <<-'SH'
		head -c 256
		cat >&2
	SH
	wp-pool call p -- both <in >out 2>err
	every_byte | cmp - out
	every_byte | cmp - err
	over p
}

@test "call: much output, and much input, while both go on" {
	pool p
	head -c 50000000 /dev/urandom >in
	wp-pool call p -- cat <in | wp-pool call p -- cat | cmp - in
	over p
}

@test "call: the very descriptors: offsets in a file are shared, and so is its end" {
	pool p
	printf '1\n2\n3\n' >in
	{
		wp-pool call p -- head -c 2
		wp-pool call p -- head -c 2
		cat
	} <in >out
	cmp in out
	echo before >log
	wp-pool call p -- echo appended >>log
	assert_equal "$(cat log)" $'before\nappended'
	over p
}

@test "call: a command has these three and nothing else of anybody's" {
	pool p
	echo secret >file
	exec 8<file
	run -0 wp-pool call p -- sh -c 'exec ls /proc/$$/fd'
	exec 8<&-
	# The last one is what ls reads.
	assert_output $'0\n1\n2\n3'
	over p
}

@test "call: a closed stdin is closed for the command" {
	pool p
	run -1 bash -c 'exec wp-pool call p -- cat <&-'
	assert_output 'cat: -: Bad file descriptor'
	over p
}

@test "call: a closed stdout is closed for the command, and nobody else's problem" {
	pool p
	run -1 bash -c 'exec wp-pool call p -- echo x >&-'
	assert_output 'echo: write error: Bad file descriptor'
	run -3 bash -c 'exec wp-pool call p -- sh -c "exit 3" >&-'
	assert_output ''
	over p
}

@test "call: a closed stderr is closed for the command" {
	pool p
	run -3 bash -c 'exec wp-pool call p -- sh -c "echo x >&2 || exit 3" 2>&-'
	assert_output ''
	over p
}

@test "call: a full disk (/dev/full) is the problem of the command that writes" {
	pool p
	run -1 bash -c 'exec wp-pool call p -- echo x >/dev/full'
	assert_output 'echo: write error: No space left on device'
	run -0 bash -c 'exec wp-pool call p -- true >/dev/full'
	assert_output ''
	run -7 bash -c 'exec wp-pool call p -- sh -c "exit 7" >/dev/full 2>&1'
	over p
}

@test "call: a reader that goes away ends the command as ever, by SIGPIPE" {
	pool p
	run -0 bash -c 'wp-pool call p -- yes | head -n 1; echo "${PIPESTATUS[0]}"'
	assert_output $'y\n141'
	over p
}

@test "call: a writer that goes on when the command has ended, too" {
	pool p
	run -0 bash -c 'yes | wp-pool call p -- head -n 1; echo "${PIPESTATUS[0]}"'
	assert_output $'y\n141'
	over p
}

@test "call: a reader sees the end when the command closes its stdout, though it goes on" {
	pool p
	open_gate gate
	mkfifo output
	stub closes <<-'SH'
		echo said
		exec >&-
		read -r _ <gate
	SH
	cat output >got 3>&- &
	local reader=$!
	start call bash -c 'exec wp-pool call p -- closes >output'
	finish 0 "$reader"
	assert_equal "$(cat got)" said
	assert_equal "$(of_calls p STATE)" running
	echo >>gate
	finish 0 "$pid_call"
	over p
}

@test "call: a writer sees the end when the command closes its stdin, though it goes on" {
	pool p
	open_gate gate
	mkfifo input
	stub closes <<-'SH'
		read -r line
		exec <&-
		read -r _ <gate
	SH
	yes >input 2>yes.err 3>&- &
	local writer=$!
	start call bash -c 'exec wp-pool call p -- closes <input'
	finish 141 "$writer"
	assert_equal "$(of_calls p STATE)" running
	echo >>gate
	finish 0 "$pid_call"
	over p
}

@test "call: what a command leaves behind may go on writing" {
	pool p
	open_gate gate
	run -0 bash -c 'wp-pool call p -- sh -c "{ read -r _ <gate; echo later; } & echo now" >out; cat out; echo >>gate'
	assert_output now
	wait_line out later
	over p
}

# Statuses

@test "call: its exit status is the command's" {
	local status_of
	pool p
	for status_of in 0 1 2 64 75 99 123 124 125 126 127 128 200 255; do
		run "-$status_of" wp-pool call p -- sh -c 'exit "$1"' sh "$status_of"
		assert_output ''
	done
	over p
}

@test "call: 128+n for a command that a signal has killed" {
	local signal
	pool p
	for signal in HUP INT KILL USR1 PIPE ALRM TERM; do
		run "-$((128 + $(kill -l "$signal")))" wp-pool call p -- sh -c 'kill -"$1" $$' sh "$signal"
		assert_output ''
	done
	over p
}

@test "call: 126 for what cannot be run" {
	pool p
	echo 'echo x' >file
	run -126 wp-pool call p -- ./file
	assert_output 'wp-pool: error: cannot run "./file": Permission denied'
	run -126 wp-pool call p -- "$T"
	assert_output --partial 'Permission denied'
	echo '#!/no/such/interpreter' >file
	chmod +x file
	run -127 wp-pool call p -- ./file
	assert_output 'wp-pool: error: cannot run "./file": No such file or directory'
	over p
}

@test "call: 127 for what is not there" {
	pool p
	run -127 wp-pool call p -- nonesuch
	assert_output 'wp-pool: error: command not found: "nonesuch"'
	run -127 wp-pool call p -- ./nonesuch
	assert_output 'wp-pool: error: cannot run "./nonesuch": No such file or directory'
	run -127 wp-pool call p -- ''
	assert_output 'wp-pool: error: command not found: ""'
	over p
}

@test "call: a script without a first line that says whose it is is the shell's" {
	pool p
	echo 'echo "shell $1"; exit 4' >script
	chmod +x script
	run -4 wp-pool call p -- ./script arg
	assert_output 'shell arg'
	over p
}

@test "call: 69 when there is no such pool" {
	no_pool call -- touch ran
	[ ! -e ran ]
}

# What a command finds

@test "call: it runs in the caller's directory, whatever that is called" {
	local dir=$T/$'a b\nc\xff'
	pool p
	mkdir "$dir"
	(cd "$dir" && wp-pool call p -- sh -c 'pwd; : >here') >out
	assert_equal "$(cat out)" "$dir"
	[ -e "$dir/here" ]
	# The runner does not stay there.
	assert_equal "$(readlink "/proc/$(runner_pid p 1)/cwd")" "$(readlink "/proc/$pid_pool_p/cwd")"
	over p
}

@test "call: the directory that the pool was started in is removed: nobody needs it" {
	mkdir home
	start pool_p sh -c 'cd home && exec wp-pool start p --max 2 -c 1'
	wp-pool wait p --timeout "${PATIENCE}s"
	held a p
	rmdir home
	run -0 wp-pool call p -- pwd
	assert_output "$T"
	let_go a
	run -0 wp-pool call p -- pwd
	assert_output "$T"
	over p
}

@test "call: a directory that is not there any more, or may not be entered" {
	local dir=$T/dir
	pool p --max 1 -c 1
	mkdir dir
	held first p
	start second sh -c 'cd dir && exec wp-pool call p -- touch ../ran'
	until_pool p WAITING 1
	rmdir dir
	let_go first
	finish 126 "$pid_second"
	assert_equal "$(cat second.err)" "wp-pool: error: cannot enter the directory \"$dir\": No such file or directory"
	mkdir dir
	run -74 bash -c 'cd dir && rmdir ../dir && exec wp-pool call p -- touch ran'
	assert_output --partial 'cannot find the current directory'
	[ ! -e ran ]
	over p
}

@test "call: its environment is the caller's, and no other" {
	pool p
	POOL_ONLY=1 pool q
	env -i PATH="$PATH" HERE=$'two\nlines' EMPTY= BYTES=$'\xff' WP_STATE="$WP_STATE" WP_TEST_ID="$WP_TEST_ID" 'odd name=x' \
		wp-pool call q -- env -0 | tr '\n\0' ' \n' | LC_ALL=C sort >seen
	assert_equal "$(grep -av '^PATH=\|^WP_\|^_=' seen)" $'BYTES=\xff\nEMPTY=\nHERE=two lines\nodd name=x'
	assert_equal "$(grep -a '^WP_' seen)" "WP_CALL=1
WP_POOL=q
WP_RUNNER=1
WP_SLOT=1
WP_STATE=$WP_STATE
WP_TEST_ID=$WP_TEST_ID"
	over p q
}

@test "call: what a pool says in a command's environment is said by the nearest, of what the caller has there nothing is left" {
	pool p
	WP_POOL=x WP_RUNNER=x WP_CALL=x WP_SLOT=x WP_RUNNER_DIR=x WP_LIMIT_MEMORY=1 WP_LIMIT_CPU=1 WP_LIMIT_NICE=1 WP_SLOTS=kept \
		run -0 wp-pool call p -- env
	assert_equal "$(grep '^WP_' <<<"$output" | grep -v '^WP_\(STATE\|TEST\)' | sort)" $'WP_CALL=1\nWP_POOL=p\nWP_RUNNER=1\nWP_SLOT=1\nWP_SLOTS=kept'
	over p
}

@test "call: a command is looked up in the caller's PATH, and a path in the caller's directory" {
	pool p
	mkdir elsewhere
	printf '#!/bin/sh\necho found "$0"\n' >elsewhere/mine
	chmod +x elsewhere/mine
	run -127 wp-pool call p -- mine
	PATH=$T/elsewhere:$PATH run -0 wp-pool call p -- mine
	assert_output "found $T/elsewhere/mine"
	cd elsewhere
	run -0 wp-pool call p -- ./mine
	assert_output "found ./mine"
	PATH=:$PATH run -0 wp-pool call p -- mine
	assert_output --partial found
	cd ..
	over p
}

@test "call: its umask is the caller's" {
	local mask
	umask 022
	pool p
	for mask in 0000 0027 0077 0777; do
		(umask "$mask" && wp-pool call p -- sh -c 'umask') >out
		assert_equal "$(cat out)" "$mask"
	done
	over p
}

@test "call: signals have their defaults, whatever the pool or the caller ignores" {
	start pool_p env --ignore-signal=PIPE,USR1,INT wp-pool start p
	wp-pool wait p --timeout "${PATIENCE}s"
	run -0 env --ignore-signal=USR2,HUP wp-pool call p -- awk '/^Sig(Ign|Blk)/ { print $2 }' /proc/self/status
	# Signals 32 and 33 are the C library's own: no program can set what becomes of them.
	assert_equal "$((0x${lines[0]} & ~0x180000000))" 0
	assert_equal "$((0x${lines[1]} & ~0x180000000))" 0
	over p
}

@test "call: arguments are what they are, also empty ones, newlines and what looks like an option" {
	local args=('' ' ' $'new\nline' $'\n' '*' -- -x --help --timeout=1 '$HOME' "'" '"' '\' '{}' $'\xff\x01' é '')
	pool p
	wp-pool call p -- printf '%s\0' "${args[@]}" >out
	printf '%s\0' "${args[@]}" | cmp - out
	over p
}

@test "call: without -- in front of the command, as long as it has no options" {
	pool p
	run -0 wp-pool call p echo x y
	assert_output 'x y'
	usage call 'unknown option "-c"' p sh -c 'touch ran'
	[ ! -e ran ]
	over p
}

@test "call: a command line of a megabyte, in many arguments and in few" {
	local long
	pool p
	long=$(head -c 131000 /dev/zero | tr '\0' x)
	run -0 bash -c 'exec wp-pool call p -- bash -c '\''IFS=; printf %s "$*" | wc -c; echo $#'\'' bash "$1" "$1" "$1" "$1" "$1" "$1" "$1" "$1"' bash "$long"
	assert_output $'1048000\n8'
	# shellcheck disable=SC2046 # many
	wp-pool call p -- printf '%s\n' $(seq 100000) | cmp - <(seq 100000)
	over p
}

@test "call: an environment of a megabyte" {
	local n
	pool p
	run -0 bash -c 'long=$(head -c 131000 /dev/zero | tr "\0" x)
		for n in 1 2 3 4 5 6 7 8; do export "long$n=$long"; done
		exec wp-pool call p -- sh -c '\''printf %s "$long1$long2$long3$long4$long5$long6$long7$long8" | wc -c'\'
	assert_output 1048000
	over p
}

@test "call: a command line that is too long where it is to run" {
	start pool_p bash -c 'ulimit -s 512; exec wp-pool start p'
	wp-pool wait p --timeout "${PATIENCE}s"
	# shellcheck disable=SC2046 # many
	run -126 wp-pool call p -- printf '%s\n' $(seq 50000)
	assert_output 'wp-pool: error: cannot run "printf": Argument list too long'
	run -0 wp-pool call p -- echo x
	over p
}

# Slots

@test "call: WP_SLOT is the smallest number that no running call has" {
	pool p --max 2 -c 2
	held a p
	assert_equal "$slot" 1
	held b p
	assert_equal "$slot" 2
	held c p
	assert_equal "$slot" 3
	let_go b
	until_pool p RUNNING 2
	held d p
	assert_equal "$slot" 2
	held e p
	assert_equal "$slot" 4
	let_go a
	let_go d
	until_pool p RUNNING 2
	held f p
	assert_equal "$slot" 1
	held g p
	assert_equal "$slot" 2
	let_go c && let_go e && let_go f && let_go g
	over p
}

@test "call: WP_SLOT is no greater than what can run at once, and no two running calls have one" {
	pool p --max 3 -c 2
	stub alone <<-'SH'
		mkdir "slot$WP_SLOT" && rmdir "slot$WP_SLOT" && echo "$WP_SLOT"
	SH
	seq 100 | wp-pool map -j 12 -- wp-pool call p -- alone >out
	assert_equal "$(wc -l <out)" 100
	assert_equal "$(awk '$1 < 1 || $1 > 6' out)" ""
	over p
}

@test "call: WP_SLOT is the smallest again after many have run at once" {
	pool p --max 1 -c 70
	open_gate gate
	seq 70 >in
	start callers sh -c 'exec wp-pool map -j 70 -- wp-pool call p -- sh -c "read -r _ <gate; echo \$WP_SLOT" sh <in'
	until_pool p RUNNING 70
	seq 70 >>gate
	finish 0 "$pid_callers"
	assert_equal "$(sort -n callers.out)" "$(cat in)"
	until_pool p RUNNING 0
	run -0 wp-pool call p -- sh -c 'echo "$WP_SLOT"'
	assert_output 1
	over p
}

@test "call: WP_CALL counts, WP_RUNNER is the runner's number" {
	pool p --max 2 -c 1
	held a p
	assert_equal "$runner" 1
	held b p
	assert_equal "$runner" 2
	assert_equal "$(of_calls p ID,RUNNER,SLOT,PID)" "1 1 1 $command_a
2 2 2 $command_b"
	let_go a
	run -0 wp-pool call p -- sh -c 'echo "$WP_CALL $WP_RUNNER $WP_SLOT"'
	assert_output '3 1 1'
	let_go b
	over p
}

# Signals

@test "call: HUP, INT, QUIT, TERM, USR1 and USR2 are passed on to the command, which decides" {
	local signal
	pool p
	open_gate gate
	stub traps <<-'SH'
		for signal in HUP INT QUIT TERM USR1 USR2; do
			trap "echo $signal; exit 3" $signal
		done
		echo up
		read -r _ <gate
	SH
	for signal in HUP INT QUIT TERM USR1 USR2; do
		# What the one before has said is not taken for this one's.
		: >call.out
		start call "${terminal[@]}" wp-pool call p -- traps
		wait_line call.out up
		begun p
		kill "-$signal" "$pid_call"
		finish 3
		assert_equal "$(cat call.out call.err)" $'up\n'"$signal"
	done
	over p
}

@test "call: a signal that the command does not mind ends it as ever" {
	local signal
	pool p
	for signal in HUP INT TERM USR1; do
		start call "${terminal[@]}" wp-pool call p -- sleep 1000
		begun p
		kill "-$signal" "$pid_call"
		finish "$((128 + $(kill -l "$signal")))"
		assert_equal "$(cat call.err)" ""
	done
	over p
}

@test "call: a signal reaches the command's whole process group" {
	local signal
	pool p
	for signal in USR1 TERM; do
		# What the one before has said is not taken for this one's.
		: >call.out
		start call wp-pool call p -- sh -c 'trap "wait; exit 9" "$1"
			sh -c "trap \"echo child; exit\" $1; echo up; sleep 1000 & wait" &
			wait' sh "$signal"
		wait_line call.out up
		begun p
		kill "-$signal" "$pid_call"
		finish 9
		assert_equal "$(cat call.out)" $'up\nchild'
	done
	over p
}

@test "call: a command may take its time after a signal" {
	pool p --kill-after 1ms
	open_gate gate
	start call "${terminal[@]}" wp-pool call p -- sh -c 'trap "echo heard; read -r status <gate; exit \$status" TERM; echo up; read -r _ <gate'
	wait_line call.out up
	begun p
	kill -TERM "$pid_call"
	wait_line call.out heard
	echo 5 >>gate
	finish 5
	over p
}

@test "call: the third ^C ends the caller, and its command" {
	local n
	pool p --kill-after 50ms
	open_gate gate
	stub stubborn <<-'SH'
		trap '' TERM
		trap 'echo "no $((n += 1))"' INT
		echo $$ >pid
		echo up
		while :; do read -r _ <gate; done
	SH
	start call "${terminal[@]}" wp-pool call p -- stubborn
	wait_line call.out up
	begun p
	for n in 1 2; do
		kill -INT "$pid_call"
		wait_line call.out "no $n"
	done
	kill -INT "$pid_call"
	finish 130
	wait_ended "$(cat pid)"
	until_pool p RUNNING 0
	over p
}

@test "call: ^C when the command has begun, and the caller has not got round to it, is the command's" {
	pool p --max 1 -c 1
	open_gate gate
	held first p
	start call "${terminal[@]}" wp-pool call p -- sh -c 'trap "echo heard; exit 3" INT; echo up; read -r _ <gate'
	until_pool p WAITING 1
	kill -STOP "$pid_call"
	let_go first
	wait_line call.out up
	begun p
	kill -INT "$pid_call"
	kill -CONT "$pid_call"
	finish 3 "$pid_call"
	assert_equal "$(cat call.out)" $'up\nheard'
	over p
}

@test "call: a signal while it waits: it leaves the queue, and nothing has run" {
	local signal
	pool p --max 1 -c 1
	held first p
	for signal in HUP INT QUIT TERM; do
		start call "${terminal[@]}" wp-pool call p -- touch ran
		until_pool p WAITING 1
		kill "-$signal" "$pid_call"
		finish "$((128 + $(kill -l "$signal")))" "$pid_call"
		until_pool p WAITING 0
	done
	let_go first
	run -0 wp-pool call p -- echo next
	[ ! -e ran ]
	over p
}

# took_signals PID: none is on its way to it any more.
took_signals() { ! grep -qE '^(Sig|Shd)Pnd:.*[1-9a-f]' "/proc/$1/status"; }

@test "call: USR1 while it waits is nobody's" {
	pool p --max 1 -c 1
	held first p
	start call wp-pool call p -- echo ran
	until_pool p WAITING 1
	kill -USR1 "$pid_call"
	kill -USR2 "$pid_call"
	until_true took_signals "$pid_call"
	until_pool p WAITING 1       # and so has the pool: it reads what came before this question
	let_go first
	finish 0 "$pid_call"
	assert_equal "$(cat call.out)" ran
	over p
}

@test "call: SIGKILL to the caller: its command is ended, with all of its group, and its slot is free" {
	pool p --max 1 -c 1 --kill-after 50ms
	stub family <<-'SH'
		trap '' TERM
		echo $$ >command
		sh -c 'trap "" TERM; echo $$ >child; echo up; exec sleep 1000' &
		wait
	SH
	start call wp-pool call p -- family
	wait_line call.out up
	kill -KILL "$pid_call"
	finish 137
	wait_dead command child
	run -0 wp-pool call p -- echo next
	over p
}

@test "call: SIGKILL to a caller that waits: it leaves the queue" {
	leaves_queue call
}

@test "call: what the caller ignores (nohup) is not passed on" {
	pool p
	open_gate gate
	start call env --ignore-signal=HUP --default-signal=TERM wp-pool call p -- sh -c 'trap "echo hup; exit 1" HUP; trap "echo term; exit 2" TERM; echo up; read -r _ <gate'
	wait_line call.out up
	begun p
	kill -HUP "$pid_call"
	kill -TERM "$pid_call"
	finish 2
	assert_equal "$(cat call.out)" $'up\nterm'
	over p
}

@test "call: a terminal is the command's, and ^C on it as well" {
	pool p
	open_gate keys
	stub reads <<-'SH'
		trap 'echo heard; exit 6' INT
		[ -t 0 ] && [ -t 1 ] || exit 1
		read -r line
		echo "line $line"
		read -r line
	SH
	TERM=dumb start_with keys term "${terminal[@]}" script -q -E never -e -c 'exec wp-pool call p -- reads' log
	echo hello >>keys
	wait_line term.out 'line hello'
	begun p
	printf '\003' >>keys
	finish 6
	assert_equal "$(grep -c heard term.out)" 1
	over p
}

# Time

@test "call: --timeout while it waits: 124, and nothing has run" {
	pool p --max 1 -c 1 --timeout 0
	held first p
	run -124 wp-pool call --timeout 50ms p -- touch ran
	assert_output 'wp-pool: error: timed out: no runner was free within 0.05 seconds'
	assert_equal "$(of_pool p RUNNING,WAITING)" '1 0'
	let_go first
	[ ! -e ran ]
	over p
}

@test "call: --timeout while it runs: 124, and its whole group is ended" {
	pool p
	run -124 wp-pool call --timeout 1s p -- sh -c 'sleep 1000 & echo $! >child; echo $$ >command; wait'
	assert_output 'wp-pool: error: timed out: the call took longer than 1 seconds'
	wait_dead child command
	over p
}

@test "call: --timeout: who does not mind SIGTERM gets SIGKILL after --kill-after" {
	pool p --kill-after 50ms
	run -124 wp-pool call --timeout 1s p -- sh -c 'trap "" TERM; echo $$ >command; while :; do sleep 1000; done'
	wait_dead command
	over p
}

@test "call: --timeout: also a command that is stopped, and one that ends with 0 when it is told to" {
	pool p --kill-after 1h
	run -124 wp-pool call --timeout 1s p -- sh -c 'kill -STOP $$'
	run -124 wp-pool call --timeout 1s p -- sh -c 'trap "echo ended; exit 0" TERM; sleep 1000 & wait'
	assert_line ended
	over p
}

@test "call: the pool's --timeout is the default, WP_POOL_TIMEOUT the caller's own, 0 is none" {
	pool p --timeout 100ms
	held none p --timeout 0
	WP_POOL_TIMEOUT=0 held neither p
	run -124 wp-pool call p -- sleep 1000
	assert_output --partial ' 0.1 seconds'
	WP_POOL_TIMEOUT=50ms run -124 wp-pool call p -- sleep 1000
	assert_output --partial ' 0.05 seconds'
	WP_POOL_TIMEOUT=50ms run -124 wp-pool call --timeout 75ms p -- sleep 1000
	assert_output --partial ' 0.075 seconds'
	let_go none
	let_go neither
	over p
}

@test "call: a pool's --timeout 0 is none" {
	pool p --timeout 0
	held a p
	run -124 wp-pool call --timeout 100ms p -- sleep 1000
	let_go a 4
	over p
}

# Order

# queued POOL N NAME OPTION...: a call that writes NAME down is the Nth that waits.
queued() {
	local pool=$1 n=$2 name=$3
	shift 3
	start "queued_$name" wp-pool call "$@" "$pool" -- sh -c 'echo "$1" >>order' sh "$name"
	until_pool "$pool" WAITING "$n"
}

@test "call: --priority: lower runs first, and of one priority the first that came" {
	local name pid_of
	pool p --max 1 -c 1 --timeout 0
	held first p
	queued p 1 e
	queued p 2 g --priority 5
	queued p 3 f
	queued p 4 b --priority -5
	queued p 5 a --priority -2147483648
	queued p 6 h --priority 2147483647
	queued p 7 c --priority=-5
	queued p 8 d --priority -1
	let_go first
	for name in a b c d e f g h; do
		pid_of=pid_queued_$name
		finish 0 "${!pid_of}"
	done
	assert_equal "$(paste -sd ' ' order)" 'a b c d e f g h'
	over p
}

@test "call: --priority is no way past --timeout nor a full pool" {
	pool p --max 1 -c 1
	held first p
	run -124 wp-pool call --priority -1000 --timeout 50ms p -- touch ran
	let_go first
	[ ! -e ran ]
	over p
}

# Again

# counts STATUS...: a command that ends with the first of these the first time, then the second, at last 0.
counts() {
	printf '%s\n' "$@" >"$T/statuses"
	stub counts <<-'SH'
		read -r status <statuses || exit 0
		sed -i 1d statuses
		echo "$status" >>tries
		exit "$status"
	SH
	: >"$T/tries"
}

@test "call: --retries: as often as it says when the command fails, whatever its status" {
	pool p
	counts 1 75 255
	run -0 wp-pool call --retries 3 p -- counts
	assert_equal "$(paste -sd ' ' tries)" '1 75 255'
	counts 1 75 255
	run -75 wp-pool call --retries 1 p -- counts
	assert_equal "$(paste -sd ' ' tries)" '1 75'
	counts 3
	run -3 wp-pool call p -- counts
	counts 3
	run -3 wp-pool call --retries 0 p -- counts
	over p
}

@test "call: --retries: the last try's status, its output, and of its stdin what is left" {
	pool p
	printf 'a\nb\nc\n' >in
	run -4 bash -c 'exec wp-pool call --retries 2 p -- sh -c '\''echo "try $(head -c 1)"; head -c 1 >/dev/null; exit 4'\'' <in'
	assert_output $'try a\ntry b\ntry c'
	run -137 wp-pool call --retries 1 p -- sh -c 'kill -KILL $$'
	over p
}

@test "call: --retries: not for what cannot be run, and not when it took too long" {
	pool p --log debug
	run -127 wp-pool call --retries 5 p -- nonesuch
	run -126 wp-pool call --retries 5 p -- "$T"
	run -124 wp-pool call --retries 5 --timeout 1s p -- sh -c 'echo try >>tries; sleep 1000'
	assert_equal "$(cat tries)" try
	assert_equal "$(grep -c 'call 1 ended' pool_p.err)" 1
	assert_equal "$(grep -c 'call 2 ended' pool_p.err)" 1
	over p
}

@test "call: --retries: a command that itself ends with 126 or 127 has failed like any other" {
	pool p
	counts 126 127
	run -0 wp-pool call --retries 2 p -- counts
	over p
}

@test "call: --retries: on another runner when its own is lost" {
	pool p --max 1
	held call p --retries 1
	assert_equal "$runner" 1
	kill -KILL "$(runner_pid p 1)"
	wait_ended "$command_call"
	runs_again call
	assert_equal "$runner" 2
	let_go call 6
	assert_equal "$(cat call.err)" ""
	over p
}

# The call NAME says again that it runs.
runs_again() {
	wait_line "$T/$1.out" '^up [0-9]+ runner [2-9]'
	read -r _ _ _ runner _ _ <<<"$line"
}

@test "call: a lost runner without --retries: 125 at once" {
	pool p --max 1
	held call p
	kill -KILL "$(runner_pid p 1)"
	finish 125 "$pid_call"
	assert_equal "$(cat call.err)" 'wp-pool: error: runner 1 was lost: it was killed by signal 9'
	wait_ended "$command_call"
	over p
}

@test "call: --retries: a try waits behind nobody of its priority" {
	pool p --max 1 -c 1
	open_gate gate
	counts 1
	stub gated <<-'SH'
		echo up
		read -r _ <gate
		echo counted >>order
		exec counts
	SH
	start call wp-pool call --retries 1 p -- gated
	wait_line call.out up
	queued p 1 other
	printf '\n\n' >>gate
	finish 0 "$pid_call"
	finish 0 "$pid_queued_other"
	assert_equal "$(paste -sd ' ' order)" 'counted counted other'
	over p
}

# Without a link

@test "call: --no-link: the caller dies, its running command ends by itself" {
	pool p --shutdown-timeout "${PATIENCE}s"
	held call p --no-link
	kill -KILL "$pid_call"
	finish 137 "$pid_call"
	# The next one hears of the pool when it has noticed.
	run -0 wp-pool call p -- true
	until_calls p STATE running
	kill -0 "$command_call"
	echo 0 >>call.gate
	until_pool p RUNNING 0
	wait_ended "$command_call"
	assert_equal "$(of_pool p PASSED,FAILED)" '2 0'
	over p
}

@test "call: --no-link: not for longer than --shutdown-timeout" {
	pool p --shutdown-timeout 50ms
	held call p --no-link
	kill -KILL "$pid_call"
	finish 137 "$pid_call"
	wait_ended "$command_call"
	over p
}

@test "call: --no-link: a caller that waits leaves the queue all the same" {
	leaves_queue call --no-link
}

@test "call: --no-link: as long as the caller lives it is a call like any other" {
	pool p
	run -3 wp-pool call --no-link p -- sh -c 'exit 3'
	start call "${terminal[@]}" wp-pool call --no-link p -- sleep 1000
	begun p
	kill -TERM "$pid_call"
	finish 143
	over p
}

# Resources

# leaves NAME [OPTION...]: a call whose command ends with 0 and leaves a process of its group behind; its pid is in the file NAME.
leaves() {
	local name=$1
	shift
	run -0 wp-pool call "$@" p -- sh -c 'sleep 1000 >/dev/null 2>&1 & echo $! >"$1"' sh "$name"
}

@test "call: --track-resources: the caller has its status at once, the slot is taken until the group is gone" {
	pool p --max 1 -c 1
	leaves child --track-resources
	assert_equal "$(of_calls p STATE)" ending
	start call wp-pool call p -- echo ran
	until_pool p RUNNING,WAITING '1 1'
	kill -0 "$(cat child)"
	kill "$(cat child)"
	finish 0 "$pid_call"
	over p
}

@test "call: without --track-resources the slot is free when the command has ended, and the rest lives on" {
	pool p --max 1 -c 1
	leaves child
	run -0 wp-pool call p -- echo ran
	kill -0 "$(cat child)"
	over p
	wait_dead child
}

@test "call: what a command leaves behind ends with its runner, also in a session of its own" {
	pool p --idle-shutdown-after 20ms
	run -0 wp-pool call p -- sh -c '(trap "" TERM HUP; sleep 1000) >/dev/null 2>&1 & echo $! >left
		setsid sh -c "echo \$\$ >session; exec sleep 1000" >/dev/null 2>&1 &
		until [ -s session ]; do :; done'
	until_pool p RUNNERS,LEAVING '0 0'
	wait_dead left session
	assert_equal "$(of_pool p STATE)" ready
	over p
}

@test "call: the pool's --track-resources is the default, --no-track-resources the call's own" {
	pool p --max 1 -c 1 --track-resources
	leaves free --no-track-resources
	leaves taken
	start call wp-pool call --no-track-resources p -- echo ran
	until_pool p RUNNING,WAITING '1 1'
	kill "$(cat taken)"
	finish 0 "$pid_call"
	kill -0 "$(cat free)"
	over p
	wait_dead free
}

@test "call: --track-resources: --timeout goes on for what is left, and ends it" {
	pool p --max 1 -c 1
	leaves child --track-resources --timeout 1s
	wait_dead child
	run -0 wp-pool call p -- echo ran
	over p
}

# big: a command that needs 200 MB of memory.
make_big() {
	stub big <<-'SH'
		head -c 200000000 /dev/zero | tail -c 200000000 | wc -c
	SH
}

@test "call: --memory: a command that wants more does not get it, others do" {
	pool p
	make_big
	run -0 wp-pool call p -- big
	assert_output 200000000
	run wp-pool call --memory 100M p -- big
	[ "$output" != 200000000 ]
	run -0 wp-pool call --memory 1G p -- big
	assert_output 200000000
	run -0 wp-pool call p -- big
	assert_output 200000000
	over p
}

@test "call: --cpu: so many seconds of processor time, rounded up" {
	pool p
	run -0 wp-pool call --cpu 1500ms p -- sh -c 'ulimit -St; ulimit -Ht'
	assert_output $'2\n3'
	run -152 wp-pool call --cpu 1s p -- sh -c 'while :; do :; done'
	run -0 wp-pool call p -- sh -c 'ulimit -t'
	assert_output unlimited
	over p
}

@test "call: --nice: added to what the pool has" {
	local base
	base=$(nice)
	start pool_p nice -n 3 wp-pool start p
	wp-pool wait p --timeout "${PATIENCE}s"
	run -0 wp-pool call p -- nice
	assert_output "$((base + 3))"
	run -0 wp-pool call -n 5 p -- nice
	assert_output "$((base + 8))"
	run -0 wp-pool call --nice 19 p -- nice
	assert_output 19
	over p
}

@test "call: --nice below what is allowed" {
	start pool_p without_rights wp-pool start p
	wp-pool wait p --timeout "${PATIENCE}s"
	run -126 wp-pool call --nice=-5 p -- touch ran
	assert_output --partial 'Permission denied'
	[ ! -e ran ]
	over p
}

# Many

@test "call: 500 callers at once (100 with sanitizers): each gets its own answer" {
	local many=500
	[ -z "${SANITIZE-}" ] || many=100
	pool p --max 2 -c 20 --timeout 0
	open_gate gate
	stub gated <<-'SH'
		read -r _ <gate
		echo "$1 $WP_SLOT"
		echo "$1" >&2
		exit "$(($1 % 50))"
	SH
	stub caller <<-'SH'
		wp-pool call p -- gated "$1" >"out.$1" 2>"err.$1"
		echo "$1 $?"
	SH
	seq "$many" >in
	start callers sh -c 'exec wp-pool map -j "$1" -- caller <in' sh "$many"
	until_pool p RUNNING,WAITING "40 $((many - 40))"
	seq "$many" >>gate
	finish 0 "$pid_callers"
	assert_equal "$(sort -n callers.out)" "$(awk '{ print $1, $1 % 50 }' in)"
	assert_equal "$(cat out.* | awk '{ print $1 }' | sort -n)" "$(cat in)"
	assert_equal "$(cat out.* | awk '$2 < 1 || $2 > 40')" ""
	assert_equal "$(cat err.* | sort -n)" "$(cat in)"
	until_pool p CALLS,RUNNING,WAITING "$many 0 0"
	over p
}

@test "call: from inside a call" {
	pool p --max 1 -c 2
	run -5 wp-pool call p -- wp-pool call p -- sh -c 'echo "$WP_CALL $WP_SLOT"; cat; exit 5' <<<input
	assert_output $'2 2\ninput'
	over p
}

@test "call: from inside a call, where there is no room: it waits for its --timeout, no longer" {
	pool p --max 1 -c 1
	run -124 wp-pool call p -- wp-pool call --timeout 50ms p -- touch ran
	assert_output --partial 'no runner was free'
	[ ! -e ran ]
	over p
}

@test "call: a caller that dies inside another one's call takes its own with it" {
	pool p
	start outer wp-pool call p -- wp-pool call p -- sh -c 'echo $$ >inner; echo up; exec sleep 1000'
	wait_line outer.out up
	kill -KILL "$pid_outer"
	finish 137
	wait_dead inner
	over p
}

# Mistakes

@test "call: mistakes on the command line" {
	local number
	pool p
	usage call 'missing argument: NAME -- COMMAND'
	usage call 'missing argument' p
	usage call 'missing argument' p --
	for number in '' x 1.5 2147483648 -2147483649 ' 1'; do
		usage call priority --priority "$number" p -- touch ran
	done
	for number in '' x -1 1.5 1000001 99999999999999999999; do
		usage call retries --retries "$number" p -- touch ran
	done
	for number in '' x -21 20 1.5; do
		usage call nice --nice "$number" p -- touch ran
	done
	for number in '' x 5 -1s 1y '1 s' 99999999d; do
		usage call timeout --timeout "$number" p -- touch ran
		usage call cpu --cpu "$number" p -- touch ran
	done
	usage call 'exclude each other' --track-resources --no-track-resources p -- touch ran
	usage call 'unknown option' --detach p -- touch ran
	usage call 'unknown option' --output x p -- touch ran
	WP_POOL_TIMEOUT=soon usage call 'WP_POOL_TIMEOUT' p -- touch ran
	assert_equal "$(of_pool p CALLS)" 0
	[ ! -e ran ]
	over p
}

@test "call: --memory that is no size" {
	local size
	pool p
	for size in '' x 0 -1 1.5.5 5X '1 G' 1e3 99999999P 9223372036854775808 50000000000000000000; do
		run -64 wp-pool call --memory "$size" p -- touch ran
		assert_output --partial size
	done
	[ ! -e ran ]
	over p
}

@test "call: names that no pool can have" {
	bad_names call -- touch ran
	[ ! -e ran ]
}

@test "call: --help" {
	help_of call
}
