# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034 # what a backend sets, and what it reads
# What the backends share that reach a place through a client program: see workplane-backend(7).
#
# A backend sets $self to its own path, sources this, says what its client can do, and ends with `backend "$@"`:
#   take_args ARG...   boot's arguments; sets name, one word for the handle. Returns 64 when they are wrong
#   keep COMMAND...    becomes the client that makes the place, runs COMMAND there with this stdin and stdout, and lives as long as it
#   settle             optional: once the place answers, waits until it is ready, and sets what was not known before
#   hang_up            optional: ends the first client, when it does not by itself once the keeper has ended
#   reach COMMAND...   becomes the client that runs COMMAND in the place with these arguments exactly
#   is_there           becomes the client that says whether the place can be used
#   leave              becomes the client that sees to it that the place is gone, however much of it was made
#   saved              the names of the variables that the last three need
#   doubtful           the exit statuses, between commas, with which the client may mean a failure of its own
#   guess              optional: prints what may be the reason when a command could not be run
#   here               where commands start: empty for the runner's directory
#
# On the other side a keeper (keeper.sh) makes a directory and waits for the end of its input, and each command has a
# wrapper (run.sh). Signals go to the keeper, not to the client: no client but srun passes them on, and a new
# session for each would soon be one too many. Here, $dir is a private directory with
#   place     what exec needs, as shell assignments
#   control   a FIFO: the keeper's input. boot holds it open; who has something to say opens it for one line
# and one process in a session of its own, so that no signal to boot's group reaches it, removes all of it.

fail() {
	echo "wp-pool: ${self##*/}: error: $1" >&2
	exit "${2-125}"
}

usage() {
	sed -n 's/^# usage: //p' "$self" >&2
	exit 64
}

newline='
'
# The words as one line that a shell reads back as they are.
quoted() {
	for quoted_word; do
		quoted_text=
		while :; do
			case $quoted_word in
			*\'*) quoted_text="$quoted_text${quoted_word%%\'*}'\\''" quoted_word=${quoted_word#*\'} ;;
			*) break ;;
			esac
		done
		printf "'%s' " "$quoted_text$quoted_word"
	done
}

# Some words cannot be said on the way to the other side. They go as an @ and octal numbers, and a shell that runs the
# decoder before the command puts them back. It has no character of which any login shell makes something in single quotes.
decoder='for w do case $w in @*) w=$(printf %b. "${w#@}"); w=${w%.};; esac; set -- "$@" "$w"; shift; done; exec "$@"'

encoded() {
	printf @
	printf %s "$1" | od -An -v -to1 | sed 's/ \{1,\}/\\0/g' | tr -d '\n'
}

# A name that no other runner has, of what all clients allow in one.
unique_name() {
	printf 'wp-%.30s-%s-%s' "${WP_POOL:-pool}" "${WP_RUNNER:-0}" "$(mktemp -u XXXXXXXX)" |
		LC_ALL=C tr '[:upper:]' '[:lower:]' | LC_ALL=C tr -c a-z0-9 -
}

# fifo PATH READ WRITE: its two ends as these descriptors. Opened for both first, so that neither open waits.
fifo() {
	mkfifo -m 600 "$1" || exit 125
	eval "exec 9<>\"\$1\" $2<\"\$1\" $3>\"\$1\" 9>&-"
}

# The settings that tell the client where to go are boot's, not those of who calls: they are saved with the rest.
save_place() {
	for variable in name base PATH HOME $saved; do
		eval "[ -z \"\${$variable+set}\" ] || printf '%s=%s\n' $variable \"\$(quoted \"\$$variable\")\""
		case $variable in
		[A-Z]*) echo "export $variable" ;;
		esac
	done >"$dir/place.new" && mv "$dir/place.new" "$dir/place"
}

# The place of a handle, which is its name, a blank and the directory.
load_place() {
	dir=${1#* }
	[ -r "$dir/place" ] || return
	# shellcheck source=/dev/null
	. "$dir/place"
}

# Boot

# The path of a socket must be short.
make_dir() {
	parent=${XDG_RUNTIME_DIR-}
	if [ -z "$parent" ] || [ ${#parent} -gt 60 ] || [ ! -w "$parent" ]; then
		parent=/tmp
	fi
	dir=$(mktemp -d "$parent/wp-XXXXXX") || exit 125
}

# Cleans up when boot is gone, whether that ended or was killed: this reads to the end of what boot alone holds open.
start_cleaner() {
	fifo "$dir/leash" 8 4
	setsid "$self" clean "$dir" <&8 >/dev/null 3<&- 4>&- 8<&- &
	exec 8<&-
}

clean() {
	dir=$1
	while read -r _; do :; done
	load_place "- $dir" && (leave) >/dev/null 2>&1
	rm -rf "$dir"
}

start_client() {
	fifo "$dir/control" 5 6
	fifo "$dir/said" 8 7
	# The shell over there reads the keeper from its input, then the keeper the rest; all of it fits into a pipe.
	end=workplane-end
	printf '%s\n' "$(cat "${self%/*}/keeper.sh")" "$end" "$(cat "${self%/*}/run.sh")" "$end" hello >&6
	text='while IFS= read -r line; do case $line in workplane-end) break;; esac; text=$text$line$1; done; eval "$text"'
	(keep sh -c "$text" wp-pool "$newline") <&5 >&7 3<&- 4>&- 5<&- 6>&- 7>&- 8<&- &
	client=$!
	exec 5<&- 7>&-
}

# Alone holds the keeper's input open, until the end of ours.
start_watch() {
	{
		while read -r _ <&3; do :; done
		: >"$dir/asked"
		[ -e "$dir/ready" ] || kill "$client" 2>/dev/null
		exec 6>&-
		while read -r word _ <&8 && [ "$word" != workplane-gone ]; do :; done
		(hang_up) >/dev/null 2>&1
	} >/dev/null 4>&- &
	watch=$!
	exec 3<&- 6>&-
}

# What a login says on its own account is passed over.
await_place() {
	while read -r word base <&8; do
		[ "$word" != workplane-place ] || return 0
	done
	return 1
}

announce() {
	save_place || exit 125
	: >"$dir/ready"
	[ -e "$dir/asked" ] || printf '%s %s\n' "$name" "$dir"
	exec >/dev/null
}

# end_boot STATUS MESSAGE: the client has ended, which is all right when it was to, or a signal came. Not all shells know
# any more, once a signal has interrupted a wait for a process, when that one ends: so this waits for all.
end_boot() {
	trap '' HUP INT TERM
	if [ -n "$stopped" ]; then
		set -- "$stopped"
	elif [ -e "$dir/asked" ]; then
		set -- 0
	else
		kill "$watch" 2>/dev/null
		echo "wp-pool: ${self##*/}: error: $2" >&2
	fi
	# The shell has a word for who was killed.
	exec 4>&- 2>/dev/null
	wait
	exit "$1"
}

settle() { :; }
hang_up() { :; }
guess() { :; }

boot() {
	take_args "$@" || usage
	exec 3<&0 </dev/null
	make_dir
	start_cleaner
	base=
	save_place || exit 125
	start_client
	start_watch
	stopped=
	trap 'stopped=143; kill "$watch" "$client" 2>/dev/null' HUP INT TERM
	if await_place && { settle || { kill "$client" && false; }; }; then
		announce
		wait "$client"
		end_boot 1 "\"$name\" is lost"
	fi
	[ -n "$stopped" ] || wait "$client"
	end_boot 125 "cannot start \"$name\": the client ended with status $?"
}

# Exec

# Two commands of one place never have the same.
make_id() {
	read -r stat </proc/$$/stat || exit 125
	# shellcheck disable=SC2086 # a list of words
	set -- ${stat##*) }
	id=$$.${20}
}

# say_to_keeper SIGNAL: for this command. When nobody reads any more, the command has been killed already.
say_to_keeper() {
	[ ! -p "$dir/control" ] || { echo "$1 $id" 1<>"$dir/control"; } 2>/dev/null
}

pass() {
	signalled=$1
	say_to_keeper "$1"
}

pass_signals() {
	for signal in HUP INT QUIT USR1 USR2 ALRM TERM CONT WINCH; do
		# shellcheck disable=SC2064 # now, not later
		trap "pass $signal" "$signal"
	done
	# These stop nothing in a session where no shell is in charge of jobs.
	trap 'pass STOP' TSTP TTIN TTOU
}

# The session did not come to its end, or not even to its beginning: it was still in our group when a signal came.
end_without_status() {
	case $last in
	HUP | INT | QUIT | USR1 | USR2 | ALRM | TERM)
		trap - "$last"
		kill -s "$last" $$
		;;
	esac
	exit 125
}

run_there() {
	load_place "$1" || fail "the place \"${1%% *}\" is gone"
	if [ "${2-}" != -- ] || [ $# -eq 2 ]; then
		usage
	fi
	shift 2
	make_id
	exec 3<&0
	fifo "$dir/leash.$id" 8 4
	fifo "$dir/status.$id" 5 6
	rm -f "$dir/leash.$id" "$dir/status.$id"
	pass_signals
	# In a session of its own: a signal for us would end the client.
	setsid "$self" client "$dir" "$id" "$@" <&3 3<&- 4>&- 5<&- &
	client=$!
	exec 3<&- 6>&- 8<&- </dev/null >/dev/null
	# A signal ends the waiting, and with some shells the knowledge of the status.
	last=
	while :; do
		signalled=
		wait "$client"
		[ -n "$signalled" ] || break
		last=$signalled
	done
	read -r status <&5 || end_without_status
	trap '' PIPE
	echo ended >&4
	exit "$status"
}

# Of the session that run_there starts. Nothing is left of it, nor of the command, when that is killed.
start_avenger() {
	{
		read -r word <&8
		if [ "$word" != ended ]; then
			say_to_keeper KILL
			kill -s KILL 0
		fi
	} </dev/null >/dev/null 2>&1 3<&- 4>&- 6>&- &
	exec 8<&-
}

# Did the wrapper see the command end, with a status that could be the client's own?
is_the_commands() {
	(reach sh -c 'rm "$1"' sh "$base/ended/$id") </dev/null >/dev/null 2>&1
}

run_client() {
	id=$2
	load_place "- $1" || fail "the place is gone"
	shift 2
	exec 3<&0 4>&1 </dev/null >/dev/null
	start_avenger
	set -- -- "$@"
	for variable in WP_POOL WP_RUNNER WP_SLOT WP_CALL WP_LIMIT_MEMORY WP_LIMIT_CPU WP_LIMIT_NICE; do
		eval "[ -z \"\${$variable-}\" ] || set -- \"$variable=\$$variable\" \"\$@\""
	done
	(reach sh "$base/run" "$id" "$doubtful" "$here" "$@") <&3 >&4 3<&- 4>&- 6>&- &
	client=$!
	exec 3<&- 4>&-
	wait "$client"
	status=$?
	case $doubtful in
	*",$status,"*)
		is_the_commands || {
			(fail "the command could not be run in \"$name\", or its end is not known$(guess)")
			status=125
		}
		;;
	esac
	echo "$status" >&6
}

# Check and sync

check() {
	load_place "$1" && (is_there) >/dev/null 2>&1 || exit 1
}

# Packs the contents of a directory, or a file.
pack() {
	if [ -d "$1" ]; then
		cd "$1" && tar -cf - .
	else
		cd "$(dirname -- "$1")" && tar -chf - "./$(basename -- "$1")"
	fi
}

# "." and ".." are no names.
base_name() {
	case /$1 in
	*/. | */.. | */./ | */../) basename -- "$(cd "$1" && pwd -P)" ;;
	*) basename -- "$1" ;;
	esac
}

copy() {
	case $1 in
	-*) set -- "./$1" ;;
	esac
	[ -e "$1" ] || fail "cannot copy \"$1\": there is no such file"
	into=.
	[ ! -d "$1" ] || into=./$(base_name "$1")
	{ pack "$1" || echo "$1" >"$dir/unpacked"; } |
		(reach sh -c 'cd "$1" && mkdir -p "$2" && cd "$2" && tar -xf -' sh "$base/dir" "$into") &&
		[ ! -e "$dir/unpacked" ]
}

sync_there() {
	load_place "$1" || fail "the place \"${1%% *}\" is gone"
	shift
	for path; do
		copy "$path" || fail "cannot copy \"$path\" to \"$name\""
	done
}

backend() {
	verb=${1-}
	[ $# -eq 0 ] || shift
	case $verb in
	boot) boot "$@" ;;
	clean) clean "$@" ;;
	client) run_client "$@" ;;
	exec | check | sync)
		[ $# -ge 1 ] || usage
		case $verb in
		exec) run_there "$@" ;;
		check) check "$@" ;;
		sync) sync_there "$@" ;;
		esac
		;;
	*) fail "unknown verb \"$verb\": boot, exec, check and sync are known" 64 ;;
	esac
}
