#!/usr/bin/env bats
# The EXAMPLES of wp-pool(1), as they stand there.

load ../helpers

example() { manual_block wp-pool.1 "$1" >example; }

@test "wp-pool(1): compress every text file" {
	echo 1 >a.txt
	echo 2 >'b c.txt'
	example 1
	run -0 sh ./example
	assert_equal "$(zcat a.txt.gz 'b c.txt.gz')" $'1\n2'
}

@test "wp-pool(1): any file name whatever" {
	echo 1 >$'new\nline.txt'
	example 2
	run -0 sh ./example
	assert_equal "$(zcat $'new\nline.txt.gz')" 1
}

@test "wp-pool(1): members of JSON lines" {
	example 3
	run -0 sh ./example
	assert_output $'w1 is number 1\nw2 is number 2'
}

@test "wp-pool(1): go on where a run was interrupted" {
	example 4
	run -0 sh ./example
	assert_equal "${#lines[@]}" 100
	head -n 51 log >half
	mv half log
	run -0 sh ./example
	assert_equal "${#lines[@]}" 50
}

@test "wp-pool(1): a long-lived worker" {
	example 5
	run -0 sh ./example
	assert_output "$(seq 1000 | sed 's/^/line /')"
}

@test "wp-pool(1): what failed" {
	example 6
	run -0 --separate-stderr sh ./example
	assert_output 3
}
