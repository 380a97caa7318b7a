#!/usr/bin/env bats
# wp-presence list: who is present.

load ../helpers
load presence

setup() {
	wp_setup
	wp-presence track a --ref one -c 5 -u 2 -m '{"zone":"eu"}' --pid $$ >refs
	wp-presence track b --ref two --pid $$ >>refs
	wp-presence track c --ref three -t other -c 3 -u 4 --pid $$ >>refs
}

# An "add": each entry with a member more.
add='jq -c ".score = .capacity * 2"'

@test "list: a table with headings" {
	run -0 wp-presence list
	assert_line --index 0 --regexp '^KEY REF +PID CAPACITY IN-USE META$'
	assert_line --index 1 --regexp "^a   one +$$ +5 +2 \{\"zone\":\"eu\"\}\$"
	assert_line --index 2 --regexp "^b   two +$$ +1 +0 \{\}\$"
	assert_equal "${#lines[@]}" 3
}

@test "list: in the order in which they came" {
	wp-presence track "0" --pid $$ >ref
	assert_equal "$(columns KEY)" "a
b
0"
}

@test "list: nobody: no lines, and status 0" {
	run -0 wp-presence list -n -t "no such"
	assert_output ""
	run -0 wp-presence list -J -t "no such"
	assert_equal "$(jq -c .presence <<<"$output")" "[]"
	run -0 wp-presence list --format ndjson -t "no such"
	assert_output ""
	run -0 wp-presence --state "$T/new" list -n
	assert_output ""
}

@test "list: --topic, by variable as well, and --all-topics" {
	assert_equal "$(columns KEY)" "a
b"
	assert_equal "$(columns KEY -t other)" c
	assert_equal "$(columns KEY --topic other)" c
	assert_equal "$(WP_PRESENCE_TOPIC=other columns KEY)" c
	assert_equal "$(WP_PRESENCE_TOPIC=other columns KEY -t workers)" "a
b"
	assert_equal "$(columns KEY -a)" "a
b
c"
	assert_equal "$(WP_PRESENCE_TOPIC=other columns KEY --all-topics)" "a
b
c"
	run -65 wp-presence list -t ""
	assert_output --partial "the topic is empty"
}

@test "list: --output: every column there is, and none that there is not" {
	run -0 wp-presence list -ra -o TOPIC,KEY,REF,PID,CAPACITY,IN-USE,FREE,META
	assert_output "TOPIC KEY REF PID CAPACITY IN-USE FREE META
workers a one $$ 5 2 3 {\"zone\":\"eu\"}
workers b two $$ 1 0 1 {}
other c three $$ 3 4 0 {}"
	run -0 wp-presence list -rn -o +TOPIC
	assert_line --index 1 "b two $$ 1 0 {} workers"
	run -0 columns free,key
	assert_line --index 0 "3 a"
	run -64 wp-presence list -o KEY,COLOUR
	assert_output --partial COLOUR
}

@test "list: since when, and when it was changed last" {
	local now since updated
	now=$(date +%s)
	wp-presence update a -u 3
	read -r since updated < <(columns SINCE,UPDATED)
	[ "$(date -d "$since" +%s)" -gt $((now - 600)) ]
	[[ $updated > $since ]]
}

@test "list: --json: numbers are numbers, meta is JSON" {
	run -0 wp-presence list -J
	assert_equal "$(jq -c '.presence[0] | [.key, .ref, .capacity, .["in-use"], .meta.zone]' <<<"$output")" '["a","one",5,2,"eu"]'
	run -0 wp-presence list --json --output FREE,TOPIC
	assert_equal "$(jq -c '.presence[0] | [.free, .topic]' <<<"$output")" '[3,"workers"]'
}

@test "list: --raw, --pairs and --noheadings" {
	run -0 wp-presence list -r -o KEY,REF
	assert_output "KEY REF
a one
b two"
	run -0 wp-presence list --pairs --output KEY,REF
	assert_line --index 0 'KEY="a" REF="one"'
	run -0 wp-presence list --noheadings
	assert_line --index 0 --regexp '^a '
	run -64 wp-presence list -J -r
	run -64 wp-presence list -P -r
}

@test "list: --format ndjson: an object a line" {
	run -0 wp-presence list -a --format ndjson
	assert_equal "${#lines[@]}" 3
	assert_equal "$(jq -c 'del(.joined_at, .updated_at)' <<<"${lines[0]}")" \
		"{\"topic\":\"workers\",\"key\":\"a\",\"ref\":\"one\",\"pid\":$$,\"capacity\":5,\"in_use\":2,\"meta\":{\"zone\":\"eu\"}}"
	assert_regex "$(jq -r .joined_at <<<"${lines[2]}")" '^[0-9-]{10}T[0-9:.]+Z$'
	run -64 wp-presence list --format xml
	assert_output --partial openmetrics
}

@test "list: --format openmetrics: a sample of each gauge an entry" {
	run -0 wp-presence list -a --format openmetrics
	assert_line --index 0 --partial "# HELP workplane_presence_entry_capacity "
	assert_line --index 1 "# TYPE workplane_presence_entry_capacity gauge"
	assert_line --index 2 'workplane_presence_entry_capacity{topic="workers",key="a",ref="one"} 5'
	assert_line 'workplane_presence_entry_in_use{topic="other",key="c",ref="three"} 4'
	assert_equal "$(grep -c ^workplane_presence_entry_capacity <<<"$output")" 3
	assert_equal "${lines[-1]}" "# EOF"
}

@test "list: --format openmetrics: labels hold any key" {
	wp-presence track -t t $'new\nline "quoted" back\\slash é' --ref r --pid $$ >ref
	run -0 wp-presence list -t t --format openmetrics
	assert_line 'workplane_presence_entry_capacity{topic="t",key="new\nline \"quoted\" back\\slash é",ref="r"} 1'
}

@test "list: --textfile: whole, by renaming, and others may read it" {
	(umask 022 && wp-presence list --format openmetrics --textfile "$T/w.prom")
	cmp w.prom <(wp-presence list --format openmetrics)
	assert_equal "$(stat -c %a w.prom)" 644
	ln w.prom before
	wp-presence list -a --format openmetrics --textfile w.prom
	assert_equal "$(grep -c '^[^#]' before)" 4
	assert_equal "$(grep -c '^[^#]' w.prom)" 6
	assert_equal "$(ls)" "$(printf '%s\n' before refs state w.prom)"
}

@test "list: --textfile that cannot be written: what was there stays" {
	echo before >w.prom
	run -74 wp-presence list --format openmetrics --textfile "$T/missing/w.prom"
	assert_output --partial "$T/missing/w.prom"
	mkdir dir
	run -74 wp-presence list --format openmetrics --textfile "$T/dir"
	assert_equal "$(ls)" "$(printf '%s\n' dir refs state w.prom)"
	run -74 bash -c 'ulimit -f 0; trap "" XFSZ; wp-presence list --format openmetrics --textfile w.prom'
	assert_equal "$(cat w.prom)" before
	assert_equal "$(ls)" "$(printf '%s\n' dir refs state w.prom)"
	run -64 wp-presence list --textfile w.prom
	assert_output --partial "--format openmetrics"
	run -64 wp-presence list --format ndjson --textfile w.prom
	assert_equal "$(cat w.prom)" before
}

# --fetch

@test "list --fetch: the command gets the lines and returns them enriched" {
	run -0 wp-presence list -a --format ndjson --fetch "tee got | $add"
	assert_equal "$(jq -c '[.key, .score]' <<<"$output")" '["a",10]
["b",2]
["c",6]'
	cmp got <(wp-presence list -a --format ndjson)
}

@test "list --fetch: --json shows whole objects, or the columns asked for" {
	run -0 wp-presence list -J --fetch "$add"
	assert_equal "$(jq -c '.presence[0] | [.key, .score, .in_use]' <<<"$output")" '["a",10,2]'
	run -0 wp-presence list -J -o KEY --fetch "$add"
	assert_equal "$(jq -c '.presence[0]' <<<"$output")" '{"key":"a"}'
	run -0 wp-presence list -J --fetch 'cat >got'
	assert_equal "$(jq -c .presence <<<"$output")" "[]"
}

@test "list --fetch: what it changes and leaves out is seen in every format" {
	local fetch='jq -c "select(.key == \"a\") | .capacity = 50 | .meta.load = 0.5 | .key = \"A\""'
	run -0 columns KEY,CAPACITY,FREE,META --fetch "$fetch"
	assert_output 'A 50 48 {"zone":"eu","load":0.5}'
	run -0 wp-presence list --format openmetrics --fetch "$fetch"
	assert_line 'workplane_presence_entry_capacity{topic="workers",key="A",ref="one"} 50'
	assert_equal "$(grep -c '^[^#]' <<<"$output")" 2
}

@test "list --fetch: members that are missing or of another kind do no harm" {
	run -0 wp-presence list -rn -o KEY,CAPACITY,META --fetch 'echo "{}"; echo "{\"key\":7,\"capacity\":\"x\",\"meta\":[1]}"; echo "{\"key\":null}"'
	assert_equal "${#lines[@]}" 3
	assert_line --index 1 "7 x [1]"
	run -0 wp-presence list --format openmetrics --fetch 'echo "{\"key\":{},\"capacity\":\"x\"}"'
	assert_line --partial 'key="{}"'
	run wp-presence list -J -o KEY,CAPACITY,META --fetch 'echo "{\"key\":7,\"capacity\":\"x\",\"meta\":[1]}"'
	refute_crash
}

@test "list --fetch: a failing command is an error, not an empty list" {
	local format
	for format in table ndjson openmetrics; do
		run -69 --separate-stderr wp-presence list --format "$format" --fetch 'cat; exit 3'
		assert_output ""
		assert_equal "$stderr" "wp-presence: error: the fetch command ended with exit status 3"
	done
	run -69 --separate-stderr wp-presence list -J --fetch 'kill -KILL $$'
	assert_output ""
	assert_equal "$stderr" "wp-presence: error: the fetch command was killed by signal 9"
	run -69 wp-presence list --fetch 'no-such-command 2>/dev/null'
	assert_output --partial "exit status 127"
}

@test "list --fetch: a command that prints what is no object is an error" {
	local text
	for text in word '[]' '"x"' '{"a":1' '{"a":1}{"b":2}' '1' '{"a":"\ud"}'; do
		run -65 --separate-stderr wp-presence list --fetch "cat; printf '%s\n' '$text'"
		assert_output ""
		assert_equal "$stderr" "wp-presence: error: the fetch command printed what is no JSON object: line 3"
	done
	run -65 wp-presence list --fetch 'printf "{\"a\":\"\377\"}\n"'
	run -65 wp-presence list --fetch 'printf "{}\n\n{}\n"'
	assert_output --partial "line 2"
}

@test "list --fetch: a last line without its newline counts" {
	run -0 wp-presence list --format ndjson --fetch 'printf "{\"a\":1}"'
	assert_output '{"a":1}'
	run -0 wp-presence list -rno KEY --fetch 'printf "{\"key\":\"x\"}"'
	assert_output x
}

@test "list --fetch: a command that does not read, or reads late" {
	local n
	for n in $(seq 3); do
		wp-presence track "big$n" -t big -m "{\"x\":\"$(head -c 100000 /dev/zero | tr '\0' x)\"}" --pid $$ >ref
	done
	run -0 wp-presence list -t big --format ndjson --fetch 'exec <&-; echo "{\"key\":\"x\"}"'
	assert_output '{"key":"x"}'
	run -0 wp-presence list -t big -rno KEY --fetch 'exec 7<&0; cat <&7 >late; cat late'
	assert_equal "${#lines[@]}" 3
	run -0 wp-presence list -t big -rno KEY --fetch 'echo "{\"key\":\"first\"}"; cat'
	assert_equal "${#lines[@]}" 4
}

@test "list --fetch: it is run once, also for nobody, and its stderr is seen" {
	run -0 --separate-stderr wp-presence list -t "no such" --fetch 'echo run >>runs; echo note >&2; cat'
	assert_equal "$(cat runs)" run
	assert_equal "$stderr" note
}

@test "list: control characters do not reach the terminal" {
	wp-presence track $'\e[31mred\a' -m '{"a":"\u001b[0m"}' --pid $$ >ref
	run -0 wp-presence list
	refute_output --partial $'\e'
	refute_output --partial $'\a'
}

@test "list: it takes no operands" {
	run -64 wp-presence list a
	run -64 wp-presence list --colour
	assert_output --partial "Try 'wp-presence list --help'"
}

@test "list: /dev/full and a closed stdout are errors in every format" {
	local options
	for options in "" -J -P -r "--format ndjson" "--format openmetrics" "-J --fetch cat"; do
		run -74 bash -c "wp-presence list $options >/dev/full"
		assert_output --partial "No space left"
		run -74 bash -c "wp-presence list $options >&-"
		assert_output --partial "error:"
	done
}

@test "list: a reader that has gone is no message" {
	seq 500 | wp-pool map -j 8 -- wp-presence track -t crowd --pid $$ -m "{\"x\":\"$(head -c 1000 /dev/zero | tr '\0' x)\"}" >refs
	run bash -c 'set -o pipefail; wp-presence list -t crowd --format ndjson | head -n 1'
	assert_equal "${#lines[@]}" 1
	assert_equal "$status" 74
}
