load ../helpers

@test "the handler's answer made by jq is what the page shows" {
	manual_block workplane-stream.5 6 >block
	sed -n '/^\$ /,/^ /p' block | sed 's/^\$ //' >asked
	run -0 sh ./asked
	assert_output "$(tail -n 1 block)"
}

@test "the warm worker answers ok and retry" {
	stub greet <<-'SH'
		[ "$1" = ann ]
	SH
	manual_block workplane-stream.5 7 >worker
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
