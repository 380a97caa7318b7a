# What the faults of wp-distribute need beside distribute.bash, which has the nodes.
# shellcheck disable=SC2154

# make_only: the command "only ID REPLICA", which waits for ever. It has a lock of that name for its whole life, and says so into
# the file "twice" when somebody else has it.
make_only() {
	mkdir -p "$T/locks"
	: >"$T/twice"
	stub only <<-SH
		exec 9>"$T/locks/\$1.\$2"
		flock -n 9 || { echo "\$1.\$2" >>"$T/twice"; exit 3; }
		exec sleep 1000
	SH
}

# make_stubborn: the command "stubborn ID NODE", which says into the FIFO "up" that it is, and when it is told to end, and ends when a line
# comes out of the FIFO ID.gate. Only one of an ID may be there (make_only).
make_stubborn() {
	make_only
	open_gate up x.gate y.gate
	stub stubborn <<-SH
		exec 9>"$T/locks/\$1"
		flock -n 9 || { echo "\$1" >>"$T/twice"; exit 3; }
		trap 'told=1; echo "told \$1 \$2" >"$T/up"' TERM
		told=
		echo "up \$1 \$2 \$\$" >"$T/up"
		until [ -n "\$told" ]; do read -r _ <"$T/never"; done
		trap "" TERM
		read -r _ <"$T/\$1.gate"
	SH
	open_gate never
}

# make_hot: the command "hot ID NODE", which may hand over. It says into the FIFO "up": up ID NODE, asked ID NODE; it waits for a line
# from the FIFO ID.out and hands that over, so far as it is there; the successor says "got ID NODE TEXT", and confirms what comes from
# ID.in with that.
make_hot() {
	open_gate up never
	stub hot <<-SH
		asked() {
			echo "asked \$1 \$2 \$\$" >"$T/up"
			read -r text <"$T/\$1.out"
			printf %s "\$text" >&3
			[ "\$text" != half ] || kill -KILL \$\$
			exec 3>&-
		}
		trap 'asked "\$1" "\$2"' USR2
		trap 'exit 0' TERM
		if [ -n "\$WP_HANDOVER_IN" ]; then
			echo "got \$1 \$2 \$\$ \$(cat <&4)" >"$T/up"
			read -r text <"$T/\$1.in"
			printf '%s\n' "\$text" >&4
			exec 4>&-
		fi
		echo "up \$1 \$2 \$\$" >"$T/up"
		while :; do read -r _ <"$T/never"; done
	SH
}

# one_each [NUMBER]: each child runs, in a process of the node that has it, and nothing else does; so many do. Nobody has died since.
one_each() {
	local want=${1-} rows count=0 node state pid
	rows=$(wp-distribute list -rno NODE,STATE,PID) || return
	while read -r node state pid; do
		[ "$state" = running ] && [ "$(ps -o ppid= -p "$pid" | tr -d ' ')" = "${nodes[$node]}" ] || return
		count=$((count + 1))
	done <<<"$rows"
	[ -z "$want" ] || [ "$count" -eq "$want" ] || return
	[ "$(pgrep -P "$(IFS=, && echo "${nodes[*]}")" | wc -l)" -eq $((count + ${#nodes[@]})) ]
}

# in_peace [NUMBER]: sooner or later each child runs once, and never did twice.
in_peace() {
	until_true one_each "$@"
	assert_equal "$(cat "$T/twice")" ""
}

# leader: the name of the node that places.
leader() {
	local name
	for name in "${!nodes[@]}"; do
		find "/proc/${nodes[$name]}/fd" -lname '*/distribute.leader' 2>/dev/null | grep -q . && echo "$name" && return
	done
	return 1
}
# until_led [BUT]: there is one, and it is not BUT. Its name is in $led.
until_led() { until_true is_led "$@"; }
is_led() {
	led=$(leader) && [ "$led" != "${1-}" ]
}

# is_at ID NODE, until_at: it runs there.
is_at() { [ "$(of "$1" STATE,NODE)" = "running $2" ]; }
until_at() { until_true is_at "$@"; }

# other NODE: of the nodes a and b the other one.
other() { [ "$1" = a ] && echo b || echo a; }

# stop_node NAME: SIGSTOP, and not in the middle of a transaction, for which others would have to wait.
stop_node() { until_true stopped_idle "${nodes[$1]}"; }
stopped_idle() {
	kill -STOP "$1"
	until_true is_stopped "$1"
	sql "BEGIN IMMEDIATE; ROLLBACK" 2>/dev/null || {
		kill -CONT "$1"
		return 1
	}
}
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }

# all_over: over(), where nodes were killed: their entries of presence are removed by whoever looks.
all_over() {
	wp-presence list -a >present
	over
}
