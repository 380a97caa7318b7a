load ../helpers
load jobs

# Kill what can be killed in the middle of 1,000 jobs: none is lost, none is settled twice, and
# nothing stays behind.

# The jobs; the handler "append", which notes each id that it runs; and in the database a note
# of each settlement, made by the transaction that settles.
setup() {
	wp_setup
	seq 1000 | wp-jobs add -q q >ids
	stub append <<-'SH'
		echo "$WP_JOB_ID" >>"$T/ran"
	SH
	: >ran
	note_settlements
}

note_settlements() {
	if on_postgres; then
		sql "CREATE TABLE settled (id bigint)" >/dev/null
		sql "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN INSERT INTO settled VALUES (OLD.id); RETURN NULL; END'" >/dev/null
		sql "CREATE TRIGGER note AFTER DELETE ON workplane.job FOR EACH ROW EXECUTE FUNCTION note()" >/dev/null
	else
		sql "CREATE TABLE settled (id INTEGER)"
		sql "CREATE TRIGGER note AFTER DELETE ON job BEGIN INSERT INTO settled VALUES (old.id); END"
	fi
}

worker() { start "$1" wp-jobs work -q q -j 4 --backoff 1ms "${@:2}"; }

# Until the Nth job or so has run.
wait_for_job() { wait_line "$T/ran" "^$1\$"; }

await_all() { xargs wp-jobs await --timeout "$((PATIENCE * 2))s" <ids >awaited; }

end_worker() {
	kill "$1"
	finish 0 "$1"
}

assert_all_ran() { assert_equal "$(sort -nu ran | tr '\n' ' ')" "$(seq 1000 | tr '\n' ' ')"; }

assert_settled_once() {
	run -0 sql "SELECT count(*), count(DISTINCT id) FROM settled"
	assert_output "1000|1000"
	run -0 jobs ID
	assert_output ""
}

# A worker that was killed last may still be in the table: whoever sweeps next finds it.
assert_nothing_left() {
	local deadline=$((SECONDS + PATIENCE))
	no_process_left
	until [ "$(workers)" = 0 ] || [ $SECONDS -ge $deadline ]; do
		wp-jobs sweep >swept
	done
	assert_no_workers
	! on_postgres || assert_equal "$(sql "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")" 0
}

assert_all_well() {
	assert_all_ran
	assert_settled_once
	assert_nothing_left
}

# The children of PID that run wp-pool.
pools_of() { pgrep -P "$1" -f "wp-pool map"; }

@test "SIGKILL to the worker: another does the rest" {
	worker one -- append
	wait_for_job 300
	kill -KILL "$pid_one"
	finish 137 "$pid_one"
	worker two -- append
	await_all
	end_worker "$pid_two"
	assert_all_well
}

@test "SIGKILL to the worker while another waits: its jobs are taken over, also the long one" {
	local handler
	gated_handler
	wp-jobs add -q long 1 >long_id
	start one wp-jobs work -q long -j 1 -- gated
	wait_begun 1001
	handler=$(pgrep -P "$(pools_of "$pid_one")" -x gated)
	start two wp-jobs work -q long -j 1 -- gated
	kill -KILL "$pid_one"
	finish 137 "$pid_one"
	wait_begun 1001
	# Of two who wait at the gate either may be let through.
	wait_ended "$handler"
	pass_gate 0
	run -0 wp-jobs await --timeout "${PATIENCE}s" 1001
	wp-jobs work -q q -j 4 --drain -- append
	end_worker "$pid_two"
	sql "DELETE FROM settled WHERE id = 1001"
	assert_all_well
}

# start_victim: the worker $victim has a job of the queue "long" in hand; the guard of its pool, $guard, is stopped.
start_victim() {
	gated_handler
	wp-jobs add -q long 1 >long_id
	stub victim <<-'SH'
		echo $$ >victim.pid
		exec wp-jobs work -q long -j 1 -- gated
	SH
	# Within a pool, to which the worker's guard falls: what falls to init is continued when it is stopped.
	mkfifo lines
	fifo_fd "$T/lines"
	echo x >lines
	start_reading lines outer wp-pool map -- victim
	wait_begun 1001
	victim=$(cat victim.pid)
	until_true has_guard
	kill -STOP "$guard"
}
# It is forked, and names itself when it comes to that.
has_guard() { guard=$(pgrep -P "$(pools_of "$victim")" -x wp-guard); }

@test "SIGKILL to the worker: its lock is held until its handlers were killed" {
	only_on sqlite
	local victim guard
	start_victim
	kill -KILL "$victim"
	wait_ended "$victim"
	wp-jobs sweep >swept
	assert_regex "$(jobs STATE -q long)" "^(reserved|in_progress)$"
	kill -CONT "$guard"
	wait_ended "$guard"
	wp-jobs sweep >swept
	assert_equal "$(jobs STATE -q long)" available
	kill -TERM "$pid_outer"
	finish 75 "$pid_outer"
	wp-jobs work -q long --drain -- true
	wp-jobs work -q q -j 4 --drain -- append
	sql "DELETE FROM settled WHERE id = 1001"
	assert_all_well
}

@test "SIGKILL to four workers, one after the other, in the run of another" {
	worker survivor -- append
	for n in 150 300 450 600; do
		worker victim -- append
		wait_for_job "$n"
		kill -KILL "$pid_victim"
		finish 137 "$pid_victim"
	done
	await_all
	end_worker "$pid_survivor"
	assert_all_well
}

@test "SIGKILL to the pool: the worker gives the jobs back and ends" {
	worker one -- append
	wait_for_job 300
	kill -KILL "$(pools_of "$pid_one")"
	finish 125 "$pid_one"
	run -0 cat one.err
	assert_output --partial "killed by signal 9"
	assert_equal "$(jobs ID --state reserved,in_progress)" ""
	assert_no_workers
	worker two --drain -- append
	finish 0 "$pid_two"
	assert_all_well
}

@test "SIGKILL to the pool: the worker keeps the jobs until its handlers were killed" {
	local victim guard pool
	start_victim
	pool=$(pools_of "$victim")
	kill -KILL "$pool"
	# Its worker has heard of it by then.
	wait_ended "$pool"
	wp-jobs sweep >swept
	assert_regex "$(jobs STATE -q long)" "^(reserved|in_progress)$"
	kill -CONT "$guard"
	wait_ended "$guard" "$victim"
	assert_equal "$(jobs STATE -q long)" available
	kill -TERM "$pid_outer"
	finish 75 "$pid_outer"
	wp-jobs work -q long --drain -- true
	wp-jobs work -q q -j 4 --drain -- append
	sql "DELETE FROM settled WHERE id = 1001"
	assert_all_well
}

@test "SIGKILL to worker and pool at once" {
	local pool
	worker one -- append
	wait_for_job 300
	pool=$(pools_of "$pid_one")
	kill -KILL "$pid_one" "$pool"
	finish 137 "$pid_one"
	worker two -- append
	await_all
	end_worker "$pid_two"
	assert_all_well
}

@test "SIGKILL to handlers: an attempt each, and the jobs are run again" {
	stub fragile <<-'SH'
		echo "$WP_JOB_ID" >>"$T/ran"
		[ $((WP_JOB_ID % 50)) -ne 0 ] || [ "$WP_JOB_ATTEMPT" -gt 1 ] || kill -KILL $$
	SH
	worker one -- fragile
	await_all
	kill "$pid_one"
	finish 1 "$pid_one"
	assert_equal "$(wc -l <ran)" 1020
	assert_all_well
}

@test "SIGKILL to warm workers: what they had not answered is run again" {
	stub lines <<-'SH'
		while IFS= read -r line; do
			id=${line#*:}
			id=${id%%,*}
			echo "$id" >>"$T/ran"
			case $line in
			*'"attempt":1,'*) [ $((id % 100)) -ne 0 ] || kill -KILL $$ ;;
			esac
			echo '{"status":"ok"}'
		done
	SH
	worker one --warm --window 4 -- lines
	await_all
	kill "$pid_one"
	finish 1 "$pid_one"
	assert_all_well
}

@test "SIGKILL to produce, in a pipeline: the rest comes back when the leases are over" {
	mkfifo lines
	exec {lines}<>lines
	start producer sh -c 'exec wp-jobs produce -q q --limit 1000 --lease 1s >lines'
	for n in $(seq 100); do
		IFS= read -r -t "$PATIENCE" -u "$lines" line
		jq -r .id <<<"$line" >>ran
		printf '%s\n' "$line"
	done | settle_as ok >results
	kill -KILL "$pid_producer" || true
	wait "$pid_producer" || true
	exec {lines}<&-
	wp-jobs settle <results || true
	worker two -- append
	await_all
	end_worker "$pid_two"
	assert_all_well
}

@test "SIGKILL to settle: what it had not settled can be settled again" {
	wp-jobs produce -q q --limit 1000 | settle_as ok >results
	mkfifo slow
	exec {slow}<>slow
	start_reading slow settle wp-jobs settle
	head -n 400 results >&"$slow"
	sed -n 1,400p results | jq .id | head -n 1 | xargs wp-jobs await --timeout "${PATIENCE}s" >first
	kill -KILL "$pid_settle"
	finish 137 "$pid_settle"
	exec {slow}<&-
	run wp-jobs settle <results
	refute_crash
	jq .id results >>ran
	wp-jobs sweep
	assert_settled_once
}

@test "SIGKILL to add: all or nothing" {
	local n
	mkfifo payloads
	exec {payloads}<>payloads
	start_reading payloads add wp-jobs add -q bulk
	seq 20000 >&"$payloads"
	kill -KILL "$pid_add"
	finish 137 "$pid_add"
	exec {payloads}<&-
	assert_equal "$(jobs ID -q bulk)" ""
	wp-jobs add -q bulk 1 >id
	run -0 wp-jobs work -q bulk --drain -- echo {}
	assert_output 1
}

@test "two workers, and jobs that note when they overlap" {
	mkdir locks
	stub exclusive <<-'SH'
		set -C
		{ : >"$T/locks/$WP_JOB_ID"; } 2>/dev/null || echo "$WP_JOB_ID" >>"$T/overlaps"
		echo "$WP_JOB_ID" >>"$T/ran"
		rm "$T/locks/$WP_JOB_ID"
	SH
	worker one --drain -- exclusive
	worker two --drain -- exclusive
	finish 0 "$pid_one"
	finish 0 "$pid_two"
	[ ! -e overlaps ]
	assert_equal "$(sort ran | uniq -d)" ""
	assert_all_well
}

# Postgres

@test "backend connections killed in mid-run: the worker comes back, nothing is lost, nothing is run twice" {
	only_on postgres
	local n
	worker one -- append
	for n in 200 400 600 800; do
		wait_for_job $n
		sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'wp-jobs'" >>killed
	done
	await_all
	end_worker "$pid_one"
	grep -q t killed
	assert_equal "$(sort ran | uniq -d)" ""
	assert_all_well
}

@test "connections that go away under produce, settle and await" {
	only_on postgres
	local n
	seq 120 | wp-jobs add -q few >few
	mkfifo produce.out results
	fifo_fd "$T/produce.out"
	exec {results}<>results
	start produce wp-jobs produce -q few --follow --demand 2
	start_reading results settle wp-jobs settle
	start_reading few await xargs wp-jobs await
	for n in $(seq 120); do
		wait_line "$T/produce.out" payload
		jq .payload <<<"$line" >>ran
		settle_as ok <<<"$line" >&"$results"
		[ $((n % 30)) -ne 10 ] || sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'wp-jobs'" >>killed
	done
	finish 0 "$pid_await"
	kill "$pid_produce" "$pid_settle"
	finish 0 "$pid_produce"
	wait "$pid_settle" || [ $? -eq 1 ]
	grep -q t killed
	assert_equal "$(sort -n ran | tr '\n' ' ')" "$(seq 120 | tr '\n' ' ')"
	run -0 sql "SELECT count(*), count(DISTINCT id) FROM settled"
	assert_output "120|120"
}

@test "Postgres restarted at once, with fsync, in mid-run: the worker comes back and nothing is lost" {
	only_on postgres
	own_postgres --fsync
	wp-jobs init
	seq 1000 | wp-jobs add -q q >ids
	note_settlements
	worker one -- append
	wait_for_job 300
	pg restart -m immediate
	await_all
	end_worker "$pid_one"
	assert_all_well
}

@test "what add has said is there after a crash of Postgres" {
	only_on postgres
	own_postgres --fsync
	wp-jobs init
	seq 1000 | wp-jobs add -q q >ids
	wp-jobs add -q one 1 >id
	wp-jobs produce -q q --limit 10 | settle_as ok | wp-jobs settle
	pg restart -m immediate
	assert_equal "$(count one available)" 1
	assert_equal "$(jobs ID -q q | wc -l)" 990
}

@test "a worker killed while Postgres is away" {
	only_on postgres
	own_postgres
	wp-jobs init
	seq 1000 | wp-jobs add -q q >ids
	note_settlements
	worker one -- append
	wait_for_job 300
	kill -STOP "$pid_one"
	pg restart -m immediate
	kill -KILL "$pid_one"
	finish 137 "$pid_one"
	worker two -- append
	await_all
	end_worker "$pid_two"
	assert_all_well
}

# A PgBouncer that shares sessions between transactions, in front of the test's database: sets WP_JOBS_DB.
bouncer() {
	local host
	host=$(sed -E 's/.*host=([^ ]*).*/\1/' <<<"$WP_JOBS_DB")
	bouncer_home=$(mktemp -d "${WP_TEST_DIR:-/tmp}/wp-XXXXXX")
	cat >"$bouncer_home/ini" <<-INI
		[databases]
		* = host=$host user=postgres
		[pgbouncer]
		pool_mode = transaction
		listen_addr =
		listen_port = 6432
		unix_socket_dir = $bouncer_home
		auth_type = any
		default_pool_size = 4
	INI
	start_bouncer
	DIRECT_DB=$WP_JOBS_DB
	WP_JOBS_DB="host=$bouncer_home port=6432 user=postgres dbname=$WP_TEST_DATABASE"
}

# It refuses to run as root.
start_bouncer() {
	local user=postgres
	if [ "$(id -u)" -eq 0 ]; then
		chown -R "$user" "$bouncer_home"
		start bouncer runuser -u "$user" -- pgbouncer "$bouncer_home/ini"
	else
		start bouncer pgbouncer "$bouncer_home/ini"
	fi
	wait_line "$T/bouncer.err" "process up"
}

# With runuser in between, the pid that start knows is not the bouncer's.
kill_bouncer() {
	"$BUILD/tests/processes" list "WP_TEST_ID=$WP_TEST_ID" | awk '$2 == "pgbouncer" { print $1 }' | xargs kill "-$1"
	wait "$pid_bouncer" || true
}

bouncer_ends() {
	kill_bouncer TERM
	WP_JOBS_DB=$DIRECT_DB
	rm -r "$bouncer_home"
}

@test "behind a PgBouncer that shares sessions: the worker says so once and drains" {
	only_on postgres
	bouncer
	worker one -- append
	wait_for_job 500
	wp-jobs add -q later 1 >later
	await_all
	end_worker "$pid_one"
	run -0 grep -c "shares sessions" one.err
	assert_output 1
	run -0 wp-jobs work -q later --drain -- echo {}
	assert_line 1
	bouncer_ends
	sql "DELETE FROM settled WHERE id = $(cat later)"
	assert_all_well
}

@test "behind it: a job that is added while the worker waits is found, a scheduled one at its time" {
	only_on postgres
	bouncer
	mkfifo one.out
	fifo_fd "$T/one.out"
	start one wp-jobs work -q other -- echo ran {}
	wp-jobs add -q other 1
	wait_line "$T/one.out" "ran 1"
	wp-jobs add -q other --in 300ms 2
	wait_line "$T/one.out" "ran 2"
	end_worker "$pid_one"
	bouncer_ends
}

@test "behind it: a bouncer that is killed and started again is a lost connection" {
	only_on postgres
	bouncer
	worker one -- append
	wait_for_job 300
	kill_bouncer KILL
	start_bouncer
	await_all
	end_worker "$pid_one"
	bouncer_ends
	assert_all_well
}
