#!/usr/bin/env bats
# wp-pool map: time limits, halt policies, signals and sudden death.

load ../helpers
load pool

# wait_dead PIDFILE...: each process of which a file holds the pid is gone. A FIFO that they
# hold open would do as well, but would not show who stays.
wait_dead() {
	local file
	for file; do
		wait_ended "$(cat "$file")"
	done
}

@test "map stop: --timeout ends a command that takes longer" {
	run -1 --separate-stderr wp-pool map -j 2 --timeout 100ms -- sh -c 'echo "$1"; [ "$1" = b ] || exec sleep 1000' sh <<<$'a\nb'
	assert_equal "$(sort <<<"$output")" $'a\nb'
	assert_equal "$stderr" 'wp-pool: 1 of 2 failed'
	wp-pool map --timeout 100ms --results ndjson -- sleep {} <<<1000 >out || true
	assert_equal "$(jq -c '[.status,.exit]' out)" '["fail",124]'
}

@test "map stop: WP_POOL_TIMEOUT is its default" {
	WP_POOL_TIMEOUT=100ms run -1 wp-pool map -- sleep {} <<<1000
	WP_POOL_TIMEOUT=soon run -64 wp-pool map -- true </dev/null
	assert_output --partial 'invalid duration "soon"'
}

@test "map stop: --timeout reaches the whole process group, also what is stopped" {
	mkfifo hold
	exec 7<>hold
	run -1 wp-pool map --timeout 1s -- sh -c 'sleep 1000 & echo $! >child; kill -STOP $!; kill -STOP $$' sh <<<x
	wait_dead child
	exec 7<&-
}

@test "map stop: who does not mind SIGTERM gets SIGKILL after --kill-after" {
	run -1 wp-pool map --timeout 1s --kill-after 100ms --joblog log -- \
		sh -c 'trap "" TERM; sleep 1000 & echo $! >child; wait; wait; wait' sh <<<x
	wait_dead child
	assert_equal "$(awk -F '\t' 'NR == 2 { print $8 }' log)" 9
}

@test "map stop: a call is over when its command is, its slot when its group is" {
	run -1 wp-pool map -j 1 --timeout 200ms --kill-after 300ms -- sh -c \
		'if [ "$1" = a ]; then (trap "" TERM; echo up >up; sleep 1000) & echo $! >child; exec sleep 1000; fi
		kill -0 "$(cat child)" 2>/dev/null && echo "still there"' sh <<<$'a\nb'
	refute_output --partial 'still there'
}

@test "map stop: --retries also tries again what took too long" {
	run -0 wp-pool map --timeout 1s --retries 1 -- sh -c 'mkdir d && exec sleep 1000; exit 0' sh <<<x
}

@test "map stop: --halt soon lets the running ones end" {
	mkfifo gate
	exec 7<>gate
	seq 20 >in
	start_with in map wp-pool map -j 2 --halt soon,fail=1 -- sh -c \
		'echo "$1" >>started; [ "$1" -eq 1 ] && { read -r _ <gate; echo end >>ended; exit 0; }; exit 1' sh
	wait_line started 2
	# The failure is known by the time the command after it would have been started.
	printf '\n' >&7
	finish 1
	assert_equal "$(cat ended)" end
	[ "$(wc -l <started)" -lt 5 ]
	exec 7<&-
}

@test "map stop: --halt now ends the running ones" {
	run -1 --separate-stderr wp-pool map -j 2 --halt now,fail=1 -- sh -c \
		'if [ "$1" -eq 1 ]; then : >up; exec sleep 1000; fi; until [ -e up ]; do :; done; exit 1' sh < <(seq 20)
	[[ $stderr == *'1 of '*' failed'* ]]
}

@test "map stop: --halt takes a share" {
	run -1 --separate-stderr wp-pool map -j 1 --halt soon,fail=50% -- sh -c 'echo "$1"; [ "$1" -lt 3 ]' sh < <(seq 100)
	assert_equal "${#lines[@]}" 5
}

@test "map stop: SIGTERM lets the running command end, starts no other, exit 75" {
	mkfifo gate
	exec 7<>gate
	seq 5 >in
	start_with in map wp-pool map -j 1 -- sh -c 'echo up >>up; read -r _ <gate; echo "done $1"' sh
	wait_line up up
	kill -TERM "$pid"
	printf '\n' >&7
	finish 75
	assert_equal "$(cat map.out)" 'done 1'
	exec 7<&-
}

@test "map stop: SIGINT and SIGHUP do the same" {
	mkfifo gate
	exec 7<>gate
	local signal
	seq 5 >in
	for signal in INT HUP; do
		: >up
		start_with in map env --default-signal=INT wp-pool map -j 1 -- sh -c 'echo up >>up; read -r _ <gate; echo "done $1"' sh
		wait_line up up
		kill -"$signal" "$pid"
		printf '\n' >&7
		finish 75
		assert_equal "$(cat map.out)" 'done 1'
	done
	exec 7<&-
}

@test "map stop: a signal that was ignored at the start stays so" {
	mkfifo gate
	exec 7<>gate
	seq 2 >in
	start_with in map env --ignore-signal=HUP wp-pool map -j 1 -- sh -c 'echo up >>up; read -r _ <gate; echo "done $1"' sh
	wait_line up up
	kill -HUP "$pid"
	printf '\n\n' >&7
	finish 0
	assert_equal "$(cat map.out)" $'done 1\ndone 2'
	exec 7<&-
}

@test "map stop: after --grace the running ones get SIGTERM, then SIGKILL" {
	seq 2 >in
	start_with in map wp-pool map -j 2 --grace 50ms --kill-after 50ms -- sh -c \
		'[ "$1" -eq 1 ] || trap "" TERM; echo "$1" >>up; sleep 1000 & wait; wait; sleep 1000' sh
	wait_line up 1
	wait_line up 2
	kill -TERM "$pid"
	finish 75
	assert_equal "$(cat map.err)" 'wp-pool: 2 not finished'
}

@test "map stop: WP_POOL_GRACE is its default" {
	echo x >in
	WP_POOL_GRACE=50ms start_with in map wp-pool map -- sh -c 'echo up >up; exec sleep 1000' sh
	wait_line up up
	kill -TERM "$pid"
	finish 75
}

@test "map stop: a second signal does not wait" {
	echo x >in
	start_with in map wp-pool map -- sh -c 'trap "echo ended; exit 1" TERM; echo up >up; sleep 1000 & wait' sh
	wait_line up up
	kill -TERM "$pid"
	# Another signal than the first, so that the two cannot be taken for one.
	kill -HUP "$pid"
	finish 75
	assert_equal "$(cat map.out)" ended
}

@test "map stop: all input done when told to stop is a normal end" {
	mkfifo gate
	exec 7<>gate
	echo a >in
	start_with in map wp-pool map -j 2 -- sh -c 'echo up >up; read -r _ <gate' sh
	wait_line up up
	kill -TERM "$pid"
	printf '\n' >&7
	finish 0
	exec 7<&-
}

@test "map stop: SIGKILL of map leaves no process behind, whatever the commands started" {
	seq 3 >in
	start_with in map wp-pool map -j 3 -- sh -c \
		'trap "" TERM HUP; (trap "" TERM; sleep 1000) & echo $! >"child$1"; echo $$ >"pid$1"; echo up >>up; wait' sh
	wait_line up up
	until [ "$(wc -l <up)" -eq 3 ]; do :; done
	kill -KILL "$pid"
	finish 137
	wait_dead child1 child2 child3 pid1 pid2 pid3
}

@test "map stop: SIGKILL of map leaves no warm worker behind" {
	mkfifo in
	exec 7<>in
	printf 'a\nb\n' >&7
	start_with in map wp-pool map --warm -j 2 -- sh -c 'sleep 1000 & echo $! >>children; echo $$ >>children; cat' sh
	wait_line map.out a
	wait_line map.out b
	kill -KILL "$pid"
	finish 137
	local child
	while read -r child; do
		wait_ended "$child"
	done <children
	exec 7<&-
}

@test "map stop: the guard is replaced when it is killed" {
	mkfifo gate
	exec 7<>gate
	echo x >in
	start_with in map wp-pool map -- sh -c 'sleep 1000 & echo $! >child; echo up >up; read -r _ <gate' sh
	wait_line up up
	# It has its name a moment after it was started.
	kill -KILL "$(until_true pgrep -P "$pid" -x wp-guard)"
	wait_line map.err 'the guard process was killed'
	until_true pgrep -P "$pid" -x wp-guard
	kill -KILL "$pid"
	finish 137
	wait_dead child
	exec 7<&-
}

@test "map stop: --hold-fd: a lock on it is not free while a command may run" {
	local inner guard
	mkfifo gate lines
	exec 7<>gate 6<>lines
	echo x | tee in >&6
	stub holder <<-'SH'
		exec 8>lock
		flock 8
		echo $$ >inner
		exec wp-pool map --hold-fd 8 -- command <in
	SH
	stub command <<-'SH'
		[ ! -e /proc/$$/fd/8 ] || exit 1
		echo $$ >child
		echo up >up
		read -r _ <gate
	SH
	# Within another map, to which the inner one's guard falls: what falls to init is continued when it is stopped.
	start_with lines outer wp-pool map -- holder
	wait_line up up
	inner=$(cat inner)
	guard=$(until_true pgrep -P "$inner" -x wp-guard)
	kill -STOP "$guard"
	kill -KILL "$inner"
	wait_ended "$inner"
	run -1 flock --nonblock lock true
	kill -CONT "$guard"
	flock lock true
	wait_dead child
	kill -TERM "$pid"
	finish 75
	exec 7<&- 6<&-
}
