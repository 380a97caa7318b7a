#!/usr/bin/env bats
# wp-presence update: change what is known of an entry.

load ../helpers
load presence

setup() {
	wp_setup
	wp-presence track k --ref one -c 5 -u 1 -m '{"a":1}' --pid $$ >refs
}

entry() { columns CAPACITY,IN-USE,META -a; }

@test "update: what is not named stays" {
	run -0 wp-presence update k --capacity 7
	assert_output ""
	assert_equal "$(entry)" '7 1 {"a":1}'
	wp-presence update k --in-use 3
	assert_equal "$(entry)" '7 3 {"a":1}'
	wp-presence update k --meta '{"b":[2]}'
	assert_equal "$(entry)" '7 3 {"b":[2]}'
	wp-presence update k -c 0 -u 0 -m '{}'
	assert_equal "$(entry)" '0 0 {}'
}

@test "update: atomic with its event, which tells how it is now" {
	wp-presence update k -c 7 -u 2 -m '{"b":2}'
	run -0 sql "SELECT event, capacity, in_use, meta FROM presence_event ORDER BY seq"
	assert_output 'join|5|1|{"a":1}
update|7|2|{"b":2}'
}

@test "update: an event each, from many at once" {
	seq 50 | wp-pool map -j 8 -- wp-presence update k --capacity
	assert_equal "$(sql "SELECT count(DISTINCT capacity) FROM presence_event WHERE key = 'k' AND event = 'update'")" 50
	assert_equal "$(columns CAPACITY)" "$(sql "SELECT capacity FROM presence_event WHERE key = 'k' ORDER BY seq DESC LIMIT 1")"
}

@test "update: of a wrapped command, from anywhere, and from itself" {
	worker one w
	wp-presence update w --in-use 1
	assert_equal "$(wp-presence get w -rno IN-USE)" 1
	end_worker one
	run -0 wp-presence track w -- sh -c 'wp-presence update "$WP_PRESENCE_KEY" --ref "$WP_PRESENCE_REF" --in-use 1; wp-presence get w -rno IN-USE'
	assert_output 1
}

@test "update: more may be in use than there is capacity" {
	wp-presence update k -c 1 -u 4
	assert_equal "$(entry)" '1 4 {"a":1}'
	assert_equal "$(wp-presence capacity --free)" 0
}

@test "update: a key with several entries needs --ref" {
	wp-presence track k --ref two --pid $$ >refs
	run -64 wp-presence update k -u 1
	assert_output 'wp-presence: error: key "k" is tracked 2 times
wp-presence: hint: say which entry is meant with --ref; '"'wp-presence get' lists them"
	wp-presence update k --ref two -u 1 -c 9
	assert_equal "$(columns REF,CAPACITY)" "one 5
two 9"
	run -1 wp-presence update k --ref three -u 1
	assert_output --partial 'with ref "three"'
}

@test "update --topic, by variable as well" {
	wp-presence track k --ref two -t other --pid $$ >refs
	wp-presence update k -t other -c 8
	assert_equal "$(columns REF,CAPACITY -a)" "one 5
two 8"
	WP_PRESENCE_TOPIC=other wp-presence update k -c 9
	assert_equal "$(columns CAPACITY -t other)" 9
	run -1 wp-presence update k -t "no such" -c 9
}

@test "update: a key that nobody has: 1" {
	run -1 wp-presence update nobody -c 1
	assert_output 'wp-presence: error: key "nobody" is not tracked'
	worker one dead
	kill_worker one
	run -1 wp-presence update dead -c 1
	assert_equal "$(history dead)" "join leave:killed"
}

@test "update: mistakes" {
	run -64 wp-presence update k
	assert_output --partial "nothing to change"
	run -64 wp-presence update
	run -64 wp-presence update k l -c 1
	run -64 wp-presence update k -c 1 --colour
	assert_output --partial "Try 'wp-presence update --help'"
	run -65 wp-presence update "" -c 1
	run -65 wp-presence update k --ref "" -c 1
	run -65 wp-presence update k -t "" -c 1
	run -65 wp-presence update k -m '[]'
	assert_output --partial "meta"
	run -65 wp-presence update k -m '{"a":'
	assert_equal "$(entry)" '5 1 {"a":1}'
	assert_equal "$(history k)" join
}
