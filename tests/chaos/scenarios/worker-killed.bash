# Known to be hard for queues: workers are killed with jobs in hand, again and again; on Postgres.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(50 400)
menu=("1 kill worker 3 wp-jobs")
# So that everybody has jobs in hand.
all_are=.slow

set_up() {
	own_postgres
	note_settlements
}

workload() {
	adders 1
	workers
}

check_more() { expect "jobs of the dead were done by others" reruns; }
reruns() {
	awk '$2 == "start" { if ($3 in ended && !($3 in again) && !ended[$3]) { again[$3]; n++ } ended[$3] = 0 }
		$2 == "finish" { ended[$3] = 1 }
		END { if (!n) print "nobody was killed with a job in hand" }' history
}
