The statements of wp-jobs in the state file. Blocks that run "many" are run once a tuple.

-- name: jobs.session
SELECT 1

-- name: jobs.add
INSERT INTO job (queue, payload, priority, state, due, max_attempts, unique_key, notify, created_at)
SELECT ?1, ?2, ?3, CASE WHEN t.due > now_us() THEN 'scheduled' ELSE 'available' END,
	CASE WHEN t.due > now_us() THEN t.due END, ?6, ?7, ?8, now_us()
FROM (SELECT coalesce(?4, now_us() + ?5) AS due) t WHERE true
ON CONFLICT DO NOTHING
RETURNING id

-- name: jobs.standing
SELECT id FROM job WHERE queue = ?1 AND unique_key = ?2
	AND state IN ('scheduled', 'available', 'reserved', 'in_progress', 'retry')

-- name: jobs.when
SELECT CASE WHEN t.due > now_us() THEN 'scheduled' ELSE 'available' END, CASE WHEN t.due > now_us() THEN t.due END
FROM (SELECT coalesce(?1, now_us() + ?2) AS due) t

-- name: jobs.copy
INSERT INTO job (queue, state, due, priority, max_attempts, notify, quiet, payload, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, now_us())

-- name: jobs.id_before
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), 0)

-- name: jobs.id_after
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), 0)

-- name: jobs.ids_since
SELECT id FROM job WHERE id > ?1 ORDER BY id

-- name: jobs.reserve
-- UPDATE ... RETURNING keeps its rows in a table of its own, which costs more than to look twice
SELECT id, priority, attempt + 1, max_attempts, (attempt + 1) || ?6, payload
FROM job WHERE queue = ?1 AND state = 'available' AND (priority, id) > (?3, ?4)
ORDER BY priority, id LIMIT ?2;
UPDATE job SET state = 'reserved', attempt = attempt + 1, worker = ?5, lease = (attempt + 1) || ?6,
	due = now_us() + ?7
WHERE id IN (SELECT id FROM job WHERE queue = ?1 AND state = 'available' AND (priority, id) > (?3, ?4)
	ORDER BY priority, id LIMIT ?2)

-- name: jobs.reassert
UPDATE job SET state = CASE WHEN lease IS NULL THEN 'reserved' ELSE state END, worker = ?3, lease = ?2,
	attempt = CAST(?2 AS INTEGER), due = now_us() + ?4
WHERE id = ?1 AND (lease = ?2 AND ?4 IS NOT NULL OR lease IS NULL AND state = 'available'
	AND CAST(?2 AS INTEGER) - attempt IN (0, 1))

-- name: jobs.of_worker
SELECT id, lease FROM job WHERE worker = ?1

-- name: jobs.started
UPDATE job SET state = 'in_progress', started_at = now_us()
WHERE id = ?1 AND lease = ?2 AND state = 'reserved'
RETURNING id

-- name: jobs.done
DELETE FROM job WHERE id = ?1 AND lease = ?2 RETURNING id, queue, notify, 'completed', ?2

-- name: jobs.done_all
-- a statement a job would cost three times as much; those who share a lease share a queue
SELECT queue, notify, count(*) FROM job WHERE id IN (SELECT value FROM json_each(?2)) AND lease = ?1;
DELETE FROM job WHERE id IN (SELECT value FROM json_each(?2)) AND lease = ?1

-- name: jobs.end
UPDATE job SET
	state = CASE WHEN ?3 = 'ok' THEN 'completed' WHEN cancel THEN 'cancelled'
		WHEN ?3 = 'snooze' THEN CASE WHEN ?4 > 0 THEN 'scheduled' ELSE 'available' END
		WHEN ?3 = 'fail' OR attempt >= max_attempts THEN 'failed' ELSE 'retry' END,
	attempt = CASE WHEN ?3 = 'snooze' THEN attempt - 1 ELSE attempt END,
	due = CASE WHEN NOT cancel AND (?3 = 'snooze' AND ?4 > 0 OR ?3 = 'retry' AND attempt < max_attempts)
		THEN now_us() + ?4 END,
	keep_until = CASE WHEN ?3 = 'ok' THEN now_us() + ?7 END,
	available_at = CASE WHEN ?3 = 'snooze' AND ?4 = 0 THEN now_us() ELSE available_at END,
	error = coalesce(?5, error), output = coalesce(?6, output),
	ended_at = CASE WHEN ?3 IN ('ok', 'fail') OR cancel OR (?3 = 'retry' AND attempt >= max_attempts) THEN now_us() END,
	worker = NULL, lease = NULL
WHERE id = ?1 AND lease = ?2
RETURNING id, queue, notify, state, ?2

-- name: jobs.tally
INSERT INTO tally (at, queue, completed, retried, failed) VALUES (now_us(), ?1, ?2, ?3, ?4)

-- name: jobs.notify
SELECT ?1, ?2

-- name: jobs.held
SELECT id FROM job WHERE id IN (SELECT value FROM json_each(?1)) AND worker = ?2

-- name: jobs.renew
UPDATE job SET due = now_us() + ?3 WHERE id IN (SELECT value FROM json_each(?1)) AND worker = ?2

-- name: jobs.cancelled
SELECT id, lease FROM job WHERE worker = ?1 AND cancel

-- name: jobs.next_due
SELECT due - now_us() FROM job WHERE due IS NOT NULL ORDER BY due LIMIT 1

-- name: jobs.activate
UPDATE job SET
	state = CASE WHEN cancel THEN 'cancelled' WHEN state = 'in_progress' AND attempt >= max_attempts THEN 'failed'
		ELSE 'available' END,
	attempt = CASE WHEN state = 'reserved' THEN attempt - 1 ELSE attempt END,
	due = NULL, available_at = due,
	error = CASE WHEN state = 'in_progress' THEN 'the lease ran out' ELSE error END,
	ended_at = CASE WHEN cancel OR (state = 'in_progress' AND attempt >= max_attempts) THEN now_us() END,
	worker = NULL, lease = NULL
WHERE id IN (SELECT id FROM job WHERE due <= now_us() ORDER BY due LIMIT ?1)
RETURNING id, queue, notify, state

-- name: jobs.expire
DELETE FROM job WHERE id IN (SELECT id FROM job WHERE keep_until <= now_us() ORDER BY keep_until LIMIT ?1)

-- name: jobs.due_count
SELECT (SELECT count(*) FROM job WHERE due <= now_us()),
	(SELECT count(*) FROM job WHERE keep_until <= now_us())

-- name: jobs.forget_tally
DELETE FROM tally WHERE at < now_us() - 120000000

-- name: jobs.reclaim
UPDATE job SET
	state = CASE WHEN cancel THEN 'cancelled' WHEN state = 'in_progress' AND attempt >= max_attempts THEN 'failed'
		ELSE 'available' END,
	attempt = CASE WHEN state = 'reserved' THEN attempt - 1 ELSE attempt END,
	due = NULL, available_at = now_us(),
	error = CASE WHEN state = 'in_progress' THEN 'the worker died' ELSE error END,
	ended_at = CASE WHEN cancel OR (state = 'in_progress' AND attempt >= max_attempts) THEN now_us() END,
	worker = NULL, lease = NULL
WHERE worker = ?1
RETURNING id, queue, notify, state

-- name: jobs.list
SELECT j.id, j.queue, j.state, j.priority, j.attempt, j.max_attempts, j.due, j.worker, w.host, w.pid,
	j.unique_key, j.notify, j.error, j.created_at, j.started_at, j.ended_at, j.payload, j.output
FROM job j LEFT JOIN worker w ON w.id = j.worker
WHERE (?1 IS NULL OR j.queue = ?1) AND (?2 IS NULL OR instr(',' || ?2 || ',', ',' || j.state || ','))
	AND (?3 IS NULL OR j.id = ?3)
ORDER BY j.id LIMIT coalesce(?4, -1)

-- name: jobs.stats
WITH counted AS (
	SELECT queue, count(*) FILTER (WHERE state = 'scheduled') AS scheduled,
		count(*) FILTER (WHERE state = 'available') AS available,
		count(*) FILTER (WHERE state = 'reserved') AS reserved,
		count(*) FILTER (WHERE state = 'in_progress') AS in_progress,
		count(*) FILTER (WHERE state = 'retry') AS retry,
		count(*) FILTER (WHERE state = 'completed') AS completed,
		count(*) FILTER (WHERE state = 'failed') AS failed,
		count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
		now_us() - min(coalesce(available_at, created_at)) FILTER (WHERE state = 'available') AS oldest
	FROM job GROUP BY queue),
ended AS (
	SELECT queue, sum(completed) AS completed, sum(retried) AS retried, sum(failed) AS failed
	FROM tally WHERE at > now_us() - 60000000 GROUP BY queue)
SELECT q.queue, c.scheduled, c.available, c.reserved, c.in_progress, c.retry, c.completed, c.failed, c.cancelled, c.oldest,
	e.completed, e.retried, e.failed
FROM (SELECT queue FROM counted UNION SELECT queue FROM ended) q
LEFT JOIN counted c ON c.queue = q.queue LEFT JOIN ended e ON e.queue = q.queue
WHERE ?1 IS NULL OR q.queue = ?1
ORDER BY q.queue

-- name: jobs.outcome
SELECT ?1, (SELECT state FROM job WHERE id = ?1),
	?1 >= 1 AND ?1 <= coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'job'), 0)

-- name: jobs.select
SELECT id FROM job
WHERE (?1 IS NULL OR queue = ?1) AND instr(',' || ?2 || ',', ',' || state || ',') AND id > ?3
ORDER BY id LIMIT ?4

-- name: jobs.cancel
UPDATE job SET cancel = 1,
	state = CASE WHEN state IN ('reserved', 'in_progress') THEN state ELSE 'cancelled' END,
	ended_at = CASE WHEN state IN ('reserved', 'in_progress') THEN ended_at ELSE now_us() END,
	due = CASE WHEN state IN ('reserved', 'in_progress') THEN due END
WHERE id = ?1 AND state IN ('scheduled', 'available', 'retry', 'reserved', 'in_progress')
RETURNING id, queue, notify, state

-- name: jobs.retry
UPDATE job AS j SET state = 'available', cancel = 0, due = NULL, available_at = now_us(), ended_at = NULL,
	keep_until = NULL,
	attempt = CASE WHEN state IN ('completed', 'failed', 'cancelled') THEN 0 ELSE attempt END
WHERE id = ?1 AND state IN ('scheduled', 'retry', 'completed', 'failed', 'cancelled')
	AND NOT EXISTS (SELECT 1 FROM job o WHERE o.queue = j.queue AND o.unique_key = j.unique_key AND o.id <> j.id
		AND o.state IN ('scheduled', 'available', 'reserved', 'in_progress', 'retry'))
RETURNING id, queue, notify, state

-- name: jobs.prune_count
SELECT count(*) FROM job WHERE (?1 IS NULL OR queue = ?1) AND state IN ('completed', 'failed', 'cancelled')
	AND instr(',' || ?2 || ',', ',' || state || ',') AND ended_at < now_us() - ?3

-- name: jobs.prune
DELETE FROM job WHERE id IN (
	SELECT id FROM job WHERE (?1 IS NULL OR queue = ?1) AND state IN ('completed', 'failed', 'cancelled')
		AND instr(',' || ?2 || ',', ',' || state || ',') AND ended_at < now_us() - ?3 LIMIT ?4)

-- name: workers.join
-- host, pid, lock file, time to live (us) or NULL: by its lock
INSERT INTO worker (host, pid, lock, started_at, expires) VALUES (?1, ?2, ?3, now_us(), now_us() + ?4) RETURNING id

-- name: workers.rejoin
INSERT INTO worker (id, host, pid, lock, started_at, expires) VALUES (?1, ?2, ?3, ?4, now_us(), now_us() + ?5)
ON CONFLICT (id) DO UPDATE SET expires = excluded.expires RETURNING id

-- name: workers.renew
UPDATE worker SET expires = now_us() + ?2 WHERE id = ?1 RETURNING id

-- name: workers.leave
DELETE FROM worker WHERE id = ?1 RETURNING id

-- name: workers.sweep_lock
SELECT 1

-- name: workers.mark
SELECT ?1 WHERE false

-- name: workers.dead
SELECT ?1, ?2 WHERE false

-- name: workers.list
SELECT id, lock, coalesce(expires < now_us(), 0), expires IS NOT NULL FROM worker ORDER BY id

-- name: workers.jobs
SELECT count(*) FROM job WHERE worker = ?1
