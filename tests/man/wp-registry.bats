#!/usr/bin/env bats
# The EXAMPLES of wp-registry(1), as they stand there.

load ../helpers
load ../wp-registry/registry

# example N: the Nth literal display under EXAMPLES, in the file "example".
example() { manual_example wp-registry.1 "$1" >example && [ -s example ]; }

# script NAME: an executable in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

# A consumer ./orders-consumer that keeps what it is given.
orders_consumer() {
	script orders-consumer <<-'SH'
		tee -a orders.given | tr a-z A-Z
	SH
}

list() { wp-registry list -rno "$@"; }

@test "wp-registry(1): a consumer in the foreground" {
	orders_consumer
	example 1
	sed 's/register/& --ready-fd 9/; s/^/exec /' example >register
	mkfifo ready
	fifo_fd "$PWD/ready"
	start orders sh -c 'exec 9>ready; . ./register'
	wait_line "$PWD/ready" '^1$'
	run -0 wp-registry send orders '{"lsn":1}'
	assert_output '{"LSN":1}'
	assert_equal "$(list HANDLE,PID,STATE)" "orders $pid_orders running"
	kill "$pid_orders"
	finish 0 "$pid_orders"
	assert_equal "$(cat orders.given)" '{"lsn":1}'
	assert_nothing_left
}

@test "wp-registry(1): one that its first message starts" {
	orders_consumer
	example 2
	run -0 --separate-stderr sh ./example
	assert_equal "$(wp-registry list -rno HANDLE,SUSPEND-AFTER)" "orders 600"
	assert_output - <<-OUT
		{"LSN":1}
		$(wp-registry whereis orders)
		HANDLE STATE   DELIVERED
		orders running         1
		1
	OUT
	assert_equal "$stderr" ""
	over
}

@test "wp-registry(1): a handler that stays" {
	example 3
	run -0 sh ./example
	assert_output HELLO
	run -0 wp-registry send upper "once more"
	assert_output "ONCE MORE"
	over
}

@test "wp-registry(1): each change to the consumer of its table, and what went wrong" {
	script taker <<-'SH'
		cat >>"$WP_REGISTRY_HANDLE.given"
	SH
	wp-registry define users -- ./taker
	wp-registry define orders -- ./taker
	printf '{"table":"%s","n":%d}\n' users 1 orders 2 none 3 users 4 >changes
	example 4
	run -1 --separate-stderr sh ./example
	assert_equal "$(jq -c '[.to, .line, .result]' <<<"$output")" '["none",3,"unknown"]'
	assert_equal "$(jq -c .n users.given orders.given | paste -sd ' ')" "1 4 2"
	over
}

@test "wp-registry(1): the same to all shapes, and to those for gold customers" {
	script shape <<-'SH'
		echo "$1 $(cat)" >>given
	SH
	wp-registry define other -- ./shape other
	example 5
	run -0 sh ./example
	assert_equal "$(jq -r '.to + " " + .result' <<<"$output" | sort)" $'shape-1 delivered\nshape-1 delivered\nshape-2 delivered'
	assert_equal "$(sort given)" $'1 {"reload":false}\n1 {"reload":true}\n2 {"reload":true}'
	over
}

@test "wp-registry(1): let all go to rest, and then no more" {
	registered here -- cat
	wp-registry define elsewhere -- cat
	example 6
	run -0 sh -c "$(sed -n 1p example)"
	assert_output 1
	assert_equal "$(list HANDLE,HIBERNATE-AFTER,JITTER,SUSPEND-AFTER)" $'elsewhere 60 1200 300\nhere 60 1200 300'
	run -0 sh -c "$(sed -n 2p example)"
	assert_output 1
	run -0 wp-registry list -J -o HIBERNATE-AFTER,JITTER,SUSPEND-AFTER
	assert_equal "$(jq -c '[.consumers[][]]' <<<"$output")" '[null,null,null,null,null,null]'
	over
}

@test "wp-registry(1): messages that must not be lost, of which one is no good" {
	example 7
	cp example store-amount
	chmod +x store-amount
	mkdir amounts
	printf '%s\n' '{"amount":3}' '{"none":0}' '{"amount":5}' >orders
	example 8
	run -0 sh ./example
	assert_equal "$(jq -c '[.result, .offset]' <<<"$output")" $'["stored",1]\n["stored",2]\n["stored",3]'
	# Those that nobody waits for are dealt with before one that is waited for.
	run -0 wp-registry send amounts '{"amount":7}'
	assert_equal "$(grep . amounts/*)" $'amounts/1:3\namounts/3:5\namounts/4:7'
	assert_equal "$(of amounts PENDING)" 0
	run -0 cat amounts.log
	assert_output ""
	# Once more, the same.
	WP_REGISTRY_OFFSET=3 ./store-amount <<<'{"amount":5}'
	assert_equal "$(grep . amounts/3)" 5
	over
}

@test "wp-registry(1): a process that knows nothing of all this" {
	mkfifo gate
	fifo_fd "$PWD/gate"
	script server <<-'SH'
		trap 'echo reloaded; exit 0' HUP
		echo up >up
		read -r _ <gate
		read -r _ <gate
	SH
	mkfifo up
	fifo_fd "$PWD/up"
	example 9
	# The signal is for a server that can take it.
	sed -i 's/^kill/read -r _ <up; &/' example
	{ cat example && echo 'wait $!'; } >server-example
	start example sh ./server-example
	finish 0 "$pid_example"
	assert_equal "$(cat example.out)" reloaded
	assert_equal "$(list HANDLE)" ""
	assert_nothing_left
}

@test "wp-registry(1): who crashes, and why; and start all that have crashed" {
	script fragile <<-'SH'
		read -r _ && exit 3
	SH
	wp-registry define first --warm -- ./fragile
	wp-registry define $'se\ncond' --warm -- ./fragile
	wp-registry define sound -- cat
	run -1 wp-registry send first 1
	example 10
	start watch sh ./example
	wait_line "$T/watch.out" '^first: exit status 3$'
	run -1 wp-registry send $'se\ncond' 1
	wait_line "$T/watch.out" '^cond: exit status 3$'
	kill "$(pgrep -P "$pid_watch" -x wp-registry)"
	finish 0 "$pid_watch"
	example 11
	run -0 sh ./example
	assert_output ""
	until_event first running
	assert_equal "$(wp-registry list -J -o HANDLE,STATE | jq -r '.consumers[] | .state')" $'running\nrunning\nsuspended'
	over
}

@test "wp-registry(1): what would be removed, and then the end of it" {
	wp-registry define orders -- cat
	registered upper -- cat
	example 12
	run -0 sh ./example
	assert_output "orders: suspended
upper: running, process ${registrations[upper]}"
	assert_equal "$(list HANDLE)" ""
	unregistered upper 0
	assert_nothing_left
}

@test "wp-registry(1): the columns are those of the program, and the marked ones are the usual" {
	sed -n '/^The columns:/,/^\.El/s/^\.It //p' "$TOP/man/wp-registry.1" >columns
	run -64 wp-registry list -o none
	assert_equal "$(sed -n 's/.*the columns are //p' <<<"$output" | sed 's/, /\n/g')" "$(tr -d '*' <columns)"
	wp-registry define c -- cat
	assert_equal "$(wp-registry list | head -n 1 | tr -s ' ' '\n' | sed '/^$/d')" "$(sed -n 's/\*$//p' columns)"
	over
}

# listed HEADING: the names in the list after the line that begins so.
listed() { awk -v after="$1" 'index($0, after) == 1 { on = 1 } on && /^\.El/ { exit } on' "$TOP/man/wp-registry.1" | sed -n 's/^\.It Cm //p'; }

@test "wp-registry(1): states, results and verbs are those of the program" {
	assert_equal "$(listed 'What becomes of a message' | sort)" "$(sed -n '/names\[OUTCOMES\]/,/};/p' "$TOP/cmd/wp-registry/results.c" |
		grep -oE '"[a-z-]+"' | tr -d '"' | sort)"
	assert_equal "$(listed '.Ss States')" "$(sed -n '/state_names\[\]/,/};/p' "$TOP/cmd/wp-registry/registry.c" |
		grep -oE '"[a-z-]+"' | tr -d '"')"
	# In the order of the help.
	assert_equal "$(sed -n '/^\.Sh DESCRIPTION/,/^\.Sh ENV/s/^\.Ss \([a-z]*\)$/\1/p' "$TOP/man/wp-registry.1")" \
		"$(wp-registry --list-options | awk -F '\t' '$1 == "verb" { print $2 }')"
}

@test "wp-registry(1): each function of Electric's ConsumerRegistry has a line" {
	sed -n '/^\.Ss Coming from Electric/,/^\.El/s/^\.It Li //p' "$TOP/man/wp-registry.1" >answered
	local name
	for name in active_consumer_count broadcast enable_suspend name new publish register_consumer register_name \
		remove_consumer unregister_name whereis whereis_name; do
		run -0 grep -Fx "$name" answered
	done
}
