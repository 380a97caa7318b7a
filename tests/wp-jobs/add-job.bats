load ../helpers
load jobs

# The SQL function workplane.add_job, by which any language adds a job inside its own transaction.

setup() {
	only_on postgres
	wp_setup
}

# A psql that takes its lines from the FIFO psql.in; `say` gives it one, `said` waits for an answer.
session() {
	mkfifo psql.in psql.out
	fifo_fd "$T/psql.in"
	fifo_fd "$T/psql.out"
	start_reading psql.in psql psql -X -q -At -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB"
}
say() { echo "$1" >>psql.in; }
said() { wait_line "$T/psql.out" "$1"; }
end_session() {
	say '\q'
	finish 0 "$pid_psql"
}

follow() {
	mkfifo lines.out
	fifo_fd "$T/lines.out"
	start lines wp-jobs produce -q q --follow
}
end_follow() {
	kill "$pid_lines"
	finish 0 "$pid_lines"
}

@test "the queue is enough" {
	run -0 sql "SELECT workplane.add_job('q')"
	assert_output 1
	assert_equal "$(wp-jobs show 1 | jq -c '.jobs[0] | [.queue, .state, .priority, ."max-attempts", .payload, .due, .unique, .notify]')" \
		'["q","available",0,5,null,null,null,null]'
}

@test "every parameter by name" {
	run -0 sql "SELECT workplane.add_job(queue => 'q', payload => '{\"to\": \"ann\"}', priority => -3,
		run_at => '2100-01-31T12:00:00Z', max_attempts => 2, unique_key => 'k', notify => 'text')"
	assert_output 1
	assert_equal "$(wp-jobs show 1 | jq -c '.jobs[0] | [.queue, .state, .priority, ."max-attempts", .payload, .due, .unique, .notify]')" \
		'["q","scheduled",-3,2,{"to":"ann"},"2100-01-31T12:00:00.000000Z","k","text"]'
}

@test "every parameter by its place" {
	run -0 sql "SELECT workplane.add_job('q', '[1]', 7, now() - interval '1 hour', 3, 'k', 'text')"
	assert_equal "$(wp-jobs show 1 | jq -c '.jobs[0] | [.state, .priority, ."max-attempts", .payload, .due]')" '["available",7,3,[1],null]'
}

@test "in a transaction that is rolled back there was no job" {
	sql "BEGIN; SELECT workplane.add_job('q', '1'); ROLLBACK"
	sql "BEGIN; SELECT workplane.add_job('q', '2'); COMMIT"
	run -0 jobs PAYLOAD
	assert_output 2
}

@test "unique_key: the id of the job that stands already" {
	sql "SELECT workplane.add_job('q', '1', unique_key => 'k')"
	run -0 sql "SELECT workplane.add_job('q', '2', unique_key => 'k')"
	assert_output 1
	run -0 --separate-stderr wp-jobs add -q q --unique k 3
	assert_output 1
	sql "SELECT workplane.add_job('other', '4', unique_key => 'k')"
	wp-jobs cancel 1
	sql "SELECT workplane.add_job('q', '5', unique_key => 'k')"
	run -0 jobs PAYLOAD,STATE
	assert_output "1 cancelled
4 available
5 available"
}

@test "a key that an open transaction has taken is waited for" {
	session
	say "BEGIN;"
	say "SELECT 'first is ' || workplane.add_job('q', '1', unique_key => 'k');"
	said "first is 1"
	start second psql -X -q -At -d "$WP_JOBS_DB" -c "SELECT workplane.add_job('q', '2', unique_key => 'k')"
	say "COMMIT;"
	finish 0 "$pid_second"
	run -0 cat second.out
	assert_output 1
	end_session
}

@test "what no job can be is refused" {
	run -1 sql "SELECT workplane.add_job('q', max_attempts => 0)"
	assert_output --partial "max_attempts must be at least 1"
	run -1 sql "SELECT workplane.add_job('')"
	run -1 sql "SELECT workplane.add_job(NULL)"
	run -1 sql "SELECT workplane.add_job('q', 'word')"
	run -0 jobs ID
	assert_output ""
}

@test "an idle worker is woken at commit, and not before" {
	follow
	session
	say "BEGIN;"
	say "SELECT 'added ' || workplane.add_job('q', '\"inside\"');"
	said "added 1"
	wp-jobs add -q q '"outside"'
	wait_line "$T/lines.out" payload
	assert_equal "$(jq -r .payload <<<"$line")" outside
	say "COMMIT;"
	wait_line "$T/lines.out" payload
	assert_equal "$(jq -r .payload <<<"$line")" inside
	end_session
	end_follow
}

@test "a job whose time is near wakes it twice: to learn of the time, and at the time" {
	follow
	sql "SELECT workplane.add_job('q', '\"due\"', run_at => now() + interval '300 milliseconds')"
	wait_line "$T/lines.out" '"due"'
	end_follow
}

@test "one transaction, several queues: each one's worker is woken" {
	follow
	mkfifo other.out
	fifo_fd "$T/other.out"
	start other wp-jobs produce -q other --follow
	sql "BEGIN; SELECT workplane.add_job('q', '1'); SELECT workplane.add_job('other', '2'); SELECT workplane.add_job('q', '3'); COMMIT"
	wait_line "$T/lines.out" '"payload":1,'
	wait_line "$T/lines.out" '"payload":3,'
	wait_line "$T/other.out" '"payload":2,'
	kill "$pid_other"
	finish 0 "$pid_other"
	end_follow
}

@test "a job of a prepared transaction runs when that is committed, and stops nobody till then" {
	sql "BEGIN; SELECT workplane.add_job('q', '\"prepared\"'); PREPARE TRANSACTION '$WP_TEST_DATABASE'"
	follow
	wp-jobs add -q q '"other"'
	wait_line "$T/lines.out" '"other"'
	sql "COMMIT PREPARED '$WP_TEST_DATABASE'"
	wait_line "$T/lines.out" '"prepared"'
	end_follow
}

@test "from many sessions at once: every job runs once" {
	local pids=() n
	start work wp-jobs work -q q -j 4 -- sh -c 'echo "$1" >>ran' sh {}
	for n in 1 2 3 4; do
		seq "$n" 4 400 | sed "s/.*/SELECT workplane.add_job('q', '&');/" >"session$n"
		start "session$n" psql -X -q -At -d "$WP_JOBS_DB" -f "session$n"
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	cat session?.out | xargs wp-jobs await >awaited
	kill "$pid_work"
	finish 0 "$pid_work"
	assert_equal "$(sort -n ran | tr '\n' ' ')" "$(seq 400 | tr '\n' ' ')"
}

@test "a role that may use the schema needs no more than its grants" {
	sql "CREATE ROLE ${WP_TEST_DATABASE}_role LOGIN"
	sql "GRANT USAGE ON SCHEMA workplane TO ${WP_TEST_DATABASE}_role;
		GRANT SELECT, INSERT ON workplane.job TO ${WP_TEST_DATABASE}_role"
	run -0 psql -X -q -At -d "$WP_JOBS_DB user=${WP_TEST_DATABASE}_role" -c "SELECT workplane.add_job('q', '1')"
	run -3 psql -X -q -At -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB user=${WP_TEST_DATABASE}_role" -f - <<<"DELETE FROM workplane.job;"
	sql "DROP OWNED BY ${WP_TEST_DATABASE}_role; DROP ROLE ${WP_TEST_DATABASE}_role"
	run -0 jobs PAYLOAD
	assert_output 1
}
