# shellcheck shell=bash
# report.bash - what was found, as text, Markdown, tab-separated lines and plots.
: "${work=}" "${bench:?}" "${top:?}" "${scale:?}" "${rounds:?}" "${conninfo=}" "${began=}" "${load=}"

# section, peer, figure, median, least, most, samples
medians() {
	printf 'section\tpeer\tfigure\tmedian\tleast\tmost\tsamples\n'
	sort -t $'\t' -k1,3 -k4,4g "$work/figures" | awk -F '\t' -v OFS='\t' '
		function flush() { if (n) print key, v[int((n + 1) / 2)], v[1], v[n], n; n = 0 }
		{ if ($1 OFS $2 OFS $3 != key) flush(); key = $1 OFS $2 OFS $3; v[++n] = $4 }
		END { flush() }'
}

# table SECTION ORDER HEADER=FORMULA...: tab-separated, a row a peer; see table.awk. ORDER is sort's, on a first column that is cut off.
table() { awk -f "$top/tests/bench/peers/table.awk" "$work/titles" "$work/absent" "$bench/peers.tsv" "$@"; }

queue_table() {
	table queue -rate 'queue, no-op jobs|' 'jobs/s|rate' 'xmin held|held_rate' 'add~to~start, ms:~median|median_ms' 'p95|p95_ms' \
		'p99|p99_ms' 'CPU~us/job: worker|cpu_us' 'Postgres|server_us' 'peak MiB|peak_mib' 'dead tuples/job|dead'
}

pool_table() {
	table pool -rate8 'pool, a process a line|' '-j~2, 1/s|rate2' '-j~8, 1/s|rate8' 'peak MiB|peak_mib' 'output, -j~2, MB/s|output2' \
		'-j~8, MB/s|output8' 'peak MiB|output_peak_mib' 'output of several|grouping'
}

presence_table() {
	table presence +ms 'presence, SIGKILL to seen|' 'TTL, s|ttl' 'median, ms|ms' 'worst, ms|worst_ms'
}

growth_table() {
	local headers=('growth|' 'work at~1x|base' '1x, s|s1' '10x, s|s10' '100x, s|s100' 'exponent|exponent' '10x~to 100x|last_exponent')
	table growth-queue +exponent "${headers[@]}"
	table growth-pool +exponent "${headers[@]}" | tail -n +2
}

as_markdown() { awk -F '\t' -f "$top/tests/bench/peers/markdown.awk"; }
as_text() { awk -F '\t' -f "$top/tests/bench/peers/text.awk"; }


of_package() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo 'version unknown'; }
of_npm() { sed -n 's/^ *"version": "\([^"]*\)".*/\1/p' "$bench/node/node_modules/$1/package.json" 2>/dev/null | head -n 1; }

versions() {
	wp-jobs --version
	if [ -n "$conninfo" ]; then
		echo "Postgres $(sql -d "$conninfo" -c 'SHOW server_version')"
		! has node || echo "node $(node --version)"
		[ ! -e "$bench/node/node_modules" ] || echo "graphile-worker $(of_npm graphile-worker), pg-boss $(of_npm pg-boss)"
	fi
	xargs --version | head -n 1
	! is_gnu_parallel || parallel --version | head -n 1
	! moreutils_parallel >/dev/null || echo "moreutils $(of_package moreutils)"
	! has xjobs || echo "xjobs $(of_package xjobs)"
	! has tsp || echo "task-spooler $(of_package task-spooler)"
	! has etcd || etcd --version | head -n 1 | tr -d ':'
	! has redis-server || redis-server --version | sed 's/^Redis server v=\([^ ]*\).*/Redis \1/'
}

processor() { sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1 | grep . || uname -m; }

postgres_settings() {
	sql -d "$conninfo" -c "SELECT string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name) FROM pg_settings WHERE name IN
		('fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'max_wal_size', 'autovacuum', 'jit')"
}

machine() {
	echo "$began. $(nproc) processors ($(processor)), $(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r)," \
		"load $load at the start. Rounds: $rounds; scale: $scale."
	[ -z "$conninfo" ] || echo "Postgres on the same machine: $(postgres_settings)."
	echo "Versions: $(versions | paste -s -d ';' | sed 's/;/; /g')."
}

# Those of a whole table, and those of single rows.
notes_of() {
	sed -n "/^$1: /s///p" "$top/tests/bench/peers/notes"
	awk -F '\t' -v s="$1" '$1 == s || $1 == s "-queue" || $1 == s "-pool" { print $2 }' "$work/notes"
}

# page FORMAT PREFIX: all tables there are, their notes, and where it was. A ~ in a header is a space where no line ends.
page() {
	local section
	for section in queue pool presence growth; do
		grep -qE "^$section(-[a-z]*)?"$'\t' "$work/titles" || continue
		"${section}_table" | "$1"
		echo
		notes_of "$section" | sed "s/^/$2/" | if [ "$1" = as_text ]; then fold -s -w 120; else cat; fi
		echo
	done
	machine
}

# For gnuplot: only the rows that have figures, and no commas in these.
plain() { awk -F '\t' -v OFS='\t' 'NR > 1 && $2 !~ /^not here/ { for (i = 2; i <= NF; i++) gsub(/,/, "", $i); print }'; }

plot() {
	local what
	has gnuplot || { say "no plots: there is no gnuplot"; return; }
	queue_table | plain >"$work/queue.tsv"
	pool_table | plain >"$work/pool.tsv"
	growth_table | plain >"$work/growth.tsv"
	for what in queue pool; do
		awk -F '\t' -v what=$what -f "$top/tests/bench/peers/curves.awk" "$work/growth.tsv" >"$work/curves.$what"
	done
	gnuplot -e "from='$work'; to='$bench'" "$top/tests/bench/peers/plot.gp" 2>"$work/err" || say "a plot failed: $(tail -n 1 "$work/err")"
}

report() {
	medians >"$bench/peers.tsv"
	page as_text '' >"$bench/peers.txt"
	page as_markdown '- ' >"$bench/peers.md"
	rm -f "$bench"/{queue,latency,pool,growth}.svg
	plot
	cat "$bench/peers.txt"
	echo "in $bench: $(cd "$bench" && ls -x -w 0 peers.* ./*.svg 2>/dev/null)"
}
