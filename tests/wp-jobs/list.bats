load ../helpers
load jobs

setup() {
	wp_setup
	wp-jobs add -q a 1 '{"to":"ann"}' >ids
	wp-jobs add -q b --in 1h 3 >>ids
	wp-jobs add -q b 4 >>ids
	wp-jobs cancel 4 >>ids
}

@test "a table with headings" {
	run -0 wp-jobs list
	assert_line --index 0 --regexp '^ID QUEUE STATE +ATTEMPT DUE +ERROR PAYLOAD$'
	assert_line --index 2 --regexp '^ 2 a +available +0 +\{"to":"ann"\}$'
	assert_equal "${#lines[@]}" 5
}

@test "no jobs: the headings, and status 0" {
	wp-jobs prune --older-than 0 >pruned
	wp-jobs cancel -q a >cancelled
	wp-jobs cancel -q b >cancelled
	wp-jobs prune --older-than 0 >pruned
	run -0 wp-jobs list -n
	assert_output ""
	run -0 wp-jobs list -J
	assert_equal "$(jq -c .jobs <<<"$output")" "[]"
}

@test "--queue, by variable as well" {
	run -0 jobs ID -q b
	assert_output "3
4"
	WP_JOBS_QUEUE=a run -0 wp-jobs list --noheadings --raw --output ID
	assert_output "1
2"
	run -0 jobs ID --queue "no such"
	assert_output ""
}

@test "--state: one or several, long and short" {
	run -0 jobs ID --state scheduled
	assert_output 3
	run -0 jobs ID -s cancelled,available
	assert_output "1
2
4"
	run -0 jobs ID --state available --queue b
	assert_output ""
}

@test "a state that there is not is a mistake" {
	local states
	for states in done "" scheduled, ,available "available scheduled" AVAILABLE; do
		run -64 wp-jobs list --state "$states"
		assert_output --partial "in_progress"
	done
}

@test "--limit" {
	run -0 jobs ID --limit 2
	assert_output "1
2"
	run -64 wp-jobs list --limit 0
	run -64 wp-jobs list --limit -1
}

@test "--json: numbers are numbers, payloads are JSON" {
	run -0 wp-jobs list -J
	assert_equal "$(jq -c '.jobs[1] | [.id, .attempt, .payload, .due]' <<<"$output")" '[2,0,{"to":"ann"},null]'
	run -0 wp-jobs list --json --output ID,CREATED,WORKER
	assert_equal "$(jq -c '.jobs[0] | keys_unsorted' <<<"$output")" '["id","created","worker"]'
	[ "$(date -d "$(jq -r '.jobs[0].created' <<<"$output")" +%s)" -gt $(($(date +%s) - 600)) ]
}

@test "--raw and --pairs" {
	run -0 wp-jobs list -r -o ID,PAYLOAD
	assert_line --index 0 "ID PAYLOAD"
	assert_line --index 2 '2 {"to":"ann"}'
	run -0 wp-jobs list -P -o ID,QUEUE
	assert_line --index 0 'ID="1" QUEUE="a"'
	run -64 wp-jobs list -J -r
}

@test "--output: every column there is, and none that there is not" {
	run -0 wp-jobs list -r -o ID,QUEUE,STATE,PRIORITY,ATTEMPT,MAX-ATTEMPTS,DUE,WORKER,HOST,PID,UNIQUE,NOTIFY,ERROR,CREATED,STARTED,ENDED,PAYLOAD,OUTPUT
	assert_line --index 0 "ID QUEUE STATE PRIORITY ATTEMPT MAX-ATTEMPTS DUE WORKER HOST PID UNIQUE NOTIFY ERROR CREATED STARTED ENDED PAYLOAD OUTPUT"
	run -0 wp-jobs list -rn -o queue,id
	assert_line --index 0 "a 1"
	run -64 wp-jobs list -o ID,COLOUR
	assert_output --partial COLOUR
}

@test "who has a job: worker, host and pid" {
	gated_handler
	start work wp-jobs work -q a -j 1 -- gated
	wait_begun 1
	run -0 jobs HOST,PID --state reserved,in_progress
	assert_output "$(hostname) $pid_work"
	kill "$pid_work"
	pass_gate 0
	finish 0
}

@test "control characters of a payload do not reach the terminal" {
	wp-jobs add -q a --text $'\e[31mred\a' >id
	run -0 wp-jobs list
	refute_output --partial $'\e'
	refute_output --partial $'\a'
}

@test "/dev/full is an error" {
	run -74 bash -c 'wp-jobs list >/dev/full'
	assert_output --partial "No space left"
}

@test "list takes no operands" {
	run -64 wp-jobs list 1
}
