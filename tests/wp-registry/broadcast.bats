#!/usr/bin/env bats
# wp-registry broadcast: the same message to all, to some by their handles, or to those whose metadata matches.

load ../helpers
load registry

broadcasts() { verb_ends broadcast "$@"; }

# results MEMBER...: as members, in the order of the lines' texts.
results() { members "$@" | LC_ALL=C sort; }

# reached ARGUMENT...: the handles of those whom a broadcast reaches, on one line.
reached() {
	broadcasts 0 "$@" message </dev/null
	results to | paste -sd ' '
}

# Mistakes

@test "broadcast: help" { help_of broadcast; }

@test "broadcast: a mistake in what it is given" {
	usage broadcast 'unexpected argument "b"' a b
	usage broadcast 'not KEY=VALUE' --meta table x
	usage broadcast 'not KEY=VALUE' --meta a=1 --meta '' x
	bad_durations broadcast --timeout x
	[ ! -e "$WP_STATE" ]
}

@test "broadcast: a stack that is empty, not UTF-8 or over 64 KiB" {
	run -65 wp-registry broadcast --stack '' x
	assert_output --partial 'the stack is empty'
	run -65 wp-registry broadcast --stack $'\xff' x
	run -65 wp-registry broadcast --stack "$(bytes 65537)" x
}

@test "broadcast: a state directory that cannot be one" { refused_states broadcast x; }

@test "broadcast: to nobody it is delivered, and nothing is said" {
	run -0 wp-registry broadcast x
	assert_output ''
	run -0 wp-registry broadcast --stack nowhere x
	assert_output ''
	run -0 wp-registry broadcast </dev/null
	assert_output ''
}

# Whom it reaches

@test "broadcast: all consumers of the stack get it, each once, and each one's answer is a line" {
	wp-registry define a -- sh -c 'echo "a got $(cat)"'
	wp-registry define b --warm -- sed -u 's/.*/"b got &"/'
	registered c -- sh -c 'cat >/dev/null; echo 3'
	wp-registry define -s other d -- touch ran
	broadcasts 0 'the news'
	assert_equal "$(jq -c 'del(.duration)' results | LC_ALL=C sort)" '{"to":"a","stack":"default","result":"delivered","reply":"a got the news"}
{"to":"b","stack":"default","result":"delivered","reply":"b got the news"}
{"to":"c","stack":"default","result":"delivered","reply":3}'
	[ "$(jq -s 'all(.duration > 0 and .duration < 60)' results)" = true ]
	[ ! -e ran ]
	assert_equal "$(wp-registry list -rno HANDLE,DELIVERED)" $'a 1\nb 1\nc 1'
	assert_equal "$(WP_REGISTRY_STACK=other reached)" d
	[ -e ran ]
	over
}

@test "broadcast: --match: a pattern is of the whole handle" {
	local handle
	for handle in shape-1 shape-2 shape shape-x/y .shape- 'a*b' aXb; do
		wp-registry define "$handle" -- true
	done
	assert_equal "$(reached --match 'shape-*')" 'shape-1 shape-2 shape-x/y'
	assert_equal "$(reached --match 'shape-?')" 'shape-1 shape-2'
	assert_equal "$(reached --match 'shape-[2-9]')" shape-2
	assert_equal "$(reached --match 'shape-[!2]')" shape-1
	assert_equal "$(reached --match shape)" shape
	assert_equal "$(reached --match '*')" '.shape- a*b aXb shape shape-1 shape-2 shape-x/y'
	assert_equal "$(reached --match 'a\*b')" 'a*b'
	assert_equal "$(reached --match 'a*b')" 'a*b aXb'
	assert_equal "$(reached --match 'hape')" ''
	assert_equal "$(reached --match '')" ''
	over
}

@test "broadcast: --meta: those whose metadata has that, and with several those that have all" {
	wp-registry define a --meta '{"table":"orders","n":1,"on":true,"deep":{"x": [1]}}' -- true
	wp-registry define b --meta '{"table":"orders","n":2,"on":false,"note":""}' -- true
	wp-registry define c --meta '{"table":"a=b","n":"1","note":null,"q\"é":"ü"}' -- true
	wp-registry define d -- true
	assert_equal "$(reached --meta table=orders)" 'a b'
	assert_equal "$(reached -m table=orders -m n=2)" b
	assert_equal "$(reached -m table=orders -m n=3)" ''
	assert_equal "$(reached -m n=1)" 'a c'
	assert_equal "$(reached -m on=true)" a
	assert_equal "$(reached -m 'deep={"x":[1]}')" a
	assert_equal "$(reached -m table=a=b)" c
	assert_equal "$(reached -m note=)" 'b c'
	assert_equal "$(reached -m 'missing=')" ''
	assert_equal "$(reached -m table=order)" ''
	assert_equal "$(reached -m 'table=orders' --match '[b-d]')" b
	over
}

@test "broadcast: those that are suspended are started, those that have crashed are told of, and who has no inbox is not meant" {
	wp-registry define suspended -- cat
	registered running -- cat
	registered crashed -- cat
	kill_registration crashed
	wp-registry register process --pid $$
	broadcasts 1 message
	assert_equal "$(jq -c 'del(.duration, .stack)' results | LC_ALL=C sort)" '{"to":"crashed","result":"crashed","reason":"killed"}
{"to":"running","result":"delivered","reply":"message"}
{"to":"suspended","result":"delivered","reply":"message"}'
	assert_equal "$(state_of suspended)" running
	over
}

@test "broadcast: --running: only those that have a process, and none is started" {
	wp-registry define suspended -- cat
	wp-registry define started -- cat
	registered running -- cat
	registered crashed -- cat
	kill_registration crashed
	wp-registry start started
	assert_equal "$(reached --running)" 'running started'
	assert_equal "$(state_of suspended)" suspended
	over
}

@test "broadcast: handles of every kind" {
	local handle
	for handle in a/b $'a\nb' ' ' "'" '*' '"' '\' é -- "$(bytes 65536)"; do
		wp-registry define -- "$handle" true
	done
	broadcasts 0 x
	assert_equal "$(jq -r .to results | LC_ALL=C sort)" "$(wp-registry list -J | jq -r '.consumers[].handle' | LC_ALL=C sort)"
	assert_equal "$(wc -l <results)" 10
	over
}

@test "broadcast: 100 consumers hear of it, in two broadcasts in order, and each answers" {
	local n
	for n in {1..100}; do
		wp-registry define "c$n" --warm -- tee -a "got.$n"
	done
	seq 3 | broadcasts 0
	assert_equal "$(wc -l <results)" 300
	assert_equal "$(results to line result | sort -uV)" "$(for n in {1..100}; do printf "c$n %s delivered\n" 1 2 3; done)"
	echo 4 | broadcasts 0
	for n in {1..100}; do
		cmp "got.$n" <(seq 4)
	done
	assert_equal "$(wp-registry count)" 100
	over
}

# Messages

@test "broadcast: a message that is given is sent as it is" {
	wp-registry define a -- od -An -c
	broadcasts 0 $'two\nlines\n'
	assert_equal "$(jq -r .reply results | tr -s ' ')" ' t w o \n l i n e s \n \n'
	broadcasts 0 ''
	assert_equal "$(jq -r .reply results | tr -s ' ')" ' \n'
	broadcasts 0 -- --running
	assert_equal "$(jq -r .reply results | tr -s ' ')" ' - - r u n n i n g \n'
	over
}

@test "broadcast: a message of several lines is refused by a warm consumer, which goes on" {
	registered w --warm -- cat
	wp-registry define a -- cat
	broadcasts 1 $'two\nlines'
	assert_equal "$(results to result exit)" 'a delivered null
w failed 65'
	assert_equal "$(state_of w)" running
	assert_equal "$(wp-registry send w x)" x
	over
}

@test "broadcast: without one each line of stdin is a message, and its number is told" {
	wp-registry define a --warm -- cat
	wp-registry define b -- cat
	printf 'one\n\n{"three": 3}\nfour' | broadcasts 0
	assert_equal "$(jq -c '[.to, .line, .reply]' results | LC_ALL=C sort)" '["a",1,"one"]
["a",2,null]
["a",3,{"three":3}]
["a",4,"four"]
["b",1,"one"]
["b",2,null]
["b",3,{"three":3}]
["b",4,"four"]'
	over
}

@test "broadcast: a line of more than 16 MiB is told and passed over, and the others go on" {
	wp-registry define a -- wc -c
	{
		echo before
		bytes $((16 << 20))
		echo
		bytes $(((16 << 20) + 1))
		echo
		echo after
	} | broadcasts 65
	assert_equal "$(results line reply)" "1 7
2 $(((16 << 20) + 1))
4 6"
	assert_equal "$(cat broadcast.err)" 'wp-registry: error: line 3: longer than 16777216 bytes'
	over
}

@test "broadcast: a line goes to those who are there by then" {
	mkfifo in
	wp-registry define a -- cat
	start broadcast bash -c 'exec wp-registry broadcast <in'
	exec 8>in
	echo 1 >&8
	wait_line broadcast.out '"to":"a".*"line":1,'
	wp-registry define b -- cat
	echo 2 >&8
	wait_line broadcast.out '"to":"b".*"line":2,'
	wp-registry remove a
	echo 3 >&8
	wait_line broadcast.out '"line":3,'
	exec 8>&-
	finish 0 "$pid_broadcast"
	assert_equal "$(jq -r '.to + " " + (.line | tostring)' broadcast.out | LC_ALL=C sort)" 'a 1
a 2
b 2
b 3'
	over
}

# As publish

@test "broadcast: one that is slow or stopped delays no other, and times out" {
	make_gated slow
	registered slow -- gated slow
	registered stopped -- cat
	registered good -- cat
	kill -STOP "$pid_stopped"
	start broadcast wp-registry broadcast --timeout 2s x
	wait_line broadcast.out '"to":"good".*delivered'
	given slow
	finish 1 "$pid_broadcast"
	assert_equal "$(head -n 1 broadcast.out | jq -r .to)" good
	assert_equal "$(jq -r '.to + " " + .result' broadcast.out | LC_ALL=C sort)" 'good delivered
slow timed-out
stopped timed-out'
	let_go slow 0
	kill -CONT "$pid_stopped"
	over
}

@test "broadcast: a handler that fails or crashes is told, and harms no other" {
	wp-registry define good -- cat
	wp-registry define bad -- sh -c 'exit 7'
	wp-registry define dies --warm -- sh -c 'read -r _; kill -SEGV $$'
	broadcasts 1 x
	assert_equal "$(results to result exit reason)" 'bad failed 7 null
dies crashed null killed by signal 11
good delivered null null'
	over
}

@test "broadcast: --failures prints only what was not delivered" {
	wp-registry define good -- cat
	broadcasts 0 --failures x
	[ ! -s results ]
	wp-registry define bad -- sh -c 'exit 7'
	broadcasts 1 --failures x
	assert_equal "$(results to result)" 'bad failed'
	over
}

@test "broadcast: --no-wait: accepted is enough, and who is full is told" {
	make_gated a
	registered a --max-pending 2 -- gated a
	wp-registry define d --durable -- true
	printf '1\n2\n3\n' | broadcasts 1 --no-wait
	assert_equal "$(results to line result offset)" 'a 1 accepted null
a 2 accepted null
a 3 full null
d 1 stored 1
d 2 stored 2
d 3 stored 3'
	given a
	let_go a 0
	given a
	let_go a 0
	until_pending a 0
	until_pending d 0
	over
}

@test "broadcast: bad durations by WP_REGISTRY_TIMEOUT" {
	WP_REGISTRY_TIMEOUT=soon run -64 wp-registry broadcast x
	assert_output --partial 'WP_REGISTRY_TIMEOUT: invalid duration "soon"'
}

@test "broadcast: a signal ends it with 128 and the signal" {
	local signal
	make_gated a
	registered a -- gated a
	for signal in TERM INT HUP; do
		start broadcast env --default-signal=HUP,INT,TERM wp-registry broadcast "$signal"
		given a
		kill -"$signal" "$pid_broadcast"
		finish $((128 + $(kill -l "$signal"))) "$pid_broadcast"
		let_go a 0
		until_pending a 0
	done
	over
}

@test "broadcast: a full or closed stdout, and a stdin that cannot be read, are errors" {
	wp-registry define a -- cat
	run -74 bash -c 'wp-registry broadcast x >/dev/full'
	assert_line --index 0 'wp-registry: error: write error: No space left on device'
	run -74 bash -c 'wp-registry broadcast x >&-'
	assert_line --index 0 'wp-registry: error: write error: Bad file descriptor'
	run -74 bash -c 'wp-registry broadcast <&-'
	assert_output 'wp-registry: error: cannot read stdin: Bad file descriptor'
	over
}
