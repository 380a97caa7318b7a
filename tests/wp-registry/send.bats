#!/usr/bin/env bats
# wp-registry send: one message to one consumer, and its answer.

load ../helpers
load registry

# Mistakes

@test "send: help" { help_of send; }

@test "send: a handle is needed, and no more than that and a message" {
	usage send 'missing argument: HANDLE'
	usage send 'unexpected argument "c"' a b c
	usage send 'unknown option "--failures"' a b --failures
	[ ! -e "$WP_STATE" ]
}

@test "send: bad durations, also by WP_REGISTRY_TIMEOUT" {
	bad_durations send --timeout a x
	WP_REGISTRY_TIMEOUT=soon run -64 wp-registry send a x
	assert_output --partial 'WP_REGISTRY_TIMEOUT: invalid duration "soon"'
	[ ! -e "$WP_STATE" ]
}

@test "send: a handle or stack that is empty, not UTF-8 or over 64 KiB" { bad_handles send x; }

@test "send: a state directory that cannot be one" { refused_states send a x; }

@test "send: nobody of that handle, no such stack, and no state directory yet" {
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: there is no consumer "a"'
	wp-registry define a -- cat
	run -1 wp-registry send b x
	assert_output 'wp-registry: error: there is no consumer "b"'
	run -1 wp-registry send --stack s a x
	assert_output 'wp-registry: error: there is no consumer "a"'
	run -1 wp-registry send --stack s/$'\n'/"$(bytes 60000)" a x
	over
}

# Messages

@test "send: the message is an argument or stdin, which loses one newline at its end" {
	wp-registry define a -- od -An -c
	assert_equal "$(wp-registry send a x </dev/null | tr -s ' ')" ' x \n'
	assert_equal "$(echo x | wp-registry send a | tr -s ' ')" ' x \n'
	assert_equal "$(printf x | wp-registry send a | tr -s ' ')" ' x \n'
	assert_equal "$(printf 'x\n\n' | wp-registry send a | tr -s ' ')" ' x \n \n'
	assert_equal "$(wp-registry send a $'x\n' | tr -s ' ')" ' x \n \n'
	assert_equal "$(wp-registry send a -- -x | tr -s ' ')" ' - x \n'
	over
}

@test "send: a message of no bytes" {
	wp-registry define a -- od -An -c
	wp-registry define w --warm -- sh -c 'while IFS= read -r line; do echo "<$line>"; done'
	assert_equal "$(wp-registry send a '' | tr -s ' ')" ' \n'
	assert_equal "$(wp-registry send a </dev/null | tr -s ' ')" ' \n'
	assert_equal "$(echo | wp-registry send a | tr -s ' ')" ' \n'
	assert_equal "$(wp-registry send w '')" '<>'
	assert_equal "$(wp-registry send w </dev/null)" '<>'
	assert_equal "$(wp-registry send w x)" '<x>'
	over
}

@test "send: a message with NUL and with bytes that are no UTF-8 comes back as it went" {
	wp-registry define a -- cat
	wp-registry define w --warm -- cat
	local handle
	printf 'a\0b\0\0\xff\xfe\x01\r' >message
	for handle in a w; do
		wp-registry send "$handle" <message >reply
		assert_equal "$(od -An -c reply)" "$( (cat message; echo) | od -An -c)"
	done
	over
}

# A wire's message holds 16 KiB: around that, what goes over it changes its form.
@test "send: messages of all sizes up to 16 MiB come back as they went, by a command and by a warm one" {
	local size handle
	wp-registry define a -- cat
	wp-registry define w --warm -- cat
	for size in 4096 16300 16328 16329 16336 16337 16344 16345 16352 16384 65535 65536 65537 1048576 16777215; do
		bytes "$size" >message
		echo >>message
		for handle in a w; do
			wp-registry send "$handle" <message >reply
			cmp message reply
		done
	done
	over
}

@test "send: a message of 16 MiB is taken, and one byte more is refused" {
	local handle
	wp-registry define a -- wc -c
	wp-registry define w --warm -- cat
	bytes $((16 << 20)) >message
	run -0 wp-registry send a <message
	assert_output $(((16 << 20) + 1))
	wp-registry send w <message >reply
	echo >>message
	cmp message reply
	bytes $(((16 << 20) + 1)) >message
	for handle in a w; do
		run -65 wp-registry send "$handle" <message
		assert_output 'wp-registry: error: the message is longer than 16777216 bytes'
		assert_equal "$(of "$handle" DELIVERED)" 1
	done
	# Who never stops is told, too.
	run -65 bash -c 'yes | wp-registry send a'
	over
}

@test "send: a reply of more than 16 MiB is none: the command is killed and has failed" {
	wp-registry define a -- yes
	run -65 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has failed: its answer was too long'
	assert_equal "$(state_of a)" running
	over
}

@test "send: a reply of more than 16 MiB is the crash of a warm one" {
	registered a --warm -- sh -c 'read -r _; head -c 17000000 /dev/zero | tr "\0" x; echo; cat'
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: its answer was too long'
	unregistered a 137
	over
}

@test "send: a message of several lines is refused by a warm consumer, which goes on" {
	registered w --warm -- cat
	run -65 wp-registry send w $'two\nlines'
	printf 'one\ntwo\nthree\n' >message
	run -65 wp-registry send w <message
	run -0 wp-registry send w x
	assert_output x
	assert_equal "$(of w STATE,DELIVERED)" 'running 1'
	over
}

# Answers

@test "send: the reply is printed with a newline, and nothing is printed when there is none" {
	wp-registry define a -- sh -c 'read -r what; printf "$what"'
	run -0 wp-registry send a ''
	assert_output ''
	assert_equal "$(wp-registry send a '' | wc -c)" 0
	assert_equal "$(wp-registry send a 'x' | wc -c)" 2
	assert_equal "$(wp-registry send a 'x\ny' | od -An -c | tr -s ' ')" ' x \n y \n'
	over
}

@test "send: the exit status is the handler's, and what it said is printed all the same" {
	local status
	wp-registry define a -- sh -c 'read -r status; echo "said $status"; exit "$status"'
	for status in 1 2 64 65 69 77 124 125 126 127 128 137 255; do
		run -"$status" --separate-stderr wp-registry send a "$status"
		assert_output "said $status"
		# shellcheck disable=SC2154 # set by run
		assert_equal "$stderr" "wp-registry: error: consumer \"a\" has failed: exit status $status"
	done
	assert_equal "$(of a STATE,DELIVERED)" 'running 0'
	over
}

@test "send: a registered consumer that says 75 twice has not had it: it was removed" {
	registered a -- sh -c 'echo x >>asked; exit 75'
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" was removed or is suspended still'
	assert_equal "$(wc -l <asked)" 2
	assert_equal "$(state_of a)" running
	over
}

@test "send: crashed is told from unknown, with the reason" {
	make_gated a
	registered a -- gated a
	start send wp-registry send a x
	given a
	kill_registration a
	finish 1 "$pid_send"
	assert_equal "$(cat send.err)" 'wp-registry: error: consumer "a" has crashed: killed'
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has crashed: killed'
	wp-registry remove a
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: there is no consumer "a"'
	over
}

@test "send: one without an inbox is not reached" {
	wp-registry register a --pid $$
	run -1 wp-registry send a x
	assert_output 'wp-registry: error: consumer "a" has no inbox'
	run -1 wp-registry send --no-wait a x
	over
}

@test "send: one that is removed while its message waits was removed" {
	make_gated a
	registered a -- gated a
	start one wp-registry send a one
	given a
	start two wp-registry send a two
	until_pending a 2
	removing a
	let_go a 0 answer
	goes_on
	finish 0 "$pid_one"
	assert_equal "$(cat one.out)" answer
	finish 1 "$pid_two"
	assert_equal "$(cat two.err)" 'wp-registry: error: consumer "a" was removed or is suspended still'
	finish 0 "$pid_remover"
	unregistered a 0
	over
}

# Many

@test "send: 50 publishers to one consumer: each has its own answer" {
	local n pids=()
	wp-registry define w --warm -- sed -u 's/^/re: /'
	for n in {1..50}; do
		start "send$n" wp-registry send w "message $n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	for n in {1..50}; do
		assert_equal "$(cat "send$n.out")" "re: message $n"
	done
	assert_equal "$(of w DELIVERED,PENDING)" '50 0'
	over
}

@test "send: a handler can send to others of its stack" {
	wp-registry define -s s a -- sh -c 'wp-registry send b "$(cat) by a"'
	wp-registry define -s s b -- sh -c 'echo "$(cat) and b"'
	run -0 wp-registry send -s s a hello
	assert_output 'hello by a and b'
	over
}

@test "send: a handler can leave a message for itself" {
	open_gate done
	wp-registry define a -- sh -c 'read -r n; [ "$n" = 0 ] && echo done >>done || wp-registry send --no-wait "$WP_REGISTRY_HANDLE" $((n - 1))'
	run -0 wp-registry send a 5
	wait_line done '^done$'
	over
}

# --no-wait

@test "send: --no-wait: it is enough that the message will be given" {
	make_gated a
	wp-registry define a -- gated a
	run -0 wp-registry send --no-wait a one
	assert_output ''
	given a
	run -0 wp-registry send --no-wait a two
	let_go a 3 nobody hears
	given a
	assert_equal "$message" two
	let_go a 0
	until_pending a 0
	assert_equal "$(of a STATE,DELIVERED)" 'running 1'
	over
}

@test "send: --no-wait: unknown and crashed are told" {
	run -1 wp-registry send --no-wait a x
	assert_output 'wp-registry: error: there is no consumer "a"'
	registered a -- cat
	kill_registration a
	run -1 wp-registry send --no-wait a x
	assert_output 'wp-registry: error: consumer "a" has crashed: killed'
	over
}

@test "send: --no-wait: a message to a durable consumer is stored, and that is enough" {
	make_gated a
	wp-registry define a --durable -- gated a
	run -0 wp-registry send --no-wait a x
	assert_output ''
	given a
	assert_equal "$(of a PENDING)" 1
	let_go a 0
	until_pending a 0
	over
}

# --max-pending

@test "send: over --max-pending a publisher waits for room, and its message is given in its turn" {
	make_gated a
	registered a --max-pending 1 -- gated a
	start one wp-registry send a one
	given a
	start two wp-registry send a two
	start three wp-registry send a three
	assert_equal "$(of a PENDING)" 1
	let_go a 0 first
	given a
	let_go a 0 second
	given a
	let_go a 0 third
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	finish 0 "$pid_three"
	assert_equal "$(cat one.out)" first
	assert_equal "$(cat two.out three.out | sort)" $'second\nthird'
	assert_equal "$(of a DELIVERED,PENDING)" '3 0'
	over
}

@test "send: over --max-pending a publisher that does not wait is told, with 75" {
	make_gated a
	registered a --max-pending 2 -- gated a
	run -0 wp-registry send --no-wait a one
	given a
	run -0 wp-registry send --no-wait a two
	run -75 wp-registry send --no-wait a three
	assert_output 'wp-registry: error: too many messages are pending for consumer "a"'
	assert_equal "$(of a PENDING)" 2
	let_go a 0
	given a
	assert_equal "$message" two
	run -0 wp-registry send --no-wait a four
	let_go a 0
	given a
	assert_equal "$message" four
	let_go a 0
	until_pending a 0
	over
}

# --timeout

@test "send: --timeout: who is not answered in time is told with 75, and the message in hand is not taken back" {
	make_gated a
	registered a -- gated a
	start send wp-registry send --timeout 2s a one
	given a
	finish 75 "$pid_send"
	assert_equal "$(cat send.err)" 'wp-registry: error: timed out: consumer "a" has not answered'
	assert_equal "$message" one
	let_go a 0
	until_pending a 0
	assert_equal "$(of a DELIVERED)" 1
	over
}

@test "send: --timeout: a message that was waiting when its sender gave up is given to nobody" {
	make_gated a
	registered a -- gated a
	start one wp-registry send a one
	given a
	run -75 wp-registry send --timeout 50ms a two
	start three wp-registry send a three
	until_pending a 3
	let_go a 0
	given a
	assert_equal "$message" three
	let_go a 0
	finish 0 "$pid_one"
	finish 0 "$pid_three"
	assert_equal "$(of a DELIVERED)" 2
	over
}

@test "send: --timeout: a consumer that is stopped times out, and is not given the message when it goes on" {
	registered a -- sh -c 'read -r m; echo "$m" >>got'
	kill -STOP "$pid_a"
	run -75 wp-registry send --timeout 50ms a one
	WP_REGISTRY_TIMEOUT=50ms run -75 wp-registry send a two
	kill -CONT "$pid_a"
	run -0 wp-registry send a three
	assert_equal "$(cat got)" three
	over
}

@test "send: --timeout: over --max-pending, too" {
	make_gated a
	registered a --max-pending 1 -- gated a
	start one wp-registry send a one
	given a
	run -75 wp-registry send --timeout 50ms a two
	start three wp-registry send a three
	let_go a 0
	given a
	assert_equal "$message" three
	let_go a 0
	finish 0 "$pid_one"
	finish 0 "$pid_three"
	over
}

@test "send: --timeout 0 is none" {
	make_gated a
	registered a -- gated a
	WP_REGISTRY_TIMEOUT=1ms start send wp-registry send --timeout 0s a x
	given a
	let_go a 0 answer
	finish 0 "$pid_send"
	assert_equal "$(cat send.out)" answer
	over
}

# The sender

@test "send: a signal ends it with 128 and the signal, and the message in hand is dealt with" {
	local signal
	make_gated a
	registered a -- gated a
	for signal in TERM INT HUP; do
		start send env --default-signal=HUP,INT,TERM wp-registry send a "$signal"
		given a
		kill -"$signal" "$pid_send"
		finish $((128 + $(kill -l "$signal"))) "$pid_send"
		let_go a 0
		until_pending a 0
	done
	assert_equal "$(of a DELIVERED)" 3
	over
}

@test "send: a full or closed stdout is an error, though the message was delivered" {
	wp-registry define a -- cat
	run -74 bash -c 'wp-registry send a x >/dev/full'
	assert_output 'wp-registry: error: write error: No space left on device'
	run -74 bash -c 'wp-registry send a x >&-'
	assert_output 'wp-registry: error: write error: Bad file descriptor'
	assert_equal "$(of a DELIVERED)" 2
	wp-registry define silent -- true
	run -0 bash -c 'wp-registry send silent x >/dev/full'
	run -0 bash -c 'wp-registry send silent x >&-'
	over
}

@test "send: a stdin that cannot be read is an error, and nothing is sent" {
	wp-registry define a -- cat
	run -74 bash -c 'wp-registry send a <&-'
	assert_output 'wp-registry: error: cannot read stdin: Bad file descriptor'
	run -74 bash -c 'wp-registry send a </'
	assert_output 'wp-registry: error: cannot read stdin: Is a directory'
	assert_equal "$(of a DELIVERED)" 0
	run -0 bash -c 'wp-registry send a x <&-'
	assert_output x
	over
}

@test "send: the state directory by option, and a deep one" {
	local deep
	deep=$T/$(bytes 100 d)/$(bytes 100 e)
	mkdir -p "$deep"
	wp-registry --state "$deep/s" define a -- cat
	assert_equal "$(wp-registry send --state "$deep/s" a x)" x
	wp-registry --state "$deep/s" remove a
	[ ! -e "$WP_STATE" ]
}
