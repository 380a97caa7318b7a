# Known to be hard for queues: jobs come faster than they are done, all the time. Who reserves and hands them out must not keep them all
# in memory, and none is lost.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/queue.bash"

pace=(500 1500)
menu=(
	"1 kill worker 1 chaos_handler"
	"1 pause worker 1 chaos_handler 200 1000"
)
# What one of them may take of memory, in KiB; the sanitizers keep what was freed.
most_memory=32768
! ldd "$BUILD/wp-jobs" | grep -q libasan || most_memory=524288

set_up() { note_settlements; }

# Payloads of a kilobyte, a thousand at a time.
flood() {
	local first=$((${flooded:-0} + 1))
	flooded=$((first + 999))
	seq "$first" "$flooded" | awk -v pad="$(head -c 1000 /dev/zero | tr '\0' x)" '{ print "\"1." $0 "." pad "\"" }' >flood.in
	if once flood.1 sh -c 'exec wp-jobs add -q q <flood.in'; then
		paste -d ' ' flood.1.last <(cut -d . -f 2 flood.in) | sed 's/^/ok /' >>added
	fi
}

workload() {
	: >added
	: >memory
	repeat flood.1 flood
	keep worker.1 wp-jobs work "${worker_options[@]}" -j 1 --warm -- chaos_handler warm "$W/history" "$W/locks"
	# Whoever reads from here does not.
	mkfifo full
	exec {full}<>full
	keep reader.1 sh -c 'exec wp-jobs produce -q q --follow --demand 100000 --lease 1h >full'
	repeat weigher.1 weigh
}

# The most that each of them has had so far.
weigh() {
	local role pid
	for role in worker.1 reader.1; do
		while read -r pid _; do
			awk -v role=$role '/^Name:/ { name = $2 } /^VmHWM:/ && name ~ /^wp-/ { print role, name, $2 }' "/proc/$pid/status" 2>>weigh.err
		done < <("$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/$role") >>memory
	done
}

# Nobody waits until all of it is done.
settle() { end_repeaters; }

not_there() {
	awk 'FILENAME == "rows" || FILENAME == "settled" { split($0, f, "|"); there[f[1]]++; next }
		there[$2] != 1 { print "job " $2 " is there " there[$2] + 0 " times" }' rows settled added
}
too_large() { awk -v most=$most_memory '$3 > most { print $1 ": " $2 " has taken " $3 " KiB" }' memory | sort -u; }
not_weighed() {
	for who in 'worker.1 wp-jobs' 'worker.1 wp-pool' 'reader.1 wp-jobs'; do
		grep -q "^$who " memory || echo "$who was never weighed"
	done
}
no_backlog() { [ "$(grep -c '|available|' rows)" -gt 1000 ] || echo "there was no backlog"; }

check() {
	gather
	echo "# $(wc -l <added) jobs, $(wc -l <settled) done, at most $(sort -nk 3 memory | tail -n 1 | cut -d ' ' -f 3) KiB"
	expect "there was a backlog" no_backlog
	expect "all who handle it were weighed" not_weighed
	expect "none of them grows with it" too_large
	expect "each job is there, or done" not_there
	expect "each was settled as a handler had said, under the lease that it had" settled_without_work
	expect "no lease was in two hands" leases_shared
	expect "no job was run by two at a time" overlaps
	expect "no file is left" files_left
}
