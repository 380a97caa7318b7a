The statements of the registry. All times are wall clock in microseconds.

-- name: registry.find
-- stack, handle
SELECT id, stack, handle, state, reason, since, life, pid, process, boot, defined, durable, restart, delivered, stored,
	hibernate_after, jitter, suspend_after, settings, meta, NULL
FROM consumer WHERE stack = ?1 AND handle = ?2

-- name: registry.by_id
SELECT id, stack, handle, state, reason, since, life, pid, process, boot, defined, durable, restart, delivered, stored,
	hibernate_after, jitter, suspend_after, settings, meta, NULL
FROM consumer WHERE id = ?1

-- name: registry.list
-- stack or NULL: those with lives in the order of these, so that their locks are looked at in that order
SELECT id, stack, handle, state, reason, since, life, pid, process, boot, defined, durable, restart, delivered, stored,
	hibernate_after, jitter, suspend_after, settings, meta,
	CASE WHEN durable THEN (SELECT count(*) FROM consumer_message WHERE consumer = id) END
FROM consumer WHERE ?1 IS NULL OR stack = ?1 ORDER BY life, id

-- name: registry.list_by_name
-- the same, for people
SELECT id, stack, handle, state, reason, since, life, pid, process, boot, defined, durable, restart, delivered, stored,
	hibernate_after, jitter, suspend_after, settings, meta,
	CASE WHEN durable THEN (SELECT count(*) FROM consumer_message WHERE consumer = id) END
FROM consumer WHERE ?1 IS NULL OR stack = ?1 ORDER BY stack, handle

-- name: registry.where
-- stack, handle: what it takes to tell the pid of one that lives
SELECT pid, life, process, boot FROM consumer WHERE stack = ?1 AND handle = ?2

-- name: registry.lives
-- first and last life
SELECT id FROM consumer WHERE life BETWEEN ?1 AND ?2

-- name: registry.shared
-- first and last life of a lock file: is one of them in use?
SELECT EXISTS (SELECT 1 FROM consumer WHERE life BETWEEN ?1 AND ?2)

-- name: registry.insert
-- stack, handle, state, boot, defined, durable, restart, hibernate_after, jitter, suspend_after, settings, meta
INSERT INTO consumer (stack, handle, state, boot, defined, durable, restart, hibernate_after, jitter, suspend_after, settings, meta,
	since)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, now_us());
SELECT last_insert_rowid()

-- name: registry.redefine
-- id, defined, durable, restart, hibernate_after, jitter, suspend_after, settings, meta: what it was is another's, what it has not
-- acknowledged stays
UPDATE consumer SET defined = ?2, durable = ?3, restart = ?4, hibernate_after = ?5, jitter = ?6, suspend_after = ?7,
	settings = ?8, meta = ?9, state = 'suspended', reason = NULL, life = NULL, pid = NULL, process = NULL, since = now_us()
WHERE id = ?1

-- name: registry.live
-- id, life, state, pid, boot
UPDATE consumer SET life = ?2, state = ?3, pid = ?4, boot = ?5, reason = NULL, since = now_us() WHERE id = ?1

-- name: registry.started
-- id, life, pid: the process is there, and has not said so itself
UPDATE consumer SET pid = ?3 WHERE id = ?1 AND life = ?2 AND state = 'starting'

-- name: registry.bind
-- id, pid, process, boot
UPDATE consumer SET state = 'running', pid = ?2, process = ?3, boot = ?4, since = now_us() WHERE id = ?1

-- name: registry.change
-- id, life, state, pid: of this life alone
UPDATE consumer SET state = ?3, pid = ?4, since = now_us() WHERE id = ?1 AND life = ?2

-- name: registry.end
-- id, state, reason, delivered in this life
UPDATE consumer SET state = ?2, reason = ?3, delivered = delivered + ?4, life = NULL, pid = NULL, process = NULL, since = now_us()
WHERE id = ?1

-- name: registry.delete
DELETE FROM consumer WHERE id = ?1

-- name: registry.tell
-- id, event, reason
INSERT INTO consumer_event (at, event, reason, stack, handle, pid)
SELECT now_us(), ?2, ?3, stack, handle, pid FROM consumer WHERE id = ?1;
SELECT last_insert_rowid()

-- name: registry.forget
-- a seq: what has happened long before it
DELETE FROM consumer_event WHERE seq <= ?1 - 10000 AND at < now_us() - 600000000

-- name: registry.last_event
SELECT coalesce(max(seq), 0) FROM consumer_event

-- name: registry.events
SELECT seq, at, event, reason, stack, handle, pid FROM consumer_event WHERE seq > ?1 ORDER BY seq

-- name: registry.rest
-- stack, hibernate_after, jitter, suspend_after: all that are there
UPDATE consumer SET hibernate_after = ?2, jitter = ?3, suspend_after = ?4 WHERE stack = ?1

-- name: registry.rest_later
-- the same: those to come
INSERT INTO consumer_stack (stack, hibernate_after, jitter, suspend_after) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (stack) DO UPDATE SET hibernate_after = ?2, jitter = ?3, suspend_after = ?4

-- name: registry.rest_of
-- stack
SELECT hibernate_after, jitter, suspend_after FROM consumer_stack WHERE stack = ?1

-- name: registry.store
-- id, body
UPDATE consumer SET stored = stored + 1 WHERE id = ?1;
INSERT INTO consumer_message (consumer, seq, body) SELECT id, stored, ?2 FROM consumer WHERE id = ?1 RETURNING seq

-- name: registry.stored
-- id, an offset, how many at most
SELECT seq, body FROM consumer_message WHERE consumer = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3

-- name: registry.waiting
-- id, an offset
SELECT EXISTS (SELECT 1 FROM consumer_message WHERE consumer = ?1 AND seq > ?2)

-- name: registry.acknowledge
-- id, an offset
DELETE FROM consumer_message WHERE consumer = ?1 AND seq <= ?2

-- name: registry.count
-- stack: those that have a process
SELECT count(*) FROM consumer WHERE stack = ?1 AND (life IS NOT NULL OR process IS NOT NULL)
