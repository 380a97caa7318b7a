The statements of wp-distribute in Postgres. All times are wall clock in microseconds.

-- name: cluster.lock
-- of those who write, one at a time, so that events have their numbers in the order in which they can be seen
SELECT pg_advisory_xact_lock(2003828741)

-- name: cluster.node_insert
-- name, pid, boot, capacity, most, labels: its life is set when its lock is held
INSERT INTO workplane.node (name, life, pid, boot, capacity, most, labels, joined_at) VALUES ($1, 0, $2, $3, $4, $5, $6, workplane.now_us())
RETURNING id

-- name: cluster.node_live
-- id, life
UPDATE workplane.node SET life = $2 WHERE id = $1

-- name: cluster.node_delete
DELETE FROM workplane.node WHERE id = $1

-- name: cluster.nobody_left
-- when the last node has left
UPDATE workplane.replica SET reason = 'there is no node' WHERE state = 'waiting' AND NOT EXISTS (SELECT FROM workplane.node)

-- name: cluster.node_close
-- id, 1 or 0
UPDATE workplane.node SET closed = $2 WHERE id = $1

-- name: cluster.node_load
-- id, load
UPDATE workplane.node SET load = $2 WHERE id = $1

-- name: cluster.nodes
-- in the order of their locks
SELECT id, name, life, pid, boot, capacity, most, labels, load, closed, fresh, joined_at FROM workplane.node ORDER BY life

-- name: cluster.node_named
SELECT id, name, life, pid, boot, capacity, most, labels, load, closed, fresh, joined_at FROM workplane.node WHERE name = $1

-- name: cluster.nodes_settle
-- what is fresh has been seen to
UPDATE workplane.node SET fresh = false WHERE fresh

-- name: cluster.shared
-- first and last life of a lock file: is one of them in use?
SELECT (EXISTS (SELECT FROM workplane.node WHERE life BETWEEN $1 AND $2))::integer

-- name: cluster.lose
-- id of a node: nobody has in hand what it had, and nothing goes there any more
WITH bound_there AS (
	UPDATE workplane.replica SET target = NULL, handed = NULL WHERE target = $1 AND node IS DISTINCT FROM $1)
UPDATE workplane.replica SET node = NULL, target = NULL, handed = NULL, pid = NULL, reason = NULL, since = workplane.now_us(),
	state = CASE WHEN state IN ('placed', 'running') THEN 'waiting' ELSE state END WHERE node = $1

-- name: cluster.settings_insert
INSERT INTO workplane.child_settings (text) VALUES ($1)
RETURNING id

-- name: cluster.child_insert
-- name, strategy, guide, requires, apart, replicas, passive, hot, restart, settings, meta
INSERT INTO workplane.child (name, strategy, guide, requires, apart, replicas, passive, hot, restart, settings, meta, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, workplane.now_us())
RETURNING id

-- name: cluster.replica_insert
-- child, number, active
INSERT INTO workplane.replica (child, number, state, active, since, reason)
VALUES ($1, $2, 'waiting', $3, workplane.now_us(), CASE WHEN NOT EXISTS (SELECT FROM workplane.node) THEN 'there is no node' END)

-- name: cluster.child_id
-- name
SELECT id FROM workplane.child WHERE name = $1

-- name: cluster.child_over
-- id: nothing of it is left that could still be started
SELECT (NOT EXISTS (SELECT FROM workplane.replica WHERE child = $1 AND state NOT IN ('exited', 'failed')))::integer

-- name: cluster.child_delete
-- id
DELETE FROM workplane.child WHERE id = $1

-- name: cluster.child_delete_empty
-- id: of which no replica is left
DELETE FROM workplane.child WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM workplane.replica WHERE child = $1)

-- name: cluster.replicas
-- name of a child or NULL: all of them
SELECT r.id, c.id, c.name, r.number, r.state, r.reason, r.stop, r.node, n.name, r.target, t.name, r.handed IS NOT NULL, r.active, r.pid,
	r.restarts, r.since, c.strategy, c.guide, c.requires, c.apart, c.replicas, c.passive, c.hot, c.restart, NULL, c.meta
FROM workplane.child c JOIN workplane.replica r ON r.child = c.id LEFT JOIN workplane.node n ON n.id = r.node
	LEFT JOIN workplane.node t ON t.id = r.target
WHERE $1::text IS NULL OR c.name = $1 ORDER BY c.id, r.number

-- name: cluster.board
-- what placing needs of all replicas, of which there may be very many
SELECT r.id, c.id, c.name, r.number, r.state, NULL, r.stop, r.node, n.name, r.target, NULL, r.handed IS NOT NULL, r.active, r.pid, r.restarts,
	r.since, c.strategy, c.guide, c.requires, c.apart, c.replicas, c.passive, c.hot, c.restart, NULL, NULL
FROM workplane.child c JOIN workplane.replica r ON r.child = c.id LEFT JOIN workplane.node n ON n.id = r.node ORDER BY c.id, r.number

-- name: cluster.replicas_at
-- id of a node: those that it has in hand or is to have, with their settings
SELECT r.id, c.id, c.name, r.number, r.state, r.reason, r.stop, r.node, n.name, r.target, t.name, r.handed IS NOT NULL, r.active, r.pid,
	r.restarts, r.since, c.strategy, c.guide, c.requires, c.apart, c.replicas, c.passive, c.hot, c.restart, s.text, c.meta
FROM workplane.replica r JOIN workplane.child c ON c.id = r.child JOIN workplane.child_settings s ON s.id = c.settings
	LEFT JOIN workplane.node n ON n.id = r.node LEFT JOIN workplane.node t ON t.id = r.target
WHERE r.node = $1 OR r.target = $1 ORDER BY c.id, r.number

-- name: cluster.ending_at
-- id of a node: those that end with it
SELECT r.id, c.id, c.name, r.number, r.state, r.reason, r.stop, r.node, n.name, r.target, NULL, r.handed IS NOT NULL, r.active, r.pid, r.restarts,
	r.since, c.strategy, c.guide, c.requires, c.apart, c.replicas, c.passive, c.hot, NULL, NULL, NULL
FROM workplane.replica r JOIN workplane.child c ON c.id = r.child LEFT JOIN workplane.node n ON n.id = r.node
WHERE r.node = $1 AND (r.stop > 0 OR c.restart = 'temporary')

-- name: cluster.stopped_nowhere
-- id of a replica: is it to end, and in nobody's hand?
SELECT (EXISTS (SELECT FROM workplane.replica WHERE id = $1 AND node IS NULL AND stop > 0))::integer

-- name: cluster.replica_place
-- id, node: of one that nobody has in hand
UPDATE workplane.replica SET node = $2, target = NULL, state = 'placed', reason = NULL, since = workplane.now_us() WHERE id = $1

-- name: cluster.replica_send
-- id, target or NULL
UPDATE workplane.replica SET target = $2, handed = NULL WHERE id = $1

-- name: cluster.replica_reason
-- id, why it is nowhere
UPDATE workplane.replica SET reason = $2 WHERE id = $1 AND reason IS DISTINCT FROM $2

-- name: cluster.replica_run
-- id, node, pid, restarts
UPDATE workplane.replica SET state = 'running', pid = $3, restarts = $4, reason = NULL, since = workplane.now_us() WHERE id = $1 AND node = $2

-- name: cluster.replica_end
-- id, node, state, reason
UPDATE workplane.replica SET state = $3, reason = $4, node = NULL, target = NULL, handed = NULL, pid = NULL, since = workplane.now_us()
WHERE id = $1 AND node = $2

-- name: cluster.replica_release
-- id, node: it does not run there any more, and is its target's
UPDATE workplane.replica SET state = CASE WHEN target IS NULL THEN 'waiting' ELSE 'placed' END, node = target, target = NULL, pid = NULL,
	reason = NULL, since = workplane.now_us() WHERE id = $1 AND node = $2

-- name: cluster.replica_hand
-- id, node, what it hands over
UPDATE workplane.replica SET handed = $3 WHERE id = $1 AND node = $2 AND target IS NOT NULL

-- name: cluster.handed
-- id
SELECT handed FROM workplane.replica WHERE id = $1

-- name: cluster.replica_take
-- id, node, pid: its successor runs there, and has what was handed over; it was to go there, or has been placed there when the node
-- that it was to leave had died
UPDATE workplane.replica SET state = 'running', node = $2, target = NULL, handed = NULL, pid = $3, reason = NULL, since = workplane.now_us()
WHERE id = $1 AND ((target = $2 AND handed IS NOT NULL) OR (node = $2 AND state = 'placed'))

-- name: cluster.replica_refuse
-- id, where it is to go: it does not
UPDATE workplane.replica SET target = NULL, handed = NULL WHERE id = $1 AND target = $2

-- name: cluster.replica_active
-- id, 1 or 0
UPDATE workplane.replica SET active = $2 WHERE id = $1

-- name: cluster.quorum
SELECT quorum, largest FROM workplane.cluster

-- name: cluster.quorum_set
-- quorum, or NULL: stays; largest, or NULL: stays
UPDATE workplane.cluster SET quorum = coalesce($1, quorum), largest = coalesce($2, largest)

-- name: cluster.grown
-- how many nodes there are now
UPDATE workplane.cluster SET largest = $1 WHERE largest < $1

-- name: cluster.replica_stop
-- id, 1 or 2
UPDATE workplane.replica SET stop = $2 WHERE id = $1 AND stop < $2

-- name: cluster.replica_delete
-- id, the name of the node that has it in hand, or NULL: nobody has
DELETE FROM workplane.replica WHERE id = $1 AND node IS NOT DISTINCT FROM (SELECT id FROM workplane.node WHERE name = $2)

-- name: cluster.tell
-- event, reason, child, number, node, pid
INSERT INTO workplane.child_event (seq, at, event, reason, child, number, node, pid)
SELECT coalesce(max(seq), 0) + 1, workplane.now_us(), $1, $2, $3, $4::bigint, $5, $6::bigint FROM workplane.child_event
RETURNING seq

-- name: cluster.forget
-- a seq: what has happened long before it
DELETE FROM workplane.child_event WHERE seq <= $1::bigint - 10000 AND at < workplane.now_us() - 600000000

-- name: cluster.last_event
SELECT coalesce(max(seq), 0) FROM workplane.child_event

-- name: cluster.events
SELECT seq, at, event, reason, child, number, node, pid FROM workplane.child_event WHERE seq > $1 ORDER BY seq
