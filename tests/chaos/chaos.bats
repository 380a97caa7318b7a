#!/usr/bin/env bats
# The plan of tests/chaos, and its checks: that each sees what it is there to see.

load ../helpers

# history.bash with the files of a run in which all went well: two jobs, one of which was tried twice.
setup() {
	wp_setup
	W=$T
	scenario=none
	# shellcheck source=/dev/null
	. "$TOP/tests/chaos/history.bash"
	cat >history <<-'LINES'
		100 start 1 1 1.7.1 50 40 a
		101 finish 1 1 1.7.1 retry a
		102 start 2 1 - 51 41 b.never
		103 finish 2 1 - fail b.never
		104 start 1 2 2.8.1 52 42 a
		105 finish 1 2 2.8.1 ok a
	LINES
	printf '%s\n' 'ok 1 a' 'ok 2 b.never' 'unknown - c' >added
	printf '%s\n' '1|2.8.1|completed' '2|1.9.4|failed' >settled
	printf '%s\n' '2|failed|1||' >rows
	printf '%s\n' '90 signal worker.1 wp-jobs KILL 7' >faults
	printf '%s\n' 'worker.1 137' 'worker.2 0' >ends
	: >roles
}

all_checks() {
	local check
	for check in not_done not_settled_once settled_without_work leases_shared overlaps given_up added_twice ids_missing rows_left crashed; do
		expect "$check" "$check"
	done
	check_nobody_left
}

# sees CHECK: that check alone is not ok.
sees() {
	run -0 all_checks
	assert_equal "$(grep '^not ok' <<<"$output")" "not ok $1"
}

plan() { run -0 "$TOP/tests/chaos/run" --plan "$@"; }

@test "the same seed makes the same plan, another seed another one" {
	local first
	plan -s 7 -t 20
	first=$output
	assert_line --regexp '^queue-postgres [0-9]+ restart_postgres '
	plan -s 7 -t 20
	assert_equal "$output" "$first"
	plan -s 8 -t 20
	[ "$output" != "$first" ]
}

@test "a scenario alone has the plan that it has among others" {
	local first
	plan -s 7 -t 20 -j 1 queue-sqlite queue-postgres
	first=$(grep '^queue-sqlite ' <<<"$output")
	plan -s 7 -t 10 queue-sqlite
	assert_equal "$output" "$first"
}

@test "what is stopped goes on, and a disk that is filled is freed" {
	plan -s 7 -t 60 queue-sqlite
	assert_equal "$(grep -c ' STOP ' <<<"$output")" "$(grep -c ' CONT ' <<<"$output")"
	assert_equal "$(grep -c ' fill_disk$' <<<"$output")" "$(grep -c ' free_disk$' <<<"$output")"
}

@test "mistakes on the command line" {
	run -64 "$TOP/tests/chaos/run" -s x
	run -64 "$TOP/tests/chaos/run" -j 0
	run -64 "$TOP/tests/chaos/run" nonsense
	assert_output --partial 'no scenario "nonsense"'
}

@test "a history without fault" {
	run -0 all_checks
	refute_line --regexp '^not ok'
}

@test "a job that add has told of, and that was never done" {
	echo 'ok 3 d' >>added
	echo '3|1.7.2|completed' >>settled
	run -0 all_checks
	assert_line "not ok not_done"
	assert_line "# job 3 (d) was never done"
	assert_line "not ok settled_without_work"
}

@test "a job that was settled twice, or never" {
	echo '1|2.8.1|completed' >>settled
	sees not_settled_once
	sed -i 1,2d settled
	run -0 all_checks
	assert_line "not ok not_settled_once"
	assert_line "not ok given_up"
}

@test "a job that is settled by a stale lease, or as nobody has said" {
	sed -i 's/2.8.1/1.7.1/' settled
	sees settled_without_work
	sed -i 's/1.7.1/2.8.9/' settled
	sees settled_without_work
}

@test "a lease in two hands" {
	echo '106 start 1 2 2.8.1 53 43 a' >>history
	sees leases_shared
}

@test "a job that two run at a time" {
	echo '106 overlap 1' >>history
	sees overlaps
}

@test "a job that was given up" {
	echo '106 start 3 1 1.7.2 53 43 d
107 finish 3 1 1.7.2 fail d' >>history
	echo 'ok 3 d' >>added
	echo '3|1.7.2|failed' >>settled
	sees given_up
}

@test "a job that was added twice, and one that nobody added" {
	echo '106 start 3 1 1.7.2 53 43 a' >>history
	sees added_twice
	sed -i '$s/ a$/ x/' history
	sees added_twice
}

@test "an id too few" {
	echo 'ok c' >>added
	run -0 all_checks
	assert_line "not ok ids_missing"
}

@test "a job that is left" {
	echo '3|reserved|1|1.7.2|7' >>rows
	sees rows_left
}

@test "a program that crashed, and one to whom no system call had failed" {
	echo 'worker.1 139' >>ends
	sees crashed
	sed -i '$s/139/70/' ends
	sees crashed
	echo '91 fail_calls worker.1 wp-jobs 7 write EIO 1+1 500' >>faults
	run -0 all_checks
	refute_line --regexp '^not ok'
}

@test "a process that is left" {
	export WP_CHAOS_ROLE=none/worker.1
	start left sleep 1000
	unset WP_CHAOS_ROLE
	echo worker.1 >roles
	sees "no process is left"
	finish 137
}
