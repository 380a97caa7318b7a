# Consumers with a durable inbox and one without, warm ones and others: they, their handlers and guards, and those who send to them are killed,
# stopped and ended.
# shellcheck shell=bash disable=SC2034,SC2154
. "$top/tests/chaos/state.bash"

pace=(100 400)
menu=(
	"4 kill consumer 4 wp-registry"
	"3 kill consumer 4 chaos_handler"
	"1 kill consumer 4 wp-guard"
	"2 end consumer 4 wp-registry"
	"3 kill sender 4 wp-registry"
	"1 end sender 4 wp-registry"
	"2 pause consumer 4 wp-registry 50 1500"
	"1 pause consumer 4 chaos_handler 50 1000"
	"1 pause sender 4 wp-registry 50 1500"
	"2 fail_calls sender 4 wp-registry"
)

set_up() {
	need_strace
	: >sent
}

# Consumer 4 is not durable.
workload() {
	local k handler=(chaos_handler message "$W/history" "$W/locks")
	for k in 1 2 3 4; do
		has_role consumer.$k
	done
	for k in 1 2; do
		with_role consumer.$k wp-registry define c$k --durable --on-crash restart --suspend-after 300ms --log consumer.$k.err -- \
			"${handler[@]}" $k || return
	done
	with_role consumer.3 wp-registry define c3 --durable --warm --on-crash restart --hibernate-after 300ms --log consumer.3.err -- \
		chaos_handler messages "$W/history" "$W/locks" 3 || return
	with_role consumer.4 wp-registry define c4 --on-crash restart --suspend-after 300ms --log consumer.4.err -- "${handler[@]}" 4 || return
	for k in 1 2 3 4; do
		repeat sender.$k sender $k
	done
}

# sender K: a message, or a few of them, and what became of it. Those to the durable are noted as stored.
sender() {
	local k=$1 to kind=
	message=$((${message-0} + 1))
	case $((message % 10)) in
	3) kind=.again ;;
	6) kind=.slow ;;
	esac
	to=c$((RANDOM % 4 + 1))
	case $((message % 4)) in
	0) publish "$k" "$to" "$kind" ;;
	1)
		once "sender.$k" wp-registry send --timeout 3s "$to" "\"$k.$message$kind\""
		echo "sent $to $k.$message$kind $?" >>sent
		;;
	*)
		once "sender.$k" wp-registry send --no-wait "$to" "\"$k.$message$kind\""
		echo "stored $to $k.$message$kind $?" >>sent
		;;
	esac
}
# Five at once.
publish() {
	local k=$1 to=$2 first=$message
	message=$((message + 4))
	for ((i = first; i <= message; i++)); do
		echo "{\"to\":\"$to\",\"event\":\"$k.$i$3\"}"
	done >"sender.$k.in"
	once "sender.$k" sh -c 'exec wp-registry publish --no-wait <"$1"' sh "sender.$k.in"
	for ((i = first; i <= message; i++)); do
		echo "stored $to $k.$i$3 $(jq -r --argjson line $((i - first + 1)) 'select(.line == $line) | if .result == "stored" or
			.result == "accepted" then 0 else 1 end' "sender.$k.last" | grep . || echo unknown)"
	done >>sent
}

# A consumer that was killed is started by its next message: here nobody sends any more.
settle() {
	end_repeaters
	until_true 300 nothing_pends
}
nothing_pends() {
	local k
	for k in 1 2 3 4; do
		wp-registry start c$k >>started 2>&1
	done
	[ "$(sql "SELECT count(*) FROM consumer_message" 2>>sql.err)" = 0 ]
}

# What stop_all does is not enough: they are no children of ours.
check() {
	sql "SELECT * FROM consumer_message LIMIT 5" >rows
	wp-registry list >listed
	wp-registry remove --timeout 30s c1 c2 c3 c4 >removed 2>&1
	echo "# $(wc -l <sent) messages, $(grep -c ' start ' history) starts, $(wc -l <faults) faults"
	expect "messages were sent" enough
	expect "in the end nothing is stored" cat rows
	expect "every message that was stored was dealt with" never_dealt_with
	expect "a message that is not durable was given once at most, and once where its sender was told so" given_wrong
	expect "messages of one sender came in order" disordered
	expect "an offset is that of one message, and a message has one" offsets_mixed
	expect "no two handlers of a consumer ran at a time" overlaps
	expect "all could be removed" cat removed
	expect "nothing is left in the state" rows_of consumer consumer_message presence
	expect "no file is left" state_files
}
enough() { [ "$(grep -c ' finish ' history)" -ge 10 ] || echo "hardly any message was dealt with"; }

# Both awks: the quotes of JSON go, handlers see them or not.
plain() { tr -d '"' <history; }
never_dealt_with() {
	plain | awk 'FILENAME == "-" { if ($2 == "finish" && $5 == "ok") done[$3, $6]; next }
		$2 != "c4" && $4 == 0 && !(($2, $3) in done) { print $3 " to " $2 " was " $1 ", and is lost" }' - sent
}
given_wrong() {
	plain | awk 'FILENAME == "-" { if ($3 == "c4" && $2 == "start") n[$5]++; if ($3 == "c4" && $2 == "finish" && $5 == "ok") ok[$6]++; next }
		$2 == "c4" && n[$3] > 1 { print $3 " was given " n[$3] " times" }
		$2 == "c4" && $1 == "sent" && $4 == 0 && ok[$3] != 1 { print $3 " was told to be delivered, and was dealt with " ok[$3] + 0 " times" }' - sent
}
disordered() {
	plain | awk '$2 == "start" { if (($3, $5) in seen) next; seen[$3, $5]; split($5, part, "[.]"); key = $3 " " part[1]
		if (part[2] + 0 < last[key] + 0) print "to " $3 ": " $5 " came after " part[1] "." last[key]
		last[key] = part[2] }'
}
offsets_mixed() {
	plain | awk '$2 == "start" && $4 != "-" { if (($3, $4) in of && of[$3, $4] != $5) print $3 ": offset " $4 " is " of[$3, $4] " and " $5
		if (($3, $5) in at && at[$3, $5] != $4) print $3 ": " $5 " has the offsets " at[$3, $5] " and " $4
		of[$3, $4] = $5; at[$3, $5] = $4 }'
}
