#!/usr/bin/env bats
# wp-registry: sudden death and bad manners. Each time a consumer that has nothing to do with it goes on.

load ../helpers
load registry

# What nothing may happen to: a consumer that has a message in hand while something else goes wrong.
innocent() {
	make_gated innocent
	registered innocent -- gated innocent
	start sender wp-registry send --timeout 0 innocent work
	given innocent
}
assert_unharmed() {
	let_go innocent 0 unharmed
	finish 0 "$pid_sender"
	assert_equal "$(cat sender.out)" unharmed
}

# results FILE: handle, result, and what else is said of it, in the order of the lines that were posted.
results() {
	jq -sr 'sort_by(.line) | .[] | [.to, .result, (.exit // empty | tostring), (.reason // empty), (.reply // empty | tostring)] | join(" ")' "$1"
}

# messages HANDLE...: a line of publish for each.
messages() {
	local handle
	for handle; do
		printf '{"to":"%s","event":"to %s"}\n' "$handle" "$handle"
	done
}

# make_family: the command "family": it starts processes of all kinds, says so into the FIFO "up", and waits for ever. Their pids are
# in child, grandchild and its own in parent.
make_family() {
	open_gate up
	stub family <<-'SH'
		trap "" TERM HUP
		read -r message
		echo $$ >parent
		(trap "" TERM HUP; exec sleep 1000) & echo $! >child
		sh -c 'sh -c "echo \$\$ >grandchild; exec sleep 1000" & exit 0'
		until [ -s grandchild ]; do :; done
		echo "up $message" >up
		wait
	SH
}
family_ended() { wait_ended "$(cat parent)" "$(cat child)" "$(cat grandchild)"; }

# make_log: the commands "log" and "warm-log" write each message into the file "log" before they answer "did MESSAGE".
make_log() {
	stub log <<-SH
		read -r message
		printf '%s\n' "\$message" >>"$T/log"
		echo "did \$message"
	SH
	stub warm-log <<-SH
		while read -r message; do
			printf '%s\n' "\$message" >>"$T/log"
			echo "did \$message"
		done
	SH
	: >log
}

# Sudden death of a consumer

@test "SIGKILL to a registration that has nothing to do: it has crashed for whoever asks next, until it is replaced" {
	innocent
	registered a -- cat
	kill_registration a
	run -1 wp-registry whereis a
	run -1 wp-registry send a x
	assert_output --partial 'consumer "a" has crashed: killed'
	assert_equal "$(of a STATE,REASON)" "crashed killed"
	run -1 wp-registry register a -- cat
	assert_output --partial 'handle "a" has crashed: killed'
	registered a --replace -- cat
	run -0 wp-registry send a again
	assert_output again
	assert_unharmed
	over
}

@test "SIGKILL to a registration while its handler has a message: crashed, and what the handler has started dies with it" {
	innocent
	make_family
	registered a -- family
	messages a a >in
	publishing publisher in
	wait_line up '^up "to a"$'
	kill_registration a
	finish 1 "$pid_publisher"
	assert_equal "$(results publisher.out)" "$(printf '%s\n' "a crashed killed" "a crashed killed")"
	family_ended
	assert_unharmed
	over
}

@test "SIGKILL to a registration while its warm handler has a message: the same" {
	innocent
	make_family
	registered a --warm -- family
	messages a a a >in
	publishing publisher in
	wait_line up 'to a'
	kill_registration a
	finish 1 "$pid_publisher"
	assert_equal "$(results publisher.out)" "$(printf '%s\n' "a crashed killed" "a crashed killed" "a crashed killed")"
	family_ended
	assert_unharmed
	over
}

@test "SIGKILL to a registration after its answer: that was delivered, the next message finds it crashed" {
	innocent
	registered a --warm -- cat
	mkfifo in
	publishing publisher in
	exec 8>in
	messages a >&8
	wait_line publisher.out '"result":"delivered"'
	kill_registration a
	messages a nobody a >&8
	exec 8>&-
	finish 1 "$pid_publisher"
	assert_equal "$(results publisher.out)" "$(printf '%s\n' "a delivered to a" "a crashed killed" "nobody unknown" "a crashed killed")"
	assert_unharmed
	over
}

@test "SIGKILL to a defined consumer: crashed, and started again by hand or where that was asked for by the next message" {
	local handle
	innocent
	make_gated keeps restarts
	wp-registry define keeps -- gated keeps
	wp-registry define restarts --on-crash restart -- gated restarts
	for handle in keeps restarts; do
		start "$handle" wp-registry send "$handle" "first for $handle"
		given "$handle"
		kill_consumer "$handle"
		wait_ended "$handler"
	done
	finish 1 "$pid_keeps"
	finish 1 "$pid_restarts"
	run -1 wp-registry send keeps second
	assert_output --partial 'consumer "keeps" has crashed: killed'
	wp-registry start keeps
	for handle in keeps restarts; do
		start "$handle" wp-registry send "$handle" "third for $handle"
		given "$handle"
		assert_equal "$message" "third for $handle"
		let_go "$handle" 0 "yes, $handle"
	done
	finish 0 "$pid_keeps"
	finish 0 "$pid_restarts"
	assert_equal "$(cat keeps.out restarts.out)" "$(printf '%s\n' "yes, keeps" "yes, restarts")"
	assert_unharmed
	over
}

@test "SIGKILL to a durable consumer while it has a message: what is not acknowledged comes again, in order" {
	local message_was
	innocent
	make_gated d
	wp-registry define d --durable --on-crash restart -- gated d
	for n in 1 2 3; do
		wp-registry send --no-wait d "m$n"
	done
	given d
	assert_equal "$message" m1
	let_go d 0
	given d
	assert_equal "$message" m2
	kill_consumer d
	wait_ended "$handler"
	wp-registry start d
	# The first may come twice, when its acknowledgement was not on disk yet.
	given d
	message_was=$message
	let_go d 0
	if [ "$message_was" = m1 ]; then
		given d
		message_was=$message
		let_go d 0
	fi
	assert_equal "$message_was" m2
	given d
	assert_equal "$message" m3
	let_go d 0
	until_pending d 0
	assert_unharmed
	over
}

@test "SIGKILL to a consumer while it ends for its rest: the next message starts it again" {
	local n
	innocent
	make_log
	wp-registry define a --on-crash restart --warm --suspend-after 0 -- warm-log
	for n in 1 2 3 4 5 6 7 8 9 10; do
		run -0 wp-registry send a "m$n"
		assert_output "did m$n"
		pid=$(wp-registry whereis a) || continue
		kill -KILL "$pid" || true
		# Up to then it may be sent the next message still.
		wait_ended "$pid"
	done
	assert_equal "$(paste -sd ' ' log)" "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10"
	assert_unharmed
	over
}

@test "SIGKILL to a consumer that is removed: the removal comes to its end, and nothing is left" {
	innocent
	make_family
	wp-registry define a -- family
	start sender_a wp-registry send a x
	wait_line up up
	pid_a=$(wp-registry whereis a)
	start remover wp-registry remove a
	until_true gone_from_list a
	kill -KILL "$pid_a"
	finish 0 "$pid_remover"
	finish 1 "$pid_sender_a"
	family_ended
	assert_unharmed
	over
}
gone_from_list() { [ -z "$(of "$1" HANDLE)" ]; }

@test "SIGKILL to the guard of a consumer: it is replaced, and a SIGKILL to the consumer leaves nothing" {
	local first='' guard
	innocent
	make_family
	registered a -- family
	# It is forked, and names itself when it comes to that.
	new_guard() { guard=$(pgrep -P "$pid_a" -x wp-guard) && [ "$guard" != "$first" ]; }
	until_true new_guard
	first=$guard
	kill -KILL "$first"
	until_true new_guard
	start sender_a wp-registry send a x
	wait_line up up
	kill_registration a
	finish 1 "$pid_sender_a"
	family_ended
	assert_unharmed
	over
}

# Sudden death of a handler

@test "SIGKILL to a handler that has a message: that failed with 137, the next is for a new one" {
	innocent
	make_gated a
	registered a -- gated a
	start first wp-registry send a first
	given a
	start second wp-registry send a second
	until_pending a 2
	kill -KILL "$handler"
	finish 137 "$pid_first"
	given a
	assert_equal "$message" second
	let_go a 0 yes
	finish 0 "$pid_second"
	assert_unharmed
	over
}

@test "SIGKILL to a warm handler that has a message: its consumer has crashed, and so have the messages behind it" {
	innocent
	make_gated a
	registered a --warm -- warm-gated a
	messages a a >in
	publishing publisher in
	given a
	until_pending a 2
	kill -KILL "$handler"
	finish 1 "$pid_publisher"
	assert_equal "$(results publisher.out)" "$(printf '%s\n' "a crashed killed by signal 9" "a crashed killed by signal 9")"
	unregistered a 137
	assert_equal "$(of a STATE,REASON)" "crashed killed by signal 9"
	assert_unharmed
	over
}

@test "SIGKILL to a warm handler between two messages: its consumer has crashed; with --on-crash restart another one is started" {
	innocent
	make_gated b
	registered a --warm -- sh -c 'while read -r m; do echo $$; done'
	registered b --warm --on-crash restart -- sh -c 'while read -r m; do echo $$; done'
	for handle in a b; do
		run -0 wp-registry send "$handle" x
		printf -v "handler_$handle" %s "$output"
		kill -KILL "$output"
	done
	unregistered a 137
	run -1 wp-registry send a x
	assert_output --partial "killed by signal 9"
	wait_line b.err 'killed by signal 9'
	# shellcheck disable=SC2154 # set by printf
	run -0 wp-registry send b x
	assert_not_equal "$output" "$handler_b"
	assert_unharmed
	over
}

@test "SIGKILL to a warm handler just after its answer: that was delivered" {
	innocent
	registered a --warm -- sh -c 'read -r m; echo "did $m"; kill -KILL $$'
	run -0 wp-registry send a x
	assert_output "did x"
	unregistered a 137
	assert_equal "$(of a STATE,DELIVERED)" "crashed 1"
	assert_unharmed
	over
}

# Sudden death of a publisher

@test "SIGKILL to a publisher in the middle: what has come to its consumer is handled, once, and others are served" {
	innocent
	make_gated a
	registered a -- gated a
	messages a a a >in
	publishing publisher in
	given a
	until_pending a 3
	kill -KILL "$pid_publisher"
	finish 137 "$pid_publisher"
	start other wp-registry send a other
	until_pending a 4
	for want in '"to a"' '"to a"' '"to a"' other; do
		[ "$want" = "$message" ] || given a
		assert_equal "$message" "$want"
		let_go a 0 yes
		message=
	done
	finish 0 "$pid_other"
	assert_equal "$(of a PENDING,DELIVERED)" "0 4"
	assert_unharmed
	over
}

@test "SIGKILL to a publisher whose consumer has no room for more: what was held for it is handled, once" {
	innocent
	make_gated a
	registered a --max-pending 1 -- gated a
	messages a a a >in
	publishing publisher in
	given a
	start other wp-registry send a other
	kill -KILL "$pid_publisher"
	finish 137 "$pid_publisher"
	let_go a 0
	until [ "$message" = other ]; do
		given a
		let_go a 0
	done
	finish 0 "$pid_other"
	assert_unharmed
	over
}

@test "SIGKILL to a publisher that has started a consumer: it stays, and serves the next one" {
	innocent
	make_gated a
	wp-registry define a -- gated a
	start publisher wp-registry send a first
	given a
	kill -KILL "$pid_publisher"
	finish 137 "$pid_publisher"
	let_go a 0
	start other wp-registry send a second
	given a
	assert_equal "$message" second
	let_go a 0 yes
	finish 0 "$pid_other"
	assert_unharmed
	over
}

@test "50 publishers to one consumer, half of which are killed: nobody's message is lost, doubled or out of order, and answers are for who asked" {
	local n line
	innocent
	open_gate up gate
	stub counts <<-SH
		n=0
		while read -r message; do
			n=\$((n + 1))
			printf '%s\n' "\$message" >>"$T/log"
			if [ \$n -eq 10 ]; then
				echo up >"$T/up"
				read -r go <"$T/gate"
			fi
			echo "did \$message"
		done
	SH
	wp-registry define a --warm --max-pending 20 -- counts
	for n in {1..50}; do
		for line in {1..20}; do
			printf '{"to":"a","event":"%s-%s"}\n' "$n" "$line"
		done >"in$n"
		publishing "publisher$n" "in$n" --timeout 0
	done
	wait_line up up
	# Nobody has had all answers, and there is no room for more.
	until_pending a 20
	for n in {1..50..2}; do
		local pid_of=pid_publisher$n
		kill -KILL "${!pid_of}"
		finish 137 "${!pid_of}"
	done
	echo go >>gate
	for n in {2..50..2}; do
		local pid_of=pid_publisher$n
		finish 0 "${!pid_of}"
		assert_equal "$(results "publisher$n.out")" "$(for line in {1..20}; do echo "a delivered did \"$n-$line\""; done)"
	done
	run -0 wp-registry send a last
	for n in {1..50}; do
		grep "^\"$n-" log >got || true
		if [ $((n % 2)) -eq 0 ]; then
			assert_equal "$(wc -l <got)" 20
		fi
		# No more than it has said, in its order, and each once.
		assert_equal "$(cat got)" "$(for line in {1..20}; do echo "\"$n-$line\""; done | head -n "$(wc -l <got)")"
	done
	assert_unharmed
	over
}

# Those who do not move

@test "SIGSTOP to a consumer: its messages time out, others are delivered, and once it goes on it is given none of those" {
	innocent
	make_log
	registered stopped -- log
	registered other -- log
	kill -STOP "$pid_stopped"
	messages stopped other stopped >in
	run -1 --separate-stderr wp-registry publish --timeout 3s <in
	echo "$output" >out
	assert_equal "$(results out)" "$(printf '%s\n' "stopped timed-out" "other delivered did \"to other\"" "stopped timed-out")"
	kill -CONT "$pid_stopped"
	run -0 wp-registry send stopped after
	assert_equal "$(cat log)" "$(printf '%s\n' '"to other"' after)"
	assert_unharmed
	over
}

@test "SIGSTOP to a consumer: it can be removed, and ends when it goes on" {
	innocent
	registered a -- cat
	kill -STOP "$pid_a"
	run -75 wp-registry remove --timeout 100ms a
	assert_output --partial "process $pid_a has not ended yet"
	run -1 wp-registry send a x
	assert_output --partial 'there is no consumer "a"'
	kill -CONT "$pid_a"
	unregistered a 0
	assert_unharmed
	over
}

@test "SIGSTOP to a handler: with --timeout it is killed all the same, with what it has started" {
	innocent
	make_family
	registered a --timeout 3s --shutdown-timeout 100ms -- family
	start sender_a wp-registry send a x
	wait_line up up
	kill -STOP "$(cat parent)" "$(cat child)"
	finish 124 "$pid_sender_a"
	wait_ended "$(cat parent)" "$(cat child)"
	assert_unharmed
	over
}

# Bad manners of handlers

@test "a handler that never answers: whoever waits for it times out, others are served, and it can be ended" {
	innocent
	registered never --shutdown-timeout 100ms -- sh -c 'trap "" TERM; cat >/dev/null; sleep 1000'
	registered warm --warm --shutdown-timeout 100ms -- sh -c 'trap "" TERM; cat >/dev/null; sleep 1000'
	registered other -- cat
	messages never warm other never warm >in
	run -1 --separate-stderr wp-registry publish --timeout 3s <in
	echo "$output" >out
	assert_equal "$(results out)" \
		"$(printf '%s\n' "never timed-out" "warm timed-out" "other delivered to other" "never timed-out" "warm timed-out")"
	run -75 wp-registry send --timeout 100ms never x
	wp-registry remove never warm
	unregistered never 0
	unregistered warm 0
	assert_unharmed
	over
}

@test "a handler that answers twice: the message was delivered, the consumer has crashed" {
	innocent
	registered a --warm -- sh -c 'read -r m; printf "one\ntwo\n"; cat >/dev/null'
	run -0 wp-registry send a x
	assert_output one
	unregistered a 137
	assert_equal "$(of a STATE,REASON)" "crashed it answered without being asked"
	run -1 wp-registry send a y
	assert_output --partial "it answered without being asked"
	assert_unharmed
	over
}

@test "a handler that answers twice, --on-crash restart: no second answer is ever taken for another message's" {
	local n
	innocent
	registered a --warm --on-crash restart -- sh -c 'while read -r m; do printf "did %s\nand again\n" "$m"; done'
	for n in 1 2 3; do
		run -0 wp-registry send a "m$n"
		assert_output "did m$n"
	done
	assert_unharmed
	over
}

@test "a handler that answers garbage: it is told as it is by send, as JSON by publish" {
	local options text
	innocent
	for options in "" --warm; do
		# shellcheck disable=SC2086 # none or one
		registered a $options -- sh -c 'read -r m; printf "\377\376\200 \001\033[31m \"\\ {\n"; [ -z "$0" ] || cat >/dev/null' "$options"
		run -0 bash -c 'wp-registry send a x | od -An -c | tr -s " "'
		assert_output ' 377 376 200 001 033 [ 3 1 m " \ { \n'
		wp-registry remove a
		unregistered a 0
	done
	registered a -- sh -c 'printf "\377\376\200 \001\033[31m \"\\ {\n{\n"'
	run -0 --separate-stderr wp-registry publish <<<'{"to":"a","event":1}'
	echo "$output" >out
	run -0 jq -r '.result + " " + (.reply | type)' out
	assert_output "delivered string"
	iconv -f UTF-8 -t UTF-8 out >/dev/null
	assert_equal "$(wc -l <out)" 1
	assert_unharmed
	over
}

@test "a handler that answers with NUL bytes: they are the reply" {
	local options
	innocent
	for options in "" --warm; do
		# shellcheck disable=SC2086 # none or one
		registered a $options -- sh -c 'while read -r m; do printf "a\0b\n"; done'
		run -0 bash -c 'wp-registry send a x | od -An -c | tr -s " "'
		assert_output ' a \0 b \n'
		run -0 --separate-stderr wp-registry publish <<<'{"to":"a","event":1}'
		assert_equal "$(jq -r '.reply == "a\u0000b"' <<<"$output")" true
		wp-registry remove a
		unregistered a 0
	done
	assert_unharmed
	over
}

@test "a handler that answers with nothing: delivered, without a reply" {
	innocent
	registered a --warm -- sh -c 'while read -r m; do echo; done'
	registered b -- true
	messages a b a >in
	run -0 --separate-stderr wp-registry publish <in
	echo "$output" >out
	assert_equal "$(results out)" "$(printf '%s\n' "a delivered" "b delivered" "a delivered")"
	assert_unharmed
	over
}

@test "a handler that closes its stdout: a command's exit status is the answer, a warm one is of no use any more" {
	innocent
	registered a -- sh -c 'exec >&-; cat >/dev/null; exit 3'
	run -3 wp-registry send a x
	registered b --warm -- sh -c 'read -r m; exec >&-; cat >/dev/null; exit 4'
	run -1 wp-registry send b x
	assert_output --partial "has crashed: exit status 4"
	unregistered b 4
	registered c --warm --shutdown-timeout 100ms -- sh -c 'trap "" TERM; read -r m; exec >&-; sleep 1000'
	run -1 wp-registry send c x
	assert_output --partial "has crashed: it took too long"
	unregistered c 137
	assert_unharmed
	over
}

@test "a handler that does not read a message of 4 MiB: it can answer all the same" {
	innocent
	bytes 4194304 >message
	registered a -- sh -c 'echo command'
	open_gate gate
	registered b --warm --shutdown-timeout 100ms -- sh -c 'read -r go <gate; echo warm; sleep 1000'
	run -0 wp-registry send a <message
	assert_output command
	start sender_b wp-registry send b <message
	until_pending b 1
	echo go >>gate
	finish 0 "$pid_sender_b"
	assert_equal "$(cat sender_b.out)" warm
	assert_unharmed
	over
}

@test "a handler that writes 20 MiB: the message has failed, a warm one has crashed" {
	innocent
	registered a -- sh -c 'head -c 20971520 /dev/zero | tr "\0" x'
	run -65 --separate-stderr wp-registry send a x
	assert_equal "$output" ""
	[[ $stderr == *"its answer was too long"* ]]
	registered b --warm -- sh -c 'read -r m; head -c 20971520 /dev/zero | tr "\0" x; echo; cat >/dev/null'
	run -1 wp-registry send b x
	assert_output --partial "has crashed: its answer was too long"
	unregistered b 137
	assert_unharmed
	over
}

@test "a handler that writes 16 MiB to its stderr, and 15 MiB as its answer: the answer is whole" {
	innocent
	registered a -- sh -c 'head -c 16777216 /dev/zero >&2; head -c 15728640 /dev/zero | tr "\0" x'
	run -0 bash -c 'wp-registry send a x | tr -d "\n" | wc -c'
	assert_output 15728640
	assert_equal "$(wc -c <a.err)" 16777216
	assert_unharmed
	over
}

@test "a warm handler that ends with 0 whenever it has answered: the next message is for the next one, and none is lost" {
	local n
	innocent
	wp-registry define a --warm -- sh -c 'read -r m; echo "did $m"'
	for n in {1..20}; do
		echo "{\"to\":\"a\",\"event\":$n}"
	done >in
	run -0 --separate-stderr wp-registry publish <in
	echo "$output" >out
	assert_equal "$(results out)" "$(for n in {1..20}; do echo "a delivered did $n"; done)"
	assert_unharmed
	over
}

@test "a warm handler that answers when it is told to end, and stays: it is killed" {
	innocent
	open_gate up gate
	registered a --warm --shutdown-timeout 2s -- sh -c \
		'trap "echo term >up" TERM; read -r m; echo up >up; until read -r go <gate; do :; done; echo late; while :; do sleep 1000; done'
	start sender_a wp-registry send a x
	wait_line up '^up'
	kill -TERM "$pid_a"
	wait_line up '^term'
	echo go >>gate
	finish 0 "$pid_sender_a"
	assert_equal "$(cat sender_a.out)" late
	unregistered a 0
	assert_unharmed
	over
}

@test "a durable command that cannot be started for a while: its message waits, and none is lost" {
	innocent
	make_log
	wp-registry define d --durable -- "$T/bin/log"
	run -0 wp-registry send d m1
	chmod -x bin/log
	wp-registry send --no-wait d m2
	wp-registry send --no-wait d m3
	until_pending d 2
	chmod +x bin/log
	until_pending d 0
	assert_equal "$(paste -sd ' ' log)" "m1 m2 m3"
	assert_unharmed
	over
}

@test "a consumer that cannot be started is not tried for ever, also with --on-crash restart" {
	innocent
	mkdir gone
	(cd gone && wp-registry define a --on-crash restart -- cat)
	rmdir gone
	run -1 wp-registry send a x
	assert_output --partial "has crashed: cannot change to directory"
	mkdir gone
	run -0 wp-registry send a x
	assert_output x
	assert_unharmed
	over
}

# Many

@test "1,000 consumers, all started by one broadcast (200 with sanitizers): each has the message once" {
	local many=1000
	[ -z "${SANITIZE-}" ] || many=200
	innocent
	seq -f 'shape-%.0f' "$many" | xargs -I '{}' wp-registry define '{}' -- sh -c 'echo "$WP_REGISTRY_HANDLE: $(cat)" | tee -a log'
	run -0 --separate-stderr wp-registry broadcast --timeout 0 --match 'shape-*' hello
	echo "$output" >out
	assert_equal "$(jq -r '.to + " " + .result + " " + .reply' out | sort)" \
		"$(seq -f 'shape-%.0f' "$many" | sed 's/.*/& delivered &: hello/' | sort)"
	assert_equal "$(sort log)" "$(seq -f 'shape-%.0f: hello' "$many" | sort)"
	assert_equal "$(wp-registry count)" $((many + 1))
	seq -f 'shape-%.0f' "$many" | xargs wp-registry remove
	assert_unharmed
	over
}

@test "more consumers than a publisher may have descriptors: each has the message" {
	local many=100
	innocent
	seq -f 'shape-%.0f' "$many" | xargs -I '{}' wp-registry define '{}' --warm --suspend-after 1m -- cat
	# Large ones need a descriptor each for a moment.
	bytes 40000 >in
	run -0 --separate-stderr bash -c "ulimit -n 64; exec wp-registry broadcast --timeout 0 --match 'shape-*' <in"
	echo "$output" >out
	assert_equal "$(jq -r '.result' out | sort | uniq -c | tr -s ' ')" " $many delivered"
	seq -f 'shape-%.0f' "$many" | xargs wp-registry remove
	assert_unharmed
	over
}

@test "two publishers that never stop, and an inbox that is full: both are served" {
	local name
	innocent
	# Slower than they are.
	registered a --warm --max-pending 2 -- sh -c 'while read -r m; do env true; echo; done'
	for name in first second; do
		start "$name" bash -c 'exec wp-registry publish --timeout 0 < <(exec yes "{\"to\":\"a\",\"event\":1}")'
		wait_line "$name.out" delivered
	done
	before=$(wc -l <first.out)
	has_more() { [ "$(wc -l <first.out)" -gt $((before + 200)) ]; }
	until_true has_more
	kill -TERM "$pid_first" "$pid_second"
	finish 143 "$pid_first"
	finish 143 "$pid_second"
	assert_unharmed
	over
}

# make_slow: the command "slow TEXT": warm; it waits for the FIFO "gate" when it has its first message, and then answers TEXT to all.
make_slow() {
	open_gate gate
	stub slow <<-'SH'
		exec perl -e '$| = 1; $_ = <STDIN>; open(my $gate, "<", "gate"); <$gate>; do { print "$ARGV[0]\n" } while <STDIN>' "$1"
	SH
}

@test "more large messages than there may be descriptors on their way: all are delivered" {
	local n
	innocent
	make_slow
	registered a --warm --max-pending 1 -- slow ok
	text=$(bytes 30000)
	for n in {1..200}; do
		printf '{"to":"a","event":"%s"}\n' "$text"
	done >lines
	mkfifo in
	start publisher without_rights bash -c 'ulimit -n 100; exec wp-registry publish --timeout 0 <in'
	# It has read them when this is over.
	cat lines >in
	echo go >>gate
	finish 0
	assert_equal "$(jq -r '.result' publisher.out | uniq -c | tr -s ' ')" " 200 delivered"
	assert_unharmed
	over
}

@test "more large answers than there may be descriptors on their way: all arrive" {
	local n
	innocent
	make_slow
	wp-registry define a --warm -- slow "$(bytes 30000)"
	without_rights bash -c 'ulimit -n 100; exec wp-registry start a'
	for n in {1..200}; do
		echo '{"to":"a","event":1}'
	done >in
	# shellcheck disable=SC2016 # without rights it is not a child of ours
	start publisher without_rights bash -c 'echo $$ >publisher; exec wp-registry publish --timeout 0 <in'
	until_pending a 200
	kill -STOP "$(cat publisher)"
	echo go >>gate
	until_pending a 0
	kill -CONT "$(cat publisher)"
	finish 0
	assert_equal "$(jq -r '.result + " " + (.reply | length | tostring)' publisher.out | uniq -c | tr -s ' ')" " 200 delivered 30000"
	assert_unharmed
	over
}

# Strangers

# say HANDLE TEXT...: each TEXT, with printf's escapes, is a message to its socket, all on one connection; then the connection ends.
say() {
	local handle=$1 life
	shift
	life=$(sql "SELECT printf('%x', life) FROM consumer WHERE handle = '$handle'")
	perl -MSocket -e '
		$SIG{PIPE} = "IGNORE";
		socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die "socket: $!";
		connect($s, pack_sockaddr_un(shift)) or die "connect: $!";
		for (@ARGV) { send($s, eval "\"$_\"", 0); }
	' "$WP_STATE/pipe/registry.$life" "$@"
}

# header WHAT [NUMBER OFFSET TIME HASTY VERSION]: the beginning of a message as perl has it in a string.
header() {
	perl -e 'print join "", map { sprintf "\\x%02x", $_ } unpack "C*", pack "LLLlqqq", $ARGV[5] // 1, $ARGV[0], $ARGV[4] // 0, 0, $ARGV[1] // 1, $ARGV[2] // 0, $ARGV[3] // 0' "$@"
}

@test "garbage in the socket: nobody else notices" {
	local options what
	innocent
	for options in "" --warm --durable "--durable --warm"; do
		# shellcheck disable=SC2086 # several
		wp-registry define a $options --log a.log -- cat
		run -0 wp-registry send a x
		before=$output
		pid=$(wp-registry whereis a)
		say a x 'garbage' '\x00' "$(header 1 1 0 0 0 2)" "$(header 1 1 0 0 0 0)x"
		say a "$(header 1)"
		for what in 0 5 6 7 8 9 10 11 12 13 14 99 4294967295; do
			say a "$(header "$what")" "$(header "$what")x"
		done
		say a "$(header 2 1 0)" "$(header 2 1 -1)" "$(header 2 1 9223372036854775807)"
		say a "$(header 1 -1 0 -1)late" "$(header 1 1 0 1)late" "$(header 1 7 0 9223372036854775807 1)hasty"
		say a "$(header 3)" "$(header 3)more"
		run say a '\xff\xfe' "$(header 1)"'".("x" x 100000)."'
		run -0 wp-registry send a x
		[ -n "$output" ]
		assert_equal "$(wp-registry whereis a)" "$pid"
		wp-registry remove a
		assert_equal "$(cat a.log)" ""
	done
	assert_unharmed
	over
}

@test "garbage in the socket: whoever connects 200 times and says nothing, or sends and never reads, is in nobody's way" {
	local life
	innocent
	registered a --max-pending 10 -- cat
	life=$(sql "SELECT printf('%x', life) FROM consumer WHERE handle = 'a'")
	open_gate up
	start stranger perl -MSocket -MFcntl -e '
		my @all;
		for (1 .. 200) {
			socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0) or die; connect($s, pack_sockaddr_un($ARGV[0])) or die "$!";
			push @all, $s;
		}
		fcntl($all[0], F_SETFL, O_NONBLOCK);
		send($all[0], pack("LLLlqqq", 1, 1, 0, 0, $_, 0, 0) . "x" x 10000, 0) // last for 1 .. 1000;
		open(my $up, ">", "up"); print $up "up\n"; close $up;
		sleep 1000' "$WP_STATE/pipe/registry.$life"
	wait_line up up
	run -0 wp-registry send a x
	assert_output x
	kill -KILL "$pid_stranger"
	finish 137 "$pid_stranger"
	run -0 wp-registry send a x
	assert_output x
	assert_unharmed
	over
}

# The state directory

@test "the socket of a consumer is removed: its messages time out, others are delivered, and it can be ended" {
	innocent
	registered a -- cat
	registered b -- cat
	rm "state/pipe/registry.$(sql "SELECT printf('%x', life) FROM consumer WHERE handle = 'a'")"
	messages a b >in
	run -1 --separate-stderr wp-registry publish --timeout 3s <in
	echo "$output" >out
	assert_equal "$(results out)" "$(printf '%s\n' "a timed-out" "b delivered to b")"
	kill -TERM "$pid_a"
	unregistered a 0
	assert_unharmed
	over
}

@test "the whole state directory is removed: a message in hand goes on, and the consumer ends clean" {
	innocent
	rm -r state
	run -1 wp-registry send innocent x
	assert_unharmed
	kill -TERM "${registrations[innocent]}"
	unregistered innocent 0
	registered innocent -- cat
	run -0 wp-registry send innocent again
	assert_output again
	over
}

@test "a full state directory: whoever runs is reached, and who would have to be started is said to be in trouble (a disk of its own, else a file size limit)" {
	stub smalldisk <<-'SH'
		say() { echo "$*"; }
		mkfifo ready-a ready-w
		wp-registry register a --ready-fd 8 -- cat 8>ready-a 3>&- &
		consumer=$!
		read -r count <ready-a
		say "registered $count"
		wp-registry register w --warm --ready-fd 8 -- cat 8>ready-w 3>&- &
		warm=$!
		read -r count <ready-w
		wp-registry define d -- cat
		wp-registry define kept --durable -- cat
		"$@" 2>/dev/null
		say "send $(wp-registry send a works)"
		say "warm $(wp-registry send w works)"
		say "where $([ "$(wp-registry whereis a)" = $consumer ] && echo found)"
		say "list $(wp-registry list -rno HANDLE | paste -sd ' ')"
		wp-registry send d x
		say "started $?"
		wp-registry send kept x
		say "stored $?"
		say "$(echo '{"to":"kept","event":1}' | wp-registry publish | jq -r '.result + " at \(.offset)"')"
		wp-registry define e -- cat
		say "defined $?"
		wp-registry register f -- cat
		say "registered $?"
		wp-registry suspend --suspend-after 1m
		say "suspend $?"
		wp-registry remove d
		say "removed $?"
		say "send $(wp-registry send a 'still works')"
		rm -f state/filler
		ulimit -f unlimited
		say "again $(wp-registry send d x)"
		say "again $(wp-registry send kept x)"
		kill -TERM $consumer
		wait $consumer
		say "ended $?"
		wp-registry remove d kept w
		say "removed $?"
		wait $warm
		say "ended $?"
		wp-registry list
		find state/pipe state/live ! -type d
	SH
	with_full_disk 80 smalldisk
	echo "$output"
	echo "$stderr"
	assert_output "$(printf '%s\n' "registered 1" "send works" "warm works" "where found" "list a d kept w" "started 74" "stored 74" "unreachable at null" "defined 74" \
		"registered 74" "suspend 74" "removed 74" "send still works" "again x" "again x" "ended 0" "removed 0" "ended 0")"
	no_process_left
}

@test "a state directory that cannot be written to: an error, and who runs goes on" {
	innocent
	registered a -- cat
	wp-registry define d -- cat
	chmod -R a-w state
	run without_rights wp-registry define e -- cat
	refute_crash
	[ "$status" -ne 0 ]
	run without_rights wp-registry register e -- cat
	refute_crash
	[ "$status" -ne 0 ]
	run without_rights wp-registry send d x
	refute_crash
	[ "$status" -ne 0 ]
	run without_rights wp-registry send a x
	refute_crash
	run without_rights wp-registry list
	refute_crash
	chmod -R u+w state
	run -0 wp-registry send d x
	run -0 wp-registry send a x
	assert_unharmed
	over
}

@test "SIGKILL to a consumer whose socket has no name yet, by a stand-in for that socket: nothing is left of it" {
	local socket
	wp-registry define orders -- true
	wp-registry send orders 1
	socket=$(find "$WP_STATE/pipe" -name 'registry.*')
	: >"$WP_STATE/pipe/.new.${socket##*/}"
	kill -KILL "$(wp-registry whereis orders)"
	no_process_left
	wp-registry list >listed
	wp-registry remove orders
	assert_equal "$(find "$WP_STATE/pipe" "$WP_STATE/live" -type f -o -type s)" ""
}
