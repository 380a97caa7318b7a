#!/usr/bin/env bats
# wp-distribute plan: what would move, and why.

load ../helpers
load distribute

# moves [OPTION...]: id, from, to of each move, sorted, on one line.
moves() { wp-distribute plan -J "$@" | jq -r '.moves[] | "\(.id) \(.from)>\(.to)"' | LC_ALL=C sort | paste -sd ,; }

@test "plan: help" { help_of plan; }

@test "plan: a state directory that cannot be one" { refused_states plan; }

@test "plan: mistakes" {
	local n
	usage plan 'unexpected argument "a"' a
	usage plan colour --colour
	for n in 0 -1 x 2147483648 ''; do
		usage plan capacity --join a --capacity "$n"
	done
	for n in -1 x 2147483648 ''; do
		usage plan limit --join a --limit "$n"
	done
	bad_names plan node --join
	run -64 wp-distribute plan --join a --label x
	assert_output 'wp-distribute: error: "x" is no label: NAME=VALUE'
	run -64 wp-distribute plan -o ID,COLOUR
	assert_output --partial COLOUR
	run -64 wp-distribute plan -J -r
}

@test "plan: a node that is not there cannot leave, and one that is cannot join" {
	node alpha
	run -1 wp-distribute plan --leave none
	assert_output 'wp-distribute: error: there is no node "none"'
	run -1 wp-distribute plan --leave alpha --leave none
	run -1 wp-distribute plan --join alpha
	assert_output 'wp-distribute: error: there is a node "alpha" already'
	run -1 wp-distribute plan --join beta --join beta
	assert_output 'wp-distribute: error: there is a node "beta" already'
	over
}

@test "plan: nobody there, and nothing to do" {
	run -0 wp-distribute plan -n
	assert_output ""
	run -0 wp-distribute plan -J --join alpha
	assert_equal "$(jq -c .moves <<<"$output")" "[]"
	node alpha
	node beta
	sleepers a b
	run -0 wp-distribute plan -n
	assert_output ""
	run -0 wp-distribute plan -n --rebalance
	assert_output ""
	over
}

@test "plan --leave: everything of that node goes, and nothing moves that need not" {
	node alpha --rebalance manual
	node beta
	sleepers a b --node alpha
	sleepers c d e --node beta
	sleepers f g h i
	assert_equal "$(moves --leave alpha | tr , '\n' | grep -c '>null')" 2
	assert_equal "$(moves --leave alpha | tr , '\n' | grep -vc '^. alpha>')" 0
	assert_equal "$(moves --leave alpha | tr , '\n' | grep -c '>beta')" "$(($(ids --node alpha | wc -w) - 2))"
	over
}

@test "plan --leave: why, in a table" {
	node alpha
	sleepers a
	sleepers b --node alpha
	node beta --limit 5 --label x=1
	run -0 wp-distribute plan --leave alpha --leave beta
	assert_line --index 0 --regexp '^ID +REPLICA FROM +TO +WHY *$'
	assert_line --regexp '^a +0 (alpha|beta) +no node has room *$'
	over
}

@test "plan --join: what would go there does when it joins, and nothing else" {
	local planned before after
	node alpha
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 10)
	assert_equal "$(ids --node alpha | wc -w)" 10
	planned=$(moves --join beta)
	assert_equal "$(tr , '\n' <<<"$planned" | wc -l)" 5
	assert_equal "$(tr , '\n' <<<"$planned" | grep -vc ' alpha>beta$')" 0
	# Nothing has happened.
	assert_equal "$(ids --node alpha | wc -w)" 10
	assert_equal "$(wp-distribute nodes -rno NODE)" alpha
	node beta
	until_true has_children beta 5
	before=$(tr , '\n' <<<"$planned" | cut -d ' ' -f 1 | LC_ALL=C sort | paste -sd ' ')
	after=$(ids --node beta | tr ' ' '\n' | LC_ALL=C sort | paste -sd ' ')
	assert_equal "$after" "$before"
	over
}
has_children() { [ "$(ids --node "$1" | wc -w)" -eq "$2" ] && ! wp-distribute list -rno STATE | grep -qv running; }

@test "plan --join: with its capacity, labels and limit; several at once" {
	node alpha
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 12)
	wp-distribute start gpu --require gpu=1 -- sleep 1000 >told
	until_nowhere gpu "no node has the labels"
	assert_equal "$(moves --join beta --limit 0)" "gpu null>null"
	assert_equal "$(moves --join beta --limit 2 | tr , '\n' | grep -c 'alpha>beta')" 2
	assert_regex "$(moves --join beta -l gpu=1)" 'gpu null>beta'
	assert_equal "$(moves --join beta -c 3 | tr , '\n' | grep -c 'alpha>beta')" 9
	assert_equal "$(moves --join beta --join gamma | tr , '\n' | cut -d '>' -f 2 | sort | uniq -c | awk '$1 >= 3 { print $2 }' | paste -sd ' ')" "beta gamma"
	over
}

@test "plan: one that joins as another leaves takes what that had" {
	node alpha
	sleepers a b c
	assert_equal "$(moves --leave alpha --join beta)" "a alpha>beta,b alpha>beta,c alpha>beta"
	over
}

@test "plan: those that wait, and why; one that could be placed" {
	wp-distribute start a -- sleep 1000 >told
	run -0 wp-distribute plan -J
	assert_equal "$(jq -c '.moves[0]' <<<"$output")" '{"id":"a","replica":0,"from":null,"to":null,"why":"there is no node"}'
	run -0 wp-distribute plan -J --join alpha
	assert_equal "$(jq -c '.moves[0]' <<<"$output")" '{"id":"a","replica":0,"from":null,"to":"alpha","why":"it belongs there"}'
	wp-distribute start b --node beta -- sleep 1000 >told
	run -0 wp-distribute plan -J --join alpha
	assert_equal "$(jq -c '.moves[1] | [.id, .to, .why]' <<<"$output")" '["b",null,"the node that it is to be on is not there"]'
	run -0 wp-distribute plan -J --join beta
	assert_equal "$(jq -c '.moves[1] | [.id, .to, .why]' <<<"$output")" '["b","beta","it is to be there"]'
	wp-distribute start c --strategy balanced -- sleep 1000 >told
	run -0 wp-distribute plan -J --join beta
	assert_equal "$(jq -c '.moves[2] | [.id, .to, .why]' <<<"$output")" '["c","beta","there is the least load"]'
	wp-distribute start d --require x=1 -- sleep 1000 >told
	run -0 wp-distribute plan -J --join beta
	assert_equal "$(jq -c '.moves[3] | [.id, .to, .why]' <<<"$output")" '["d",null,"no node has the labels"]'
	run -0 wp-distribute plan -J --join beta --limit 0 --label x=1
	assert_equal "$(jq -c '.moves[3] | [.id, .to, .why]' <<<"$output")" '["d",null,"no node has room"]'
	wp-distribute stop a b c d >told
	assert_nothing_left
}

@test "plan --rebalance: what redistribute does" {
	local planned
	node alpha --rebalance manual
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 10)
	node beta
	sleepers last --node beta
	planned=$(moves --rebalance)
	assert_equal "$(tr , '\n' <<<"$planned" | grep -c 'alpha>beta')" "$(tr , '\n' <<<"$planned" | wc -l)"
	watcher one
	wp-distribute redistribute
	until_true is_settled
	mark one
	assert_equal "$(jq -r 'select(.event == "move") | .child + " alpha>" + .node' one.out | LC_ALL=C sort | paste -sd ,)" "$planned"
	assert_equal "$(moves --rebalance)" ""
	stop_watcher one
	over
}
is_settled() { ! wp-distribute list -rno STATE | grep -qv running; }

@test "plan: --output, --raw, --pairs and --noheadings" {
	wp-distribute start a -- true >told
	run -0 wp-distribute plan -r -o id,why
	assert_output "ID WHY
a there\x20is\x20no\x20node"
	run -0 wp-distribute plan --pairs --output ID,TO
	assert_output 'ID="a" TO=""'
	run -0 wp-distribute plan --noheadings --output REPLICA
	assert_output --regexp '^ *0$'
	wp-distribute stop a >told
	assert_nothing_left
}

@test "plan: /dev/full and a closed stdout are errors" {
	wp-distribute start a -- true >told
	run -74 bash -c 'wp-distribute plan >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute plan >&-'
	assert_output --partial "error:"
	wp-distribute stop a >told
	assert_nothing_left
}
