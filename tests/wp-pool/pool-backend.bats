#!/usr/bin/env bats
# wp-pool with backends: small ones that the tests write, good ones and bad ones.

load ../helpers
load named

# backend NAME: an executable $T/NAME, whose shell text is on stdin. "others" in it does what make_backend's does.
backend() {
	[ -e "$T/plain" ] || make_backend plain
	{
		echo '#!/bin/sh'
		echo 'others() { exec "$T/plain" "$@"; }'
		cat
	} >"$T/$1"
	chmod +x "$T/$1"
}

# booting_pool NAME [OPTION...]: a pool whose runners need not get ready.
booting_pool() {
	local name=$1
	shift
	start "pool_$name" wp-pool start "$name" "$@"
	wp-presence wait -t pools --key "$name" --timeout "${PATIENCE}s"
}

# stop_pool NAME: one that may not be ready.
stop_pool() {
	local pid_of=pid_pool_$1
	kill -TERM "${!pid_of}"
	finish 0 "${!pid_of}"
}

# did_not_boot WHY: the first runner.
did_not_boot() {
	wait_line pool_p.err 'runner 1 did not boot'
	assert_equal "$line" "wp-pool: warning: pool \"p\": runner 1 did not boot: $1"
}

assert_no_place() { assert_equal "$(find "$T" -name 'place.*')" ""; }

# Good ones

@test "stdin, stdout, stderr and status are the command's, and binary data is what it was" {
	backend back <<<'others "$@"'
	pool p --backend ./back --min 1
	run -3 --separate-stderr wp-pool call p -- sh -c 'cat; echo err >&2; exit 3' <<<in
	assert_output in
	assert_equal "$stderr" err
	head -c 3000000 /dev/urandom >in
	wp-pool call p -- cat <in >out
	cmp in out
	run -143 wp-pool call p -- sh -c 'kill $$'
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "--backend-arg: boot gets each as it is; exec gets the handle, -- and the command as it is" {
	local args=('a b' '' $'two\nlines' '-x' '--' "quote ' \" \\" '$HOME *' 'ä')
	backend back <<-'SH'
		[ "$1" = boot ] && printf '<%s>\n' "$@" >"$T/boot.args"
		[ "$1" = exec ] && printf '<%s>\n' "$@" >"$T/exec.args"
		others "$@"
	SH
	local options=() arg
	for arg in "${args[@]}"; do
		options+=("--backend-arg=$arg")
	done
	pool p --backend ./back --min 1 "${options[@]}"
	assert_equal "$(cat boot.args)" "$(printf '<%s>\n' boot "${args[@]}")"
	run -0 wp-pool call p -- printf '[%s]\n' "${args[@]}"
	assert_output "$(printf '[%s]\n' "${args[@]}")"
	assert_equal "$(cat exec.args)" "$(printf '<%s>\n' exec "$T/place.p.1" -- printf '[%s]\n' "${args[@]}")"
	end_pool p
	assert_nothing_left
}

@test "boot knows its pool and runner; exec also the slot, the call and the limits that were asked for, no others" {
	backend back <<-'SH'
		env | grep '^WP_[^T]' | grep -v -e WP_STATE | sort >"$T/$1.env"
		others "$@"
	SH
	pool p --backend ./back --min 1
	assert_equal "$(cat boot.env)" $'WP_POOL=p\nWP_RUNNER=1'
	# What a caller has of them, from a call that it is in itself, is not meant.
	WP_POOL=x WP_RUNNER=x WP_SLOT=x WP_CALL=x WP_LIMIT_MEMORY=1 WP_LIMIT_CPU=1 WP_LIMIT_NICE=1 wp-pool call p -- true
	assert_equal "$(cat exec.env)" $'WP_CALL=1\nWP_POOL=p\nWP_RUNNER=1\nWP_SLOT=1'
	wp-pool call --memory 100M --cpu 2500ms --nice 5 p -- true
	assert_equal "$(cat exec.env)" \
		$'WP_CALL=2\nWP_LIMIT_CPU=3\nWP_LIMIT_MEMORY=104857600\nWP_LIMIT_NICE=5\nWP_POOL=p\nWP_RUNNER=1\nWP_SLOT=1'
	end_pool p
	assert_nothing_left
}

@test "limits are the backend's to apply: exec itself has none" {
	backend back <<-'SH'
		[ "$1" = exec ] && { ulimit -v; ulimit -t; nice; } >"$T/limits"
		others "$@"
	SH
	pool p --backend ./back --min 1
	wp-pool call p -- true
	mv limits without
	wp-pool call --memory 100M --cpu 3s --nice 5 p -- true
	assert_equal "$(cat limits)" "$(cat without)"
	end_pool p
	assert_nothing_left
}

@test "each runner has a place of its own, which is gone when the runner is" {
	backend back <<<'others "$@"'
	pool p --backend ./back --max 3 -c 1 --idle-shutdown-after 10ms
	held a p
	held b p
	held c p
	assert_equal "$(find . -name 'place.*' | sort)" $'./place.p.1\n./place.p.2\n./place.p.3'
	let_go a
	let_go b
	until_pool p RUNNERS,LEAVING,RUNNING '1 0 1'
	assert_equal "$(find . -name 'place.*' | wc -l)" 1
	let_go c
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "signals, the end of a caller and --timeout reach what exec runs" {
	backend back <<<'others "$@"'
	pool p --backend ./back --min 1 --kill-after 10ms
	start a wp-pool call p -- sh -c 'trap "echo usr1; exit 3" USR1; echo up; while :; do sleep 1000 & wait $!; done'
	wait_line a.out up
	kill -USR1 "$pid_a"
	finish 3 "$pid_a"
	run -124 wp-pool call --timeout 1s p -- sh -c 'trap "" TERM; sleep 1000 & echo $! >"$T/child"; wait; wait'
	wait_dead child
	held doomed p
	kill -KILL "$pid_doomed"
	finish 137 "$pid_doomed"
	wait_ended "$command"
	end_pool p
	assert_no_place
	assert_nothing_left
}

# Boots that go wrong

# Both take ten seconds: so long boot has to clean up, before it is killed.
@test "boot that is never ready, and boot that does not mind the end of its input: killed when their time is over, with what they have started" {
	backend never <<-'SH'
		trap "" TERM HUP
		sleep 1000 &
		echo $! >"$T/child.$WP_POOL"
		wait
		wait
	SH
	backend stays <<-'SH'
		[ "$1" = boot ] || others "$@"
		trap "" TERM HUP
		sleep 1000 &
		echo $! >"$T/child.$WP_POOL"
		echo "$T"
		wait
		wait
	SH
	booting_pool p --backend ./never --min 1 --boot-timeout 100ms
	pool q --backend ./stays --min 1 --shutdown-timeout 100ms
	did_not_boot 'it took too long'
	run -124 wp-pool call --timeout 100ms p -- true
	assert_output 'wp-pool: error: timed out: no runner was free within 0.1 seconds'
	run -3 wp-pool call q -- sh -c 'exit 3'
	kill -TERM "$pid_pool_p" "$pid_pool_q"
	finish 0 "$pid_pool_p"
	finish 0 "$pid_pool_q"
	wait_dead child.p child.q
	assert_nothing_left
}

@test "boot that prints control characters, an empty line, no line, or one that is too long" {
	local handle why='the backend gave no handle but an empty line, or control characters'
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		cat "$T/handle"
		cat >/dev/null
	SH
	for handle in 'a\001b\n' 'a\tb\n' '\033[31m\n' 'a\177\n' '\n' 'a\r\n' 'a\000b\n'; do
		# shellcheck disable=SC2059 # escapes
		printf "$handle" >handle
		booting_pool p --backend ./back --min 1
		did_not_boot "$why"
		stop_pool p
		: >pool_p.err
	done
	head -c 4001 /dev/zero | tr '\0' x >handle
	booting_pool p --backend ./back --min 1
	did_not_boot 'the backend gave a handle that is longer than 4000 bytes'
	stop_pool p
	assert_nothing_left
}

@test "boot that prints without end: it is not listened to" {
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		yes garbage | tr -d '\n'
	SH
	booting_pool p --backend ./back --min 1
	did_not_boot 'the backend gave a handle that is longer than 4000 bytes'
	stop_pool p
	assert_nothing_left
}

@test "boot that goes on to write after its handle is not kept waiting, and not listened to" {
	mkfifo written
	fifo_fd written
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		"$T/plain" "$@" | {
			read -r handle
			echo "$handle"
			head -c 300000 /dev/zero
			echo second handle
			echo written >>"$T/written"
			cat
		}
	SH
	pool p --backend ./back --min 1
	wait_line written written
	run -0 wp-pool call p -- pwd
	assert_output "$T/place.p.1"
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "a handle of 4000 bytes, of bytes that are no UTF-8, that looks like an option: exec gets it as it is, status is valid JSON" {
	backend back <<-'SH'
		case $1 in
		boot)
			cat "$T/handle"
			cat >/dev/null
			;;
		exec) printf '%s\n' "$2" ;;
		esac
	SH
	{ head -c 3999 /dev/zero | tr '\0' x; echo y; } >long
	printf '\377\376 a\303\n' >bytes
	echo '--help' >option
	echo " b' \"\\ \$HOME *" >quotes
	local file
	for file in long bytes option quotes; do
		cp "$file" handle
		pool p --backend ./back --min 1
		wp-pool call p -- true >out
		cmp out "$file"
		wp-pool status p --runners --json | jq -e '.runners[0].handle | length > 0'
		end_pool p
	done
	assert_nothing_left
}

@test "boot that ends before its handle: with a status, with 0, by a signal, in the middle of the line" {
	local code
	backend back <<-'SH'
		. "$T/code"
	SH
	for code in 'exit 3/ended with exit status 3' 'exit 0/ended with exit status 0' 'kill -KILL $$/was killed by signal 9' \
		'printf half; exit 4/ended with exit status 4' 'exec >&-; exit 5/ended with exit status 5'; do
		echo "${code%%/*}" >code
		booting_pool p --backend ./back --min 1
		did_not_boot "the backend's boot ${code#*/} before it was ready"
		stop_pool p
		: >pool_p.err
	done
	assert_nothing_left
}

@test "boot that cannot be executed any more: said, tried again, and good when it is there again" {
	backend back <<<'others "$@"'
	pool p --backend ./back --max 1
	mv back away
	offer a p
	wait_line pool_p.err 'runner 1 did not boot'
	[[ $line == *back* ]]
	mv away back
	runs a
	let_go a 3
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "boot that ends after its handle: its runner is lost, its calls end with 125 and say so, another runner's call goes on" {
	mkfifo gone.1 gone.2
	fifo_fd gone.1
	fifo_fd gone.2
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		mkdir -p "$T/place"
		echo "$T/place"
		case $WP_RUNNER in
		[12]) read -r status <"$T/gone.$WP_RUNNER" && exit "$status" ;;
		*) cat >/dev/null ;;
		esac
	SH
	pool p --backend ./back --min 2 --max 2 -c 1
	local innocent_one
	innocent p
	innocent_one=$runner
	held doomed p
	echo 3 >>"gone.$runner"
	finish 125 "$pid_doomed"
	assert_equal "$(cat doomed.err)" "wp-pool: error: runner $runner was lost: the backend's boot ended with exit status 3"
	wait_ended "$command_doomed"
	until_pool p RUNNERS,LOST '2 1'
	held next p
	assert_equal "$runner" 3
	let_go next 4
	assert_unharmed p
	echo 0 >>"gone.$innocent_one"
	until_pool p RUNNERS,LOST '2 2'
	end_pool p
	rmdir place
	assert_nothing_left
}

@test "boot that leaves something in the background: it ends with the runner" {
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		sleep 1000 &
		echo $! >"$T/child"
		setsid sh -c 'echo $$ >"$T/orphan"; exec sleep 1000' &
		until [ -s "$T/orphan" ]; do :; done
		others "$@"
	SH
	pool p --backend ./back --min 1
	end_pool p
	wait_dead child orphan
	assert_no_place
	assert_nothing_left
}

# Sudden death

@test "SIGKILL to the pool: boot sees the end of its input and cleans up, what exec ran is dead" {
	backend back <<<'others "$@"'
	pool p --backend ./back --min 2 --max 2
	held a p
	kill_pool p
	finish 125 "$pid_a"
	wait_ended "$command"
	no_process_left
	assert_no_place
	assert_nothing_left
}

@test "SIGKILL to a runner: boot sees the end of its input and cleans up, what exec ran is dead" {
	backend back <<<'others "$@"'
	pool p --backend ./back --min 2 --max 2 -c 1
	local lost
	innocent p
	held doomed p
	lost=$runner
	kill -KILL "$(runner_pid p "$lost")"
	finish 125 "$pid_doomed"
	wait_ended "$command_doomed"
	until_true not_there "place.p.$lost"
	assert_unharmed p
	end_pool p
	assert_no_place
	assert_nothing_left
}

not_there() { [ ! -e "$1" ]; }

@test "SIGKILL to the pool and its runners together: boot sees the end of its input and cleans up" {
	backend back <<<'others "$@"'
	pool p --backend ./back --min 2 --max 2
	held a p
	# shellcheck disable=SC2046 # several
	kill -KILL "$pid_pool_p" $(of_runners p PID)
	finish 137 "$pid_pool_p"
	finish 125 "$pid_a"
	no_process_left
	assert_no_place
	assert_nothing_left
}

@test "SIGKILL to the pool while boot is not ready yet: it is told to end as well" {
	mkfifo boots
	fifo_fd boots
	backend back <<-'SH'
		[ "$1" = boot ] || others "$@"
		mkdir "$T/place.$WP_RUNNER"
		echo boots >>"$T/boots"
		cat >/dev/null
		rmdir "$T/place.$WP_RUNNER"
	SH
	booting_pool p --backend ./back --min 1
	wait_line boots boots
	kill_pool p
	no_process_left
	assert_no_place
	assert_nothing_left
}

# check

# doubtful STATUS: exec of a command that is called "fail" ends with STATUS without running it; check answers with what is in
# the file "answer".
doubtful() {
	echo "$1" >fail
	backend back <<-'SH'
		case $1 in
		exec) [ "$4" != fail ] || exit "$(cat "$T/fail")" ;;
		check)
			echo "$2" >>"$T/checks"
			exit "$(cat "$T/answer")"
			;;
		esac
		others "$@"
	SH
}

@test "exec that fails with 125 or 255: check is asked, and when it says no the runner is replaced" {
	local status
	for status in 125 255; do
		doubtful $status
		echo 1 >answer
		pool p --backend ./back --max 1
		run "-$status" wp-pool call p -- fail
		until_pool p LOST,RUNNERS '1 0'
		assert_equal "$(cat checks)" "$T/place.p.1"
		grep -q 'runner 1 was lost: the backend.s check ended with exit status 1$' pool_p.err
		run -0 wp-pool call p -- pwd
		assert_output "$T/place.p.2"
		end_pool p
		assert_no_place
		rm checks
	done
	assert_nothing_left
}

@test "exec that fails with 125: other calls on a runner that check gives up end with 125 and say so" {
	doubtful 125
	echo 1 >answer
	pool p --backend ./back --max 1
	pool q
	innocent q
	held other p
	run -125 wp-pool call p -- fail
	finish 125 "$pid_other"
	assert_equal "$(cat other.err)" "wp-pool: error: runner 1 was lost: the backend's check ended with exit status 1"
	wait_ended "$command_other"
	assert_unharmed q
	end_pool p
	end_pool q
	assert_no_place
	assert_nothing_left
}

@test "exec that fails with 125: when check says yes, or there is no check (64), the runner stays" {
	local answer n
	doubtful 125
	for answer in 0 64; do
		echo $answer >answer
		pool p --backend ./back --max 1
		innocent p
		for n in 1 2 3; do
			run -125 wp-pool call p -- fail
			run -0 wp-pool call p -- pwd
			assert_output "$T/place.p.1"
		done
		until_true checked
		assert_unharmed p
		assert_equal "$(of_pool p LOST,BOOTS)" '0 1'
		end_pool p
		rm checks innocent_p.out
	done
	assert_nothing_left
}

checked() { [ -s checks ]; }

@test "exec that ends with another status: nobody is asked" {
	doubtful 124
	echo 1 >answer
	pool p --backend ./back --max 1
	run -124 wp-pool call p -- fail
	run -126 wp-pool call p -- sh -c 'exit 126'
	run -127 wp-pool call p -- sh -c 'exit 127'
	run -137 wp-pool call p -- sh -c 'kill -KILL $$'
	[ ! -e checks ]
	assert_equal "$(of_pool p LOST,BOOTS)" '0 1'
	end_pool p
	assert_nothing_left
}

@test "check that hangs: calls go on, and it ends with the runner" {
	doubtful 125
	mkfifo asked
	fifo_fd asked
	backend back <<-'SH'
		[ "$1" != check ] || { echo asked >>"$T/asked"; exec sleep 1000; }
		[ "$1$4" != execfail ] || exit 125
		others "$@"
	SH
	pool p --backend ./back --max 1
	run -125 wp-pool call p -- fail
	wait_line asked asked
	run -125 wp-pool call p -- fail
	run -3 wp-pool call p -- sh -c 'exit 3'
	end_pool p
	assert_no_place
	assert_nothing_left
}

# sync

@test "--sync: what was named is with each runner before it takes a call, and gone with it" {
	backend back <<<'[ "$1" != sync ] || printf "%s\n" "$@" >>"$T/sync.args"; others "$@"'
	mkdir -p 'a dir/sub' elsewhere
	echo one >'a dir/sub/file'
	echo two >plain-file
	pool p --backend ./back --min 1 --max 2 -c 1 --sync "$T/a dir" --sync "$T/plain-file"
	assert_equal "$(cat sync.args)" "$(printf '%s\n' sync "$T/place.p.1" "$T/a dir" "$T/plain-file")"
	innocent p
	# A call that makes it grow has them as well.
	run -0 wp-pool call p -- sh -c 'echo $WP_RUNNER; cat "a dir/sub/file" plain-file'
	assert_output $'2\none\ntwo'
	assert_unharmed p
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "--sync: a relative path is one where the pool was started" {
	backend back <<<'others "$@"'
	echo two >plain-file
	pool p --backend ./back --min 1 --boot-timeout 5s --sync plain-file --sync ./plain
	run -0 wp-pool call p -- cat plain-file
	assert_output two
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "sync that fails: the boot has failed, its place goes, and it is tried again" {
	backend back <<-'SH'
		[ "$1" != sync ] || mkdir "$T/failed" || others "$@"
		[ "$1" = sync ] && exit 3
		others "$@"
	SH
	echo two >plain-file
	booting_pool p --backend ./back --min 1 --sync "$T/plain-file"
	did_not_boot "the backend's sync ended with exit status 3"
	wp-pool wait p
	assert_equal "$(of_pool p BOOTS,BOOT-FAILURES)" '2 1'
	assert_equal "$(find . -name 'place.*')" ./place.p.2
	run -0 wp-pool call p -- cat plain-file
	assert_output two
	end_pool p
	assert_no_place
	assert_nothing_left
}

@test "sync that hangs: it is killed after --boot-timeout, and the place goes" {
	mkfifo syncs
	fifo_fd syncs
	backend back <<-'SH'
		[ "$1" != sync ] || { echo syncs >>"$T/syncs"; exec sleep 1000; }
		others "$@"
	SH
	booting_pool p --backend ./back --min 1 --boot-timeout 500ms --sync "$T/plain"
	wait_line syncs syncs
	did_not_boot 'it took too long'
	stop_pool p
	no_process_left
	assert_no_place
	assert_nothing_left
}
