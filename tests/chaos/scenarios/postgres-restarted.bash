# Known to be hard for queues: Postgres is restarted in mid-run, again and again, at once and not.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(1500 3000)
menu=("1 restart_postgres")

set_up() {
	own_postgres
	note_settlements
}

workload() {
	adders 2
	workers
	pipeline
}
