load ../helpers
load jobs

without_schema() {
	if on_postgres; then
		sql "DROP SCHEMA workplane CASCADE" 2>/dev/null
	else
		rm -rf "$WP_STATE"
	fi
}

@test "init makes the schema, says nothing, and may be run again" {
	without_schema
	run -0 wp-jobs init
	assert_output ""
	wp-jobs add -q q 1
	run -0 wp-jobs init
	assert_output ""
	run -0 jobs ID,PAYLOAD
	assert_output "1 1"
}

@test "six at once all succeed" {
	local pids=() n
	without_schema
	for n in 1 2 3 4 5 6; do
		start "init$n" wp-jobs init
		pids+=("$pid")
	done
	for pid in "${pids[@]}"; do
		finish 0 "$pid"
	done
	run -0 cat ./*.err
	assert_output ""
	run -0 wp-jobs add -q q 1
}

@test "--print shows a script that makes the schema" {
	without_schema
	wp-jobs init --print >schema.sql
	if on_postgres; then
		run -0 psql -X -q -v ON_ERROR_STOP=1 -d "$WP_JOBS_DB" -f schema.sql
	else
		mkdir -m 700 "$WP_STATE"
		run -0 sqlite3 -bail "$WP_STATE/state.db" <schema.sql
	fi
	wp-jobs add -q q 1
	run -0 wp-jobs work -q q --drain -- echo did {}
	assert_output "did 1"
}

@test "--print needs no database" {
	run -0 wp-jobs --db "host=$T/nowhere" init --print
	assert_output --partial "CREATE SCHEMA"
}

@test "verbs say what to run when there is no schema" {
	local verb
	only_on postgres
	without_schema
	for verb in "add -q q 1" "list" "show 1" "stats" "await 1" "cancel 1" "retry 1" "sweep" "prune --older-than 0" \
		"produce -q q --limit 1" "settle" "work -q q -- true"; do
		# shellcheck disable=SC2086
		run -69 wp-jobs $verb </dev/null
		assert_line --partial "error:"
		assert_line --regexp "hint: .*wp-jobs init"
	done
}

@test "the state file gets its schema by itself" {
	only_on sqlite
	without_schema
	run -0 wp-jobs list -n
	assert_output ""
	assert_equal "$(stat -c %a "$WP_STATE" "$WP_STATE/state.db" | tr "\n" " ")" "700 600 "
}

@test "a schema that is newer than the program is refused, by init as well" {
	wp-jobs init
	if on_postgres; then
		sql "UPDATE workplane.schema_version SET version = 99"
	else
		sql "PRAGMA user_version = 99"
	fi
	run -69 wp-jobs list
	assert_output --partial "version 99, newer than"
	run -69 wp-jobs init
	assert_output --partial "version 99, newer than"
}

@test "a database that does not answer: 69, and no password on the screen" {
	run -69 wp-jobs --db "postgresql://ann:secret-word@/db?host=$T/nowhere" init
	assert_output --partial "error:"
	refute_output --partial secret-word
}

@test "a --db that is no connection is a mistake" {
	run -64 wp-jobs --db nonsense init
	assert_output --partial "neither a URI nor a conninfo string"
}

@test "init takes no operands" {
	run -64 wp-jobs init now
	assert_output --partial "Try 'wp-jobs init --help'"
}
