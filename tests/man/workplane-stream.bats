load ../helpers
load ../wp-registry/registry

@test "the handler's answer made by jq is what the page shows" {
	manual_block workplane-stream.5 14 >block
	sed -n '/^\$ /,/^ /p' block | sed 's/^\$ //' >asked
	run -0 sh ./asked
	assert_output "$(tail -n 1 block)"
}

@test "the warm worker answers ok and retry" {
	stub greet <<-'SH'
		[ "$1" = ann ]
	SH
	manual_block workplane-stream.5 15 >worker
	cat >jobs.in <<-'JOBS'
		{"id":1,"queue":"q","payload":{"to":"ann"},"lease":"a"}
		{"id":2,"queue":"q","payload":{"to":"bob"},"lease":"b"}
	JOBS
	run -1 --separate-stderr wp-pool map --jobs --warm -j 1 -- sh ./worker <jobs.in
	echo "$output" | jq -r '"\(.id) \(.lease) \(.status) \(.error)"' >got
	run -0 grep -v started got
	assert_output - <<-'GOT'
		1 a ok null
		2 b retry nobody there
	GOT
}

@test "the shortest answer, the job line and the result line are lines of their kind" {
	stub handler <<-'SH'
		exit 3
	SH
	manual_block workplane-stream.5 1 | tr -d "\n" >job.in
	run -1 --separate-stderr wp-pool map --jobs -- handler <job.in
	assert_equal "$(jq -c '[.id, .lease, .status, .exit]' <<<"$output")" '[7,"...","retry",3]'
	assert_equal "$(manual_block workplane-stream.5 3 | jq -c keys)" '["duration","error","exit","id","lease","status"]'
	assert_equal "$(manual_block workplane-stream.5 4 | jq -c .)" '{"status":"ok"}'
}

@test "the cancel line stops the job of the job line" {
	mkfifo in up
	fifo_fd "$T/in"
	start map sh -c 'exec wp-pool map --jobs --kill-after 100ms -- sh -c "echo up >up; exec sleep 1000" <in'
	manual_block workplane-stream.5 1 | tr -d "\n" >job
	echo >>job
	cat job >in
	wait_line "$T/up" up
	manual_block workplane-stream.5 2 >in
	wait_line "$T/map.out" '"fail"'
	assert_equal "$(jq -c '[.id, .lease, .error]' <<<"$line")" '[7,"...","cancelled"]'
	kill "$pid_map"
	finish 1 "$pid_map"
}

# The names of an object's members, in the order in which they stand there.
members() { jq -c keys_unsorted; }

@test "event lines and entry lines have the members that the page shows" {
	wp-presence track sentinel --pid $$ >refs
	start watch wp-presence watch --snapshot
	wait_line "$T/watch.out" '"sentinel"'
	wp-presence untrack sentinel
	wp-presence track worker-1 --ref r --meta '{"a":1}' -- true
	wait_line "$T/watch.out" '"leave".*"worker-1"'
	assert_equal "$(members <<<"$line")" "$(manual_block workplane-stream.5 5 | members)"
	kill "$pid_watch"
	finish 143 "$pid_watch"
	wp-presence track worker-1 --pid $$ --meta '{"a":1}' >refs
	wp-presence list --format ndjson >entry
	assert_equal "$(members <entry)" "$(manual_block workplane-stream.5 6 | members)"
	wp-presence watch --snapshot --timeout 1ms >present || [ $? -eq 75 ]
	assert_equal "$(jq -c '[.event, .topic, .key, .meta, has("reason")]' present)" '["present","workers","worker-1",{"a":1},false]'
	assert_equal "$(jq -r .at present)" "$(jq -r .joined_at entry)"
}

@test "a fetch command prints entry lines with what it adds, and may leave out what it likes" {
	manual_block workplane-stream.5 6 | jq -c '.owner = "ann"' >with-more
	wp-presence track worker-1 --pid $$ >refs
	run -0 wp-presence list --fetch 'cat with-more' --format ndjson
	assert_output "$(cat with-more)"
	run -0 wp-presence list --fetch 'echo "{\"key\":\"k\"}"' -rno KEY,PID,CAPACITY
	assert_line --regexp '^k '
}

# A consumer orders of the stack shop, whose handler fails with what the page shows.
no_such_order() {
	stub handler <<-'SH'
		echo '{"error":"no such order"}'
		exit "$1"
	SH
	wp-registry define orders --stack shop "$@"
}

@test "a message line is taken, and its delivery line has the members that the page shows" {
	no_such_order -- handler 3
	manual_block workplane-stream.5 7 >message
	run -1 wp-registry publish <message
	assert_equal "$(jq -c 'del(.duration)' <<<"$output")" \
		"$(manual_block workplane-stream.5 9 | jq -c 'del(.duration, .offset)')"
	wp-registry remove --stack shop orders
	# 65: the handler drops it, and the offset is told.
	no_such_order --durable -- handler 65
	run -1 wp-registry publish <message
	assert_equal "$(members <<<"$output")" "$(manual_block workplane-stream.5 9 | members)"
	wp-registry remove --stack shop orders
}

@test "what a warm and durable consumer gets is what the page shows" {
	stub handler <<-'SH'
		exec tee -a given
	SH
	wp-registry define orders --stack shop --durable --warm -- handler
	local i
	for i in 1 2 3 4 5 6 7; do
		manual_block workplane-stream.5 7
	done | wp-registry publish >delivered
	manual_block workplane-stream.5 8 >want
	run -0 tail -n 1 given
	assert_output "$(cat want)"
	assert_equal "$(jq -c 'select(.offset == 7) | .reply' delivered)" "$(cat want)"
	wp-registry remove --stack shop orders
}

@test "events of consumers have the members that the page shows, and all have their names there" {
	watcher watch
	wp-registry define orders --stack shop --warm -- sh -c 'read -r _ && exit 3'
	run -1 wp-registry send orders --stack shop 1
	wait_line "$T/watch.out" '"crash"'
	assert_equal "$(jq -c 'del(.at, .pid)' <<<"$line")" "$(manual_block workplane-stream.5 10 | jq -c 'del(.at, .pid)')"
	assert_equal "$(members <<<"$line")" "$(manual_block workplane-stream.5 10 | members)"
	wp-registry remove --stack shop orders
	wait_line "$T/watch.out" '"remove"'
	wp-registry define idle --hibernate-after 1ms --suspend-after 1ms -- cat
	wp-registry send idle hello >reply
	wait_line "$T/watch.out" '"suspend"'
	registered brief -- cat
	kill "$pid_brief"
	unregistered brief 0
	wait_line "$T/watch.out" '"leave"'
	wp-registry remove idle
	stop_watcher watch
	run -0 sed -n '/^\.Ss Consumer event/,/^\.Pp/s/^\.It Cm //p' "$TOP/man/workplane-stream.5"
	assert_equal "$(jq -r 'select(.stack != "sentinel") | .event' watch.out | sort -u)" "$(sort <<<"$output")"
}

# The nodes that the test has started by "wp-distribute node" end, and their children have been stopped.
nodes_leave() {
	local pids
	pids=$(wp-distribute nodes -rno PID)
	# shellcheck disable=SC2086 # as many as there are
	kill $pids && wait_ended $pids
}

@test "a child line is taken, and all its members are on the page" {
	stub train <<-'SH'
		echo "$WP_CHILD_ID $1 $EPOCHS $PWD" >>"$T/trained"
		exec sleep 1000
	SH
	start alpha wp-distribute node alpha
	manual_block workplane-stream.5 11 | tr -d '\n' | jq -c --arg dir "$T/bin" '.dir = $dir | .command[0] = "train"' >lines
	run -0 wp-distribute start --await -f lines
	assert_equal "$(jq -r '[.child, .replica, .result, .node] | join(" ")' <<<"$output")" "train 0 started alpha"
	wait_line "$T/trained" '^train '
	assert_equal "$line" "train alpha 9 $T/bin"
	wp-distribute stop --await train >stopped
	nodes_leave
	sed -n '/^\.Ss Child lines/,/^\.Ss/s/^\.It Va //p' "$TOP/man/workplane-stream.5" | sed 's/ , /\n/g' | sort >described
	grep -oP 'take_[a-z]+\((&?[a-z>-]+, )?(root, )?.*?"\K[a-z_]+(?=")|json_object_get\(root, "\K[a-z_]+' \
		"$TOP/cmd/wp-distribute/spec.c" | sort -u >taken
	assert_equal "$(cat described)" "$(cat taken)"
}

@test "outcome lines and events of children have the members that the page shows" {
	start alpha wp-distribute node alpha
	start watch wp-distribute watch --snapshot
	wait_line "$T/watch.out" '"alpha"'
	wp-distribute start train -- sh -c 'exit 3' >initiated
	wait_line "$T/watch.out" '"fail"'
	assert_equal "$(members <<<"$line")" "$(manual_block workplane-stream.5 13 | members)"
	assert_equal "$(jq -c 'del(.at)' <<<"$line")" "$(manual_block workplane-stream.5 13 | jq -c 'del(.at)')"
	run -1 wp-distribute await train
	assert_equal "$(jq -c . <<<"$output")" "$(manual_block workplane-stream.5 12 | jq -c .)"
	wp-distribute stop train >stopped
	kill "$pid_watch"
	finish 143 "$pid_watch"
	nodes_leave
}

@test "all events of children and nodes have their names on the page, and no others" {
	sed -n '/^\.Ss Child event/,/^With$/s/^\.It Cm //p' "$TOP/man/workplane-stream.5" | sort >described
	cat "$TOP"/cmd/wp-distribute/cluster*.c | tr -d '\n\t' | grep -oP 'cluster_tell\([^;]*?;' |
		grep -oP '^cluster_tell\(c, \K[^,]*' | grep -oP '"\K[a-z]+(?=")' | sort -u >told
	assert_equal "$(cat described)" "$(cat told)"
	sed -n '/^\.Ss Outcome/,/^see$/p' "$TOP/man/workplane-stream.5" | sed -n 's/^\.Cm //p' | sed 's/ [,;:]//g; s/ /\n/g' |
		grep -vx 'terminate\|wp-distribute\|start\|await\|stop' | sort -u >described
	grep -ohP '(outcome_print\(|\[REPLICA_[A-Z]+\] = |print_replicas\().*' "$TOP"/cmd/wp-distribute/{outcome,start,stop}.c |
		grep -oP '"\K[a-z]+(?=")' | grep -vx 'waiting\|placed' | sort -u >told
	assert_equal "$(cat described)" "$(cat told)"
}

@test "each line to the consumer whose address was asked for" {
	wp-registry define orders -- cat
	seq 2 >changes
	manual_block workplane-stream.5 16 >publish
	run -0 sh ./publish
	assert_equal "$(jq -c '[.to, .result, .reply]' <<<"$output")" '["orders","delivered",1]
["orders","delivered",2]'
	wp-registry remove orders
}
