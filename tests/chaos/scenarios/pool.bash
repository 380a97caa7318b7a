# A pool with a name: its callers, itself, its runners, guards and commands are killed, stopped and ended.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/state.bash"

pace=(100 500)
menu=(
	"2 kill pool 1 wp-pool"
	"4 kill pool 1 exe"
	"1 kill pool 1 wp-guard"
	"1 end pool 1 wp-pool"
	"3 kill caller 4 wp-pool"
	"1 end caller 4 wp-pool"
	"4 kill command 1 chaos_handler"
	"1 pause pool 1 wp-pool 50 2000"
	"2 pause pool 1 exe 50 2000"
	"2 pause caller 4 wp-pool 50 2000"
	"1 pause command 1 chaos_handler 50 1500"
	"1 fail_calls caller 4 wp-pool"
)

set_up() {
	need_strace
	has_role command.1
	: >calls
}

workload() {
	local k
	keep pool.1 wp-pool start p --max 3 --max-concurrency 2 --idle-shutdown-after 300ms --shutdown-timeout 2s --kill-after 1s
	wp-pool wait --timeout "${PATIENCE}s" p || return
	for k in 1 2 3; do
		repeat caller.$k caller $k
	done
	repeat caller.4 caster
}

work() { echo env WP_CHAOS_ROLE="$scenario/command.1" chaos_handler call "$W/history" "$W/locks" "$1" "$2"; }

# caller K: one call, whose status is noted; one in five is tried again where a runner is lost.
caller() {
	local id status word
	called=$((${called-0} + 1))
	id=$1.$called
	set --
	[ $((called % 5)) -ne 0 ] || set -- --retries 3
	[ $# -eq 0 ] || id=$id.again
	# shellcheck disable=SC2046 # words
	once "caller.${id%%.*}" wp-pool call --timeout 20s "$@" p -- $(work "${id%%.*}${called}" "$id")
	echo "call $id $?" >>calls
}
caster() {
	called=$((${called-0} + 1))
	# shellcheck disable=SC2046 # words
	once caller.4 wp-pool cast --timeout 20s p -- $(work "4$called" "4.$called")
	echo "cast 4.$called $?" >>calls
}

settle() {
	end_repeaters
	wp-pool wait --timeout "${PATIENCE}s" p && wp-pool drain --timeout "${PATIENCE}s" p
	wp-pool status p >status.out
	wp-pool call p -- echo well >after 2>&1
	wp-pool drain --undo p
	wp-pool call p -- echo well >after 2>&1
}

calls_wrong() {
	awk 'FILENAME == "history" { n[$2, $3]++; next }
		$1 == "call" && $3 == 0 && (n["finish", $2] < 1 || n["finish", $2] > 1 && $2 !~ /again/) { print "call " $2 " ended with 0, and its work was done " n["finish", $2] + 0 " times" }
		n["start", $2] > ($2 ~ /again/ ? 4 : 1) { print $1 " " $2 " was begun " n["start", $2] " times" }
		($3 == 69 || $3 == 75) && n["start", $2] { print $1 " " $2 " ended with " $3 ", and was begun" }' history calls
}
enough() { [ "$(grep -c '^call .* 0$' calls)" -ge 10 ] || echo "hardly any call succeeded"; }
still_takes_calls() { [ "$(cat after)" = well ] || cat after; }

check() {
	echo "# $(wc -l <calls) calls, $(grep -c ' 0$' calls) with status 0, $(wc -l <faults) faults"
	expect "calls were made" enough
	expect "a call that ended with 0 was done once, one that failed was begun once at most" calls_wrong
	expect "no call ran twice at a time" overlaps
	expect "in the end the pool takes calls" still_takes_calls
	expect "nothing is left in the state" rows_of presence
	expect "no file is left" state_files
}
