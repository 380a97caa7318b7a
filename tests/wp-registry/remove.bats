#!/usr/bin/env bats
# wp-registry remove: forget consumers, and have them end.

load ../helpers
load registry
load rest

echo_lines='while read -r line; do echo "$line"; done'

# is_free HANDLE: there is no consumer of that name.
is_free() { [ -z "$(state_of "$1")" ]; }

# result_of NAME: what became of the only message of a publish that was started as NAME.
result_of() { jq -r .result "$T/$1.out"; }

@test "remove: one without a process is not known any more" {
	wp-registry define one -- cat
	wp-registry define two -- cat
	run -0 wp-registry remove one
	assert_output ""
	assert_equal "$(handles)" two
	run -1 wp-registry send one x
	assert_output --partial 'there is no consumer "one"'
	over
}

@test "remove: one that is registered ends, with status 0" {
	registered one -- true
	run -0 wp-registry remove one
	unregistered one 0
	assert_equal "$(cat one.err)" ""
	run -1 wp-registry whereis one
	assert_nothing_left
}

@test "remove: the process of one that is defined ends, and so does its handler with all that it has started" {
	local pid
	wp-registry define one --warm -- sh -c 'sleep 1000 & echo $! >child; echo $$ >handler; while read -r line; do echo; done'
	wp-registry send one x
	pid=$(wp-registry whereis one)
	run -0 wp-registry remove one
	wait_ended "$pid" "$(cat handler)" "$(cat child)"
	assert_nothing_left
}

@test "remove: the message in hand is dealt with, those behind it are told" {
	make_gated one
	wp-registry define busy -- gated one
	start first wp-registry send busy a
	given one
	jq -cn '{to: "busy", event: "b"}' >message
	start second bash -c 'wp-registry publish <message'
	until_pending busy 2
	removing busy
	let_go one 0 done
	goes_on
	finish 0 "$pid_first"
	assert_equal "$(cat first.out)" done
	finish 1 "$pid_second"
	assert_equal "$(result_of second)" removed
	finish 0 "$pid_remover"
	assert_nothing_left
}

@test "remove: a warm one finishes its line, too" {
	make_gated one
	registered busy --warm -- warm-gated one
	start first wp-registry send busy a
	given one
	start remover wp-registry remove busy --timeout 0
	until_true is_free busy
	let_go one - answer
	finish 0 "$pid_first"
	assert_equal "$(cat first.out)" answer
	finish 0 "$pid_remover"
	unregistered busy 0
	assert_nothing_left
}

@test "remove --timeout: one that does not end in time is removed all the same, and ends later: 75" {
	local pid
	make_gated one
	wp-registry define busy -- gated one
	start first wp-registry send busy a
	given one
	pid=$(wp-registry whereis busy)
	run -75 wp-registry remove busy --timeout 10ms
	assert_output "wp-registry: error: consumer \"busy\" is removed, but its process $pid has not ended yet"
	assert_equal "$(handles)" ""
	run -1 wp-registry remove busy
	let_go one 0
	finish 0 "$pid_first"
	wait_ended "$pid"
	assert_nothing_left
}

@test "remove: one that is stopped is removed when it goes on" {
	local pid
	wp-registry define one --warm -- sh -c "$echo_lines"
	wp-registry send one x
	pid=$(wp-registry whereis one)
	kill -STOP "$pid"
	run -75 wp-registry remove one --timeout 10ms
	kill -CONT "$pid"
	wait_ended "$pid"
	assert_nothing_left
}

@test "remove: one that is killed meanwhile is waited for no longer" {
	make_gated one
	wp-registry define busy -- gated one
	start first wp-registry send busy a
	given one
	local victim
	victim=$(wp-registry whereis busy)
	start remover wp-registry remove busy --timeout 0
	until_true is_free busy
	kill -KILL "$victim"
	finish 0 "$pid_remover"
	finish 1 "$pid_first"
	assert_nothing_left
}

@test "remove: a handler that stays when its input ends gets SIGTERM, then SIGKILL" {
	# After SIGTERM it has as long again for its answer.
	wp-registry define polite --shutdown-timeout 2s --warm -- \
		sh -c 'trap "echo TERM >polite; exit" TERM; read -r line; echo; while :; do sleep 1000 & wait; done'
	wp-registry define stubborn --shutdown-timeout 10ms --warm -- sh -c 'trap "" TERM; read -r line; echo; while :; do sleep 1000; done'
	wp-registry send polite x
	wp-registry send stubborn x
	run -0 wp-registry remove polite stubborn
	assert_equal "$(cat polite)" TERM
	assert_nothing_left
}

@test "remove: one that has crashed, and one that was killed" {
	wp-registry define crashed --warm -- sh -c 'read -r line; exit 7'
	run -1 wp-registry send crashed x
	registered killed -- true
	kill_registration killed
	run -0 wp-registry remove crashed killed
	assert_nothing_left
}

@test "remove: one without an inbox: the process stays" {
	start sleeper sleep 1000
	wp-registry register one --pid "$pid"
	run -0 wp-registry remove one
	assert_equal "$(handles)" ""
	kill -0 "$pid"
	kill -KILL "$pid"
	finish 137
}

@test "remove: one that hibernates" {
	wp-registry define one --warm --hibernate-after 0 -- sh -c "$echo_lines"
	wp-registry send one x
	until_state one hibernated
	run -0 wp-registry remove one
	assert_nothing_left
}

@test "remove: the handle is free at once; a predecessor that ends later takes nothing with it" {
	local old
	make_gated one
	wp-registry define busy -- gated one
	start first wp-registry send busy a
	given one
	old=$(wp-registry whereis busy)
	run -75 wp-registry remove busy --timeout 0.01s
	wp-registry define busy -- cat
	assert_equal "$(wp-registry send busy hello)" hello
	let_go one 0 old
	finish 0 "$pid_first"
	assert_equal "$(cat first.out)" old
	wait_ended "$old"
	assert_equal "$(wp-registry send busy "hello again")" "hello again"
	assert_equal "$(of busy STATE,DELIVERED)" "running 2"
	over
}

@test "remove: several, also when there is none of that name" {
	registered a -- true
	wp-registry define b -- cat
	wp-registry define c -- cat
	run -1 wp-registry remove a nobody b neither
	assert_line 'wp-registry: error: there is no consumer "nobody"'
	assert_line 'wp-registry: error: there is no consumer "neither"'
	assert_equal "${#lines[@]}" 2
	unregistered a 0
	assert_equal "$(handles)" c
	run -1 wp-registry remove b
	run -0 wp-registry remove c
	run -1 wp-registry remove c c
	assert_equal "${#lines[@]}" 2
	assert_nothing_left
}

@test "remove --dry-run: says what there is, and removes nothing" {
	registered a -- true
	wp-registry define b -- cat
	run -0 wp-registry remove --dry-run a b
	assert_output "a: running, process ${registrations[a]}
b: suspended"
	run -1 --separate-stderr wp-registry remove -n b nobody
	assert_output "b: suspended"
	assert_equal "$stderr" 'wp-registry: error: there is no consumer "nobody"'
	assert_equal "$(handles)" "a b"
	kill_registration a
	run -0 wp-registry remove -n a
	assert_output "a: crashed"
	run -74 bash -c "wp-registry remove -n a >/dev/full"
	over
}

@test "remove: --stack, by variable as well" {
	local stack
	for stack in default one two three; do
		wp-registry define h -s "$stack" -- cat
	done
	wp-registry remove h -s one
	wp-registry remove --stack two h
	WP_REGISTRY_STACK=three wp-registry remove h
	assert_equal "$(wp-registry list -arno STACK)" default
	run -1 wp-registry remove h -s "no such"
	WP_REGISTRY_STACK=three wp-registry remove h -s default
	assert_nothing_left
}

@test "remove: what a message may meet while others define and remove its consumer: it was delivered, or the sender knows that it was not" {
	local n results
	stub churn <<-'SH'
		n=0
		while [ $n -lt 25 ]; do
			n=$((n + 1))
			wp-registry define one --warm -- sh -c 'while read -r line; do echo "$line" >>got; echo; done' && wp-registry remove one || exit
		done
	SH
	seq 100 | jq -c '{to: "one", event: .}' >messages
	start churn churn
	for n in 1 2 3; do
		start "publish$n" bash -c 'while kill -0 "$1" 2>/dev/null; do wp-registry publish <messages || [ $? -eq 1 ] || exit; done' bash "$pid_churn"
	done
	finish 0 "$pid_churn"
	for n in 1 2 3; do
		local pid_of=pid_publish$n
		finish 0 "${!pid_of}"
	done
	run -1 bash -c 'jq -r .result publish?.out | sort -u | grep -vE "^(delivered|removed|unknown)$"'
	touch got
	assert_equal "$(jq -r 'select(.result == "delivered") | .result' publish?.out | wc -l)" "$(wc -l <got)"
	over
}

@test "remove: a state directory that is not there has nobody, and is not made" {
	run -1 wp-registry remove one
	assert_output 'wp-registry: error: there is no consumer "one"'
	run -1 wp-registry remove -n one two
	assert_equal "${#lines[@]}" 2
	[ ! -e "$WP_STATE" ]
}

@test "remove: bad handles, mistakes, and refused state directories" {
	wp-registry define good -- cat
	bad_handles remove
	run -65 wp-registry remove good ''
	assert_equal "$(handles)" good
	wp-registry remove good
	usage remove HANDLE
	usage remove --colour --colour
	bad_durations remove --timeout one
	help_of remove
	WP_STATE=$T/refused
	refused_states remove one
}
