# bash completion for the workplane programs; what there is to complete is asked of the program.
# shellcheck shell=bash

# No question takes longer, whatever the database is busy with, and no answer is an error.
_workplane_ask() {
	timeout 2 "$@" 2>/dev/null
}

# The verb on the line, empty when there is none yet.
_workplane_verb() {
	local verbs word i
	verbs=$(_workplane_ask "$1" --list-options | awk -F '\t' '$1 == "verb" { print $2 }')
	for ((i = 1; i < COMP_CWORD; i++)); do
		for word in $verbs; do
			[[ ${COMP_WORDS[i]} != "$word" ]] || { printf '%s' "$word"; return; }
		done
	done
}

# What the option OPT takes: "-" nothing, empty when it is no option.
_workplane_value() {
	_workplane_ask "$1" --list-options ${2:+"$2"} |
		awk -F '\t' -v opt="$3" '$1 != "verb" && ("--" $2 == opt || "-" $1 == opt) { print $3; exit }'
}

# The position of the command that is to be run, 0 when the cursor is not in one. It comes after "--"; two verbs do without.
_workplane_command_at() {
	local i at
	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} != -- ]] || { printf %d $((i + 1)); return; }
	done
	[[ $2 != @(work|map) ]] || at=$(_workplane_operand_at "$1" "$2") || at=0
	printf %d "${at:-0}"
}

# The words that PROGRAM VERB OPTION would take: it names them when it gets another one.
_workplane_known() {
	local verb=$2 what=() word
	[[ $verb != @(show|get) ]] || verb=list # the same words, and no operand
	for word in "${COMP_WORDS[@]}"; do
		[[ $verb != status || $word != @(--runners|--calls) ]] || what=("$word") # a table of its own
	done
	timeout 2 "$1" "$verb" "${what[@]}" "$3" . 2>&1 | sed -n 's/.*hint: the [a-z]* are //p' | tr -d ,
}

# Is there a state file where the program would look? Completing a word must not make one.
_workplane_has_state() {
	local state=${WP_STATE-}
	[[ " ${COMP_WORDS[*]} " != *" --state "* ]] || return
	if [[ -z $state ]] && ((EUID == 0)); then
		state=/var/lib/workplane
	fi
	[[ -e ${state:-${XDG_STATE_HOME:-$HOME/.local/state}/workplane}/state.db ]]
}

# Those of the oldest jobs: a look that costs the same whatever the backlog.
_workplane_jobs() {
	[[ " ${COMP_WORDS[*]} " != *" --db "* ]] || return
	[[ -n ${WP_JOBS_DB-} ]] || _workplane_has_state || return
	WP_JOBS_QUEUE='' PGCONNECT_TIMEOUT=2 _workplane_ask "$1" list --limit 1000 -rno "$2"
}

_workplane_keys() {
	! _workplane_has_state || _workplane_ask "$1" list -a -rno KEY
}

_workplane_topics() {
	! _workplane_has_state || _workplane_ask "$1" topics -rno TOPIC
}

_workplane_pools() {
	! _workplane_has_state || _workplane_ask "$1" status -rno POOL
}

# The handles of the stack that is named on the line, or by the environment, or else the default.
_workplane_handles() {
	local i stack=()
	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		[[ ${COMP_WORDS[i]} != @(-s|--stack) ]] || stack=(--stack "${COMP_WORDS[i + 1]}")
		[[ ${COMP_WORDS[i]} != --stack || ${COMP_WORDS[i + 1]} != = ]] || stack=(--stack "${COMP_WORDS[i + 2]}")
	done
	! _workplane_has_state || _workplane_ask "$1" list "${stack[@]}" -rno HANDLE
}

_workplane_stacks() {
	! _workplane_has_state || _workplane_ask "$1" list -a -rno STACK
}

_workplane_children() {
	! _workplane_has_state || _workplane_ask "$1" list -rno ID
}

_workplane_nodes() {
	! _workplane_has_state || _workplane_ask "$1" nodes -rno NODE
}

_workplane_signals() {
	compgen -A signal SIG | sed -n '/^SIGRT/d; s/^SIG\([A-Z0-9]*\)$/\1/p'
}

# Those that the help names, and what there is of one's own.
_workplane_backends() {
	_workplane_ask "$1" --list-options start | awk -F '\t' '$2 == "backend" { print $5 }' |
		sed -n 's/.*: \(.*\) or a path.*/\1/p' | tr -d , | tr ' ' '\n'
	[[ ! -d ${WP_BACKENDS-} ]] || find "$WP_BACKENDS/" -maxdepth 1 ! -type d -perm /111 -printf '%f\n'
}

# The position of the first word after the verb that is neither an option nor the value of one.
_workplane_operand_at() {
	local i word past=
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ -z $past ]]; then
			[[ $word != "$2" ]] || past=1
		elif [[ $word != -* && $word != = && ${COMP_WORDS[i - 1]} != = &&
			$(_workplane_value "$1" "$2" "${COMP_WORDS[i - 1]}") == @(|-) ]]; then
			printf %d "$i"
			return
		fi
	done
	return 1
}

_workplane_has_operand() {
	_workplane_operand_at "$@" >/dev/null
}

# Of the names on stdin, as --raw prints them, those that begin like the current word. They are others' words:
# compgen -W would run what it takes for commands in them.
_workplane_names() {
	local name
	while IFS= read -r name; do
		printf -v name %b "$name"
		[[ $name != "$current"* || $name == *[[:cntrl:]]* ]] || COMPREPLY+=("$name")
	done < <(sort -u)
}

# One more word of a list with commas.
_workplane_list() {
	local before=
	[[ $current != *,* ]] || before=${current%,*},
	mapfile -t COMPREPLY < <(compgen -P "$before" -W "$1" -- "${current##*,}")
}

_workplane_options() {
	mapfile -t COMPREPLY < <(compgen -W "$(_workplane_ask "$1" --list-options ${2:+"$2"} |
		awk -F '\t' '$1 != "verb" && !seen[$2]++ { print "--" $2 }')" -- "$current")
}

# One pool, or with status many; what a pool is to run comes after "--".
_workplane_pool_word() {
	if [[ $2 == status ]] || ! _workplane_has_operand "$1" "$2"; then
		_workplane_names < <(_workplane_pools "$1")
	elif [[ $2 == @(call|cast|place) && -z $current ]]; then
		COMPREPLY=(--)
	fi
}

# One consumer, or with remove many; the handler of a new one comes after "--".
_workplane_handle_word() {
	if [[ $2 == @(register|define) ]]; then
		[[ -n $current ]] || ! _workplane_has_operand "$1" "$2" || COMPREPLY=(--)
	elif [[ $2 == remove ]] || { [[ $2 == @(start|whereis|name|send) ]] && ! _workplane_has_operand "$1" "$2"; }; then
		_workplane_names < <(_workplane_handles "$1")
	fi
}

# One node, one child, or many; what a child is to run comes after "--".
_workplane_child_word() {
	case $2 in
	start) [[ -n $current ]] || ! _workplane_has_operand "$1" "$2" || COMPREPLY=(--) ;;
	stop | terminate | await | redistribute) _workplane_names < <(_workplane_children "$1") ;;
	lookup | explain) _workplane_has_operand "$1" "$2" || _workplane_names < <(_workplane_children "$1") ;;
	drain) _workplane_has_operand "$1" "$2" || _workplane_names < <(_workplane_nodes "$1") ;;
	quorum) _workplane_has_operand "$1" "$2" || mapfile -t COMPREPLY < <(compgen -W "none majority" -- "$current") ;;
	esac
}

# A word that is no value of an option.
_workplane_word() {
	if [[ $current == -* ]]; then
		_workplane_options "$1" "$2"
	elif [[ -z $2 ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_workplane_ask "$1" --list-options |
			awk -F '\t' '$1 == "verb" { print $2 }')" -- "$current")
	elif [[ ${1##*/} == wp-jobs && $2 == @(show|await|cancel|retry) ]]; then
		_workplane_names < <(_workplane_jobs "$1" ID)
	elif [[ ${1##*/} == wp-presence && $2 == @(get|untrack|update) ]]; then
		_workplane_names < <(_workplane_keys "$1")
	elif [[ ${1##*/} == wp-pool && $2 != @(map|start) ]]; then
		_workplane_pool_word "$1" "$2"
	elif [[ ${1##*/} == wp-registry ]]; then
		_workplane_handle_word "$1" "$2"
	elif [[ ${1##*/} == wp-distribute ]]; then
		_workplane_child_word "$1" "$2"
	elif [[ $2 == work || $2 == map ]]; then
		mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u)
	fi
}

# A name of what the option is for.
_workplane_name() {
	case $2 in
	--name | --join) ;;
	-n | --node | --leave) _workplane_names < <(_workplane_nodes "$1") ;;
	--pool) _workplane_names < <(_workplane_pools "$1") ;;
	--backend)
		_workplane_names < <(_workplane_backends "$1")
		[[ $current != */* ]] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	*) _workplane_names < <(_workplane_jobs "$1" QUEUE) ;;
	esac
}

_workplane() {
	local program=$1 current=$2 previous=$3 verb value at
	COMPREPLY=()
	verb=$(_workplane_verb "$program")
	at=$(_workplane_command_at "$program" "$verb")
	if ((at)); then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$at"
		else
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
		fi
		return
	fi
	# "--option=value" comes as three words.
	if [[ $previous == = ]]; then
		previous=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ ${COMP_WORDS[COMP_CWORD]} == = ]]; then
		current=
	fi
	value=$(_workplane_value "$program" "$verb" "$previous")
	case $value in
	'' | -) _workplane_word "$program" "$verb" ;;
	[a-z]*'|'*) mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$current") ;;
	FILE | PATH) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
	DIR) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
	COLS) _workplane_list "$(_workplane_known "$program" "$verb" -o)" ;;
	STATE*) _workplane_list "$(_workplane_known "$program" list -s)" ;;
	NAME=*) ;;
	NAME*) _workplane_name "$program" "$previous" ;;
	'N|-|presence'*) mapfile -t COMPREPLY < <(compgen -W "- presence" -- "$current") ;;
	NODE) _workplane_names < <(_workplane_nodes "$program") ;;
	RULE) mapfile -t COMPREPLY < <(compgen -W "none majority" -- "$current") ;;
	SIGNAL) mapfile -t COMPREPLY < <(compgen -W "$(_workplane_signals)" -- "$current") ;;
	KEY) _workplane_names < <(_workplane_keys "$program") ;;
	TOPIC) _workplane_names < <(_workplane_topics "$program") ;;
	STACK) _workplane_names < <(_workplane_stacks "$program") ;;
	COMMAND) mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u) ;;
	esac
}

complete -o filenames -o bashdefault -F _workplane wp-jobs wp-pool wp-presence wp-registry wp-distribute
