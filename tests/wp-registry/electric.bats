#!/usr/bin/env bats
# The cases of Electric's tests of its consumer registry, by their names. Where a test there looks at the inside of that
# system (a table, a process identifier that is nil), it is what the case is about that is tested here.

load ../helpers
load registry
load rest

# consumers HANDLE...: warm ones that are defined. Each notes its starts in HANDLE.started, and its messages in HANDLE.got, by
# which it is known who was given what and how often a consumer was started.
consumers() {
	local handle
	make_consumer
	for handle; do
		wp-registry define "$handle" --warm -- consumer "$handle"
	done
}

make_consumer() {
	[ -x "$T/bin/consumer" ] || stub consumer <<-'SH'
		echo $$ >>"$1.started"
		while read -r line; do
			printf '%s\n' "$line" >>"$1.got"
			echo ok
		done
	SH
}

# publish HANDLE MESSAGE...: one call, with messages in JSON; its lines in "results", without the times. Fails as it does.
publish() {
	while [ $# -gt 0 ]; do
		jq -cn --arg handle "$1" --argjson event "$2" '{to: $handle, event: $event}'
		shift 2
	done >lines
	wp-registry publish <lines >answers || return
}

# result HANDLE: what became of its message.
result() { jq -r --arg handle "$1" 'select(.to == $handle) | [.result, .reason] | map(values) | join(": ")' answers; }

# started HANDLE: how often.
started() {
	[ ! -e "$1.started" ] || wc -l <"$1.started"
}

# a suspending consumer: "not by me" is the answer to all that it is given by the process that is the first of its name.
make_suspends_once() {
	stub suspends-once <<-'SH'
		echo $$ >>"$1.started"
		[ "$(wc -l <"$1.started")" -gt 1 ] || { read -r line && exit 75; }
		exec consumer "$1.again"
	SH
}

# publish/2

@test "electric: publish/2: starts consumer when receiving a message" {
	consumers handle_1
	assert_equal "$(wp-registry count)" 0
	publish handle_1 '{"lsn":1}'
	assert_equal "$(result handle_1)" delivered
	assert_equal "$(cat handle_1.got)" '{"lsn":1}'
	assert_equal "$(wp-registry count)" 1
	over
}

@test "electric: publish/2: uses existing consumer when already active" {
	local pid
	consumers handle_1
	publish handle_1 '{"lsn":1}'
	pid=$(wp-registry whereis handle_1)
	assert_equal "$(wp-registry count)" 1
	publish handle_1 '{"lsn":2}'
	assert_equal "$(wp-registry count)" 1
	assert_equal "$(wp-registry whereis handle_1)" "$pid"
	assert_equal "$(cat handle_1.got)" '{"lsn":1}
{"lsn":2}'
	assert_equal "$(started handle_1)" 1
	over
}

@test "electric: publish/2: starts any missing consumers" {
	consumers handle_1 handle_2
	publish handle_1 '{"lsn":1}'
	assert_equal "$(wp-registry count)" 1
	publish handle_1 '{"lsn":2}' handle_2 '{"lsn":2}'
	assert_equal "$(wp-registry count)" 2
	assert_equal "$(tail -n 1 handle_1.got) $(cat handle_2.got)" '{"lsn":2} {"lsn":2}'
	assert_equal "$(started handle_1) $(started handle_2)" "1 1"
	over
}

@test "electric: publish/2: retries any consumers that suspend" {
	local handle
	consumers handle_3
	make_suspends_once
	for handle in handle_1 handle_2; do
		wp-registry define "$handle" --warm -- suspends-once "$handle"
		wp-registry start "$handle"
	done
	wp-registry start handle_3
	assert_equal "$(wp-registry count)" 3
	publish handle_1 '{"lsn":1}' handle_2 '{"lsn":1}' handle_3 '{"lsn":1}'
	for handle in handle_1 handle_2 handle_3; do
		assert_equal "$(result "$handle")" delivered
	done
	assert_equal "$(cat handle_1.again.got handle_2.again.got handle_3.got | sort | uniq -c | tr -s ' ')" ' 3 {"lsn":1}'
	assert_equal "$(started handle_1) $(started handle_2) $(started handle_3)" "2 2 1"
	assert_equal "$(number_of suspend handle_1) $(number_of suspend handle_2) $(number_of suspend handle_3)" "1 1 0"
	over
}

# publish/2 crashed consumer handling

@test "electric: publish/2 crashed consumer handling: dead PID in ETS is detected as crashed and returned as undeliverable" {
	consumers handle-crash
	wp-registry start handle-crash
	until_state handle-crash running
	assert_equal "$(wp-registry count)" 1
	kill_consumer handle-crash
	run -1 publish handle-crash '{"lsn":1}'
	assert_equal "$(result handle-crash)" "crashed: killed"
	# It is not started again, and not counted.
	assert_equal "$(started handle-crash)" ""
	assert_equal "$(number_of start handle-crash)" 1
	assert_equal "$(wp-registry count)" 0
	over
}

@test "electric: publish/2 crashed consumer handling: returns undeliverable handles when shape was removed" {
	consumers handle-removed handle-other
	wp-registry start handle-removed
	until_state handle-removed running
	assert_equal "$(wp-registry count)" 1
	kill_consumer handle-removed
	run -1 publish handle-removed '{"lsn":1}' handle-other '{"lsn":1}'
	assert_equal "$(result handle-removed)" "crashed: killed"
	assert_equal "$(result handle-other)" delivered
	# With its definition gone, it is not even crashed any more.
	wp-registry remove handle-removed
	run -1 publish handle-removed '{"lsn":2}' handle-other '{"lsn":2}'
	assert_equal "$(result handle-removed)" unknown
	assert_equal "$(result handle-other)" delivered
	over
}

@test "electric: publish/2 crashed consumer handling: consumer that crashes during event processing is returned as undeliverable" {
	consumers handle-ok
	wp-registry define handle-crash --warm -- sh -c 'read -r line; exit 7'
	wp-registry start handle-ok
	wp-registry start handle-crash
	run -1 publish handle-crash '{"lsn":1}' handle-ok '{"lsn":1}'
	assert_equal "$(result handle-crash)" "crashed: exit status 7"
	assert_equal "$(result handle-ok)" delivered
	assert_equal "$(cat handle-ok.got)" '{"lsn":1}'
	over
}

@test "electric: publish/2 crashed consumer handling: suspended consumers are retried but crashed consumers are not" {
	consumers handle-ok
	make_suspends_once
	wp-registry define handle-suspend --warm -- suspends-once handle-suspend
	wp-registry define handle-crash --warm -- sh -c 'echo $$ >>handle-crash.started; read -r line; exit 8'
	run -1 publish handle-suspend '{"lsn":1}' handle-crash '{"lsn":1}' handle-ok '{"lsn":1}'
	assert_equal "$(result handle-suspend)" delivered
	assert_equal "$(result handle-crash)" "crashed: exit status 8"
	assert_equal "$(result handle-ok)" delivered
	assert_equal "$(started handle-suspend) $(started handle-crash) $(started handle-ok)" "2 1 1"
	assert_equal "$(cat handle-suspend.again.got)" '{"lsn":1}'
	run -1 publish handle-crash '{"lsn":2}'
	assert_equal "$(result handle-crash)" "crashed: exit status 8"
	assert_equal "$(started handle-crash)" 1
	over
}

@test "electric: publish/2 crashed consumer handling: max_retries exhausted returns :max_retries_exceeded for persistently suspending consumers" {
	wp-registry define handle-stubborn --warm -- sh -c 'echo $$ >>handle-stubborn.started; read -r line; exit 75'
	run -1 publish handle-stubborn '{"lsn":1}'
	assert_equal "$(result handle-stubborn)" removed
	assert_equal "$(started handle-stubborn)" 2
	until_state handle-stubborn suspended
	assert_equal "$(number_of crash handle-stubborn)" 0
	over
}

# register_consumer/3

@test "electric: register_consumer/3: adds consumer to table under given handle" {
	make_consumer
	assert_equal "$(wp-registry count)" 0
	registered handle_1 --warm -- consumer handle_1
	# It is told how many there are now.
	assert_equal "$count" 1
	assert_equal "$(wp-registry count)" 1
	publish handle_1 '{"lsn":1}'
	assert_equal "$(cat handle_1.got)" '{"lsn":1}'
	assert_equal "$(number_of start handle_1)" 1
	over
}

# whereis/2

@test "electric: whereis/2: returns the registered pid for named processes" {
	make_consumer
	registered handle_1 --warm -- consumer handle_1
	assert_equal "$(wp-registry whereis handle_1)" "${registrations[handle_1]}"
	over
}

# remove_consumer/3

@test "electric: remove_consumer/3: removes the process from the table" {
	make_consumer
	assert_equal "$(wp-registry count)" 0
	registered handle_1 --warm -- consumer handle_1
	assert_equal "$(wp-registry count)" 1
	publish handle_1 '{"lsn":1}'
	assert_equal "$(cat handle_1.got)" '{"lsn":1}'
	wp-registry remove handle_1
	assert_equal "$(wp-registry count)" 0
	unregistered handle_1 0
	# There a message starts another; here there has to be a definition, which is what the removal of a defined one takes away.
	run -1 publish handle_1 '{"lsn":2}'
	assert_equal "$(result handle_1)" unknown
	wp-registry define handle_1 --warm -- consumer handle_1
	publish handle_1 '{"lsn":3}'
	assert_equal "$(started handle_1)" 2
	assert_equal "$(tail -n 1 handle_1.got)" '{"lsn":3}'
	assert_equal "$(wp-registry count)" 1
	over
}

@test "electric: remove_consumer/3: never drops the consumer count below 0" {
	make_consumer
	registered handle_1 --warm -- consumer handle_1
	assert_equal "$(wp-registry count)" 1
	wp-registry remove handle_1
	run -1 wp-registry remove handle_1
	run -1 wp-registry remove handle_1
	assert_equal "$(wp-registry count)" 0
	registered handle_2 --warm -- consumer handle_2
	assert_equal "$count" 1
	assert_equal "$(wp-registry count)" 1
	unregistered handle_1 0
	over
}

# broadcast/1

@test "electric: broadcast/1: sends message to all subscribers" {
	make_consumer
	registered sub1 --warm -- consumer sub1
	registered sub2 --warm -- consumer sub2
	run -0 wp-registry broadcast test_message
	assert_equal "$(cat sub1.got sub2.got)" "test_message
test_message"
	assert_equal "$(jq -r .result <<<"$output")" "delivered
delivered"
	over
}

@test "electric: broadcast/1: does not return until all subscibers have processed the message" {
	make_gated one two
	registered sub1 --warm -- warm-gated one
	registered sub2 --warm -- warm-gated two
	start caller wp-registry broadcast test_message
	given one
	given two
	let_go two - ok
	wait_line caller.out '"sub2"'
	kill -0 "$pid_caller"
	let_go one - ok
	finish 0 "$pid_caller"
	assert_equal "$(jq -r '.to + " " + .result' caller.out)" "sub2 delivered
sub1 delivered"
	over
}

@test "electric: broadcast/1: does not return until all subscibers have processed the message or died" {
	make_gated one two
	registered sub1 --warm -- warm-gated one
	registered sub2 --warm -- warm-gated two
	start caller wp-registry broadcast test_message
	given one
	given two
	kill_registration sub2
	wait_line caller.out '"sub2".*"crashed"'
	kill -0 "$pid_caller"
	let_go one - ok
	finish 1 "$pid_caller"
	assert_equal "$(jq -r '[.to, .result, .reason] | map(values) | join(" ")' caller.out)" "sub2 crashed killed
sub1 delivered"
	over
}

@test "electric: broadcast/1: returns all handles who's consumers have suspended" {
	make_consumer
	registered h_1 --warm -- sh -c 'read -r line; echo "$line" >>h_1.got; exit 75'
	registered h_2 --warm -- sh -c 'read -r line; echo "$line" >>h_2.got; exit 75'
	registered h_3 --warm -- consumer h_3
	run -1 wp-registry broadcast test_message
	# It tries those once more itself, and says of them that they could not be brought to take it. None has crashed.
	assert_equal "$(jq -r '.to + " " + .result' <<<"$output" | sort)" "h_1 removed
h_2 removed
h_3 delivered"
	assert_equal "$(sort -u h_1.got h_2.got h_3.got)" test_message
	assert_equal "$(sql_calm "SELECT count(*) FROM consumer_event WHERE event = 'crash'")" 0
	over
}

@test "electric: broadcast/1: filters out nil pids without crashing" {
	make_consumer
	registered valid_shape --warm -- consumer valid_shape
	start process sleep 1000
	wp-registry register removed_shape --pid "$pid_process"
	kill -KILL "$pid_process"
	finish 137 "$pid_process"
	run -0 wp-registry broadcast event
	assert_equal "$(jq -r '.to + " " + .result' <<<"$output")" "valid_shape delivered"
	assert_equal "$(cat valid_shape.got)" event
	over
}

@test "electric: broadcast/1: returns crashed consumer handles with exit reason, not for retry" {
	make_consumer
	registered crash_handle --warm -- sh -c 'echo >>crash_handle.started; read -r line; exit 9'
	registered healthy_handle --warm -- consumer healthy_handle
	run -1 wp-registry broadcast test_event
	assert_equal "$(jq -r '[.to, .result, .reason] | map(values) | join(" ")' <<<"$output" | sort)" "crash_handle crashed exit status 9
healthy_handle delivered"
	assert_equal "$(cat healthy_handle.got)" test_event
	assert_equal "$(started crash_handle)" 1
	unregistered crash_handle 9
	over
}

# The race between a publisher and a removal

@test "electric: race: crashes with ArgumentError when start_consumer_for_handle returns {:error, :no_shape}" {
	# Here: the command that would be the consumer's process cannot be started.
	stub gone <<<"exit 0"
	wp-registry define race-condition-shape --warm -- "$T/bin/gone"
	rm bin/gone
	run -1 --separate-stderr publish race-condition-shape '{"test":true}'
	assert_equal "$(result race-condition-shape | cut -d : -f 1)" crashed
	assert_regex "$(result race-condition-shape)" "gone"
	assert_equal "$stderr" ""
	over
}

@test "electric: race: demonstrates the exact crash: send(nil, msg) raises ArgumentError" {
	run -1 wp-registry send nil test_message
	assert_output 'wp-registry: error: there is no consumer "nil"'
	consumers shape
	wp-registry remove shape
	run -1 wp-registry send shape test_message
	assert_output 'wp-registry: error: there is no consumer "shape"'
	over
}

@test "electric: race: broadcast crashes when given nil pid in tuple list" {
	run -0 wp-registry broadcast some_event
	assert_output ""
	consumers shape-handle
	wp-registry start shape-handle
	until_state shape-handle running
	kill_consumer shape-handle
	run -1 wp-registry broadcast some_event
	assert_equal "$(jq -r '[.to, .result, .reason] | join(" ")' <<<"$output")" "shape-handle crashed killed"
	over
}

@test "electric: race: filtering nil pids before broadcast prevents crash" {
	consumers race-condition-shape
	run -0 wp-registry broadcast --running '{"test":true}'
	assert_output ""
	run -0 bash -c 'wp-registry publish </dev/null'
	assert_output ""
	assert_equal "$(started race-condition-shape)" ""
	over
}

@test "electric: race: simulates the exact timing of the race" {
	local consumer
	consumers test-shape other-shape
	publish test-shape '{"lsn":1}' other-shape '{"lsn":1}'
	consumer=$(wp-registry whereis test-shape)
	# A publisher that has looked test-shape up, and has given it to nobody yet, while it is removed.
	kill -STOP "$consumer"
	mkfifo in
	start publisher bash -c 'exec wp-registry publish <in'
	exec {in}>in
	jq -cn '{to: "test-shape", event: 2}, {to: "other-shape", event: 2}' >&$in
	wait_line publisher.out '"other-shape".*"delivered"'
	run -75 wp-registry remove test-shape --timeout 10ms
	jq -cn '{to: "test-shape", event: 3}, {to: "other-shape", event: 3}' >&$in
	wait_line publisher.out '"other-shape","stack":"default","line":4,"result":"delivered"'
	kill -CONT "$consumer"
	exec {in}>&-
	finish 1 "$pid_publisher"
	assert_equal "$(jq -r 'select(.to == "test-shape") | .result' publisher.out | sort -u | grep -vx delivered)" removed
	assert_equal "$(cat publisher.err)" ""
	# What was delivered it has had, and what it has had was delivered.
	assert_equal "$(jq -r 'select(.to == "test-shape" and .result == "delivered") | .result' publisher.out | wc -l)" \
		"$(($(wc -l <test-shape.got) - 1))"
	wait_ended "$consumer"
	over
}
