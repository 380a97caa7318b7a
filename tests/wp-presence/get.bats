#!/usr/bin/env bats
# wp-presence get: the entries of a key.

load ../helpers
load presence

setup() {
	wp_setup
	wp-presence track k --ref one -c 5 -u 2 --pid $$ >refs
	wp-presence track k --ref two --pid $$ >>refs
	wp-presence track k --ref three -t other --pid $$ >>refs
	wp-presence track l --ref four --pid $$ >>refs
}

get() { wp-presence get -rno "$@"; }

@test "get: all entries of the key, in the order in which they came" {
	run -0 get REF,CAPACITY k
	assert_output "one 5
two 1"
	run -0 wp-presence get k
	assert_line --index 0 --regexp '^KEY REF +PID CAPACITY IN-USE META$'
	assert_equal "${#lines[@]}" 3
}

@test "get: --topic, by variable as well, and --all-topics" {
	assert_equal "$(get REF k -t other)" three
	assert_equal "$(get REF k --topic other)" three
	assert_equal "$(WP_PRESENCE_TOPIC=other get REF k)" three
	assert_equal "$(get TOPIC,REF k -a)" "workers one
workers two
other three"
	assert_equal "$(get REF k --all-topics | wc -l)" 3
	run -1 wp-presence get l -t other
}

@test "get: a key that nobody has: 1, and nothing on stdout" {
	local options
	for options in "" -J "--format ndjson" "--format openmetrics" "--fetch cat" -a; do
		# shellcheck disable=SC2086 # several words
		run -1 --separate-stderr wp-presence get nobody $options
		assert_output ""
		assert_equal "$stderr" 'wp-presence: error: key "nobody" is not tracked'
	done
}

@test "get: one who has died is not there" {
	worker one dead
	run -0 wp-presence get dead
	kill_worker one
	run -1 wp-presence get dead
	assert_equal "$(history dead)" "join leave:killed"
}

@test "get -J" {
	run -0 wp-presence get k -J
	assert_equal "$(jq -c '[.presence[] | [.key, .ref, .capacity]]' <<<"$output")" '[["k","one",5],["k","two",1]]'
	run -0 wp-presence get k --json --output REF,IN-USE,FREE
	assert_equal "$(jq -c '.presence[0] | [.ref, .free]' <<<"$output")" '["one",3]'
}

@test "get: --pairs, --noheadings, --raw, --output" {
	run -0 wp-presence get k --pairs --output REF
	assert_output 'REF="one"
REF="two"'
	run -0 wp-presence get k --raw --noheadings --output REF
	assert_line --index 0 one
	run -64 wp-presence get k -o COLOUR
	run -64 wp-presence get k -J -P
}

@test "get --format: ndjson, openmetrics and --textfile" {
	run -0 wp-presence get k --format ndjson
	assert_equal "$(jq -r .ref <<<"$output")" "one
two"
	run -0 wp-presence get k --format openmetrics
	assert_line 'workplane_presence_entry_capacity{topic="workers",key="k",ref="one"} 5'
	refute_output --partial four
	wp-presence get k --format openmetrics --textfile k.prom
	assert_equal "$(cat k.prom)" "$output"
	run -64 wp-presence get k --textfile k.prom
	assert_output --partial "--format openmetrics"
}

@test "get --fetch: the entries of the key alone, enriched" {
	run -0 wp-presence get k --format ndjson --fetch 'jq -c "{ref, score: 1}"'
	assert_output '{"ref":"one","score":1}
{"ref":"two","score":1}'
	run -69 --separate-stderr wp-presence get k --fetch false
	assert_output ""
	run -65 wp-presence get k --fetch 'echo word'
}

@test "get: a key that is part of another, a pattern or a mistake" {
	local key
	wp-presence track 'a%' --ref five --pid $$ >ref
	for key in 'a' '%' 'a_' 'K' 'k ' "k' OR 1=1 --"; do
		run -1 wp-presence get "$key"
	done
	run -0 get REF 'a%'
	assert_output five
	run -64 wp-presence get
	run -64 wp-presence get k l
	run -64 wp-presence get k --colour
	assert_output --partial "Try 'wp-presence get --help'"
	run -65 wp-presence get ""
	run -65 wp-presence get k -t ""
}

@test "get: /dev/full and a closed stdout are errors" {
	run -74 bash -c 'wp-presence get k >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-presence get k --format ndjson >/dev/full'
	run -74 bash -c 'wp-presence get k -J >&-'
	assert_output --partial "error:"
}
