#!/usr/bin/env bats
# The EXAMPLES of wp-distribute(1), as they stand there.

load ../helpers
load ../wp-distribute/distribute

# example N: the Nth literal display under EXAMPLES, in the file "example".
example() { manual_example wp-distribute.1 "$1" >example && [ -s example ]; }

# script NAME: an executable in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

# Children that say how they were called, and stay.
some_commands() {
	local name
	for name in serve train db; do
		script "$name" <<-'SH'
			echo "${0##*/} $*"
			exec sleep 1000
		SH
	done
}

is_there() { wp-distribute nodes -rno NODE | grep -qFx "$1"; }

# adopt NAME...: nodes that an example has started are this test's, and run by now.
adopt() {
	local name
	for name; do
		until_true is_there "$name"
		adopted+=("$(wp-distribute nodes -J | jq --arg name "$name" '.nodes[] | select(.node == $name) | .pid')")
	done
}

# All that was started is stopped.
all_over() {
	wp-distribute list -J -o ID | jq -j '.children[] | .id + "\u0000"' | sort -uz |
		xargs -0 -r wp-distribute stop --await --timeout 30s >stopped
	kill "${adopted[@]}"
	wait_ended "${adopted[@]}"
	assert_nothing_left
}

# What example 1 makes, and it is there.
two_nodes() {
	some_commands
	example 1
	{ cat example && echo echo that is all && echo wait; } >nodes-example
	start nodes sh ./nodes-example
	wait_line "$T/nodes.out" '^that is all$'
	adopt alpha beta
}

@test "wp-distribute(1): two nodes, two children, and where these are" {
	two_nodes
	run -0 grep '^{' nodes.out
	assert_equal "$(jq -r '[.child, .replica, .result] | join(" ")' <<<"$output" | sort)" "web-1 0 started
web-2 0 started"
	# While the second node joins, one may be on its way there.
	run -0 grep -xP 'ID +REPLICA NODE .*|web-1 +0 .*|alpha\t\d+|beta\t\d+' nodes.out
	assert_line --regexp '^web-1 '
	run -0 grep -c '^serve --id web-[12]$' nodes.out
	assert [ "$output" -ge 2 ]
	run -0 wp-distribute nodes -J -o NODE,CAPACITY,LABELS
	assert_equal "$(jq -c '[.nodes[] | [.node, .capacity, .labels]] | sort' <<<"$output")" '[["alpha",8,{"gpu":"1"}],["beta",1,{}]]'
	example 12
	run -0 sh ./example
	assert_equal "$(jq -r '[.child, .result] | join(" ")' <<<"$output" | sort)" "web-1 stopped
web-2 stopped"
	run -0 wp-distribute list -n
	assert_output ""
	all_over
}

@test "wp-distribute(1): many from a file, and why one is where it is" {
	two_nodes
	example 2
	run -0 sh ./example
	assert_equal "$(jq -r '[.child, .replica, .result] | join(" ")' <<<"$output" | sort)" "db 0 started
db 1 started
mail 0 started
train 0 started"
	assert_equal "$(of train NODE)" alpha
	assert_equal "$(of mail RESTART)" transient
	assert_equal "$(of db NODE,ROLE | cut -d ' ' -f 2 | sort | paste -sd ' ')" "active passive"
	assert_equal "$(of db NODE | sort | paste -sd ' ')" "alpha beta"
	example 5
	run -0 sh ./example
	assert_line "train, replica 0: running on alpha"
	assert_line --regexp '^  [12]\. alpha: it is here$'
	assert_line --regexp '^  [12]\. beta: has not the labels$'
	all_over
}

@test "wp-distribute(1): all of a file, or none" {
	two_nodes
	example 2
	sed -i 's|"./db"|"./none"|' example
	run -65 --separate-stderr sh ./example
	assert_equal "$output" ""
	[[ $stderr == *"line 3: "*"nothing is started"* ]]
	run -0 wp-distribute list -rno ID
	assert_output "web-1
web-2"
	all_over
}

on_alpha() { [ "$(of "$1" NODE,STATE)" = "alpha running" ]; }

@test "wp-distribute(1): a node that is empty for its maintenance, and another machine" {
	two_nodes
	wp-distribute redistribute --to alpha web-1 web-2 >moved
	until_true on_alpha web-1
	until_true on_alpha web-2
	example 3
	run -0 sh -c "$(sed -n 1p example)"
	assert_equal "$(sed 1d <<<"$output" | tr -s ' ' | cut -d ' ' -f 1-4)" "web-1 0 alpha beta
web-2 0 alpha beta"
	run -0 sh -c "$(sed -n 2p example)"
	assert_equal "$(wp-distribute list -rno NODE | sort -u)" beta
	run -0 sh -c "$(sed -n 3,4p example)"
	example 4
	run -0 sh ./example
	assert_line --index 0 --regexp '^ID +REPLICA +FROM +TO +WHY$'
	all_over
}

@test "wp-distribute(1): a count that goes on elsewhere" {
	two_nodes
	manual_block wp-distribute.1 1 >count
	chmod +x count
	example 6
	local first
	# It is to be on alpha at first.
	wp-distribute drain beta
	run -0 sh -c "$(sed -n 1p example)"
	assert_equal "$(jq -r '.result + " on " + .node' <<<"$output")" "started on alpha"
	wp-distribute drain --undo beta
	wait_line "$T/nodes.out" '^ticks on alpha: ([0-9]+)$'
	run -0 sh -c "$(sed -n 2p example)"
	wait_line "$T/nodes.out" '^ticks on beta: ([2-9]|[0-9]{2,})$'
	# The old one may go on until it is told to end: the new one has the count of when it was asked.
	first=$(sed -n 's/^ticks on beta: //p' nodes.out | head -n 1)
	run -0 grep -x "ticks on alpha: $((first - 1))" nodes.out
	run -0 wp-distribute lookup ticks
	assert_output --regexp $'^beta\t[0-9]+$'
	all_over
}

@test "wp-distribute(1): one that writes, and others that stand by" {
	two_nodes
	script write-report <<<'echo "report by $WP_NODE" >>"$T/reports"'
	example 7
	cp example reporter
	chmod +x reporter
	mkfifo reports
	fifo_fd "$T/reports"
	wp-distribute start reporter --replicas 2 --mode active-passive --await -- ./reporter >started
	wait_line "$T/reports" '^report by '
	local writer=${line#report by }
	kill -KILL "$(wp-distribute nodes -J | jq --arg name "$writer" '.nodes[] | select(.node == $name) | .pid')"
	wait_line "$T/reports" "^report by "
	refute [ "$line" = "report by $writer" ]
	# Who was killed is struck out by whoever looks.
	wp-presence list --topic nodes >present
	adopted=("$(wp-distribute nodes -rno PID)")
	all_over
}

@test "wp-distribute(1): failures as they happen, who writes them down, and an end to them" {
	two_nodes
	example 8
	cp example watch-example
	start watch sh ./watch-example
	# It listens by now: jq is its child as well.
	until_true pgrep -P "$pid_watch" -x wp-distribute >listening
	example 9
	{ cat example && echo wait; } >gamma-example
	start gamma sh ./gamma-example
	adopt gamma
	run -0 wp-distribute start broken --node gamma --restart temporary -- sh -c 'exit 3'
	wait_line "$T/watch.out" '^broken on gamma: exit status 3$'
	until_true grep -qsx "broken: exit status 3" failures
	run -0 wp-distribute start other --restart temporary -- sh -c 'exit 4'
	wait_line "$T/watch.out" '^other on [a-z]*: exit status 4$'
	example 10
	run -0 sh ./example
	run -0 wp-distribute list -rno ID
	assert_output "web-1
web-2"
	kill "$(pgrep -P "$pid_watch" -x wp-distribute)"
	finish 0 "$pid_watch"
	all_over
}

@test "wp-distribute(1): nothing runs while there are fewer than two nodes" {
	node alpha
	sleepers web-1
	example 11
	run -0 sh ./example
	assert_output "2: 1 of 1 nodes are there, which is not enough"
	until_event web-1 "waiting|release"
	node beta
	until_event web-1 "run|running"
	wp-distribute quorum none >quorum
	over
}

# columns_of VERB HEADING: those of the page are those of the program, and the marked ones are the usual.
columns_of() {
	awk -v after="$2" 'index($0, after) == 1 { on = 1 } on && /^\.El/ { exit } on' "$TOP/man/wp-distribute.1" | sed -n 's/^\.It //p' >columns
	[ -s columns ]
	run -64 wp-distribute "$1" -o none
	assert_equal "$(sed -n 's/.*the columns are //p' <<<"$output" | sed 's/, /\n/g')" "$(tr -d '*' <columns)"
	assert_equal "$(wp-distribute "$1" | head -n 1 | tr -s ' ' '\n' | sed '/^$/d')" "$(sed -n 's/\*$//p' columns)"
}

@test "wp-distribute(1): the columns are those of the program, and the marked ones are the usual" {
	node alpha
	wp-distribute start waits --node none -- true >started
	columns_of list "The columns:"
	columns_of nodes "The columns of nodes:"
	over
}

# listed HEADING: the names in the list after the line that begins so.
listed() { awk -v after="$1" 'index($0, after) == 1 { on = 1 } on && /^\.El/ { exit } on' "$TOP/man/wp-distribute.1" | sed -n 's/^\.It Cm //p'; }

@test "wp-distribute(1): states and verbs are those of the program" {
	assert_equal "$(listed '.Ss States' | grep -vx 'stopping\|moving')" \
		"$(sed -n '/state_names\[\]/,/};/p' "$TOP/cmd/wp-distribute/cluster_children.c" | grep -oE '"[a-z-]+"' | tr -d '"')"
	# In the order of the help.
	assert_equal "$(sed -n '/^\.Sh DESCRIPTION/,/^\.Sh ENV/s/^\.Ss \([a-z]*\)$/\1/p' "$TOP/man/wp-distribute.1")" \
		"$(wp-distribute --list-options | awk -F '\t' '$1 == "verb" { print $2 }')"
}

@test "wp-distribute(1): each function and option of ProcessHub's Distributor has a line" {
	sed -n '/^\.Ss Coming from ProcessHub/,/^\.Sh/s/^\.It Li //p' "$TOP/man/wp-distribute.1" | sed 's/ , /\n/g' >answered
	local name
	for name in children_redist_init children_terminate default_init_opts init_children stop_children which_children_global \
		which_children_local timeout awaitable async_wait check_existing on_failure metadata await_timeout init_cids; do
		run -0 grep -Fx "$name" answered
	done
}
