load ../helpers
load robust

# wp-jobs when memory, disk, descriptors or processes run out

payloads() { sql 'SELECT payload FROM job ORDER BY id' | paste -sd ' '; }

# Every id that add has printed is that of a job.
confirmed() { [ -z "$(sort out | comm -23 - <(sql 'SELECT id FROM job' | sort))" ]; }

@test "wp-jobs init" {
	keep
	command=(wp-jobs init)
	sweep wp-jobs 69 70 73 74 75
}

@test "wp-jobs add: what it says is there is there, all of it or nothing" {
	wp-jobs init
	keep
	command=(wp-jobs add -q q 1 '{"a":2}' '"three"')
	holds() {
		confirmed || return
		[ "$status" -ne 0 ] || [ "$(payloads)" = '1 {"a":2} "three"' ]
	}
	sweep wp-jobs 69 70 73 74 75
}

@test "wp-jobs add of lines: those that it says are there are there" {
	wp-jobs init
	keep
	seq 300 >input
	command=(wp-jobs add -q q)
	holds() {
		confirmed || return
		[ "$status" -ne 0 ] || [ "$(sql 'SELECT count(*) FROM job')" = 300 ]
	}
	sweep wp-jobs 69 70 73 74 75
}

# work's jobs, each of which says that it runs.
working() {
	stub ran <<<'echo "$1" >>"$T/ran"'
	wp-jobs add -q q 1 2 3
	keep
	command=(wp-jobs work -q q --drain -- ran {})
}
begin() { rm -f ran; }
# A job that could not be started need not wait for its time.
tidy() { wp-jobs retry --state retry >/dev/null 2>&1 || true; }

# A job has run or is there for the next time, or both: it is at least once.
holds_jobs() {
	local payload left
	left=$(sql "SELECT payload FROM job WHERE state NOT IN ('failed', 'cancelled')")
	for payload in 1 2 3; do
		grep -qsx "$payload" ran || grep -qx "$payload" <<<"$left" || return
	done
	[ "$status" -ne 0 ] || [ -z "$left" ]
}
all_ran() { [ "$(sort -u ran | paste -sd ' ')" = "1 2 3" ] && [ "$(sql 'SELECT count(*) FROM job')" = 0 ]; }

@test "wp-jobs work --drain: no job is lost" {
	working
	holds() { holds_jobs; }
	afterwards() { all_ran; }
	sweep wp-jobs 1 69 70 73 74 75 125 126 127
}

@test "wp-jobs work --drain, its pool: no job is lost" {
	working
	holds() { holds_jobs; }
	afterwards() { all_ran; }
	sweep wp-pool 1 69 70 73 74 75 125 126 127
}

@test "wp-jobs list and stats" {
	wp-jobs add -q q 1 2 3
	keep
	command=(wp-jobs list -rno "ID,PAYLOAD,STATE")
	sweep wp-jobs 69 70 73 74 75
	command=(wp-jobs stats -J)
	normal() { sed 's/"oldest": [0-9.]*/"oldest": N/'; }
	sweep wp-jobs 69 70 73 74 75
}

# What differs between the runs is in the server: each begins with no jobs.
@test "wp-jobs add on Postgres: what it says is there is there" {
	jobs_backend postgres
	command=(wp-jobs add -q q 1 '{"a":2}' '"three"')
	begin() { sql 'TRUNCATE workplane.job RESTART IDENTITY'; }
	confirmed() { [ -z "$(sort out | comm -23 - <(sql 'SELECT id FROM workplane.job' | sort))" ]; }
	holds() {
		confirmed || return
		[ "$status" -ne 0 ] || [ "$(sql 'SELECT count(*) FROM workplane.job')" = 3 ]
	}
	sweep wp-jobs 69 70 73 74 75
}
