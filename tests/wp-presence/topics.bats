#!/usr/bin/env bats
# wp-presence topics: the topics that somebody is present under.

load ../helpers
load presence

setup() {
	wp_setup
	wp-presence track a -c 5 -u 7 --pid $$ >refs
	wp-presence track b -c 3 -u 1 --pid $$ >>refs
	wp-presence track c -t batch --pid $$ >>refs
}

@test "topics: sums, in the order of the names" {
	run -0 wp-presence topics
	assert_line --index 0 --regexp '^TOPIC +ENTRIES CAPACITY IN-USE FREE$'
	run -0 wp-presence topics -rn
	assert_output "batch 1 1 0 1
workers 2 8 8 2"
}

@test "topics: nobody: no lines, and status 0" {
	run -0 wp-presence --state "$T/new" topics -n
	assert_output ""
	run -0 wp-presence --state "$T/new" topics -J
	assert_equal "$(jq -c .topics <<<"$output")" "[]"
}

@test "topics: one whose last has died is none" {
	worker one d -t short
	assert_equal "$(wp-presence topics -rno TOPIC | paste -sd ' ')" "batch short workers"
	kill_worker one
	assert_equal "$(wp-presence topics -rno TOPIC | paste -sd ' ')" "batch workers"
}

@test "topics: --json, --pairs, --output" {
	run -0 wp-presence topics -J
	assert_equal "$(jq -c '[.topics[] | [.topic, .entries, .capacity, .free]]' <<<"$output")" '[["batch",1,1,1],["workers",2,8,2]]'
	run -0 wp-presence topics --pairs --output TOPIC,FREE
	assert_line --index 1 'TOPIC="workers" FREE="2"'
	run -0 wp-presence topics --raw --noheadings -o in-use,topic
	assert_line --index 1 "8 workers"
	run -64 wp-presence topics -o COLOUR
	run -64 wp-presence topics -J -r
}

@test "topics: mistakes" {
	run -64 wp-presence topics workers
	run -64 wp-presence topics --topic workers
	assert_output --partial "Try 'wp-presence topics --help'"
}

@test "topics: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-presence topics >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-presence topics -J >&-'
	assert_output --partial "error:"
}
