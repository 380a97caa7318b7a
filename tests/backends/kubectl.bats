#!/usr/bin/env bats
# The kubectl backend, with a program in kubectl's place that notes how it was called and runs the commands here.

load ../helpers
load backends

setup() {
	backends_setup
	stub kubectl <<-'SH'
		printf '%s\n' "$(printf '%s|' "$@" | tr '\n' ' ')" >>"$T/calls"
		echo "${KUBECONFIG-}" >>"$T/configs"
		for verb; do
			case $verb in
			run | exec | wait | delete) break ;;
			esac
		done
		case $verb in
		wait) [ ! -e "$T/never-ready" ] || { echo "timed out" >&2; exit 1; } ;;
		delete) ;;
		*)
			[ ! -e "$T/no-pod" ] || { echo "Error from server (NotFound)" >&2; exit 1; }
			while [ "$1" != -- ]; do shift; done
			shift
			exec setsid -w "$@"
			;;
		esac
	SH
}

boot_kubectl() { boot_named kubectl image "$@"; }

calls() { grep "$1" "$T/calls"; }

@test "stand-in for kubectl: boot runs a pod with the options, and waits until it is ready" {
	boot_kubectl --requests=cpu=1 --labels="a=b"
	[[ $name =~ ^wp-pool-1-[a-z0-9]{8}$ ]]
	run -0 sed -n 1,2p calls
	assert_line --regexp "^run\|$name\|--image=image\|--restart=Never\|-i\|--rm\|--quiet\|--pod-running-timeout=24h\|--requests=cpu=1\|--labels=a=b\|--command\|--\|sh\|-c\|"
	assert_line "wait|--for=condition=Ready|--timeout=-1s|pod/$name|"
	end_boot
	assert_nothing_left
	run -0 calls '^delete'
	assert_line "delete|pod|$name|--now|--wait=false|--ignore-not-found|"
}

@test "stand-in for kubectl: a command has its own streams, status and arguments" {
	boot_kubectl
	assert_own_streams
	run -0 calls '^exec'
	assert_line --regexp "^exec\|-i\|-q\|$name\|-c\|$name\|--\|sh\|${runner_dir%/dir}/run\|.*\|--\|printf\|"
	end_boot
}

@test "stand-in for kubectl: which cluster and namespace is said in each call, also from another environment" {
	export KUBECONFIG=$T/one
	boot_kubectl -n "name space" --context=c --labels=a=b --user u
	KUBECONFIG=$T/two there true
	end_boot
	assert_equal "$(sort -u configs)" "$T/one"
	run -0 calls '^-n|name space|--context=c|--user|u|exec|'
	run -0 calls '^-n|name space|--context=c|--user|u|wait|'
	run -0 calls '^-n|name space|--context=c|--user|u|delete|'
	run -0 calls '^run|.*|-n|name space|--context=c|--labels=a=b|--user|u|--command|--|'
}

@test "stand-in for kubectl: what kubectl says of its own is not taken for the command's" {
	boot_kubectl
	run -1 there sh -c "exit 1"
	run -137 there sh -c 'kill -KILL $$'
	: >no-pod
	run -125 --separate-stderr there true
	assert_equal "$stderr" "Error from server (NotFound)
wp-pool: kubectl: error: the command could not be run in \"$name\", or its end is not known"
	run -1 "$backend" check "$handle"
	rm no-pod
	run -0 "$backend" check "$handle"
	end_boot
}

@test "stand-in for kubectl: signals and sudden death reach the command" {
	boot_kubectl
	assert_signal_passed
	assert_dies_with_exec
	end_boot
	assert_nothing_left
}

@test "stand-in for kubectl: SIGKILL of boot deletes the pod" {
	boot_kubectl
	kill_boot
	until_true is_empty "$XDG_RUNTIME_DIR"
	until_true is_gone "$runner_dir"
	run -0 calls '^delete'
}

@test "stand-in for kubectl: a pod that does not get ready is a failed boot, and deleted" {
	: >never-ready
	start_boot kubectl image
	finish 125 "$pid_boot"
	assert_equal "$(cat boot.out)" ""
	assert_equal "$(head -n 1 boot.err)" "timed out"
	close_boot
	run -0 calls '^delete'
	assert_equal "$(ls -A run)" ""
	run -64 "$BACKENDS/kubectl" boot
	run -64 "$BACKENDS/kubectl" boot -n x
}
