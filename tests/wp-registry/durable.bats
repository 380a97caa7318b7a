#!/usr/bin/env bats
# wp-registry define --durable: messages are kept until they have been dealt with.

load ../helpers
load registry
load rest

# Handlers that note offset and message in the file "got". A warm one gets both in its line.
note='read -r message; echo "$WP_REGISTRY_OFFSET $message" >>got; echo "reply to $message"'
warm_note='while read -r line; do jq -r "\"\(.offset) \(.event)\"" <<<"$line" >>got; echo "reply to $line"; done'

# got: all of it on one line.
got() { paste -sd , got; }

# kept: how many messages are in the state file.
kept() { sql_calm "SELECT count(*) FROM consumer_message"; }

# publish_of NAME HANDLE TEXT...: a publish of these in the background.
publish_of() {
	local name=$1
	shift
	messages "$@" >"$T/$name.lines"
	start "$name" bash -c 'exec wp-registry publish <"$1.lines"' bash "$name"
}

# Offsets

@test "durable: each message has an offset, also over the lives of its consumer; its process knows it" {
	wp-registry define one --durable -- sh -c "$note"
	assert_equal "$(wp-registry send one a)" "reply to a"
	wp-registry send one b >reply
	wp-registry suspend --suspend-after 0 >told
	until_state one suspended
	wp-registry send one c >reply
	assert_equal "$(got)" "1 a,2 b,3 c"
	assert_equal "$(kept)" 0
	over
}

@test "durable: a warm one finds the offset in its line, and the message as JSON" {
	wp-registry define one --durable --warm -- tee -a got
	wp-registry send one '{"a": [1, null]}' >reply
	wp-registry send one 'no JSON' >reply
	wp-registry send one $'two\nlines "quoted"' >reply
	assert_equal "$(cat got)" '{"offset":1,"event":{"a": [1, null]}}
{"offset":2,"event":"no JSON"}
{"offset":3,"event":"two\nlines \"quoted\""}'
	over
}

@test "durable: publish tells the offset with what became of it, and so does broadcast" {
	wp-registry define one --durable -- cat
	messages one a b >lines
	run -0 bash -c 'wp-registry publish <lines'
	assert_equal "$(jq -c '[.result, .offset, .reply]' <<<"$output")" '["delivered",1,"a"]
["delivered",2,"b"]'
	run -0 wp-registry broadcast c
	assert_equal "$(jq -c '[.result, .offset, .reply]' <<<"$output")" '["delivered",3,"c"]'
	wp-registry define plain -- cat
	messages plain a >lines
	run -0 bash -c 'wp-registry publish <lines'
	assert_equal "$(jq -c .offset <<<"$output")" null
	over
}

@test "durable: another process is nothing to an offset: one that is not durable has none in its environment" {
	wp-registry define plain -- sh -c 'echo "${WP_REGISTRY_OFFSET-none}"'
	assert_equal "$(wp-registry send plain x)" none
	wp-registry define one --durable -- sh -c 'echo "$WP_REGISTRY_OFFSET"'
	assert_equal "$(WP_REGISTRY_OFFSET=77 wp-registry send one x)" 1
	assert_equal "$(wp-registry send one x)" 2
	over
}

@test "durable: many publishers at once: no offset twice, none missing, and the messages come in their order" {
	local n name
	wp-registry define one --durable --warm -- bash -c 'while read -r line; do printf "%s\n" "$line" >>lines; echo; done'
	for n in 1 2 3 4; do
		# shellcheck disable=SC2046
		publish_of "p$n" one $(seq -f "$n-%g" 100)
	done
	for n in 1 2 3 4; do
		name=pid_p$n
		finish 0 "${!name}"
	done
	assert_equal "$(results p1 p2 p3 p4)" delivered:400
	jq .offset lines | cmp - <(seq 400)
	jq -s 'map(.offset) | sort[]' p?.out | cmp - <(seq 400)
	for n in 1 2 3 4; do
		jq -r .event lines | grep "^$n-" | cut -d - -f 2 | cmp - <(seq 100)
	done
	over
}

# What a handler answers

@test "durable: 65 drops a message: its sender is told, and the next has its turn" {
	wp-registry define one --durable -- sh -c 'read -r message; echo "$WP_REGISTRY_OFFSET" >>got; case $message in *bad*) echo why; exit 65;; esac'
	messages one good bad fine >lines
	run -1 bash -c 'wp-registry publish <lines'
	assert_equal "$(jq -c '[.result, .offset, .exit, .reply]' <<<"$output")" '["delivered",1,null,null]
["failed",2,65,"why"]
["delivered",3,null,null]'
	assert_equal "$(got)" "1,2,3"
	assert_equal "$(kept)" 0
	run -65 wp-registry send one bad
	assert_line why
	assert_equal "$(of one DELIVERED,PENDING)" "2 0"
	over
}

@test "durable: any other exit status is tried again, in order; the sender waits and hears of the end alone" {
	local status
	for status in 1 75 137; do
		rm -f got tries
		wp-registry define one --durable --replace -- sh -c '
			read -r message
			echo "$WP_REGISTRY_OFFSET" >>got
			[ "$message" != stubborn ] || { echo >>tries; [ "$(wc -l <tries)" -ge 3 ] || exit '$status'; }
			echo "done with $message"'
		publish_of p one first
		finish 0
		publish_of p one '"second"'
		finish 0
		messages one x >lines
		start later wp-registry send one stubborn
		until_true test -s tries
		start last wp-registry send one last
		finish 0 "$pid_later"
		finish 0 "$pid_last"
		assert_equal "$(cat later.out last.out)" "done with stubborn
done with last"
		assert_equal "$(uniq got | wc -l) $(wc -l <got)" "4 6"
		assert_equal "$(of one DELIVERED,PENDING,STATE)" "4 0 running"
		wp-registry remove one
	done
	over
}

@test "durable: one whose handler was killed is tried again" {
	make_gated one
	wp-registry define one --durable -- gated one
	start sender wp-registry send one a
	given one
	assert_equal "$message" a
	kill -KILL "$handler"
	given one
	assert_equal "$message" a
	let_go one 0 answer
	finish 0 "$pid_sender"
	assert_equal "$(cat sender.out)" answer
	assert_equal "$(kept)" 0
	over
}

@test "durable: one that has taken too long is tried again" {
	mkfifo never
	fifo_fd "$T/never"
	wp-registry define one --durable --timeout 2s --shutdown-timeout 10ms -- \
		sh -c 'read -r message; echo >>tries; [ "$(wc -l <tries)" -gt 1 ] || read -r line <never; echo "$message"'
	assert_equal "$(wp-registry send one a)" a
	assert_equal "$(wc -l <tries)" 2
	over
}

@test "durable: while a handler cannot be started nothing is lost" {
	stub handler <<<"$note"
	wp-registry define one --durable -- "$T/bin/handler"
	wp-registry send one a >reply
	mv bin/handler bin/away
	wp-registry send one b --no-wait
	wp-registry send one c --no-wait
	run -75 wp-registry send one d --timeout 300ms
	mv bin/away bin/handler
	until_of one PENDING 0
	assert_equal "$(got)" "1 a,2 b,3 c,4 d"
	over
}

@test "durable: a sender that gives up leaves its message, which is dealt with later" {
	make_gated one
	wp-registry define one --durable -- gated one
	run -75 wp-registry send one a --timeout 10ms
	run -75 wp-registry send one b --timeout 10ms
	given one
	assert_equal "$message" a
	assert_equal "$(of one PENDING)" 2
	let_go one 0
	given one
	assert_equal "$message" b
	let_go one 0
	until_of one DELIVERED,PENDING "2 0"
	over
}

@test "durable: messages of any kind and length are kept as they are" {
	local text
	wp-registry define one --durable -- sh -c 'cat >"$WP_REGISTRY_OFFSET"'
	wp-registry send one ''
	wp-registry send one $'two\nlines\n'
	wp-registry send one "O'Reilly \"; --"
	bytes 3000000 >big
	wp-registry send one <big
	cmp 1 <(echo)
	cmp 2 <(printf 'two\nlines\n\n')
	cmp 3 <(echo "O'Reilly \"; --")
	echo >>big
	cmp 4 big
	over
}

# --no-wait

@test "durable --no-wait: stored is enough; the consumer is started all the same" {
	make_gated one
	wp-registry define one --durable -- gated one
	messages one a b >lines
	run -0 bash -c 'wp-registry publish --no-wait <lines'
	assert_equal "$(jq -c '[.result, .offset]' <<<"$output")" '["stored",1]
["stored",2]'
	run -0 wp-registry send --no-wait one c
	assert_output ""
	given one
	assert_equal "$(of one PENDING,DELIVERED)" "3 0"
	for _ in 1 2; do
		let_go one 0
		given one
	done
	let_go one 0
	until_of one PENDING,DELIVERED "0 3"
	over
}

@test "durable --no-wait: there is room for more than --max-pending, in the state file" {
	make_gated one
	wp-registry define one --durable --max-pending 1 -- gated one
	# shellcheck disable=SC2046
	messages one $(seq 100) >lines
	run -0 bash -c 'wp-registry publish --no-wait <lines'
	assert_equal "$(jq -r .result <<<"$output" | sort | uniq -c | tr -s ' ')" " 100 stored"
	assert_equal "$(of one PENDING)" 100
	given one
	wp-registry remove one --timeout 10ms || [ $? -eq 75 ]
	let_go one 0
	over
}

@test "durable: the disk has it before anybody hears that it is stored; of one that is not durable it has nothing" {
	wp-registry define one --durable -- true
	wp-registry define plain -- true
	wp-registry start one
	wp-registry start plain
	until_state one running
	until_state plain running
	traced -o trace wp-registry send one x --no-wait
	run -0 grep -cE '^(fsync|fdatasync)\(' trace
	traced -o trace wp-registry send plain x --no-wait
	run -1 grep -cE '^(fsync|fdatasync)\(' trace
	until_of one PENDING 0
	until_of plain PENDING 0
	over
}

# Sudden death

@test "durable: SIGKILL of the consumer: its sender hears of a crash; what it had in hand and behind that comes again" {
	make_gated one
	wp-registry define one --durable -- gated one
	publish_of p one a b
	given one
	until_of one PENDING 2
	kill_consumer one
	finish 1
	assert_equal "$(jq -c '[.result, .offset, .reason]' p.out)" '["crashed",1,"killed"]
["crashed",2,"killed"]'
	assert_equal "$(of one STATE,REASON,PENDING)" "crashed killed 2"
	wp-registry start one
	given one
	assert_equal "$message" '"a"'
	let_go one 0
	given one
	assert_equal "$message" '"b"'
	let_go one 0
	until_of one STATE,DELIVERED,PENDING "running 2 0"
	over
}

@test "durable: a message for one that has crashed is stored, and says so; it is dealt with after a start" {
	wp-registry define one --durable -- sh -c "$note"
	wp-registry start one
	until_state one running
	kill_consumer one
	messages one a >lines
	run -1 bash -c 'wp-registry publish <lines'
	assert_equal "$(jq -c '[.result, .offset, .reason]' <<<"$output")" '["crashed",1,"killed"]'
	run -1 wp-registry send one --no-wait b
	assert_equal "$(of one STATE,PENDING)" "crashed 2"
	wp-registry start one
	until_of one PENDING 0
	assert_equal "$(got)" '1 "a",2 b'
	over
}

@test "durable: a warm handler's crash: the message comes again after a start, with its offset" {
	wp-registry define one --durable --warm -- bash -c '
		while read -r line; do
			echo "$line" >>got
			[ -e calm ] || exit 7
			echo "$line"
		done'
	messages one a b >lines
	run -1 bash -c 'wp-registry publish <lines'
	assert_equal "$(jq -c '[.result, .reason]' <<<"$output" | sort -u)" '["crashed","exit status 7"]'
	assert_equal "$(of one STATE,PENDING)" "crashed 2"
	touch calm
	wp-registry start one
	until_of one PENDING 0
	assert_equal "$(jq -c '[.offset, .event]' got | paste -sd ' ')" '[1,"a"] [1,"a"] [2,"b"]'
	over
}

@test "durable --on-crash restart: after a handler's crash it comes again by itself; its sender waits" {
	wp-registry define one --durable --warm --on-crash restart -- bash -c '
		while read -r line; do
			echo "$line" >>got
			[ "$(wc -l <got)" -gt 2 ] || exit 7
			echo answer
		done'
	assert_equal "$(wp-registry send one a)" answer
	assert_equal "$(jq -c '[.offset, .event]' got | paste -sd ' ')" '[1,"a"] [1,"a"] [1,"a"]'
	assert_equal "$(of one STATE,PENDING)" "running 0"
	over
}

@test "durable --on-crash restart: after SIGKILL of the consumer the next message brings back those before it" {
	make_gated one
	wp-registry define one --durable --on-crash restart -- gated one
	start first wp-registry send one a
	given one
	kill_consumer one
	finish 1 "$pid_first"
	start second wp-registry send one b
	given one
	assert_equal "$message" a
	let_go one 0
	given one
	assert_equal "$message" b
	let_go one 0 answer
	finish 0 "$pid_second"
	assert_equal "$(cat second.out)" answer
	over
}

@test "durable: define --replace of one that has crashed: its messages stay, for the new command, and the offsets go on" {
	wp-registry define one --durable --warm -- sh -c 'read -r line; exit 7'
	run -1 wp-registry send one a
	wp-registry define one --durable --replace -- sh -c "$note"
	assert_equal "$(of one STATE,PENDING)" "suspended 1"
	wp-registry send one b >reply
	assert_equal "$(got)" "1 a,2 b"
	over
}

@test "durable: SIGTERM: what waits is dealt with when it is started again, older ones first" {
	make_gated one
	wp-registry define one --durable -- gated one
	start first wp-registry send one a
	given one
	wp-registry send --no-wait one b
	kill -TERM "$(wp-registry whereis one)"
	let_go one 0 answer
	finish 0 "$pid_first"
	assert_equal "$(cat first.out)" answer
	until_of one STATE,PENDING "suspended 1"
	start second wp-registry send one c
	given one
	assert_equal "$message" b
	let_go one 0
	given one
	assert_equal "$message" c
	let_go one 0
	finish 0 "$pid_second"
	over
}

@test "durable: SIGTERM: what has been dealt with does not come again, also when nobody waited for it" {
	make_gated one
	wp-registry define one --durable -- gated one
	wp-registry start one
	until_state one running
	kill_consumer one
	run -1 wp-registry send one a
	run -1 wp-registry send one b
	wp-registry start one
	given one
	assert_equal "$message" a
	kill -TERM "$(wp-registry whereis one)"
	let_go one 0
	until_of one STATE,PENDING "suspended 1"
	wp-registry start one
	given one
	assert_equal "$message" b
	let_go one 0
	until_of one DELIVERED,PENDING "2 0"
	over
}

@test "durable: SIGTERM while others wait: they hear from a fresh one" {
	make_gated one
	wp-registry define one --durable -- gated one
	publish_of p one a b c
	given one
	until_of one PENDING 3
	kill -TERM "$(wp-registry whereis one)"
	let_go one 0
	given one
	assert_equal "$message" '"b"'
	let_go one 0
	given one
	assert_equal "$message" '"c"'
	let_go one 0 last
	finish 0 "$pid_p"
	assert_equal "$(jq -c '[.result, .offset]' p.out | paste -sd ' ')" '["delivered",1] ["delivered",2] ["delivered",3]'
	over
}

@test "durable: a publisher that is killed when it has stored its messages: they are dealt with" {
	local consumer
	wp-registry define one --durable -- sh -c "$note"
	wp-registry start one
	until_state one running
	consumer=$(wp-registry whereis one)
	kill -STOP "$consumer"
	publish_of p one a b
	until_true test_kept 2
	kill -KILL "$pid_p"
	finish 137 "$pid_p"
	kill -CONT "$consumer"
	wp-registry send one c >reply
	assert_equal "$(got)" '1 "a",2 "b",3 c'
	over
}
test_kept() { [ "$(kept)" -eq "$1" ]; }

@test "durable: a publisher that is killed again and again: what it was told of is stored, and nothing twice" {
	local n
	wp-registry define one --durable --warm -- bash -c 'while read -r line; do printf "%s\n" "$line" >>lines; echo; done'
	for n in 1 2 3 4 5; do
		: >"p$n.out"
		# shellcheck disable=SC2046
		messages one $(seq -f "$n-%g" 3000) >"p$n.lines"
		start "p$n" bash -c 'exec wp-registry publish --no-wait <"$1"' bash "p$n.lines"
		until_true test -s "p$n.out"
		kill -KILL "$pid" || true
		wait "$pid" || [ $? -eq 137 ]
	done
	wp-registry send one last >reply
	jq .offset lines | cmp - <(seq "$(wc -l <lines)")
	assert_equal "$(jq -r .event lines | sort | uniq -d)" ""
	# Of the last line there may be a part alone.
	for n in 1 2 3 4 5; do
		grep '}$' "p$n.out" | jq .offset
	done | sort -n >told
	[ "$(wc -l <told)" -ge 5 ]
	run -1 grep -vxF -f <(jq .offset lines) told
	over
}

@test "durable: a consumer that is idempotent by offset does everything once, in order, however often it is killed" {
	local n
	# What it does and that it has done so is one line: it is there or not.
	wp-registry define one --durable --warm --on-crash restart -- bash -c '
		while read -r line; do
			offset=${line#*:} offset=${offset%%,*}
			last=$(tail -n 1 effects 2>/dev/null)
			if [ "$offset" -gt "${last:-0}" ]; then echo "$offset" >>effects; else echo "$offset" >>again; fi
			echo
		done'
	for n in 1 2 3 4 5 6; do
		# shellcheck disable=SC2046
		messages one $(seq 40) >lines
		wp-registry publish --no-wait <lines >stored
		until_effects $((n * 15))
		kill_consumer one
	done
	wp-registry start one
	until_of one PENDING 0
	cmp effects <(seq 240)
	assert_equal "$(number_of crash one)" 6
	over
}
until_effects() { until_true has_effects "$1"; }
has_effects() { [ "$(cat "$T/effects" 2>/dev/null | wc -l)" -ge "$1" ]; }

@test "durable: after a crash no more comes again than what was not acknowledged: at most 64 that were answered" {
	# shellcheck disable=SC2046
	messages one $(seq 300) >lines
	make_gated one
	wp-registry define one --durable --warm -- bash -c '
		while read -r line; do
			offset=${line#*:} offset=${offset%%,*}
			echo "$offset" >>got
			[ "$offset" -ne 200 ] || { echo up >one.up; read -r go <one.gate; }
			echo
		done'
	# They are stored while nobody is there, so that nobody waits for what becomes of them.
	wp-registry start one
	until_state one running
	kill_consumer one
	run -1 bash -c 'wp-registry publish <lines'
	wp-registry start one
	wait_line one.up up
	kill_consumer one
	wp-registry start one
	wait_line one.up up
	echo go >>one.gate
	until_of one PENDING 0
	[ "$(sed -n 201p got)" -ge 137 ]
	cmp <(tail -n +201 got) <(seq "$(sed -n 201p got)" 300)
	over
}

# The end

@test "durable: remove drops what is kept; whoever waits is told" {
	make_gated one
	wp-registry define one --durable -- gated one
	publish_of p one a b
	given one
	until_of one PENDING 2
	removing one
	assert_equal "$(kept)" 0
	let_go one 0 answer
	goes_on
	finish 1 "$pid_p"
	assert_equal "$(jq -c '[.offset, .result]' p.out | sort | tail -n 1)" '[2,"removed"]'
	finish 0 "$pid_remover"
	wp-registry define one --durable -- sh -c "$note"
	wp-registry send one c >reply
	assert_equal "$(got)" "1 c"
	over
}

@test "durable: remove of one that has crashed drops what is kept for it, and nothing else" {
	local handle
	for handle in one two; do
		wp-registry define "$handle" --durable --warm -- sh -c 'read -r line; exit 7'
		run -1 wp-registry send "$handle" a
		run -1 wp-registry send "$handle" b
	done
	assert_equal "$(kept)" 4
	wp-registry remove one
	assert_equal "$(kept)" 2
	assert_equal "$(of two PENDING)" 2
	over
}

@test "durable: what is pending is shown whatever state its consumer is in, and delivered counts what was" {
	make_gated one
	wp-registry define one --durable -- gated one
	assert_equal "$(of one STATE,PENDING,DELIVERED)" "suspended 0 0"
	wp-registry send --no-wait one a
	wp-registry send --no-wait one b
	given one
	until_of one STATE,PENDING,DELIVERED "running 2 0"
	let_go one 0
	given one
	kill_consumer one
	assert_equal "$(of one STATE,DELIVERED)" "crashed 1"
	[ "$(of one PENDING)" -ge 1 ]
	over
}

@test "durable: one that has something to do does not go to rest" {
	make_gated one
	wp-registry define one --durable -- gated one
	wp-registry send --no-wait one a
	wp-registry send --no-wait one b
	given one
	wp-registry suspend --suspend-after 0 >told
	let_go one 1
	# It has its pause now, and comes again.
	given one
	assert_equal "$message" a
	let_go one 0
	given one
	let_go one 0
	until_state one suspended
	assert_equal "$(events_of one)" "define start run suspend"
	over
}

@test "durable: register knows no such option" {
	usage register --durable --durable one -- true
}
