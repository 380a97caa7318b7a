What the driver itself asks a Postgres session.

-- name: session.backend
SELECT pg_backend_pid()

-- name: session.keepalive
-- A worker whose machine is gone must not hold its locks for two hours.
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 3;
