# What workloads are made of: processes with a role, which are started again when they have ended, until it is over.
# shellcheck shell=bash disable=SC2034,SC2154

# The directory of the scenario is $W. The files there: calm, when nothing new is to be begun; over, when nothing is started again.
prepare() {
	cd "$W" || exit 70
	export PATH=$BUILD:$BUILD/tests:$PATH WP_STATE=$W/state HOME=$W TMPDIR=$W SHELL=/bin/sh
	: >roles
	: >ends
	: >history
	mkfifo never
	exec {never}<>never
	keepers=()
	repeaters=()
}

# with_role ROLE COMMAND...: it and all that it starts can be found by that.
with_role() { env WP_CHAOS_ROLE="$scenario/$1" "${@:2}"; }

has_role() { grep -qxF "$1" roles || echo "$1" >>roles; }

# keep ROLE COMMAND...: run it, and again whenever it has ended. How it has ended is noted.
keep() {
	local role=$1
	shift
	has_role "$role"
	kept "$role" "$@" </dev/null 2>>"$role.keeper" &
	keepers+=($!)
}

kept() {
	local role=$1 pid
	shift
	while [ ! -e over ]; do
		with_role "$role" "$@" >>"$role.out" 2>>"$role.err" &
		wait $!
		echo "$role $?" >>ends
		pause_ms 50
	done
}

# repeat ROLE FUNCTION...: until it is calm.
repeat() {
	local role=$1
	shift
	has_role "$role"
	repeated "$role" "$@" </dev/null 2>>"$role.keeper" &
	keepers+=($!)
	repeaters+=($!)
}

repeated() {
	local role=$1 round
	shift
	for ((round = 1; ; round++)); do
		[ ! -e calm ] || break
		"$@"
		pause_ms $((50 + RANDOM % 200))
	done
}

# once ROLE COMMAND...: run it, and note how it has ended; its output to ROLE.last. Its status is ours.
once() {
	local role=$1 status
	shift
	with_role "$role" "$@" >"$role.last" 2>>"$role.err" &
	wait $!
	status=$?
	echo "$role $status" >>ends
	return $status
}

# until_true MILLISECONDS COMMAND...: ask that often, as long as the patience lasts.
until_true() {
	local every=$1 deadline=$((SECONDS + PATIENCE))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		pause_ms "$every"
	done
}

# Until each has seen that it is calm.
end_repeaters() { end_group "$PATIENCE" "${repeaters[@]}" || note_stuck; }
note_stuck() { "$BUILD/tests/processes" list "WP_CHAOS_RUN=$WP_CHAOS_RUN" | grep -v 'chaos/scenario' | grep "$W" >>stuck; }

# stop_all: all that is kept is told to end, and does. What does not is killed, and told of by check_nobody_left.
stop_all() {
	local role pid
	: >over
	stop_roles
	# One that was just being started has not heard of it.
	pause_ms 100
	stop_roles
	end_group "$PATIENCE" "${keepers[@]}" || note_stuck
}

stop_roles() {
	local role
	while read -r role; do
		stop_role "$role"
	done <roles
}

# By default all that ROLE is are the wp programs; handlers, commands and guards end with these.
stop_role() {
	local name
	for name in wp-jobs wp-presence wp-registry wp-distribute wp-pool; do
		"$BUILD/tests/processes" signal "WP_CHAOS_ROLE=$scenario/$1" 15 $name >/dev/null
	done
}

# end_group SECONDS PID...: until these children of ours have ended.
end_group() {
	local deadline=$((SECONDS + $1)) pid
	shift
	for pid; do
		while kill -0 "$pid" 2>/dev/null; do
			[ $SECONDS -lt $deadline ] || return 1
			pause_ms 50
		done
	done
}

# own_postgres: a server of our own, with fsync; sets WP_JOBS_DB.
own_postgres() {
	WP_JOBS_DB=$(env -u WP_CHAOS_RUN "$top/tests/pg" start "$W/pg" --fsync 2>>pg.log) || die "no Postgres"
	export WP_JOBS_DB
}

# small_disk MEGABYTES: the state directory is a disk of its own.
small_disk() {
	mkdir -m 700 "$WP_STATE"
	mount -t tmpfs -o size="$1m",mode=700 none "$WP_STATE" 2>>mount.err || skip "no file system can be mounted"
}

need_strace() {
	command -v strace >/dev/null || skip "no strace"
	sleep 1000 &
	timeout -s INT 2 strace -qq -o /dev/null -e trace=none -p $! 2>strace.try &
	wait $!
	kill %1
	! grep -q 'Operation not permitted' strace.try || skip "no process can be traced"
}
