SQLite has no sessions: these are here because every name is in both dialects.

-- name: session.backend
SELECT 0

-- name: session.keepalive
SELECT 0
