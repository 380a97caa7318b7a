#!/usr/bin/env bats
# wp-distribute nodes: which nodes there are.

load ../helpers
load distribute

# columns COLUMN,... [OPTION...]
columns() { wp-distribute nodes -rno "$@"; }

@test "nodes: help" { help_of nodes; }

@test "nodes: a state directory that cannot be one" { refused_states nodes; }

@test "nodes: mistakes" {
	usage nodes 'unexpected argument "a"' a
	usage nodes colour --colour
	run -64 wp-distribute nodes -o NODE,COLOUR
	assert_output --partial COLOUR
	run -64 wp-distribute nodes -J -r
}

@test "nodes: none: no lines, and status 0; a state directory that is not there is not made" {
	run -0 wp-distribute nodes -n
	assert_output ""
	run -0 wp-distribute nodes -J
	assert_equal "$(jq -c .nodes <<<"$output")" "[]"
	[ ! -e state ]
}

@test "nodes: a table with headings, in the order in which they have joined" {
	node zoe --capacity 3 --limit 7
	node adam
	sleepers a b --node zoe
	run -0 wp-distribute nodes
	assert_line --index 0 --regexp '^NODE +PID STATE CAPACITY CHILDREN LIMIT LOAD SINCE *$'
	assert_line --index 1 --regexp "^zoe +$pid_zoe open +3 +2 +7 0\.[0-9]{2} [0-9-]{10}T[0-9:.]+Z *\$"
	assert_line --index 2 --regexp "^adam +$pid_adam open +1 +0 +0\.00 [0-9-]{10}T[0-9:.]+Z *\$"
	assert_equal "${#lines[@]}" 3
	over
}

@test "nodes: --json: numbers are numbers, labels are JSON, and what there is not is null" {
	node alpha --label gpu=1 --label 'b="c"'
	run -0 wp-distribute nodes -J -o +LABELS
	assert_equal "$(jq -c '.nodes[0] | keys_unsorted' <<<"$output")" '["node","pid","state","capacity","children","limit","load","since","labels"]'
	assert_equal "$(jq -c '.nodes[0] | [.node, .pid, .state, .capacity, .children, .limit, .load == 0, .labels]' <<<"$output")" \
		"[\"alpha\",$pid_alpha,\"open\",1,0,null,true,{\"gpu\":\"1\",\"b\":\"\\\"c\\\"\"}]"
	over
}

@test "nodes: --raw, --pairs, --noheadings and --output" {
	node alpha
	run -0 columns node,state
	assert_output "alpha open"
	run -0 wp-distribute nodes --pairs --output NODE,LIMIT
	assert_output 'NODE="alpha" LIMIT=""'
	run -0 wp-distribute nodes --raw -o CAPACITY
	assert_output "CAPACITY
1"
	run -0 columns +LABELS
	assert_output --regexp "^alpha $pid_alpha open 1 0  0.00 [^ ]+ \{\}$"
	over
}

@test "nodes: one that takes nothing more is drained" {
	node alpha
	wp-distribute drain alpha
	assert_equal "$(columns NODE,STATE)" "alpha drained"
	wp-distribute drain alpha --undo
	assert_equal "$(columns NODE,STATE)" "alpha open"
	over
}

@test "nodes: one that was killed is none, without anybody who said so" {
	node alpha
	node beta
	kill_node beta
	assert_equal "$(columns NODE)" alpha
	kill_node alpha
	assert_equal "$(columns NODE)" ""
	assert_nothing_left
}

@test "nodes: one that is stopped is there still" {
	node alpha
	kill -STOP "${nodes[alpha]}"
	assert_equal "$(columns NODE,STATE)" "alpha open"
	kill -CONT "${nodes[alpha]}"
	over
}

@test "nodes: children that a node has in hand, not those that are on their way there" {
	start_stubborn
	node beta
	wp-distribute redistribute --to beta stubborn
	wait_line stubborn.up '^told'
	assert_equal "$(columns NODE,CHILDREN | paste -sd ,)" "alpha 1,beta 0"
	wp-distribute terminate stubborn --node alpha --await >told
	assert_equal "$(columns NODE,CHILDREN | paste -sd ,)" "alpha 0,beta 0"
	over
}

@test "nodes: what its children use is its load, and less of it when they are gone" {
	local load
	node alpha
	wp-distribute start busy --await -- sh -c 'while :; do :; done' >told
	until_true is_loaded 0.04
	wp-distribute stop busy --await >told
	load=$(columns LOAD)
	until_true is_less_than "$load"
	over
}
is_loaded() { awk -v load="$(columns LOAD)" -v more="$1" 'BEGIN { exit load <= more }'; }
is_less_than() { ! is_loaded "$(awk -v load="$1" 'BEGIN { print load - 0.01 }')"; }

@test "nodes: /dev/full and a closed stdout are errors" {
	node alpha
	run -74 bash -c 'wp-distribute nodes >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute nodes >&-'
	assert_output --partial "error:"
	over
}
