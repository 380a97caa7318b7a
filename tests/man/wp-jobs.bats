load ../helpers

# example N: the Nth literal display under EXAMPLES.
example() { manual_example wp-jobs.1 "$1"; }

# Each in a directory of its own with nothing in it.
on_both() {
	local backend
	for backend in sqlite postgres; do
		echo "on $backend"
		mkdir "$T/$backend"
		cd "$T/$backend" || return
		export WP_STATE=$T/$backend/state
		jobs_backend "$backend"
		"$@"
	done
}

# script NAME: a handler in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

jobs() { wp-jobs list -rno "$@"; }

thumbnails() {
	stub convert <<-'SH'
		echo "$*" >>converted
	SH
	mkdir in
	touch in/b.png "in/c d.png"
	example 1 >thumbs
	run -0 sh ./thumbs
	run -0 sort converted
	assert_output - <<-'CONVERTED'
		a.png -resize 200x a.jpg
		in/b.png -resize 200x in/b.png.jpg
		in/c d.png -resize 200x in/c d.png.jpg
	CONVERTED
	assert_equal "$(jobs ID)" ""
}
@test "thumbnails" { on_both thumbnails; }

file_names() {
	echo 1 >one.log
	echo 2 >"two three.log"
	example 2 >logs
	run -0 sh ./logs
	assert_equal "$(ls -- *.gz)" "one.log.gz
two three.log.gz"
	run -0 gzip -dc "two three.log.gz"
	assert_output 2
}
@test "file names are text" { on_both file_names; }

crontab() {
	script make-report <<-'SH'
		echo report >>reports
	SH
	example 3 | sed -E 's/^([^ ]+ +){5}//' >lines
	run -0 --separate-stderr sh -c "$(sed -n 2p lines)"
	assert_output 1
	run -0 --separate-stderr sh -c "$(sed -n 2p lines)"
	assert_output 1
	assert_equal "$stderr" 'wp-jobs: job 1 already stands for key "nightly"'
	run -0 sh -c "$(sed -n 1p lines)"
	assert_equal "$(cat reports)" report
	run -0 sh -c "$(sed -n 2p lines)"
	refute_output 1
}
@test "cron: no second report while one stands" { on_both crontab; }

handler() {
	stub sendmail <<-'SH'
		[ "$1" = ann ]
	SH
	example 4 >handler
	chmod +x handler
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}' '{}'
	run -1 wp-jobs work -q mail --drain -- ./handler
	assert_equal "$(jobs ID,STATE,ATTEMPT)" "2 retry 1
3 failed 1"
	touch maintenance
	wp-jobs add -q mail '{"to":"ann"}'
	run -0 wp-jobs work -q mail --drain -- ./handler
	assert_equal "$(jobs ID,STATE,ATTEMPT | tail -n 1)" "4 scheduled 0"
}
@test "a handler that says what it thinks of its job" { on_both handler; }

later() {
	example 5 >later
	run -0 sh ./later
	assert_equal "$(jobs STATE,MAX-ATTEMPTS)" "scheduled 5
scheduled 1"
	assert_equal "$(jobs DUE | tail -n 1)" 2099-12-31T23:59:00.000000Z
}
@test "later" { on_both later; }

weights() {
	local queue
	mkfifo begun gate
	fifo_fd "$PWD/begun"
	fifo_fd "$PWD/gate"
	script handle <<-'SH'
		echo begun >begun
		read -r _ <gate
	SH
	for queue in thumbs mail urgent; do
		seq 10 | wp-jobs add -q $queue >ids
	done
	example 6 | sed 's/^wp-jobs work/exec & --drain/' >share
	start share sh ./share
	for _ in {1..8}; do
		wait_line "$PWD/begun" begun
	done
	assert_equal "$(jobs QUEUE --state reserved,in_progress | sort | uniq -c | tr -s ' ')" " 1 mail
 2 thumbs
 5 urgent"
	fifo_fd "$PWD/gate"
	printf '%30s' '' | tr ' ' '\n' >&"$fd"
	finish 0 "$pid_share"
}
@test "three queues share a pool by weight" { on_both weights; }

warm() {
	example 7 | sed 's/^wp-jobs/exec &/' >worker
	example 8 >client
	start sums sh ./worker
	run -0 sh ./client
	assert_output '{"id":1,"state":"completed"}
6'
	kill "$pid_sums"
	finish 0 "$pid_sums"
}
@test "jq as a warm worker, and somebody who waits" { on_both warm; }

failures() {
	wp-jobs add -q mail --max-attempts 1 '{"to":"ann"}' '{"to":"bob"}'
	run -1 wp-jobs work -q mail --drain -- sh -c 'echo "no route" >&2; exit 1'
	example 9 >failed
	run -0 sh ./failed
	assert_output - <<-'FAILED'
		ID ATTEMPT ERROR
		 1       1 no route
		 2       1 no route
		ann
		bob
		1
		2
	FAILED
	assert_equal "$(jobs STATE)" "available
available"
}
@test "what failed, and again" { on_both failures; }

old() {
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}'
	wp-jobs cancel 2
	example 10 >old
	run -0 sh ./old
	assert_output 0
	sed -i 's/30d/0/' old
	run -0 sh ./old
	assert_output 1
	assert_equal "$(jobs ID)" 1
}
@test "what is old goes" { on_both old; }

parts() {
	script send-mail <<-'SH'
		grep -q ann
	SH
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}'
	example 11 >parts
	run -0 sh ./parts
	assert_equal "$(jobs ID,STATE,ATTEMPT)" "2 retry 1"
}
@test "the three parts of work" { on_both parts; }

elsewhere() {
	stub ssh <<-'SH'
		[ "$1" = mailhost ] && shift && exec "$@"
	SH
	stub consume <<-'SH'
		exec jq --unbuffered -c '{id, lease, status: "ok"}'
	SH
	wp-jobs add -q mail 1 2 3
	example 12 | sed 's/produce/& --limit 3/' >elsewhere
	run -0 bash -o pipefail ./elsewhere
	assert_equal "$(jobs ID)" ""
}
@test "consumers elsewhere" { on_both elsewhere; }

# The database of the test as service=jobs.
jobs_service() {
	{ echo "[jobs]" && tr ' ' '\n' <<<"$WP_JOBS_DB"; } | awk -F = '!seen[$1]++ || $1 == "dbname" { line[$1] = $0 }
		END { print line["[jobs]"]; delete line["[jobs]"]; for (name in line) print line[name] }' >services
	export PGSERVICEFILE=$PWD/services
}

# as ROLE COMMAND...: with the roles of the example under names of the test's own.
as() {
	local role=$1
	shift
	WP_JOBS_DB="$WP_JOBS_DB user=${WP_TEST_DATABASE}_$role" "$@"
}

example_with_roles() { example "$1" | sed "s/\(shop\|worker\)\([,;]\)/${WP_TEST_DATABASE}_\1\2/g"; }

sql_file() { psql -X -q -At -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB" -f "$1"; }

@test "Postgres: an administrator makes the schema, a shop adds jobs in its transactions, a worker does them" {
	jobs_backend postgres
	sql "DROP SCHEMA workplane CASCADE"
	jobs_service
	example 13 >init
	run -0 env -u WP_JOBS_DB sh ./init
	sql "CREATE ROLE ${WP_TEST_DATABASE}_shop LOGIN; CREATE ROLE ${WP_TEST_DATABASE}_worker LOGIN;
		CREATE TABLE orders (customer text); GRANT INSERT ON orders TO ${WP_TEST_DATABASE}_shop"
	example_with_roles 14 >grants
	run -0 sql_file grants
	example 15 >order
	sed 's/COMMIT/ROLLBACK/' order >no-order
	run -0 as shop sql_file no-order
	assert_equal "$(jobs ID)" ""
	run -0 as shop sql_file order
	local id=$output
	run -0 as shop sql_file order
	assert_output "$id"
	assert_equal "$(jobs ID,PRIORITY,UNIQUE)" "$id -1 welcome\x20ann"
	run -0 as worker wp-jobs work -q mail --drain -- cat
	assert_output '{"to":"ann"}'
	assert_equal "$(jobs ID)" ""
	run -0 as worker sh -c 'seq 3 | wp-jobs add -q mail'
	run -0 as worker wp-jobs sweep
	run -0 as worker wp-jobs prune --older-than 0
	local name=$WP_TEST_DATABASE
	drop_database
	sql_admin "DROP ROLE ${name}_shop, ${name}_worker"
}

@test "add_job has the parameters that the page shows" {
	jobs_backend postgres
	run -0 sql "SELECT format('workplane.add_job(%s) RETURNS %s', pg_get_function_arguments(oid),
		pg_get_function_result(oid)) FROM pg_proc WHERE proname = 'add_job'"
	assert_equal "$(sed 's/::[a-z ]*//g; s/timestamp with time zone/timestamptz/g' <<<"$output")" \
		"$(manual_block wp-jobs.1 1 | tr -s '\n ' ' ' | sed 's/ $//')"
}

@test "the columns are those of the program, and the marked ones are the usual" {
	sed -n '/^The columns:/,/^\.El/s/^\.It //p' "$TOP/man/wp-jobs.1" | sed 's/ , /\n/g' >columns
	run -64 wp-jobs list -o none
	assert_equal "$(sed -n 's/.*the columns are //p' <<<"$output" | sed 's/, /\n/g' | sort)" "$(tr -d '*' <columns | sort)"
	wp-jobs add -q q 1
	assert_equal "$(wp-jobs list | head -n 1 | tr -s ' ' '\n')" "$(sed -n 's/\*$//p' columns)"
}
