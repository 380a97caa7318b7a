#!/usr/bin/env bats
# wp-distribute redistribute: move children to where they belong by now, or to a node that is named.

load ../helpers
load distribute

nothing="wp-distribute: there is nothing to redistribute"

@test "redistribute: help" { help_of redistribute; }

@test "redistribute: a state directory that cannot be one" { refused_states redistribute; }

@test "redistribute: mistakes" {
	usage redistribute "children are to be named" --to alpha
	usage redistribute "--to is needed for children that are named" a
	usage redistribute colour --colour
	run -65 wp-distribute redistribute a --to ''
	assert_output --partial "the node is empty"
	run -65 wp-distribute redistribute a --to $'\xff'
	assert_output --partial "the node is not valid UTF-8"
	[ ! -e state ]
	bad_names redistribute child --to alpha
}

@test "redistribute: nothing to do is said, and no mistake" {
	run -0 wp-distribute redistribute
	assert_output "$nothing"
	node alpha
	sleepers a b
	run -0 wp-distribute redistribute
	assert_output "$nothing"
	run -0 wp-distribute redistribute --to alpha a b
	assert_output "$nothing"
	over
}

@test "redistribute: to the nodes that have joined, what belongs there" {
	node alpha --rebalance manual
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 10)
	node beta
	# It has looked at beta by now, and moved nothing there.
	sleepers last --node beta
	assert_equal "$(ids --node alpha | wc -w)" 10
	run -0 wp-distribute redistribute
	assert_output ""
	until_true has_children beta 5
	run -0 wp-distribute redistribute
	assert_output "$nothing"
	over
}
has_children() { [ "$(ids --node "$1" | wc -w)" -ge "$2" ] && ! wp-distribute list -rno STATE | grep -qv running; }

@test "redistribute --to: those that are named, and no others" {
	local old
	node alpha --rebalance manual
	sleepers a b c
	node beta
	old=$(of b PID)
	watcher one
	run -0 wp-distribute redistribute --to beta a c
	assert_output ""
	until_true are_on beta "a c"
	assert_equal "$(of b NODE,PID)" "alpha $old"
	mark one
	assert_equal "$(told one a)" "running@alpha move@beta release@alpha run@beta"
	stop_watcher one
	over
}
are_on() { [ "$(ids --node "$1")" = "$2" ] && ! wp-distribute list -rno STATE | grep -qv running; }

@test "redistribute --to: it is never twice at a time (cold)" {
	node alpha --rebalance manual
	wp-distribute start a --await -- sh -c 'exec 9>lock; flock -n 9 || echo twice >twice; exec sleep 1000' >told
	node beta
	for name in beta alpha beta; do
		wp-distribute redistribute --to "$name" a
		until_true are_on "$name" a
	done
	[ ! -e twice ]
	over
}

@test "redistribute --to: one that does not end when it is told to is killed first" {
	local old
	open_gate stubborn.up
	make_obstinate
	node alpha --rebalance manual
	wp-distribute start stubborn --shutdown-timeout 50ms -- obstinate stubborn >told
	wait_line stubborn.up '^up '
	old=${line#up }
	node beta
	wp-distribute redistribute --to beta stubborn
	wait_line stubborn.up '^told'
	wait_line stubborn.up '^up '
	[ ! -e "/proc/$old" ]
	until_true are_on beta stubborn
	over
}

@test "redistribute --to: one of several replicas, to a node that has none" {
	node alpha --rebalance manual
	node beta
	sleepers a --replicas 2
	node gamma
	wp-distribute redistribute --to gamma a
	until_true has_children gamma 1
	assert_equal "$(of a NODE | wc -l)" 2
	assert_equal "$(of a NODE | sort -u | wc -l)" 2
	run -0 wp-distribute redistribute --to gamma a
	assert_output "$nothing"
	over
}

@test "redistribute --to: a node that is not there, or that cannot have it: 1, and why" {
	node alpha --rebalance manual
	sleepers a
	sleepers gpu --node alpha
	run -1 wp-distribute redistribute --to none a
	assert_output 'wp-distribute: error: there is no node "none"'
	run -1 wp-distribute redistribute --to alpha none
	assert_output 'wp-distribute: error: there is no child "none"'
	node beta --limit 0
	run -1 wp-distribute redistribute --to beta a
	assert_output 'wp-distribute: error: child "a" cannot go to node "beta": that is full'
	node gamma
	run -1 wp-distribute redistribute --to gamma gpu
	assert_output 'wp-distribute: error: child "gpu" cannot go to node "gamma": that is not the one that was named'
	wp-distribute drain gamma --no-wait
	run -1 wp-distribute redistribute --to gamma a
	assert_output 'wp-distribute: error: child "a" cannot go to node "gamma": that takes nothing more'
	assert_equal "$(of a NODE,TARGET)" "alpha null"
	over
}

@test "redistribute --to: labels and those that are to be apart hold there, too" {
	node alpha --label x=1 --rebalance manual
	node beta
	sleepers a --require x=1
	run -1 wp-distribute redistribute --to beta a
	assert_output 'wp-distribute: error: child "a" cannot go to node "beta": that has not the labels'
	sleepers b c --anti-affinity word
	run -1 wp-distribute redistribute --to "$(of c NODE)" b
	assert_output --partial "that has one that is to be apart"
	over
}

@test "redistribute --to: one cannot, and the others go: 1" {
	node alpha --rebalance manual
	sleepers a b
	node beta
	run -1 wp-distribute redistribute --to beta a none b
	assert_output 'wp-distribute: error: there is no child "none"'
	until_true are_on beta "a b"
	over
}

@test "redistribute --to: one that is over, or waits for its node" {
	node alpha
	node beta
	wp-distribute start bad --max-restarts 0 -- false >told
	until_event bad 'fail|failed'
	run -1 wp-distribute redistribute --to beta bad
	assert_output 'wp-distribute: error: child "bad" does not run'
	wp-distribute start far --node gamma -- sleep 1000 >told
	until_nowhere far "the node that it is to be on is not there"
	run -1 wp-distribute redistribute --to beta far
	assert_output 'wp-distribute: error: child "far" cannot go to node "beta": that is not the one that was named'
	over
}

@test "redistribute --to: hot: its state goes with it, and it ends only when that has been taken over" {
	stub counter <<-'SH'
		trap 'echo "state of $WP_NODE" >&"$WP_HANDOVER_OUT"; eval "exec $WP_HANDOVER_OUT>&-"' USR2
		if [ -n "$WP_HANDOVER_IN" ]; then
			eval "cat <&$WP_HANDOVER_IN" >"$T/state-of-$WP_NODE"
			eval "echo taken >&$WP_HANDOVER_IN"
			eval "exec $WP_HANDOVER_IN>&-"
		fi
		exec 9<>"$T/never"
		while :; do read -r _ <&9; done
	SH
	mkfifo never
	node alpha --rebalance manual
	wp-distribute start a --migration hot --await -- counter >told
	node beta
	watcher one
	wp-distribute redistribute --to beta a
	until_true are_on beta a
	assert_equal "$(cat state-of-beta)" "state of alpha"
	mark one
	assert_equal "$(told one a)" "running@alpha move@beta hand@alpha take@beta"
	stop_watcher one
	over
}

# refused_move: the child a is to go to beta, and does not, which a watch "one" tells; why is in $reason.
refused_move() {
	node beta
	watcher one
	wp-distribute redistribute --to beta a
	wait_line one.out '"refuse"'
	reason=$(jq -r .reason <<<"$line")
}

@test "redistribute --to: hot: one that does not hand over in time stays, and that is said" {
	local old
	node alpha --rebalance manual
	wp-distribute start a --migration hot --handover-timeout 50ms --await -- sh -c 'trap "" USR2; exec sleep 1000' >told
	old=$(of a PID)
	refused_move
	assert_equal "$reason" "it did not hand over in time"
	wait_line alpha.err 'child "a" does not move: it did not hand over in time'
	assert_equal "$(of a NODE,STATE,PID,TARGET)" "alpha running $old null"
	stop_watcher one
	over
}

@test "redistribute --to: hot: a successor that does not say that it has taken over: the old one stays" {
	local old
	stub silent <<-'SH'
		trap 'eval "exec $WP_HANDOVER_OUT>&-"' USR2
		[ -z "$WP_HANDOVER_IN" ] || exit 3
		exec 9<>"$T/never"
		while :; do read -r _ <&9; done
	SH
	mkfifo never
	node alpha --rebalance manual
	wp-distribute start a --migration hot --await -- silent >told
	old=$(of a PID)
	refused_move
	assert_regex "$reason" '^(exit status 3|the successor did not say that it has taken over)$'
	assert_equal "$(of a NODE,STATE,PID,TARGET)" "alpha running $old null"
	stop_watcher one
	over
}
