load ../helpers

# The programs are built already and in use by other tests: -o all keeps make from building them anew.
make_in_top() {
	make -s -o all -C "$TOP" build="${BUILD#"$TOP/"}" ${SANITIZE:+SANITIZE="$SANITIZE"} DESTDIR="$T/root" PREFIX=/usr "$@" 3>&-
}

@test "install puts everything in its place, and uninstall takes it away" {
	run -0 make_in_top install
	run -0 find root -type f -printf '%P %m\n'
	for program in wp-jobs wp-pool wp-presence; do
		assert_line "usr/bin/$program 755"
		assert_line "usr/share/man/man1/$program.1 644"
		assert_line "usr/share/bash-completion/completions/$program 644"
		assert_line "usr/share/fish/vendor_completions.d/$program.fish 644"
	done
	assert_line "usr/share/man/man5/workplane-stream.5 644"
	assert_line "usr/share/man/man7/workplane.7 644"
	assert_line "usr/share/zsh/site-functions/_workplane 644"
	assert_line "usr/lib/systemd/system/wp-jobs@.service 644"
	assert_line "usr/lib/systemd/system/wp-presence@.service 644"
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

# The command that UNIT starts.
exec_start() { sed -n 's/^ExecStart=//p' "root/usr/lib/systemd/system/$1"; }

@test "the units start what was installed" {
	run -0 make_in_top install
	run -0 exec_start wp-jobs@.service
	assert_output '/usr/bin/wp-jobs work --queue %i $OPTIONS -- $HANDLER'
	run -0 exec_start wp-presence@.service
	assert_output '/usr/bin/wp-presence track %i $OPTIONS -- $WORKER'
	run -0 exec_start wp-presence-metrics.service
	assert_output --regexp '^/usr/bin/wp-presence capacity .* --textfile /var/lib/prometheus/node-exporter/workplane\.prom$'
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
