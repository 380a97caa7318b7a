# What the bats files of wp-distribute share beside ../helpers.

# shellcheck disable=SC2034 # for ../helpers
program=wp-distribute

# Those that were started as nodes, NAME -> pid, as long as they have not been waited for.
declare -gA nodes

# node NAME [OPTION...]: a node in the background, as process NAME, and it is one by now. What its children print is in the files
# NAME.out and NAME.err. Signals reach it as one that was started at a terminal.
node() {
	local name=$1 line
	shift
	start_told "$name" node "$name" "$@" || return
	nodes[$name]=$pid
}

# has_left NAME STATUS: it is none any more, and has ended so.
has_left() {
	local pid=${nodes[$1]}
	unset "nodes[$1]"
	finish "$2" "$pid"
}

# leave NAME...: all are told to at once, and do.
leave() {
	local name
	for name; do
		kill "${nodes[$name]}"
	done
	for name; do
		has_left "$name" 0 || return
	done
}

# kill_node NAME: SIGKILL, and all that it had started has gone with it. The file of the leader's lock is the next leader's.
kill_node() {
	kill_with_children "${nodes[$1]}"
	has_left "$1" 137
	leader_lock=1
}

# sleepers ID... [OPTION...]: children that run by now, and do nothing.
sleepers() { wp-distribute start "$@" --await --timeout 1m -- sleep 1000 >started; }

# of ID COLUMN,...: these columns of "list", a line for each replica.
of() {
	wp-distribute list -J -o "ID,$2" |
		jq -r --arg id "$1" '.children[] | select(.id == $id) | del(.id) | map(tostring) | join(" ")'
}
state_of() { of "$1" STATE; }

# ids [OPTION...]: all that are there, on one line.
ids() { wp-distribute list -rno ID "$@" | paste -sd ' '; }

# until_event CHILD WORDS: until something has happened to it ("fail|exit"), or it is in a state by now ("run|running").
until_event() { until_watched child "$@"; }

# until_nowhere ID REASON: until the one that places has found no node for it.
until_nowhere() { until_true is_nowhere "$@"; }
is_nowhere() { [ "$(of "$1" STATE,REASON)" = "waiting $2" ]; }

# watcher NAME: a watch that listens by now; there is a node. Its lines go to NAME.out.
watcher() {
	start "$1" wp-distribute watch --snapshot
	wait_line "$T/$1.out" '"event":"node"'
}

# mark NAME...: each of these watches has told all that has happened so far.
mark() {
	local name id
	marks=$((${marks-0} + 1))
	id=mark-$marks
	wp-distribute start "$id" --node nowhere -- true >marked
	for name; do
		wait_line "$T/$name.out" "\"start\".*\"child\":\"$id\""
	done
	wp-distribute stop "$id" >marked
}

# told NAME CHILD: event, node and reason of each of its lines, on one line.
told() {
	jq -r --arg child "$2" 'select(.child == $child) | .event + (if .node then "@" + .node else "" end) +
		(if .reason then ":" + .reason else "" end)' "$T/$1.out" | paste -sd ' '
}

# make_obstinate: the command "obstinate NAME", which does not end when it is told to: it says "up PID", "told" when it is told, into
# the FIFO NAME.up, and goes on.
make_obstinate() {
	stub obstinate <<-SH
		trap 'echo told >"$T/\$1.up"' TERM
		echo "up \$\$" >"$T/\$1.up"
		exec 3<>"$T/never"
		while :; do read -r _ <&3; done
	SH
	mkfifo "$T/never"
}

# start_stubborn: the node alpha, from which nothing moves by itself, has the child "stubborn" by now, which does not end when it is told
# to (make_obstinate); its process is in $child.
start_stubborn() {
	open_gate stubborn.up
	make_obstinate
	[ -n "${nodes[alpha]-}" ] || node alpha --rebalance manual
	wp-distribute start stubborn --shutdown-timeout 1h -- obstinate stubborn >told
	wait_line stubborn.up '^up '
	child=${line#up }
}

# over: all children are stopped and all nodes leave, and nothing is left of them nor of anything else.
over() {
	local all
	eval "all=($(wp-distribute list -J -o ID | jq -r '[.children[].id] | unique | @sh'))"
	[ ${#all[@]} -eq 0 ] || wp-distribute stop --await --timeout 30s -- "${all[@]}" >stopped || return
	leave "${!nodes[@]}" || return
	assert_nothing_left
}

# Whoever was there has gone and left nothing: no process, row or lock file.
assert_nothing_left() {
	no_process_left
	assert_equal "$(sql "SELECT (SELECT count(*) FROM node) || ' ' || (SELECT count(*) FROM child) || ' ' || (SELECT count(*) FROM replica)")" "0 0 0"
	assert_equal "$(wp-presence list -an)" ""
	assert_equal "$(find "$WP_STATE" -path "*/live/*" ! -name "${leader_lock:+distribute.leader}")" ""
	assert_equal "$(find "$T" -mindepth 1 -maxdepth 1 -name 'wp-*')" ""
}

# bad_names VERB WHAT [ARGUMENT...]: no child or node (WHAT) can be called so, which comes last: 65.
bad_names() {
	local verb=$1 what=$2
	shift 2
	run -65 wp-distribute "$verb" "$@" ''
	assert_output --partial "the $what is empty"
	run -65 wp-distribute "$verb" "$@" $'a\xff'
	assert_output --partial "the $what is not valid UTF-8"
	run -65 wp-distribute "$verb" "$@" "$(bytes 65537)"
	assert_output --partial "the $what is longer than 65536 bytes"
}

# Names that are allowed, strange as they are.
odd_names() { odd=($'new\nline' 'a/b/../c' ' ' '-' '{id}' '"quoted" \ $HOME' é $'\e[31m' "$(bytes 65536)"); }
