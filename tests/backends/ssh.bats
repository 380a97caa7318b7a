#!/usr/bin/env bats
# The ssh backend, against an sshd of the test's own.

load ../helpers
load backends
load sshd

setup_file() { sshd_keys; }

setup() {
	backends_setup
}

teardown() {
	stop_sshd
	wp_teardown
}

# Sets $handle and $runner_dir.
boot_ssh() {
	start_sshd MaxSessions=100
	boot ssh "${ssh_args[@]}"
	runner_dir=$(there pwd)
}

@test "ssh: a command has its own stdin, stdout, stderr and status" {
	boot_ssh
	run -3 --separate-stderr there sh -c 'read -r line; echo "out $line"; echo err >&2; exit 3' <<<in
	assert_output 'out in'
	assert_equal "$stderr" err
	end_boot
	assert_nothing_left
}

@test "ssh: boot says one line, the handle, and nothing else" {
	boot_ssh
	end_boot
	assert_equal "$(cat boot.out)" "$handle"
	assert_equal "$(cat boot.err)" ""
}

@test "ssh: options for ssh may stand before the host, as ssh has them" {
	start_sshd MaxSessions=100
	boot ssh "${ssh_args[@]:1}" -T "${ssh_args[0]}" -o "SetEnv=A='b c'"
	run -0 there echo hello
	assert_output hello
	end_boot
	for args in "-p" "-p 22" "--" "-- host" "-T"; do
		# shellcheck disable=SC2086 # words
		run -64 "$TOP/share/backends/ssh" boot $args
	done
}

@test "ssh: streams are binary clean" {
	boot_ssh
	head -c 5000000 /dev/urandom >data
	there cat <data >copy
	cmp data copy
	there sh -c 'cat >&2' <data 2>copy
	cmp data copy
	end_boot
}

@test "ssh: what is written arrives before the command ends" {
	boot_ssh
	mkfifo gate
	fifo_fd "$T/gate"
	input=gate start_there talk sh -c 'echo one; read -r line; echo "two $line"'
	wait_line "$T/talk.out" one
	echo go >gate
	finish 0 "$pid_talk"
	assert_equal "$(cat talk.out)" $'one\ntwo go'
	end_boot
}

@test "ssh: arguments arrive exactly" {
	boot_ssh
	local arguments=('' ' ' 'a  b' "it's" '"' '\' 'a\0101\n' $'new\nline\n' $'\n' -n -- '-' '*' '$HOME' '`id`' '!' '!!' '@' '@x' '=ls' '~' '#'
		';' '&' '|' '%s' $'\t' $'\001\033[0m' 'grün' $'\xff\xfe' '{}' 'a=b' "'" "''" "\\'")
	printf '<%s>\n' "${arguments[@]}" >want
	there printf '<%s>\n' "${arguments[@]}" >got
	cmp want got
	end_boot
}

@test "ssh: arguments that are too long are refused with 125" {
	boot_ssh
	run -0 there printf '%.3s' "$(printf '%100000s' x)"
	local half
	half=$(printf '%70000s' x)
	run -125 there echo "$half" "$half"
	assert_output --partial 'arguments are too long'
	end_boot
}

@test "ssh: exit statuses" {
	boot_ssh
	local status
	for status in 0 1 2 64 124 125 126 127 128 254 255; do
		run "-$status" there sh -c "exit $status"
		assert_output ""
	done
	run -127 there no-such-command
	run -126 there /etc/passwd
	for status in HUP INT QUIT KILL USR1 PIPE TERM; do
		run "-$((128 + $(kill -l $status)))" there sh -c "ulimit -c 0; kill -s $status \$\$"
		assert_output ""
	done
	end_boot
}

@test "ssh: a command has the variables that name its call, and starts in the runner's directory" {
	boot_ssh
	export WP_POOL="a pool" WP_RUNNER=2 WP_SLOT=3 WP_CALL=44
	run -0 there sh -c 'echo "$WP_POOL, $WP_RUNNER, $WP_SLOT, $WP_CALL"; [ "$WP_RUNNER_DIR" = "$(pwd)" ] && pwd'
	assert_output "a pool, 2, 3, 44
$runner_dir"
	end_boot
}

@test "ssh: limits are those of the command" {
	boot_ssh
	export WP_LIMIT_MEMORY=200000000 WP_LIMIT_CPU=7 WP_LIMIT_NICE=5
	run -0 there sh -c 'ulimit -v; ulimit -t; ulimit -Ht; nice'
	assert_output $'195313\n7\n8\n5'
	WP_LIMIT_CPU=1 run -152 there sh -c 'ulimit -c 0; while :; do :; done'
	assert_output ""
	end_boot
}

@test "ssh: signals to exec go to the whole group there" {
	boot_ssh
	local signal
	for signal in HUP INT QUIT USR1 USR2 TERM; do
		start_there "$signal" sh -c 'trap "echo parent $1; exit 9" "$1"; sh -c '\''
			trap "echo child $1; exit" "$1"; echo up; sleep 1000 </dev/null >/dev/null 2>&1 & wait'\'' sh "$1"' sh "$signal"
		wait_line "$T/$signal.out" up
		signal_group "$signal" "$pid"
		finish 9
		assert_equal "$(cat "$signal.out")" "up
child $signal
parent $signal"
	done
	end_boot
	assert_nothing_left
}

@test "ssh: a command that a signal to exec ended has 128+n" {
	boot_ssh
	start_there long sh -c 'echo up; exec sleep 1000'
	wait_line "$T/long.out" up
	signal_group TERM "$pid_long"
	finish 143 "$pid_long"
	assert_equal "$(cat long.err)" ""
	end_boot
}

# state PID LETTER
is_state() { [ "$(sed 's/.*) //; s/ .*//' "/proc/$1/stat")" = "$2" ]; }

@test "ssh: TSTP stops the command, and CONT lets it go on" {
	boot_ssh
	mkfifo gate
	fifo_fd "$T/gate"
	input=gate start_there stop sh -c 'echo $$; read -r line; echo on'
	wait_line "$T/stop.out" .
	local there=$line
	signal_group TSTP "$pid_stop"
	until_true is_state "$there" T
	signal_group CONT "$pid_stop"
	until_true is_state "$there" S
	echo >gate
	finish 0 "$pid_stop"
	assert_equal "$(tail -n 1 stop.out)" on
	end_boot
}

has_early_signal() { compgen -G "${runner_dir%/dir}/early/*"; }

@test "ssh: a signal that comes before the command has begun is not lost" {
	boot_ssh
	# The wrapper stands still before it runs the command.
	mkfifo gate
	sed -i "1i echo waits >$T/early.waits; read -r _ <$T/gate" "${runner_dir%/dir}/run"
	start_there early sh -c 'echo begun'
	wait_line "$T/early.waits" waits
	signal_group TERM "$pid_early"
	until_true has_early_signal
	echo >gate
	finish 143 "$pid_early"
	assert_equal "$(cat early.out)" ""
	end_boot
}

@test "ssh: SIGKILL of exec ends the whole group there" {
	boot_ssh
	start_there dead sh -c 'trap "" TERM HUP; sh -c "trap \"\" TERM HUP; echo \$\$; sleep 1000 & wait" & echo $$; wait'
	wait_line "$T/dead.out" .
	local first=$line second
	until_true has_lines 2 dead.out
	second=$(tail -n 1 dead.out)
	signal_group KILL "$pid_dead"
	finish 137 "$pid_dead"
	wait_ended "$first" "$second"
	run -0 there echo "still there"
	assert_output 'still there'
	end_boot
	assert_nothing_left
}

@test "ssh: SIGKILL of exec's first process alone does so, too" {
	boot_ssh
	start_there dead sh -c 'echo $$; sleep 1000'
	wait_line "$T/dead.out" .
	kill -KILL "$pid_dead"
	finish 137 "$pid_dead"
	wait_ended "$line"
	end_boot
}

@test "ssh: what a command left in the background does not outlive the runner" {
	boot_ssh
	there sh -c 'sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >group; setsid sh -c "echo \$\$ >session; exec sleep 1000" \
		</dev/null >/dev/null 2>&1 & until [ -s session ]; do :; done'
	local group session
	group=$(cat "$runner_dir/group")
	session=$(cat "$runner_dir/session")
	kill -0 "$group" "$session"
	end_boot
	wait_ended "$group" "$session"
	assert_nothing_left
}

@test "ssh: the end of boot's input ends what runs, and removes the directory" {
	boot_ssh
	start_there long sh -c 'mkdir -p a/b; touch a/b/c; chmod 500 a/b; echo $$; trap "" TERM; sleep 1000 & wait'
	wait_line "$T/long.out" .
	end_boot
	finish 137 "$pid_long" || finish 125 "$pid_long"
	wait_ended "$line"
	assert_nothing_left
	run -125 there true
	run -1 ssh_check
}

ssh_check() { "$BACKENDS/ssh" check "$handle"; }

@test "ssh: SIGKILL of boot's group leaves nothing, here or there" {
	boot_ssh
	start_there long sh -c 'echo $$; exec sleep 1000'
	wait_line "$T/long.out" .
	kill_boot
	wait_ended "$line" "$pid_long"
	until_true is_empty "$XDG_RUNTIME_DIR"
	assert_nothing_left
}

@test "ssh: SIGKILL of boot's first process alone does so, too" {
	boot_ssh
	kill -KILL "$pid_boot"
	finish 137 "$pid_boot"
	until_true is_gone "$runner_dir"
	until_true is_empty "$XDG_RUNTIME_DIR"
	close_boot
}

@test "ssh: SIGTERM to boot's group ends it, and leaves nothing" {
	boot_ssh
	signal_group TERM "$pid_boot"
	finish 143 "$pid_boot"
	close_boot
	assert_nothing_left
	assert_equal "$(cat boot.err)" ""
}

@test "ssh: when the connection is lost, boot ends, exec says 125, and check fails" {
	boot_ssh
	run -0 ssh_check
	start_there long sh -c 'echo $$; exec sleep 1000'
	wait_line "$T/long.out" .
	local sessions
	mapfile -t sessions < <(sshd_sessions)
	kill -KILL "${sessions[@]}"
	finish 1 "$pid_boot"
	assert_equal "$(tail -n 1 boot.err)" 'wp-pool: ssh: error: "127.0.0.1" is lost'
	finish 125 "$pid_long"
	run -1 ssh_check
	run -125 there true
	close_boot
	wait_ended "$line"
	assert_nothing_left
}

@test "ssh: exec makes no connection of its own when the master is gone" {
	boot_ssh
	local socket
	socket=$(find "$XDG_RUNTIME_DIR" -type s)
	mv "$socket" "$socket.away"
	run -125 there true
	assert_output 'wp-pool: ssh: error: the command could not be run in "127.0.0.1", or its end is not known'
	run -1 ssh_check
	mv "$socket.away" "$socket"
	run -0 there true
	end_boot
}

@test "ssh: a session more than sshd allows is 125, with a word about it" {
	start_sshd MaxSessions=2
	boot ssh "${ssh_args[@]}"
	start_there long sh -c 'echo up; exec sleep 1000'
	wait_line "$T/long.out" up
	run -125 there true
	assert_output --partial MaxSessions
	signal_group KILL "$pid_long"
	finish 137 "$pid_long"
	until_true there true
	end_boot
}

@test "ssh: files and directories are copied, and go with the runner" {
	boot_ssh
	mkdir -p tree/sub "with blank"
	echo 1 >tree/sub/file
	echo 2 >tree/.hidden
	ln -s sub tree/link
	printf '#!/bin/sh\necho run\n' >-script
	chmod 755 -- -script
	ln -s tree to-tree
	echo 3 >"with blank/it's"
	"$BACKENDS/ssh" sync "$handle" tree/ "$T/with blank" -script to-tree tree/sub/. "with blank/it's"
	run -0 there sh -c 'cat tree/sub/file tree/.hidden tree/link/file; readlink tree/link; ./-script; cat to-tree/sub/file "with blank/it'\''s" sub/file "it'\''s"'
	assert_output $'1\n2\n1\nsub\nrun\n1\n3\n1\n3'
	end_boot
	assert_nothing_left
}

@test "ssh: what cannot be copied is an error" {
	boot_ssh
	run -125 "$BACKENDS/ssh" sync "$handle" no-such-file
	assert_output 'wp-pool: ssh: error: cannot copy "no-such-file": there is no such file'
	end_boot
}

@test "ssh: twenty commands at once" {
	boot_ssh
	local i
	mkfifo gate
	exec 7<>gate
	for i in {1..20}; do
		start_there "n$i" sh -c 'echo up; read -r _ <"$2"; echo "$1"; exit "$1"' sh "$i" "$T/gate"
	done
	for i in {1..20}; do
		wait_line "$T/n$i.out" up
	done
	printf '\n%.0s' {1..20} >&7
	for i in {1..20}; do
		local name=pid_n$i
		finish "$i" "${!name}"
		assert_equal "$(tail -n 1 "n$i.out")" "$i"
	done
	exec 7<&-
	end_boot
	assert_nothing_left
}

@test "ssh: where there is no setsid, signals and sudden death reach the group all the same" {
	mkdir bare
	local name
	for name in sh mktemp mkdir mv rm grep chmod cat sleep nice env; do
		ln -s "$(command -v $name)" "bare/$name"
	done
	boot_ssh
	sed -i "1i PATH=$T/bare" "${runner_dir%/dir}/run"
	run -127 there setsid true
	run -3 there sh -c 'exit 3'
	start_there term sh -c 'sleep 1000 & echo up; wait'
	wait_line "$T/term.out" up
	signal_group TERM "$pid_term"
	finish 143 "$pid_term"
	start_there dead sh -c 'sleep 1000 & echo $!; wait'
	wait_line "$T/dead.out" .
	signal_group KILL "$pid_dead"
	finish 137 "$pid_dead"
	wait_ended "$line"
	end_boot
}

@test "ssh: who cannot be reached is a failed boot, without a handle" {
	start_sshd
	start_boot ssh 127.0.0.1 -p 1 "${ssh_args[@]:1}"
	finish 125 "$pid_boot"
	assert_equal "$(cat boot.out)" ""
	assert_equal "$(tail -n 1 boot.err)" 'wp-pool: ssh: error: cannot start "127.0.0.1": the client ended with status 255'
	close_boot
	assert_equal "$(find run -mindepth 1)" ""
}

@test "ssh: input that ends while boot still connects ends it" {
	mkfifo silent
	stub proxy <<-'SH'
		echo connecting >"$T/silent"
		cat >"$T/silence"
	SH
	fifo_fd "$T/silent"
	start_boot ssh nowhere -F none -o ProxyCommand="$T/bin/proxy"
	wait_line "$T/silent" connecting
	end_boot 0
	assert_equal "$(cat boot.out)" ""
	assert_equal "$(find run -mindepth 1)" ""
}

@test "ssh: it works through a symbolic link, and its own settings stay with boot" {
	boot_ssh
	ln -s "$BACKENDS/ssh" elsewhere
	run -0 env -u XDG_RUNTIME_DIR HOME=/nonexistent ./elsewhere exec "$handle" -- echo hello
	assert_output hello
	end_boot
}

@test "ssh: a shell that talks at login does not disturb boot" {
	start_sshd MaxSessions=100 "ForceCommand echo hello; echo workplane; eval \"\$SSH_ORIGINAL_COMMAND\""
	boot ssh "${ssh_args[@]}"
	[[ $handle == "127.0.0.1 $XDG_RUNTIME_DIR/"* ]]
	end_boot
}

@test "ssh: a wrong command line is 64, with a line that says so" {
	run -64 "$BACKENDS/ssh"
	assert_equal "${#lines[@]}" 1
	run -64 "$BACKENDS/ssh" fly
	assert_output 'wp-pool: ssh: error: unknown verb "fly": boot, exec, check and sync are known'
	run -64 "$BACKENDS/ssh" boot
	run -64 "$BACKENDS/ssh" boot -p 22
	run -64 "$BACKENDS/ssh" exec
	run -125 "$BACKENDS/ssh" exec "nobody /nowhere" -- true
	assert_output 'wp-pool: ssh: error: the place "nobody" is gone'
	run -1 "$BACKENDS/ssh" check "nobody /nowhere"
}
