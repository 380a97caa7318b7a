The schema of the state file. now_us() is the wall clock in microseconds; all times are.

-- name: schema.init
-- workplane: the schema of the state file. May be run again at any time.
CREATE TABLE IF NOT EXISTS job (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	queue        TEXT NOT NULL CHECK (queue <> ''),
	state        TEXT NOT NULL DEFAULT 'available',
	priority     INTEGER NOT NULL DEFAULT 0,
	attempt      INTEGER NOT NULL DEFAULT 0,
	max_attempts INTEGER NOT NULL DEFAULT 5,
	payload      TEXT NOT NULL,
	due          INTEGER,
	available_at INTEGER,
	worker       INTEGER,
	lease        TEXT,
	cancel       INTEGER NOT NULL DEFAULT 0,
	unique_key   TEXT,
	notify       TEXT,
	error        TEXT,
	output       TEXT,
	created_at   INTEGER NOT NULL,
	started_at   INTEGER,
	ended_at     INTEGER,
	keep_until   INTEGER,
	quiet        INTEGER        -- of no meaning here
);
CREATE INDEX IF NOT EXISTS job_available ON job (queue, priority, id) WHERE state = 'available';
-- What the predicates do not name, an update need not look at.
CREATE INDEX IF NOT EXISTS job_due ON job (due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_kept ON job (keep_until) WHERE keep_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_ended ON job (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS job_cancel ON job (worker) WHERE cancel;
CREATE UNIQUE INDEX IF NOT EXISTS job_unique ON job (queue, unique_key)
	WHERE unique_key IS NOT NULL AND state IN ('scheduled', 'available', 'reserved', 'in_progress', 'retry');

CREATE TABLE IF NOT EXISTS worker (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	host       TEXT NOT NULL,
	pid        INTEGER NOT NULL,
	lock       TEXT NOT NULL,       -- its file in live/; free means dead
	started_at INTEGER NOT NULL,
	expires    INTEGER              -- not NULL: lives until then, lock or no lock
);

CREATE TABLE IF NOT EXISTS tally (
	at        INTEGER NOT NULL,
	queue     TEXT NOT NULL,
	completed INTEGER NOT NULL DEFAULT 0,
	retried   INTEGER NOT NULL DEFAULT 0,
	failed    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS tally_at ON tally (at);

-- Who is present. An entry's number is also that of its lock in live/, unless it names another.
CREATE TABLE IF NOT EXISTS presence (
	id         INTEGER PRIMARY KEY,
	topic      TEXT NOT NULL,
	key        TEXT NOT NULL,
	ref        TEXT NOT NULL UNIQUE,
	capacity   INTEGER NOT NULL,
	in_use     INTEGER NOT NULL,
	pid        INTEGER NOT NULL,
	process    INTEGER,             -- not NULL: gone with process pid, whose start time this is (ticks since boot)
	lock       TEXT,                -- NULL: the numbered one; '': none; else a file in live/
	boot       INTEGER NOT NULL,    -- of which boot of the machine; another's is dead
	meta       TEXT NOT NULL,
	joined_at  INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS presence_key ON presence (key);

-- What has happened to it, for those who watch. Numbers never come back: the newest is never deleted.
CREATE TABLE IF NOT EXISTS presence_event (
	seq      INTEGER PRIMARY KEY,
	at       INTEGER NOT NULL,
	event    TEXT NOT NULL,
	reason   TEXT,
	topic    TEXT NOT NULL,
	key      TEXT NOT NULL,
	ref      TEXT NOT NULL,
	id       INTEGER NOT NULL,
	pid      INTEGER NOT NULL,
	process  INTEGER,
	capacity INTEGER NOT NULL,
	in_use   INTEGER NOT NULL,
	meta     TEXT NOT NULL
);

-- Who can be sent messages. One that has a process has a life: the number of its lock in live/ and of its socket, which
-- is that of the event of its start and so nobody else's ever.
CREATE TABLE IF NOT EXISTS consumer (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	stack      TEXT NOT NULL,
	handle     TEXT NOT NULL,
	state      TEXT NOT NULL,       -- starting, running, hibernated: it has a process; suspended, crashed: none
	reason     TEXT,                -- of a crash
	since      INTEGER NOT NULL,
	life       INTEGER,
	pid        INTEGER,
	process    INTEGER,             -- not NULL: no life, but process pid, whose start time this is (ticks since boot)
	boot       INTEGER,             -- of which boot of the machine; another's is dead
	defined    INTEGER NOT NULL,    -- stays when its process ends
	durable    INTEGER NOT NULL,
	restart    INTEGER NOT NULL,    -- after a crash it may be started like a suspended one
	delivered  INTEGER NOT NULL DEFAULT 0,   -- in earlier lives
	stored     INTEGER NOT NULL DEFAULT 0,   -- the offset of the message that was stored last
	hibernate_after INTEGER,        -- NULL: never
	jitter     INTEGER,
	suspend_after INTEGER,
	settings   TEXT NOT NULL,       -- what its process has to know, as JSON
	meta       TEXT NOT NULL,
	UNIQUE (stack, handle)
);
CREATE INDEX IF NOT EXISTS consumer_life ON consumer (life) WHERE life IS NOT NULL;

-- What durable consumers have not acknowledged.
CREATE TABLE IF NOT EXISTS consumer_message (
	consumer INTEGER NOT NULL REFERENCES consumer (id) ON DELETE CASCADE,
	seq      INTEGER NOT NULL,      -- its offset
	body     TEXT NOT NULL,
	PRIMARY KEY (consumer, seq)
) WITHOUT ROWID;

-- What consumers of a stack begin with where nothing else is said.
CREATE TABLE IF NOT EXISTS consumer_stack (
	stack           TEXT PRIMARY KEY,
	hibernate_after INTEGER,
	jitter          INTEGER,
	suspend_after   INTEGER
);

-- As presence_event.
CREATE TABLE IF NOT EXISTS consumer_event (
	seq    INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	event  TEXT NOT NULL,
	reason TEXT,
	stack  TEXT NOT NULL,
	handle TEXT NOT NULL,
	pid    INTEGER
);
PRAGMA user_version = 4;

-- name: schema.cluster
-- workplane: what wp-distribute keeps. May be run again at any time.
-- The nodes that children are placed on: each is an agent, and lives as long as its lock, whose number is that of the event of
-- its joining.
CREATE TABLE IF NOT EXISTS node (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	name      TEXT NOT NULL UNIQUE,
	life      INTEGER NOT NULL,
	pid       INTEGER NOT NULL,
	boot      INTEGER NOT NULL,      -- of which boot of the machine; another's is dead
	capacity  INTEGER NOT NULL,
	most      INTEGER,               -- replicas that it takes; NULL: any number
	labels    TEXT NOT NULL,         -- a JSON object of strings
	load      REAL NOT NULL DEFAULT 0,
	closed    INTEGER NOT NULL DEFAULT 0,   -- to be emptied
	fresh     INTEGER NOT NULL DEFAULT 1,   -- nothing has been moved there since it joined
	joined_at INTEGER NOT NULL
);

-- What agents have to know to run children, as JSON: command, environment and the like, which many have in common.
CREATE TABLE IF NOT EXISTS child_settings (
	id   INTEGER PRIMARY KEY AUTOINCREMENT,
	text TEXT NOT NULL
);

-- What is to run.
CREATE TABLE IF NOT EXISTS child (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	name       TEXT NOT NULL UNIQUE,
	strategy   TEXT NOT NULL,
	guide      TEXT,                 -- the name of the node that it is to be on
	requires   TEXT NOT NULL,        -- labels that its nodes must have: a JSON object of strings
	apart      TEXT,                 -- no two children with the same word here are on one node
	replicas   INTEGER NOT NULL,
	passive    INTEGER NOT NULL,     -- all its replicas but one are
	hot        INTEGER NOT NULL,     -- moves by handing over
	restart    TEXT NOT NULL,
	settings   INTEGER NOT NULL REFERENCES child_settings (id),
	meta       TEXT NOT NULL,
	created_at INTEGER NOT NULL
);

CREATE INDEX IF NOT EXISTS child_by_settings ON child (settings);
CREATE TRIGGER IF NOT EXISTS child_settings_unused AFTER DELETE ON child BEGIN
	DELETE FROM child_settings WHERE id = OLD.settings AND NOT EXISTS (SELECT 1 FROM child WHERE settings = OLD.settings);
END;

-- Where it runs. A row is in the hand of the agent of its node, who alone may start it, until it says otherwise.
CREATE TABLE IF NOT EXISTS replica (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	child    INTEGER NOT NULL REFERENCES child (id) ON DELETE CASCADE,
	number   INTEGER NOT NULL,
	state    TEXT NOT NULL,          -- waiting (nowhere), placed (to be started), running, exited, failed
	reason   TEXT,
	stop     INTEGER NOT NULL DEFAULT 0,   -- 1: it is to end, 2: at once
	node     INTEGER REFERENCES node (id),
	target   INTEGER REFERENCES node (id), -- where it is to go
	handed   TEXT,                  -- what it hands over to its successor there, in base64
	active   INTEGER NOT NULL,
	pid      INTEGER,
	restarts INTEGER NOT NULL DEFAULT 0,
	since    INTEGER NOT NULL,
	UNIQUE (child, number)
);
CREATE INDEX IF NOT EXISTS replica_node ON replica (node) WHERE node IS NOT NULL;
CREATE INDEX IF NOT EXISTS replica_target ON replica (target) WHERE target IS NOT NULL;

-- One row: what holds for all nodes.
CREATE TABLE IF NOT EXISTS cluster (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	quorum  TEXT NOT NULL,           -- none, majority, or a number of nodes
	largest INTEGER NOT NULL         -- as many nodes as there were at a time
);
INSERT INTO cluster (one, quorum, largest) VALUES (1, 'none', 0) ON CONFLICT DO NOTHING;

-- As presence_event. Of a node alone when CHILD is NULL.
CREATE TABLE IF NOT EXISTS child_event (
	seq    INTEGER PRIMARY KEY,
	at     INTEGER NOT NULL,
	event  TEXT NOT NULL,
	reason TEXT,
	child  TEXT,
	number INTEGER,
	node   TEXT,
	pid    INTEGER
);

-- name: schema.present
SELECT 1

-- name: schema.version
PRAGMA user_version

-- name: bell.channel
SELECT ?1

-- name: bell.arm
SELECT 1

-- name: bell.disarm
SELECT 1

-- name: bell.ring
SELECT 1
