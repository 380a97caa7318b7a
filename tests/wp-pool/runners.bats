#!/usr/bin/env bats
# wp-pool: which runner takes a call, and how many runners there are.

load ../helpers
load named

# Which one

@test "a call goes to the runner with the fewest calls" {
	local first second
	pool p --min 2 --max 2 -c 3
	held a p
	first=$runner
	held b p
	second=$runner
	assert_not_equal "$first" "$second"
	held c p
	held d p
	until_runners p RUNNING '2,2'
	let_go a
	until_runners p RUNNER,RUNNING "$(printf '%s\n' "$first 1" "$second 2" | sort | paste -sd ,)"
	held e p
	assert_equal "$runner" "$first"
	let_go b
	let_go d
	let_go c
	let_go e
	end_pool p
	assert_nothing_left
}

@test "--pack: a call goes to the fullest runner that has room" {
	local first
	pool p --min 2 --max 2 -c 2 --pack
	held a p
	first=$runner
	held b p
	assert_equal "$runner" "$first"
	held c p
	assert_not_equal "$runner" "$first"
	let_go a
	# Each has one call now, and one place.
	held d p
	held e p
	until_runners p RUNNING 2,2
	let_go b
	let_go c
	let_go d
	let_go e
	end_pool p
	assert_nothing_left
}

@test "--pack: what is left over becomes idle and goes" {
	pool p --max 3 -c 2 --pack --idle-shutdown-after 10ms
	local n
	for n in 1 2 3 4; do
		held "c$n" p
	done
	until_runners p RUNNER,RUNNING '1 2,2 2'
	let_go c1
	let_go c4
	# One call on each, and neither is idle: the next comes to one of them, not to a third.
	held again p
	until_pool p RUNNERS,RUNNING,BOOTS '2 3 2'
	let_go c2
	let_go c3
	let_go again
	until_pool p RUNNERS 0
	end_pool p
	assert_nothing_left
}

# Growth

@test "there is no runner before the first call, and there is one for as many calls as it takes" {
	pool p -c 2
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTS)" 'ready 0 0'
	held a p
	held b p
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '1 1'
	held c p
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '2 2'
	let_go a 1
	let_go b 2
	let_go c 3
	end_pool p
	assert_nothing_left
}

@test "--max: there are never more, further calls wait their turn" {
	local n
	pool p --max 3 -c 1 --timeout 0
	for n in 1 2 3; do
		held "c$n" p
	done
	offer c4 p
	until_pool p WAITING 1
	offer c5 p
	until_pool p RUNNERS,BOOTS,RUNNING,WAITING '3 3 3 2'
	let_go c2 2
	runs c4
	assert_equal "$(of_pool p RUNNERS,BOOTS,RUNNING,WAITING)" '3 3 3 1'
	let_go c1 1
	runs c5
	let_go c3 3
	let_go c4 4
	let_go c5 5
	end_pool p
	assert_nothing_left
}

@test "--grow-when: so many have to wait before a runner is added to those there are" {
	pool p --max 2 -c 1 --grow-when 3 --timeout 0
	# Where there is none at all, one call is enough.
	held a p
	offer b p
	until_pool p WAITING 1
	offer c p
	until_pool p RUNNERS,BOOTING,BOOTS,RUNNING,WAITING '1 0 1 1 2'
	offer d p
	until_pool p RUNNERS,BOOTS,RUNNING,WAITING '2 2 2 2'
	let_go a 1
	local n
	for n in b c d; do
		runs "$n"
		let_go "$n" 2
	done
	end_pool p
	assert_nothing_left
}

@test "--spare: an idle runner is ready while the others work" {
	pool p --max 3 -c 1 --spare 1
	until_pool p RUNNERS,RUNNING '1 0'
	held a p
	until_pool p RUNNERS,RUNNING '2 1'
	held b p
	until_pool p RUNNERS,RUNNING '3 2'
	# Within --max.
	held c p
	offer d p
	until_pool p RUNNERS,BOOTING,RUNNING,WAITING,BOOTS '3 0 3 1 3'
	let_go a
	runs d
	let_go b
	let_go c
	let_go d
	end_pool p
	assert_nothing_left
}

@test "--spare: the spare one does not go when it is idle, those beyond it do" {
	pool p --max 4 -c 1 --spare 1 --idle-shutdown-after 10ms
	held a p
	held b p
	held c p
	let_go a
	let_go b
	until_pool p RUNNERS,RUNNING '2 1'
	let_go c
	until_pool p RUNNERS,RUNNING '1 0'
	held d p
	let_go d
	end_pool p
	assert_nothing_left
}

# Shrinking

@test "--idle-shutdown-after: a runner that is idle so long goes, in good order" {
	local runner_process
	pool p --max 2 -c 1 --idle-shutdown-after 20ms --log info
	held a p
	runner_process=$(runner_pid p 1)
	let_go a 3
	wait_ended "$runner_process"
	until_pool p RUNNERS,LEAVING,BOOTS,LOST,BOOT-FAILURES '0 0 1 0 0'
	grep -qx 'wp-pool: pool "p": runner 1 is shut' pool_p.err
	held b p
	assert_equal "$runner" 2
	let_go b 4
	end_pool p
	assert_nothing_left
}

@test "--idle-shutdown-after: who works is not idle, however long" {
	pool p --max 2 -c 1 --idle-shutdown-after 10ms
	local n
	held long p
	for n in 1 2 3; do
		held short p
		assert_equal "$(of_pool p RUNNING)" 2
		let_go short
		until_pool p RUNNERS,RUNNING '1 1'
	done
	let_go long 5
	until_pool p RUNNERS 0
	end_pool p
	assert_nothing_left
}

@test "--idle-shutdown-after never: idle runners stay, while those of another pool go" {
	pool p --max 2 -c 1 --idle-shutdown-after never
	pool q --max 2 -c 1 --idle-shutdown-after 10ms
	wp-pool call p -- true
	local n
	for n in 1 2 3; do
		wp-pool call q -- true
		until_pool q RUNNERS,BOOTS "0 $n"
	done
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '1 1'
	wp-pool set p --idle-shutdown-after 10ms
	until_pool p RUNNERS,BOOTS '0 1'
	end_pool p
	end_pool q
	assert_nothing_left
}

@test "--min: those runners are there from the start, and stay when they are idle" {
	pool p --min 2 --max 4 -c 1 --idle-shutdown-after 10ms --on-shrink 'echo "$WP_COUNT" >>shrunk'
	local n
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '2 2'
	for n in 1 2 3 4; do
		held "c$n" p
	done
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '4 4'
	for n in 1 2 3 4; do
		let_go "c$n"
	done
	until_pool p RUNNERS,LEAVING '2 0'
	# The pool's end is told there, too, and not to be the first.
	wait_line shrunk '^3$'
	wait_line shrunk '^2$'
	held a p
	held b p
	let_go a
	let_go b
	assert_equal "$(of_pool p RUNNERS,LEAVING,BOOTS)" '2 0 4'
	end_pool p
	assert_equal "$(head -n 2 shrunk | sort -r)" $'3\n2'
	assert_nothing_left
}

@test "--idle-check: an idle runner goes only when that succeeds, too" {
	mkfifo asked
	fifo_fd asked
	pool p --idle-shutdown-after 10ms --idle-check '[ -e may-go ] || { echo "asked $WP_RUNNER" >>asked; exit 1; }'
	wp-pool call p -- true
	wait_line asked '^asked 1$'
	wait_line asked '^asked 1$'
	assert_equal "$(of_pool p RUNNERS,LEAVING,BOOTS)" '1 0 1'
	: >may-go
	until_pool p RUNNERS,BOOTS '0 1'
	end_pool p
	# It is no failure that anybody needs to hear of.
	assert_equal "$(cat pool_p.err)" ""
	assert_nothing_left
}

@test "--idle-check: a runner that has worked since it was asked about is asked about again" {
	mkfifo asked answers
	fifo_fd asked
	fifo_fd answers
	pool p --idle-shutdown-after 10ms --idle-check 'echo asked >>asked; read -r status <answers; exit "$status"'
	wp-pool call p -- true
	wait_line asked asked
	run -3 wp-pool call p -- sh -c 'exit 3'
	echo 0 >>answers
	wait_line asked asked
	assert_equal "$(of_pool p RUNNERS,LEAVING,BOOTS)" '1 0 1'
	echo 0 >>answers
	until_pool p RUNNERS,BOOTS '0 1'
	end_pool p
	assert_nothing_left
}

@test "--idle-check that hangs: the runner takes calls all the same, and it ends with the pool" {
	mkfifo asked
	fifo_fd asked
	pool p --idle-shutdown-after 10ms --idle-check 'echo asked >>asked; exec sleep 1000'
	wp-pool call p -- true
	wait_line asked asked
	run -3 wp-pool call p -- sh -c 'exit 3'
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '1 1'
	kill_pool p
	assert_nothing_left
}

@test "--min-idle-shutdown-after: the --min runners go as well, and come back when there is work" {
	pool p --min 2 --max 3 -c 1 --idle-shutdown-after 10ms --min-idle-shutdown-after 20ms
	until_pool p RUNNERS,BOOTS '0 2'
	held a p
	until_pool p BOOTS 4
	until_pool p RUNNERS,RUNNING '1 1'
	let_go a 3
	until_pool p RUNNERS,BOOTS '0 4'
	assert_equal "$(of_pool p STATE)" ready
	end_pool p
	assert_nothing_left
}

# --single-use

@test "--single-use: each call has a runner of its own, which then ends, and there are never fewer than --min" {
	local n numbers=
	pool p --min 2 --max 3 -c 1 --single-use
	for n in 1 2 3 4 5; do
		held "c$n" p
		numbers="$numbers$runner "
		let_go "c$n" "$n"
		until_pool p RUNNERS,BOOTING,LEAVING '2 0 0'
	done
	assert_equal "$(tr ' ' '\n' <<<"$numbers" | sort -u | grep -c .)" 5
	assert_equal "$(of_pool p BOOTS,LOST)" '7 0'
	end_pool p
	assert_nothing_left
}

@test "--single-use: with --min as large as --max as well" {
	local n
	pool p --min 1 --max 1 --single-use
	for n in 1 2 3; do
		held c p
		assert_equal "$runner" "$n"
		let_go c 4
	done
	until_pool p RUNNERS,BOOTS '1 4'
	end_pool p
	assert_nothing_left
}

@test "--single-use: when a call has ended its runner takes no other, and the calls it still has go on" {
	pool p --max 1 -c 2 --single-use --timeout 0
	held a p
	held b p
	let_go a 3
	offer c p
	until_pool p RUNNING,WAITING '1 1'
	let_go b 4
	runs c
	assert_equal "$runner" 2
	let_go c 5
	end_pool p
	assert_nothing_left
}

@test "--single-use: a call that fails, is killed or takes too long uses a runner up as well" {
	pool p --min 1 --max 1 --single-use --kill-after 10ms
	run -9 wp-pool call p -- sh -c 'exit 9'
	run -137 wp-pool call p -- sh -c 'kill -KILL $$'
	# It is there before the call, whose time would else be over before it runs.
	until_pool p RUNNERS,BOOTS '1 3'
	run -124 wp-pool call --timeout 500ms p -- sleep 1000
	assert_output --partial 'the call took longer'
	run -0 --separate-stderr wp-pool call p -- sh -c 'echo $WP_RUNNER'
	assert_output 4
	end_pool p
	assert_nothing_left
}

# set

@test "set --max lower: what runs ends by itself, and then there are so many" {
	pool p --max 3 -c 1 --timeout 0 --idle-shutdown-after never
	held a p
	held b p
	held c p
	wp-pool set p --max 1
	offer d p
	until_pool p MAX,RUNNERS,RUNNING,WAITING '1 3 3 1'
	let_go a 1
	let_go b 2
	let_go c 3
	runs d
	until_pool p RUNNERS,LEAVING,RUNNING '1 0 1'
	let_go d 4
	assert_equal "$(of_pool p LOST)" 0
	end_pool p
	assert_nothing_left
}

@test "set --max lower: idle runners go at once" {
	pool p --min 0 --max 3 -c 1 --idle-shutdown-after never
	held a p
	held b p
	held c p
	let_go a
	let_go b
	wp-pool set p --max 1
	until_pool p RUNNERS,LEAVING,RUNNING '1 0 1'
	let_go c 3
	end_pool p
	assert_nothing_left
}

@test "set --max and --min higher: there are more at once" {
	pool p --max 1 -c 1 --timeout 0
	held a p
	offer b p
	until_pool p WAITING 1
	wp-pool set p --max 2
	runs b
	wp-pool set p --max 5 --min 4
	until_pool p RUNNERS,RUNNING '4 2'
	let_go a 1
	let_go b 2
	end_pool p
	assert_nothing_left
}

@test "set -c lower: what runs goes on, and nothing is added until there are so few" {
	pool p --max 1 -c 3 --timeout 0
	held a p
	held b p
	held c p
	wp-pool set p -c 1
	offer d p
	until_pool p RUNNING,WAITING '3 1'
	let_go a 1
	let_go b 2
	until_pool p RUNNING,WAITING '1 1'
	let_go c 3
	runs d
	let_go d 4
	end_pool p
	assert_nothing_left
}

# Booting

# slow_backend N: a backend whose boot says so in the FIFO "boots" and waits for go_on. For N runners.
slow_backend() {
	local n
	make_backend plain
	cat >slow <<-'SH'
		#!/bin/sh
		if [ "$1" = boot ]; then
			echo "boots $WP_RUNNER" >>"$T/boots"
			read -r status <"$T/go.$WP_RUNNER"
			[ "$status" -eq 0 ] || exit "$status"
		fi
		exec "$T/plain" "$@"
	SH
	chmod +x slow
	mkfifo boots
	fifo_fd boots
	for n in $(seq "$1"); do
		mkfifo "go.$n"
		fifo_fd "go.$n"
	done
}

# go_on RUNNER [STATUS]: its boot goes on, and fails with STATUS when that is another than 0.
go_on() { echo "${2-0}" >>"go.$1"; }

@test "runners boot in parallel, and the pool is ready when --min have booted" {
	local n
	slow_backend 3
	start pool_p wp-pool start p --min 3 --max 3 --backend ./slow
	for n in 1 2 3; do
		wait_line boots '^boots'
		echo "$line" >>booting
	done
	assert_equal "$(sort booting)" $'boots 1\nboots 2\nboots 3'
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTING)" 'booting 0 3'
	go_on 1
	go_on 2
	until_pool p STATE,RUNNERS,BOOTING 'booting 2 1'
	go_on 3
	wp-pool wait p
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTING)" 'ready 3 0'
	end_pool p
	assert_nothing_left
}

@test "a call that came first does not wait for the other runners to boot" {
	slow_backend 2
	start pool_p wp-pool start p --min 2 --max 2 --backend ./slow
	wait_line boots '^boots'
	wait_line boots '^boots'
	offer a p
	until_pool p WAITING 1
	go_on 2
	runs a
	assert_equal "$(of_pool p STATE,RUNNERS,BOOTING,RUNNING)" 'booting 1 1 1'
	let_go a 3
	go_on 1
	wp-pool wait p
	end_pool p
	assert_nothing_left
}

@test "as many runners are booted as calls wait for, no more" {
	local n
	slow_backend 3
	pool p --max 8 -c 2 --backend ./slow --timeout 0
	for n in 1 2 3 4 5; do
		offer "c$n" p
	done
	until_pool p WAITING,BOOTING '5 3'
	for n in 1 2 3; do
		go_on "$n"
	done
	for n in 1 2 3 4 5; do
		runs "c$n"
	done
	assert_equal "$(of_pool p RUNNERS,BOOTS)" '3 3'
	for n in 1 2 3 4 5; do
		let_go "c$n" "$n"
	done
	end_pool p
	assert_nothing_left
}

@test "a failed boot is tried again, and the call that waits for it is run" {
	slow_backend 3
	pool p --max 1 --backend ./slow --timeout 0
	offer a p
	wait_line boots '^boots 1$'
	go_on 1 1
	wait_line boots '^boots 2$'
	go_on 2 2
	wait_line boots '^boots 3$'
	go_on 3
	runs a
	assert_equal "$runner" 3
	let_go a 5
	assert_equal "$(cat pool_p.err)" \
		"$(printf "wp-pool: warning: pool \"p\": runner %d did not boot: the backend's boot ended with exit status %d before it was ready\n" 1 1 2 2)"
	assert_equal "$(of_pool p BOOTS,BOOT-FAILURES,LOST)" '3 2 0'
	end_pool p
	assert_nothing_left
}

@test "a boot that always fails does not spin: from one to the next it takes longer each time" {
	cat >never <<-'SH'
		#!/usr/bin/env bash
		[ "$1" = boot ] || exit 64
		echo "${EPOCHREALTIME/./}" >>"$T/times.log"
		exit 1
	SH
	chmod +x never
	start pool_p wp-pool start p --min 3 --max 3 --backend ./never
	wp-presence wait -t pools --key p --timeout "${PATIENCE}s"
	until_pool p BOOT-FAILURES 6
	kill -TERM "$pid_pool_p"
	finish 0 "$pid_pool_p"
	# The first three at once, then one at a time: the pause is counted from whichever of the three was the first to fail.
	# A busy machine makes it longer, never shorter.
	assert_equal "$(wc -l <times.log)" 6
	run -0 awk 'NR > 3 { if ($1 - last < pause) { print "only " $1 - last " us before boot " NR; exit 1 } pause *= 2 }
		NR == 1 { pause = 200000 } NR == 1 || NR > 3 { last = $1 }' <(sort -n times.log)
	assert_nothing_left
}

# Backends by name

@test "--backend: by a path, by a name in WP_BACKENDS, by WP_POOL_BACKEND; its handle is shown" {
	mkdir dir
	make_backend dir/back
	pool p --backend dir/back --min 1
	assert_equal "$(of_pool p BACKEND)" dir/back
	assert_equal "$(of_runners p HANDLE)" "$T/place.p.1"
	run -0 wp-pool call p -- pwd
	assert_output "$T/place.p.1"
	end_pool p
	WP_BACKENDS=$T/dir pool q --backend back --min 1
	assert_equal "$(of_pool q BACKEND)" back
	assert_equal "$(wp-pool status q --runners --json | jq -r '.runners[].handle')" "$T/place.q.1"
	end_pool q
	WP_POOL_BACKEND=$T/dir/back pool r --min 1
	assert_equal "$(of_runners r HANDLE)" "$T/place.r.1"
	end_pool r
	pool s --min 1
	assert_equal "$(of_runners s HANDLE)" local
	end_pool s
	assert_equal "$(find . -name 'place.*')" ""
	assert_nothing_left
}

@test "--backend that is not there, or cannot be run: 64, and no pool" {
	: >plain
	run -64 wp-pool start p --backend nothing-like-that
	assert_line --index 0 'wp-pool: error: there is no backend "nothing-like-that"'
	run -64 wp-pool start p --backend ./missing
	assert_line --index 0 'wp-pool: error: cannot use the backend "./missing": No such file or directory'
	run -64 wp-pool start p --backend ./plain
	assert_line --index 0 'wp-pool: error: cannot use the backend "./plain": Permission denied'
	run -64 wp-pool start p --backend-arg x
	assert_line --index 0 'wp-pool: error: the local backend takes no --backend-arg'
	run -69 wp-pool call p -- true
}
