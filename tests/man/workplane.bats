load ../helpers

setup() {
	wp_setup
	stub flac <<-'SH'
		[ "$1" = -s ] && echo "$2" >>"$T/flac.ran"
	SH
	touch a.wav "b c.wav"
}

# Which files the stub of flac was called with.
assert_both_ran() {
	run -0 sort "$T/flac.ran"
	assert_output "a.wav
b c.wav"
}

@test "the loop and the pool do the same" {
	manual_block workplane.7 1 >loop
	manual_block workplane.7 2 >pool
	run -0 sh ./loop
	assert_both_ran
	rm flac.ran
	run -0 sh ./pool
	assert_both_ran
}

@test "the list in a queue" {
	manual_block workplane.7 3 >queue
	run -0 sh ./queue
	assert_both_ran
	run -0 sh ./queue
	assert_equal "$(wc -l <flac.ran)" 4
}

@test "members of an object are arguments" {
	stub convert <<-'SH'
		printf '%s\n' "$@" >"$T/convert.ran"
	SH
	manual_block workplane.7 4 | sed 's/^wp-jobs work/& --drain/' >thumbs
	run -0 sh ./thumbs
	run -0 cat convert.ran
	assert_output "a.png
-resize
200x
a.jpg"
}

@test "the pipeline that work is made of" {
	cat >send-mail <<-'SH'
		#!/bin/sh
		cat >>mail.sent
	SH
	chmod +x send-mail
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}'
	manual_block workplane.7 5 | sed 's/produce/& --limit 2/' >pipeline
	run -0 bash -o pipefail ./pipeline
	run -0 sort mail.sent
	assert_output '{"to":"ann"}
{"to":"bob"}'
	run -0 wp-jobs list -n
	assert_output ""
}

@test "who is present, and can be waited for" {
	cat >worker <<-'SH'
		#!/bin/sh
		read -r _ <gate
	SH
	chmod +x worker
	mkfifo gate
	fifo_fd "$T/gate"
	{ manual_block workplane.7 6 && echo wait; } >present
	start present sh ./present
	wait_line "$T/present.out" '^worker-2 '
	run -0 sort present.out
	assert_line --regexp '^worker-1 .* 5 '
	assert_line --regexp '^worker-2 .* 5 '
	printf '\n\n' >gate
	finish 0 "$pid_present"
	run -0 wp-presence list
	assert_output ""
}

@test "a pool with a name" {
	mkdir dir
	echo 1 >dir/a
	manual_block workplane.7 7 >named
	sh ./named >out 2>err 3>&-
	assert_equal "$(tar -xzOf dir.tar.gz dir/a)" 1
	assert_both_ran
	run -0 wp-pool status
	assert_output ""
	assert_equal "$(cat out err)" ""
}

@test "consumers with names" {
	cat >follow <<-'SH'
		#!/bin/sh
		n=0
		while read -r message; do
			case $message in
			'"how many?"') ;;
			'"forget"') n=0 ;;
			*) n=$((n + 1)) ;;
			esac
			echo $n
		done
	SH
	chmod +x follow
	printf '{"table":"%s"}\n' orders users orders >changes
	manual_block workplane.7 8 >consumers
	sh ./consumers >out 2>err 3>&-
	assert_equal "$(cat err)" ""
	assert_equal "$(head -n 3 out | jq -r '[.to, .result, .reply] | join(" ")' | sort)" "orders delivered 1
orders delivered 2
users delivered 1"
	assert_equal "$(sed -n 4p out)" 2
	assert_equal "$(sed -n '5,6p' out | jq -r '[.to, .result, .reply] | join(" ")' | sort)" "orders delivered 0
users delivered 0"
	assert_equal "$(sed -n '7,$p' out)" "HANDLE STATE   DELIVERED
orders running         4
users  running         2"
	wp-registry remove users orders
}

@test "processes on nodes" {
	cat >serve <<-'SH'
		#!/bin/sh
		echo "$1" >>served
		exec sleep 1000
	SH
	chmod +x serve
	manual_block workplane.7 9 >cluster
	sh ./cluster >out 2>err 3>&-
	assert_equal "$(cat err)" ""
	assert_equal "$(sort -u served | paste -sd ' ')" "web-1 web-2 web-3"
	assert_equal "$(head -n 3 out | jq -r '[.child, .result] | join(" ")' | sort)" "web-1 started
web-2 started
web-3 started"
	run -0 grep -E '^(NODE|alpha|beta) ' out
	assert_line --regexp '^alpha +drained +0$'
	assert_line --regexp '^beta +open +3$'
	run -0 grep -A 2 '^web-1, replica 0: running on beta$' out
	assert_output --partial "alpha: takes nothing more"
	assert_equal "$(tail -n 3 out | jq -r '[.child, .result] | join(" ")' | sort)" "web-1 stopped
web-2 stopped
web-3 stopped"
	local nodes
	nodes=$(wp-distribute nodes -rno PID)
	# shellcheck disable=SC2086 # two of them
	kill $nodes && wait_ended $nodes
}

@test "each function of EctoJob.Producer has a line, and so have its options and messages" {
	sed -n '/Coming from ecto_job/,/^\.Ss Coming from Ph/s/^\.It Li //p' "$TOP/man/workplane.7" | sed 's/ , /\n/g' >answered
	local name
	for name in handle_demand "handle_info :poll" "handle_info :notification" init start_link name repo schema notifier "state()"; do
		run -0 grep -Fx "$name" answered
	done
}

@test "each function of LightningWeb.WorkerPresence has a line" {
	sed -n '/Coming from Phoenix/,/^\.Sh/s/^\.It Li //p' "$TOP/man/workplane.7" >answered
	local name
	for name in "child_spec(opts)" "fetch(topic, presences)" "fetchers_pids()" "get_by_key(topic, key)" "list(topic)" \
		"total_worker_capacity()" "track(socket, key, meta)" "track(pid, topic, key, meta)" \
		"track_worker(pid, worker_id, capacity)" "untrack(socket, key)" "untrack(pid, topic, key)" \
		"update(socket, key, meta)" "update(pid, topic, key, meta)"; do
		run -0 grep -Fx "$name" answered
	done
}

@test "each function of FLAME.Pool has a line" {
	sed -n '/Coming from FLAME/,/^\.Sh/s/^\.It Li //p' "$TOP/man/workplane.7" >answered
	local name
	for name in "call(name, func, opts)" "cast(name, func, opts)" "child_spec(opts)" \
		"place_child(name, child_spec, opts)" "start_link(opts)"; do
		run -0 grep -Fx "$name" answered
	done
}

@test "each function of Electric.Shapes.ConsumerRegistry has a line" {
	sed -n '/Coming from Electric/,/^\.Sh/s/^\.It Li //p' "$TOP/man/workplane.7" | sed 's/ , /\n/g' >answered
	local name
	for name in "active_consumer_count(stack_id)" "broadcast(handle_event_pids)" \
		"enable_suspend(stack_id, hibernate_after, jitter_period)" "name(stack_id, shape_handle)" "new(stack_id, opts)" \
		"publish(events_by_handle, registry_state)" "register_consumer(pid, shape_handle, stack_id)" "register_name(arg, pid)" \
		"remove_consumer(shape_handle, stack_id)" "unregister_name(arg)" "whereis(stack_ref, shape_handle)" "whereis_name(arg)" \
		"t()" "stack_ref()"; do
		run -0 grep -Fx "$name" answered
	done
}

@test "each function of ProcessHub.Service.Distributor has a line, and so have its options and the strategies" {
	sed -n '/Coming from ProcessHub/,/^\.Sh/s/^\.It Li //p' "$TOP/man/workplane.7" | sed 's/ , /\n/g' >answered
	local name
	for name in "children_redist_init(hub, node, children_data, opts)" "children_terminate(hub, child_ids, sync_strategy, stop_opts)" \
		"default_init_opts(opts)" "init_children(hub, child_specs, opts)" "stop_children(hub, child_ids, opts)" \
		"which_children_global(hub, opts)" "which_children_local(hub, opts)" \
		timeout awaitable async_wait check_existing on_failure metadata await_timeout init_cids \
		Strategy.Distribution.ConsistentHashing Strategy.Distribution.Guided Strategy.Distribution.CentralizedLoadBalancer \
		Strategy.Redundancy.Singularity Replication Strategy.Migration.ColdSwap HotSwap Strategy.Synchronization.PubSub Gossip \
		Strategy.PartitionTolerance.Divergence StaticQuorum Strategy.PartitionTolerance.DynamicQuorum MajorityQuorum; do
		run -0 grep -Fx "$name" answered
	done
}
