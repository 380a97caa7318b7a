load ../helpers

@test "the help, the manual pages and what the completions read name the same verbs, options and defaults" {
	run -0 "$TOP/tests/lint" verbs options pages mentions help
	assert_output ""
}
