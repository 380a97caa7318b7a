# What happens when, decided by the seed alone. A line of a plan is "MILLISECONDS FAULT ARGUMENT...", for faults.bash.
#
# A scenario has a menu, of lines "WEIGHT FAULT ARGUMENT...", and says with pace=(LEAST MOST) how many milliseconds pass
# between two faults. All that is on the menu comes, each as often as its weight, in a random order; and then all of it again.
# shellcheck shell=bash disable=SC2154

# A linear congruential generator, with the constants of Knuth's MMIX; bash counts in 64 bits and wraps.
plan_seed() {
	local text=$2 i code
	rng=$1
	for ((i = 0; i < ${#text}; i++)); do
		printf -v code %d "'${text:i:1}"
		rng=$(((rng ^ code) * 6364136223846793005 + 1442695040888963407))
	done
}

# draw LEAST MOST: into $drawn, LEAST and MOST included.
draw() {
	rng=$((rng * 6364136223846793005 + 1442695040888963407))
	drawn=$(($1 + ((rng >> 33) & 0x7fffffff) % ($2 - $1 + 1)))
}

# draw_one WORD...
draw_one() {
	draw 1 $#
	drawn=${!drawn}
}

# shuffle: the menu, each line by its weight, into the array bag.
shuffle() {
	local line n i held
	bag=()
	for line in "${menu[@]}"; do
		for ((n = ${line%% *}; n > 0; n--)); do
			bag+=("${line#* }")
		done
	done
	for ((i = ${#bag[@]} - 1; i > 0; i--)); do
		draw 0 "$i"
		held=${bag[i]}
		bag[i]=${bag[drawn]}
		bag[drawn]=$held
	done
}

# plan NAME SEED SECONDS: the plan of the scenario that has been loaded.
plan() {
	local at=$((pace[1] / 2)) line
	bag=()
	plan_seed "$2" "$1"
	end=$(($3 * 1000))
	while [ "$at" -lt "$end" ]; do
		[ ${#bag[@]} -gt 0 ] || shuffle
		line=${bag[-1]}
		unset 'bag[-1]'
		# shellcheck disable=SC2086 # a list of words
		"plan_${line%% *}" "$at" ${line#* }
		draw "${pace[0]}" "${pace[1]}"
		at=$((at + drawn))
	done | sort -sn
}

# kill ROLE COUNT NAME: SIGKILL to one process called NAME of one of ROLE.1 to ROLE.COUNT. end: SIGTERM.
plan_kill() { plan_signal "$1" KILL "${@:2}"; }
plan_end() { plan_signal "$1" TERM "${@:2}"; }
plan_signal() {
	local at=$1 signal=$2 role=$3 count=$4 name=$5 who
	draw 1 "$count"
	who=$drawn
	draw 0 999
	echo "$at signal $role.$who $name $signal $drawn"
}

# pause ROLE COUNT NAME LEAST MOST: SIGSTOP, and SIGCONT after so many milliseconds.
plan_pause() {
	local at=$1 role=$2 count=$3 name=$4 who
	draw 1 "$count"
	who=$drawn
	draw 0 999
	echo "$at signal $role.$who $name STOP $drawn"
	draw "$5" "$6"
	echo "$((at + drawn)) signal $role.$who $name CONT all"
}

# fail_calls ROLE COUNT NAME: for a while some of the system calls that one makes fail.
plan_fail_calls() {
	local at=$1 role=$2 count=$3 name=$4 who call every first
	draw 1 "$count"
	who=$drawn
	draw_one fdatasync:EIO fsync:EIO pwrite64:ENOSPC pwrite64:EIO write:ENOSPC write:EIO pread64:EIO openat:EMFILE openat:ENOSPC \
		read:EIO mmap:ENOMEM poll:ENOMEM
	call=$drawn
	draw 1 5
	first=$drawn
	draw 1 20
	every=$drawn
	draw 0 999
	who="$who $name $drawn"
	draw 200 1500
	echo "$at fail_calls $role.$who ${call%:*} ${call#*:} $first+$every $drawn"
}

plan_fill_disk() {
	local at=$1
	draw "$2" "$3"
	echo "$at fill_disk"
	echo "$((at + drawn)) free_disk"
}

plan_restart_postgres() {
	draw_one fast immediate
	echo "$1 restart_postgres $drawn"
}

plan_drop_connections() {
	draw_one all one one
	local which=$drawn
	draw 0 999
	echo "$1 drop_connections $which $drawn"
}
