# shellcheck shell=bash
# growth.bash - each at 1, 10 and 100 times the same work: does cost grow as the work does? The exponent is the slope of the
# line through the logarithms.
: "${work=}" "${rounds:?}" "${queue_peers?}" "${pool_peers?}" "${conninfo=}" "${seconds=}"

# Jobs, at 1x: those that are slow get less, so that a hundred times of it ends.
queue_base() {
	case $1 in
	floor | warm | graphile-best | boss-best) few 2000 ;;
	*) few 200 ;;
	esac
}

pool_base() { few 100; }

queue_seconds() { queue_once "$1" "$2"; }
pool_8_seconds() { pool_seconds "$1" 8 "$2"; }

# growth_once SECTION PEER SECONDS-OF BASE TIMES
growth_once() {
	"$3" "$2" $(($4 * $5))
	figure "$1" "$2" "s$5" "$seconds"
	figure "$1" "$2" base "$4"
	say "$1, $2: $(($4 * $5)) in $(calc "$seconds") s"
}

last_seconds() { awk -F '\t' -v s="$1" -v p="$2" -v f="$3" '$1 == s && $2 == p && $3 == f { v = $4 } END { print v + 0 }' "$work/figures"; }

# The whole of it once: what is long evens out by itself.
growth_whole() {
	local ten
	ten=$(last_seconds "$1" "$2" s10)
	if awk -v s="$ten" 'BEGIN { exit s <= 12 }'; then
		note "$1" "$(title_of "$1" "$2"): no 100x, for 10x took $ten s"
	else
		attempt "$1" "$2" 100x growth_once "$@" 100
	fi
}

growth_of() {
	local section=$1 peer=$2 seconds_of=$3 base=$4 i
	! is_absent "$section" "$peer" || return 0
	for ((i = 0; i < rounds; i++)); do
		attempt "$section" "$peer" '' growth_once "$section" "$peer" "$seconds_of" "$base" 1
		attempt "$section" "$peer" '' growth_once "$section" "$peer" "$seconds_of" "$base" 10
	done
	is_absent "$section" "$peer" || growth_whole "$section" "$peer" "$seconds_of" "$base"
}

compare_growth() {
	local peer
	need_postgres
	sql -d "$conninfo" -c 'ALTER SYSTEM SET autovacuum = off' -c 'SELECT pg_reload_conf()' >"$work/output"
	look_for_queue_peers growth-queue
	absent growth-queue boss-readme 'a job every two seconds: a hundred times any work is too long'
	for peer in "${queue_peers[@]}"; do
		growth_of growth-queue "$peer" queue_seconds "$(queue_base "$peer")"
	done
	look_for_pool_peers growth-pool
	for peer in "${pool_peers[@]}"; do
		growth_of growth-pool "$peer" pool_8_seconds "$(pool_base)"
	done
}
