load ../../helpers

# In the throw-away copy of the system that "run" makes. The package is installed for all tests, and the last ones remove it.
# bats runs them in this order.

programs=(wp-jobs wp-pool wp-presence wp-registry wp-distribute)

# What was changed of the system, but for what dpkg and man keep for themselves: what is new or not as it was, and a character
# device in place of each file that is gone.
changes() {
	(cd /run/changed && find . -path ./var/lib/dpkg -prune -o -path ./var/cache/man -prune -o -path ./var/log -prune -o -print) | sort
}

setup_file() {
	[ -d /run/changed ] || abort_test "tests of the package are run by make check-deb"
	if [ "$(dpkg-query -W -f '${db:Status-Status}' workplane 2>/dev/null)" = installed ]; then
		dpkg --purge workplane
	fi
	rm -rf /var/lib/workplane
	changes >/run/before
	dpkg --install "$BUILD"/deb/workplane_*.deb
}

setup() {
	wp_setup
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
}

@test "lintian has neither errors nor warnings to tell of" {
	run -0 lintian --allow-root --pedantic --display-info --fail-on error,warning "$BUILD"/deb/workplane_*.changes
}

@test "it needs what the programs load, and recommends libpq" {
	run -0 dpkg-deb -f "$BUILD"/deb/workplane_*.deb Depends
	for library in libc6 libjansson4 libsmartcols1 libsqlite3-0 libxxhash0; do
		assert_output --regexp "(^| )$library "
	done
	refute_output --partial libpq
	run -0 dpkg-deb -f "$BUILD"/deb/workplane_*.deb Recommends
	assert_output libpq5
}

@test "the programs are hardened" {
	for program in "${programs[@]}"; do
		run -0 readelf -hldW "/usr/bin/$program"
		assert_line --regexp 'Type: +DYN '
		assert_line --regexp 'FLAGS_1.* NOW PIE'
		assert_line --regexp 'GNU_RELRO '
		assert_line --regexp 'GNU_STACK .* RW '
		run -0 readelf --dyn-syms -W "/usr/bin/$program"
		assert_output --partial __stack_chk_fail
		assert_output --regexp '__[a-z]+_chk@'
	done
}

@test "it is installed whole" {
	run -0 dpkg --verify workplane
	assert_output ""
	run -0 dpkg-query -W -f '${Status}' workplane
	assert_output "install ok installed"
	for program in "${programs[@]}"; do
		run -0 command -v "$program"
		assert_output "/usr/bin/$program"
		run -0 "$program" --version
		assert_output --partial "$(dpkg-query -W -f '${Version}' workplane)"
	done
}

@test "wp-jobs: jobs are added and done, in the state directory of root too, and libpq is found" {
	seq 100 | wp-jobs add -q numbers >ids
	wp-jobs work -q numbers --drain -- sh -c 'echo $((2 * $1))' sh {} >out
	assert_equal "$(sort -n out | tail -n 1) $(wc -l <out)" "200 100"
	unset WP_STATE
	HOME=/root
	run -0 wp-jobs add -q default '"hello"'
	run -0 wp-jobs work -q default --drain -- echo {}
	assert_output hello
	run -0 stat -c %a /var/lib/workplane
	assert_output 700
	rm -r /var/lib/workplane
	run -69 wp-jobs --db host=/nowhere stats
	assert_output --partial "/nowhere"
}

@test "wp-pool: a pool with a name; the backends are where it looks, one with a stand-in for docker" {
	start pool wp-pool start video --max 2
	wp-pool wait video
	assert_equal "$(echo hello | wp-pool call video -- tr a-z A-Z)" HELLO
	kill "$pid_pool"
	finish 0 "$pid_pool"
	PATH=/usr/bin:/bin
	stub docker <<<'echo "$1" >>"$T/docker.ran"; exit 1'
	start far wp-pool start far --min 1 --backend docker --backend-arg image
	wait_line far.err 'docker: error: cannot start'
	kill "$pid_far"
	finish 0 "$pid_far"
	[ -s docker.ran ]
}

@test "wp-presence: who is there" {
	start worker wp-presence track worker --capacity 5 -- sleep 1000
	run -0 wp-presence wait --capacity 5 --timeout 1m
	run -0 wp-presence list -rno KEY,CAPACITY
	assert_output "worker 5"
	kill -KILL "$pid_worker"
	finish 137 "$pid_worker"
	run -0 wp-presence list -rno KEY
	assert_output ""
}

@test "wp-registry: a message, and the answer" {
	wp-registry define echo -- cat
	run -0 wp-registry send echo '"hello"'
	assert_output '"hello"'
	wp-registry remove echo
}

@test "wp-distribute: a child runs on a node" {
	start node wp-distribute node alpha
	run -0 wp-distribute start child --await --timeout 1m -- sleep 1000
	run -0 wp-distribute list -rno ID,NODE,STATE
	assert_output "child alpha running"
	run -0 wp-distribute stop --await child
	kill "$pid_node"
	finish 0 "$pid_node"
}

@test "the manual pages are found, and can be read" {
	local page
	for page in "1 wp-jobs" "1 wp-pool" "1 wp-presence" "1 wp-registry" "1 wp-distribute" \
		"5 workplane-stream" "7 workplane" "7 workplane-backend"; do
		# shellcheck disable=SC2086 # section and name
		run -0 man -w $page
		assert_output "/usr/share/man/man${page% *}/${page#* }.${page% *}.gz"
		# shellcheck disable=SC2086
		run -0 man -P cat $page
		assert_output --partial "${page#* } —"
	done
}

@test "the completions are where the shells of Debian look" {
	for program in "${programs[@]}"; do
		run -0 bash -c ". /usr/share/bash-completion/completions/$program && complete -p $program"
		assert_output --regexp "-F [^ ]+ .*$program$"
		[ -s "/usr/share/fish/vendor_completions.d/$program.fish" ]
	done
	run -0 head -n 1 /usr/share/zsh/vendor-completions/_workplane
	assert_output "#compdef ${programs[*]}"
}

@test "the units are well-formed, start what is there, and are neither enabled nor started" {
	local unit count=0
	for unit in $(dpkg -L workplane | sed -n 's|.*/systemd/system/||p'); do
		run -0 systemd-analyze verify --man=yes "${unit/@./@name.}"
		assert_output ""
		count=$((count + 1))
	done
	assert_equal "$count" "$(find "$TOP/share/systemd" -type f | wc -l)"
	run -0 find /etc/systemd /run/systemd -name 'wp-*'
	assert_output ""
}

@test "the examples run where they are" {
	run -0 --separate-stderr /usr/share/doc/workplane/examples/nightly backup touch ran
	assert_output "backup is done"
	[ -e ran ]
}

@test "another time over itself, and what was there is there" {
	wp-jobs add -q kept 1 >id
	run -0 dpkg --install "$BUILD"/deb/workplane_*.deb
	run -0 dpkg --verify workplane
	assert_output ""
	run -0 wp-jobs list -rno QUEUE
	assert_output kept
}

@test "it is removed, and purged, and nothing of it is left" {
	run -0 dpkg --remove workplane
	run -127 wp-jobs --version
	run -0 dpkg --purge workplane
	run -1 dpkg-query -W workplane
	# A directory of others in which it had something is among the changes, but not a new one.
	changes >after
	comm -13 /run/before after | while IFS= read -r path; do
		[ -d "/run/changed/$path" ] && [[ $path != *workplane* ]] || echo "$path"
	done >left
	run -0 cat left
	assert_output ""
	run -0 find /var/lib/dpkg/info -name 'workplane*'
	assert_output ""
}
