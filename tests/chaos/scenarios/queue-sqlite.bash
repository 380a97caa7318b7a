# The queue in the state file, on a small disk that is filled and freed again: adders, workers, pools, handlers and guards are killed,
# stopped and ended, and system calls fail.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(100 500)
menu=(
	"4 kill worker 3 wp-jobs"
	"2 kill worker 3 wp-pool"
	"3 kill worker 3 chaos_handler"
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
	"2 fill_disk 200 2000"
	"4 fail_calls worker 3 wp-jobs"
	"1 fail_calls adder 2 wp-jobs"
	"1 fail_calls pipeline 1 wp-jobs"
)

set_up() {
	need_strace
	small_disk 16
	note_settlements
}

workload() {
	adders 2
	workers
	pipeline
}
