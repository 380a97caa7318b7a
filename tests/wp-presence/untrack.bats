#!/usr/bin/env bats
# wp-presence untrack: remove entries, whoever they belong to.

load ../helpers
load presence

# Entries of this process: refs one, two under key k; three under key k of another topic; four under key l.
setup() {
	wp_setup
	wp-presence track k --ref one --pid $$ >refs
	wp-presence track k --ref two --pid $$ >>refs
	wp-presence track k --ref three -t other --pid $$ >>refs
	wp-presence track l --ref four --pid $$ >>refs
}

untrack_all() {
	wp-presence untrack k >untracked
	wp-presence untrack l >untracked
	wp-presence untrack k -t other >untracked
}

refs() { columns REF -a | paste -sd ' '; }

@test "untrack: all entries of the key, in that topic; their refs are printed" {
	run -0 wp-presence untrack k
	assert_output "one
two"
	assert_equal "$(refs)" "three four"
	assert_equal "$(sql "SELECT group_concat(ref || ' ' || reason) FROM presence_event WHERE event = 'leave'")" "one untracked,two untracked"
}

@test "untrack --ref: only that one" {
	run -0 wp-presence untrack k --ref two
	assert_output two
	assert_equal "$(refs)" "one three four"
	run -1 wp-presence untrack k --ref two
	assert_output 'wp-presence: error: key "k" is not tracked with ref "two"'
	run -1 wp-presence untrack k --ref four
	assert_equal "$(refs)" "one three four"
}

@test "untrack --topic, by variable as well" {
	run -0 wp-presence untrack k -t other
	assert_output three
	WP_PRESENCE_TOPIC=other run -1 wp-presence untrack k
	wp-presence track k --ref five --topic other --pid $$ >ref
	WP_PRESENCE_TOPIC=other run -0 wp-presence untrack k
	assert_output five
	assert_equal "$(refs)" "one two four"
}

@test "untrack --dry-run: says which, and removes none" {
	run -0 wp-presence untrack k --dry-run
	assert_output "one
two"
	run -0 wp-presence untrack k -n --ref two
	assert_output two
	assert_equal "$(refs)" "one two three four"
	run -1 wp-presence untrack -n nobody
}

@test "untrack: a key that nobody has: 1" {
	run -1 wp-presence untrack nobody
	assert_output 'wp-presence: error: key "nobody" is not tracked'
	run -1 wp-presence untrack k -t "no such"
}

@test "untrack: one who has died is not there any more" {
	worker one dead
	kill_worker one
	run -1 wp-presence untrack dead
	assert_equal "$(history dead)" "join leave:killed"
}

@test "untrack: the wrapper goes on, and its end is no second leave" {
	worker one w
	run -0 wp-presence untrack w
	run -1 wp-presence get w
	end_worker one 3
	assert_equal "$(history w)" "join leave:untracked"
	untrack_all
	assert_nothing_left
}

@test "untrack: who was untracked does not come back by itself" {
	untrack_all
	worker one w1
	wp-presence untrack w1 >untracked
	# Who came later looks after its files later.
	worker two w2
	rm state/live/presence.*
	wait_line two.err "tracked again"
	wp-presence wait --key w2 --timeout "${PATIENCE}s"
	assert_present w2
	assert_equal "$(cat one.err)" ""
	end_worker one
	end_worker two
	assert_equal "$(history w1)" "join leave:untracked"
	assert_nothing_left
}

@test "untrack: the number of who lives on untracked is nobody else's" {
	local n
	untrack_all
	for n in 1 2 3; do
		worker "w$n" "w$n"
		wp-presence untrack "w$n" >untracked
	done
	for n in 4 5 6; do
		worker "w$n" "w$n"
	done
	assert_present "w4 w5 w6"
	for n in 1 2 3; do
		end_worker "w$n"
		assert_present "w4 w5 w6"
	done
	for n in 4 5 6; do
		kill_worker "w$n"
	done
	assert_nothing_left
}

@test "untrack: the shell with a descriptor goes on, and can be tracked with another" {
	run -0 bash -c 'eval "$(wp-presence track s --fd 9)"; wp-presence untrack s; echo "$WP_PRESENCE_REF"
		exec 9>&-; eval "$(wp-presence track s --fd 9)"; wp-presence list -rno REF; echo "$WP_PRESENCE_REF"'
	assert_equal "${lines[0]}" "${lines[1]}"
	assert_line --index 6 "${lines[5]}"
	# Whose file was in use when its entry went: the next who needs one removes it.
	assert_present "k k k l"
	touch -d '2 minutes ago' state/live/fd.*
	wp-presence track s --fd 9 >code
	assert_equal "$(find state/live -type f)" ""
}

@test "untrack: mistakes" {
	run -64 wp-presence untrack
	run -64 wp-presence untrack k l
	run -64 wp-presence untrack -a k
	assert_output --partial "Try 'wp-presence untrack --help'"
	run -65 wp-presence untrack ""
	run -65 wp-presence untrack k --ref ""
	run -65 wp-presence untrack k -t ""
	assert_equal "$(refs)" "one two three four"
}

@test "untrack: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-presence untrack k >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-presence untrack l >&-'
	assert_output --partial "error:"
}
