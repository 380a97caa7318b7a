# shellcheck shell=sh
# usage: run ID DOUBTFUL DIR [NAME=VALUE...] -- COMMAND [ARGUMENT...]
#
# Runs on the other side, as BASE/run, once for each command: records its process group where the keeper looks
# (keeper.sh), applies the limits, and exits with its status. It outlives the group, so that it can tell a command
# that was killed from a connection that was lost; of a status among DOUBTFUL it leaves word.
base=${0%/*}
id=$1
doubtful=$2
dir=${3:-$base/dir}
shift 3
while [ "$1" != -- ]; do
	# shellcheck disable=SC2163 # a name with its value
	export "$1"
	shift
done
shift
export WP_RUNNER_DIR="$base/dir"
cd "$dir" || exit 125

is_group_leader() {
	if read -r stat 2>/dev/null </proc/$$/stat; then
		# shellcheck disable=SC2086 # a list of words
		set -- ${stat##*) }
		[ "$3" -eq $$ ]
	else
		[ "$(ps -o pgid= -p $$ | tr -d ' ')" -eq $$ ]
	fi
}

# Where there is no setsid the command shares the group that the client's server made for us; then what kills the
# whole group by itself takes us along, and looks like a lost connection.
own_group() {
	if command -v setsid >/dev/null; then
		(exec setsid "$@" 2>&3 3>&-)
	else
		(export group=$$ && exec "$@" 2>&3 3>&-)
	fi
}

start='
true >"$1/groups/$2.${group:-$$}" || exit 125
if [ -e "$1/early/$2" ]; then
	while read -r signal; do
		kill -s "$signal" "$$"
	done <"$1/early/$2"
fi
shift 2
unset group
# limit KIND SOFT HARD: one that is there already and lower may stay.
limit() {
	ulimit -S "$1" "$2" 2>/dev/null || [ "$(ulimit -S "$1")" -le "$2" ] || exit 125
	ulimit -H "$1" "$3" 2>/dev/null
}
if [ -n "${WP_LIMIT_MEMORY-}" ]; then
	kib=$(((WP_LIMIT_MEMORY + 1023) / 1024))
	limit -v "$kib" "$kib"
fi
if [ -n "${WP_LIMIT_CPU-}" ]; then
	limit -t "$WP_LIMIT_CPU" "$((WP_LIMIT_CPU + 1))"
fi
[ -z "${WP_LIMIT_NICE-}" ] || set -- nice -n "$WP_LIMIT_NICE" "$@"
case $1 in
-*) exec -- "$@" ;;
*) exec "$@" ;;
esac
'

if ! command -v setsid >/dev/null && ! is_group_leader; then
	echo "wp-pool: error: setsid is needed here, and is not there" >&2
	exit 125
fi
# What is caught, unlike what is ignored, is as usual again for the command.
trap : HUP INT QUIT USR1 USR2 ALRM TERM CONT TSTP TTIN TTOU
# A shell has a word for each signal that ends a command; it is not for this stderr.
exec 3>&2 2>/dev/null
own_group sh -c "$start" wp-pool "$base" "$id" "$@"
status=$?
case $doubtful in
*",$status,"*) true >"$base/ended/$id" ;;
esac
rm -f "$base/groups/$id".*
exit "$status"
