# Trackers of all three kinds are killed, stopped and ended, their guards and those who watch as well; somebody asks who is there all the time.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/state.bash"

pace=(50 300)
menu=(
	"4 kill tracker 4 wp-presence"
	"2 kill tracker 4 chaos_handler"
	"1 kill tracker 4 wp-guard"
	"3 kill tracked 6 chaos_handler"
	"2 end tracker 4 wp-presence"
	"1 end tracked 6 chaos_handler"
	"2 pause tracker 4 wp-presence 50 2000"
	"1 pause tracked 6 chaos_handler 50 2000"
	"1 kill watcher 2 wp-presence"
	"1 pause watcher 2 wp-presence 50 2000"
	"1 kill updater 1 wp-presence"
	"1 kill asker 1 wp-presence"
)

set_up() {
	: >probes
	wp-presence list >listed
}

# tracked KEY NUMBER COMMAND...: again and again; that it is gone is noted when nothing of it is there any more. What is
# tracked says itself that it is there.
tracked() {
	local role=$1 key=$2
	shift 2
	while [ ! -e calm ]; do
		with_role "$role" "$@" >>"$role.out" 2>>"$role.err" &
		wait $!
		echo "$role $?" >>ends
		all_gone "$role"
		note history gone "$key"
		pause_ms 20
	done
}
all_gone() { until "$BUILD/tests/processes" gone "WP_CHAOS_ROLE=$scenario/$1" 5 >/dev/null; do :; done; }

track() {
	has_role "$1"
	tracked "$@" </dev/null 2>>"$1.keeper" &
	keepers+=($!)
}

workload() {
	local k hold=(chaos_handler hold "$W/history" "$W/locks")
	with_role watch.1 wp-presence watch -a --snapshot >events 2>watch.err &
	keepers+=($!)
	has_role watch.1
	for k in 1 2 3 4; do
		track tracker.$k by-command-$k wp-presence track by-command-$k --capacity 2 -- "${hold[@]}" $k by-command-$k command
	done
	for k in 1 2 3; do
		track tracked.$k by-fd-$k bash -c 'ref=$(wp-presence track "$0" --fd 9) && eval "$ref" && exec "$@"' by-fd-$k \
			"${hold[@]}" 1$k by-fd-$k fd
	done
	for k in 4 5 6; do
		track tracked.$k by-pid-$k sh -c 'wp-presence track "$0" --pid $$ && exec "$@"' by-pid-$k "${hold[@]}" 1$k by-pid-$k pid
	done
	keep watcher.1 wp-presence watch -a
	keep watcher.2 wp-presence wait --capacity 1000
	repeat updater.1 update
	repeat asker.1 ask
}

update() { once updater.1 wp-presence update "by-command-$((RANDOM % 4 + 1))" --in-use $((RANDOM % 3)); }

# What is answered, between the times before and after it.
ask() {
	probe=$((${probe-0} + 1))
	note probes begin $probe
	if once asker.1 wp-presence list -rn -o KEY,PID; then
		sed "s/^/0 listed $probe /" asker.1.last >>probes
		note probes end $probe
	fi
}

settle() {
	local k
	end_repeaters
	for k in 1 2 3 4; do
		"$BUILD/tests/processes" signal "WP_CHAOS_ROLE=$scenario/tracker.$k" 15 wp-presence >>hit
	done
	for k in 1 2 3 4 5 6; do
		"$BUILD/tests/processes" signal "WP_CHAOS_ROLE=$scenario/tracked.$k" 15 chaos_handler >>hit
	done
	until_true 100 nobody_tracked
	until_true 100 watch_is_through
}
nobody_tracked() {
	local k
	for k in 1 2 3 4; do
		! "$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/tracker.$k" | grep -q . || return
	done
	for k in 1 2 3 4 5 6; do
		! "$BUILD/tests/processes" list "WP_CHAOS_ROLE=$scenario/tracked.$k" | grep -q . || return
	done
}
watch_is_through() { [ "$(jq -r '.event | select(. != "update")' events | sort | uniq -c | awk '{ n += $2 == "leave" ? -$1 : $1 } END { print n + 0 }')" = 0 ]; }

# The lives: from "up", which who is tracked says of itself, to "gone", when all of it was seen to be over; and the time when somebody
# may have put an end to it.
lives='
	FILENAME == "faults" { if ($2 == "signal" && ($5 == "KILL" || $5 == "TERM")) { split($3, r, "."); shot[r[1] r[2]] = shot[r[1] r[2]] " " $1 } next }
	FILENAME == "history" && $2 == "up" { n++; key[n] = $3; pid[n] = $4 == "command" ? $6 : $5; from[n] = $1; to[n] = 1e30; last[$3] = n }
	FILENAME == "history" && $2 == "gone" && ($3 in last) { to[last[$3]] = $1; delete last[$3] }
	FILENAME == "history" { next }
	$2 == "begin" { begin[$3] = $1 }
	$2 == "listed" { listed[$3, $4, $5] }
	$2 == "end" { end[$3] = $1 }
	function may_die(i, until,    role, times, k) {
		role = key[i]; k = role; gsub(/.*-/, "", k); role = (role ~ /command/ ? "tracker" : "tracked") k
		m = split(shot[role], times, " ")
		for (k = 1; k <= m; k++) if (times[k] > from[i] - 2e9 && times[k] < until) return 1
		return until > calm
	}'
dead_listed() {
	awk -v calm=1e30 "$lives"' END { for (p in end) for (i = 1; i <= n; i++)
		if (to[i] < begin[p] && (p, key[i], pid[i]) in listed)
			printf "%s, process %s, was gone %.1f ms before it was listed\n", key[i], pid[i], (begin[p] - to[i]) / 1e6 }' faults history probes
}
living_missed() {
	awk -v calm="$calm" "$lives"' END { for (p in end) for (i = 1; i <= n; i++)
		if (from[i] < begin[p] && to[i] > end[p] && !may_die(i, end[p]) && !((p, key[i], pid[i]) in listed))
			printf "%s, process %s, was there for %.1f ms and is not listed\n", key[i], pid[i], (begin[p] - from[i]) / 1e6 }' faults history probes
}
# So many lives were seen by so many askers.
seen() {
	awk -v calm="$calm" "$lives"' END { for (p in end) for (i = 1; i <= n; i++)
		if ((p, key[i], pid[i]) in listed) sure++
		if (sure < 20) print "there was hardly ever anybody: " sure + 0 }' faults history probes
}

odd_events() {
	jq -r '[.event, .ref, .key] | @tsv' events | awk -F '\t' '
		$1 == "join" || $1 == "present" { if ($2 in on || $2 in off) print $3 " " $2 ": joins again"; on[$2] = $3 }
		$1 == "update" && !($2 in on) { print $3 " " $2 ": is updated, and is not there" }
		$1 == "leave" { if (!($2 in on)) print $3 " " $2 ": leaves, and was not there"; delete on[$2]; off[$2] }
		END { for (ref in on) print on[ref] " " ref ": has never left" }'
}
joins_missed() {
	awk 'FILENAME == "joined" { n[$1]++; next } $2 == "up" { up[$3]++ }
		END { for (key in up) if (n[key] < up[key]) print key " was there " up[key] " times, and has joined " n[key] + 0 " times" }' joined history
}

check() {
	local calm
	calm=$(awk 'END { print $1 }' faults)
	jq -r 'select(.event != "leave" and .event != "update") | .key' events >joined
	echo "# $(grep -c ' up ' history) lives, $(grep -c ' end ' probes) times asked, $(wc -l <events) events, $(wc -l <faults) faults"
	expect "somebody was there when somebody asked" seen
	expect "nobody was listed who was gone before the question" dead_listed
	expect "all were listed who lived" living_missed
	expect "events add up: who is there has joined once, and leaves once" odd_events
	expect "every join was told" joins_missed
	expect "nothing is left in the state" rows_of presence
	expect "no file is left" state_files
}
