#!/usr/bin/env bats
# wp-registry suspend, and what it is about: consumers that have nothing to do hibernate, and are suspended.

load ../helpers
load registry
load rest

# A warm handler that tells its process with each reply, and says into the file "ended" that its input has ended.
warm='while read -r line; do echo "$$ $line"; done; echo "$$" >>ended'

# Hibernation

@test "hibernation: a warm handler is ended by the end of its input; the inbox stays, and the next message has a new one" {
	local consumer first
	wp-registry define one --warm --hibernate-after 0 -- sh -c "$warm"
	read -r first _ < <(wp-registry send one a)
	until_state one hibernated
	wait_ended "$first"
	assert_equal "$(cat ended)" "$first"
	consumer=$(wp-registry whereis one)
	run -0 wp-registry send one b
	assert_output --partial " b"
	refute_output "$first b"
	assert_equal "$(wp-registry whereis one)" "$consumer"
	# So does that one.
	wait_ended "${output% b}"
	until_state one hibernated
	assert_equal "$(number_of start one)" 1
	over
}

@test "hibernation: how a handler ends then is nobody's business" {
	wp-registry define one --warm --hibernate-after 0 -- sh -c 'while read -r line; do echo "$line"; done; kill -KILL $$'
	assert_equal "$(wp-registry send one a)" a
	until_state one hibernated
	assert_equal "$(wp-registry send one b)" b
	assert_equal "$(wp-registry send one c)" c
	assert_equal "$(number_of crash one)" 0
	over
}

@test "hibernation: a handler that stays gets SIGTERM, and then SIGKILL" {
	local polite stubborn
	# After SIGTERM it has as long again for its answer.
	wp-registry define polite --warm --hibernate-after 0 --shutdown-timeout 2s -- \
		sh -c 'read -r line; trap "echo TERM >term; exit" TERM; echo $$; while :; do sleep 1000 & wait; done'
	wp-registry define stubborn --warm --hibernate-after 0 --shutdown-timeout 10ms -- \
		sh -c 'trap "" TERM; read -r line; echo $$; while :; do sleep 1000; done'
	polite=$(wp-registry send polite x)
	stubborn=$(wp-registry send stubborn x)
	wait_ended "$polite" "$stubborn"
	assert_equal "$(cat term)" TERM
	until_state polite hibernated
	until_state stubborn hibernated
	over
}

@test "hibernation: a message that comes while the handler ends waits for the next one" {
	local first second
	make_slow_end one
	wp-registry define one --warm --hibernate-after 0 -- slow-end one
	read -r first _ < <(wp-registry send one a)
	ending one
	assert_equal "$handler" "$first"
	start sender wp-registry send one b
	until_pending one 1
	echo 0 >>one.gate
	finish 0 "$pid_sender"
	read -r second message <sender.out
	assert_equal "$message" b
	[ "$second" != "$first" ]
	echo 0 >>one.gate
	over
}

@test "hibernation --hibernate signal: a warm handler gets SIGUSR1 and stays" {
	local first
	wp-registry define one --warm --hibernate signal --hibernate-after 0 -- \
		bash -c 'trap "echo \"\$\$ USR1\" >>usr1" USR1; while read -r line; do echo "$$ $line"; done'
	read -r first _ < <(wp-registry send one a)
	until_state one hibernated
	wait_line usr1 "^$first USR1$"
	run -0 wp-registry send one b
	assert_output "$first b"
	wp-registry suspend --suspend-after 0 >told
	until_state one suspended
	wait_ended "$first"
	over
}

@test "hibernation: one with a process a message hibernates, too" {
	wp-registry define one --hibernate-after 0 -- cat
	assert_equal "$(wp-registry send one a)" a
	until_state one hibernated
	assert_equal "$(wp-registry send one b)" b
	assert_equal "$(of one DELIVERED)" 2
	over
}

@test "hibernation: one that is registered hibernates, and is never suspended" {
	registered one --warm --hibernate-after 0 -- sh -c "$warm"
	wp-registry suspend --hibernate-after 0 --suspend-after 0 >told
	wp-registry define other -- cat
	wp-registry send other x
	until_state other suspended
	until_state one hibernated
	wp-registry send one x
	until_state one hibernated
	assert_equal "$(number_of suspend one)" 0
	assert_equal "$(wp-registry whereis one)" "${registrations[one]}"
	over
}

@test "hibernation: never before its time; with --jitter at a random one (by the times in the state file)" {
	local n
	for n in $(seq 10); do
		wp-registry define "c$n" --hibernate-after 20ms --jitter 420ms -- true
		wp-registry start "c$n"
	done
	for n in $(seq 10); do
		until_state "c$n" hibernated
	done
	sql_calm "SELECT h.at - r.at FROM consumer_event h JOIN consumer_event r USING (handle) WHERE h.event = 'hibernate' AND r.event = 'run'" >delays
	assert_equal "$(wc -l <delays)" 10
	# One after the other has been idle since just before it was said to run.
	run -1 awk '$1 < 15000 { early = 1 } END { exit !early }' delays
	# That all of ten are within a tenth of the range is next to impossible, and cannot be brought about by a slow machine.
	awk 'NR == 1 || $1 < least { least = $1 } $1 > most { most = $1 } END { exit most - least < 40000 }' delays
	over
}

@test "hibernation: a --jitter below --hibernate-after changes nothing" {
	wp-registry define one --hibernate-after 20ms --jitter 1ms -- true
	wp-registry start one
	until_state one hibernated
	over
}

@test "hibernation: a message in hand is finished first" {
	make_gated one
	wp-registry define one --warm --hibernate-after 0 -- warm-gated one
	start sender wp-registry send one a
	given one
	wp-registry suspend --hibernate-after 0 --suspend-after 0 >told
	let_go one - answer
	finish 0 "$pid_sender"
	assert_equal "$(cat sender.out)" answer
	until_state one suspended
	assert_equal "$(number_of crash one)" 0
	over
}

# Suspension

@test "suspension: the process is gone and the definition stays; the next message starts it again" {
	local first
	wp-registry define one --warm --suspend-after 0 -- sh -c "$warm"
	read -r first _ < <(wp-registry send one a)
	until_state one suspended
	assert_equal "$(of one STATE,PID,DELIVERED)" "suspended null 1"
	no_process_left
	assert_equal "$(find "$WP_STATE" ! -type d -path "*/[lp]i[vp]e/*")" ""
	run -0 wp-registry send one b
	assert_output --partial " b"
	refute_output "$first b"
	until_of one STATE,DELIVERED "suspended 2"
	# It may rest before the message that starts it has reached it; then it is started again.
	assert_regex "$(events_of one)" '^define( start run suspend){2,}$'
	assert_equal "$(of one DELIVERED)" 2
	over
}

@test "suspension: after hibernation, so long after it" {
	wp-registry define one --warm -- sh -c "$warm"
	wp-registry send one a
	wp-registry suspend --hibernate-after 1ms --suspend-after 30ms >told
	until_state one suspended
	assert_equal "$(events_of one)" "define start run hibernate suspend"
	[ "$(sql_calm "SELECT s.at - h.at FROM consumer_event s, consumer_event h WHERE s.event = 'suspend' AND h.event = 'hibernate'")" -ge 25000 ]
	over
}

@test "suspension: a message wakes one that hibernates, which then has its full time again (by the times in the state file)" {
	wp-registry define one --warm --hibernate-after 20ms --suspend-after 200ms -- sh -c 'while read -r line; do date +%s%6N >given; echo "$line"; done'
	assert_equal "$(wp-registry send one a)" a
	until_state one hibernated
	assert_equal "$(wp-registry send one b)" b
	until_of one STATE,DELIVERED "suspended 2"
	[ "$(sql_calm "SELECT max(at) - $(cat given) FROM consumer_event WHERE event = 'suspend'")" -ge 215000 ]
	over
}

@test "suspension: a warm handler that ends by itself while it has nothing to do is suspended, too" {
	wp-registry define one --warm -- sh -c 'read -r line; echo "$line"'
	assert_equal "$(wp-registry send one a)" a
	until_state one suspended
	assert_equal "$(wp-registry send one b)" b
	until_number suspend one 2
	assert_equal "$(number_of crash one)" 0
	over
}

@test "suspension: a message that comes while the handler ends is delivered once, by the same consumer" {
	local consumer
	make_slow_end one
	wp-registry define one --warm -- slow-end one
	wp-registry send one a
	consumer=$(wp-registry whereis one)
	wp-registry suspend --suspend-after 0 >told
	ending one
	start sender wp-registry send one b
	until_pending one 1
	assert_equal "$(wp-registry whereis one)" "$consumer"
	wp-registry suspend --disable >told
	echo 0 >>one.gate
	finish 0 "$pid_sender"
	assert_equal "$(cut -d ' ' -f 2 sender.out)" b
	assert_equal "$(wp-registry whereis one)" "$consumer"
	assert_equal "$(paste -sd ' ' one.got)" "a b"
	echo 0 >>one.gate
	over
}

@test "suspension: a message that comes while the consumer is told to end is delivered once, by it or by a fresh one" {
	local n old
	wp-registry define one --warm -- sh -c 'while read -r line; do echo "$line" >>got; echo "$line"; done'
	for n in $(seq 10); do
		wp-registry send one "$n" >reply
		old=$(wp-registry whereis one)
		kill -STOP "$old"
		start sender wp-registry send one "again $n"
		# It may have connected by now, and may have sent its message, or not.
		kill -TERM "$old"
		kill -CONT "$old"
		finish 0 "$pid_sender"
		assert_equal "$(cat sender.out)" "again $n"
	done
	assert_equal "$(sort got | uniq -c | awk '$1 > 1' | wc -l) $(wc -l <got)" "0 20"
	over
}

@test "suspension: told to end, a consumer finishes what it has in hand; what waits behind that is delivered by a fresh one, in order" {
	local n old
	make_gated one
	wp-registry define one -- gated one
	start first wp-registry send one a
	given one
	messages one b c d >waiting
	start second bash -c 'wp-registry publish <waiting'
	until_pending one 4
	old=$(wp-registry whereis one)
	kill -TERM "$old"
	let_go one 0 "by old"
	finish 0 "$pid_first"
	assert_equal "$(cat first.out)" "by old"
	for n in b c d; do
		given one
		assert_equal "$message" "\"$n\""
		[ "$(wp-registry whereis one)" != "$old" ]
		let_go one 0
	done
	finish 0 "$pid_second"
	assert_equal "$(results second)" delivered:3
	over
}

# hammer HANDLE: publishers of all kinds, at once; each of the messages 1-1 to 4-60 is sent once.
hammer() {
	local n name
	stub sends <<-'SH'
		for n in $(seq 60); do
			wp-registry send "$1" "$2-$n" || exit
		done
	SH
	stub lines <<-'SH'
		for n in $(seq 60); do
			printf '{"to":"%s","event":%s}\n' "$1" "$2-$n" | sed 's/:\([0-9]*-[0-9]*\)}/:"\1"}/'
			[ $((n % 4)) -ne 0 ] || wp-registry count >counted.$2
		done
	SH
	for n in 1 2; do
		start "hammer$n" sends "$1" "$n"
	done
	for n in 3 4; do
		start "hammer$n" bash -c 'set -o pipefail; lines "$@" | wp-registry publish' bash "$1" "$n"
	done
	for n in 1 2 3 4; do
		name=pid_hammer$n
		finish 0 "${!name}"
	done
	assert_equal "$(results hammer3 hammer4)" delivered:120
}

# assert_all_once FILE: what the handler got there are all of these, each once, and those of one sender in order.
assert_all_once() {
	local n
	tr -d '"' <"$1" >all
	for n in 1 2 3 4; do
		grep "^$n-" all | cut -d - -f 2 | cmp - <(seq 60)
	done
	assert_equal "$(wc -l <all)" 240
}

@test "suspension: many publishers to a warm consumer that is suspended whenever it can be: each message is given to it once, in order" {
	wp-registry define one --warm --suspend-after 0 -- sh -c 'while read -r line; do printf "%s\n" "$line" >>got; echo; done'
	hammer one
	assert_all_once got
	[ "$(number_of suspend one)" -ge 2 ]
	assert_equal "$(number_of crash one)" 0
	until_state one suspended
	assert_equal "$(of one DELIVERED,PENDING)" "240 0"
	over
}

@test "suspension: many publishers, and a process a message: each message is given once, in order" {
	wp-registry define one --suspend-after 1ms -- sh -c 'cat >>got'
	hammer one
	assert_all_once got
	assert_equal "$(number_of crash one)" 0
	until_state one suspended
	assert_equal "$(of one DELIVERED,PENDING)" "240 0"
	over
}

@test "suspension: many publishers to one that hibernates and is suspended within milliseconds: each message is given once, in order" {
	wp-registry define one --warm --hibernate-after 0 --jitter 3ms --suspend-after 2ms -- \
		sh -c 'while read -r line; do printf "%s\n" "$line" >>got; echo; done'
	hammer one
	assert_all_once got
	[ "$(number_of hibernate one)" -ge 2 ]
	assert_equal "$(number_of crash one)" 0
	until_state one suspended
	assert_equal "$(of one DELIVERED,PENDING)" "240 0"
	over
}

@test "suspension: many publishers to one that is durable and suspended whenever it can be: each message is given once, in order" {
	wp-registry define one --warm --durable --suspend-after 0 -- \
		sh -c 'while read -r line; do line=${line##*:}; printf "%s\n" "${line%\}}" >>got; echo; done'
	hammer one
	assert_all_once got
	assert_equal "$(number_of crash one)" 0
	until_state one suspended
	assert_equal "$(of one DELIVERED,PENDING)" "240 0"
	over
}

@test "suspension: while consumers are told again and again, each message is given once" {
	stub tell <<-'SH'
		while :; do
			wp-registry suspend --suspend-after 0 >told
			wp-registry suspend --hibernate-after 0 --suspend-after 0 >told
			wp-registry suspend --disable >told
		done
	SH
	wp-registry define one --warm -- sh -c 'while read -r line; do printf "%s\n" "$line" >>got; echo; done'
	start tell tell
	hammer one
	kill "$pid_tell"
	finish 143 "$pid_tell"
	assert_all_once got
	assert_equal "$(number_of crash one)" 0
	over
}

# The verb

@test "suspend: prints how many running consumers were told; those without an inbox and without a process are not" {
	run -0 wp-registry suspend --suspend-after 1h
	assert_output 0
	registered a -- true
	wp-registry define b -- true
	wp-registry start b
	wp-registry define c -- true
	wp-registry register d --pid $$
	registered e -- true
	kill_registration e
	registered f -s other -- true
	run -0 wp-registry suspend --suspend-after 1h
	assert_output 2
	until_state a running
	run -0 wp-registry suspend --hibernate-after 0
	assert_output 2
	until_state a hibernated
	run -0 wp-registry suspend --disable
	assert_output 2
	over
}

@test "suspend: those that run go by it from now on" {
	wp-registry define one --warm -- sh -c "$warm"
	registered two --warm -- sh -c "$warm"
	wp-registry send one x
	wp-registry send two x
	assert_equal "$(wp-registry suspend --hibernate-after 1ms --suspend-after 1ms)" 2
	until_state one suspended
	until_state two hibernated
	over
}

@test "suspend: it is stored for all of the stack, and for those to come; what these say themselves comes first" {
	local times=HIBERNATE-AFTER,JITTER,SUSPEND-AFTER
	wp-registry define before -- true
	wp-registry define own --suspend-after 7s -- true
	wp-registry register process --pid $$
	wp-registry suspend --hibernate-after 1m --jitter 20m --suspend-after 5m
	assert_equal "$(wp-registry list -rno "HANDLE,$times")" "before 60 1200 300
own 60 1200 300
process 60 1200 300"
	wp-registry define after -- true
	wp-registry define mine --suspend-after 7s -- true
	registered here -- true
	wp-registry define elsewhere -s other -- true
	assert_equal "$(of after "$times")" "60 1200 300"
	assert_equal "$(of mine "$times")" "null null 7"
	assert_equal "$(of here "$times")" "60 1200 300"
	assert_equal "$(of elsewhere "$times" -s other)" "null null null"
	wp-registry suspend --suspend-after 250ms
	assert_equal "$(of after "$times")" "null null 0.25"
	over
}

@test "suspend: one that is started later goes by what was stored" {
	wp-registry define one --warm -- sh -c "$warm"
	wp-registry suspend --suspend-after 0
	wp-registry send one x
	until_state one suspended
	over
}

@test "suspend --disable: nobody rests, now and from now on" {
	local times=HIBERNATE-AFTER,JITTER,SUSPEND-AFTER
	wp-registry define one --hibernate-after 0 --suspend-after 1h -- true
	wp-registry start one
	until_state one hibernated
	run -0 wp-registry suspend --disable
	assert_output 1
	until_state one running
	assert_equal "$(of one "$times")" "null null null"
	wp-registry define two -- true
	assert_equal "$(of two "$times")" "null null null"
	over
}

@test "suspend: being told wakes those who hibernate, and their time begins again" {
	wp-registry define one --warm --hibernate-after 0 -- sh -c "$warm"
	registered two --hibernate-after 0 -- true
	wp-registry send one x
	until_state one hibernated
	until_state two hibernated
	assert_equal "$(wp-registry suspend --hibernate-after 1h)" 2
	assert_equal "$(wp-registry list -rno STATE | paste -sd ' ')" "running running"
	over
}

@test "suspend: one that is busy is told as well" {
	make_gated one
	wp-registry define one -- gated one
	start sender wp-registry send one a
	given one
	assert_equal "$(wp-registry suspend --suspend-after 0)" 1
	let_go one 0 answer
	finish 0 "$pid_sender"
	assert_equal "$(cat sender.out)" answer
	until_state one suspended
	over
}

@test "suspend: one that is stopped is not waited for long, is told of, and learns of it when it goes on" {
	local stopped
	wp-registry define one -- true
	wp-registry start one
	until_state one running
	stopped=$(wp-registry whereis one)
	registered two -- true
	kill -STOP "$stopped"
	run -0 --separate-stderr wp-registry suspend --suspend-after 0
	assert_output 1
	assert_equal "$stderr" "wp-registry: warning: 1 consumers do not answer: they may be stopped"
	kill -CONT "$stopped"
	until_state one suspended
	over
}

@test "suspend: 60 consumers at once" {
	local n
	for n in $(seq 60); do
		wp-registry define "c$n" --warm -- cat
	done
	wp-registry broadcast x >results
	assert_equal "$(grep -c '"delivered"' results)" 60
	assert_equal "$(wp-registry suspend --hibernate-after 0 --jitter 20ms --suspend-after 1ms)" 60
	until_count 0
	assert_equal "$(wp-registry list -rno STATE,DELIVERED | sort | uniq -c | tr -s ' ')" " 60 suspended 1"
	over
}

@test "suspend: --stack, by variable as well" {
	local stack
	for stack in default one two three; do
		wp-registry define h -s "$stack" -- true
	done
	wp-registry suspend --suspend-after 1s -s one
	wp-registry suspend --suspend-after 2s --stack two
	WP_REGISTRY_STACK=three wp-registry suspend --suspend-after 3s
	assert_equal "$(wp-registry list -arno STACK,SUSPEND-AFTER)" "default 
one 1
three 3
two 2"
	run -65 wp-registry suspend --disable -s ""
	assert_output --partial "the stack is empty"
}

@test "suspend: a stack that nobody is in yet, in a state directory that is not there yet" {
	run -0 wp-registry suspend --suspend-after 5s -s new
	assert_output 0
	wp-registry define one -s new -- true
	assert_equal "$(of one SUSPEND-AFTER -s new)" 5
}

@test "suspend: mistakes" {
	usage suspend "one of --hibernate-after, --suspend-after and --disable is needed"
	usage suspend "--jitter goes with --hibernate-after" --suspend-after 1s --jitter 1s
	usage suspend "one of" --jitter 1s
	usage suspend "--disable excludes the other options" --disable --suspend-after 1s
	usage suspend "--disable excludes the other options" --disable --hibernate-after 1s
	usage suspend "--disable excludes the other options" --disable --jitter 1s
	usage suspend "unexpected argument" --disable one
	usage suspend --colour --colour
	bad_durations suspend --hibernate-after
	bad_durations suspend --suspend-after
	bad_durations suspend --jitter --hibernate-after 1s
	[ ! -e "$WP_STATE" ]
	help_of suspend
}

@test "suspend: refused state directories" {
	refused_states suspend --disable
}

@test "suspend: /dev/full and a closed stdout are errors, but it is stored" {
	wp-registry define one -- true
	run -74 bash -c 'wp-registry suspend --suspend-after 4s >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-registry suspend --suspend-after 4s >&-'
	assert_output --partial "error:"
	assert_equal "$(of one SUSPEND-AFTER)" 4
}
