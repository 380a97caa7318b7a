# What becomes of single jobs when a worker, its connection or a pooler goes at a certain moment, and
# when a worker is told to go.
load ../helpers
load jobs

# worker NAME [OPTION...] COMMAND...: one that waits for more.
worker() {
	local name=$1
	shift
	start "$name" wp-jobs work -q q "$@"
}

kill_worker() {
	local pid_of=pid_$1
	kill -KILL "${!pid_of}"
	finish 137 "${!pid_of}"
}

stop_worker() {
	local pid_of=pid_$1
	kill "${!pid_of}"
	finish "${2-0}" "${!pid_of}"
}

await() { run -0 wp-jobs await --timeout "${PATIENCE}s" "$@"; }

is_state() { [ "$(job "$1" state)" = "$2" ]; }
wait_state() { until_true is_state "$1" "$2"; }

no_advisory_lock() {
	[ "$(sql "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND d.datname = current_database()")" -eq 0 ]
}

# The sessions that held locks end a moment after their clients.
assert_nothing_left() {
	no_process_left
	assert_no_workers
	! on_postgres || until_true no_advisory_lock
}

# As if the time of all leases were over.
end_leases() {
	if on_postgres; then
		sql "UPDATE workplane.worker SET expires = now() - interval '1 second' WHERE expires IS NOT NULL"
		sql "UPDATE workplane.job SET due = now() - interval '1 second' WHERE lease IS NOT NULL AND due IS NOT NULL"
	else
		sql "UPDATE worker SET expires = 1 WHERE expires IS NOT NULL"
		sql "UPDATE job SET due = 1 WHERE lease IS NOT NULL AND due IS NOT NULL"
	fi
}

# The death of a worker

@test "a worker dies: the attempt of a job that was seen to run counts, no other" {
	gated_handler
	wp-jobs add -q q --max-attempts 1 1
	wp-jobs add -q q 2 3
	worker one -j 2 --prefetch 5 gated
	wait_state 1 in_progress
	wait_state 2 in_progress
	kill_worker one
	start two wp-jobs work -q other true
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1
	assert_equal "$(jobs STATE,ATTEMPT,ERROR)" 'failed 1 the\x20worker\x20died
available 1 the\x20worker\x20died
available 0 '
	stop_worker two
	assert_nothing_left
}

@test "a worker dies: a job that was to be cancelled is not run again" {
	gated_handler
	wp-jobs add -q q 1 2
	worker one -j 1 --prefetch 5 --kill-after 1h sh -c 'trap "" TERM; gated; gated'
	wait_begun 1
	wp-jobs cancel 1 2
	kill_worker one
	worker two gated
	run -1 wp-jobs await --timeout "${PATIENCE}s" 1 2
	assert_equal "$(jobs STATE)" "cancelled
cancelled"
	stop_worker two
	assert_nothing_left
}

@test "a worker dies: what its handlers have started dies as well" {
	mkfifo begun
	fifo_fd "$T/begun"
	stub parent <<-'SH'
		sh -c 'echo "$WP_JOB_ID begun" >"$T/begun"; read -r _ <"$T/begun.never"; :' &
		wait
	SH
	mkfifo begun.never
	fifo_fd "$T/begun.never"
	wp-jobs add -q q 1 2 3 4
	worker one -j 4 parent
	for _ in 1 2 3 4; do wait_begun; done
	kill_worker one
	no_process_left
}

@test "workers die while others work: no job is run by two at once" {
	mkdir locks
	mkfifo begun
	fifo_fd "$T/begun"
	: >ran
	stub alone <<-'SH'
		exec 9>"$T/locks/$WP_JOB_ID"
		flock -n 9 || echo "$WP_JOB_ID" >>"$T/overlap"
		echo "$WP_JOB_ID" >>"$T/ran"
		case $WP_JOB_ID in *50) echo "$WP_JOB_ID begun" >>"$T/begun" ;; esac
	SH
	seq 400 | wp-jobs add -q q >ids
	worker one -j 4 --keep 1h alone
	worker two -j 4 --keep 1h alone
	wait_begun 50
	worker three -j 4 --keep 1h alone
	kill_worker one
	wait_begun 150
	worker four -j 4 --keep 1h alone
	kill_worker two
	xargs wp-jobs await --timeout "$((PATIENCE * 2))s" <ids >ends
	stop_worker three
	stop_worker four
	assert_equal "$(sort -nu ran)" "$(cat ids)"
	assert_equal "$(count q completed)" 400
	[ ! -e overlap ]
	assert_nothing_left
}

@test "produce dies: the jobs that are out come back when their leases end, and nothing is left" {
	wp-jobs add -q q 1 2
	mkfifo lines.out
	fifo_fd "$T/lines.out"
	start lines wp-jobs produce -q q --follow
	wait_line "$T/lines.out" '"payload":2'
	kill_worker lines
	assert_equal "$(count q reserved)" 2
	end_leases
	run -0 wp-jobs sweep
	assert_equal "$(jq -c '[.dead_workers, .activated]' <<<"$output")" "[1,2]"
	assert_equal "$(jobs STATE,ATTEMPT)" "available 0
available 0"
	assert_nothing_left
}

# Told to go

@test "SIGTERM: what runs has its grace, what does not goes back at once and unharmed" {
	gated_handler
	wp-jobs add -q q 1 2 3 4
	worker one -j 1 --prefetch 10 gated
	wait_state 1 in_progress
	assert_equal "$(count q reserved)" 3
	kill "$pid_one"
	wait_state 4 available
	assert_equal "$(jobs ATTEMPT -s available)" "0
0
0"
	pass_gate 0
	finish 0 "$pid_one"
	assert_equal "$(jobs ID)" "2
3
4"
	assert_nothing_left
}

@test "SIGTERM, and the grace is over: the interrupted job goes back, the attempt does not count" {
	gated_handler
	wp-jobs add -q q --max-attempts 1 1
	worker one -j 1 --grace 0 gated
	wait_state 1 in_progress
	stop_worker one
	assert_equal "$(jobs STATE,ATTEMPT)" "available 0"
	assert_nothing_left
}

@test "three signals: it ends whatever the handler does, and the job goes back" {
	gated_handler
	wp-jobs add -q q 1
	# a shell lets its background ignore SIGINT
	start one env --default-signal=INT wp-jobs work -q q -j 1 --grace 1h --kill-after 1h sh -c 'trap "" TERM; gated; gated'
	wait_begun 1
	# three different ones: two of a kind at once count as one
	kill -TERM "$pid_one"
	kill -INT "$pid_one"
	kill -HUP "$pid_one"
	wait "$pid_one" || true
	assert_equal "$(jobs STATE,ATTEMPT)" "available 0"
	assert_nothing_left
}

# The connection

terminate_sessions() {
	sql "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'wp-jobs%'"
}

@test "a result that comes while nobody can connect is settled afterwards" {
	only_on postgres
	gated_handler
	wp-jobs add -q q 1
	worker one -j 1 gated
	wait_begun 1
	sql_admin "ALTER DATABASE $WP_TEST_DATABASE WITH ALLOW_CONNECTIONS false"
	sql_admin "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$WP_TEST_DATABASE'" >killed
	pass_gate 0
	until_true no_handler_of "$pid_one"
	sql_admin "ALTER DATABASE $WP_TEST_DATABASE WITH ALLOW_CONNECTIONS true"
	await 1
	stop_worker one
	assert_equal "$(cat one.err)" ""
	assert_nothing_left
}

no_handler_of() { ! pgrep -P "$(pgrep -P "$1" -x wp-pool)" -x gated >/dev/null; }

@test "a reservation whose answer was lost with the connection is given back" {
	only_on postgres
	gated_handler
	wp-jobs add -q q 1 2
	worker one -j 1 --prefetch 0 gated
	wait_begun 1
	sql "UPDATE workplane.job SET state = 'reserved', attempt = 1, worker = w.id, lease = '1.' || w.id || '.77'
		FROM workplane.worker w WHERE job.id = 2"
	terminate_sessions
	wait_state 2 available
	assert_equal "$(job 2 attempt)" 0
	assert_equal "$(job 1 worker)" "$(sql "SELECT id FROM workplane.worker")"
	pass_gate 0
	wait_begun 2
	pass_gate 0
	await 1 2
	stop_worker one
	assert_equal "$(cat one.err)" ""
	assert_nothing_left
}

make_available() {
	sql "UPDATE workplane.job SET state = 'available', attempt = 0, worker = NULL, lease = NULL, due = NULL"
}

@test "taken for dead while away: what nobody took meanwhile is the worker's again, and runs once" {
	only_on postgres
	gated_handler
	wp-jobs add -q q 1
	worker one -j 1 gated
	wait_begun 1
	sql "DELETE FROM workplane.worker"
	make_available
	terminate_sessions
	until_true has_lease
	assert_equal "$(job 1 attempt)" 1
	pass_gate 0
	await 1
	stop_worker one
	assert_equal "$(cat one.err)" ""
	assert_nothing_left
}

has_lease() { [ "$(sql "SELECT lease IS NOT NULL FROM workplane.job")" = t ]; }

@test "taken for dead while away: the result for a job that another has by now changes nothing" {
	only_on postgres
	gated_handler
	wp-jobs add -q q 1
	worker one -j 1 gated
	wait_state 1 in_progress
	make_available
	wp-jobs produce -q q --limit 1 >line
	terminate_sessions
	pass_gate 0
	wait_line "$T/one.err" stale
	assert_equal "$(job 1 state)" reserved
	run -0 wp-jobs settle < <(settle_as ok <line)
	stop_worker one
	assert_nothing_left
}

cancel_blocked() {
	[ "$(sql "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name LIKE 'wp-jobs%' AND wait_event_type = 'Lock'")" -ge 1 ]
}

@test "a statement that an administrator cancels does not end the worker" {
	only_on postgres
	wp-jobs add -q q 1
	worker one true
	await 1
	mkfifo statements
	exec {statements}<>statements
	start_reading statements locker psql -X -q -At -d "$WP_JOBS_DB"
	echo "BEGIN; LOCK TABLE workplane.job; SELECT 'locked';" >&"$statements"
	wait_line "$T/locker.out" locked
	until_true cancel_blocked
	printf '%s\n' "COMMIT;" '\q' >&"$statements"
	finish 0 "$pid_locker"
	exec {statements}<&-
	wp-jobs add -q q 2
	await 2
	stop_worker one
	assert_equal "$(grep -c 'canceling statement .*: trying again' one.err)" "$(wc -l <one.err)"
	assert_nothing_left
}

# Poolers

# pooler MODE: a PgBouncer in front of the database; what was in $WP_JOBS_DB is in $direct.
pooler() {
	local host=${WP_TEST_PG#host=}
	direct=$WP_JOBS_DB
	mkdir -m 777 pooler
	chmod 711 .
	cat >pooler/ini <<-INI
		[databases]
		* = host=${host%% *} user=postgres
		[pgbouncer]
		listen_addr =
		unix_socket_dir = $T/pooler
		auth_type = any
		pool_mode = $1
		ignore_startup_parameters = extra_float_digits
	INI
	start_pooler
	export WP_JOBS_DB="host=$T/pooler port=6432 user=postgres dbname=$WP_TEST_DATABASE"
}

# It must not run as root.
start_pooler() {
	local user=()
	[ "$(id -u)" -ne 0 ] || user=(setpriv --reuid postgres --regid postgres --clear-groups)
	: >pooler.err
	start pooler "${user[@]}" pgbouncer pooler/ini
	wait_line "$T/pooler.err" "process up"
}

stop_pooler() {
	WP_JOBS_DB=$direct
	kill "$pid_pooler"
	wait "$pid_pooler" || true
}

# One job is running behind a pooler that shares sessions; the pooler is away while CHANGE is made.
lose_pooler_and() {
	pooler transaction
	gated_handler
	wp-jobs add -q q 1
	worker one -j 1 gated
	wait_state 1 in_progress
	stop_pooler
	"$@"
	start_pooler
}

has_time() { [ "$(sql "SELECT lease IS NOT NULL AND due > now() FROM workplane.job")" = t ]; }

# The worker has job 1 still, and a lease that ends should it die.
assert_kept() {
	until_true has_time
	assert_equal "$(job 1 attempt)" 1
	pass_gate 0
	await 1
	stop_worker one
	stop_pooler
	assert_nothing_left
}

@test "a pooler that shares sessions: a job that is taken up again after a loss has a lease again" {
	only_on postgres
	lose_pooler_and make_available
	assert_kept
}

@test "a pooler that shares sessions: after a long loss a worker does not take what it runs from itself" {
	only_on postgres
	lose_pooler_and end_leases
	assert_kept
}

@test "a pooler that shares sessions: jobs of a dead worker come back when their leases end" {
	only_on postgres
	pooler transaction
	gated_handler
	wp-jobs add -q q 1 2
	worker one -j 1 --prefetch 5 gated
	wait_state 1 in_progress
	kill_worker one
	end_leases
	worker two -j 2 true
	await 1 2
	stop_worker two
	stop_pooler
	assert_nothing_left
}

@test "a pooler that shares sessions: await sees the end of a job" {
	only_on postgres
	pooler transaction
	wp-jobs add -q q 1
	start await wp-jobs await --timeout "${PATIENCE}s" 1
	WP_JOBS_DB=$direct
	wp-jobs work -q q --drain true
	finish 0 "$pid_await"
	assert_equal "$(cat await.out)" '{"id":1,"state":"completed"}'
	stop_pooler
}

@test "a pooler that leaves sessions alone makes no difference" {
	only_on postgres
	pooler session
	gated_handler
	wp-jobs add -q q 1 2
	worker one -j 1 --prefetch 5 gated
	wait_begun 1
	worker two -j 1 true
	kill_worker one
	await 1 2
	stop_worker two
	assert_equal "$(cat two.err)" ""
	stop_pooler
	assert_nothing_left
}

# Results that cannot be stored or read

# A rule of the site that the jobs break.
refuse_bad_output() {
	wp-jobs stats >stats
	if on_postgres; then
		sql "ALTER TABLE workplane.job ADD CHECK (output::text <> '\"bad\"')"
	else
		sql "CREATE TRIGGER refuse BEFORE UPDATE ON job WHEN new.output = '\"bad\"' BEGIN SELECT RAISE(ABORT, 'no'); END"
	fi
}

@test "an output that the database refuses: how the jobs ended is settled all the same" {
	refuse_bad_output
	wp-jobs add -q q 1 2 3
	wp-jobs produce -q q --limit 3 | jq -c '{id, lease, status: "ok", output: (if .id == 2 then "bad" else .id end)}' >results
	run -1 wp-jobs settle --keep 1h <results
	assert_line --regexp '^wp-jobs: warning: job 2: result not stored: '
	assert_equal "$(jobs STATE,OUTPUT)" "completed 1
completed 
completed 3"
	run -0 job 2 error
	assert_output --partial "result not stored"
}

@test "an answer of a warm command that is as long as a line may be is taken" {
	wp-jobs add -q q 1
	stub long <<-'SH'
		read -r line
		printf '{"status":"ok","output":"'
		head -c $((16777216 - 27)) /dev/zero | tr '\0' x
		printf '"}\n'
		cat >/dev/null
	SH
	run -0 wp-jobs work -q q -j 1 --drain --warm --keep 1h long
	assert_equal "$(job 1 output | wc -c)" $((16777216 - 26))
}
