# shellcheck disable=SC2034,SC2154 # ssh_args is for the tests, line is set by wait_line
# An sshd of the test's own on 127.0.0.1, with its own keys, for whoever runs the tests: `load sshd` after backends.

# Makes the keys of a file's tests.
sshd_keys() {
	if ! command -v ssh-keygen >/dev/null || ! PATH=$PATH:/usr/sbin:/sbin command -v sshd >/dev/null; then
		abort_test "sshd and ssh are needed (sh share/bootstrap install-deps installs them)"
	fi
	ssh-keygen -q -t ed25519 -N '' -C host -f "$BATS_FILE_TMPDIR/host"
	ssh-keygen -q -t ed25519 -N '' -C user -f "$BATS_FILE_TMPDIR/user"
}

# With the home directory of the test: what the user's shell does when it starts is none of the test's.
sshd_config() {
	cat <<-CONFIG
		ListenAddress 127.0.0.1:$port
		HostKey $BATS_FILE_TMPDIR/host
		AuthorizedKeysFile $BATS_FILE_TMPDIR/user.pub
		StrictModes no
		PasswordAuthentication no
		UsePAM no
		PidFile none
		SetEnv WP_TEST_ID=$WP_TEST_ID${WP_TEST_RUN:+ WP_TEST_RUN=$WP_TEST_RUN} TMPDIR=$T/there HOME=$T
	CONFIG
	printf '%s\n' "$@"
}

# The user root's sshd wants a directory under /run, where a test is to leave nothing: it gets a /run of its own. Where that may not
# be made, as in many containers, the directory stays as long as there is an sshd of a test; the last takes it away.
run_sshd() {
	local sshd
	sshd=$(PATH=$PATH:/usr/sbin:/sbin command -v sshd)
	if [ "$(id -u)" -ne 0 ]; then
		start sshd setpriv --pdeathsig KILL "$sshd" -D -e -f "$T/sshd_config"
	elif [ ! -d /run/sshd ] && unshare -m mount -t tmpfs tmpfs /run 2>/dev/null; then
		start sshd setpriv --pdeathsig KILL unshare -m sh -c 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"' sh \
			"$sshd" -D -e -f "$T/sshd_config"
	else
		share_run_sshd
		start sshd setpriv --pdeathsig KILL "$sshd" -D -e -f "$T/sshd_config"
	fi
}

# A shared lock for each test that uses the directory. Ours is the one with a mode that nobody else gives it.
share_run_sshd() {
	exec {sshd_lock}</run
	flock -s "$sshd_lock"
	[ -d /run/sshd ] || mkdir -m 711 /run/sshd
}

unshare_run_sshd() {
	[ -n "${sshd_lock-}" ] || return 0
	if flock -n -x "$sshd_lock" && [ "$(stat -c %a /run/sshd)" = 711 ]; then
		rmdir /run/sshd
	fi
	flock -u "$sshd_lock"
	exec {sshd_lock}<&-
}

# start_sshd [LINE...]: with these lines in its configuration, too. Sets $ssh_args, boot's arguments.
start_sshd() {
	mkdir "$T/there"
	until_true listens "$@"
	printf '[127.0.0.1]:%s %s\n' "$port" "$(cat "$BATS_FILE_TMPDIR/host.pub")" >"$T/known_hosts"
	ssh_args=(127.0.0.1 -F none -p "$port" -i "$BATS_FILE_TMPDIR/user" -o IdentityAgent=none -o UserKnownHostsFile="$T/known_hosts")
}

# On a port that nobody has, as far as can be known before it is taken.
listens() {
	port=$((20000 + RANDOM % 12000))
	sshd_config "$@" >"$T/sshd_config"
	rm -f "$T/sshd.err"
	run_sshd
	wait_line "$T/sshd.err" '^Server listening|^Cannot bind|^fatal|^error'
	[[ $line == Server* ]] || { kill "$pid_sshd" 2>/dev/null; return 1; }
}

stop_sshd() {
	[ -n "${pid_sshd-}" ] || return 0
	kill -KILL "$pid_sshd" 2>/dev/null || true
	wait "$pid_sshd" || true
	unshare_run_sshd
}

# The processes that serve the connections; some have one of their own that does.
sshd_sessions() {
	local children
	children=$(pgrep -d , -P "$pid_sshd") && echo "${children//,/$'\n'}" && { pgrep -x -P "$children" sshd || true; }
}
