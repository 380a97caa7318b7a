# What the bats files about named pools share beside ../helpers.
#
# The pool NAME is started as process "pool_NAME": its stderr is pool_NAME.err.

# pool NAME [OPTION...]: one that is ready.
pool() {
	local name=$1
	shift
	start "pool_$name" wp-pool start "$name" "$@"
	wp-pool wait "$name" --timeout "${PATIENCE}s"
}

# end_pool NAME: it is told to stop, and does so with status 0.
end_pool() {
	local pid_of=pid_pool_$1
	wp-pool stop "$1" --timeout "${PATIENCE}s"
	finish 0 "${!pid_of}"
}

# kill_pool NAME: SIGKILL.
kill_pool() {
	local pid_of=pid_pool_$1
	kill -KILL "${!pid_of}"
	finish 137 "${!pid_of}"
}

# of_pool NAME COLUMN,... and of_runners, of_calls: raw and without headings.
of_pool() { wp-pool status "$1" -rno "$2"; }
of_runners() { wp-pool status "$1" --runners -rno "$2"; }
of_calls() { wp-pool status "$1" --calls -rno "$2"; }

# until_pool NAME COLUMN,... LINES [OPTION...]: until these columns of its status are LINES, which are joined by a comma
# where there are several; LINES is a pattern.
until_pool() {
	local name=$1 columns=$2 want=$3 fd watch got='' last='' line found=1 deadline=$((SECONDS + PATIENCE))
	shift 3
	exec {fd}< <(exec wp-pool status "$name" --watch "$@" -rno "$columns" 2>/dev/null 3>&-)
	watch=$!
	while [ $SECONDS -lt $deadline ] && IFS= read -r -t "$PATIENCE" -u "$fd" line; do
		if [ -n "$line" ]; then
			got=$got${got:+,}$line
			continue
		fi
		# shellcheck disable=SC2053 # a pattern
		if [[ $got == $want ]]; then
			found=0
			break
		fi
		last=$got got=
	done
	kill "$watch" 2>/dev/null || true
	exec {fd}<&-
	[ $found -eq 0 ] || echo "never so: $columns of $name is \"$want\", but last \"$last\"" >&2
	return $found
}
until_runners() { until_pool "$@" --runners; }
until_calls() { until_pool "$@" --calls; }

# runner_pid NAME NUMBER
runner_pid() { of_runners "$1" RUNNER,PID | awk -v n="$2" '$1 == n { print $2 }'; }

# guard_of PID: it has its name a moment after it was started.
guard_of() { until_true pgrep -P "$1" -x wp-guard; }

# make_hold: the command "hold GATE": it says "up", its pid and where it runs, and ends with the status that it then reads from GATE.
make_hold() {
	[ -x "$T/bin/hold" ] || stub hold <<-'SH'
		echo "up $$ runner $WP_RUNNER slot $WP_SLOT"
		read -r status <"$1"
		exit "$status"
	SH
}

# offer NAME POOL [OPTION...]: a call of "hold" in the background. let_go ends it.
offer() {
	local name=$1 pool=$2
	shift 2
	make_hold
	[ -p "$T/$name.gate" ] || mkfifo "$T/$name.gate"
	fifo_fd "$T/$name.gate"
	# What an earlier one of that name has said is not taken for this one's.
	: >"$T/$name.out"
	start "$name" wp-pool call "$@" "$pool" -- hold "$T/$name.gate"
}

# held NAME POOL [OPTION...]: the same, and it runs. Its command's pid is in $command and $command_NAME, its runner's number in
# $runner.
held() {
	local name=$1
	offer "$@"
	runs "$name"
}

# runs NAME: the call that was offered is running.
runs() {
	wait_line "$T/$1.out" '^up '
	# shellcheck disable=SC2034 # for the tests
	read -r _ command _ runner _ slot <<<"$line"
	printf -v "command_$1" %s "$command"
}

# let_go NAME [STATUS]: its command ends with STATUS, and so does the call.
let_go() {
	local pid_of=pid_$1
	printf '%s\n' "${2-0}" >>"$T/$1.gate"
	finish "${2-0}" "${!pid_of}"
}

# What nothing may happen to: a call that runs while something else goes wrong, and the end that it comes to by itself.
innocent() {
	held "innocent_$1" "$@"
}
assert_unharmed() {
	local name
	for name; do
		let_go "innocent_$name" 7
		assert_equal "$(cat "$T/innocent_$name.err")" ""
	done
}

# Whoever was there has gone and left nothing: no process, socket or lock file, and nobody is shown.
assert_nothing_left() {
	no_process_left
	assert_equal "$(find "$WP_STATE" ! -type d -path "*/[lp]i[vp]e/*" -name '*pool*')" ""
	assert_equal "$(wp-presence list -t pools -rno KEY)" ""
	assert_equal "$(wp-pool status -rno POOL)" ""
	assert_equal "$(find "$WP_STATE" ! -type d -path "*/[lp]i[vp]e/*")" ""
	assert_equal "$(find "$T" -mindepth 1 -maxdepth 1 -name 'wp-*')" ""
}

# wait_dead PIDFILE...: each process of which a file holds the pid is gone.
wait_dead() {
	local file
	for file; do
		wait_ended "$(cat "$file")"
	done
}

# make_backend NAME: a backend $T/NAME, whose places are directories that boot removes at its end.
make_backend() {
	cat >"$T/$1" <<-'SH'
		#!/bin/sh
		verb=$1
		shift
		case $verb in
		boot)
			place=$T/place.$WP_POOL.$WP_RUNNER
			trap '' TERM
			mkdir "$place"
			echo "$place"
			cat >/dev/null
			rm -r "$place"
			;;
		exec)
			cd "$1" || exit 125
			shift 2
			exec "$@"
			;;
		check) [ -d "$1" ] ;;
		sync)
			place=$1
			shift
			cp -r "$@" "$place"
			;;
		*) exit 64 ;;
		esac
	SH
	chmod +x "$T/$1"
}
