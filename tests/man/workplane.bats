load ../helpers

setup() {
	wp_setup
	stub flac <<-'SH'
		[ "$1" = -s ] && echo "$2" >>"$T/flac.ran"
	SH
	touch a.wav "b c.wav"
}

# Which files the stub of flac was called with.
assert_both_ran() {
	run -0 sort "$T/flac.ran"
	assert_output "a.wav
b c.wav"
}

@test "the loop and the pool do the same" {
	manual_block workplane.7 1 >loop
	manual_block workplane.7 2 >pool
	run -0 sh ./loop
	assert_both_ran
	rm flac.ran
	run -0 sh ./pool
	assert_both_ran
}

@test "the list in a queue" {
	manual_block workplane.7 3 >queue
	run -0 sh ./queue
	assert_both_ran
	run -0 sh ./queue
	assert_equal "$(wc -l <flac.ran)" 4
}

@test "members of an object are arguments" {
	stub convert <<-'SH'
		printf '%s\n' "$@" >"$T/convert.ran"
	SH
	manual_block workplane.7 4 | sed 's/^wp-jobs work/& --drain/' >thumbs
	run -0 sh ./thumbs
	run -0 cat convert.ran
	assert_output "a.png
-resize
200x
a.jpg"
}

@test "the pipeline that work is made of" {
	cat >send-mail <<-'SH'
		#!/bin/sh
		cat >>mail.sent
	SH
	chmod +x send-mail
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}'
	manual_block workplane.7 5 | sed 's/produce/& --limit 2/' >pipeline
	run -0 bash -o pipefail ./pipeline
	run -0 sort mail.sent
	assert_output '{"to":"ann"}
{"to":"bob"}'
	run -0 wp-jobs list -n
	assert_output ""
}
