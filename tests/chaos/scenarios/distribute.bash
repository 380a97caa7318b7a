# Eight nodes and sixty children, each of which holds a lock of its own: nodes are killed, the leader with preference, stopped, told to leave,
# and drained; children and guards are killed; others are started and stopped meanwhile.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/state.bash"

pace=(150 600)
menu=(
	"3 kill node 8 wp-distribute"
	"2 kill_leader"
	"2 end node 8 wp-distribute"
	"1 kill node 8 wp-guard"
	"3 kill child 1 chaos_handler"
	"2 pause node 8 wp-distribute 50 2500"
	"1 pause child 1 chaos_handler 50 2000"
	"2 drain 8"
	"1 redistribute"
	"1 kill mutator 1 wp-distribute"
)

plan_kill_leader() { echo "$1 kill_leader"; }
plan_redistribute() { echo "$1 redistribute"; }
plan_drain() {
	local at=$1 node
	draw 1 "$2"
	node=n$drawn
	echo "$at drain $node"
	draw 500 3000
	echo "$((at + drawn)) undrain $node"
}

fault_kill_leader() {
	local k pid
	for k in 1 2 3 4 5 6 7 8; do
		while read -r pid _; do
			if find "/proc/$pid/fd" -lname '*/distribute.leader' 2>/dev/null | grep -q .; then
				fault_signal node.$k wp-distribute KILL all
				return
			fi
		done < <("$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/node.$k")
	done
}
fault_drain() { aside wp-distribute drain --no-wait "$1"; }
fault_undrain() { aside wp-distribute drain --undo "$1"; }
fault_redistribute() { aside wp-distribute redistribute; }

set_up() { has_role child.1; }

count=60
child_line() {
	jq -nc --arg id "$1" --arg number "$2" --arg h "$W/history" --arg l "$W/locks" --arg role "$scenario/child.1" \
		'{$id, command: ["chaos_handler", "hold", $h, $l, $number, "{id}", "{node}"], env: {WP_CHAOS_ROLE: $role}}'
}

options=(--max-restarts 1000 --within 1s --shutdown-timeout 1s)
workload() {
	local k
	for k in 1 2 3 4 5 6 7 8; do
		keep "node.$k" wp-distribute node "n$k" --capacity $((k % 3 + 1)) --drain-timeout 2s
	done
	for k in $(seq $count); do
		child_line "c$k" "$k"
	done >lines
	child_line extra 1000 >extra.line
	wp-distribute start -f lines "${options[@]}" >started || return
	repeat mutator.1 mutate
}

# One more, which comes and goes.
mutate() {
	once mutator.1 timeout 20 wp-distribute start --no-check-existing -f extra.line "${options[@]}"
	once mutator.1 timeout 20 wp-distribute stop extra
}

is_running() { [ "$(wp-distribute list -rno STATE 2>>list.err | sort | uniq -c | tr -d ' \n')" = "${count}running" ]; }

settle() {
	local k
	end_repeaters
	for k in 1 2 3 4 5 6 7 8; do
		wp-distribute drain --undo "n$k" >>undrained 2>&1
	done
	until_true 200 stop_extra
	until_true 200 is_running
	wp-distribute list -rno ID,PID >ids
	"$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/child.1" >present
	wp-distribute nodes -rno NODE,PID,STATE >nodes.out
	wp-distribute list >list.out
	cut -d " " -f 1 ids | sort -u | xargs timeout "$PATIENCE" wp-distribute stop --await --timeout "${PATIENCE}s" -- >stopped
}
stop_extra() {
	wp-distribute stop --await extra >>extra.out 2>&1
	! wp-distribute list -rno ID 2>>list.err | grep -qx extra
}

# Each child has one process, which the list names, and no other is there.
not_each_once() {
	[ "$(wc -l <ids)" -eq $count ] || { echo "$(wc -l <ids) are listed" && cat list.out nodes.out; }
	awk 'FILENAME == "present" { pid[$7, $1]; n[$7]++; next }
		n[$1] != 1 { print $1 " has " n[$1] + 0 " processes" }
		!(($1, $2) in pid) { print $1 " is not process " $2 }
		{ known[$1] }
		END { for (id in n) if (!(id in known)) print id " runs, and is not listed" }' present ids
}
enough() { [ "$(grep -c ' up ' history)" -gt $count ] || echo "nothing was ever started again"; }
not_stopped() { grep -v '"result":"stopped"' stopped; }

check() {
	echo "# $(grep -c ' up ' history) starts, $(wc -l <faults) faults"
	expect "children were started again" enough
	expect "each child runs in the end, in one process" not_each_once
	expect "no child ran twice at a time" overlaps
	expect "each can be stopped" not_stopped
	expect "nothing is left in the state" rows_of node child replica
	expect "no file is left" state_files distribute.leader
}
