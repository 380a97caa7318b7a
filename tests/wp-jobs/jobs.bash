# What the tests of wp-jobs share beside ../helpers.

# job ID MEMBER: one column of a job, under the name that show gives it.
job() { wp-jobs show "$1" | jq -rc --arg name "$2" '.jobs[0][$name]'; }

# jobs COLUMNS [OPTION...]: these columns of the jobs, raw and without heading.
jobs() { wp-jobs list -rno "$@"; }

# count QUEUE MEMBER: a number from stats; 0 for a queue that is not there.
count() { wp-jobs stats -J | jq -r --arg queue "$1" --arg name "$2" '[.queues[] | select(.queue == $queue) | .[$name]] | add // 0'; }

# A handler "gated": it says "ID begun" on the FIFO begun and ends with the status, a digit, that it
# takes from the FIFO gate: a byte, so that two handlers cannot share one. `pass_gate 0` lets one through.
gated_handler() {
	mkfifo begun gate
	fifo_fd "$T/begun"
	fifo_fd "$T/gate"
	stub gated <<-'SH'
		echo "$WP_JOB_ID begun" >"$T/begun"
		exit "$(head -c 1 <"$T/gate")"
	SH
}

pass_gate() { printf %s "$1" >>"$T/gate"; }
wait_begun() { wait_line "$T/begun" "${1-} begun"; }

# start_reading FILE NAME COMMAND...: as start, with stdin from FILE: what a shell puts into the
# background reads /dev/null otherwise.
start_reading() {
	local file=$1 name=$2
	shift 2
	start "$name" sh -c 'file=$1 && shift && exec "$@" <"$file"' sh "$file" "$@"
}

# wait_count QUEUE MEMBER N: until stats says N.
wait_count() {
	local deadline=$((SECONDS + PATIENCE))
	until [ "$(count "$1" "$2")" -eq "$3" ]; do
		[ $SECONDS -lt $deadline ] || abort_test "never $3 $2 jobs in $1"
	done
}

# settle_as STATUS: a job line to a result line.
settle_as() { jq -c --arg status "$1" '{id, lease, $status}'; }

# workers: how many there are by the database.
workers() {
	local table=worker
	! on_postgres || table=workplane.worker
	sql "SELECT count(*) FROM $table"
}

# Nothing of a worker is left: no row and, in the state directory, no lock file.
assert_no_workers() {
	assert_equal "$(workers)" 0
	[ ! -d "$WP_STATE/live" ] || wp-presence list -a >present    # what was killed goes when somebody looks
	[ ! -d "$WP_STATE/live" ] || assert_equal "$(find "$WP_STATE/live" -type f)" ""
}
