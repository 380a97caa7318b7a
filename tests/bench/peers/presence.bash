# shellcheck shell=bash
# presence.bash - from the SIGKILL of who holds an entry to the line of who watches. The time to live of etcd is the shortest
# that it grants as it comes, that of Redis the shortest with which a holder that is late once does not seem dead.
: "${work=}" "${patience:?}"

etcd_ttl=2
redis_ttl=1
daemons=()         # of the subshell that measures
presence_kills=20

presence_titles() {
	title presence wrapper 'wp-presence watch, of track -- COMMAND'
	title presence pid 'wp-presence watch, of track --pid'
	title presence etcd 'etcd, lease and keep-alive, watch'
	title presence redis 'Redis, key with TTL, notification'
}

now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# A port of this machine that nobody listens on.
free_port() {
	local port tries
	for ((tries = 0; tries < 100; tries++)); do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
	done
	return 1
}

# Ends what this subshell has started.
end_daemons() {
	local pid
	for pid in "${daemons[@]}"; do
		kill -KILL "$pid" 2>/dev/null
	done
}

# daemon OUT COMMAND...: a process that this subshell ends with; its pid is in daemon_pid.
daemon() {
	local out=$1
	shift
	"$@" >"$out" 2>"$out.err" </dev/null &
	daemon_pid=$!
	daemons+=("$daemon_pid")
}

# Both ends of it, so that no opening waits.
stream() { rm -f "$work/$1" && mkfifo "$work/$1" && exec {stream}<>"$work/$1"; }

# until_works COMMAND...
until_works() {
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		! "$@" >"$work/output" 2>&1 || return 0
		kill -0 "$daemon_pid" 2>/dev/null || break
		read -r -t 0.05 -u "$stream" _
	done
	die "it does not start: $(tail -n 1 "$work/daemon.err")"
}

# expect FD PATTERN: reads on until a line is like it.
expect() {
	local line
	while read -r -t 30 -u "$1" line; do
		# shellcheck disable=SC2053 # a pattern is wanted
		[[ $line != $2 ]] || return 0
	done
	die "\"$2\" did not come"
}

# kill_and_hear PEER FD PATTERN TTL: kills the holder at any time of its round, and waits for the line.
kill_and_hear() {
	local began ended
	read -r -t "$(calc "$4 * $RANDOM / 32768")" -u "$idle" _
	began=$(now_us)
	kill -KILL "$daemon_pid"
	expect "$2" "$3"
	ended=$(now_us)
	figure presence "$1" ms "$(calc "($ended - $began) / 1000")"
	figure presence "$1" ttl "$4"
	wait "$daemon_pid" 2>/dev/null || :
}

hold_etcd() {
	local lease
	lease=$(etcdctl lease grant $etcd_ttl | cut -d ' ' -f 2) || die "no lease"
	etcdctl put --lease="$lease" "peer/$1" here >"$work/output" || die "no key"
	daemon "$work/holder" etcdctl lease keep-alive "$lease"
	expect "$2" '*keepalived*'
}

presence_etcd() {
	local port peer_port watch holder i idle
	trap end_daemons EXIT
	port=$(free_port) || die "no port is free"
	peer_port=$(free_port) || die "no port is free"
	stream idle && idle=$stream
	export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:$port
	daemon "$work/daemon" etcd --data-dir "$work/etcd" --logger zap --log-level error \
		--listen-client-urls "http://127.0.0.1:$port" --advertise-client-urls "http://127.0.0.1:$port" \
		--listen-peer-urls "http://127.0.0.1:$peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$peer_port" \
		--initial-cluster "default=http://127.0.0.1:$peer_port"
	until_works etcdctl endpoint health
	stream watch && watch=$stream
	stream holder && holder=$stream
	daemon "$work/watch" etcdctl watch --prefix peer/ --rev=1
	for ((i = 0; i < $(few $presence_kills); i++)); do
		hold_etcd "$i" "$holder"
		expect "$watch" PUT
		kill_and_hear etcd "$watch" DELETE $etcd_ttl
	done
}

presence_redis() {
	local watch holder i idle
	trap end_daemons EXIT
	# A socket's path may have 107 bytes.
	cd "$work" || die "no \"$work\""
	stream idle && idle=$stream
	daemon "$work/daemon" redis-server --port 0 --unixsocket redis.socket --dir "$work" --save '' --notify-keyspace-events Ex
	until_works redis-cli -s redis.socket ping
	stream watch && watch=$stream
	stream holder && holder=$stream
	daemon "$work/watch" redis-cli -s redis.socket psubscribe '__keyevent@0__:expired'
	expect "$watch" psubscribe
	for ((i = 0; i < $(few $presence_kills); i++)); do
		daemon "$work/holder" redis-cli -s redis.socket -r -1 -i "$(calc "$redis_ttl / 3")" \
			set "peer/$i" here px $((redis_ttl * 1000))
		expect "$holder" OK
		kill_and_hear redis "$watch" "peer/$i" $redis_ttl
	done
}

# lat_presence prints the median and the 99th percentile, of twenty the worst.
presence_ours() {
	local median worst
	IFS=$'\t' read -r median worst < <(WP_STATE=$work/deaths timeout "$patience" lat_presence $presence_kills "$1")
	figure presence "$1" ms "$(calc "$median / 1000")"
	figure presence "$1" worst_ms "$(calc "$worst / 1000")"
}

compare_presence() {
	local peer
	presence_titles
	has etcd etcdctl || absent presence etcd "$(why_missing etcd-server)"
	has redis-server redis-cli || absent presence redis "$(why_missing redis-server)"
	attempt presence wrapper '' presence_ours wrapper
	attempt presence pid '' presence_ours pid
	for peer in etcd redis; do
		say "presence, $peer: $presence_kills kills"
		attempt presence $peer '' "presence_$peer"
	done
}
