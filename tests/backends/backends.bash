# What the bats files of the backends share beside ../helpers.
#
# $runner_dir is set by a test once it knows where the runner's directory is.
# shellcheck disable=SC2154 # line is set by wait_line

BACKENDS=$TOP/share/backends

# Where backends keep what is private to a runner, and where ssh makes the directory of one.
backends_setup() {
	wp_setup
	mkdir -m 700 run
	export XDG_RUNTIME_DIR=$T/run
}

# start_boot BACKEND ARG...: its boot in a process group of its own; its standard input ends when end_boot says so.
start_boot() {
	backend=$BACKENDS/$1
	[[ $1 != /* ]] || backend=$1
	shift
	rm -f "$T/boot.in" && mkfifo "$T/boot.in"
	# Empty when somebody begins to wait for a line of it.
	: >"$T/boot.out"
	sleep 1000 >"$T/boot.in" 3>&- &
	pid_hold=$!
	WP_POOL=pool WP_RUNNER=1 setsid env --default-signal=INT,QUIT "$backend" boot "$@" <"$T/boot.in" >"$T/boot.out" 2>"$T/boot.err" 3>&- &
	pid_boot=$!
}

# boot BACKEND ARG...: waits until it is ready; sets $handle.
boot() {
	start_boot "$@"
	wait_line "$T/boot.out" .
	handle=$line
}

close_boot() {
	kill -KILL "$pid_hold"
	wait "$pid_hold" || true
}

# end_boot [STATUS]: the end of its input.
end_boot() {
	close_boot
	finish "${1-0}" "$pid_boot"
}

there() { "$backend" exec "$handle" -- "$@"; }

# start_there NAME COMMAND...: as start, with FILE in $input as its standard input, in a process group of its own.
start_there() {
	local name=$1
	shift
	: >"$T/$name.out"
	setsid env --default-signal=INT,QUIT "$backend" exec "$handle" -- "$@" <"${input-/dev/null}" >"$T/$name.out" 2>"$T/$name.err" 3>&- &
	pid=$!
	printf -v "pid_$name" %s "$pid"
}

# signal_group NAME PID
signal_group() { kill -s "$1" -- "-$2"; }

is_empty() { [ -z "$(ls -A "$1")" ]; }
has_lines() { [ "$(wc -l <"$2")" -eq "$1" ]; }
is_gone() { [ ! -e "$1" ]; }

# Nothing that boot made, here or there.
assert_nothing_left() {
	until_true is_gone "$runner_dir"
	assert_equal "$(find "$XDG_RUNTIME_DIR" -mindepth 1)" ""
}
