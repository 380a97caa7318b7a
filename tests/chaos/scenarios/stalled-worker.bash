# Known to be hard for queues: who has jobs in hand is stalled until they are given to others, and comes back with its results. Of a worker on
# Postgres the connection is cut meanwhile, without which its jobs stay its own; of a pipeline the leases run out.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(1200 2000)
menu=(
	"2 stall worker 3"
	"1 stall_pipeline"
)
# So that everybody has jobs in hand.
all_are=.slow

# stall ROLE COUNT: stopped in the middle of its jobs, and cut off.
plan_stall() {
	local at=$1 who
	draw 1 "$3"
	who=$2.$drawn
	draw 0 999
	echo "$at signal $who wp-jobs STOP $drawn"
	echo "$((at + 50)) drop_connections all 0"
	draw 2500 4000
	echo "$((at + drawn)) signal $who wp-jobs CONT all"
}

plan_stall_pipeline() {
	echo "$1 signal pipeline.1 wp-jobs STOP all"
	draw 3000 4000
	echo "$(($1 + drawn)) signal pipeline.1 wp-jobs CONT all"
}

set_up() {
	own_postgres
	note_settlements
}

workload() {
	adders 1
	workers
	pipeline
}

check_more() { expect "results came too late, and of other leases than those that settled" late_results; }
late_results() {
	awk 'FILENAME == "settled" { split($0, f, "|"); lease[f[1]] = f[2]; next }
		$2 == "finish" && $6 == "ok" && ($3 in lease) { split(lease[$3], part, "[.]")
			if ($5 != "-" && $5 != lease[$3] || $5 == "-" && $4 != part[1]) late++ }
		END { if (!late) print "nobody came back with the result of a job that others had done" }' settled history
}
