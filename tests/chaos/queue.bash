# A queue under load: adders, workers of both kinds, and the three parts of a worker in a pipeline. What scenarios of wp-jobs share.
# shellcheck shell=bash disable=SC2154

sql() {
	if [ -n "${WP_JOBS_DB-}" ]; then
		psql -X -q -At -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB" -c "$1"
	else
		sqlite3 -batch -cmd '.timeout 10000' "$WP_STATE/state.db" "$1"
	fi
}

# In the database a note of each settlement, made by the transaction that settles.
note_settlements() {
	if [ -n "${WP_JOBS_DB-}" ]; then
		wp-jobs init >init.out && sql "CREATE TABLE settled (id bigint, lease text, state text);
			CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN
				INSERT INTO settled VALUES (OLD.id, OLD.lease, CASE TG_OP WHEN 'DELETE' THEN 'completed' ELSE NEW.state::text END);
				RETURN NULL; END \$\$;
			CREATE TRIGGER note_deleted AFTER DELETE ON workplane.job FOR EACH ROW EXECUTE FUNCTION note();
			CREATE TRIGGER note_ended AFTER UPDATE ON workplane.job FOR EACH ROW
				WHEN (NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL) EXECUTE FUNCTION note()"
	else
		wp-jobs list >init.out && sql "CREATE TABLE settled (id INTEGER, lease TEXT, state TEXT);
			CREATE TRIGGER note_deleted AFTER DELETE ON job BEGIN INSERT INTO settled VALUES (old.id, old.lease, 'completed'); END;
			CREATE TRIGGER note_ended AFTER UPDATE ON job WHEN new.ended_at IS NOT NULL AND old.ended_at IS NULL
				BEGIN INSERT INTO settled VALUES (old.id, old.lease, new.state); END"
	fi
}

# What kinds of jobs there are (see chaos_handler), in turn; the rest of 40 is plain.
declare -A kinds=([7]=.never [3]=.again [13]=.again [23]=.again [5]=.later [25]=.later [1]=.slow [11]=.slow [21]=.slow [31]=.slow)

# adder K: adds a few jobs at a time, and notes what it was told.
adder() {
	local k=$1 n size first=$((${adder_next:-0} + 1))
	size=$((RANDOM % 12 + 1))
	adder_next=$((first + size - 1))
	for ((n = first; n <= adder_next; n++)); do
		echo "\"$k.$n${kinds[$((n % 40))]-}${all_are-}\""
	done >"adder.$k.in"
	if once "adder.$k" sh -c 'exec wp-jobs add -q q --max-attempts 1000 <"$1"' sh "adder.$k.in"; then
		paste -d ' ' "adder.$k.last" "adder.$k.in" | sed 's/^/ok /; s/"//g' >>added
	else
		sed 's/^/unknown - /; s/"//g' "adder.$k.in" >>added
	fi
}

adders() {
	local k
	: >added
	for k in $(seq "$1"); do
		repeat "adder.$k" adder "$k"
	done
}

worker_options=(-q q --backoff constant:100ms --grace 2s --kill-after 1s)
# The commands, the warm ones, and those who are sent more than one line at a time.
workers() {
	keep worker.1 wp-jobs work "${worker_options[@]}" -j 2 -- chaos_handler once "$W/history" "$W/locks"
	keep worker.2 wp-jobs work "${worker_options[@]}" -j 2 --warm -- chaos_handler warm "$W/history" "$W/locks"
	keep worker.3 wp-jobs work "${worker_options[@]}" -j 2 --warm --window 4 -- chaos_handler warm "$W/history" "$W/locks"
}
pipeline() {
	keep pipeline.1 sh -c 'wp-jobs produce -q q --follow --demand 8 --lease 2s | wp-pool map --jobs -j 2 -- "$@" |
		wp-jobs settle --backoff constant:100ms' sh chaos_handler once "$W/history" "$W/locks"
}

unfinished() {
	local table=job
	[ -z "${WP_JOBS_DB-}" ] || table=workplane.job
	sql "SELECT count(*) FROM $table WHERE state NOT IN ('completed', 'failed', 'cancelled')" 2>>sql.err
}
is_drained() { [ "$(unfinished)" = 0 ]; }

# No more is added, and all that there is gets done.
settle() {
	end_repeaters
	until_true 200 is_drained
}

workers_left() {
	local table=worker deadline=$((SECONDS + 10))
	[ -z "${WP_JOBS_DB-}" ] || table=workplane.worker
	# Who was killed last may be in the table still: whoever sweeps next finds it, and on Postgres believes it after a while.
	until [ "$(sql "SELECT count(*) FROM $table")" = 0 ] || [ $SECONDS -ge $deadline ]; do
		wp-jobs sweep >swept
		pause_ms 200
	done
	sql "SELECT * FROM $table"
	[ -z "${WP_JOBS_DB-}" ] || sql "SELECT * FROM pg_locks WHERE locktype = 'advisory'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
}

files_left() {
	[ ! -d "$WP_STATE/live" ] || wp-presence list -a -n
	find "$WP_STATE" -mindepth 1 ! -name 'state.db*' ! -type d 2>/dev/null
	find "$W" -mindepth 1 -maxdepth 1 -name 'wp-*'
}

gather() {
	local table=job
	[ -z "${WP_JOBS_DB-}" ] || table=workplane.job
	sql "SELECT id, lease, state FROM settled" >settled || echo "- - -" >settled
	sql "SELECT id, state, attempt, lease, worker FROM $table ORDER BY id" >rows || echo "- - -" >rows
}

enough() { [ "$(grep -c ' finish ' history)" -ge 10 ] || echo "there was next to no work"; }

check() {
	gather
	echo "# $(grep -c ^ok added) jobs, $(grep -c ' start ' history) starts, $(wc -l <settled) settled, $(wc -l <faults) faults"
	expect "there was work to do" enough
	expect "all that there is gets done" rows_left
	expect "every job that add has said to be there was done" not_done
	expect "every one of them was settled once" not_settled_once
	expect "each was settled as a handler had said, under the lease that it had" settled_without_work
	expect "no lease was in two hands" leases_shared
	expect "no job was given up that did not fail" given_up
	expect "what add did not confirm is there once or not at all" added_twice
	expect "add has told an id for each job" ids_missing
	[ -n "${WP_JOBS_DB-}" ] || expect "no job was run by two at a time" overlaps
	expect "no worker and no lock is left in the database" workers_left
	expect "no file is left" files_left
	! declare -F check_more >/dev/null || check_more
}
