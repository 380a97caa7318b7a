#!/usr/bin/env bats
# The completions of bash, zsh and fish, asked the same of the same lines. Beside what is particular to bash, in completions.bats.

load ../helpers

setup() {
	wp_setup
	export XDG_CONFIG_HOME=$T/config XDG_DATA_HOME=$T/data XDG_CACHE_HOME=$T/cache
	programs=$(sed -n 's/^PROGRAMS := //p' "$TOP/Makefile")
}

# What bash offers at the end of each line, as tests/lib/complete.zsh prints it.
complete_in_bash() {
	# shellcheck source=../../share/completions/workplane.bash
	source "$TOP/share/completions/workplane.bash"
	local line
	while IFS= read -r line; do
		echo "== $line"
		# "=" is a word of its own there, and what is after the last space is the one to be completed.
		read -ra COMP_WORDS <<<"${line//=/ = }"
		[[ $line != *[\ =] ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_workplane "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
	done
}

complete_in() {
	case $1 in
	bash) complete_in_bash ;;
	zsh) zsh -f "$TOP/tests/lib/complete.zsh" "$TOP/share/completions/_workplane" 3>&- ;;
	fish) fish -N "$TOP/tests/lib/complete.fish" "$TOP/share/completions/workplane.fish" 3>&- ;;
	esac
}

# Blocks "== LINE", words: sorted within each, once each. Of a list and of --option=value some shells name the whole word.
tidy() {
	sed -E '/^== /!s/^.*[,=]//' |
		awk '/^== / { block++ } { print block "\t" ($0 ~ /^== / ? 0 : 1) "\t" $0 }' | LC_ALL=C sort -u -t "$(printf '\t')" -k 1,1n -k 2,2n -k 3 |
		cut -f 3-
}

# offered: of the file "want", which has such blocks, each shell offers just that, and says nothing else.
offered() {
	local shell
	grep '^== ' want | sed 's/^== //' >lines
	tidy <want >want.tidy
	for shell in bash zsh fish; do
		complete_in "$shell" <lines >"$shell.raw" 2>"$shell.err" || { cat "$shell.err"; return 1; }
		tidy <"$shell.raw" >"$shell.tidy"
		diff -u want.tidy "$shell.tidy" || return
		assert_equal "$shell: $(cat "$shell.err")" "$shell: "
	done
	[ -s zsh/terminal ]
	assert_equal "$(grep -aE 'wp-[a-z]*: |_workplane' zsh/terminal)" ""
}

verbs_of() { "$1" --list-options | awk -F '\t' '$1 == "verb" { print $2 }'; }

@test "three shells: the verbs and the options of each program and verb, and no others" {
	local program verb
	for program in $programs; do
		echo "== $program "
		verbs_of "$program"
		for verb in '' $(verbs_of "$program"); do
			echo "== $program ${verb:+$verb }--"
			# shellcheck disable=SC2086 # none, or one word
			"$program" --list-options $verb | awk -F '\t' '$1 != "verb" { print "--" $2 }'
		done
	done >want
	assert [ "$(grep -c '^==' want)" -ge 60 ]
	offered
	[ ! -e "$WP_STATE" ]
}

@test "three shells: the words of each option that takes some, and the columns" {
	local program verb
	for program in $programs; do
		for verb in $(verbs_of "$program"); do
			"$program" --list-options "$verb" | awk -F '\t' -v of="$program $verb" '$3 ~ /^[a-z].*\|/ {
				print "== " of " --" $2 " "; gsub(/\|/, "\n", $3); print $3 }'
		done
	done >want
	assert [ "$(grep -c '^==' want)" -ge 15 ]
	for verb in jobs:list jobs:stats pool:status presence:topics registry:list distribute:nodes distribute:plan; do
		program=wp-${verb%:*}
		echo "== $program ${verb#*:} -o "
		run -64 "$program" "${verb#*:}" -o .
		sed -n 's/.*hint: the columns are //p' <<<"$output" | sed 's/, /\n/g'
	done >>want
	offered
	[ ! -e "$WP_STATE" ]
}

@test "three shells: states, rules, signals and demand" {
	cat >want <<-'WANT'
		== wp-jobs list --state fa
		failed
		== wp-jobs list --state=sch
		scheduled
		== wp-jobs cancel -s failed,in
		in_progress
		== wp-jobs show -o MAX
		MAX-ATTEMPTS
		== wp-presence get -o CAP
		CAPACITY
		== wp-pool status --calls -o TR
		TRIES
		== wp-jobs produce --demand p
		presence
		== wp-distribute node --quorum 
		none
		majority
		== wp-distribute quorum 
		none
		majority
		== wp-distribute start --stop-signal US
		USR1
		USR2
	WANT
	offered
}

@test "three shells: files, directories and commands where these are wanted" {
	mkdir mine.d
	touch mine.log
	stub mine-too <<<true
	mkdir backends
	cp bin/mine-too backends/lxc
	export WP_BACKENDS=$T/backends
	cat >want <<-'WANT'
		== wp-registry define --log min
		mine.d
		mine.log
		== wp-distribute start -f mine.l
		mine.log
		== wp-distribute node --log-dir mi
		mine.d
		== wp-distribute node --on-child-fail mine-
		mine-too
		== wp-presence list --fetch mine-
		mine-too
		== wp-jobs work mine-
		mine-too
		== wp-jobs work -q x --drain -- mine-
		mine-too
		== wp-pool map -j 4 mine-
		mine-too
		== wp-pool map -j 4 cat mine.l
		mine.log
		== wp-pool call ffmpeg -- mine-
		mine-too
		== wp-presence track x --capacity 5 -- cat mine.l
		mine.log
		== wp-registry define x -- mine-
		mine-too
		== wp-distribute start x --replicas 2 -- mine-
		mine-too
		== wp-pool start x --backend l
		local
		lxc
	WANT
	# A directory's slash is not the matter.
	local shell
	grep '^== ' want | sed 's/^== //' >lines
	for shell in bash zsh fish; do
		complete_in "$shell" <lines | sed 's|/$||' | tidy >"$shell.tidy"
		diff -u <(tidy <want) "$shell.tidy"
	done
	[ ! -e "$WP_STATE" ]
}

# Jobs, present ones, consumers, a pool, nodes and children.
some_of_each() {
	wp-jobs add -q mail 1 2 >ids
	wp-jobs add -q thumbs 3 >>ids
	wp-presence track worker-1 --pid $$ >refs
	wp-presence track guest-1 --topic guests --pid $$ >>refs
	wp-registry define orders -- cat
	wp-registry define users -- cat
	wp-registry define --stack shop carts -- cat
	start pool wp-pool start ffmpeg
	wp-pool wait ffmpeg
	mkfifo ready
	start node sh -c 'exec wp-distribute node --ready-fd 9 alpha 9>ready'
	run -0 cat ready
	wp-distribute start --node none web-1 web-2 -- true >started
}
end_each() {
	wp-pool stop ffmpeg
	wp-distribute stop web-1 web-2 >stopped
	kill "$pid_node"
	finish 0 "$pid_node"
}

# lines WORDS LINE...: each of these lines is to be answered so.
lines() {
	local words=$1 line
	shift
	for line; do
		# shellcheck disable=SC2086 # a line a word
		echo "== $line" && printf '%s\n' $words
	done
}

# All that is asked of the state.
live() {
	lines "mail thumbs" 'wp-jobs work -q ' 'wp-jobs list --queue ' 'wp-jobs produce --queue='
	lines "1 2 3" 'wp-jobs show ' 'wp-jobs await ' 'wp-jobs cancel ' 'wp-jobs retry '
	lines "alpha ffmpeg guest-1 worker-1" 'wp-presence get ' 'wp-presence update ' 'wp-presence wait --key '
	lines worker-1 'wp-presence untrack w'
	lines "guests nodes pools workers" 'wp-presence list -t '
	lines "orders users" 'wp-registry send ' 'wp-registry remove ' 'wp-registry whereis '
	lines users 'wp-registry remove orders u'
	lines carts 'wp-registry send --stack shop '
	lines "default shop" 'wp-registry list -s '
	lines ffmpeg 'wp-pool call ' 'wp-pool status ' 'wp-pool set ' 'wp-pool map --pool '
	lines "web-1 web-2" 'wp-distribute stop ' 'wp-distribute lookup ' 'wp-distribute await web-1 --timeout 5s '
	lines alpha 'wp-distribute drain ' 'wp-distribute plan --leave ' 'wp-distribute redistribute --to ' 'wp-distribute list --node '
}

@test "three shells: queues, jobs, keys, topics, handles, stacks, pools, children and nodes that there are" {
	some_of_each
	live >want
	offered
	end_each
}

@test "three shells: queues and jobs in Postgres, and no state is made for that" {
	jobs_backend postgres
	wp-jobs add -q mail 1 2 >ids
	rm -rf "$WP_STATE"
	{ lines mail 'wp-jobs work -q ' && lines "1 2" 'wp-jobs show '; } >want
	offered
	[ ! -e "$WP_STATE" ]
}

@test "three shells: where there is no state nothing is offered, and none is made" {
	live | grep '^==' >want
	offered
	[ ! -e "$WP_STATE" ]
}

@test "three shells: a state that is refused offers nothing, and says nothing" {
	wp-jobs add -q mail 1 >ids
	chmod 777 state
	run -77 wp-jobs list
	live | grep '^==' >want
	offered
}

@test "three shells: a database that is locked offers nothing" {
	wp-jobs add -q mail 1 >ids
	mkfifo statements
	start holder sh -c 'sqlite3 state/state.db <statements'
	exec 9>statements
	printf 'PRAGMA locking_mode=EXCLUSIVE;\nBEGIN EXCLUSIVE;\nSELECT "held";\n' >&9
	wait_line "$T/holder.out" held
	lines "" 'wp-jobs work -q ' 'wp-registry send ' | grep '^==' >want
	offered
	exec 9>&-
	finish 0 "$pid_holder"
}

@test "three shells: nobody waits for a program that does not answer, here a stand-in for it" {
	mkdir -m 700 state
	touch state/state.db
	stub wp-jobs <<-SH
		case \$1 in
		list) exec sleep 1000 ;;
		*) exec $BUILD/wp-jobs "\$@" ;;
		esac
	SH
	lines "" 'wp-jobs work -q ' 'wp-jobs list -o ' | grep '^==' >want
	offered
}
