load ../helpers
load jobs

@test "all there is to know of a job, as JSON" {
	wp-jobs add -q q -p 3 --max-attempts 4 --unique key --at 2100-01-31T00:00:00Z '{"a":[1]}'
	run -0 wp-jobs show 1
	assert_equal "$(jq -c '.jobs[0] | del(.created)' <<<"$output")" \
		'{"id":1,"queue":"q","state":"scheduled","priority":3,"attempt":0,"max-attempts":4,"due":"2100-01-31T00:00:00.000000Z","worker":null,"host":null,"pid":null,"unique":"key","notify":null,"error":null,"started":null,"ended":null,"payload":{"a":[1]},"output":null}'
}

@test "what became of it: times, error and output" {
	wp-jobs add -q q 1
	run -1 wp-jobs work -q q --drain -- sh -c 'echo got this far; echo "no such host" >&2; exit 65'
	run -0 wp-jobs show 1
	assert_equal "$(jq -c '.jobs[0] | [.state, .error, .output, .attempt]' <<<"$output")" '["failed","no such host","got this far",1]'
	assert_equal "$(jq -c '.jobs[0] | [.created, .ended] | map(. != null)' <<<"$output")" '[true,true]'
}

@test "--pairs, --raw and --output" {
	wp-jobs add -q q 1
	run -0 wp-jobs show 1 -P -o ID,STATE
	assert_output 'ID="1" STATE="available"'
	run -0 wp-jobs show 1 -rn -o ID,STATE
	assert_output '1 available'
	run -0 wp-jobs show -o ID 1
	assert_equal "$(jq -c .jobs <<<"$output")" '[{"id":1}]'
}

@test "a job that is not there: 1" {
	run -1 wp-jobs show 7
	assert_output --partial "no job 7"
}

@test "what is no id is a mistake" {
	local id
	for id in 0 -1 x 1x "" 9223372036854775808; do
		run -64 wp-jobs show -- "$id"
	done
	run -64 wp-jobs show
	run -64 wp-jobs show 1 2
}
