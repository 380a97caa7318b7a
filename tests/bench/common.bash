# shellcheck shell=bash
# common.bash - what all that measures shares. Who sources it has set top, BUILD and bench; it sets rounds, scale and, by
# make_work, work: a directory of the run's own, which remove_work removes, with the Postgres server in it.

: "${top:?}" "${bench:?}"
rounds=${ROUNDS:-3}
scale=${SCALE:-1}

die() {
	echo "bench: error: $*" >&2
	exit 1
}

calc() { awk "BEGIN { printf \"%.4f\", $1 }"; }
scaled() { awk -v n="$1" -v s="$scale" 'BEGIN { n *= s; printf "%d", n < 100 ? 100 : n }'; }

median() { sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# timed COMMAND...: sets seconds, cpu_seconds and peak_kib. A command that fails ends the measurement.
timed() {
	"$bench/timed" "$work/timed" "$@" || die "failed: $*"
	# shellcheck disable=SC2034 # who sources this reads them
	IFS=$'\t' read -r seconds cpu_seconds peak_kib <"$work/timed"
}

# Prints COUNT a second, for a COMMAND that is timed whole; its output is of no interest.
rate() {
	local count=$1
	shift
	timed "$@" >"$work/output" || exit 1
	awk -v n="$count" -v s="$seconds" 'BEGIN { printf "%.0f\n", n / s }'
}

# Remember one more sample of a named figure.
sample() {
	[[ $2 =~ ^[0-9.]+$ ]] || die "no figure for \"$1\""
	echo "$2" >>"$work/sample.$1"
}
middle() { median <"$work/sample.$1"; }

turns() {
	local i
	for ((i = 0; i < rounds; i++)); do
		"$@" || die "a measurement failed"
	done
}

make_work() {
	local name
	for name in floor_spawn timed; do
		[ -x "$bench/$name" ] || die "not built: make bench builds what this needs"
	done
	PATH=$BUILD:$bench:$PATH
	unset "${!WP_@}"
	work=$(mktemp -d "$bench/run-XXXXXX") || exit 1
	export WP_STATE=$work/state
	trap clean_up EXIT
	trap 'exit 130' INT TERM
}

remove_work() {
	[ ! -e "$work/pg/home" ] || "$top/tests/pg" stop "$work/pg"
	rm -rf "$work"
}

# One server for the run, with fsync on: what is durable has to cost what it costs.
need_postgres() {
	if [ -z "${conninfo-}" ]; then
		conninfo=$("$top/tests/pg" start "$work/pg" --fsync) || die "no Postgres"
		wp-jobs --db "$conninfo" init >/dev/null || die "wp-jobs init failed"
	fi
}

# A registry that does not answer must not hold up the run.
install_node_peers() {
	mkdir -p "$bench/node" && cp "$top"/tests/bench/node/* "$bench/node" &&
		npm install --prefix "$bench/node" --loglevel error --ignore-scripts --no-audit --no-fund \
			--no-package-lock --prefer-offline --fetch-retries 0 --fetch-timeout 30000
}

have_node_peers() {
	if [ -z "${node_peers-}" ]; then
		node_peers=installed
		install_node_peers >"$work/npm" 2>&1 || node_peers=missing
		[ $node_peers = installed ] || echo "bench: what needs npm is left out: $(head -n 1 "$work/npm")" >&2
	fi
	[ "$node_peers" = installed ]
}

# node_peer PEER VERB CONNINFO [COUNT]; a line of log a job would not be graphile-worker's best.
node_peer() { NO_LOG_SUCCESS=1 node "$bench/node/queue.js" "$@"; }
