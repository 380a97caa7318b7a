#!/usr/bin/env bats
# wp-distribute await: wait until children run.

load ../helpers
load distribute

@test "await: help" { help_of await; }

@test "await: a state directory that cannot be one" { refused_states await a; }

@test "await: mistakes" {
	usage await "missing argument: ID"
	usage await colour a --colour
	bad_durations await --timeout a
	bad_names await child
	bad_names await child good
}

@test "await: those that run already, one line for each replica" {
	node alpha
	node beta
	sleepers a --replicas 2
	sleepers b --node beta
	run -0 wp-distribute await a b
	assert_equal "$(jq -r '"\(.child)#\(.replica) \(.result) \(.pid)"' <<<"$output" | sort | paste -sd ,)" \
		"$(for replica in 0 1; do echo "a#$replica started $(of a REPLICA,PID | awk -v n=$replica '$1 == n { print $2 }')"; done | paste -sd ,),b#0 started $(of b PID)"
	assert_equal "$(tail -n 1 <<<"$output" | jq -c keys_unsorted)" '["child","replica","result","node","pid"]'
	over
}

@test "await: until they do" {
	wp-distribute start a b -- sleep 1000 >told
	start waiter wp-distribute await a b --timeout 1m
	node alpha
	finish 0 "$pid_waiter"
	assert_equal "$(jq -r '.child + " " + .result' waiter.out | sort | paste -sd ,)" "a started,b started"
	over
}

@test "await: until all replicas do" {
	node alpha --rebalance manual
	wp-distribute start a --replicas 2 -- sleep 1000 >told
	run -75 wp-distribute await a --timeout 10ms
	assert_equal "$(jq -r .result <<<"$output" | paste -sd ' ')" "timeout timeout"
	start waiter wp-distribute await a --timeout 1m
	node beta
	finish 0 "$pid_waiter"
	assert_equal "$(jq -r .node waiter.out | sort | paste -sd ' ')" "alpha beta"
	over
}

@test "await: one that nobody knows: 1, and the others are waited for" {
	node alpha
	sleepers a
	run -1 wp-distribute await none a
	assert_equal "$(jq -r '.child + " " + .result' <<<"$output" | paste -sd ,)" "none stopped,a started"
	over
}

@test "await: one that has failed: 1, and why; one that has ended well: 0" {
	node alpha
	wp-distribute start bad --max-restarts 0 -- sh -c 'exit 7' >told
	wp-distribute start good --restart transient -- true >told
	until_event bad 'fail|failed'
	until_event good 'exit|exited'
	run -1 wp-distribute await bad good
	assert_output '{"child":"bad","replica":0,"result":"failed","error":"exit status 7"}
{"child":"good","replica":0,"result":"exited","error":"exit status 0"}'
	run -0 wp-distribute await good
	over
}

@test "await: one that is stopped meanwhile: 1" {
	wp-distribute start a -- sleep 1000 >told
	start waiter wp-distribute await a --timeout 1m
	until_true has_a_bell "$pid"
	wp-distribute stop a >told
	finish 1
	assert_equal "$(cat waiter.out)" '{"child":"a","result":"stopped"}'
	assert_nothing_left
}
# It has looked once, and waits for what it hears.
has_a_bell() { find "/proc/$1/fd" -lname '*inotify*' 2>/dev/null | grep -q . && grep -q '^State:.S' "/proc/$1/status"; }

@test "await: an id given twice is waited for once and told twice" {
	node alpha
	sleepers a
	run -0 wp-distribute await a a
	assert_equal "$(jq -r .child <<<"$output" | paste -sd ' ')" "a a"
	over
}

@test "await --timeout: 75, with a line for each that does not run" {
	node alpha
	sleepers here
	wp-distribute start a b --node beta -- true >told
	run -75 wp-distribute await a here b --timeout 10ms
	assert_equal "$(jq -r '.child + " " + .result' <<<"$output" | paste -sd ,)" "here started,a timeout,b timeout"
	run -75 wp-distribute await a -t 0
	over
}

@test "await: a death that nobody else hears of" {
	local child
	node alpha
	sleepers a
	child=$(of a PID)
	start waiter sh -c 'wp-distribute start b --node gamma -- sleep 1000 >told && exec wp-distribute await a b --timeout 1m'
	wait_line waiter.out '"a"'
	kill_node alpha
	wait_ended "$child"
	node gamma
	finish 0 "$pid_waiter"
	assert_equal "$(jq -r '.child + " " + .node' waiter.out | paste -sd ,)" "a alpha,b gamma"
	over
}

@test "await: /dev/full and a closed stdout are errors" {
	node alpha
	sleepers a
	run -74 bash -c 'wp-distribute await a >/dev/full'
	assert_output --partial "write error"
	run -74 bash -c 'wp-distribute await a >&-'
	assert_output --partial "error:"
	over
}
