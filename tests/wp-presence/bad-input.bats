#!/usr/bin/env bats
# wp-presence: whatever comes in, a clear answer.

load ../helpers
load presence

# Nothing of what was refused is there.
teardown() {
	if [ -n "${BATS_TEST_COMPLETED-}" ] && [ -e "$WP_STATE/state.db" ]; then
		wp-presence list -a --format ndjson >left
		[ ! -s refused ] || [ ! -s left ] || { echo "there all the same: $(cut -c 1-200 left)" && unset BATS_TEST_COMPLETED; }
	fi
	wp_teardown
	[ -n "${BATS_TEST_COMPLETED-}" ]
}

@test "capacity and in-use: negative, fractional, over 2^31 and no numbers" {
	local number
	echo yes >refused
	for number in -1 -5 1.5 0.0 1e3 2147483648 4294967296 9223372036854775808 99999999999999999999999 "" x 1x " 1" +1 0x10 NaN; do
		run -64 wp-presence track k --capacity "$number" --pid $$
		assert_output --partial capacity
		assert_output --partial "Try 'wp-presence track --help'"
		run -64 wp-presence track k --in-use "$number" --pid $$
		run -64 wp-presence track k --capacity "$number" -- touch ran
		run -64 wp-presence track k --capacity "$number" --fd 9
		run -64 wp-presence update k --capacity "$number"
		run -64 wp-presence update k --in-use "$number"
	done
	[ ! -e ran ]
}

@test "capacity and in-use: the least and the greatest" {
	wp-presence track a -c 0 -u 0 --pid $$ >ref
	wp-presence track b -c 2147483647 -u 2147483647 --pid $$ >ref
	assert_equal "$(columns CAPACITY,IN-USE)" "0 0
2147483647 2147483647"
}

@test "meta that is not an object" {
	local meta
	echo yes >refused
	for meta in '[]' '"x"' 1 null true '' ' ' word '{' '{}}' '{"a":}' "{'a':1}" '{"a":1,}' '{"a":1} {"b":2}' '{a:1}' '{"a":"'$'\t''"}' '{"a":"\ud"}' '{"a":01}' "$(bytes 100000 '[')"; do
		run -65 wp-presence track k -m "$meta" --pid $$
		assert_output --partial "meta"
		run -65 wp-presence track k -m "$meta" -- touch ran
		run -65 wp-presence track k -m "$meta" --fd 9
	done
	run -65 wp-presence track k -m $'{"a":"\xff"}' --pid $$
	[ ! -e ran ]
}

@test "meta that is one: kept as it is, and one line" {
	local meta='{"a": {"b": [1, 2.50, 1e400, -0, null]}, "a": 2, "": "\u0000\ud800 é \"q\""}'
	wp-presence track k -m "$meta" --pid $$ >ref
	run -0 wp-presence list --format ndjson
	assert_equal "${#lines[@]}" 1
	assert_output --partial "\"meta\":$meta"
	wp-presence update k -m $'{\n\t"a":\r\n1\n}'
	run -0 wp-presence list --format ndjson
	assert_equal "${#lines[@]}" 1
	assert_equal "$(jq -c .meta <<<"$output")" '{"a":1}'
	wp-presence update k -m "{\"long\":\"$(bytes 120000)\"}"
	assert_equal "$(wp-presence list --format ndjson | jq -r '.meta.long | length')" 120000
}

@test "keys with newlines, slashes, quotes, and what is SQL, a path or a pattern" {
	local key
	for key in $'a\nb' $'\n' $'a\n' / a/b ../../etc/passwd . .. ' ' 'a b' $'tab\t' "'; DROP TABLE presence; --" '%' '*' '"' '\' '$(touch ran)' \
		é 日本語 $'\U1F600' -- -k $'\x01' $'\x7f' "$(bytes 300)"; do
		wp-presence track -c 3 --ref "ref $key" -t "topic $key" -m "$(jq -nc --arg key "$key" '{$key}')" --pid $$ -- "$key" >ref
		assert_equal "$(cat ref; echo .)" "ref $key
."
		run -0 wp-presence get -t "topic $key" --format ndjson -- "$key"
		assert_equal "${#lines[@]}" 1
		assert_equal "$(jq -c --arg key "$key" '[.key == $key, .topic == "topic " + $key, .ref == "ref " + $key, .meta.key == $key]' <<<"$output")" \
			'[true,true,true,true]'
		wp-presence update -t "topic $key" -c 4 -- "$key"
		assert_equal "$(wp-presence capacity -t "topic $key")" 4
		wp-presence wait -t "topic $key" --key "$key"
		wp-presence untrack -t "topic $key" -- "$key" >ref
		wp-presence wait -t "topic $key" --gone "$key"
	done
	[ ! -e ran ]
	assert_present ""
}

@test "keys with newlines: a wrapper's command and a watch get them whole" {
	local key=$'two\nlines'
	run -0 wp-presence track "$key" -- sh -c 'printf "%s." "$WP_PRESENCE_KEY"'
	assert_output "$key."
	wp-presence track "$key" --pid $$ >ref
	run -75 wp-presence watch --snapshot --timeout 20ms
	assert_equal "${#lines[@]}" 1
	assert_equal "$(jq -j .key <<<"$output")" "$key"
	run -0 wp-presence list -rn
	assert_equal "${#lines[@]}" 1
}

@test "keys, topics and refs of 64 KiB" {
	local long
	long=$(bytes 65536)
	wp-presence track "$long" -t "$long" --ref "$long" --pid $$ >ref
	assert_equal "$(cat ref)" "$long"
	assert_equal "$(columns KEY -t "$long")" "$long"
	assert_equal "$(wp-presence topics -rno TOPIC)" "$long"
	wp-presence update "$long" -t "$long" --ref "$long" -u 1
	WP_PRESENCE_TOPIC=$long wp-presence wait --key "$long"
	wp-presence untrack "$long" -t "$long" >ref
	run -0 wp-presence track "$long" -- sh -c 'printf %s "$WP_PRESENCE_KEY" | wc -c'
	assert_output 65536
	run -0 bash -c 'eval "$(wp-presence track "$1" --fd 9)"; wp-presence list -rno KEY | wc -c' bash "$long"
	assert_output 65537
	assert_nothing_left
}

@test "keys, topics and refs that are longer, or empty" {
	local long what
	echo yes >refused
	for long in "$(bytes 65537)" "$(bytes 32769 | sed 's/x/é/g')"; do
		run -65 wp-presence track "$long" --pid $$
		assert_output "wp-presence: error: the key is longer than 65536 bytes"
		run -65 wp-presence track k -t "$long" --pid $$
		assert_output "wp-presence: error: the topic is longer than 65536 bytes"
		run -65 wp-presence track k --ref "$long" --pid $$
		assert_output "wp-presence: error: the ref is longer than 65536 bytes"
		run -65 wp-presence track "$long" -- touch ran
		run -65 wp-presence track "$long" --fd 9
		run -65 wp-presence untrack "$long"
		run -65 wp-presence update "$long" -c 1
		run -65 wp-presence get "$long"
		run -65 wp-presence wait --key "$long"
		run -65 wp-presence wait --gone "$long"
		for what in list capacity watch; do
			run -65 wp-presence "$what" -t "$long"
		done
	done
	for what in "" "-t ''" "--ref ''"; do
		run -65 bash -c "wp-presence track ${what:-''} ${what:+k} --pid $$"
		assert_output --partial "is empty"
	done
	[ ! -e ran ]
}

@test "invalid UTF-8" {
	local text
	echo yes >refused
	for text in $'\xff' $'a\xc0\xafb' $'\xed\xa0\x80' $'\xf4\x90\x80\x80' $'\xe2\x82' $'\x80'; do
		run -65 wp-presence track "$text" --pid $$
		assert_output "wp-presence: error: the key is not valid UTF-8"
		run -65 wp-presence track k -t "$text" --pid $$
		assert_output "wp-presence: error: the topic is not valid UTF-8"
		WP_PRESENCE_TOPIC=$text run -65 wp-presence track k --pid $$
		run -65 wp-presence track k --ref "$text" --pid $$
		assert_output "wp-presence: error: the ref is not valid UTF-8"
		run -65 wp-presence track "$text" -- touch ran
		run -65 wp-presence track "$text" --fd 9
		run -65 wp-presence untrack "$text"
		run -65 wp-presence update "$text" -c 1
		run -65 wp-presence get "$text"
		run -65 wp-presence wait --key "$text"
		run -65 wp-presence list -t "$text"
		run -65 wp-presence capacity -t "$text"
		run -65 wp-presence watch -t "$text"
	done
	[ ! -e ran ]
}

@test "variables that are empty, or no topics" {
	WP_PRESENCE_TOPIC='' run -0 wp-presence track k --pid $$
	assert_equal "$(columns TOPIC -a)" workers
	WP_STATE='' HOME='' XDG_STATE_HOME='' run wp-presence --state "" list
	assert_equal "$status" 64
	assert_output --partial "empty"
}

@test "mistakes on the command line: 64, one line, and where to look" {
	run -64 wp-presence
	run -64 wp-presence nonsense
	assert_output --partial '"nonsense"'
	run -64 wp-presence list --colour
	assert_output --partial "Try 'wp-presence list --help'"
	run -64 wp-presence --state
	run -64 wp-presence watch --timeout
}

@test "--help and --version are answers, on stdout" {
	local verb
	run -0 --separate-stderr wp-presence --help
	assert_line --partial "Usage:"
	assert_equal "$stderr" ""
	run -0 wp-presence --version
	assert_output --regexp '^wp-presence .*[0-9]+\.[0-9]+'
	for verb in $(wp-presence --list-options | awk -F '\t' '$1 == "verb" { print $2 }'); do
		run -0 wp-presence "$verb" --help
		assert_line --partial "wp-presence $verb"
	done
	run -74 bash -c 'wp-presence --help >/dev/full'
}

@test "stdin and stderr that are closed" {
	run -0 bash -c 'wp-presence track k --pid $$ <&- && wp-presence list -rno KEY <&-'
	assert_line k
	run -1 bash -c 'wp-presence get nobody 2>&-'
	assert_output ""
	run -0 bash -c 'wp-presence track k -- sh -c "echo out; echo err >&2 || true" 2>&-'
	assert_output --partial out
	run -0 bash -c 'wp-presence track k -- sh -c "wp-presence list -rno KEY" <&-'
	assert_output k
}
