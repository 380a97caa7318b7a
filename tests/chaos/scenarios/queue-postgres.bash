# The queue on Postgres: adders, workers, pools, handlers, guards and all parts of a pipeline are killed, stopped and ended, Postgres is
# restarted, at once and not, and its connections are dropped.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(100 500)
menu=(
	"4 kill worker 3 wp-jobs"
	"2 kill worker 3 wp-pool"
	"3 kill worker 3 chaos_handler"
	"1 kill worker 3 wp-guard"
	"2 kill adder 2 wp-jobs"
	"1 kill pipeline 1 wp-jobs"
	"1 kill pipeline 1 wp-pool"
	"1 kill pipeline 1 chaos_handler"
	"2 end worker 3 wp-jobs"
	"1 end adder 2 wp-jobs"
	"1 end pipeline 1 wp-jobs"
	"2 pause worker 3 wp-jobs 50 3000"
	"1 pause worker 3 wp-pool 50 2000"
	"1 pause worker 3 chaos_handler 50 2000"
	"1 pause pipeline 1 wp-jobs 50 4000"
	"1 pause adder 2 wp-jobs 50 1000"
	"2 drop_connections"
	"1 restart_postgres"
	"1 fail_calls worker 3 wp-jobs"
)

set_up() {
	need_strace
	own_postgres
	note_settlements
}

workload() {
	adders 2
	workers
	pipeline
}
