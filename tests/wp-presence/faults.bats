#!/usr/bin/env bats
# wp-presence: sudden death, and files that others take away.

load ../helpers
load presence

# A shell with a descriptor, in the background: NAME is also its key. It runs CODE when it is tracked, then says "up".
shell() {
	[ -p shell.gate ] || mkfifo shell.gate
	start "$1" bash -c 'eval "$(wp-presence track "$1" --fd 9)"; eval "$2"; echo up; read -r _ <"$3"' bash "$1" "${2-}" "$T/shell.gate"
	wait_line "$1.out" up
}

# Sudden death

@test "SIGKILL to a tracked process: the first listing does not show it" {
	process one
	wp-presence track k --pid "$pid_one" >ref
	assert_present k
	kill_worker one
	run -0 wp-presence list -n
	assert_output ""
	assert_equal "$(history k)" "join leave:exited"
	assert_nothing_left
}

@test "SIGKILL to a shell with a descriptor: the first listing does not show it" {
	shell k
	assert_present k
	kill_worker k
	run -0 wp-presence capacity
	assert_output 0
	assert_nothing_left
}

@test "SIGKILL to a shell whose child has inherited the descriptor: no ghost" {
	local child
	shell k 'sleep 1000 & echo $! >child'
	child=$(cat child)
	kill_worker k
	kill -0 "$child"
	[ -e "/proc/$child/fd/9" ]
	assert_present ""
	assert_equal "$(history k)" "join leave:exited"
	kill "$child"
	wait_gone "$child"
	touch -d '2 minutes ago' state/live/fd.*
	wp-presence track other --fd 9 >code
	assert_nothing_left
}

@test "a fork that has inherited the descriptor holds the presence of a shell that has closed its own, as long as that lives" {
	shell k 'sleep 1000 & echo $! >child; exec 9>&-'
	assert_present k
	kill "$(cat child)"
	wait_gone "$(cat child)"
	assert_present ""
	kill_worker k
	assert_nothing_left
}

@test "a fork of a subshell, without exec: no ghost" {
	shell k '{ while :; do read -r _ <never; done; } & echo $! >child; mkfifo never'
	kill_worker k
	kill -0 "$(cat child)"
	assert_present ""
	kill -KILL "$(cat child)"
	wait_gone "$(cat child)"
}

@test "SIGKILL to the wrapper: the command and its grandchildren die, whatever they ignore" {
	local file
	stub family <<-'SH'
		trap "" TERM HUP
		echo $$ >command
		sh -c 'trap "" TERM HUP; sleep 1000 & echo $! >grandchild; echo $$ >child; echo up; wait' &
		wait
	SH
	start one wp-presence track k -- family
	wait_line one.out up
	kill_worker one
	for file in command child grandchild; do
		wait_gone "$(cat "$file")"
	done
	no_process_left
	assert_present ""
	assert_equal "$(history k)" "join leave:killed"
	assert_nothing_left
}

# victim NAME: a wrapper in topic "held" whose grandchild only the guard can kill; its pid is in $victim,
# its guard's in $guard. It is within a pool, to which the guard falls: what falls to init is continued when
# it is stopped.
victim() {
	stub victim <<-'SH'
		echo $$ >victim.pid
		exec wp-presence track -t held k -- family 2>victim.err
	SH
	stub family <<-'SH'
		sleep 1000 &
		echo $! >grandchild
		echo up >up
		wait
	SH
	mkfifo lines
	fifo_fd "$T/lines"
	echo x >>lines
	start outer sh -c 'exec wp-pool map -- victim <lines'
	wait_line up up
	victim=$(cat victim.pid)
	guard_of "$victim"
}

kill_victim_and_see() {
	kill -STOP "$guard"
	kill -KILL "$victim"
	wait_gone "$victim"
	kill -0 "$(cat grandchild)"
	assert_equal "$(present -t held)" k
	kill -CONT "$guard"
	wait_gone "$guard"
	assert_equal "$(present -t held)" ""
	wait_gone "$(cat grandchild)"
	kill -TERM "$pid_outer"
	finish 75 "$pid_outer"
}

@test "SIGKILL to the wrapper: it is present until all it has started was killed" {
	local victim guard
	victim
	kill_victim_and_see
	assert_nothing_left
}

@test "SIGKILL to a wrapper that has joined again: it is present until all it has started was killed" {
	local victim guard
	victim
	rm state/live/presence.*
	wait_line victim.err "tracked again"
	run -0 wp-presence wait -t held --key k --timeout "${PATIENCE}s"
	guard_of "$victim"
	kill_victim_and_see
	assert_nothing_left
}

new_guard() {
	guard=$(pgrep -P "$1" -x wp-guard) && [ "$guard" != "$2" ]
}

@test "SIGKILL to the guard of a wrapper: it is replaced" {
	local guard first
	stub family <<-'SH'
		sleep 1000 &
		echo $! >grandchild
		echo up
		wait
	SH
	start one wp-presence track k -- family
	wait_line one.out up
	guard_of "$pid_one"
	first=$guard
	kill -KILL "$first"
	until_true new_guard "$pid_one" "$first"
	assert_present k
	kill_worker one
	wait_gone "$(cat grandchild)"
	assert_nothing_left
}

@test "SIGKILL to wrappers one after the other, while others join" {
	local n
	for n in $(seq 30); do
		worker "w$n" "w$n"
		[ $((n % 3)) -eq 0 ] || kill_worker "w$n"
	done
	assert_equal "$(present)" "$(printf 'w%d\n' 3 6 9 12 15 18 21 24 27 30 | sort | paste -sd ' ')"
	for n in 3 6 9 12 15 18 21 24 27 30; do
		end_worker "w$n"
	done
	assert_equal "$(sql "SELECT reason, count(*) FROM presence_event WHERE event = 'leave' GROUP BY reason")" "exited|10
killed|20"
	assert_nothing_left
}

@test "SIGKILL to a process in the middle of joining: all or nothing" {
	local n
	wp-presence track before --pid $$ >ref
	for n in $(seq 40); do
		start "j$n" wp-presence track "j$n" --pid $$
		kill -KILL "$pid" || true
		wait "$pid" || true
	done
	run -0 sql "SELECT (SELECT count(*) FROM presence) = (SELECT count(*) FROM presence_event)"
	assert_output 1
	wp-presence track after --pid $$ >ref
	run -0 wp-presence get after
}

@test "SIGKILL to the watcher: nobody else notices" {
	worker w w
	watcher one
	watcher two
	kill_worker one
	assert_equal "$(present | sed 's/ready //')" w
	kill_worker w
	wait_line two.out leave
	stop_watcher two
	assert_equal "$(history w)" "join leave:killed"
	assert_nothing_left
}

@test "SIGKILL to worker and watcher at once: whoever comes next tells" {
	local guard
	worker w w
	watcher one
	guard_of "$pid_w"
	kill -KILL "$pid_one" "$pid_w"
	finish 137 "$pid_w"
	finish 137 "$pid_one"
	wait_gone "$guard"
	assert_present ready
	assert_equal "$(history w)" "join leave:killed"
	assert_nothing_left
}

@test "SIGSTOP: a stopped worker is alive" {
	worker w w
	process p
	wp-presence track p --pid "$pid_p" >ref
	shell s
	kill -STOP "$pid_w" "$pid_p" "$pid_s"
	for _ in 1 2; do
		assert_present "p s w"
	done
	run -75 wp-presence wait --gone s --timeout 20ms
	assert_equal "$(history p)$(history s)$(history w)" joinjoinjoin
	kill -CONT "$pid_w" "$pid_p" "$pid_s"
	end_worker w
	end_process p
	kill_worker s
	assert_nothing_left
}

# Another process with the same number

@test "pid reuse: a process with another start time is another process (a changed row stands in)" {
	process one
	wp-presence track k --pid "$pid_one" >ref
	sql "UPDATE presence SET process = process - 1"
	assert_present ""
	assert_equal "$(history k)" "join leave:exited"
	wp-presence track k --pid "$pid_one" >ref
	assert_present k
	end_process one
	assert_nothing_left
}

@test "pid reuse: watch hears of it (a changed row stands in)" {
	process one
	wp-presence track k --pid "$pid_one" >ref
	sql "UPDATE presence SET process = process - 1"
	run -75 wp-presence watch --snapshot --timeout 20ms
	assert_output ""
	assert_equal "$(history k)" "join leave:exited"
	end_process one
}

# A process namespace of one's own, in which numbers can be chosen: as root, or as one who may be root in one.
in_namespace() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare --pid --fork --kill-child --mount-proc "$@"
	else
		unshare --user --map-root-user --pid --fork --kill-child --mount-proc "$@"
	fi
}

@test "pid reuse: in earnest, where a process namespace can be made (elsewhere a changed row stands in)" {
	if ! in_namespace true 2>/dev/null; then
		process one
		wp-presence track k --pid "$pid_one" >ref
		sql "UPDATE presence SET process = process - 1"
		assert_present ""
		end_process one
		return
	fi
	stub reuse <<-'SH'
		started() { cut -d ' ' -f 22 "/proc/$1/stat"; }
		sleep 1000 &
		first=$!
		wp-presence track k --pid "$first" >ref
		wp-presence get k -rno PID
		tick=$(started "$first")
		kill -KILL "$first"
		wait "$first"
		# Start times are counted in ticks: another one, then another process.
		until [ "$(started self)" -gt "$tick" ]; do :; done
		until [ "$second" = "$first" ]; do
			echo "$((first - 1))" >/proc/sys/kernel/ns_last_pid
			sleep 1000 &
			second=$!
		done
		echo "$second"
		kill -0 "$second" && wp-presence list -rno PID
	SH
	run -0 --separate-stderr in_namespace reuse
	assert_equal "${#lines[@]}" 2
	assert_equal "${lines[0]}" "${lines[1]}"
	assert_equal "$(history k)" "join leave:exited"
}

# Many

@test "5,000 workers track at once (500 with sanitizers)" {
	local many=5000
	[ -z "${SANITIZE-}" ] || many=500
	seq -f 'w%g' "$many" | wp-pool map -j 64 -- wp-presence track -t crowd -c 1 --pid $$ >refs
	assert_equal "$(sort -u refs | wc -l)" "$many"
	assert_equal "$(wp-presence capacity -t crowd)" "$many"
	assert_equal "$(columns KEY -t crowd | sort -u | wc -l)" "$many"
	assert_equal "$(sql "SELECT count(*), count(DISTINCT ref) FROM presence_event WHERE topic = 'crowd'")" "$many|$many"
}

@test "100 wrappers at once, each present as long as its command runs" {
	local many=100 n
	mkfifo gate
	exec 7<>gate
	stub gated <<-'SH'
		echo up
		read -r _ <gate
	SH
	seq "$many" >numbers
	start map sh -c 'exec wp-pool map -j 100 -- sh -c "wp-presence track -t crowd w\$1 -- gated" sh <numbers'
	wp-presence wait -t crowd --capacity "$many" --timeout "${PATIENCE}s"
	assert_equal "$(find state/live -name 'presence.*' | wc -l)" 7
	for n in $(seq "$many"); do
		echo >&7
	done
	finish 0 "$pid_map"
	assert_equal "$(sql "SELECT count(*) FROM presence_event WHERE topic = 'crowd' AND reason = 'exited'")" "$many"
	exec 7<&-
	assert_nothing_left
}

# Files that go away

@test "a deleted lock file: the wrapper says so and is tracked again, with the same ref" {
	local refs
	worker one a
	worker two b
	refs=$(columns KEY,REF)
	rm state/live/presence.*
	wait_line one.err '^wp-presence: warning: the lock file was removed: tracked again$'
	wait_line two.err '^wp-presence: warning: the lock file was removed: tracked again$'
	run -0 wp-presence wait --key a --timeout "${PATIENCE}s"
	run -0 wp-presence wait --key b --timeout "${PATIENCE}s"
	assert_equal "$(columns KEY,REF | sort)" "$refs"
	end_worker one
	end_worker two
	assert_equal "$(history a)" "join leave:killed join leave:exited"
	assert_equal "$(history b)" "join leave:killed join leave:exited"
	assert_nothing_left
}

@test "a deleted lock file: nobody is listed until then" {
	worker one a
	rm state/live/presence.*
	assert_present ""
	wait_line one.err "tracked again"
	run -0 wp-presence wait --key a --timeout "${PATIENCE}s"
	kill_worker one
	assert_nothing_left
}

@test "a deleted lock file of a shell: it is not listed, and the shell goes on" {
	shell s
	rm state/live/fd.*
	assert_present ""
	kill -0 "$pid_s"
	kill_worker s
	assert_nothing_left
}

@test "the live directory deleted: the wrapper is tracked again" {
	worker one a
	rm -r state/live
	wait_line one.err "tracked again"
	run -0 wp-presence wait --key a --timeout "${PATIENCE}s"
	end_worker one
	assert_nothing_left
}

# Two, one of them busy; how they are tracked is in $refs.
two_workers() {
	worker one a -c 5
	worker two b -t other --ref mine
	wp-presence update a --in-use 3
	refs=$(columns KEY,REF -a)
}

tracked_again() {
	wait_line one.err '^wp-presence: warning: the state file was removed: tracked again$'
	wait_line two.err '^wp-presence: warning: the state file was removed: tracked again$'
	run -0 wp-presence wait --key a --timeout 10s
	run -0 wp-presence wait -t other --key b --timeout 10s
	assert_equal "$(columns KEY,REF -a | sort)" "$refs"
	assert_equal "$(wp-presence capacity)" 5
	end_worker one
	end_worker two
	assert_equal "$(history a)" "join leave:exited"
	assert_equal "$(sql "PRAGMA integrity_check")" ok
	assert_nothing_left
}

@test "the state file deleted while workers live: the list is empty, they say so and join again" {
	local refs
	two_workers
	rm -r state/state.db*
	assert_present ""
	tracked_again
}

@test "the state file alone deleted, not what belongs to it: the same" {
	local refs
	two_workers
	rm -r state/state.db
	assert_present ""
	tracked_again
}

@test "the state file deleted, and nobody looks before they join again: the same" {
	local refs
	two_workers
	rm -r state/state.db*
	tracked_again
}

@test "the whole state directory deleted while workers live, and another joins in a new one: the same" {
	local refs
	two_workers
	rm -r state
	assert_present ""
	wp-presence track c --pid $$ >ref
	wp-presence untrack c >ref
	tracked_again
}

@test "the whole state directory deleted, and nobody makes it anew before they look: the same" {
	local refs
	two_workers
	rm -r state
	tracked_again
}

@test "the state file deleted: a wrapper that ends before it has noticed ends as ever" {
	worker one a
	rm state/state.db*
	end_worker one 3
	assert_equal "$(cat one.err)" ""
	assert_present ""
	assert_equal "$(find state/live -type f | wc -l)" 0
}

@test "the state file deleted under watch and wait: they say so and end" {
	watcher one
	start two wp-presence wait --key nobody
	until_true blocks "$pid_two" TERM
	rm state/state.db*
	wp-presence track k --pid $$ >ref
	finish 74 "$pid_one"
	assert_equal "$(cat one.err)" "wp-presence: error: the state file was removed: \"$T/state/state.db\""
	finish 74 "$pid_two"
	assert_equal "$(cat two.err)" "wp-presence: error: the state file was removed: \"$T/state/state.db\""
}

# The state directory

verbs=("track k --pid $$" "track k --fd 9" "untrack k" "update k -c 1" "list" "get k" "capacity" "topics" "watch --timeout 1s" "wait --key k --timeout 1s")

# refused STATUS TEXT: by every verb.
refused() {
	local verb
	for verb in "${verbs[@]}"; do
		# shellcheck disable=SC2086 # several words
		run "-$1" wp-presence $verb
		assert_output --partial "$2"
	done
	run -125 wp-presence track k -- touch ran
	assert_output --partial "$2"
	[ ! -e ran ]
}

@test "a state directory replaced by a symbolic link is refused, and a living worker goes on" {
	worker one a
	mv state elsewhere
	ln -s elsewhere state
	refused 77 "state directory \"$T/state\" is a symbolic link"
	rm state
	mv elsewhere state
	assert_present a
	end_worker one
	assert_nothing_left
}

@test "a state directory of another user's account is refused" {
	mkdir -m 700 state
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534 state
	else
		export WP_STATE=/
	fi
	refused 77 "belongs to another user"
	export WP_STATE=$T/state
}

@test "a state directory that others can write to is refused" {
	mkdir -m 777 state
	refused 77 "can be written to by others"
}

@test "a state directory that may not be written to: a clear answer to everything that writes" {
	mkdir -m 500 locked
	run -77 without_rights wp-presence --state "$T/locked/state" track k --pid $$
	assert_output "wp-presence: error: permission denied: cannot make directory \"$T/locked/state\""
	mkdir -m 500 state
	run -77 without_rights wp-presence track k --pid $$
	assert_output --partial "$T/state"
	run -125 without_rights wp-presence track k -- touch ran
	assert_output --partial "$T/state"
	run -77 without_rights wp-presence capacity
	[ ! -e ran ]
}

@test "a state directory made unwritable under a living worker" {
	worker one a -c 5
	process p
	wp-presence track p --pid "$pid_p" >ref
	chmod -R a-w state
	run -77 without_rights wp-presence track k --pid $$
	assert_output --partial "error:"
	refute_output --partial $'\n\n'
	run without_rights wp-presence list -rno KEY
	refute_crash
	[ "$status" -ne 0 ] || assert_output "a
p"
	end_process p
	run without_rights wp-presence list -rno KEY
	refute_crash
	[ "$status" -ne 0 ] || assert_output a
	chmod -R u+w state
	assert_present a
	end_worker one
	assert_equal "$(history a) $(history p)" "join leave:exited join leave:exited"
	assert_nothing_left
}

# in_full COMMAND...: where no file can grow. What is there keeps its size as long as somebody has the state file open.
in_full() { bash -c 'ulimit -f 40; trap "" XFSZ; exec "$@"' bash "$@"; }

@test "a full disk (a file size limit stands in): who joins is told, and nobody was left half" {
	worker one a
	run -74 in_full wp-presence track k --pid $$
	assert_output --partial "error:"
	run -125 in_full wp-presence track k -- touch ran
	assert_output --partial "error:"
	[ ! -e ran ]
	run -74 in_full wp-presence update a -u 1
	run -74 in_full wp-presence untrack a
	run -0 in_full wp-presence list -rno KEY,IN-USE
	assert_output "a 0"
	run -0 in_full wp-presence capacity
	assert_output 1
	wp-presence track k --pid $$ >ref
	assert_present "a k"
	end_worker one
}

@test "a full disk (a file size limit stands in): a shell that cannot join has no open descriptor and no file" {
	worker one a
	run -0 in_full bash -c 'eval "$(wp-presence track b --fd 9)" || echo "not tracked"; [ ! -e /proc/$$/fd/9 ] && echo closed'
	assert_line "not tracked"
	assert_line closed
	end_worker one
	assert_nothing_left
}

@test "a full disk (a file size limit stands in): who is dead is not shown, although he cannot be removed" {
	worker one alive
	worker two dead -c 7
	kill_worker two
	run -0 in_full wp-presence list -rno KEY
	assert_output alive
	run -0 in_full wp-presence get alive -rno KEY
	assert_output alive
	run -0 in_full wp-presence capacity
	assert_output 1
	run -1 in_full wp-presence get dead
	assert_equal "$(history dead)" join
	assert_present alive
	assert_equal "$(history dead)" "join leave:killed"
	end_worker one
	assert_nothing_left
}

@test "a full disk: a small one of its own, where that can be mounted (elsewhere a file size limit stands in)" {
	stub smalldisk <<-'SH'
		wp-presence track alive -- sleep 1000 &
		wrapper=$!
		sleep 1000 &
		process=$!
		wp-presence wait --key alive
		wp-presence track dead --pid "$process"
		kill -KILL "$process"
		wait "$process"
		"$@"
		wp-presence list -rno KEY || echo "list $?"
		wp-presence capacity || echo "capacity $?"
		wp-presence track more --pid $$ || echo "track $?"
		wp-presence track more -- touch ran || echo "wrapper $?"
		kill "$wrapper"
		wait "$wrapper"
		echo "ended $?"
		rm -f state/filler
		ulimit -f unlimited
		wp-presence list -rno KEY
	SH
	with_full_disk 40 smalldisk
	assert_output "$(printf '%s\n' "${lines[0]}" alive 1 "track 74" "wrapper 125" "ended 143")"
	[ ! -e ran ]
}

@test "a full disk (a file size limit stands in) when a command ends: its status counts, and it is not listed" {
	stub filler <<-'SH'
		echo up
		read -r status <gate
		exit "$status"
	SH
	mkfifo gate
	fifo_fd "$T/gate"
	start one bash -c 'trap "" XFSZ; exec wp-presence track k -- filler'
	wait_line one.out up
	prlimit --pid "$pid_one" --fsize=0
	echo 3 >>gate
	finish 3
	assert_present ""
	assert_nothing_left
}

@test "a state file that is none, or a directory in its place: an error that names it" {
	local verb
	mkdir -m 700 other third
	mkdir other/state.db
	head -c 100000 /dev/urandom >third/state.db
	for verb in "list" "capacity" "track k --pid $$" "watch --timeout 1s"; do
		# shellcheck disable=SC2086 # several words
		run wp-presence --state "$T/other" $verb
		refute_crash
		assert_not_equal "$status" 0
		assert_output --partial other/state.db
		# shellcheck disable=SC2086 # several words
		run wp-presence --state "$T/third" $verb
		refute_crash
		assert_not_equal "$status" 0
		assert_output --partial third/state.db
	done
}

@test "a lock file replaced by a symbolic link is not followed" {
	worker one a
	echo precious >precious
	rm state/live/presence.*
	ln -s "$T/precious" state/live/presence.0
	run wp-presence list -rno KEY
	refute_crash
	refute_line a
	run wp-presence track b -- true
	refute_crash
	assert_equal "$(cat precious)" precious
	rm -f state/live/presence.0
	end_worker one
	assert_present ""
}

# The machine

@test "reboot: the first listing shows nobody from before it, and the leave says so (another boot id stands in)" {
	local n
	process one
	wp-presence track a --pid "$pid_one" >ref
	wp-presence track b --pid "$pid_one" >ref
	worker two c
	sql "UPDATE presence SET boot = boot - 1 WHERE key <> 'b'"
	run -0 wp-presence list -rno KEY
	assert_output b
	assert_equal "$(history a)" "join leave:reboot"
	assert_equal "$(history c)" "join leave:reboot"
	end_worker two
	end_process one
	assert_nothing_left
}

@test "reboot: capacity, watch and wait count nobody from before it (another boot id stands in)" {
	process one
	wp-presence track a -c 5 --pid "$pid_one" >ref
	sql "UPDATE presence SET boot = boot - 1"
	run -0 wp-presence capacity
	assert_output 0
	wp-presence track a -c 5 --pid "$pid_one" >ref
	sql "UPDATE presence SET boot = boot - 1"
	run -75 wp-presence watch --snapshot --timeout 20ms
	assert_output ""
	wp-presence track a -c 5 --pid "$pid_one" >ref
	sql "UPDATE presence SET boot = boot - 1"
	run -75 wp-presence wait --capacity 1 --timeout 20ms
	assert_equal "$(sql "SELECT count(*) FROM presence_event WHERE reason = 'reboot'")" 3
	end_process one
}

@test "reboot: a lock file that is left from before it is in nobody's way (another boot id stands in)" {
	worker one a
	kill_worker one
	sql "UPDATE presence SET boot = boot - 1"
	worker two b
	assert_present b
	assert_equal "$(history a)" "join leave:reboot"
	end_worker two
	assert_nothing_left
}
