#!/usr/bin/env bats
# wp-distribute watch: what happens to nodes and children, as it happens.

load ../helpers
load distribute

# of_nodes NAME: event and node of each line that is of a node alone.
of_nodes() { jq -r 'select(.child == null) | .event + "@" + .node' "$T/$1.out" | paste -sd ' '; }

@test "watch: help" { help_of watch; }

@test "watch: mistakes, and refused state directories" {
	usage watch 'unexpected argument "one"' one
	usage watch colour --colour
	bad_durations watch --timeout
	refused_states watch
}

@test "watch: the life of a child, and nothing else in a line" {
	node alpha
	watcher one
	sleepers a
	wp-distribute stop a --await >told
	mark one
	assert_equal "$(told one a)" "start place@alpha run@alpha stop@alpha stopped@alpha"
	jq -c 'select(.child == "a")' one.out >lines
	assert_equal "$(sed -n 1p lines | jq -c keys_unsorted)" '["event","at","child","replica"]'
	assert_equal "$(sed -n 2p lines | jq -c keys_unsorted)" '["event","at","child","replica","node"]'
	assert_equal "$(sed -n 3p lines | jq -c keys_unsorted)" '["event","at","child","replica","node","pid"]'
	assert_equal "$(sed -n 3p lines | jq .pid)" "$(jq .pid started)"
	[ "$(date -d "$(sed -n 1p lines | jq -r .at)" +%s)" -gt $(($(date +%s) - 600)) ]
	stop_watcher one
	over
}

@test "watch: the life of a node" {
	node alpha
	watcher one
	node beta
	wait_line one.out '"join"'
	assert_equal "$(jq -c 'del(.at)' <<<"$line")" "{\"event\":\"join\",\"node\":\"beta\",\"pid\":$pid_beta}"
	wp-distribute drain beta
	wp-distribute drain beta --undo
	leave beta
	mark one
	assert_equal "$(of_nodes one)" "node@alpha join@beta drain@beta open@beta drain@beta leave@beta"
	stop_watcher one
	over
}

@test "watch: one that ends says how, and one that is started again says so" {
	node alpha
	watcher one
	wp-distribute start good --restart transient -- true >told
	wp-distribute start bad --max-restarts 1 -- sh -c 'exit 7' >told
	wp-distribute start -f - <<<'{"id":"none","command":["true"],"dir":"/no/such"}' >told
	wait_line one.out '"exit".*"good"'
	wait_line one.out '"fail".*"bad"'
	wait_line one.out '"fail".*"none"'
	mark one
	assert_equal "$(told one good)" "start place@alpha run@alpha exit@alpha:exit status 0"
	assert_equal "$(told one bad)" "start place@alpha run@alpha run@alpha fail@alpha:exit status 7, after 1 restarts"
	assert_equal "$(told one none)" 'start place@alpha fail@alpha:cannot change to directory "/no/such": No such file or directory'
	stop_watcher one
	over
}

@test "watch: a node that was killed is heard of at once, without anybody who looks, and so is what it had" {
	node alpha
	sleepers a
	watcher one
	kill_node alpha
	wait_line one.out '"leave"'
	assert_equal "$(jq -c '[.event, .node, .reason]' <<<"$line")" '["leave","alpha","killed"]'
	node beta
	wait_line one.out '"run".*"a"'
	assert_equal "$(jq -r .node <<<"$line")" beta
	stop_watcher one
	over
}

@test "watch: many watchers, and each line once" {
	local n name
	node alpha
	node beta
	for name in one two three; do
		watcher "$name"
	done
	# shellcheck disable=SC2046
	sleepers $(seq -f c%g 30)
	# shellcheck disable=SC2046
	wp-distribute stop --await $(seq -f c%g 30) >told
	mark one two three
	for name in one two three; do
		assert_equal "$(jq -r 'select(.child // "" | startswith("c")) | .event' "$name.out" | sort | uniq -c | tr -s ' ' | paste -sd ,)" \
			" 30 place, 30 run, 30 start, 30 stop, 30 stopped"
		stop_watcher "$name"
	done
	over
}

@test "watch --snapshot: first the nodes and children that are there, with their states" {
	node alpha
	sleepers a
	wp-distribute start bad --max-restarts 0 -- sh -c 'exit 7' >told
	wp-distribute start far --node nowhere -- true >told
	until_event bad 'fail|failed'
	until_nowhere far "the node that it is to be on is not there"
	run -75 wp-distribute watch --snapshot --timeout 10ms
	assert_equal "$(jq -c 'del(.at)' <<<"$output")" "{\"event\":\"node\",\"node\":\"alpha\",\"pid\":$pid_alpha}
{\"event\":\"running\",\"child\":\"a\",\"replica\":0,\"node\":\"alpha\",\"pid\":$(of a PID)}
{\"event\":\"failed\",\"child\":\"bad\",\"replica\":0,\"reason\":\"exit status 7\"}
{\"event\":\"waiting\",\"child\":\"far\",\"replica\":0,\"reason\":\"the node that it is to be on is not there\"}"
	over
}

@test "watch --snapshot: nobody there" {
	run -75 wp-distribute watch --snapshot --timeout 10ms
	assert_output ""
	run -75 wp-distribute --state "$T/new" watch --snapshot --timeout 10ms
	assert_output ""
	[ -d new ]
}

@test "watch: without --snapshot, what happens from then on alone" {
	wp-distribute start before -- true >told
	start one wp-distribute watch
	# It has no word for being ready, so something is to happen until it says so.
	until [ -s one.out ] || ! kill -0 "$pid"; do
		wp-distribute quorum none >told
	done
	wp-distribute start after -- true >told
	wait_line one.out '"after"'
	assert_equal "$(grep -c before one.out)" 0
	stop_watcher one
	wp-distribute stop before after >told
	assert_nothing_left
}

@test "watch: names may be anything that is text, one line each" {
	local odd name
	odd_names
	node alpha
	for name in "${odd[@]}"; do
		watcher one
		wp-distribute start -f - <<<"$(jq -nc --arg id "$name" '{id: $id, command: ["sleep", "1000"]}')" >told
		mark one
		assert_equal "$(jq -r 'select(.event == "start" and (.child | startswith("mark-") | not)) | .child' one.out)" "$name"
		wp-distribute stop --await -- "$name" >told
		stop_watcher one
	done
	over
}

@test "watch --timeout: 75, quietly" {
	run -75 wp-distribute watch --timeout 10ms
	assert_output ""
	run -75 wp-distribute watch --timeout 0
	assert_output ""
}

@test "watch: a signal ends it, with 128 more than its number" {
	local signal
	node alpha
	for signal in TERM HUP INT; do
		start "one$signal" env --default-signal=INT wp-distribute watch --snapshot
		wait_line "one$signal.out" alpha
		kill "-$signal" "$pid"
		finish "$((128 + $(kill -l "$signal")))"
		assert_equal "$(cat "one$signal.err")" ""
	done
	over
}

@test "watch: a reader that goes ends it at once, quietly" {
	node alpha
	start one bash -c 'set -o pipefail; wp-distribute watch --snapshot | head -n 1'
	finish 74
	assert_equal "$(cat one.err)" ""
	assert_equal "$(wc -l <one.out)" 1
	over
}

@test "watch: /dev/full and a closed stdout are errors" {
	node alpha
	run -74 bash -c 'wp-distribute watch --snapshot >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-distribute watch --snapshot >&-'
	assert_output --partial "error:"
	over
}

@test "watch: one who falls behind what is kept says so: 75 (old events stand in for the time that takes)" {
	node alpha
	watcher one
	kill -STOP "$pid_one"
	wp-distribute quorum none >told
	wp-distribute quorum none >told
	sql "DELETE FROM child_event WHERE seq < (SELECT max(seq) FROM child_event)"
	kill -CONT "$pid_one"
	finish 75 "$pid_one"
	assert_equal "$(cat one.err)" "wp-distribute: error: fell behind: some events are not kept any more"
	over
}

@test "watch: the state file deleted under it: it says so and ends" {
	wp-distribute start a -- true >told
	start one wp-distribute watch --snapshot
	wait_line one.out '"waiting"'
	rm "$WP_STATE"/state.db*
	wp-distribute start b -- true >told
	finish 74 "$pid_one"
	assert_equal "$(cat one.err)" "wp-distribute: error: the state file was removed: \"$WP_STATE/state.db\""
}
