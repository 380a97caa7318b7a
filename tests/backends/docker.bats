#!/usr/bin/env bats
# The docker backend, with a program in docker's place that notes how it was called and runs the commands here.

load ../helpers
load backends

setup() {
	backends_setup
	stand_in docker
}

# stand_in NAME: calls are lines of $T/NAME.calls, an argument before each bar; "exec" fails as docker's does when $T/no-container is
# there, and says where it was to go.
stand_in() {
	stub "$1" <<-'SH'
		calls=$T/${0##*/}.calls
		# In one write: there may be two at once.
		printf '%s\n' "$(printf '%s|' "$@" | tr '\n' ' ')" >>"$calls"
		verb=$1
		shift
		case $verb in
		run)
			while [ "$1" != --entrypoint ]; do shift; done
			entry=$2
			shift 3
			exec setsid -w "$entry" "$@"
			;;
		exec)
			echo "${DOCKER_HOST-}" >>"$T/hosts"
			[ ! -e "$T/no-container" ] || { echo "Error response from daemon: no such container" >&2; exit 1; }
			[ "$1" != -i ] || shift
			shift
			exec setsid -w "$@"
			;;
		esac
	SH
}

boot_docker() { boot_named docker image "$@"; }

calls() { grep "^$1|" "$T/docker.calls"; }

@test "stand-in for docker: boot runs a container with the options, and removes it" {
	boot_docker -v "/data dir:/data" --memory=1g
	[[ $name =~ ^wp-pool-1-[a-z0-9]{8}$ ]]
	run -0 calls run
	assert_output --regexp "^run\|-i\|--rm\|--init\|--name\|$name\|-v\|/data dir:/data\|--memory=1g\|--entrypoint\|sh\|image\|-c\|"
	end_boot
	assert_nothing_left
	run -0 calls rm
	assert_line "rm|-f|$name|"
}

@test "stand-in for docker: a command has its own streams, status and arguments" {
	boot_docker
	assert_own_streams
	run -0 calls exec
	assert_line --regexp "^exec\|-i\|$name\|sh\|${runner_dir%/dir}/run\|.*\|--\|printf\|"
	end_boot
}

@test "stand-in for docker: what docker says of its own is not taken for the command's" {
	boot_docker
	local status
	for status in 1 125 126 127 137 255; do
		run "-$status" there sh -c "exit $status"
	done
	: >no-container
	run -125 --separate-stderr there true
	assert_equal "$stderr" "Error response from daemon: no such container
wp-pool: docker: error: the command could not be run in \"$name\", or its end is not known"
	run -1 "$backend" check "$handle"
	rm no-container
	run -0 "$backend" check "$handle"
	end_boot
}

@test "stand-in for docker: signals and sudden death reach the command" {
	boot_docker
	assert_signal_passed
	assert_dies_with_exec
	end_boot
	assert_nothing_left
}

@test "stand-in for docker: SIGKILL of boot removes the container" {
	boot_docker
	kill_boot
	until_true is_empty "$XDG_RUNTIME_DIR"
	until_true is_gone "$runner_dir"
	run -0 calls rm
	assert_output "rm|-f|$name|"
}

@test "stand-in for docker: exec goes where boot went, whatever its own environment says" {
	export DOCKER_HOST=ssh://one
	boot_docker
	DOCKER_HOST=ssh://two there true
	assert_equal "$(sort -u hosts)" ssh://one
	end_boot
}

@test "stand-in for docker: podman where there is no docker, or where WP_DOCKER says so" {
	stand_in podman
	WP_DOCKER=podman boot_docker
	run -0 grep -c '^run|' podman.calls
	end_boot
	[ ! -e docker.calls ]
	rm bin/docker podman.calls
	mkdir tools
	local name
	for name in sh mktemp mkfifo rm mv cat setsid printf tr od sed mkdir sleep env grep chmod; do
		ln -s "$(command -v "$name")" "tools/$name"
	done
	PATH=$T/bin:$T/tools start_boot docker image
	wait_line "$T/boot.out" .
	run -0 grep -c '^run|' podman.calls
	end_boot
}

@test "stand-in for docker: files are copied" {
	boot_docker
	mkdir tree
	echo 1 >tree/file
	"$backend" sync "$handle" tree
	run -0 there cat tree/file
	assert_output 1
	end_boot
	assert_nothing_left
}

@test "stand-in for docker: a client that fails is a failed boot" {
	stub docker <<-'SH'
		echo "cannot connect" >&2
		exit 1
	SH
	start_boot docker image
	finish 125 "$pid_boot"
	assert_equal "$(head -n 1 boot.err)" "cannot connect"
	assert_equal "$(cat boot.out)" ""
	close_boot
	assert_equal "$(ls -A run)" ""
	run -64 "$BACKENDS/docker" boot
	run -64 "$BACKENDS/docker" boot --privileged
}
