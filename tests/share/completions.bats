load ../helpers

# complete_line WORD...: what bash would offer for the last word.
complete_line() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_workplane "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}

setup() {
	wp_setup
	# shellcheck source=../../share/completions/workplane.bash
	source "$TOP/share/completions/workplane.bash"
}

@test "bash: verbs" {
	run -0 complete_line wp-jobs ""
	assert_line add
	assert_line work
	run -0 complete_line wp-jobs wor
	assert_output work
}

@test "bash: options of the verb, and of none but it" {
	run -0 complete_line wp-jobs work --
	assert_line --drain
	refute_line --priority
	run -0 complete_line wp-jobs add -q x --
	assert_line --priority
	refute_line --drain
}

@test "bash: no word is offered for the value of an option" {
	run -0 complete_line wp-jobs work --queue ""
	assert_output ""
}

@test "bash: after -- comes a command" {
	run -0 complete_line wp-jobs work -q x -- sha256s
	assert_output --partial sha256sum
}

@test "bash: an option is offered once, also where a verb has its own of that name" {
	run -0 complete_line wp-jobs list --
	assert_equal "$(sort <<<"$output" | uniq -d)" ""
	assert_line --state
}

@test "bash: states and columns are those that the program knows, also after a comma" {
	run -0 complete_line wp-jobs list --state fa
	assert_output failed
	run -0 complete_line wp-jobs cancel -s failed,in
	assert_output failed,in_progress
	run -0 complete_line wp-jobs list --state = sch
	assert_output scheduled
	run -0 complete_line wp-jobs show -o MAX
	assert_output MAX-ATTEMPTS
	run -0 complete_line wp-jobs stats -o ID
	assert_output ""
	[ ! -e "$WP_STATE" ]
}

@test "bash: queues that have jobs" {
	wp-jobs add -q mail 1 2 >ids
	wp-jobs add -q thumbs 3 >ids
	run -0 complete_line wp-jobs work --queue ""
	assert_output "mail
thumbs"
	WP_JOBS_QUEUE=thumbs run -0 complete_line wp-jobs add -q m
	assert_output mail
}

@test "bash: a command may come without --" {
	run -0 complete_line wp-jobs work -q x sha256s
	assert_output sha256sum
	run -0 complete_line wp-jobs list sha256s
	assert_output ""
}
