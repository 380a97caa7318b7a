#!/usr/bin/env bats
# The backend that workplane-backend(7) shows.

load ../helpers
load ../backends/backends

setup() {
	backends_setup
	export TMPDIR=$T/run
	manual_block workplane-backend.7 5 >backend
	chmod +x backend
}

boot_example() {
	boot "$T/backend"
	runner_dir=$handle
}

@test "workplane-backend(7): the example has 20 lines, and shellcheck likes it" {
	assert_equal "$(wc -l <backend)" 20
	# Every sh that matters has these two of ulimit, and the text in quotes is another shell's.
	shellcheck -e SC2015,SC2016,SC3045 backend
}

@test "workplane-backend(7): the example runs commands in a directory of their own" {
	boot_example
	run -3 --separate-stderr there sh -c 'cat; pwd; echo "$WP_RUNNER_DIR"; echo err >&2; exit 3' <<<in
	assert_output "in
$handle
$handle"
	assert_equal "$stderr" err
	run -0 there printf '<%s>\n' '' "it's" $'new\nline' -- -n
	assert_output $'<>\n<it\'s>\n<new\nline>\n<-->\n<-n>'
	run -127 there no-such-command
	run -0 "$backend" check "$handle"
	end_boot
	assert_nothing_left
	run -125 there true
	run -1 "$backend" check "$handle"
}

@test "workplane-backend(7): the example applies limits, and signals reach the command" {
	boot_example
	WP_LIMIT_MEMORY=204800000 WP_LIMIT_CPU=7 WP_LIMIT_NICE=3 run -0 there sh -c 'ulimit -v; ulimit -t; nice'
	assert_output $'200000\n7\n3'
	start_there term sh -c 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 1000 </dev/null >/dev/null 2>&1 & wait $!; done'
	wait_line "$T/term.out" up
	signal_group TERM "$pid_term"
	finish 9 "$pid_term"
	signal_group KILL "$pid_term" 2>/dev/null || true
	end_boot
	assert_nothing_left
}

@test "workplane-backend(7): the example copies files, and removes them after sudden death" {
	mkdir tree
	echo 1 >tree/file
	echo 2 >file
	boot_example
	"$backend" sync "$handle" tree file
	run -0 there cat tree/file file
	assert_output $'1\n2'
	signal_group KILL "$pid_boot"
	finish 137 "$pid_boot"
	close_boot
	assert_nothing_left
	run -64 "$backend"
	run -64 "$backend" fly
}

@test "workplane-backend(7): a backend is tried by hand as it says there" {
	manual_block workplane-backend.7 6 >try
	run -0 bash ./try
	assert_output --regexp "^$T/run/tmp\.[A-Za-z0-9]+$"
	assert_equal "$(ls -A run)" ""
}

# stand_in_backend NAME: one that notes how it was called, and runs things here.
stand_in_backend() {
	mkdir -p backends
	cat >"backends/$1" <<-'SH'
		#!/bin/sh
		printf '%s|' "$@" >>"$T/calls" && echo >>"$T/calls"
		case $1 in
		boot) echo here && cat ;;
		exec) shift 3 && exec "$@" ;;
		sync) ;;
		*) exit 64 ;;
		esac
	SH
	chmod +x "backends/$1"
	export WP_BACKENDS=$T/backends
}

# pool_example POOL BACKEND CALL...: the pool in the file "example" runs a command, and has called its stand-in so.
pool_example() {
	local pool=$1 backend=$2
	shift 2
	stand_in_backend "$backend"
	sed -i 's/^wp-pool/exec &/' example
	rm -f calls
	start pool sh ./example
	wp-pool wait "$pool"
	run -0 wp-pool call "$pool" -- echo hello
	assert_output hello
	assert_equal "$(wp-pool status -rno BACKEND "$pool")" "$backend"
	wp-pool stop "$pool"
	finish 0 "$pid_pool"
	assert_equal "$(grep -v '^exec' calls)" "$(printf '%s\n' "$@")"
}

@test "workplane-backend(7): pools as it shows them, with stand-ins for the four backends" {
	touch tool
	manual_block workplane-backend.7 1 >example
	pool_example far ssh 'boot|build1|-p|2222|'
	manual_block workplane-backend.7 2 >example
	pool_example box docker 'boot|debian:12|--memory=1g|' "sync|here|$T/tool|"
	manual_block workplane-backend.7 3 >example
	pool_example pods kubectl 'boot|debian:12|-n|batch|'
	manual_block workplane-backend.7 4 >example
	pool_example batch slurm 'boot|-c8|--time=2:00:00|'
}
