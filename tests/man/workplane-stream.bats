load ../helpers

@test "the handler's answer made by jq is what the page shows" {
	manual_block workplane-stream.5 7 >block
	sed -n '/^\$ /,/^ /p' block | sed 's/^\$ //' >asked
	run -0 sh ./asked
	assert_output "$(tail -n 1 block)"
}

@test "the warm worker answers ok and retry" {
	stub greet <<-'SH'
		[ "$1" = ann ]
	SH
	manual_block workplane-stream.5 8 >worker
	cat >jobs.in <<-'JOBS'
		{"id":1,"queue":"q","payload":{"to":"ann"},"lease":"a"}
		{"id":2,"queue":"q","payload":{"to":"bob"},"lease":"b"}
	JOBS
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- sh ./worker <jobs.in
	echo "$output" | jq -r '"\(.id) \(.lease) \(.status) \(.error)"' >got
	run -0 grep -v started got
	assert_output - <<-'GOT'
		1 a ok null
		2 b retry nobody there
	GOT
}

@test "the shortest answer, the job line and the result line are lines of their kind" {
	stub handler <<-'SH'
		exit 3
	SH
	manual_block workplane-stream.5 1 | tr -d "\n" >job.in
	run -1 --separate-stderr wp-pool map --jobs -- handler <job.in
	assert_equal "$(jq -c '[.id, .lease, .status, .exit]' <<<"$output")" '[7,"...","retry",3]'
	assert_equal "$(manual_block workplane-stream.5 3 | jq -c keys)" '["duration","error","exit","id","lease","status"]'
	assert_equal "$(manual_block workplane-stream.5 4 | jq -c .)" '{"status":"ok"}'
}

# The names of an object's members, in the order in which they stand there.
members() { jq -c keys_unsorted; }

@test "event lines and entry lines have the members that the page shows" {
	start watch wp-presence watch --snapshot
	wp-presence track worker-1 --ref r --meta '{"a":1}' -- true
	wait_line "$T/watch.out" '"leave"'
	assert_equal "$(members <<<"$line")" "$(manual_block workplane-stream.5 5 | members)"
	kill "$pid_watch"
	finish 143 "$pid_watch"
	wp-presence track worker-1 --pid $$ --meta '{"a":1}' >refs
	wp-presence list --format ndjson >entry
	assert_equal "$(members <entry)" "$(manual_block workplane-stream.5 6 | members)"
	wp-presence watch --snapshot --timeout 1ms >present || [ $? -eq 75 ]
	assert_equal "$(jq -c '[.event, .topic, .key, .meta, has("reason")]' present)" '["present","workers","worker-1",{"a":1},false]'
	assert_equal "$(jq -r .at present)" "$(jq -r .joined_at entry)"
}

@test "a fetch command prints entry lines with what it adds, and may leave out what it likes" {
	manual_block workplane-stream.5 6 | jq -c '.owner = "ann"' >with-more
	wp-presence track worker-1 --pid $$ >refs
	run -0 wp-presence list --fetch 'cat with-more' --format ndjson
	assert_output "$(cat with-more)"
	run -0 wp-presence list --fetch 'echo "{\"key\":\"k\"}"' -rno KEY,PID,CAPACITY
	assert_line --regexp '^k '
}
