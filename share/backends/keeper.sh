# shellcheck shell=sh
# shellcheck disable=SC2317 # clean_up runs at the end
# Runs on the other side for as long as the runner lives: passes signals on to commands, and removes everything at
# the end of its input, of which this is the first part and run.sh the second. BASE has
#   dir/                where commands run
#   run                 starts them: run.sh
#   groups/ID.GROUP     an empty file for each command: its process group
#   early/ID            signals that came before the command had a group
#   ended/ID            a command that has ended: see run.sh
# Signal lines come in as "TERM ID"; "hello" is answered, because what is said before the client listens may be lost.
umask 077
base=$(mktemp -d "${TMPDIR:-/tmp}/wp-pool-XXXXXX") && cd "$base" && mkdir dir groups early ended || exit 125
while IFS= read -r line && [ "$line" != workplane-end ]; do
	printf '%s\n' "$line"
done >run

# signal NAME ID: false when the command has no group yet, or no more.
signal() {
	found=1
	for record in groups/"$2".*; do
		[ -e "$record" ] || continue
		kill -s "$1" -- "-${record##*.}" 2>/dev/null
		found=0
	done
	return "$found"
}

# The command looks for early signals once it has recorded its group, so one of the two sees the other.
pass() {
	signal "$@" || { echo "$1" >>"early/$2" && signal "$@"; }
}

# Where /proc tells: what has left its process group still has the runner's directory in its environment.
kill_strays() {
	for _ in 1 2 3; do
		strays=$(grep -lzxF "WP_RUNNER_DIR=$base/dir" /proc/[0-9]*/environ 2>/dev/null)
		for stray in $strays; do
			stray=${stray#/proc/}
			kill -s KILL "${stray%/environ}" 2>/dev/null
		done
	done
}

clean_up() {
	trap '' HUP INT TERM PIPE
	# No command can record a group from now on, and one without a record does not begin.
	mv groups closed
	for record in closed/*; do
		[ ! -e "$record" ] || kill -s KILL -- "-${record##*.}" 2>/dev/null
	done
	kill_strays
	cd / || exit
	rm -rf "$base" 2>/dev/null || { chmod -R u+rwx "$base" && rm -rf "$base"; }
	echo workplane-gone 2>/dev/null
}

trap clean_up EXIT
trap 'exit 143' HUP INT TERM PIPE
while read -r word id; do
	case $word in
	hello) echo "workplane-place $base" ;;
	*) pass "$word" "$id" ;;
	esac
done
exit 0
