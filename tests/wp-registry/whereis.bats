#!/usr/bin/env bats
# wp-registry whereis: the process of a consumer.

load ../helpers
load registry
load rest

echo_lines='while read -r line; do echo "$line"; done'

@test "whereis: the process of one that is registered, which is its registration" {
	registered one -- true
	run -0 wp-registry whereis one
	assert_output "${registrations[one]}"
	over
}

@test "whereis: the process of one that is defined, as long as it has one" {
	local pid
	wp-registry define one --warm -- sh -c "$echo_lines"
	run -1 --separate-stderr wp-registry whereis one
	assert_equal "$output$stderr" ""
	wp-registry send one x
	pid=$(wp-registry whereis one)
	assert_equal "$pid" "$(of one PID)"
	assert_equal "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -d ' ' -f 1,4)" "wp-registry consumer"
	wp-registry suspend --suspend-after 0 >told
	until_state one suspended
	run -1 wp-registry whereis one
	assert_output ""
	over
}

@test "whereis: one that hibernates has its process still" {
	local pid
	wp-registry define one --warm -- sh -c "$echo_lines"
	wp-registry send one x
	pid=$(wp-registry whereis one)
	wp-registry suspend --hibernate-after 0 >told
	until_state one hibernated
	run -0 wp-registry whereis one
	assert_output "$pid"
	over
}

@test "whereis: a process without an inbox, as long as it runs" {
	start sleeper sleep 1000
	wp-registry register one --pid "$pid"
	run -0 wp-registry whereis one
	assert_output "$pid"
	kill -KILL "$pid"
	finish 137
	run -1 wp-registry whereis one
	assert_output ""
	over
}

@test "whereis: one that was killed has none, without anybody who said so" {
	registered one -- true
	kill_registration one
	run -1 wp-registry whereis one
	assert_output ""
	# It looks, and changes nothing: that is for others.
	assert_equal "$(sql "SELECT state FROM consumer")" running
	assert_equal "$(state_of one)" crashed
	run -1 wp-registry whereis one
	over
}

@test "whereis: one whose lock file is shared with living ones" {
	local name
	for name in a b c; do
		registered "$name" -- true
	done
	assert_equal "$(find "$WP_STATE/live" -type f | wc -l)" 1
	kill_registration b
	run -0 wp-registry whereis a
	run -1 wp-registry whereis b
	run -0 wp-registry whereis c
	over
}

@test "whereis: a pid that is another process's by now (another start time stands in for that)" {
	wp-registry register one --pid $$
	run -0 wp-registry whereis one
	sql "UPDATE consumer SET process = process + 1"
	run -1 wp-registry whereis one
	assert_output ""
	assert_equal "$(handles)" ""
	assert_nothing_left
}

@test "whereis, list: nobody has lived through a restart of the machine, and nobody has crashed by it (another number of it stands in for that)" {
	local defined
	wp-registry register process --pid $$
	registered mine -- true
	wp-registry define defined -- true
	wp-registry start defined
	until_state defined running
	defined=$(wp-registry whereis defined)
	sql_calm "UPDATE consumer SET boot = boot + 1"
	for handle in process mine defined; do
		run -1 wp-registry whereis "$handle"
		assert_output ""
	done
	assert_equal "$(wp-registry count)" 0
	assert_equal "$(wp-registry list -rno HANDLE,STATE,REASON)" "defined suspended "
	assert_equal "$(events_of mine)" "start leave:reboot"
	kill "${registrations[mine]}" "$defined"
	unregistered mine 0
	wait_ended "$defined"
	over
}

@test "whereis: --stack, by variable as well" {
	wp-registry register one --pid $$
	wp-registry register one -s other --pid "$PPID"
	assert_equal "$(wp-registry whereis one)" $$
	assert_equal "$(wp-registry whereis one -s other)" "$PPID"
	assert_equal "$(wp-registry whereis --stack other one)" "$PPID"
	assert_equal "$(WP_REGISTRY_STACK=other wp-registry whereis one)" "$PPID"
	assert_equal "$(WP_REGISTRY_STACK=other wp-registry whereis -s default one)" $$
	run -1 wp-registry whereis one -s "no such"
}

@test "whereis: nobody of that name, and a state directory that is not there: 1, quietly" {
	run -1 wp-registry whereis nobody
	assert_output ""
	[ ! -e "$WP_STATE" ]
	wp-registry define one -- true
	run -1 wp-registry whereis nobody
	assert_output ""
}

@test "whereis: a handle is any text: slashes, newlines, quotes, 64 KiB" {
	local handle
	for handle in / ../x $'new\nline' '"quoted"' "O'Reilly" '%s' '*' ' ' é "$(bytes 65536)"; do
		wp-registry register --pid $$ -- "$handle"
		run -0 wp-registry whereis -- "$handle"
		assert_output $$
	done
	assert_equal "$(wp-registry count)" 10
	run -1 wp-registry whereis "$(bytes 65535)"
}

@test "whereis: bad handles, mistakes, and refused state directories" {
	bad_handles whereis
	usage whereis HANDLE
	usage whereis "unexpected argument" one two
	usage whereis --colour --colour
	help_of whereis
	refused_states whereis one
}

@test "whereis: /dev/full and a closed stdout are errors" {
	wp-registry register one --pid $$
	run -74 bash -c 'wp-registry whereis one >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-registry whereis one >&-'
	assert_output --partial "error:"
}
