#!/usr/bin/env bats
# wp-registry name: what a consumer is called in a message.

load ../helpers
load registry

@test "name: an address that publish takes, whatever the handle" {
	local handle
	for handle in one $'new\nline' '"quoted" \ /' é; do
		wp-registry define -s 'the "stack"' -- "$handle" cat
		run -0 wp-registry name -s 'the "stack"' -- "$handle"
		assert_equal "${#lines[@]}" 1
		jq -c '.event = "hello"' <<<"$output" >message
		run -0 wp-registry publish <message
		assert_equal "$(jq -c '[.to, .stack, .result, .reply]' <<<"$output")" \
			"$(jq -cn --arg handle "$handle" '[$handle, "the \"stack\"", "delivered", "hello"]')"
	done
	over
}

@test "name: --stack, by variable as well; it looks at nothing" {
	run -0 wp-registry name one
	assert_output '{"to":"one","stack":"default"}'
	run -0 wp-registry name one --stack other
	assert_output '{"to":"one","stack":"other"}'
	WP_REGISTRY_STACK=other run -0 wp-registry name one
	assert_output '{"to":"one","stack":"other"}'
	run -0 wp-registry name "$(bytes 65536)"
	assert_equal "${#output}" 65563
	[ ! -e "$WP_STATE" ]
}

@test "name: bad handles, and mistakes" {
	bad_handles name
	usage name HANDLE
	usage name "unexpected argument" one two
	help_of name
}

@test "name: /dev/full and a closed stdout are errors" {
	wp-registry register one --pid $$
	run -74 bash -c 'wp-registry name one >/dev/full'
	assert_output --partial "No space left"
	run -74 bash -c 'wp-registry name one >&-'
	assert_output --partial "error:"
}
