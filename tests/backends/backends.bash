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

# boot_named BACKEND ARG...: the same, of a handle that begins with the $name of the runner; sets $runner_dir.
boot_named() {
	boot "$@"
	name=${handle%% *}
	runner_dir=$(there pwd)
}

# kill_boot: SIGKILL to it and all of its group.
kill_boot() {
	signal_group KILL "$pid_boot"
	finish 137 "$pid_boot"
	close_boot
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

# A command there has streams and a status of its own, and its arguments arrive as they are.
assert_own_streams() {
	run -3 --separate-stderr there sh -c 'cat; echo err >&2; exit 3' <<<in
	assert_output in
	assert_equal "$stderr" err
	there printf '<%s>\n' '' "it's" $'new\nline\n' -i -- '*' : @x >got
	assert_equal "$(cat got)" $'<>\n<it\'s>\n<new\nline\n>\n<-i>\n<-->\n<*>\n<:>\n<@x>'
}

# What a command there minds is left to it.
assert_signal_passed() {
	start_there term sh -c 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 1000 </dev/null >/dev/null 2>&1 & wait $!; done'
	wait_line "$T/term.out" up
	signal_group TERM "$pid_term"
	finish 9 "$pid_term"
}

# SIGKILL to exec ends what it has started, there as well.
assert_dies_with_exec() {
	start_there dead sh -c 'trap "" TERM HUP; sleep 1000 & echo $!; wait'
	wait_line "$T/dead.out" .
	signal_group KILL "$pid_dead"
	finish 137 "$pid_dead"
	wait_ended "$line"
}

# Nothing that boot made, here or there.
assert_nothing_left() {
	until_true is_gone "$runner_dir"
	assert_equal "$(find "$XDG_RUNTIME_DIR" -mindepth 1)" ""
}
