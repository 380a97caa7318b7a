#!/usr/bin/env bats
# wp-presence capacity: how much those present can carry.

load ../helpers
load presence

# Full, overfull and half full; and one elsewhere.
setup() {
	wp_setup
	wp-presence track a -c 5 -u 5 --pid $$ >refs
	wp-presence track b -c 3 -u 10 --pid $$ >>refs
	wp-presence track b -c 8 -u 4 --pid $$ >>refs
	wp-presence track c -c 100 -u 1 -t other --pid $$ >>refs
}

@test "capacity: the sum, what is in use, and what is free of it" {
	run -0 wp-presence capacity
	assert_output 16
	run -0 wp-presence capacity --in-use
	assert_output 19
	# Who has more to do than it can carry takes nothing from the others.
	run -0 wp-presence capacity --free
	assert_output 4
	assert_equal "$(wp-presence capacity -u) $(wp-presence capacity -f)" "19 4"
}

@test "capacity: --topic, by variable as well, and --all-topics" {
	assert_equal "$(wp-presence capacity -t other)" 100
	assert_equal "$(wp-presence capacity --topic other --free)" 99
	assert_equal "$(WP_PRESENCE_TOPIC=other wp-presence capacity)" 100
	assert_equal "$(wp-presence capacity -a)" 116
	assert_equal "$(wp-presence capacity --all-topics -f)" 103
	run -65 wp-presence capacity -t ""
}

@test "capacity: nobody is 0" {
	run -0 wp-presence capacity -t "no such"
	assert_output 0
	run -0 wp-presence --state "$T/new" capacity
	assert_output 0
	run -0 wp-presence --state "$T/new" capacity -a --free
	assert_output 0
}

@test "capacity: more than 32 bits in all" {
	wp-presence track -t big a -c 2147483647 -u 2147483647 --pid $$ >ref
	wp-presence track -t big b -c 2147483647 -u 2147483647 --pid $$ >ref
	wp-presence track -t big c -c 2147483647 --pid $$ >ref
	assert_equal "$(wp-presence capacity -t big)" 6442450941
	assert_equal "$(wp-presence capacity -t big -u)" 4294967294
	assert_equal "$(wp-presence capacity -t big -f)" 2147483647
}

@test "capacity: the dead do not count" {
	worker one d -c 1000
	assert_equal "$(wp-presence capacity)" 1016
	kill_worker one
	assert_equal "$(wp-presence capacity)" 16
	assert_equal "$(history d)" "join leave:killed"
}

@test "capacity --format openmetrics" {
	run -0 wp-presence capacity -a --format openmetrics
	assert_output "# HELP workplane_presence_entries Entries present.
# TYPE workplane_presence_entries gauge
workplane_presence_entries{topic=\"other\"} 1
workplane_presence_entries{topic=\"workers\"} 3
# HELP workplane_presence_capacity What those present can carry.
# TYPE workplane_presence_capacity gauge
workplane_presence_capacity{topic=\"other\"} 100
workplane_presence_capacity{topic=\"workers\"} 16
# HELP workplane_presence_in_use How much of the capacity is in use.
# TYPE workplane_presence_in_use gauge
workplane_presence_in_use{topic=\"other\"} 1
workplane_presence_in_use{topic=\"workers\"} 19
# HELP workplane_presence_free Capacity that is not in use.
# TYPE workplane_presence_free gauge
workplane_presence_free{topic=\"other\"} 99
workplane_presence_free{topic=\"workers\"} 4
# EOF"
	run -0 wp-presence capacity -t "no such" --format openmetrics
	assert_line 'workplane_presence_entries{topic="no such"} 0'
	assert_line 'workplane_presence_capacity{topic="no such"} 0'
}

@test "capacity --textfile" {
	wp-presence capacity --format openmetrics --textfile c.prom
	cmp c.prom <(wp-presence capacity --format openmetrics)
	ln c.prom before
	wp-presence untrack a >untracked
	run -0 wp-presence capacity --format openmetrics --textfile "$T/c.prom"
	assert_output ""
	grep -qx 'workplane_presence_capacity{topic="workers"} 16' before
	grep -qx 'workplane_presence_capacity{topic="workers"} 11' c.prom
	run -64 wp-presence capacity --textfile c.prom
	assert_output --partial "--format openmetrics"
	run -74 wp-presence capacity --format openmetrics --textfile missing/c.prom
	assert_output --partial missing/c.prom
}

@test "capacity: mistakes" {
	run -64 wp-presence capacity a
	run -64 wp-presence capacity --free --in-use
	run -64 wp-presence capacity --format table
	assert_output --partial openmetrics
	run -64 wp-presence capacity --colour
	assert_output --partial "Try 'wp-presence capacity --help'"
}

@test "capacity: /dev/full and a closed stdout are errors" {
	local options
	for options in "" "--format openmetrics"; do
		run -74 bash -c "wp-presence capacity $options >/dev/full"
		assert_output --partial "No space left"
		run -74 bash -c "wp-presence capacity $options >&-"
		assert_output --partial "error:"
	done
}
