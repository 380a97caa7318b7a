load ../helpers

# make bench-peers: what becomes of the figures. What they are is no test's business.

peers=$TOP/tests/bench/peers

# figures SECTION PEER NAME MEDIAN MOST
figures() { printf '%s\t%s\t%s\t%s\t0\t%s\t3\n' "$@" >>figures; }

setup() {
	wp_setup
	touch titles absent figures
	printf 'queue\tslow\tThe slow one\nqueue\tfast\tThe fast one\nqueue\tgone\tThe one that is gone\npool\tother\tAnother table\n' >titles
	figures queue slow rate 12.34 13
	figures queue fast rate 1234567.8 1234567.9
	figures queue fast worst 0.0456 0.05
	figures pool other rate 1 1
}

table() { awk -f "$peers/table.awk" titles absent figures "$@"; }

@test "peers: a table is ordered, three digits are shown, and a missing figure is a dash" {
	run -0 table queue -rate 'queue|' 'jobs/s|rate' 'worst|worst'
	assert_line -n 0 $'queue\tjobs/s\tworst'
	assert_line -n 1 $'The fast one\t1,234,568\t0.046'
	assert_line -n 2 $'The slow one\t12.3\t-'
	assert_line -n 3 $'The one that is gone\t-\t-'
	assert_equal ${#lines[@]} 4
	run -0 table queue +rate 'queue|' 'jobs/s|rate'
	assert_line -n 1 $'The slow one\t12.3'
}

@test "peers: one that is not there is the last row, with its reason in place of figures" {
	printf 'queue\tfast\tnot here: no such package\n' >absent
	run -0 table queue -rate 'queue|' 'jobs/s|rate' 'worst|worst'
	assert_line -n 1 $'The slow one\t12.3\t-'
	assert_line -n 3 $'The fast one\tnot here: no such package\t'
}

@test "peers: the exponent is the slope of the logarithms" {
	printf 'growth-queue\tsquare\tA square\ngrowth-queue\tshort\tA short one\n' >titles
	figures growth-queue square s1 0.02 1
	figures growth-queue square s10 2 1
	figures growth-queue square s100 200 1
	figures growth-queue short s1 1 1
	run -0 table growth-queue +exponent 'growth|' 'all|exponent' 'last|last_exponent'
	assert_line -n 1 $'queue: A square\t2.00\t2.00'
	assert_line -n 2 $'queue: A short one\t-\t-'
}

@test "peers: Markdown has the same cells in each row" {
	printf 'what\tin~ms\na|b\t1\n' >rows
	run -0 awk -F '\t' -f "$peers/markdown.awk" rows
	assert_line -n 0 '| what | in ms |'
	assert_line -n 1 '| --- | ---: |'
	assert_line -n 2 '| a\|b | 1 |'
}

@test "peers: in text a reason widens no column" {
	printf 'what\tin ms\tworst~case\na\t1\t2\nb\tnot here: because of many things\t\n' >rows
	run -0 awk -F '\t' -f "$peers/text.awk" rows
	assert_line -n 0 '      in            '
	assert_line -n 1 'what  ms  worst case'
	assert_line -n 2 'a      1           2'
	assert_line -n 3 'b     not here: because of many things'
}

@test "peers: a comparison that there is not is refused before anything is installed" {
	run -1 "$peers/run" queues
	assert_output --partial 'no comparison "queues"'
}
