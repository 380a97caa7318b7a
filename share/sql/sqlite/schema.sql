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
PRAGMA user_version = 3;

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
