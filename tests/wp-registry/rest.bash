# What the bats files about rest and about durable consumers share beside registry.bash.

# make_slow_end NAME...: the command "slow-end NAME": a warm handler that says "PID MESSAGE" to each message. When its input has ended it says
# "ending PID" into the FIFO NAME.up, and ends with the status that comes from NAME.gate.
make_slow_end() {
	local name
	for name; do
		open_gate "$name.up" "$name.gate"
	done
	[ -x "$T/bin/slow-end" ] || stub slow-end <<-SH
		while read -r message; do
			printf '%s\n' "\$message" >>"$T/\$1.got"
			printf '%s %s\n' \$\$ "\$message"
		done
		echo "ending \$\$" >"$T/\$1.up"
		read -r status <"$T/\$1.gate"
		exit "\$status"
	SH
}

# ending NAME: until the input of such a handler has ended; its process is in $handler.
ending() {
	wait_line "$T/$1.up" '^ending '
	# shellcheck disable=SC2034,SC2154 # for the tests; from wait_line
	read -r _ handler <<<"$line"
}

# sql_calm STATEMENT: as sql, while others write.
sql_calm() { sqlite3 -batch -cmd ".timeout $((PATIENCE * 1000))" "$WP_STATE/state.db" "$1"; }

# events_of HANDLE: what has happened to it by the state file, oldest first.
events_of() {
	sql_calm "SELECT group_concat(what, ' ') FROM (SELECT event || coalesce(':' || reason, '') AS what
		FROM consumer_event WHERE handle = '$1' ORDER BY seq)"
}

# number_of EVENT HANDLE: how often that has happened to it.
number_of() { sql_calm "SELECT count(*) FROM consumer_event WHERE event = '$1' AND handle = '$2'"; }

# until_number EVENT HANDLE N: until that has happened to it so often.
until_number() { until_true has_number "$@"; }
has_number() { [ "$(number_of "$1" "$2")" -ge "$3" ]; }

# messages HANDLE TEXT...: lines of publish.
messages() {
	local handle=$1
	shift
	jq -cn --arg handle "$handle" '$ARGS.positional[] | {to: $handle, event: .}' --args "$@"
}

# results NAME...: how often which result is in the lines of these.
results() {
	local name
	for name; do
		cat "$T/$name.out"
	done | jq -r .result | sort | uniq -c | awk '{ print $2 ":" $1 }' | paste -sd ' '
}

# until_state HANDLE STATE [OPTION...]: until it is in that state, or has just been.
until_state() {
	local event
	case $2 in
	running) event=run ;;
	hibernated) event=hibernate ;;
	suspended) event=suspend ;;
	crashed) event=crash ;;
	esac
	until_event "$1" "$2|$event" "${@:3}"
}

# until_count N [OPTION...]: until so many have a process.
until_count() { until_true has_count "$@"; }
has_count() { [ "$(wp-registry count "${@:2}")" -eq "$1" ]; }

# until_of HANDLE COLUMN,... TEXT: until "list" has that there.
until_of() { until_true has_columns "$@"; }
has_columns() { [ "$(of "$1" "$2")" = "$3" ]; }
