# The faults: what a line of a plan does. Each is noted before it is done.
# shellcheck shell=bash disable=SC2154

# fault_signal ROLE NAME SIGNAL PICK: nobody there is no mistake, they come and go.
fault_signal() {
	local pick=("$4")
	[ "$4" != all ] || pick=()
	"$BUILD/tests/processes" signal "WP_CHAOS_ROLE=$scenario/$1" "$(kill -l "$3")" "$2" "${pick[@]}" >>"$W/hit"
}

# fault_fail_calls ROLE NAME PICK CALL ERROR WHEN MILLISECONDS: strace looks after the process for so long.
fault_fail_calls() {
	local pid seconds
	pid=$("$BUILD/tests/processes" signal "WP_CHAOS_ROLE=$scenario/$1" 0 "$2" "$3") || return 0
	printf -v seconds %d.%03d $(($7 / 1000)) $(($7 % 1000))
	timeout -s INT -k 5 "$seconds" strace -qq -o "$W/strace.$pid" -e trace="$4" -e inject="$4:error=$5:when=$6" -p "$pid" 2>>"$W/strace" &
	faults+=($!)
}

# The state directory is a small disk of its own.
fault_fill_disk() { cat /dev/zero >"$WP_STATE/filler" 2>/dev/null; }
fault_free_disk() { rm -f "$WP_STATE/filler"; }

# One after the other, and meanwhile the plan goes on.
fault_restart_postgres() {
	(
		flock 9
		env -u WP_CHAOS_RUN "$top/tests/pg" restart "$W/pg" -m "$1" 9>&-
	) 9>"$W/pg.turn" >>"$W/pg.log" 2>&1 &
	faults+=($!)
}

fault_drop_connections() {
	local limit="OFFSET (SELECT $2 % greatest(count(*), 1) FROM s) LIMIT 1"
	[ "$1" != all ] || limit=
	timeout 10 psql -X -q -At -d "$WP_JOBS_DB" -c "WITH s AS (SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'wp-jobs'), one AS (SELECT pid FROM s ORDER BY pid $limit)
		SELECT pg_terminate_backend(pid) FROM one" >>"$W/dropped" 2>&1 &
	faults+=($!)
}

# Milliseconds since the machine was started, without a process.
uptime_ms() {
	local up
	read -r up _ </proc/uptime
	up=${up/./}
	now=$((10#$up * 10))
}

# pause_ms MILLISECONDS: in which nothing happens but what others do.
pause_ms() {
	local seconds
	printf -v seconds %d.%03d $(($1 / 1000)) $(($1 % 1000))
	read -rt "$seconds" -u "$never" _ || true
}

# play FILE: the plan, each line at its time; one that is late comes at once.
play() {
	local at fault args began
	faults=()
	uptime_ms
	began=$now
	while read -r at fault args; do
		uptime_ms
		[ $((began + at)) -le "$now" ] || pause_ms $((began + at - now))
		"$BUILD/tests/note" "$W/faults" "$fault" "$args"
		# shellcheck disable=SC2086 # a list of words
		"fault_$fault" $args
	done <"$1"
	uptime_ms
	[ $((began + end)) -le "$now" ] || pause_ms $((began + end - now))
}

# calm: no fault is at work any more. Whoever is stopped goes on.
calm() {
	local fault role
	[ ! -e "${WP_STATE-}/filler" ] || fault_free_disk
	for fault in "${faults[@]}"; do
		wait "$fault"
	done
	while read -r role; do
		"$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/$role" | cut -d ' ' -f 1 | xargs -r kill -CONT 2>/dev/null
	done <"$W/roles"
}
