# What the bats files about the verbs of named pools share beside named.bash.

# shellcheck disable=SC2034 # for ../helpers
program=wp-pool

# over POOL...: they are told to stop, and nothing is left of them nor of anything else.
over() {
	local name
	for name; do
		end_pool "$name"
	done
	assert_nothing_left
}

# begun POOL: its only call runs, and its caller has been told so.
begun() { until_calls "$1" STATE,PID 'running [1-9]*'; }

# "${terminal[@]}" COMMAND...: with signals as a terminal's shell leaves them. What a script has in the background ignores ^C.
# shellcheck disable=SC2034 # for the tests
terminal=(env "--default-signal=HUP,INT,QUIT,TERM")

# shellcheck disable=SC2154 # pid_waits is set by start
# leaves_queue VERB [OPTION...]: who waits for room in a pool p, and is killed, leaves the queue, and the command never runs.
leaves_queue() {
	pool p --max 1 -c 1
	held first p
	start waits wp-pool "$@" p -- touch ran
	until_pool p WAITING 1
	kill -KILL "$pid_waits"
	finish 137 "$pid_waits"
	until_pool p WAITING 0
	let_go first
	[ ! -e ran ]
	over p
}

# bad_names VERB [ARGUMENT...]: no pool can be called so, which every verb says. A name that begins with "-" is an option.
bad_names() {
	local verb=$1 name
	shift
	for name in '' . .. a/b ../p /p .p _p '*' 'a b' $'a\nb' $'p\n' é $'\xff' "$(printf 'x%.0s' {1..65})" ' p' 'p,q'; do
		run -64 wp-pool "$verb" "$name" "$@"
		assert_output --partial "name of"
	done
	[ ! -e "$WP_STATE/pipe" ]
}

# no_pool VERB [ARGUMENT...]: there is no pool p: 69, and nothing is made for the asking.
no_pool() {
	local verb=$1
	shift
	run -69 wp-pool "$verb" p "$@"
	assert_output 'wp-pool: error: there is no pool "p"
wp-pool: hint: wp-pool start p'
	[ ! -e "$WP_STATE" ]
}

# make_gated_backend: a backend $T/gated, whose places are there when a line comes through the FIFO $T/boot.
make_gated_backend() {
	open_gate boot
	cat >"$T/gated" <<-'SH'
		#!/bin/sh
		case $1 in
		boot)
			read -r _ <"$T/boot"
			echo "place $WP_RUNNER"
			cat >/dev/null
			;;
		exec)
			shift 3
			exec "$@"
			;;
		*) exit 64 ;;
		esac
	SH
	chmod +x "$T/gated"
}

# bad_state VERB [ARGUMENT...]: as refused_states, for the pool p.
bad_state() { refused_states "$1" p "${@:2}"; }

# gated_pool NAME [OPTION...]: a pool whose runners come up as said there, and which can be asked.
gated_pool() {
	local name=$1
	shift
	make_gated_backend
	start "pool_$name" wp-pool start "$name" --backend ./gated "$@"
	appears "$name"
}

# appears NAME: until that pool can be asked, which is before it is ready.
appears() { wp-presence wait -t pools --key "$1" --timeout "${PATIENCE}s"; }

# waits_for_answer PID: it is wp-pool, has a socket, and sleeps, which after that it only does to hear what the pool says.
waits_for_answer() {
	[ "$(cat "/proc/$1/comm")" = wp-pool ] && find "/proc/$1/fd" -lname 'socket:*' 2>/dev/null | grep -q . &&
		grep -q '^State:.S' "/proc/$1/status"
}
