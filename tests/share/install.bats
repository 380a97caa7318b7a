load ../helpers

# The programs are built already and in use by other tests: -o all keeps make from building them anew.
make_in_top() {
	make -s -o all -C "$TOP" build="${BUILD#"$TOP/"}" ${SANITIZE:+SANITIZE="$SANITIZE"} DESTDIR="$T/root" PREFIX=/usr "$@" 3>&-
}

@test "install puts everything in its place, and uninstall takes it away" {
	run -0 make_in_top install
	run -0 find root -type f -printf '%P %m\n'
	for program in wp-jobs wp-pool wp-presence wp-registry wp-distribute; do
		assert_line "usr/bin/$program 755"
		assert_line "usr/share/man/man1/$program.1 644"
		assert_line "usr/share/bash-completion/completions/$program 644"
		assert_line "usr/share/fish/vendor_completions.d/$program.fish 644"
	done
	assert_line "usr/share/man/man5/workplane-stream.5 644"
	assert_line "usr/share/man/man7/workplane.7 644"
	assert_line "usr/share/man/man7/workplane-backend.7 644"
	for program in docker kubectl slurm ssh; do
		assert_line "usr/share/workplane/backends/$program 755"
	done
	for program in keeper remote run; do
		assert_line "usr/share/workplane/backends/$program.sh 644"
	done
	for example in thumbnails nightly outbox fan-out standby; do
		assert_line "usr/share/doc/workplane/examples/$example 755"
	done
	assert_line "usr/share/doc/workplane/examples/crontab 644"
	assert_line "usr/share/zsh/site-functions/_workplane 644"
	assert_line "usr/lib/systemd/system/wp-jobs@.service 644"
	assert_line "usr/lib/systemd/system/wp-pool@.service 644"
	assert_line "usr/lib/systemd/system/wp-presence@.service 644"
	assert_line "usr/lib/systemd/system/wp-registry@.service 644"
	assert_line "usr/lib/systemd/system/wp-distribute@.service 644"
	assert_line "usr/lib/systemd/system/wp-presence-metrics.service 644"
	assert_line "usr/lib/systemd/system/wp-presence-metrics.timer 644"
	run -0 make_in_top uninstall
	run -0 find root -type f
	assert_output ""
}

@test "installed programs run, and wp-jobs finds the wp-pool beside it" {
	run -0 make_in_top install
	PATH=$T/root/usr/bin:/usr/bin:/bin
	run -0 wp-jobs add -q q '"hello"'
	run -0 --separate-stderr wp-jobs work -q q --drain -- echo {}
	assert_output hello
}

@test "installed backends find what they share, also through a symbolic link" {
	run -0 make_in_top install
	run -64 root/usr/share/workplane/backends/ssh fly
	assert_output --partial 'unknown verb "fly"'
	ln -s root/usr/share/workplane/backends/docker here
	run -64 ./here
	assert_output --partial 'unknown verb'
}

# The command that UNIT starts.
exec_start() { sed -n 's/^ExecStart=//p' "root/usr/lib/systemd/system/$1"; }
# run_unit NAME UNIT INSTANCE: what that unit does, as process NAME, and it has said on descriptor 9 that it is ready, in $output.
run_unit() {
	exec_start "$2" | sed "s|^/|exec root/|; s/%i/$3/; s/\$/ 9>ready/" >"$1.sh"
	[ -p ready ] || mkfifo ready
	start "$1" sh "./$1.sh"
	run -0 cat ready
}

# default_of PROGRAM VERB OPTION: by its help.
default_of() { "$1" --list-options "$2" | sed -n "s/^-\t$3\t.*(default \(.*\))\$/\1/p"; }

@test "the units start what was installed" {
	run -0 make_in_top install
	run -0 exec_start wp-jobs@.service
	assert_output '/usr/bin/wp-jobs work --queue %i $OPTIONS -- $HANDLER'
	run -0 exec_start wp-pool@.service
	assert_output '/usr/bin/wp-pool start $OPTIONS -- %i'
	run -0 exec_start wp-presence@.service
	assert_output '/usr/bin/wp-presence track %i $OPTIONS -- $WORKER'
	run -0 exec_start wp-registry@.service
	assert_output '/usr/bin/wp-registry register --replace $OPTIONS -- %i $HANDLER'
	run -0 exec_start wp-distribute@.service
	assert_output '/usr/bin/wp-distribute node $OPTIONS -- %i'
	run -0 exec_start wp-presence-metrics.service
	assert_output --regexp '^/usr/bin/wp-presence capacity .* --textfile /var/lib/prometheus/node-exporter/workplane\.prom$'
}

@test "systemd finds no fault with the units" {
	run -0 make_in_top install
	local unit
	mkdir units
	for unit in root/usr/lib/systemd/system/*; do
		# It looks whether the program is there.
		sed "s|=/usr/bin/|=$T/root/usr/bin/|" "$unit" >"units/${unit##*/}"
	done
	cd units
	local name=(*)
	assert [ ${#name[@]} -ge 7 ]
	run -0 systemd-analyze verify --man=no "${name[@]/@./@x.}"
	assert_output ""
}

@test "what the units of presence start does what they say" {
	run -0 make_in_top install
	export WP_STATE=$T/state OPTIONS="--capacity 5" WORKER="wp-presence capacity"
	exec_start wp-presence@.service | sed 's|^/|root/|; s/%i/resize-1/' >worker
	run -0 sh ./worker
	assert_output 5
	wp-presence track resize-1 --capacity 5 --pid $$ >refs
	exec_start wp-presence-metrics.service | sed "s|^/|root/|; s|/var/lib/prometheus/node-exporter|$T|" >metrics
	run -0 sh ./metrics
	run -0 grep '^workplane_presence_capacity' workplane.prom
	assert_output 'workplane_presence_capacity{topic="workers"} 5'
}

@test "what the unit of a queue does is work on it, and ends with 0 when it is told to" {
	run -0 make_in_top install
	export OPTIONS="--max-procs 2" HANDLER="echo {to}"
	exec_start wp-jobs@.service | sed 's|^/|exec root/|; s/%i/mail/' >worker
	start worker sh ./worker
	wp-jobs add -q mail '{"to":"ann"}' >ids
	wait_line "$T/worker.out" '^ann$'
	run -0 wp-presence wait --key "wp-jobs-$pid_worker" --timeout "${PATIENCE}s"
	run -0 wp-presence list -rno PID,CAPACITY
	assert_output "$pid_worker 2"
	kill "$pid_worker"
	finish 0 "$pid_worker"
	assert_equal "$(wp-jobs list -n)" ""
}

@test "the unit of a queue gives its jobs the time that they may take to end by default" {
	local unit=$TOP/share/systemd/wp-jobs@.service grace kill_after
	grace=$(wp-jobs --list-options work | sed -n 's/^-\tgrace\t.*(default: \(.*\))$/\1/p')
	kill_after=$(wp-jobs --list-options work | sed -n 's/^k\tkill-after\t.*(default: \(.*\))$/\1/p')
	[ "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt $((${grace%s} + ${kill_after%s})) ]
	for line in KillMode=mixed EnvironmentFile=/etc/workplane/%i.conf; do
		run -0 grep -Fx "$line" "$unit"
	done
}

@test "what the unit of a pool does is a pool of that name, and ends with 0 when it is told to" {
	run -0 make_in_top install
	export OPTIONS="--min 1 --max 3"
	exec_start wp-pool@.service | sed 's|^/|exec root/|; s/%i/my-pool/' >pool
	start pool sh ./pool
	wp-pool wait my-pool
	run -0 wp-pool status -rno PID,RUNNERS,MAX my-pool
	assert_output "$pid_pool 1 3"
	run -0 wp-pool call my-pool -- echo hello
	assert_output hello
	kill "$pid_pool"
	finish 0 "$pid_pool"
}

@test "the unit of a pool gives it the time that it may take to stop by default" {
	local unit=$TOP/share/systemd/wp-pool@.service shutdown kill_after
	shutdown=$(default_of wp-pool start shutdown-timeout)
	kill_after=$(default_of wp-pool start kill-after)
	[ "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt $((2 * ${shutdown%s} + ${kill_after%s})) ]
	for line in Type=notify KillMode=mixed Delegate=yes EnvironmentFile=-/etc/workplane/pool-%i.conf; do
		run -0 grep -Fx "$line" "$unit"
	done
}

@test "what the unit of a consumer does is one of that handle, which comes back after a crash, and ends with 0 when it is told to" {
	run -0 make_in_top install
	export OPTIONS="--warm --max-pending 7 --ready-fd 9" HANDLER="sed -u s/^/re:/" WP_REGISTRY_STACK=shop
	run_unit first wp-registry@.service my-orders
	assert_output 1
	run -0 wp-registry list -rno HANDLE,STACK,PID
	assert_output "my-orders shop $pid_first"
	run -0 wp-registry send my-orders hello
	assert_output re:hello
	kill -KILL "$pid_first"
	finish 137 "$pid_first"
	run -1 wp-registry send my-orders hello
	run_unit second wp-registry@.service my-orders
	assert_output 1
	run -0 wp-registry send my-orders hello
	assert_output re:hello
	kill "$pid_second"
	finish 0 "$pid_second"
	run -0 wp-registry list
	assert_output ""
}

@test "the unit of a consumer gives it the time that it may take to stop by default" {
	local unit=$TOP/share/systemd/wp-registry@.service shutdown
	shutdown=$(default_of wp-registry register shutdown-timeout)
	[ "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt $((3 * ${shutdown%s})) ]
	for line in Type=notify KillMode=mixed EnvironmentFile=/etc/workplane/registry-%i.conf; do
		run -0 grep -Fx "$line" "$unit"
	done
}

@test "what the unit of a node does is a node of that name, and ends with 0 when it is told to" {
	run -0 make_in_top install
	export OPTIONS="--capacity 8 --label gpu=1 --ready-fd 9"
	run_unit node wp-distribute@.service my-node
	run -0 wp-distribute nodes -rno NODE,PID,CAPACITY
	assert_output "my-node $pid_node 8"
	wp-distribute start child --await -- sleep 1000 >started
	kill "$pid_node"
	finish 0 "$pid_node"
	run -0 wp-distribute list -rno ID,STATE
	assert_output "child waiting"
}

@test "the unit of a node gives it the time that it may take to leave by default" {
	local unit=$TOP/share/systemd/wp-distribute@.service drain shutdown
	drain=$(default_of wp-distribute node drain-timeout)
	shutdown=$(default_of wp-distribute start shutdown-timeout)
	[ "$(sed -n 's/^TimeoutStopSec=//p' "$unit")" -gt $((60 * ${drain%m} + ${shutdown%s})) ]
	for line in Type=notify KillMode=mixed OOMPolicy=continue EnvironmentFile=-/etc/workplane/distribute-%i.conf; do
		run -0 grep -Fx "$line" "$unit"
	done
}
