# What the bats files of wp-registry share beside ../helpers.

# shellcheck disable=SC2034 # for ../helpers
program=wp-registry

# Those that were registered in the background, NAME -> pid, as long as they have not been waited for.
declare -gA registrations

# register NAME ARGUMENT...: "wp-registry register ARGUMENT..." in the background, as process NAME, and it is registered: the number
# of consumers in its stack is in $count. Signals reach it as one that was started at a terminal.
register() {
	local name=$1 line
	shift
	start_told "$name" register "$@" || return
	registrations[$name]=$pid
	# shellcheck disable=SC2034 # for the tests
	count=$line
}

# registered HANDLE ARGUMENT...: the same under its own name.
registered() {
	local handle=$1
	shift
	register "$handle" "$handle" "$@"
}

# unregistered NAME STATUS: its registration has come to its end.
unregistered() {
	local pid=${registrations[$1]}
	unset "registrations[$1]"
	finish "$2" "$pid"
}

# kill_registration NAME: SIGKILL, and all that it had started has gone with it.
kill_registration() {
	kill_with_children "${registrations[$1]}"
	unregistered "$1" 137
}

# kill_consumer HANDLE: the same of one that was started by a message. One that is only being started has not crashed when it is killed.
kill_consumer() {
	local pid
	until_true has_begun "$1"
	pid=$(wp-registry whereis "$1")
	kill_with_children "$pid"
	wait_ended "$pid"
}

has_begun() { [ "$(state_of "$1")" != starting ]; }

# of HANDLE COLUMN,... [OPTION...]: these columns of "list", raw and without headings.
of() {
	local handle=$1 columns=$2
	shift 2
	wp-registry list -J "$@" -o "HANDLE,$columns" |
		jq -r --arg handle "$handle" '.consumers[] | select(.handle == $handle) | del(.handle) | map(tostring) | join(" ")'
}
state_of() { of "$1" STATE "${@:2}"; }

# until_pending HANDLE N: until so many messages wait for it, or are in its hand.
until_pending() { until_true has_pending "$@"; }
has_pending() { [ "$(of "$1" PENDING)" = "$2" ]; }

# handles [OPTION...]: all that are there, on one line.
handles() { wp-registry list -rno HANDLE "$@" | paste -sd ' '; }

# until_event HANDLE WORDS [OPTION...]: until something has happened to it ("hibernate|suspend"), or it is in a state by now ("start|running").
until_event() { until_watched handle "$@"; }

# watcher NAME [OPTION...]: a watch that listens by now. Its lines go to NAME.out.
watcher() {
	local name=$1
	shift
	# It says what is there when it has begun to listen; so something is to be there.
	wp-registry define -s sentinel ready -- true 2>"$T/ready.err" || grep -q defined "$T/ready.err"
	start "$name" wp-registry watch --snapshot -a "$@"
	wait_line "$T/$name.out" '"stack":"sentinel"'
}

# watched NAME: event, handle and reason of each line, one after the other.
watched() {
	jq -r 'select(.stack != "sentinel") | .event + " " + .handle + (if .reason then ":" + .reason else "" end)' "$T/$1.out" | paste -sd ' '
}

# publishing NAME FILE [OPTION...]: "publish" of the lines of FILE in the background. (bash takes stdin from what it has there.)
publishing() {
	local name=$1 file=$2
	shift 2
	# shellcheck disable=SC2016 # for the shell in between
	start "$name" env --default-signal=HUP,INT,TERM bash -c 'exec wp-registry publish "${@:2}" <"$1"' bash "$file" "$@"
}

# verb_ends VERB STATUS [ARGUMENT...]: publish or broadcast; what it says is in the files results and VERB.err.
verb_ends() {
	local verb=$1 want=$2 got=0
	shift 2
	wp-registry "$verb" "$@" >results 2>"$verb.err" || got=$?
	[ "$got" -eq "$want" ] || {
		echo "ended with $got, not $want"
		head -n 20 results "$verb.err" | cut -c 1-300
		return 1
	}
}

# members MEMBER...: these members of each line of results.
members() { jq -r "[$(printf '.%s,' "$@")empty] | map(tostring) | join(\" \")" results; }

# make_gated: the command "gated NAME": for each message it says "up PID MESSAGE" into the FIFO NAME.up, and then does what a line from
# NAME.gate says: "STATUS REPLY" (a warm one ends when the status is not "-"). It is told by let_go.
make_gated() {
	local name
	for name; do
		open_gate "$name.up" "$name.gate"
	done
	[ -x "$T/bin/gated" ] || stub gated <<-SH
		read -r message
		echo "up \$\$ \$message" >"$T/\$1.up"
		read -r status reply <"$T/\$1.gate"
		[ -z "\$reply" ] || printf '%s\n' "\$reply"
		exit "\$status"
	SH
	[ -x "$T/bin/warm-gated" ] || stub warm-gated <<-SH
		while read -r message; do
			echo "up \$\$ \$message" >"$T/\$1.up"
			read -r status reply <"$T/\$1.gate"
			[ "\$status" = - ] || exit "\$status"
			printf '%s\n' "\$reply"
		done
	SH
}

# given NAME: until the handler "gated NAME" has a message, which is in $message; its process in $handler.
given() {
	wait_line "$T/$1.up" '^up '
	# shellcheck disable=SC2034 # for the tests
	read -r _ handler message <<<"$line"
}

# let_go NAME STATUS [REPLY]
let_go() { printf '%s\n' "${*:2}" >>"$T/$1.gate"; }

# removing HANDLE: "remove" in the background, as process "remover", which has said so to the consumer. That is stopped, so that it hears
# of its removal before whatever happens until goes_on.
removing() {
	consumer=$(wp-registry whereis "$1")
	kill -STOP "$consumer"
	start remover wp-registry remove "$1"
	until_true has_told "$pid"
	assert_equal "$(state_of "$1")" ""
}
goes_on() { kill -CONT "$consumer"; }
# has_told PID: it has a socket and sleeps, which "remove" only does when it has told the consumer.
has_told() {
	[ "$(cat "/proc/$1/comm")" = wp-registry ] && find "/proc/$1/fd" -lname 'socket:*' 2>/dev/null | grep -q . &&
		grep -q '^State:.S' "/proc/$1/status"
}

# over: all consumers are removed, and nothing is left of them nor of anything else.
over() {
	local name
	eval "$(wp-registry list -a -J -o STACK,HANDLE |
		jq -r '.consumers[] | @sh "wp-registry remove -s \(.stack) --timeout 30s -- \(.handle) || return"')"
	for name in "${!registrations[@]}"; do
		unregistered "$name" 0 || return
	done
	assert_nothing_left
}

# Whoever was there has gone and left nothing: no process, row, socket or lock file.
assert_nothing_left() {
	no_process_left
	assert_equal "$(sql "SELECT (SELECT count(*) FROM consumer) || ' ' || (SELECT count(*) FROM consumer_message)")" "0 0"
	assert_equal "$(find "$WP_STATE" ! -type d -path "*/[lp]i[vp]e/*" -o ! -type d -path "*/spool/*")" ""
	assert_equal "$(find "$T" -mindepth 1 -maxdepth 1 -name 'wp-*')" ""
}

# bad_handles VERB [ARGUMENT...]: no consumer can be called so: 65, whatever comes after the handle.
bad_handles() {
	local verb=$1
	shift
	run -65 wp-registry "$verb" '' "$@"
	assert_output --partial "the handle is empty"
	run -65 wp-registry "$verb" $'a\xff' "$@"
	assert_output --partial "the handle is not valid UTF-8"
	run -65 wp-registry "$verb" "$(bytes 65537)" "$@"
	assert_output --partial "the handle is longer than 65536 bytes"
	run -65 wp-registry "$verb" --stack '' handle "$@"
	assert_output --partial "the stack is empty"
	run -65 wp-registry "$verb" --stack $'\xc3' handle "$@"
	assert_output --partial "the stack is not valid UTF-8"
	run -65 wp-registry "$verb" --stack "$(bytes 65537)" handle "$@"
	assert_output --partial "the stack is longer than 65536 bytes"
}
