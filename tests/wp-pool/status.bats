#!/usr/bin/env bats
# wp-pool status: pools, their runners and calls.

load ../helpers
load named
load verbs

@test "status: nothing is shown where there are no pools, and nothing is made" {
	run -0 wp-pool status
	assert_output ''
	[ ! -e "$WP_STATE" ]
	assert_equal "$(wp-pool status -J | jq -c .pools)" '[]'
	no_pool status
	bad_names status
	bad_state status
	help_of status
}

@test "status: a line a pool, in the order of their names" {
	pool two --min 2 --max 3 --max-concurrency 4
	pool one --max 5
	assert_equal "$(wp-pool status -rno POOL,STATE,PID,RUNNERS,MIN,MAX,CAPACITY)" \
		"one ready $pid_pool_one 0 0 5 500
two ready $pid_pool_two 2 2 3 12"
	assert_equal "$(wp-pool status two one -rno POOL)" $'one\ntwo'
	run -69 wp-pool status one nobody
	assert_output --partial 'there is no pool "nobody"'
	over one two
}

@test "status: one pool is shown with its runners, for people" {
	pool p --min 2 --max 3 --max-concurrency 4
	run -0 wp-pool status p
	assert_line --index 0 --regexp '^POOL +STATE +PID +RUNNERS'
	assert_line --index 2 --regexp '^POOL +RUNNER +STATE'
	assert_equal "${#lines[@]}" 5
	over p
}

@test "status: each runner, its load and what it has done" {
	pool p --min 2 --max 2 --max-concurrency 3
	wp-pool call p -- false || true
	held a p
	held b p
	held c p
	assert_equal "$(of_runners p RUNNER,STATE,SLOTS | sort)" $'1 ready 3\n2 ready 3'
	assert_equal "$(of_runners p RUNNING | sort)" $'1\n2'
	assert_equal "$(of_runners p CALLS,FAILED | awk '{ c += $1; f += $2 } END { print c, f }')" '4 1'
	assert_equal "$(of_pool p RUNNING,WAITING,CALLS,PASSED,FAILED)" '3 0 4 0 1'
	kill -0 "$(runner_pid p 1)" "$(runner_pid p 2)"
	let_go a
	let_go b
	let_go c
	until_runners p RUNNING '0,0'
	assert_equal "$(of_pool p PASSED,FAILED)" '3 1'
	over p
}

@test "status: --calls shows what runs and what waits, the oldest first" {
	pool p --max 1 --max-concurrency 1
	held a p
	offer b p --priority 3
	until_pool p WAITING 1
	assert_equal "$(of_calls p ID,STATE,RUNNER,SLOT,PID,PRIORITY,COMMAND)" \
		"1 running 1 1 $command_a 0 hold\\x20$T/a.gate
2 waiting    3 hold\\x20$T/b.gate"
	assert_equal "$(wp-pool status p --calls -J | jq -c '.calls[1] | [.id, .state, .pid]')" '[2,"waiting",null]'
	let_go a
	let_go b
	over p
}

@test "status: how long calls waited" {
	pool p --max 1 --max-concurrency 1
	assert_equal "$(wp-pool status -J -o WAIT-MEAN,WAIT-P50,WAIT-P99,WAIT-MAX | jq -c '.pools[0] | [.[]]')" '[0,0,0,0]'
	held a p
	offer b p
	until_pool p WAITING 1
	let_go a
	runs b
	let_go b
	wp-pool status -J -o WAIT-P50,WAIT-P99,WAIT-MAX,WAIT-MEAN | jq -e '.pools[0] | .["wait-max"] > 0 and .["wait-mean"] <= .["wait-max"] and
		.["wait-p50"] <= .["wait-p99"] and .["wait-p99"] <= .["wait-max"]'
	over p
}

@test "status: JSON has numbers as numbers and times in RFC 3339" {
	pool p --min 1 --max 2
	wp-pool status p -J | jq -e '.pools[0] | .pool == "p" and (.pid | type) == "number" and .max == 2'
	wp-pool status p --runners -J | jq -e '.runners[0] | .runner == 1 and .handle == "local" and
		(.idle | type) == "number" and (.since | test("^[0-9-]+T[0-9:.]+Z$"))'
	over p
}

@test "status: --watch shows it again when it changes, and ends with the pool" {
	pool p --max 1
	start watch wp-pool status p --watch -rno STATE,RUNNING
	until_true grep -q 'ready 0' watch.out
	held a p
	wait_line watch.out 'ready 1'
	let_go a
	end_pool p
	finish 0 "$pid_watch"
	assert_nothing_left
}

@test "status: --watch ends without a word when its reader goes" {
	local out
	pool p
	mkfifo show.out
	start show wp-pool status p --watch
	exec {out}<show.out
	read -r _ <&"$out"
	exec {out}<&-
	while wp-pool call p -- true && kill -0 "$pid_show" 2>/dev/null; do :; done
	finish 74 "$pid_show"
	assert_equal "$(cat show.err)" ""
	over p
}

@test "status: --watch of all sees pools come and go" {
	start watch wp-pool status --watch -rno POOL,STATE
	pool a
	wait_line watch.out '^a '
	pool b
	wait_line watch.out '^b '
	end_pool a
	pool c
	wait_line watch.out '^c '
	assert_equal "$(awk -v RS= 'END { print }' watch.out | cut -d ' ' -f 1)" $'b\nc'
	kill -TERM "$pid_watch"
	finish 143 "$pid_watch"
	over b c
}

@test "status: a pool that is stopped is said not to answer, the others are shown" {
	pool p
	pool q
	kill -STOP "$pid_pool_p"
	run -75 --separate-stderr wp-pool status -rno POOL
	assert_equal "$output" q
	assert_equal "$stderr" 'wp-pool: error: the pool "p" does not answer: it may be stopped'
	kill -CONT "$pid_pool_p"
	over p q
}

@test "status: what a pool and its guard left behind when both were killed is removed, and not shown" {
	pool p
	guard=$(guard_of "$pid_pool_p")
	kill -STOP "$pid_pool_p"     # or it would start another guard
	kill -KILL "$guard" "$pid_pool_p"
	finish 137 "$pid_pool_p"
	wait_ended "$guard"          # or it would hold the lock still
	[ -S "$WP_STATE/pipe/pool.p" ]
	run -0 wp-pool status
	assert_output ''
	assert_nothing_left
}

@test "status: figures for a monitoring system" {
	pool p --min 1 --max 2 --max-concurrency 3
	wp-pool call p -- false || true
	wp-pool status --format openmetrics >metrics
	for line in 'wp_pool_runners{pool="p"} 1' 'wp_pool_runners_max{pool="p"} 2' 'wp_pool_capacity{pool="p"} 6' \
		'wp_pool_calls_total{pool="p"} 1' 'wp_pool_failed_total{pool="p"} 1' 'wp_pool_wait_seconds_count{pool="p"} 1' \
		'wp_pool_wait_seconds_bucket{pool="p",le="+Inf"} 1'; do
		grep -qxF "$line" metrics || abort_test "not there: $line"
	done
	assert_equal "$(tail -n 1 metrics)" '# EOF'
	# A family has one head, and each sample belongs to the last one.
	awk '$1 == "#" && $2 == "TYPE" { if (seen[$3]++) exit 1; family = $3; next }
		$1 != "#" { name = $1; sub(/\{.*/, "", name); if (index(name, family) != 1) exit 1 }' metrics
	# What a histogram counts grows from class to class.
	awk '/_bucket/ { if ($2 < last) exit 1; last = $2 }' metrics
	wp-pool status --format openmetrics --textfile figures.prom
	assert_equal "$(grep -c . figures.prom)" "$(grep -c . metrics)"
	usage status 'option --textfile needs --format openmetrics' --textfile x
	over p
}

@test "status: mistakes on the command line" {
	pool p
	run -64 wp-pool status -o NOTHING
	assert_output --partial 'unknown column "NOTHING"'
	usage status 'exclude each other' --runners --calls
	usage status 'invalid format "xml"' --format xml
	over p
}
