load ../helpers

# complete_line WORD...: what bash would offer for the last word.
complete_line() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_workplane "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
	printf '%s\n' "${COMPREPLY[@]}"
}

setup() {
	wp_setup
	# shellcheck source=../../share/completions/workplane.bash
	source "$TOP/share/completions/workplane.bash"
}

@test "bash: verbs" {
	run -0 complete_line wp-jobs ""
	assert_line add
	assert_line work
	run -0 complete_line wp-jobs wor
	assert_output work
}

@test "bash: options of the verb, and of none but it" {
	run -0 complete_line wp-jobs work --
	assert_line --drain
	refute_line --priority
	run -0 complete_line wp-jobs add -q x --
	assert_line --priority
	refute_line --drain
}

@test "bash: no word is offered for the value of an option" {
	run -0 complete_line wp-jobs work --queue ""
	assert_output ""
}

@test "bash: after -- comes a command" {
	run -0 complete_line wp-jobs work -q x -- sha256s
	assert_output --partial sha256sum
}

@test "bash: an option is offered once, also where a verb has its own of that name" {
	run -0 complete_line wp-jobs list --
	assert_equal "$(sort <<<"$output" | uniq -d)" ""
	assert_line --state
}

@test "bash: states and columns are those that the program knows, also after a comma" {
	run -0 complete_line wp-jobs list --state fa
	assert_output failed
	run -0 complete_line wp-jobs cancel -s failed,in
	assert_output failed,in_progress
	run -0 complete_line wp-jobs list --state = sch
	assert_output scheduled
	run -0 complete_line wp-jobs show -o MAX
	assert_output MAX-ATTEMPTS
	run -0 complete_line wp-jobs stats -o ID
	assert_output ""
	[ ! -e "$WP_STATE" ]
}

@test "bash: queues that have jobs" {
	wp-jobs add -q mail 1 2 >ids
	wp-jobs add -q thumbs 3 >ids
	run -0 complete_line wp-jobs work --queue ""
	assert_output "mail
thumbs"
	WP_JOBS_QUEUE=thumbs run -0 complete_line wp-jobs add -q m
	assert_output mail
}

@test "bash: a command may come without --" {
	run -0 complete_line wp-jobs work -q x sha256s
	assert_output sha256sum
	run -0 complete_line wp-jobs list sha256s
	assert_output ""
}

# As long as the test runs.
some_present() {
	wp-presence track worker-1 --pid $$ >refs
	wp-presence track worker-2 --pid $$ >>refs
	wp-presence track "on loan" --topic guests --pid $$ >>refs
}

@test "bash: keys and topics of those present" {
	some_present
	run -0 complete_line wp-presence get ""
	assert_output "on loan
worker-1
worker-2"
	run -0 complete_line wp-presence untrack w
	assert_output "worker-1
worker-2"
	run -0 complete_line wp-presence update --in-use 1 on
	assert_output "on loan"
	run -0 complete_line wp-presence wait --gone worker-2
	assert_output worker-2
	run -0 complete_line wp-presence list --topic ""
	assert_output "guests
workers"
	WP_PRESENCE_TOPIC=none run -0 complete_line wp-presence wait -t = g
	assert_output guests
}

@test "bash: a new key is nobody's, and no other verb has one" {
	some_present
	run -0 complete_line wp-presence track ""
	assert_output ""
	run -0 complete_line wp-presence list w
	assert_output ""
}

@test "bash: formats, commands and columns of wp-presence" {
	run -0 complete_line wp-presence list --format o
	assert_output openmetrics
	run -0 complete_line wp-presence list --fetch sha256s
	assert_output sha256sum
	run -0 complete_line wp-presence track x --capacity 5 -- sha256s
	assert_output --partial sha256sum
	run -0 complete_line wp-presence get -o KEY,CAP
	assert_output KEY,CAPACITY
	run -0 complete_line wp-presence topics -o EN
	assert_output ENTRIES
	[ ! -e "$WP_STATE" ]
}

@test "bash: looking for names makes no state directory" {
	run -0 complete_line wp-presence get ""
	assert_output ""
	run -0 complete_line wp-presence list --topic ""
	assert_output ""
	[ ! -e "$WP_STATE" ]
}

@test "bash: names are not run as commands" {
	wp-presence track '$(touch ran)' --topic '`touch ran`' --pid $$ >refs
	wp-jobs add -q '$(touch ran)' 1 >ids
	run -0 complete_line wp-presence get ""
	assert_output '$(touch ran)'
	run -0 complete_line wp-presence list -t ""
	assert_output '`touch ran`'
	run -0 complete_line wp-jobs work -q ""
	assert_output '$(touch ran)'
	[ ! -e ran ]
}

@test "bash: the name of a worker is no queue" {
	wp-jobs add -q mail 1 >ids
	run -0 complete_line wp-jobs work --name ""
	assert_output ""
	run -0 complete_line wp-jobs work --queue ""
	assert_output mail
}

# Two pools, which the test ends with end_pools.
some_pools() {
	local name
	for name in ffmpeg gpu; do
		start "$name" wp-pool start "$name"
		wp-pool wait "$name"
	done
}
end_pools() { wp-pool stop ffmpeg && wp-pool stop gpu; }

@test "bash: verbs and options of wp-pool" {
	run -0 complete_line wp-pool st
	assert_output "start
status
stop"
	run -0 complete_line wp-pool start --m
	assert_output "--min
--max
--max-concurrency
--min-idle-shutdown-after"
	run -0 complete_line wp-pool call ffmpeg --n
	assert_output "--nice
--no-track-resources
--no-link"
	run -0 complete_line wp-pool start ffmpeg --log ""
	assert_output "off
info
debug"
}

@test "bash: the pools that there are, once on a line" {
	some_pools
	local verb
	for verb in call cast place set status drain stop wait; do
		run -0 complete_line wp-pool $verb ""
		assert_output "ffmpeg
gpu"
	done
	run -0 complete_line wp-pool call --timeout 5m --no-link f
	assert_output ffmpeg
	run -0 complete_line wp-pool call --timeout = 5m g
	assert_output gpu
	run -0 complete_line wp-pool set ffmpeg ""
	assert_output ""
	run -0 complete_line wp-pool status ffmpeg g
	assert_output gpu
	run -0 complete_line wp-pool map --pool g
	assert_output gpu
	end_pools
}

@test "bash: a new pool is nobody's, and no pools are looked for where there is no state" {
	run -0 complete_line wp-pool call ""
	assert_output ""
	[ ! -e "$WP_STATE" ]
	some_pools
	run -0 complete_line wp-pool start ""
	assert_output ""
	end_pools
}

@test "bash: what a pool is to run comes after --" {
	run -0 complete_line wp-pool call ffmpeg ""
	assert_output -- --
	run -0 complete_line wp-pool stop ffmpeg ""
	assert_output ""
	run -0 complete_line wp-pool place ffmpeg -- sha256s
	assert_output --partial sha256sum
}

@test "bash: backends by name, and those of one's own" {
	run -0 complete_line wp-pool start ffmpeg --backend ""
	assert_output "docker
kubectl
local
slurm
ssh"
	mkdir -p own/folder
	stub ../own/lxc <<<"exit 64"
	touch own/README
	WP_BACKENDS=$T/own run -0 complete_line wp-pool start --backend l
	assert_output "local
lxc"
	run -0 complete_line wp-pool start ffmpeg --backend ./own/l
	assert_output ./own/lxc
	run -0 complete_line wp-pool start ffmpeg --sync own/R
	assert_output own/README
}

@test "bash: columns of pools, of runners and of calls" {
	run -0 complete_line wp-pool status -o HA
	assert_output ""
	run -0 complete_line wp-pool status --runners -o HA
	assert_output HANDLE
	run -0 complete_line wp-pool status --calls -o ID,TR
	assert_output ID,TRIES
	run -0 complete_line wp-pool status -o BOOT
	assert_output "BOOTING
BOOTS
BOOT-FAILURES"
	[ ! -e "$WP_STATE" ]
}

# Consumers of two stacks; none of them runs.
some_consumers() {
	local handle
	for handle in orders users $'new\nline'; do
		wp-registry define "$handle" -- cat
	done
	wp-registry define --stack "my shop" carts -- cat
}

@test "bash: verbs and options of wp-registry" {
	run -0 complete_line wp-registry w
	assert_output "whereis
watch"
	run -0 complete_line wp-registry ""
	refute_line consumer
	run -0 complete_line wp-registry define --su
	assert_output --suspend-after
	run -0 complete_line wp-registry register orders --su
	assert_output ""
	run -0 complete_line wp-registry register --on-crash ""
	assert_output "keep
restart"
	run -0 complete_line wp-registry list -o HANDLE,HI
	assert_output HANDLE,HIBERNATE-AFTER
	run -0 complete_line wp-registry define orders ""
	assert_output -- --
	run -0 complete_line wp-registry define orders -- sha256s
	assert_output --partial sha256sum
	touch my.log
	run -0 complete_line wp-registry define --log my
	assert_output my.log
	[ ! -e "$WP_STATE" ]
}

@test "bash: handles, those of the stack that is meant" {
	some_consumers
	local verb
	for verb in start whereis name send remove; do
		run -0 complete_line wp-registry $verb ""
		assert_output "orders
users"
	done
	run -0 complete_line wp-registry send --timeout 5s us
	assert_output users
	run -0 complete_line wp-registry send users ""
	assert_output ""
	run -0 complete_line wp-registry remove users o
	assert_output orders
	run -0 complete_line wp-registry whereis --stack "my shop" ""
	assert_output carts
	run -0 complete_line wp-registry whereis --stack = "my shop" ""
	assert_output carts
	WP_REGISTRY_STACK="my shop" run -0 complete_line wp-registry remove ""
	assert_output carts
	run -0 complete_line wp-registry remove --stack none ""
	assert_output ""
}

@test "bash: a new handle is nobody's, and no other verb has one" {
	some_consumers
	local verb
	for verb in define register list watch publish broadcast; do
		run -0 complete_line wp-registry $verb ""
		assert_output ""
	done
}

@test "bash: stacks" {
	some_consumers
	run -0 complete_line wp-registry list --stack ""
	assert_output "default
my shop"
	run -0 complete_line wp-registry suspend -s m
	assert_output "my shop"
}

@test "bash: looking for consumers makes no state directory, and their names are not run as commands" {
	run -0 complete_line wp-registry send ""
	assert_output ""
	run -0 complete_line wp-registry list --stack ""
	assert_output ""
	[ ! -e "$WP_STATE" ]
	wp-registry define --stack '`touch ran`' '$(touch ran)' -- cat
	run -0 complete_line wp-registry send -s '`touch ran`' ""
	assert_output '$(touch ran)'
	run -0 complete_line wp-registry list -s ""
	assert_output '`touch ran`'
	[ ! -e ran ]
}

# Two nodes, with two children on the first one; end_cluster ends them.
some_cluster() {
	local name
	for name in alpha "be ta"; do
		mkfifo "$T/ready"
		start "node_${name/ /_}" sh -c 'exec wp-distribute node --ready-fd 9 "$1" 9>ready' sh "$name"
		cat ready
		rm ready
	done
	wp-distribute start --await --node alpha web-1 $'new\nline' web-2 -- sleep 1000 >started
	wp-distribute start later --node none -- true >started
}
end_cluster() {
	wp-distribute stop --await later web-1 web-2 $'new\nline' >stopped
	kill "$pid_node_alpha" "$pid_node_be_ta"
	finish 0 "$pid_node_alpha"
	finish 0 "$pid_node_be_ta"
}

@test "bash: verbs and options of wp-distribute" {
	run -0 complete_line wp-distribute st
	assert_output "start
stop"
	run -0 complete_line wp-distribute start --re
	assert_output "--require
--replicas
--restart"
	run -0 complete_line wp-distribute start --restart t
	assert_output "transient
temporary"
	run -0 complete_line wp-distribute start --stop-signal US
	assert_output "USR1
USR2"
	run -0 complete_line wp-distribute node --quorum m
	assert_output majority
	run -0 complete_line wp-distribute quorum n
	assert_output none
	run -0 complete_line wp-distribute quorum none ""
	assert_output ""
	run -0 complete_line wp-distribute list -o ID,ST
	assert_output "ID,STATE
ID,STRATEGY"
	run -0 complete_line wp-distribute nodes -o LA
	assert_output LABELS
	run -0 complete_line wp-distribute plan -o FR
	assert_output FROM
	run -0 complete_line wp-distribute start web-1 ""
	assert_output -- --
	run -0 complete_line wp-distribute start web-1 -- sha256s
	assert_output --partial sha256sum
	run -0 complete_line wp-distribute node --on-child-fail sha256s
	assert_output sha256sum
	[ ! -e "$WP_STATE" ]
}

@test "bash: children and nodes that there are" {
	some_cluster
	local verb
	for verb in stop terminate await redistribute lookup explain; do
		run -0 complete_line wp-distribute $verb ""
		assert_output "later
web-1
web-2"
	done
	run -0 complete_line wp-distribute stop web-1 --timeout 5s web-2 l
	assert_output later
	run -0 complete_line wp-distribute lookup web-1 ""
	assert_output ""
	run -0 complete_line wp-distribute drain ""
	assert_output "alpha
be ta"
	run -0 complete_line wp-distribute drain alpha ""
	assert_output ""
	local option
	for option in "start --node" "start -n" "terminate --node" "list --node" "plan --leave" "redistribute --to"; do
		# shellcheck disable=SC2086 # two words
		run -0 complete_line wp-distribute $option ""
		assert_output "alpha
be ta"
	done
	end_cluster
}

@test "bash: a new child and a new node are nobody's" {
	some_cluster
	local new
	for new in node start list nodes watch "plan --join" "plan --label" "start --init-cids"; do
		# shellcheck disable=SC2086 # some are two words
		run -0 complete_line wp-distribute $new ""
		assert_output ""
	done
	end_cluster
}

@test "bash: looking for children makes no state directory, and their names are not run as commands" {
	run -0 complete_line wp-distribute stop ""
	assert_output ""
	run -0 complete_line wp-distribute drain ""
	assert_output ""
	[ ! -e "$WP_STATE" ]
	wp-distribute start '$(touch ran)' -- true >started
	run -0 complete_line wp-distribute stop ""
	assert_output '$(touch ran)'
	[ ! -e ran ]
}

@test "the three shells and the checks know all programs" {
	local programs
	programs=$(sed -n 's/^PROGRAMS := //p' "$TOP/Makefile")
	assert [ -n "$programs" ]
	assert_equal "$(sed -n 's/^programs=(\(.*\))/\1/p' "$TOP/tests/lint")" "$programs"
	assert_equal "$(sed -n 's/^#compdef //p' "$TOP/share/completions/_workplane")" "$programs"
	assert_equal "$(sed -n 's/^complete .* -F _workplane //p' "$TOP/share/completions/workplane.bash")" "$programs"
	assert_equal "$(sed -n 's/^for program in //p' "$TOP/share/completions/workplane.fish")" "$programs"
}
