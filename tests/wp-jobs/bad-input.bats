load ../helpers
load jobs

# Whatever comes in: a clear answer or the documented skip, and no job is lost.

# One job that is there before, and after.
setup() {
	wp_setup
	wp-jobs add -q safe '"here"' >ids
}

teardown() {
	if [ -n "${BATS_TEST_COMPLETED-}" ]; then
		[ "$(jobs PAYLOAD,STATE -q safe)" = '"here" available' ] || { echo "the job is lost" && unset BATS_TEST_COMPLETED; }
	fi
	wp_teardown
	[ -n "${BATS_TEST_COMPLETED-}" ]
}

no_jobs_in() { [ -z "$(jobs ID -q "$1")" ]; }

@test "payloads that are not JSON" {
	local payload
	for payload in word "{'a':1}" '{"a":1' '[1,]' '{"a":1,}' 'NaN' '01' '"a' $'"tab\there"' '"\x"' 'nul' '--1' ' ' '1 2'; do
		run -65 wp-jobs add -q q -- "$payload"
		assert_output --partial "error: payload 1"
		run -65 wp-jobs add -q q < <(printf '1\n%s\n' "$payload")
		assert_output --partial "error: line 2"
	done
	no_jobs_in q
}

@test "invalid UTF-8" {
	local bytes
	for bytes in '\xff' '\xc0\xaf' '\xed\xa0\x80' '\xf4\x90\x80\x80' '\xe2\x82'; do
		run -65 wp-jobs add -q q < <(printf '1\n"%b"\n' "$bytes")
		assert_output --partial "line 2"
		run -65 wp-jobs add -q q --text < <(printf 'text\n%b\n' "$bytes")
		assert_output --partial "line 2"
		run -65 wp-jobs add -q q "$(printf '"%b"' "$bytes")"
	done
	no_jobs_in q
}

@test "NUL" {
	run -65 wp-jobs add -q q < <(printf '1\n"a\0b"\n')
	assert_output --partial "line 2"
	run -65 wp-jobs add -q q --text < <(printf 'a\0b\n')
	assert_output --partial "line 1"
	run -65 wp-jobs add -q q < <(printf '1\0\n')
	no_jobs_in q
}

@test "escapes for NUL and for half a surrogate pair come out as they went in" {
	wp-jobs add -q q '"a\u0000b"' '"\ud800"'
	run -0 wp-jobs work -q q -j 1 --drain -- cat
	assert_output '"a\u0000b"
"\ud800"'
}

@test "a line of 64 MiB" {
	head -c 67108864 /dev/zero | tr '\0' x | sed 's/.*/"&"/' >long
	run -65 wp-jobs add -q q <long
	assert_output "wp-jobs: error: line 1: longer than 16777216 bytes"
	run -65 wp-jobs add -q q < <(echo 1 && head -c 67108864 /dev/zero)
	assert_output --partial "line 2"
	no_jobs_in q
}

@test "a payload of the greatest length goes through whole" {
	{ printf '"' && head -c 16773118 /dev/zero | tr '\0' x && printf '"\n'; } >long
	run -65 wp-jobs add -q q < <(sed 's/x/xx/' long)
	assert_output --partial "longer than 16773120 bytes"
	wp-jobs add -q q <long
	run -0 wp-jobs work -q q --drain -- sh -c 'cat >got'
	cmp long got
	wp-jobs add -q q <long
	wp-jobs produce -q q --limit 1 >line
	jq -r .payload line | cmp - <(jq -r . long)
	settle_as ok <line | wp-jobs settle
}

@test "deep nesting" {
	head -c 100000 /dev/zero | tr '\0' '[' >deep
	run -65 wp-jobs add -q q <deep
	run -65 wp-jobs add -q q < <(cat deep && tr '[' ']' <deep)
	no_jobs_in q
}

@test "a missing queue" {
	run -64 wp-jobs add 1
	run -64 wp-jobs work -- true
	run -64 wp-jobs produce --limit 1
	run -0 wp-jobs list -q nowhere -n
	assert_output ""
}

@test "negative numbers, and numbers that are none" {
	local number
	for number in -1 0 1.5 9223372036854775808 "" x 1x " 1" +1 0x10; do
		run -64 wp-jobs add -q q --max-attempts "$number" 1
		run -64 wp-jobs produce -q q --limit "$number"
		run -64 wp-jobs work -q q -j "$number" -- true
	done
	for number in 2147483648 -2147483648 "" x 1.5; do
		run -64 wp-jobs add -q q --priority "$number" 1
	done
	run -64 wp-jobs add -q q --in -5m 1
	run -64 wp-jobs add -q q --in 5 1
	run -64 wp-jobs add -q q --in 1000000d 1
	run -64 wp-jobs work -q q --timeout -1s -- true
	no_jobs_in q
}

@test "dates that do not exist" {
	local time
	for time in 2026-02-30 2026-02-29T00:00:00Z 2026-13-01 2026-01-32 2026-01-31T24:01:00Z 2026-01-31T12:60:00Z \
		tomorrow "" 2026-1-1 2026-01-31T12:00:00+99:00 @x; do
		run -64 wp-jobs add -q q --at "$time" 1
		assert_output --partial "--at"
	done
	wp-jobs add -q leap --at 2028-02-29 1
	no_jobs_in q
}

@test "a queue named '; drop table jobs --" {
	local queue="'; drop table jobs --"
	wp-jobs add -q "$queue" --unique "'; drop table job --" 1
	echo 2 | wp-jobs add -q "$queue"
	run -0 wp-jobs list -q "$queue" -rno PAYLOAD
	assert_output "1
2"
	run -0 wp-jobs stats -q "$queue" -rno AVAILABLE
	assert_output 2
	wp-jobs cancel -q "$queue"
	run -0 wp-jobs prune --older-than 0 -q "$queue"
	assert_output 2
}

@test "lines to settle that are none: each is reported with its number and skipped, the others count" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 2 >lines
	{
		head -n 1 lines | settle_as ok
		printf '%s\n' 'no JSON' '[]' '{}' '' '{"id":1}' '{"id":"1","lease":"x","status":"ok"}' '{"id":1,"lease":"x","status":"perhaps"}' \
			'{"id":-1,"lease":"x","status":"ok"}' '{"id":1,"lease":7,"status":"ok"}' '{"id":1,"lease":"x","status":"ok"'
		printf '{"id":1,"lease":"\xff","status":"o\0k"}\n'
		tail -n 1 lines | settle_as ok
	} >results
	run -1 wp-jobs settle <results
	for n in $(seq 2 12); do
		assert_line --regexp "^wp-jobs: warning: line $n: .*skipped\$"
	done
	refute_line --partial "line 1:"
	refute_line --partial "line 13:"
	no_jobs_in q
}

@test "a result line of 64 MiB is skipped, the next one counts" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 >line
	run -1 wp-jobs settle < <(head -c 67108864 /dev/zero | tr '\0' x && echo && settle_as ok <line)
	assert_line --partial "line 1: longer than"
	no_jobs_in q
}

@test "a truncated line at the end of input is skipped, and its job is still out" {
	wp-jobs add -q q 1 2
	wp-jobs produce -q q --limit 2 >lines
	settle_as ok <lines | head -c -8 >results
	run -1 wp-jobs settle <results
	assert_output --partial "line 2"
	run -0 jobs PAYLOAD,STATE -q q
	assert_output "2 reserved"
}

@test "a whole line without its newline at the end of input counts" {
	wp-jobs add -q q 1
	run -0 bash -c 'wp-jobs produce -q q --limit 1 | jq -cj "{id, lease, status: \"ok\"}" | wp-jobs settle'
	no_jobs_in q
}

@test "results for unknown ids and of wrong leases" {
	wp-jobs add -q q 1
	wp-jobs produce -q q --limit 1 >line
	run -1 wp-jobs settle < <(echo '{"id":9223372036854775807,"lease":"1.1.1","status":"ok"}'
		echo '{"id":1,"lease":"1.1.1","status":"fail"}'
		echo '{"id":2,"lease":"","status":"retry"}'
		echo "{\"id\":2,\"lease\":\"'; drop table job --\",\"status\":\"snooze\"}")
	assert_equal "$(grep -c stale <<<"$output")" 4
	assert_equal "$(jobs STATE -q q)" reserved
}

@test "delays and durations that are none" {
	wp-jobs add -q q 1 2 3 4
	wp-jobs produce -q q --limit 4 >lines
	jq -c '{id, lease, status: "retry", delay: [null, 1e300, -5, "soon"][.id - 2]}' lines >results
	run wp-jobs settle <results
	refute_crash
	assert_equal "$(jobs ID -q q | wc -l)" 4
	wp-jobs cancel -q q
}

@test "a full disk (a file size limit stands in): an error, nothing half added, and what is there stays" {
	only_on sqlite
	wp-jobs list >/dev/null
	seq 100000 | jq -c '{n: ., pad: ("x" * 100)}' >many
	run -74 bash -c 'ulimit -f 2000; trap "" XFSZ; wp-jobs add -q q <many'
	assert_output --partial "error:"
	no_jobs_in q
	wp-jobs add -q q 1
	run -0 wp-jobs work -q q --drain -- echo {}
	assert_output 1
}

@test "a full disk (a file size limit stands in) while work settles: the jobs are there when there is room again" {
	only_on sqlite
	seq 2000 | wp-jobs add -q q >ids
	size=$(($(stat -c %s "$WP_STATE/state.db-wal") / 1024 + 100))
	run bash -c "ulimit -f $size; trap '' XFSZ; wp-jobs work -q q --drain --keep 1h -- true"
	refute_crash
	assert_not_equal "$status" 0
	assert_output --partial "error:"
	run -0 wp-jobs work -q q --drain --keep 1h -- true
	assert_equal "$(count q completed)" 2000
}

@test "stdout that is closed, or full, or has no reader: the jobs were added all the same" {
	run -74 bash -c 'wp-jobs add -q q 1 >&-'
	assert_output --partial "error:"
	run -74 bash -c 'wp-jobs add -q q 2 >/dev/full'
	assert_output --partial "No space left"
	seq 20000 | bash -c 'wp-jobs add -q q | head -n 1' >first
	run -0 jobs PAYLOAD -q q
	assert_equal "${#lines[@]}" 20002
}

@test "stdin that is closed" {
	local verb
	for verb in "add -q q" "settle" "produce -q q --demand -"; do
		run bash -c "wp-jobs $verb <&-"
		refute_crash
		assert_not_equal "$status" 0
		assert_output --partial "cannot read standard input"
	done
	no_jobs_in q
}

@test "stderr that is closed is no place for data" {
	run -65 bash -c 'wp-jobs add -q q word 2>&-'
	run -0 bash -c 'wp-jobs add -q q 1 2>&-'
	run -0 bash -c 'wp-jobs work -q q --drain -- sh -c "echo out; echo err >&2" 2>&-'
	assert_output out
}

@test "work whose stdout is full, or closed: the jobs are done" {
	wp-jobs add -q q 1
	run bash -c 'wp-jobs work -q q --drain -- echo {} >/dev/full'
	refute_crash
	assert_not_equal "$status" 0
	wp-jobs add -q q 2
	run bash -c 'wp-jobs work -q q --drain -- echo {} >&-'
	refute_crash
	assert_equal "$(jobs ID -q q --state reserved,in_progress)" ""
}

@test "a directory, and a file of another kind, in place of the state file" {
	only_on sqlite
	mkdir -p other/state.db
	chmod 700 other
	run wp-jobs --state "$T/other" list
	refute_crash
	assert_not_equal "$status" 0
	mkdir -m 700 third
	head -c 100000 /dev/urandom >third/state.db
	run wp-jobs --state "$T/third" add -q q 1
	refute_crash
	assert_not_equal "$status" 0
	assert_output --partial "third/state.db"
}

@test "a state directory that others can write to is refused" {
	only_on sqlite
	mkdir -m 777 open
	run -77 wp-jobs --state "$T/open" list
	assert_output --partial "$T/open"
}

@test "mistakes on the command line: 64, one line, and where to look" {
	run -64 wp-jobs
	run -64 wp-jobs nonsense
	assert_output --partial '"nonsense"'
	run -64 wp-jobs add -q q --colour 1
	assert_output --partial "Try 'wp-jobs add --help'"
	run -64 wp-jobs add -q
	run -64 wp-jobs list -x
}

@test "--help and --version are answers, on stdout" {
	local verb
	run -0 --separate-stderr wp-jobs --help
	assert_line --partial "Usage:"
	assert_equal "$stderr" ""
	run -0 wp-jobs --version
	assert_output --regexp '^wp-jobs .*[0-9]+\.[0-9]+'
	for verb in $(wp-jobs --list-options | awk -F '\t' '$1 == "verb" { print $2 }'); do
		run -0 wp-jobs "$verb" --help
		assert_line --partial "wp-jobs $verb"
	done
}
