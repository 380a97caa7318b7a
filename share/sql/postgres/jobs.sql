The statements of wp-jobs in Postgres. Parameters of the blocks that run "many" are arrays, a column each.

-- name: jobs.session
-- Plans are made once, often while the table is empty; none but the index scans in
-- order and the nested loops over a batch is ever right here.
SELECT set_config(name, 'off', false) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_sort',
	'enable_hashjoin', 'enable_mergejoin', 'enable_material', 'jit']) AS name

-- name: jobs.add
-- queue, payload, priority, at (us) or NULL, in (us) or NULL, max attempts, unique key, notify
INSERT INTO workplane.job (queue, payload, priority, state, due, max_attempts, unique_key, notify)
SELECT $1, $2::json, $3::integer,
	CASE WHEN t.due > now() THEN 'scheduled' ELSE 'available' END::workplane.job_state,
	CASE WHEN t.due > now() THEN t.due END, $6::integer, $7, $8
FROM (SELECT coalesce('epoch'::timestamptz + $4::bigint * interval '1 microsecond',
	now() + $5::bigint * interval '1 microsecond') AS due) t
ON CONFLICT DO NOTHING
RETURNING id

-- name: jobs.standing
-- queue, unique key: the unfinished job that has it
SELECT id FROM workplane.job WHERE queue = $1 AND unique_key = $2
	AND state IN ('scheduled', 'available', 'reserved', 'in_progress', 'retry')

-- name: jobs.when
-- at (us) or NULL, in (us) or NULL: the state and due of jobs added now, as jobs.copy takes them
SELECT CASE WHEN t.due > now() THEN 'scheduled' ELSE 'available' END, CASE WHEN t.due > now() THEN t.due END::text
FROM (SELECT coalesce('epoch'::timestamptz + $1::bigint * interval '1 microsecond',
	now() + $2::bigint * interval '1 microsecond') AS due) t

-- name: jobs.copy
COPY workplane.job (queue, state, due, priority, max_attempts, notify, quiet, payload) FROM STDIN

-- name: jobs.id_before
-- the id drawn last, by anybody
SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM workplane.job_id_seq

-- name: jobs.id_after
-- the id drawn last by this session
SELECT currval('workplane.job_id_seq')

-- name: jobs.ids_since
-- before: the ids that this transaction added, where others drew some in between
SELECT id FROM workplane.job WHERE id > $1::bigint AND xmin = pg_current_xact_id()::xid ORDER BY id

-- name: jobs.reserve
-- queue, how many, priority and id to look behind, worker, what the lease has after its attempt, time to
-- live (us) or NULL.
-- Looking behind the last one taken keeps the scan from stepping over what is dead but
-- cannot be removed yet. The disk is not waited for: a crash only makes the jobs available again.
WITH taken AS (
	UPDATE workplane.job SET state = 'reserved', attempt = attempt + 1, worker = $5::integer,
		lease = (attempt + 1) || $6::text, due = clock_timestamp() + $7::bigint * interval '1 microsecond'
	WHERE ctid = ANY (ARRAY(
		SELECT ctid FROM workplane.job
		WHERE queue = $1 AND state = 'available' AND (priority, id) > ($3::integer, $4::bigint)
			AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
		ORDER BY priority, id LIMIT $2::bigint FOR UPDATE SKIP LOCKED))
	RETURNING id, priority, attempt, max_attempts, lease, payload)
SELECT id, priority, attempt, max_attempts, lease, payload FROM taken

-- name: jobs.reassert
-- many: id, lease, worker, time to live (us) or NULL. After a lost connection: what we have in hand is ours
-- still, also where a crash of the server forgot the reservation; and its lease begins anew.
UPDATE workplane.job j SET state = CASE WHEN j.lease IS NULL THEN 'reserved' ELSE j.state END, worker = r.worker,
	lease = r.lease, attempt = split_part(r.lease, '.', 1)::integer,
	due = clock_timestamp() + r.ttl * interval '1 microsecond'
FROM unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[]) AS r (id, lease, worker, ttl)
WHERE j.id = r.id AND (j.lease = r.lease AND r.ttl IS NOT NULL OR j.lease IS NULL AND j.state = 'available'
	AND split_part(r.lease, '.', 1)::integer - j.attempt IN (0, 1))

-- name: jobs.of_worker
-- worker: all that it has, by the database
SELECT id, lease FROM workplane.job WHERE worker = $1::integer

-- name: jobs.started
-- many: id, lease
UPDATE workplane.job j SET state = 'in_progress', started_at = clock_timestamp()
FROM unnest($1::bigint[], $2::text[]) AS r (id, lease)
WHERE j.id = r.id AND j.lease = r.lease AND j.state = 'reserved'
	AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING j.id

-- name: jobs.done
-- many: id, lease. Done, and not kept.
DELETE FROM workplane.job j USING unnest($1::bigint[], $2::text[]) AS r (id, lease)
WHERE j.id = r.id AND j.lease = r.lease
RETURNING j.id, j.queue, j.notify, 'completed', r.lease

-- name: jobs.end
-- many: id, lease, status, delay (us), error, output, keep (us) or NULL
UPDATE workplane.job j SET
	state = CASE WHEN r.status = 'ok' THEN 'completed' WHEN j.cancel THEN 'cancelled'
		WHEN r.status = 'snooze' THEN CASE WHEN r.delay > 0 THEN 'scheduled' ELSE 'available' END
		WHEN r.status = 'fail' OR j.attempt >= j.max_attempts THEN 'failed' ELSE 'retry' END::workplane.job_state,
	attempt = CASE WHEN r.status = 'snooze' THEN j.attempt - 1 ELSE j.attempt END,
	due = CASE WHEN NOT j.cancel AND (r.status = 'snooze' AND r.delay > 0 OR r.status = 'retry' AND j.attempt < j.max_attempts)
		THEN clock_timestamp() + r.delay * interval '1 microsecond' END,
	keep_until = CASE WHEN r.status = 'ok' THEN clock_timestamp() + r.keep * interval '1 microsecond' END,
	available_at = CASE WHEN r.status = 'snooze' AND r.delay = 0 THEN clock_timestamp() ELSE j.available_at END,
	error = coalesce(r.error, j.error), output = coalesce(r.output, j.output),
	ended_at = CASE WHEN r.status IN ('ok', 'fail') OR j.cancel OR (r.status = 'retry' AND j.attempt >= j.max_attempts)
		THEN clock_timestamp() END,
	worker = NULL, lease = NULL
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::json[], $7::bigint[])
	AS r (id, lease, status, delay, error, output, keep)
WHERE j.id = r.id AND j.lease = r.lease
RETURNING j.id, j.queue, j.notify, j.state, r.lease

-- name: jobs.tally
-- queue, completed, retried, failed
INSERT INTO workplane.tally (queue, completed, retried, failed) VALUES ($1, $2::bigint, $3::bigint, $4::bigint)

-- name: jobs.notify
SELECT pg_notify($1, $2)

-- name: jobs.done_all
-- lease, ids: the same for jobs that were reserved together; how many they were
WITH gone AS (
	DELETE FROM workplane.job j WHERE j.id = ANY ($2::bigint[]) AND j.lease = $1 RETURNING j.queue, j.notify)
SELECT queue, notify, count(*) FROM gone GROUP BY queue, notify

-- name: jobs.held
-- ids, worker: those that it has still
SELECT id FROM workplane.job WHERE id = ANY ($1::bigint[]) AND worker = $2::integer

-- name: jobs.renew
-- ids, worker, time to live (us)
UPDATE workplane.job SET due = clock_timestamp() + $3::bigint * interval '1 microsecond'
WHERE id = ANY ($1::bigint[]) AND worker = $2::integer
	AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL

-- name: jobs.cancelled
-- worker: what it was asked to stop
SELECT id, lease FROM workplane.job WHERE worker = $1::integer AND cancel

-- name: jobs.next_due
-- microseconds until the next scheduled or retried job becomes available
SELECT (extract(epoch FROM due - clock_timestamp()) * 1000000)::bigint FROM workplane.job
WHERE due IS NOT NULL ORDER BY due LIMIT 1

-- name: jobs.activate
-- how many at most. What waited for its time becomes available, and what was leased until now goes
-- back: untouched if it was not seen to run, else the attempt counts.
WITH due AS (
	SELECT id FROM workplane.job WHERE due <= clock_timestamp() ORDER BY due LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
UPDATE workplane.job j SET
	state = CASE WHEN j.cancel THEN 'cancelled' WHEN j.state = 'in_progress' AND j.attempt >= j.max_attempts THEN 'failed'
		ELSE 'available' END::workplane.job_state,
	attempt = CASE WHEN j.state = 'reserved' THEN j.attempt - 1 ELSE j.attempt END,
	due = NULL, available_at = j.due,
	error = CASE WHEN j.state = 'in_progress' THEN 'the lease ran out' ELSE j.error END,
	ended_at = CASE WHEN j.cancel OR (j.state = 'in_progress' AND j.attempt >= j.max_attempts) THEN clock_timestamp() END,
	worker = NULL, lease = NULL
FROM due
WHERE j.id = due.id AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING j.id, j.queue, j.notify, j.state

-- name: jobs.expire
-- what was kept long enough goes
DELETE FROM workplane.job WHERE id IN (
	SELECT id FROM workplane.job WHERE keep_until <= clock_timestamp()
	ORDER BY keep_until LIMIT $1::bigint FOR UPDATE SKIP LOCKED)

-- name: jobs.due_count
-- how many a sweep would make available, and how many it would delete
SELECT (SELECT count(*) FROM workplane.job WHERE due <= clock_timestamp()),
	(SELECT count(*) FROM workplane.job WHERE keep_until <= clock_timestamp())

-- name: jobs.forget_tally
DELETE FROM workplane.tally WHERE at < now() - interval '2 minutes'

-- name: jobs.reclaim
-- many: worker. What a dead worker had: untouched if it was not seen to run, else the attempt counts.
UPDATE workplane.job j SET
	state = CASE WHEN j.cancel THEN 'cancelled' WHEN j.state = 'in_progress' AND j.attempt >= j.max_attempts THEN 'failed'
		ELSE 'available' END::workplane.job_state,
	attempt = CASE WHEN j.state = 'reserved' THEN j.attempt - 1 ELSE j.attempt END,
	due = NULL, available_at = clock_timestamp(),
	error = CASE WHEN j.state = 'in_progress' THEN 'the worker died' ELSE j.error END,
	ended_at = CASE WHEN j.cancel OR (j.state = 'in_progress' AND j.attempt >= j.max_attempts) THEN clock_timestamp() END,
	worker = NULL, lease = NULL
WHERE j.worker = ANY ($1::integer[])
RETURNING j.id, j.queue, j.notify, j.state

-- name: jobs.list
-- queue or NULL, states (comma-separated) or NULL, id or NULL, limit or NULL
SELECT j.id, j.queue, j.state, j.priority, j.attempt, j.max_attempts,
	(extract(epoch FROM j.due) * 1000000)::bigint, j.worker, w.host, w.pid, j.unique_key, j.notify, j.error,
	(extract(epoch FROM j.created_at) * 1000000)::bigint, (extract(epoch FROM j.started_at) * 1000000)::bigint,
	(extract(epoch FROM j.ended_at) * 1000000)::bigint, j.payload, j.output
FROM workplane.job j LEFT JOIN workplane.worker w ON w.id = j.worker
WHERE ($1::text IS NULL OR j.queue = $1) AND ($2::text IS NULL OR j.state::text = ANY (string_to_array($2, ',')))
	AND ($3::bigint IS NULL OR j.id = $3)
ORDER BY j.id LIMIT $4::bigint

-- name: jobs.stats
-- queue or NULL
SELECT coalesce(j.queue, t.queue), j.scheduled, j.available, j.reserved, j.in_progress, j.retry, j.completed, j.failed, j.cancelled,
	j.oldest, t.completed, t.retried, t.failed
FROM (SELECT queue, count(*) FILTER (WHERE state = 'scheduled') AS scheduled,
		count(*) FILTER (WHERE state = 'available') AS available,
		count(*) FILTER (WHERE state = 'reserved') AS reserved,
		count(*) FILTER (WHERE state = 'in_progress') AS in_progress,
		count(*) FILTER (WHERE state = 'retry') AS retry,
		count(*) FILTER (WHERE state = 'completed') AS completed,
		count(*) FILTER (WHERE state = 'failed') AS failed,
		count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
		(extract(epoch FROM now() - min(coalesce(available_at, created_at)) FILTER (WHERE state = 'available')) * 1000000)::bigint AS oldest
	FROM workplane.job GROUP BY queue) j
FULL JOIN (SELECT queue, sum(completed)::bigint AS completed, sum(retried)::bigint AS retried, sum(failed)::bigint AS failed
	FROM workplane.tally WHERE at > now() - interval '1 minute' GROUP BY queue) t ON t.queue = j.queue
WHERE $1::text IS NULL OR coalesce(j.queue, t.queue) = $1
ORDER BY 1

-- name: jobs.outcome
-- many: id. Its state or NULL, and whether a job ever had that id.
SELECT r.id, j.state, r.id >= 1 AND r.id <= (SELECT last_value FROM workplane.job_id_seq WHERE is_called)
FROM unnest($1::bigint[]) AS r (id) LEFT JOIN workplane.job j ON j.id = r.id

-- name: jobs.select
-- queue or NULL, states (comma-separated), after this id, limit: ids for the verbs that change many
SELECT id FROM workplane.job
WHERE ($1::text IS NULL OR queue = $1) AND state::text = ANY (string_to_array($2, ',')) AND id > $3::bigint
ORDER BY id LIMIT $4::bigint

-- name: jobs.cancel
-- many: id. Who runs is only asked to stop.
UPDATE workplane.job j SET cancel = true,
	state = CASE WHEN j.state IN ('reserved', 'in_progress') THEN j.state ELSE 'cancelled' END,
	ended_at = CASE WHEN j.state IN ('reserved', 'in_progress') THEN j.ended_at ELSE clock_timestamp() END,
	due = CASE WHEN j.state IN ('reserved', 'in_progress') THEN j.due END
FROM unnest($1::bigint[]) AS r (id)
WHERE j.id = r.id AND j.state IN ('scheduled', 'available', 'retry', 'reserved', 'in_progress')
RETURNING j.id, j.queue, j.notify, j.state

-- name: jobs.retry
-- many: id. A finished job starts over; a waiting one waits no longer. Not where its key is taken,
-- or asked for by an earlier one of them.
UPDATE workplane.job j SET state = 'available', cancel = false, due = NULL, available_at = clock_timestamp(), ended_at = NULL,
	keep_until = NULL,
	attempt = CASE WHEN j.state IN ('completed', 'failed', 'cancelled') THEN 0 ELSE j.attempt END
FROM unnest($1::bigint[]) AS r (id)
WHERE j.id = r.id AND j.state IN ('scheduled', 'retry', 'completed', 'failed', 'cancelled')
	AND NOT EXISTS (SELECT FROM workplane.job o WHERE o.queue = j.queue AND o.unique_key = j.unique_key AND o.id <> j.id
		AND o.state IN ('scheduled', 'available', 'reserved', 'in_progress', 'retry'))
	AND NOT EXISTS (SELECT FROM unnest($1::bigint[]) AS earlier (id) JOIN workplane.job o ON o.id = earlier.id
		WHERE o.queue = j.queue AND o.unique_key = j.unique_key AND o.id < j.id)
RETURNING j.id, j.queue, j.notify, j.state

-- name: jobs.prune_count
-- queue or NULL, states, age (us)
SELECT count(*) FROM workplane.job WHERE ($1::text IS NULL OR queue = $1) AND state IN ('completed', 'failed', 'cancelled')
	AND state::text = ANY (string_to_array($2, ',')) AND ended_at < now() - $3::bigint * interval '1 microsecond'

-- name: jobs.prune
-- queue or NULL, states, age (us), limit
DELETE FROM workplane.job WHERE id IN (
	SELECT id FROM workplane.job
	WHERE ($1::text IS NULL OR queue = $1) AND state IN ('completed', 'failed', 'cancelled')
		AND state::text = ANY (string_to_array($2, ',')) AND ended_at < now() - $3::bigint * interval '1 microsecond'
	LIMIT $4::bigint FOR UPDATE SKIP LOCKED)

-- name: workers.join
-- host, pid, lock file (not used here), time to live (us) or NULL: by the session lock.
-- The lock comes first, then the row: a row whose lock is free is dead.
WITH me AS MATERIALIZED (SELECT nextval('workplane.worker_id_seq')::integer AS id, $3::text IS NULL AS unused),
held AS MATERIALIZED (
	SELECT id, CASE WHEN $4::bigint IS NULL THEN pg_advisory_lock(2003828737, id)::text END FROM me)
INSERT INTO workplane.worker (id, host, pid, expires)
SELECT id, $1, $2::integer, now() + $4::bigint * interval '1 microsecond' FROM held
RETURNING id

-- name: workers.rejoin
-- id, host, pid, lock file (not used here), time to live (us) or NULL. The row may be gone: somebody took us for dead.
WITH held AS MATERIALIZED (
	SELECT $1::integer AS id, $4::text IS NULL AS unused,
		CASE WHEN $5::bigint IS NULL THEN pg_advisory_lock(2003828737, $1::integer)::text END)
INSERT INTO workplane.worker (id, host, pid, expires)
SELECT id, $2, $3::integer, now() + $5::bigint * interval '1 microsecond' FROM held
ON CONFLICT (id) DO UPDATE SET missed_at = NULL, expires = excluded.expires
RETURNING id

-- name: workers.renew
-- id, time to live (us)
UPDATE workplane.worker SET expires = now() + $2::bigint * interval '1 microsecond' WHERE id = $1::integer RETURNING id

-- name: workers.leave
-- many: id
DELETE FROM workplane.worker w USING unnest($1::integer[]) AS r (id) WHERE w.id = r.id RETURNING w.id

-- name: workers.sweep_lock
-- one at a time is enough: false when somebody else is at it
SELECT pg_try_advisory_xact_lock(2003828740, 2)

-- name: workers.mark
-- own id. A free lock is noted first and believed later: after a lost connection its owner
-- needs a moment to take it again.
UPDATE workplane.worker w SET missed_at = CASE WHEN l.objid IS NULL THEN clock_timestamp() END
FROM workplane.worker v LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
	AND l.classid = 2003828737 AND l.objid = v.id
	AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
WHERE w.id = v.id AND w.expires IS NULL AND w.id <> $1::integer AND (l.objid IS NULL) <> (w.missed_at IS NOT NULL)
RETURNING w.missed_at IS NOT NULL

-- name: workers.dead
-- own id, grace (us). The lock is tested again and kept to the end of the transaction. A server
-- that came up moments ago has not heard from everybody yet.
WITH missed AS MATERIALIZED (
	SELECT id, expires FROM workplane.worker
	WHERE id <> $1::integer AND (expires < now() OR (expires IS NULL
		AND missed_at < clock_timestamp() - $2::bigint * interval '1 microsecond'
		AND pg_postmaster_start_time() < now() - interval '5 seconds'))
	FOR UPDATE SKIP LOCKED)
SELECT id, expires IS NOT NULL FROM missed WHERE CASE WHEN expires IS NULL THEN pg_try_advisory_xact_lock(2003828737, id) ELSE true END

-- name: workers.list
-- every worker: its lock file (none here), whether it is dead as far as locks and times say, and whether it
-- lives by time
SELECT w.id, NULL::text, CASE WHEN w.expires IS NULL THEN l.objid IS NULL ELSE w.expires < now() END, w.expires IS NOT NULL
FROM workplane.worker w LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
	AND l.classid = 2003828737 AND l.objid = w.id
	AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY w.id

-- name: workers.jobs
-- many: id
SELECT count(*) FROM workplane.job WHERE worker = ANY ($1::integer[])
