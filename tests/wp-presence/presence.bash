# What the bats files of wp-presence share beside ../helpers.

# worker NAME [OPTION...] KEY: a wrapped command that says "up" and runs until end_worker.
worker() {
	local name=$1
	shift
	[ -x "$T/bin/hold" ] || stub hold <<-'SH'
		echo up
		read -r status <"$1"
		exit "$status"
	SH
	[ -p "$T/$name.gate" ] || mkfifo "$T/$name.gate"
	fifo_fd "$T/$name.gate"
	start "$name" wp-presence track "$@" -- hold "$T/$name.gate"
	wait_line "$T/$name.out" up
}

# end_worker NAME [STATUS]: its command ends with STATUS, and so does the wrapper.
end_worker() {
	local pid_of=pid_$1
	printf '%s\n' "${2-0}" >>"$T/$1.gate"
	finish "${2-0}" "${!pid_of}"
}

# wait_gone PID: until that process has ended. Whoever has inherited it may take its time to reap it.
wait_gone() { until_true has_ended "$1"; }
has_ended() { [ ! -e "/proc/$1" ] || grep -qs '^State:.[ZX]' "/proc/$1/status"; }

# guard_of PID: the guard of a wrapper, in $guard. It is forked, and names itself when it comes to that.
guard_of() { until_true has_guard "$1"; }
has_guard() { guard=$(pgrep -P "$1" -x wp-guard); }

# kill_worker NAME: SIGKILL, until it is reaped and, of a wrapper, all that it has started was killed.
kill_worker() {
	local pid_of=pid_$1 guard=
	! grep -qzx track "/proc/${!pid_of}/cmdline" || guard_of "${!pid_of}"
	kill -KILL "${!pid_of}"
	finish 137 "${!pid_of}"
	[ -z "$guard" ] || wait_gone "$guard"
}

# process NAME: one that does nothing, to be tracked by its pid.
process() { start "$1" sleep 1000; }

# end_process NAME: SIGKILL, and reaped.
end_process() { kill_worker "$1"; }

# columns COLUMN,... [OPTION...]: of those present, raw and without headings.
columns() { wp-presence list -rno "$@"; }

# present [OPTION...]: the keys, in order, on one line.
present() { columns KEY "$@" | LC_ALL=C sort | paste -sd ' '; }

assert_present() { assert_equal "$(present -a)" "$1"; }

# history KEY: what has happened to it by the log.
history() {
	sql "SELECT group_concat(what, ' ') FROM (SELECT event || coalesce(':' || reason, '') AS what
		FROM presence_event WHERE key = '$1' ORDER BY seq)"
}

# watcher NAME [OPTION...]: a watch that listens by now. Its lines go to NAME.out; those about the key
# "ready" come before all others and are no test's business.
watcher() {
	local name=$1 n=0
	shift
	wp-presence track ready --ref "ready-${WP_PRESENCE_TOPIC-workers}" --pid $$ >"$T/ready" 2>&1 || grep -q already "$T/ready"
	start "$name" wp-presence watch "$@"
	# It has no word for being ready, so something is to happen until it says so.
	until [ -s "$T/$name.out" ] || ! kill -0 "$!"; do
		wp-presence update ready --in-use "$((n += 1))"
	done
}

# watched NAME: event, key and reason of each line, one after the other.
watched() {
	jq -r 'select(.key != "ready") | .event + " " + .key + (if .reason then ":" + .reason else "" end)' "$T/$1.out" | paste -sd ' '
}

# blocks PID SIGNAL: wp-presence has set up how it reads its signals, and hears of everything then. A shell blocks some, too, before
# it has become another program.
blocks() {
	local blocked
	[ "$(cat "/proc/$1/comm")" = wp-presence ] || return
	blocked=0x$(awk '/^SigBlk/ { print $2 }' "/proc/$1/status")
	[ $((blocked >> ($(kill -l "$2") - 1) & 1)) -eq 1 ]
}

# Whoever was present has gone and left nothing: no process, row or file.
assert_nothing_left() {
	wp-presence untrack ready >"$T/ready" 2>&1 || true
	no_process_left
	assert_present ""
	assert_equal "$(sql "SELECT count(*) FROM presence")" 0
	assert_equal "$(find "$WP_STATE/live" -type f)" ""
}
