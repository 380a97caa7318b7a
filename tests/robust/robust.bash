# What the bats files here share: a command of which one call fails, at each place where one can (inject.c).
#
# A test writes down a state to begin with (keep), names the command, and says what must be true after it, whatever failed:
#
#     command=(wp-jobs add -q q 1 2)    # its stdin is the file "input", when there is one
#     begin() { rm -f ran; }            # before it begins, beside the state directory
#     normal() { sed ...; }             # stdout without what differs between two good runs
#     holds() { ...; }                  # $status is the command's, its output in the files out and err
#     tidy() { ...; }                   # before what it has started must have ended
#     afterwards() { ...; }             # when the same command has succeeded, without a fault
#     sweep wp-jobs 74 75               # in this program; the statuses it may fail with
#
# What always must be: it ends, by itself; with 0, and then its output is what it is without a fault, or with one of these
# statuses and a reason on stderr; no process stays; the state file is sound; and the same command succeeds afterwards.
#
# make check takes a choice of all calls, as many as INJECT_RUNS of a kind; make inject takes each.
if [ -n "${SANITIZE-}" ]; then
	: "${INJECT_RUNS:=3}"     # each takes ten times as long
else
	: "${INJECT_RUNS:=7}"
fi
# No command here takes a second.
: "${INJECT_SECONDS:=60}"

# What fails, and how. Not EPIPE, which is the end of whoever reads: there the reader stays and would wait, as it never does.
faults=(memory::ENOMEM file::ENOSPC file:+:ENOSPC file::EIO file::EMFILE write::short write::EINTR fd::EMFILE fd:+:EMFILE
	spawn::EAGAIN)

# A state directory, at which nothing runs, is where every run begins. With live_state=1 it stays what it is: somebody is in it.
keep() {
	rm -rf "$T/base"
	[ ! -e "$WP_STATE" ] || cp -a "$WP_STATE" "$T/base"
}

# Under another name each time: who has just been started by the last run, and is seen by nobody yet, is not to spoil this one.
restore() {
	rm -rf "$WP_STATE"
	WP_STATE=$T/state.$((++restored))
	[ ! -e "$T/base" ] || cp -a "$T/base" "$WP_STATE"
}

# beside NAME [WORD...]: a program $T/bin/NAME that starts the command on its stdin in the background, with "3>$T/ready", which
# says on descriptor 3 when it is there; runs WORD... meanwhile, where nothing fails; and tells it to end. Its status is the first's.
beside() {
	local name=$1 server
	shift
	server=$(cat)
	[ -p "$T/ready" ] || mkfifo "$T/ready"
	stub "$name" <<-SH
		$server 3>"$T/ready" &
		unset LD_PRELOAD
		read -r line <"$T/ready" && { $* || kill -0 \$! 2>/dev/null; }
		kill \$! 2>/dev/null
		wait \$!
	SH
}

restored=0
begin() { :; }
normal() { cat; }
holds() { :; }
tidy() { :; }
afterwards() { :; }

# shellcheck disable=SC2154 # command is the test's
# injected PROGRAM SETTINGS: the command, from the state that was kept; its status is in $status.
injected() {
	local input=/dev/null
	[ -n "${live_state-}" ] || restore
	[ ! -e "$T/input" ] || input=$T/input
	: >"$T/report"
	begin
	status=0
	INJECT=$2 INJECT_PROGRAM=$1 INJECT_REPORT=$T/report LD_PRELOAD=$BUILD/tests/inject.so \
		ASAN_OPTIONS=${ASAN_OPTIONS-}:verify_asan_link_order=0 \
		timeout -s KILL "$INJECT_SECONDS" "${command[@]}" <"$input" >"$T/out" 2>"$T/err" 3>&- || status=$?
}

# What went wrong, with all there is to know about it.
broken() {
	printf '%s: %s\nstatus %s, failed: %s\n' "$1" "$settings" "$status" "$(paste -sd " " "$T/report" | head -c 200)"
	printf -- '--- stdout\n%s\n--- stderr\n%s\n' "$(head -c 2000 "$T/out")" "$(head -c 2000 "$T/err")"
	return 1
}

is_sound() {
	[ ! -s "$WP_STATE/state.db" ] || [ "$(sqlite3 -batch "$WP_STATE/state.db" 'PRAGMA integrity_check')" = ok ]
}

# Whoever was started by the sweep.
all_gone() { "$BUILD/tests/processes" gone "INJECT_RUN=$WP_TEST_ID" 20 >"$T/left"; }

# after_fault STATUS...: all of the above is true.
after_fault() {
	local allowed
	if [ "$status" -eq 0 ]; then
		normal <"$T/out" | cmp - "$T/expected" || broken "it succeeded with another output" || return
	else
		printf -v allowed ' %s' "$@"
		[[ "$allowed " == *" $status "* ]] || broken "it ended in a way that is not allowed" || return
		[ -s "$T/err" ] || broken "it failed without a word" || return
	fi
	holds || broken "what must hold does not" || return
	tidy
	all_gone || broken "processes stay: $(cat "$T/left")" || return
	is_sound || broken "the state file is damaged" || return
	again || broken "it does not work afterwards" || return
	all_gone || broken "processes stay afterwards: $(cat "$T/left")"
}

# The same without a fault.
again() {
	local input=/dev/null
	[ ! -e "$T/input" ] || input=$T/input
	"${command[@]}" <"$input" >"$T/out.again" 2>"$T/err.again" || { cat "$T/err.again"; return 1; }
	tidy
	afterwards
}

# The numbers of calls to fail of COUNT: all, or INJECT_RUNS of them from the first to the last.
numbers() {
	local count=$1 runs=$INJECT_RUNS
	[ -z "${INJECT_ALL-}" ] || runs=$count
	if [ "$count" -le "$runs" ] || [ "$runs" -lt 2 ]; then
		seq "$count"
	else
		awk -v count="$count" -v runs="$runs" 'BEGIN { for (i = 0; i < runs; i++) print 1 + int(i * (count - 1) / (runs - 1)) }'
	fi
}

# sweep PROGRAM STATUS...: of its calls one after the other fails.
sweep() {
	local program=$1 fault class mode what n settings count seen=0
	shift
	settings="no fault"
	export INJECT_RUN=$WP_TEST_ID
	injected "$program" memory:0:ENOMEM
	[ "$status" -eq 0 ] || broken "it fails by itself" || return
	normal <"$T/out" >"$T/expected"
	tidy
	all_gone
	for fault in "${faults[@]}"; do
		IFS=: read -r class mode what <<<"$fault"
		injected "$program" "$class:0:$what"
		tidy
		all_gone
		count=$(stat -c %s "$T/report")
		for n in $(numbers "$count"); do
			settings=$class:$n$mode:$what
			injected "$program" "$settings"
			after_fault "$@" || return
			[ ! -s "$T/report" ] || seen=$((seen + 1))
		done
		[ -z "${INJECT_ALL-}" ] || echo "# $program ${class}$mode $what: $count calls" >&3
	done
	[ "$seen" -gt 0 ] || broken "nothing ever failed"
}
