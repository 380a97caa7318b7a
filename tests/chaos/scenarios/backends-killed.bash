# Known to be hard for queues: the connections of all who work are killed in the server, again and again.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(50 400)
menu=("1 drop_connections")

set_up() {
	own_postgres
	note_settlements
}

workload() {
	adders 2
	workers
	pipeline
}
