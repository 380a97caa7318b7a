# shellcheck shell=bash
# queue.bash - queues in Postgres: no-op jobs, one worker process, fsync on. Each measurement has a database of its own.
: "${work=}" "${conninfo=}" "${bench:?}" "${patience:?}" "${scale:?}" "${rounds:?}"

queue_peers=(floor warm process graphile-readme graphile-pool graphile-best boss-readme boss-batch boss-best)

queue_titles() {
	title "$1" floor 'bare libpq loop, batches of 500'
	title "$1" warm 'wp-jobs work --warm -j 8'
	title "$1" process 'wp-jobs work -j 8, a process a job'
	title "$1" graphile-readme 'graphile-worker, 5 at once (README)'
	title "$1" graphile-pool 'graphile-worker, 24 at once'
	title "$1" graphile-best 'graphile-worker, 24, localQueue, batching'
	title "$1" boss-readme 'pg-boss, work() as it comes'
	title "$1" boss-batch 'pg-boss, batches of 1000, polls each 0.5 s'
	title "$1" boss-best 'pg-boss, the same, notifyWorker()'
}

# What is there is there for every SECTION.
look_for_queue_peers() {
	local peer
	queue_titles "$1"
	have_node_peers && return
	for peer in "${queue_peers[@]}"; do
		case $peer in
		graphile-* | boss-*) absent "$1" "$peer" "npm: $(head -n 1 "$work/npm")" ;;
		esac
	done
}

sql() { PGOPTIONS='-c client_min_messages=warning' psql -X -q -At -v ON_ERROR_STOP=1 "$@" || die "psql failed: $*"; }

fresh_database() {
	sql -d "$conninfo" -c 'DROP DATABASE IF EXISTS peer WITH (FORCE)' -c 'CREATE DATABASE peer'
	peer_db=${conninfo/dbname=postgres/dbname=peer}
}

# fill_queue PEER COUNT
fill_queue() {
	case $1 in
	floor) floor_pg_queue "$peer_db" "$2" 500 fill ;;
	warm | process)
		WP_JOBS_DB=$peer_db wp-jobs init >/dev/null && seq "$2" | WP_JOBS_DB=$peer_db wp-jobs add -q bench >"$work/ids"
		;;
	*) node_peer "$1" fill "$peer_db" "$2" ;;
	esac || die "adding the jobs failed"
}

# drain_queue PEER COUNT: sets seconds, cpu_seconds and peak_kib.
drain_queue() {
	local rate
	case $1 in
	floor) bounded floor_pg_queue "$peer_db" "$2" 500 drain >"$work/output" ;;
	warm) WP_JOBS_DB=$peer_db bounded wp-jobs work -q bench --drain --warm -j 8 -- echo_worker ok ;;
	process) WP_JOBS_DB=$peer_db bounded wp-jobs work -q bench --drain -j 8 -- /bin/true ;;
	*)
		NO_LOG_SUCCESS=1 bounded node "$bench/node/queue.js" "$1" drain "$peer_db" "$2" >"$work/output"
		IFS=$'\t' read -r rate cpu_seconds peak_kib <"$work/output" || die "no figures"
		seconds=$(calc "$2 / $rate")
		;;
	esac
}

none_left() {
	case $1 in
	warm | process) [ "$(sql -d "$peer_db" -c "SELECT count(*) FROM workplane.job WHERE state <> 'completed'")" = 0 ] ||
		die "jobs are left" ;;
	esac
}

# CPU seconds so far of the whole server: the postmaster, who has been told of those that are gone, and who is there.
server_cpu() {
	local postmaster
	postmaster=$(head -n 1 "$(cat "$work/pg/home")/data/postmaster.pid")
	{ echo "$postmaster"; pgrep -P "$postmaster"; } | sed 's|.*|/proc/&/stat|' | xargs cat 2>/dev/null |
		awk -v tick="$(getconf CLK_TCK)" '{ n += $14 + $15; if (NR == 1) n += $16 + $17 } END { printf "%.2f", n / tick }'
}

# When the last session is gone, all that it did has been counted.
dead_tuples() {
	local look=0
	while [ "$(sql -d "$peer_db" -c "SELECT count(*) FROM pg_stat_activity WHERE datname = 'peer' AND pid <> pg_backend_pid()")" != 0 ]; do
		[ $((look += 1)) -lt 500 ] || die "a session does not end"
	done
	sql -d "$peer_db" -c 'SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables'
}

# A transaction that keeps what is deleted from being cleared away.
# shellcheck disable=SC2154 # coproc sets holder_PID
hold_xmin() {
	coproc holder { exec psql -X -q -At -d "$peer_db"; }
	holder_pid=$holder_PID
	echo 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current();' >&"${holder[1]}"
	read -r <&"${holder[0]}" || die "no transaction"
}

release_xmin() {
	echo 'ROLLBACK; \q' >&"${holder[1]}"
	wait "$holder_pid"
}

# queue_once PEER COUNT [held]: sets seconds, cpu_seconds, peak_kib and server_seconds.
queue_once() {
	local before
	fresh_database
	fill_queue "$1" "$2"
	sql -d "$peer_db" -c 'VACUUM ANALYZE' -c 'CHECKPOINT'
	[ -z "${3-}" ] || hold_xmin
	before=$(server_cpu)
	drain_queue "$1" "$2"
	server_seconds=$(calc "$(server_cpu) - $before")
	[ -z "${3-}" ] || release_xmin
	none_left "$1"
}

# As it comes, pg-boss does a job every two seconds.
queue_count() {
	case $1 in
	boss-readme) echo 5 ;;
	*) scaled 20000 ;;
	esac
}

queue_plain() {
	local count
	count=$(queue_count "$1")
	queue_once "$1" "$count"
	figure queue "$1" rate "$(calc "$count / $seconds")"
	figure queue "$1" cpu_us "$(calc "$cpu_seconds * 1000000 / $count")"
	figure queue "$1" server_us "$(calc "$server_seconds * 1000000 / $count")"
	figure queue "$1" peak_mib "$(calc "$peak_kib / 1024")"
	figure queue "$1" dead "$(calc "$(dead_tuples) / $count")"
	say "queue, $1: $(calc "$count / $seconds") jobs a second"
}

queue_held() {
	local count
	count=$(queue_count "$1")
	queue_once "$1" "$count" held
	figure queue "$1" held_rate "$(calc "$count / $seconds")"
	say "queue, $1, xmin held: $(calc "$count / $seconds") jobs a second"
}

queue_round() {
	local peer
	for peer in "${queue_peers[@]}"; do
		attempt queue "$peer" '' queue_plain "$peer"
		attempt queue "$peer" 'xmin held' queue_held "$peer"
	done
}

# Becomes a worker of PEER that waits for jobs.
queue_worker() {
	case $1 in
	warm) exec env WP_JOBS_DB="$peer_db" wp-jobs work -q bench --warm -j 8 -- echo_worker stamp ;;
	process) exec env WP_JOBS_DB="$peer_db" wp-jobs work -q bench -j 8 -- echo_worker once ;;
	*) exec env NO_LOG_SUCCESS=1 node "$bench/node/queue.js" "$1" work "$peer_db" ;;
	esac
}

# How PEER is given a job by who is in a transaction; how many are added, at gaps of up to how many milliseconds.
latency_of_peer() {
	case $1 in
	warm | process) echo "200|50|SELECT workplane.add_job(\$1, '1')" ;;
	graphile-*) echo "200|50|SELECT graphile_worker.add_job(\$1, '{}')" ;;
	boss-readme) echo "20|2000|INSERT INTO pgboss.job (name, data) VALUES (\$1, '{}')" ;;
	boss-*) echo "100|500|INSERT INTO pgboss.job (name, data) VALUES (\$1, '{}')" ;;
	esac
}

queue_latency() {
	local count gap add worker figures status
	IFS='|' read -r count gap add < <(latency_of_peer "$1")
	fresh_database
	case $1 in
	warm | process) WP_JOBS_DB=$peer_db wp-jobs init >/dev/null || die "wp-jobs init failed" ;;
	*) fill_queue "$1" 0 ;;
	esac
	rm -f "$work/stamps"
	mkfifo "$work/stamps" || die "mkfifo"
	export BENCH_STAMPS=$work/stamps
	queue_worker "$1" >"$work/worker.out" 2>&1 &
	worker=$!
	figures=$(timeout -k 5 "$patience" lat_add "$(few "$count")" bench "$peer_db" "$add" "$gap")
	status=$?
	kill -TERM "$worker"
	# graphile-worker ends by the signal itself.
	wait "$worker"
	[ $status -eq 0 ] || die "latency: $(tail -n 1 "$work/worker.out")"
	latency_figures "$1" "$figures"
}

latency_figures() {
	local median p95 p99
	IFS=$'\t' read -r median p95 p99 _ <<<"$2"
	figure queue "$1" median_ms "$(calc "$median / 1000")"
	figure queue "$1" p95_ms "$(calc "$p95 / 1000")"
	figure queue "$1" p99_ms "$(calc "$p99 / 1000")"
	say "queue, $1: started after $(calc "$median / 1000") ms, at the 99th percentile $(calc "$p99 / 1000")"
}

compare_queue() {
	local peer
	need_postgres
	# What each leaves behind is to be seen, and nobody is to be swept up after by chance.
	sql -d "$conninfo" -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >"$work/output"
	look_for_queue_peers queue
	turns queue_round
	for peer in "${queue_peers[@]:1}"; do
		attempt queue "$peer" latency queue_latency "$peer"
	done
}
