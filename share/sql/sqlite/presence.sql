The statements of presence. An entry is known by its ref; its number (id) may be another's when it has gone.

-- name: presence.scan
-- topic or NULL: what it takes to tell the living, and what they can carry
SELECT id, ref, boot, pid, process, lock, capacity, in_use, topic FROM presence
WHERE ?1 IS NULL OR topic = ?1 ORDER BY id

-- name: presence.range
-- first and last number
SELECT id, ref, boot, pid, process, lock FROM presence WHERE id BETWEEN ?1 AND ?2 ORDER BY id

-- name: presence.by_lock
SELECT id, ref, boot, pid, process, lock FROM presence WHERE lock = ?1

-- name: presence.by_ref
SELECT id, ref, boot, pid, process, lock FROM presence WHERE ref = ?1

-- name: presence.list
-- topic or NULL
SELECT id, ref, boot, pid, process, lock, capacity, in_use, topic, key, meta, joined_at, updated_at FROM presence
WHERE ?1 IS NULL OR topic = ?1 ORDER BY id

-- name: presence.of_key
-- topic or NULL, key
SELECT id, ref, boot, pid, process, lock, capacity, in_use, topic, key, meta, joined_at, updated_at FROM presence
WHERE key = ?2 AND (?1 IS NULL OR topic = ?1) ORDER BY id

-- name: presence.totals
SELECT count(*), coalesce(sum(capacity), 0), coalesce(sum(in_use), 0), coalesce(sum(max(capacity - in_use, 0)), 0)
FROM presence WHERE ?1 IS NULL OR topic = ?1

-- name: presence.has_key
SELECT EXISTS (SELECT 1 FROM presence WHERE key = ?2 AND (?1 IS NULL OR topic = ?1))

-- name: presence.join
-- topic, key, ref, capacity, in use, pid, process, lock, boot, meta, the time
INSERT INTO presence (topic, key, ref, capacity, in_use, pid, process, lock, boot, meta, joined_at, updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11);
SELECT last_insert_rowid()

-- name: presence.renumber
UPDATE presence SET id = id + 1 WHERE id = ?1

-- name: presence.change
-- id; capacity, in use and meta, or NULL: as it is
UPDATE presence SET capacity = coalesce(?2, capacity), in_use = coalesce(?3, in_use), meta = coalesce(?4, meta),
	updated_at = now_us()
WHERE id = ?1

-- name: presence.leave
DELETE FROM presence WHERE id = ?1

-- name: presence.shared
-- first and last number of a lock file: is one of them taken?
SELECT EXISTS (SELECT 1 FROM presence WHERE id BETWEEN ?1 AND ?2)

-- name: presence.tell
-- id, event, reason: as the entry is now
INSERT INTO presence_event (at, event, reason, topic, key, ref, id, pid, process, capacity, in_use, meta)
SELECT now_us(), ?2, ?3, topic, key, ref, id, pid, process, capacity, in_use, meta FROM presence WHERE id = ?1;
SELECT last_insert_rowid()

-- name: presence.forget
-- a seq: what has happened long before it
DELETE FROM presence_event WHERE seq <= ?1 - 10000 AND at < now_us() - 600000000

-- name: presence.reason
SELECT reason FROM presence_event WHERE ref = ?1 AND event = 'leave' ORDER BY seq DESC LIMIT 1

-- name: presence.last_event
SELECT coalesce(max(seq), 0) FROM presence_event

-- name: presence.events
SELECT seq, at, event, reason, topic, key, ref, id, pid, process, capacity, in_use, meta FROM presence_event
WHERE seq > ?1 ORDER BY seq
