# What the bats files share: `load ../helpers`.
#
# setup and teardown below serve every test; a file with its own calls wp_setup first and
# wp_teardown last. A test gets
#   $BUILD    the programs, first in PATH
#   $T        a fresh short directory, which is also where the test starts
#   $WP_STATE a state directory in it, not made yet
# and is failed when it leaves a process behind. In tests/wp-jobs a test runs once with
# the SQLite state file and once with a Postgres database of its own ($WP_JOBS_DB).

bats_require_minimum_version 1.5.0
bats_load_library bats-support
bats_load_library bats-assert

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${BUILD:=$TOP/build}"
# How long something that is certain to happen may take on a busy machine.
: "${PATIENCE:=30}"
# After this many seconds a test's processes are killed. The time limit of bats itself ends only what the
# test started directly; the rest keeps the pipes open that bats waits for.
: "${TEST_SECONDS:=100}"

setup() { wp_setup; }
teardown() { wp_teardown; }

wp_setup() {
	[ -x "$BUILD/tests/processes" ] || abort_test "tests are run by make check"
	PATH=$BUILD:$PATH
	T=$(mktemp -d "${WP_TEST_DIR:-/tmp}/wp-XXXXXX")
	cd "$T" || return
	unset_workplane
	export T WP_STATE=$T/state TMPDIR=$T HOME=$T SHELL=/bin/sh LC_ALL=C.UTF-8 TZ=UTC
	local id=${T##*/}.$BATS_SUITE_TEST_NUMBER
	# Without WP_TEST_ID in its environment: it is no process of the test.
	"$BUILD/tests/processes" limit "WP_TEST_ID=$id" "$TEST_SECONDS" $$ >"$T.late" 2>/dev/null 3>&- &
	disown $! 2>/dev/null || true # it may be over already, when the test is stopped
	export WP_TEST_ID=$id
	[ -z "${WP_TEST_BACKEND-}" ] || jobs_backend "$WP_TEST_BACKEND"
}

wp_teardown() {
	local left=0
	[ -n "${T-}" ] || return 0
	if [ -n "${BATS_TEST_COMPLETED-}" ]; then
		no_process_left || left=1
	else
		show_talk
	fi
	"$BUILD/tests/processes" kill "WP_TEST_ID=$WP_TEST_ID" || left=1
	drop_database || left=1
	if [ -s "$T.late" ]; then
		echo "out of time after $TEST_SECONDS s; killed:"
		cat "$T.late"
		left=1
	fi
	cd /
	rm -rf "$T" "$T.late"
	return "$left"
}

# The settings of whoever runs the tests are none of the tests'.
unset_workplane() {
	local name
	for name in "${!WP_@}" "${!PG@}"; do
		case $name in
		WP_TEST_*) ;;
		*) unset "$name" ;;
		esac
	done
}

abort_test() {
	echo "$*" >&2
	return 1
}

# What background processes said, for the report of a failed test.
show_talk() {
	local file
	for file in "$T"/*.err; do
		[ ! -s "$file" ] || { echo "--- ${file##*/}" && tail -n 20 "$file"; }
	done
}

# jobs_backend sqlite|postgres: where wp-jobs keeps its jobs from here on in this test.
jobs_backend() {
	drop_database
	case $1 in
	sqlite) ;;
	postgres)
		need_postgres
		WP_TEST_DATABASE=t_$$_$BATS_SUITE_TEST_NUMBER
		sql_admin "CREATE DATABASE $WP_TEST_DATABASE TEMPLATE wp_template"
		export WP_JOBS_DB="$WP_TEST_PG dbname=$WP_TEST_DATABASE"
		;;
	*) abort_test "unknown backend \"$1\"" ;;
	esac
}

drop_database() {
	if [ -e "$T/pg/home" ]; then
		pg stop
	fi
	if [ -n "${WP_TEST_DATABASE-}" ]; then
		sql_admin "DROP DATABASE IF EXISTS $WP_TEST_DATABASE WITH (FORCE)"
	fi
	unset WP_JOBS_DB WP_TEST_DATABASE
}

on_postgres() { [ -n "${WP_JOBS_DB-}" ]; }
need_postgres() { [ -n "${WP_TEST_PG-}" ] || skip "no Postgres (tests/run starts one)"; }
# A test of one backend has nothing to do on the other: tests/run does not count that as a skip.
only_on() { [ "${WP_TEST_BACKEND-$1}" = "$1" ] || skip "other backend"; }

sql_admin() { psql -X -q -v ON_ERROR_STOP=1 -d "$WP_TEST_PG" -c "$1"; }

# sql STATEMENT: in the database of the test, unaligned, tuples only.
sql() {
	if on_postgres; then
		psql -X -q -At -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB" -c "$1"
	else
		sqlite3 -batch "$WP_STATE/state.db" "$1"
	fi
}

# A throwaway server of the test's own, for tests that stop or restart it; sets WP_JOBS_DB.
# `pg restart -m immediate` and `pg stop` work on it.
own_postgres() {
	jobs_backend sqlite
	need_postgres
	WP_JOBS_DB=$(env -u WP_TEST_ID "$TOP/tests/pg" start "$T/pg" "$@")
	export WP_JOBS_DB
}
pg() {
	local verb=$1
	shift
	env -u WP_TEST_ID "$TOP/tests/pg" "$verb" "$T/pg" "$@"
}

# start NAME COMMAND...: in the background, stdout to NAME.out and stderr to NAME.err (a FIFO
# or file that is there already is used); the pid in $pid and $pid_NAME.
start() {
	local name=$1 file
	shift
	# For wait_line: tail looks for a file that is not there only now and then, and what an earlier NAME has said is not to be
	# found before the new one's shell has emptied the file.
	for file in "$T/$name.out" "$T/$name.err"; do
		[ -p "$file" ] || : >"$file"
	done
	"$@" >"$T/$name.out" 2>"$T/$name.err" 3>&- &
	pid=$!
	printf -v "pid_$name" %s "$pid"
}

# start_told NAME VERB [ARGUMENT...]: "start" of a verb of $program, with signals as one has them that was started at a terminal, until
# it has written a line to its --ready-fd, which is in $line; 1 when it ends without one.
start_told() {
	local name=$1 verb=$2 ready told
	shift 2
	rm -f "$T/.ready"
	mkfifo "$T/.ready"
	exec {ready}<>"$T/.ready"
	# shellcheck disable=SC2154 # program is set by whoever loads this
	start "$name" env --default-signal=HUP,INT,TERM "$program" "$verb" --ready-fd "$ready" "$@"
	# From here on it alone has the other end: when it fails we hear of that, too.
	exec {told}<"$T/.ready" {ready}>&-
	if ! read -r -t "$PATIENCE" -u "$told" line; then
		echo "\"$name\" has not said that it is ready" >&2
		show_talk >&2
		return 1
	fi
	exec {told}<&-
}

# kill_with_children PID: SIGKILL, and all that it had started has gone with it.
kill_with_children() {
	local children
	children=$(pgrep -P "$1") || true
	kill -KILL "$1"
	# shellcheck disable=SC2086 # as many as there are
	wait_ended $children
}

# finish STATUS [PID]: wait for a started command, which must end with STATUS.
finish() {
	local got=0
	wait "${2-$pid}" || got=$?
	[ "$got" -eq "$1" ] || {
		echo "process ${2-$pid} ended with $got, not $1" >&2
		show_talk >&2
		return 1
	}
}

# wait_ended PID...: until each of the processes, whose parent may be anybody, has ended.
wait_ended() {
	local late
	while [ $# -gt 0 ]; do
		late=$("$BUILD/tests/processes" ended "$1" "$PATIENCE") || {
			echo "process \"$1\" has not ended: $late" >&2
			return 1
		}
		shift
	done
}

# until_true COMMAND...
until_true() {
	local deadline=$((SECONDS + PATIENCE))
	until "$@"; do
		[ $SECONDS -lt $deadline ] || abort_test "never true: $*"
	done
}

# wait_line FILE REGEX: until a line of FILE, written already or later, matches; the line is in
# $line. FILE is a FIFO or a plain file that is being written. Reading a FIFO goes on
# where the last call stopped.
wait_line() {
	local deadline=$((SECONDS + PATIENCE)) fd tail=
	if [ -p "$1" ]; then
		fifo_fd "$1"
	else
		exec {fd}< <(exec tail -n +1 -F "$1" 2>/dev/null 3>&-)
		tail=$!
	fi
	local found=1
	while [ $SECONDS -lt $deadline ] && IFS= read -r -t "$PATIENCE" -u "$fd" line; do
		if [[ $line =~ $2 ]]; then
			found=0
			break
		fi
	done
	[ -z "$tail" ] || { kill "$tail" && exec {fd}<&-; }
	[ $found -eq 0 ] || echo "no line of ${1##*/} matches $2" >&2
	return $found
}

declare -gA fifo_fds
# Open for reading and writing, so that neither side waits for the other to open it,
# and for the rest of the test, so that nothing in it is lost between two calls.
fifo_fd() {
	if [ -z "${fifo_fds[$1]-}" ]; then
		exec {fd}<>"$1"
		fifo_fds[$1]=$fd
	fi
	fd=${fifo_fds[$1]}
}

# open_gate NAME...: a FIFO $T/NAME, which nobody has to wait for to be opened. "echo >>NAME" lets one go who reads from it.
open_gate() {
	local name fd
	for name; do
		[ -p "$T/$name" ] || mkfifo "$T/$name"
		fifo_fd "$T/$name"
	done
}

# Every process that the test started is gone, or goes within moments.
no_process_left() {
	local left
	left=$("$BUILD/tests/processes" gone "WP_TEST_ID=$WP_TEST_ID" "$PATIENCE") || {
		printf "processes left behind:\n%s\n" "$left" >&2
		return 1
	}
}

# shellcheck disable=SC2154 # status and output are set by run
# After run: the status is an answer and not a crash, a missing command or a signal.
refute_crash() {
	if [ "$status" -eq 126 ] || [ "$status" -eq 127 ] || [ "$status" -gt 128 ]; then
		echo "crashed: status $status" >&2
		echo "$output" >&2
		return 1
	fi
}

# The leak checker cannot work in a process that is traced.
traced() {
	ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace "$@"
}

# manual_block PAGE N: the Nth literal display of a manual page, as a reader sees it.
manual_block() {
	awk -v want="$2" '/^\.Ed/ { on = 0 } on; /^\.Bd -literal/ { on = ++n == want }' "$TOP/man/$1" |
		sed 's/\\&//g; s/\\e/\\/g; s/\\-/-/g'
}

# manual_example PAGE N: the Nth of those under EXAMPLES.
manual_example() {
	local before
	before=$(awk '/^\.Sh EXAMPLES/ { exit } /^\.Bd -literal/ { n++ } END { print n + 0 }' "$TOP/man/$1")
	manual_block "$1" $((before + $2))
}

# stub NAME: a program $T/bin/NAME, first in PATH, whose shell text is on stdin.
stub() {
	mkdir -p "$T/bin"
	{ echo '#!/bin/sh' && cat; } >"$T/bin/$1"
	chmod +x "$T/bin/$1"
	PATH=$T/bin:${PATH#"$T/bin:"}
}

# bytes N [CHARACTER]: a text of so many.
bytes() { head -c "$1" /dev/zero | tr '\0' "${2-x}"; }

# without_rights COMMAND...: root may do what others may not, unless its capabilities are taken away.
without_rights() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --bounding-set=-all --inh-caps=-all "$@"
	else
		"$@"
	fi
}

# A mount namespace of one's own: as root, or as one who may be root in one.
with_mounts() {
	if [ "$(id -u)" -eq 0 ]; then
		unshare --mount "$@"
	else
		unshare --user --map-root-user --mount "$@"
	fi
}

# with_full_disk BLOCKS COMMAND: "COMMAND WORD..." is run. Once it has run these words the state directory is full, until it removes
# state/filler and its limit. That is a small disk of its own where it can be mounted; elsewhere files may have so many BLOCKS.
with_full_disk() {
	stub fill <<<'cat /dev/zero >state/filler'
	mkdir -m 700 state
	if with_mounts mount -t tmpfs none state 2>/dev/null; then
		run -0 --separate-stderr with_mounts sh -c "mount -t tmpfs -o size=1m,mode=700 none state && $2 fill"
	else
		run -0 --separate-stderr bash -c "trap '' XFSZ; $2 ulimit -S -f $1"
	fi
}

# What the tests of verbs share: those of the program that is called $program.

# shellcheck disable=SC2154 # program is set by whoever loads this
# usage VERB TEXT [ARGUMENT...]: the command line is refused as a mistake: 64, why, and where to look.
usage() {
	local verb=$1 text=$2
	shift 2
	run -64 "$program" "$verb" "$@"
	assert_output --partial "$text"
	assert_output --partial "Try '$program $verb --help'"
}

# shellcheck disable=SC2154 # stderr is set by run
# help_of VERB: an answer, on stdout.
help_of() {
	run -0 --separate-stderr "$program" "$1" --help
	assert_line --index 1 --regexp " $program $1( |\$)"
	assert_equal "$stderr" ""
}

# until_watched MEMBER NAME WORDS [OPTION...]: until "watch --snapshot" has told that something has happened to the one whose MEMBER
# is NAME ("exit|fail"), or that it is in a state by now ("run|running").
until_watched() {
	local member=$1 name=$2 words=$3 fd watch line event found=1 deadline=$((SECONDS + PATIENCE))
	shift 3
	exec {fd}< <(exec "$program" watch --snapshot "$@" 2>/dev/null 3>&-)
	watch=$!
	while [ $SECONDS -lt $deadline ] && IFS= read -r -t "$PATIENCE" -u "$fd" line; do
		event=$(jq -r --arg member "$member" --arg name "$name" 'select(.[$member] == $name) | .event' <<<"$line")
		if [[ -n $event && "|$words|" == *"|$event|"* ]]; then
			found=0
			break
		fi
	done
	kill "$watch" 2>/dev/null || true
	exec {fd}<&-
	[ $found -eq 0 ] || echo "never happened to \"$name\": $words" >&2
	return $found
}

# stop_watcher NAME [STATUS]: of a "watch" that was started under that name.
stop_watcher() {
	local pid_of=pid_$1
	kill "${!pid_of}"
	finish "${2-143}" "${!pid_of}"
}

# bad_durations VERB OPTION [ARGUMENT...]
bad_durations() {
	local verb=$1 option=$2 duration
	shift 2
	for duration in '' x 5 -1s +1s '1 s' 1y 1.s soon 99999999d; do
		usage "$verb" "${option#--}" "$option" "$duration" "$@"
	done
}

# shellcheck disable=SC2154 # status is set by run
# refused_states VERB [ARGUMENT...]: state directories that are refused, each with the reason.
refused_states() {
	mkdir elsewhere
	ln -s elsewhere "$WP_STATE"
	run -77 "$program" "$@"
	assert_output --partial "state directory \"$WP_STATE\" is a symbolic link"
	rm "$WP_STATE"
	mkdir -m 777 "$WP_STATE"
	run -77 "$program" "$@"
	assert_output --partial "can be written to by others"
	chmod 700 "$WP_STATE"
	if [ "$(id -u)" -eq 0 ]; then
		chown 65534 "$WP_STATE"
		run -77 "$program" "$@"
	else
		run -77 "$program" --state / "$@"
	fi
	assert_output --partial "belongs to another user"
	rmdir "$WP_STATE"
	run -64 "$program" --state '' "$@"
	echo file >"$WP_STATE"
	run "$program" "$@"
	[ "$status" -eq 73 ] || [ "$status" -eq 77 ]
	assert_output --partial "$WP_STATE"
	rm "$WP_STATE"
}
