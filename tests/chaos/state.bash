# What scenarios share whose state is in the state file.
# shellcheck shell=bash disable=SC2154

sql() { sqlite3 -batch -cmd '.timeout 10000' "$WP_STATE/state.db" "$1"; }

# aside COMMAND...: meanwhile the plan goes on.
aside() {
	timeout 20 "$@" >>aside.out 2>&1 &
	faults+=($!)
}

# rows_of TABLE...: what there is in them. Who was killed last is there until somebody looks.
rows_of() {
	local table
	wp-presence list -a -n
	for table; do
		sql "SELECT '$table', * FROM $table LIMIT 5"
	done
}

# state_files [NAME]: those that are left; one of this name may be.
state_files() {
	find "$WP_STATE" -mindepth 1 ! -name 'state.db*' ! -type d ! -name "${1-}"
	find "$W" -mindepth 1 -maxdepth 1 -name 'wp-*'
}
