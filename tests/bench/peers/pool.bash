# shellcheck shell=bash
# pool.bash - a process a line: /bin/true, and commands that print 10 MB each.
: "${work=}" "${top:?}" "${patience:?}"

pool_peers=(floor map xargs xjobs moreutils parallel tsp)

pool_titles() {
	title "$1" floor 'bare posix_spawn or vfork loop'
	title "$1" map 'wp-pool map'
	title "$1" xargs 'xargs -P'
	title "$1" xjobs 'xjobs'
	title "$1" moreutils 'moreutils parallel'
	title "$1" parallel 'GNU parallel'
	title "$1" tsp 'task-spooler (tsp)'
}

is_gnu_parallel() { parallel --version </dev/null 2>/dev/null | head -n 1 | grep -q '^GNU parallel'; }

# Debian moves the one of moreutils aside where GNU's is there too.
moreutils_parallel() {
	command -v parallel.moreutils || { command -v parallel && ! is_gnu_parallel; }
}

look_for_pool_peers() {
	pool_titles "$1"
	has xargs || absent "$1" xargs "$(why_missing findutils)"
	has xjobs || absent "$1" xjobs "$(why_missing xjobs)"
	has tsp || absent "$1" tsp "$(why_missing task-spooler)"
	is_gnu_parallel || absent "$1" parallel "$(why_missing parallel)"
	moreutils_parallel >"$work/moreutils" || absent "$1" moreutils "$(why_missing moreutils)"
}

has() { command -v "$@" >"$work/commands" && [ "$(wc -l <"$work/commands")" -eq $# ]; }

# why_missing PACKAGE: what was said last before it was given up.
why_missing() {
	local reason
	reason=$(grep -F -x -B 1 "bootstrap: error: cannot install $1" "$work/installation" | head -n 1)
	echo "the package $1 ${reason:+cannot be installed: }${reason:-does not have it}"
}

# over_lines PEER AT_ONCE COUNT COMMAND: COUNT times "COMMAND N". Sets seconds, cpu_seconds and peak_kib.
over_lines() {
	local args
	seq "$3" >"$work/lines"
	case $1 in
	floor) bounded floor_spawn "$3" "$2" "$4" ;;
	map) bounded wp-pool map -j "$2" -- "$4" ;;
	xargs) bounded xargs -n 1 -P "$2" "$4" ;;
	xjobs) bounded xjobs -j "$2" -v 0 -- "$4" ;;
	moreutils)
		mapfile -t args <"$work/lines"
		bounded "$(cat "$work/moreutils")" -j "$2" "$4" -- "${args[@]}"
		;;
	parallel) bounded parallel -j "$2" "$4" ;;
	tsp) bounded "$top/tests/bench/peers/tsp_many" "$2" "$3" "${5:-none}" "$4" ;;
	esac <"$work/lines"
}

# pool_seconds PEER AT_ONCE COUNT: for so many times /bin/true.
pool_seconds() {
	over_lines "$1" "$2" "$3" /bin/true >"$work/output"
	# It has gone round twice, and says what the better round made.
	[ "$1" != floor ] || seconds=$(calc "$3 / $(cat "$work/output")")
}

pool_true() {
	local count
	count=$(scaled 5000)
	pool_seconds "$1" "$2" "$count"
	figure pool "$1" "rate$2" "$(calc "$count / $seconds")"
	# The one that does the work of task-spooler is a server, and nobody's child.
	[ "$1" = tsp ] || figure pool "$1" peak_mib "$(calc "$peak_kib / 1024")"
	say "pool, $1, $2 at once: $(calc "$count / $seconds") a second"
}

pool_round() {
	local peer at_once
	for at_once in 2 8; do
		for peer in "${pool_peers[@]}"; do
			attempt pool "$peer" '' pool_true "$peer" "$at_once"
		done
	done
}

# Ten megabytes of lines, and what prints them.
make_emitters() {
	yes 'a line of some length, as a program might print it' | head -c 10000000 >"$work/ten"
	printf '#!/bin/sh\nexec cat %s/ten\n' "$work" >"$work/emit"
	printf '#!/bin/sh\nyes "$1" | head -c 2000000\n' >"$work/mark"
	chmod +x "$work/emit" "$work/mark"
}

pool_output() {
	local count bytes times=1
	count=$(few 100)
	[ "$1" != floor ] || times=2
	over_lines "$1" "$2" "$count" "$work/emit" files | wc -c >"$work/bytes" || die "failed"
	bytes=$(cat "$work/bytes")
	[ "$bytes" -ge $((count * times * 10000000)) ] || die "it lost output: $bytes bytes of $((count * times * 10000000)) came out"
	IFS=$'\t' read -r seconds _ peak_kib <"$work/timed"
	figure pool "$1" "output$2" "$(calc "$count * $times * 10 / $seconds")"
	[ "$1" = tsp ] || figure pool "$1" output_peak_mib "$(calc "$peak_kib / 1024")"
	say "pool, $1, $2 at once: $(calc "$count * $times * 10 / $seconds") MB a second of output"
}

# Whether the output of several is told apart: how often it changes from one's to another's.
pool_grouping() {
	local changes
	over_lines "$1" 8 8 "$work/mark" files 2>/dev/null | uniq | wc -l >"$work/changes" || die "failed"
	changes=$(cat "$work/changes")
	figure pool "$1" changes "$changes"
}

compare_pool() {
	local peer at_once
	look_for_pool_peers pool
	turns pool_round
	make_emitters
	for at_once in 2 8; do
		for peer in "${pool_peers[@]}"; do
			attempt pool "$peer" "output, $at_once at once" pool_output "$peer" "$at_once"
		done
	done
	for peer in "${pool_peers[@]:1}"; do
		attempt pool "$peer" 'grouping of output' pool_grouping "$peer"
	done
}
