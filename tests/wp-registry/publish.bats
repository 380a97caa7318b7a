#!/usr/bin/env bats
# wp-registry publish: many messages, each to its consumer.

load ../helpers
load registry

publishes() { verb_ends publish "$@"; }

# message HANDLE JSON...: a line for each.
message() {
	local handle=$1
	shift
	printf "{\"to\":\"$handle\",\"event\":%s}\n" "$@"
}

# Mistakes

@test "publish: help" { help_of publish; }

@test "publish: it takes its messages from stdin alone" {
	usage publish 'unexpected argument "a"' a
	usage publish 'unknown option "--match"' --match a
	[ ! -e "$WP_STATE" ]
}

@test "publish: bad durations, also by WP_REGISTRY_TIMEOUT" {
	bad_durations publish --timeout </dev/null
	WP_REGISTRY_TIMEOUT=soon run -64 wp-registry publish </dev/null
	[ ! -e "$WP_STATE" ]
}

@test "publish: a stack that is empty, not UTF-8 or over 64 KiB" {
	run -65 wp-registry publish --stack '' </dev/null
	assert_output --partial 'the stack is empty'
	run -65 wp-registry publish --stack $'\xff' </dev/null
	run -65 wp-registry publish --stack "$(bytes 65537)" </dev/null
}

@test "publish: a state directory that cannot be one" { refused_states publish </dev/null; }

@test "publish: no messages at all are all delivered" {
	run -0 wp-registry publish </dev/null
	assert_output ''
}

# Lines in, lines out

@test "publish: a result line says where the message went and what came back" {
	wp-registry define a -- sh -c 'echo "{\"got\": $(cat)}"'
	message a '[1, 2]' | publishes 0
	assert_equal "$(jq -c 'del(.duration)' results)" '{"to":"a","stack":"default","line":1,"result":"delivered","reply":{"got":[1,2]}}'
	[ "$(jq '.duration > 0 and .duration < 60' results)" = true ]
	assert_equal "$(wc -l <results)" 1
	assert_equal "$(cat publish.err)" ''
	over
}

@test "publish: the consumer gets the event as it was written" {
	local event
	wp-registry define w --warm -- tee -a got
	for event in 1 -0.50 1e400 123456789012345678901234567890 null true '"text"' '"\u00e9\ud83d\ude00 é \n"' '""' '{ "a" : [ 1 , 2 ] }' '[]' "\"$(bytes 20000)\""; do
		echo "{\"to\":\"w\",\"event\":$event}" >>messages
		echo "$event" >>want
	done
	publishes 0 <messages
	cmp got want
	over
}

@test "publish: a reply is itself when it is JSON, else a text" {
	local said wanted
	while read -r said wanted; do
		echo "$said" >"$T/said"
		wp-registry define b -- cat "$T/said"
		message b 0 | publishes 0
		assert_equal "$(sed 's/.*"reply"://; s/,"duration".*//' results)" "$wanted"
		wp-registry remove b
	done <<-'END'
		12 12
		1.50 1.50
		"x" "x"
		word "word"
		{"a":1} {"a":1}
		{"a": "{\"a\":"
		[1,2] [1,2]
		nul "nul"
	END
	over
}

@test "publish: a reply of several lines, of no bytes, with NUL or no UTF-8 makes one line" {
	local handle
	printf '{\n "a":\n\t1\n}\n' >pretty
	printf 'two\nlines\n' >lines
	: >empty
	printf 'a\0b' >nul
	printf 'a\xffb' >bytes
	for handle in pretty lines empty nul bytes; do
		wp-registry define "$handle" -- cat "$T/$handle"
		message "$handle" 0
	done >messages
	publishes 0 <messages
	assert_equal "$(wc -l <results)" 5
	assert_equal "$(jq -c '[.to, .reply, has("reply")]' results | sort)" '["bytes","a�b",true]
["empty",null,false]
["lines","two\nlines",true]
["nul","a\u0000b",true]
["pretty",{"a":1},true]'
	over
}

@test "publish: members may come in any order, escaped, and with others beside them" {
	wp-registry define é/$'\n' -- cat
	cat >messages <<-'END'
		{"event":1,"to":"\u00e9\/\n"}
		 {  "more" : {"to":"b"} , "to" : "é/\n" , "event" : 2 , "id" : 7 }
		{"to":"é/\n","event":{"to":"x","event":9},"stack":"default"}
	END
	publishes 0 <messages
	assert_equal "$(jq -c '[.line, .to, .reply]' results | sort)" '[1,"é/\n",1]
[2,"é/\n",2]
[3,"é/\n",{"to":"x","event":9}]'
	over
}

@test "publish: the stack is the line's own, else that of --stack or WP_REGISTRY_STACK" {
	local stack
	for stack in default s t; do
		wp-registry define -s "$stack" a -- sh -c 'echo "$WP_REGISTRY_STACK"'
	done
	{ message a 1; echo '{"to":"a","stack":"t","event":2}'; echo '{"to":"a","stack":"u","event":3}'; } >messages
	publishes 1 <messages
	assert_equal "$(members line stack result reply | sort)" '1 default delivered default
2 t delivered t
3 u unknown null'
	publishes 1 --stack s <messages
	assert_equal "$(members line stack reply | sort)" '1 s s
2 t t
3 u null'
	WP_REGISTRY_STACK=s publishes 1 <messages
	assert_equal "$(members line reply | sort)" '1 s
2 t
3 null'
	over
}

@test "publish: the last line need not end with a newline" {
	wp-registry define a -- cat
	printf '{"to":"a","event":1}\n{"to":"a","event":2}' | publishes 0
	assert_equal "$(members line reply)" $'1 1\n2 2'
	over
}

@test "publish: a line that is no message is told with its number, and all others go on" {
	local n
	wp-registry define a --warm -- cat
	{
		message a 1                                     # 1
		echo 'no JSON'
		echo
		echo '[1]'
		echo '"text"'
		echo '{"event":1}'                              # 6
		echo '{"to":"a"}'
		echo '{"to":1,"event":1}'
		echo '{"to":null,"event":1}'
		echo '{"to":"","event":1}'                      # 10
		echo '{"to":"a\u0000b","event":1}'
		echo '{"to":"\ud800","event":1}'
		echo '{"to":"a","stack":5,"event":1}'
		echo '{"to":"a","stack":"","event":1}'
		echo '{"to":"a","event":}'                      # 15
		echo '{"to":"a","event":1'
		echo '{"to":"a","event":1} {}'
		printf '{"to":"a","event":"\xff"}\n'
		printf '{"to":"a","event":"\0"}\n'
		echo "{\"to\":\"$(bytes 65537)\",\"event\":1}"  # 20
		echo "{\"to\":\"a\",\"event\":$(bytes 100000 '[')}"
		message a 22
		printf '{"to":"a","event":23'
	} >messages
	publishes 65 <messages
	assert_equal "$(members line result reply)" $'1 delivered 1\n22 delivered 22'
	assert_equal "$(sed -n 's/^wp-registry: error: line \([0-9]*\): .*/\1/p' publish.err | paste -sd ' ')" "$(echo {2..21} 23)"
	assert_equal "$(wc -l <publish.err)" 21
	for n in '2: invalid JSON' '4: not a JSON object' '6: no member "to"' '7: no member "event"' '8: member "to" is not a text' '10: the to is empty' \
		'13: member "stack" is not a text' '14: the stack is empty' '20: the to is longer than 65536 bytes'; do
		grep -q "^wp-registry: error: line $n" publish.err
	done
	over
}

@test "publish: bad lines alone: 65, also when something else was not delivered" {
	publishes 65 <<<'no JSON'
	[ ! -s results ]
	{ echo 'no JSON'; message nobody 1; } | publishes 65
	assert_equal "$(members line result)" '2 unknown'
}

@test "publish: a line of 16 MiB is taken, a longer one is told and passed over" {
	local size=$(((16 << 20) - 21))
	wp-registry define a -- wc -c
	{
		message a "\"$(bytes 5)\""
		printf '{"to":"a","event":"'
		bytes "$size"
		printf '"}\n{"to":"a","event":"'
		bytes $((size + 1))
		printf '"}\n'
		message a '"after"'
	} >messages
	assert_equal "$(sed -n 2p messages | wc -c)" $(((16 << 20) + 1))
	publishes 65 <messages
	assert_equal "$(members line result reply)" "1 delivered 8
2 delivered $((size + 3))
4 delivered 8"
	assert_equal "$(cat publish.err)" 'wp-registry: error: line 3: longer than 16777216 bytes'
	over
}

# Outcomes

@test "publish: what became of each: delivered, failed, crashed, unknown, removed, unreachable" {
	wp-registry define good -- echo '"fine"'
	wp-registry define bad -- sh -c 'echo no; exit 3'
	wp-registry define busy -- sh -c 'exit 75'
	wp-registry define dies --warm -- sh -c 'read -r _; exit 9'
	wp-registry register process --pid $$
	registered killed -- cat
	kill_registration killed
	for handle in good bad busy dies process killed nobody; do
		message "$handle" 1
	done >messages
	publishes 1 <messages
	assert_equal "$(jq -c 'del(.duration, .stack)' results | sort)" '{"to":"bad","line":2,"result":"failed","exit":3,"reply":"no"}
{"to":"busy","line":3,"result":"removed"}
{"to":"dies","line":4,"result":"crashed","reason":"exit status 9"}
{"to":"good","line":1,"result":"delivered","reply":"fine"}
{"to":"killed","line":6,"result":"crashed","reason":"killed"}
{"to":"nobody","line":7,"result":"unknown"}
{"to":"process","line":5,"result":"unreachable"}'
	assert_equal "$(cat publish.err)" ''
	over
}

@test "publish: --failures prints only what was not delivered" {
	wp-registry define good -- cat
	{ message good 1; message nobody 2; message good 3; } >messages
	publishes 1 --failures <messages
	assert_equal "$(members to line result)" 'nobody 2 unknown'
	message good 1 | publishes 0 --failures
	[ ! -s results ]
	assert_equal "$(of good DELIVERED)" 3
	over
}

@test "publish: suspended is tried once more, on a fresh consumer" {
	wp-registry define a -- sh -c 'echo "$PPID" >>asked; [ -e again ] && cat || { touch again; exit 75; }'
	message a 1 | publishes 0
	assert_equal "$(members result reply)" 'delivered 1'
	assert_equal "$(sort -u asked | wc -l)" 2
	over
}

@test "publish: what crashed is never tried again, nor is what waited behind it" {
	wp-registry define a --warm -- sh -c 'while read -r line; do echo "$line" >>got; exit 3; done'
	message a 1 2 3 | publishes 1
	assert_equal "$(members result reason | sort -u)" 'crashed exit status 3'
	assert_equal "$(wc -l <results)" 3
	assert_equal "$(cat got)" 1
	message a 4 | publishes 1
	assert_equal "$(members result reason)" 'crashed exit status 3'
	assert_equal "$(cat got)" 1
	over
}

@test "publish: timed out is a result, and delays nobody else" {
	make_gated slow
	registered slow -- gated slow
	registered good --warm -- cat
	wp-registry send good 0
	{ message slow 1; message good 2; message slow 3; message good 4; } >messages
	publishes 1 --timeout 2s <messages
	assert_equal "$(members to line result | sort)" 'good 2 delivered
good 4 delivered
slow 1 timed-out
slow 3 timed-out'
	given slow
	assert_equal "$message" 1
	let_go slow 0
	until_pending slow 0
	over
}

# At once

@test "publish: all messages are sent before any is waited for" {
	local n
	make_gated a b c
	for n in a b c; do
		wp-registry define "$n" -- gated "$n"
	done
	{ message a 1; message b 2; message c 3; } >messages
	publishing publish messages
	given a
	given b
	given c
	[ ! -s publish.out ]
	# Answers come as they arrive.
	let_go c 0
	wait_line publish.out '"to":"c".*"result":"delivered"'
	let_go a 0
	wait_line publish.out '"to":"a".*"result":"delivered"'
	let_go b 0
	finish 0 "$pid_publish"
	assert_equal "$(jq -r .to publish.out | paste -sd ' ')" 'c a b'
	over
}

@test "publish: a consumer that is slow, stopped or dead delays no other" {
	make_gated slow
	registered slow -- gated slow
	registered stopped -- cat
	registered dead -- cat
	wp-registry define good --warm -- cat
	kill -STOP "$pid_stopped"
	kill_registration dead
	{ message slow 0; message stopped 0; message dead 0; message good {1..500}; message stopped 0; } >messages
	publishing publish messages --timeout 0s
	wait_line publish.out '"to":"good".*"line":503,'
	assert_equal "$(grep -c delivered publish.out)" 500
	assert_equal "$(jq -r 'select(.to != "good") | .to + " " + .result' publish.out)" 'dead crashed'
	kill -CONT "$pid_stopped"
	let_go slow 0
	finish 1 "$pid_publish"
	assert_equal "$(jq -r .result publish.out | sort | uniq -c | tr -s ' ')" ' 1 crashed
 503 delivered'
	over
}

@test "publish: messages that come slowly are delivered as they come" {
	wp-registry define a -- cat
	mkfifo in
	publishing publish in
	exec 8>in
	message a 1 >&8
	wait_line publish.out '"reply":1,'
	printf '{"to":"a",' >&8
	printf '"event":2}\n' >&8
	wait_line publish.out '"reply":2,'
	exec 8>&-
	finish 0 "$pid_publish"
	over
}

# Order

@test "publish: messages of one publisher to one consumer arrive in order: to a warm one, and a command each" {
	wp-registry define w --warm -- tee -a got.w
	wp-registry define a -- tee -a got.a
	paste -d '\n' <(message w {1..60}) <(message a {1..60}) >messages
	message w {61..3000} >>messages
	publishes 0 <messages
	assert_equal "$(wc -l <results)" 3060
	cmp got.w <(seq 3000)
	cmp got.a <(seq 60)
	# So do their answers.
	cmp <(jq 'select(.to == "w") | .reply' results) <(seq 3000)
	over
}

@test "publish: in order as well when few may be pending, and when they are of very different sizes" {
	local n
	wp-registry define w --warm --max-pending 1 -- tee -a got
	for n in {1..60}; do
		if [ $((n % 3)) -eq 0 ]; then
			message w "\"$n $(bytes 40000)\""
		else
			message w "\"$n\""
		fi
	done >messages
	publishes 0 <messages
	cmp <(tr -d '"' <got | cut -d ' ' -f 1) <(seq 60)
	assert_equal "$(members result | sort | uniq -c | tr -s ' ')" ' 60 delivered'
	over
}

@test "publish: more messages than may be underway at once" {
	wp-registry define w --warm -- tee -a got
	message w {1..20000} >messages
	publishes 0 <messages
	cmp got <(seq 20000)
	cmp <(jq .line results) <(seq 20000)
	assert_equal "$(of w DELIVERED)" 20000
	over
}

@test "publish: 50 publishers to one consumer: nothing is lost, and each one's messages are in order" {
	local n pids=()
	wp-registry define w --warm -- tee -a got
	for n in {1..50}; do
		message w "$n."{100..139} >"messages$n"
		publishing "publish$n" "messages$n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	assert_equal "$(wc -l <got)" 2000
	for n in {1..50}; do
		cmp <(grep "^$n\\." got) <(printf '%s\n' "$n."{100..139})
	done
	assert_equal "$(of w DELIVERED,PENDING)" '2000 0'
	assert_equal "$(sql "SELECT count(*) FROM consumer_event WHERE event = 'start'")" 1
	over
}

@test "publish: 40 consumers are started by one stream, each once, and each has its own messages" {
	local n
	for n in {1..40}; do
		wp-registry define "c$n" -- sh -c 'echo "\"$WP_REGISTRY_HANDLE $(cat)\""'
	done
	for n in {1..40}; do
		message "c$n" "$n" "$((n + 1))"
	done >messages
	publishes 0 <messages
	assert_equal "$(members reply | sort -V)" "$(for n in {1..40}; do printf 'c%s %s\nc%s %s\n' "$n" "$n" "$n" "$((n + 1))"; done)"
	assert_equal "$(wp-registry count)" 40
	assert_equal "$(sql "SELECT count(*) FROM consumer_event WHERE event = 'start'")" 40
	over
}

# --no-wait and --max-pending

@test "publish: --no-wait: accepted, stored with its offset, and what cannot be" {
	make_gated slow durable
	wp-registry define slow -- gated slow
	wp-registry define durable --durable -- gated durable
	wp-registry register process --pid $$
	{ message slow 1; message durable 2 3; message nobody 4; message process 5; } >messages
	publishes 1 --no-wait <messages
	assert_equal "$(jq -c 'del(.duration, .stack)' results | sort)" '{"to":"durable","line":2,"result":"stored","offset":1}
{"to":"durable","line":3,"result":"stored","offset":2}
{"to":"nobody","line":4,"result":"unknown"}
{"to":"process","line":5,"result":"unreachable"}
{"to":"slow","line":1,"result":"accepted"}'
	{ message slow 6; message durable 7; } | publishes 0 --no-wait --failures
	[ ! -s results ]
	for handle in slow slow durable durable durable; do
		given "$handle"
		let_go "$handle" 0
	done
	until_pending slow 0
	until_pending durable 0
	over
}

@test "publish: --no-wait: over --max-pending it is full, and what is said to be accepted is given in order" {
	make_gated a
	registered a --max-pending 3 -- gated a
	message a {1..5} | publishes 1 --no-wait
	assert_equal "$(members line result)" '1 accepted
2 accepted
3 accepted
4 full
5 full'
	for n in 1 2 3; do
		given a
		assert_equal "$message" "$n"
		let_go a 0
	done
	until_pending a 0
	assert_equal "$(of a DELIVERED)" 3
	over
}

@test "publish: over --max-pending who waits waits, and no more than that are pending" {
	make_gated a
	registered a --max-pending 2 -- gated a
	message a {1..5} >messages
	publishing publish messages
	publishing other messages
	for n in {1..10}; do
		given a
		[ "$(of a PENDING)" -le 2 ]
		let_go a 0
	done
	finish 0 "$pid_publish"
	finish 0 "$pid_other"
	assert_equal "$(jq .line publish.out | paste -sd ' ')" '1 2 3 4 5'
	assert_equal "$(jq .line other.out | paste -sd ' ')" '1 2 3 4 5'
	over
}

# The publisher

@test "publish: one that is killed in the middle harms nobody" {
	make_gated a
	registered a -- gated a
	message a 1 2 3 >messages
	publishing publish messages
	given a
	until_pending a 3
	kill -KILL "$pid_publish"
	finish 137 "$pid_publish"
	start other wp-registry send a 4
	# What had come is dealt with.
	for n in 1 2 3 4; do
		[ "$n" = 1 ] || given a
		assert_equal "$message" "$n"
		let_go a 0 "answer $n"
	done
	finish 0 "$pid_other"
	assert_equal "$(cat other.out)" 'answer 4'
	over
}

@test "publish: a signal ends it with 128 and the signal" {
	local signal
	make_gated a
	registered a -- gated a
	message a 1 >messages
	for signal in TERM INT HUP; do
		publishing publish messages
		given a
		kill -"$signal" "$pid_publish"
		finish $((128 + $(kill -l "$signal"))) "$pid_publish"
		let_go a 0
		until_pending a 0
	done
	over
}

@test "publish: a full or closed stdout, or a reader that has gone, is an error" {
	wp-registry define a -- cat
	message a 1 >messages
	run -74 bash -c 'wp-registry publish <messages >/dev/full'
	assert_line --index 0 'wp-registry: error: write error: No space left on device'
	run -74 bash -c 'wp-registry publish <messages >&-'
	assert_line --index 0 'wp-registry: error: write error: Bad file descriptor'
	over
}

@test "publish: whoever reads its results and goes ends it with 74, without a word" {
	local reader
	wp-registry define a -- cat
	mkfifo in out
	exec 8<>in
	start publish bash -c 'exec wp-registry publish <in >out 8>&-'
	exec {reader}<out
	message a 1 >&8
	read -r -u "$reader" line
	assert_equal "$(jq .reply <<<"$line")" 1
	exec {reader}<&-
	message a 2 >&8
	finish 74 "$pid_publish"
	assert_equal "$(cat publish.err)" ''
	exec 8>&-
	over
}

@test "publish: a stdin that cannot be read is an error" {
	run -74 bash -c 'wp-registry publish <&-'
	assert_output 'wp-registry: error: cannot read stdin: Bad file descriptor'
	run -74 bash -c 'wp-registry publish </'
	assert_output 'wp-registry: error: cannot read stdin: Is a directory'
}
