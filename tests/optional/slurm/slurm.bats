#!/usr/bin/env bats
# The slurm backend, against a slurmctld, a slurmd and a munged of the tests' own on this machine: make check-slurm, as root,
# with slurm-wlm and munge installed.

load ../../helpers
load ../../backends/backends

# The daemons serve all tests of the file; a test makes and ends its own allocations.
setup_file() {
	export SLURM_CONF=$BATS_FILE_TMPDIR/slurm.conf PATH=$PATH:/usr/sbin:/sbin
	cd "$BATS_FILE_TMPDIR" || return
	mkdir state spool
	head -c 128 /dev/urandom >munge.key
	chmod 600 munge.key
	slurm_conf >slurm.conf
	# Nothing here uses a cgroup, but slurmd wants to know of which kind they would be.
	echo "CgroupPlugin=cgroup/v$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo 2 || echo 1)" >cgroup.conf
	start_daemon munged munged -F --force --key-file="$PWD/munge.key" --socket="$PWD/munge.socket" --pid-file="$PWD/munge.pid" \
		--log-file="$PWD/munge.log" --seed-file="$PWD/munge.seed"
	until_line munged.err 'Created .* work threads'
	start_daemon slurmctld slurmctld -D -f "$SLURM_CONF"
	start_daemon slurmd slurmd -D -f "$SLURM_CONF"
	until_line slurmd.err 'slurmd started'
	timeout "$PATIENCE" srun -N1 -n1 true
}

teardown_file() {
	local name
	cd "$BATS_FILE_TMPDIR" || return
	for name in slurmd slurmctld munged; do
		[ ! -s "$name.daemon" ] || kill "$(cat "$name.daemon")"
		[ ! -s "$name.daemon" ] || "$BUILD/tests/processes" ended "$(cat "$name.daemon")" "$PATIENCE"
	done
}

slurm_conf() {
	local port=$((20000 + RANDOM % 12000))
	cat <<-CONF
		ClusterName=test
		SlurmctldHost=$(hostname -s)(127.0.0.1)
		SlurmUser=root
		AuthType=auth/munge
		AuthInfo=socket=$PWD/munge.socket
		SlurmctldPort=$port
		SlurmdPort=$((port + 1))
		StateSaveLocation=$PWD/state
		SlurmdSpoolDir=$PWD/spool
		SlurmctldPidFile=$PWD/slurmctld.pid
		SlurmdPidFile=$PWD/slurmd.pid
		ProctrackType=proctrack/linuxproc
		TaskPlugin=task/none
		JobAcctGatherType=jobacct_gather/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		MpiDefault=none
		SlurmdParameters=config_overrides
		NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=8
		PartitionName=test Nodes=ALL Default=YES State=UP
	CONF
}

# It dies with the file's tests.
start_daemon() {
	local name=$1
	shift
	setpriv --pdeathsig TERM env --default-signal=INT,QUIT "$@" >"$name.err" 2>&1 3>&- &
	echo $! >"$name.daemon"
}

# wait_line wants the files of a test.
until_line() {
	timeout "$PATIENCE" tail -n +1 -F "$1" 2>/dev/null 3>&- | grep -qE -m 1 "$2" && return
	cat "$1"
	return 1
}

setup() { backends_setup; }

# What a failed test leaves is not to stand in the way of the next.
teardown() {
	scancel --user="$(id -un)"
	wp_teardown
}

# boot_slurm [OPTION...]
boot_slurm() {
	boot slurm "$@"
	runner_dir=$(there sh -c 'echo "$WP_RUNNER_DIR"')
}

no_jobs() { [ -z "$(squeue -h -t pending,running,configuring,completing)" ]; }

end_slurm() {
	end_boot
	assert_nothing_left
	until_true no_jobs
}

@test "slurm: a command has its own stdin, stdout and status, in the caller's directory" {
	boot_slurm
	mkdir here
	cd here
	run -3 --separate-stderr there sh -c 'read -r line; echo "out $line"; pwd; echo err >&2; exit 3' <<<in
	assert_output "out in
$T/here"
	grep -qx err <<<"$stderr"
	run -0 --separate-stderr there true
	assert_equal "$stderr" ""
	end_slurm
}

@test "slurm: streams are binary clean, and arguments arrive exactly" {
	boot_slurm
	head -c 5000000 /dev/urandom >data
	there cat <data >copy
	cmp data copy
	local arguments=('' ' ' "it's" '"' '\' $'new\nline\n' -n -- '*' '$HOME' '%t' '%%' : @ @x $'\xff\xfe' 'grün')
	printf '<%s>\n' "${arguments[@]}" >want
	there printf '<%s>\n' "${arguments[@]}" >got
	cmp want got
	end_slurm
}

@test "slurm: exit statuses" {
	boot_slurm
	local status
	for status in 0 1 2 125 126 127 255; do
		run "-$status" there sh -c "exit $status"
	done
	for status in INT KILL TERM; do
		run "-$((128 + $(kill -l $status)))" there sh -c "kill -s $status \$\$"
	done
	run -127 there no-such-command
	end_slurm
}

@test "slurm: a command has the variables of its call and of the job, and its limits" {
	boot_slurm --comment "a b" -c 2
	export WP_SLOT=3 WP_LIMIT_CPU=7
	run -0 there sh -c 'echo "$WP_SLOT $(ulimit -t) $SLURM_CPUS_ON_NODE"; scontrol show job "$SLURM_JOB_ID"'
	assert_line "3 7 2"
	assert_line --partial "Comment=a b"
	end_slurm
}

@test "slurm: signals to exec go to the command" {
	boot_slurm
	local signal
	for signal in HUP INT USR1 TERM; do
		start_there "$signal" sh -c 'trap "echo got $1; exit 9" "$1"; echo up; while :; do sleep 1000 </dev/null >/dev/null 2>&1 & wait $!; done' sh "$signal"
		wait_line "$T/$signal.out" up
		signal_group "$signal" "$pid"
		finish 9
		run -0 grep -c "^got $signal" "$signal.out"
	done
	end_slurm
}

@test "slurm: SIGKILL of exec ends the whole group there" {
	boot_slurm
	assert_dies_with_exec
	run -0 there echo "still there"
	assert_output 'still there'
	end_slurm
}

@test "slurm: the end of boot's input ends what runs, and the job" {
	boot_slurm
	start_there long sh -c 'trap "" TERM; echo $$; sleep 1000 & wait'
	wait_line "$T/long.out" .
	end_slurm
	finish 137 "$pid_long" || finish 125 "$pid_long"
	wait_ended "$line"
	run -1 "$backend" check "$handle"
	run -125 there true
}

@test "slurm: SIGKILL of boot's group ends what runs, and the job" {
	boot_slurm
	start_there long sh -c 'echo $$; exec sleep 1000'
	wait_line "$T/long.out" .
	kill_boot
	wait_ended "$line" "$pid_long"
	until_true is_empty "$XDG_RUNTIME_DIR"
	until_true no_jobs
}

@test "slurm: SIGTERM while the job waits for its turn takes it from the queue" {
	boot_slurm --exclusive
	local first=$pid_boot hold=$pid_hold directory=$runner_dir
	start_boot slurm --exclusive
	until_true is_pending
	signal_group TERM "$pid_boot"
	finish 143 "$pid_boot"
	close_boot
	pid_boot=$first pid_hold=$hold runner_dir=$directory
	end_slurm
}

is_pending() { [ -n "$(squeue -h -t pending)" ]; }

@test "slurm: when the job is cancelled, boot ends, exec says 125, and check fails" {
	boot_slurm
	run -0 "$backend" check "$handle"
	start_there long sh -c 'echo $$; exec sleep 1000'
	wait_line "$T/long.out" .
	scancel "$(squeue -h -t running -o %A)"
	finish 1 "$pid_boot"
	finish 125 "$pid_long"
	run -1 "$backend" check "$handle"
	close_boot
	until_true no_jobs
}

@test "slurm: files and directories are copied, and go with the runner" {
	boot_slurm
	mkdir tree
	echo 1 >tree/file
	echo 2 >file
	"$backend" sync "$handle" tree file
	run -0 there sh -c 'cd "$WP_RUNNER_DIR" && cat tree/file file'
	assert_output $'1\n2'
	end_slurm
}
