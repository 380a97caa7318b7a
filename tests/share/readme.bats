#!/usr/bin/env bats
# The commands of README.md, as they stand there; what they work with are stand-ins.

load ../helpers

# readme TEXT: the fenced block in which this is.
readme() {
	awk -v text="$1" '/^```/ { if (on && there) exit; on = !on; there = 0; block = ""; next }
		on { block = block $0 "\n"; there = there || index($0, text) } END { if (there) printf "%s", block }' "$TOP/README.md" >block
	[ -s block ]
}

# script NAME: an executable in the current directory, whose shell text is on stdin.
script() {
	{ echo '#!/bin/sh' && cat; } >"$1"
	chmod +x "$1"
}

# Streams that would go on for ever say what there is, and end.
end_watches() { sed -i 's/wp-[a-z]* watch/& --snapshot --timeout 1ms/' block; }

jobs_of_readme() {
	stub convert <<<'echo "$*" >>converted'
	script send-mail <<<'grep -q ann || exit 65'
	touch b.png "c d.png"
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}' >ids
	readme 'wp-jobs add -q thumbs'
	sed -i 's/work -q thumbs/& --drain/' block
	run -0 --separate-stderr sh ./block
	assert_equal "$(sort converted)" $'./b.png -resize 200x ./b.png.jpg\n./c d.png -resize 200x ./c d.png.jpg\na.png -resize 200x a.jpg'
	assert_equal "$(sed -n '1,3p;$p' <<<"$output")" $'3\n4\n5\n2'
	assert_line --regexp '^mail( +0){6} +1 '
	assert_equal "$(sed -n '/^{/,/^}/p' <<<"$output" | jq -c '.jobs[] | [.id, .payload.to]')" '[2,"bob"]'
	run -0 wp-jobs list -rno ID,QUEUE,STATE
	assert_output $'2 mail available\n6 report available'
}
@test "README: jobs, on SQLite" { jobs_of_readme; }
@test "README: jobs, on Postgres" {
	jobs_backend postgres
	jobs_of_readme
}

@test "README: the three parts of work" {
	script send-mail <<<'cat >>sent'
	wp-jobs add -q mail '{"to":"ann"}' '{"to":"bob"}' >ids
	readme 'wp-jobs produce'
	sed -i 's/--follow/& --limit 2/' block
	run -0 bash -o pipefail ./block
	assert_equal "$(sort sent)" $'{"to":"ann"}\n{"to":"bob"}'
	assert_equal "$(wp-jobs list -n)" ""
}

@test "README: a list through a pool" {
	stub flac <<<'echo "$*" >>ran'
	touch a.wav "b c.wav"
	readme 'wp-pool map -j 4'
	run -0 sh ./block
	assert_equal "$(sort ran)" $'-s a.wav\n-s b c.wav'
}

@test "README: a pool with a name" {
	stub ffmpeg <<<'cp "$2" "$3"'
	stub flac <<<'echo "$WP_POOL $2" >>ran'
	script long-report <<<'echo reported >report'
	script listener <<<'exec sleep 1000'
	mkdir dir backends
	script backends/ssh <<-'SH'
		case $1 in
		boot) echo "$2" && cat ;;
		exec) shift 3 && exec "$@" ;;
		*) exit 64 ;;
		esac
	SH
	export WP_BACKENDS=$T/backends
	echo film >in.mp4
	echo 1 >dir/a
	touch a.wav "b c.wav"
	readme 'wp-pool start ffmpeg'
	# A script does not wait as one does who types; and it ends.
	sed -i 's/ --watch//; s/^wp-pool start ffmpeg.*/&\nwp-pool wait ffmpeg/; s/^wp-pool start remote.*/& \&/' block
	sh ./block >out 2>err 3>&-
	assert_equal "$(cat out.webm)" film
	assert_equal "$(tar -xJOf dir.tar.xz dir/a)" 1
	assert_equal "$(sort ran)" $'ffmpeg a.wav\nffmpeg b c.wav'
	until_true grep -qsx reported report
	assert_equal "$(wp-pool status -rno MIN,MAX,MAX-CONCURRENCY ffmpeg)" "2 20 4"
	run -0 wp-pool status --calls -rno COMMAND ffmpeg
	assert_line ./listener
	wp-pool wait remote
	run -0 wp-pool call remote -- echo hello
	assert_output hello
	assert_equal "$(wp-pool status -rno MAX,BACKEND remote)" "4 ssh"
	wp-pool stop remote
	wp-pool stop ffmpeg --now
	assert_equal "$(cat err)" ""
}

@test "README: who is there to work" {
	script worker <<-'SH'
		echo up >up
		read -r _ <gate
	SH
	script start-the-batch <<<'echo started'
	mkfifo up gate
	fifo_fd "$T/gate"
	wp-presence track others --capacity 9 --pid $$ >refs
	readme 'wp-presence track worker-1'
	end_watches
	sed -i 's|-- ./worker .*|-- ./worker \&\nread -r _ <up|' block
	{ echo 'sleep 1000 & pid=$!' && cat block && echo 'kill "$pid" && echo >gate && wait'; } >script-example
	run -0 --separate-stderr sh ./script-example
	assert_equal "$stderr" ""
	# All together, and what is free of it.
	assert_equal "$(sed -n '2,3p' <<<"$output")" $'20\n20'
	assert_line --regexp '^worker-2 '
	assert_line --regexp '^\["present","shell-[0-9]+",null\]$'
	assert_line started
	assert_equal "$(sed -n '/^{/,/^}/p' <<<"$output" | jq -c '.presence[] | [.key, .capacity]')" '["worker-1",5]'
	assert_equal "$(wp-presence list -rno KEY)" others
}

@test "README: processes with names" {
	local name
	for name in orders users; do
		script "$name-consumer" <<<'exec sed -u "s/^/re:/"'
	done
	script book <<<'cat >>booked'
	wp-registry define shape-1 -- cat
	printf '{"table":"users"}\n{"table":"none"}\n' >changes
	readme 'wp-registry register orders'
	end_watches
	sed -n '1{s/register/& --ready-fd 9/; s/^/exec /; p}' block >register
	mkfifo ready
	start orders sh -c '. ./register 9>ready'
	run -0 cat ready
	sed -i 1d block
	run -0 --separate-stderr sh ./block
	assert_equal "$stderr" ""
	assert_line --index 0 're:{"lsn":1}'
	assert_equal "$(sed -n '2,4p' <<<"$output" | jq -r '[.to, .result] | join(" ")' | sort)" $'none unknown\nshape-1 delivered\nusers delivered'
	assert_line "$pid_orders"
	assert_line --regexp '^orders .* running '
	assert_line '["running","orders",null]'
	run -0 --separate-stderr wp-registry send --no-wait ledger '{"amount":1}'
	run -0 wp-registry send ledger '{"amount":2}'
	assert_equal "$(cat booked)" $'{"amount":1}\n{"amount":2}'
	wp-registry remove orders users ledger shape-1
	finish 0 "$pid_orders"
}

is_in_hand() { wp-jobs list -rno STATE | grep -qx in_progress; }
# Of whoever was killed, nothing is left.
is_given_back() {
	wp-jobs sweep >swept
	! is_in_hand
}

@test "README: what is shown of a worker that is killed is what happens" {
	readme '$ kill -9'
	sed 's/^\$ \(.*\)/cat <<"SHOWN"\n&\nSHOWN\n\1/; t; d' block |
		sed 's/^wp-jobs work .*&$/&\nuntil_true is_in_hand/; s/^kill -9 .*/&\nuntil_true is_given_back/' >session
	# What comes to stderr is shown where it comes, but for what the shell and, sometimes, its own pool say of the one that was killed.
	(
		set +e
		exec 2>&1
		source ./session
	) 3>&- | grep -vE ' Killed |: 1 not finished$' >shown
	assert_equal "$(cat shown)" "$(cat block)"
}

# The nodes that the test has started, and what runs on them.
end_cluster() {
	local pids
	wp-distribute list -rno ID | sort -u | xargs -r wp-distribute stop --await --timeout 30s >stopped
	pids=$(wp-distribute nodes -rno PID)
	# shellcheck disable=SC2086 # as many as there are
	kill $pids && wait_ended $pids
}

# start_node NAME [OPTION...]
start_node() {
	mkfifo ready
	start "$1" sh -c 'exec wp-distribute node --ready-fd 9 "$@" 9>ready' sh "$@"
	run -0 cat ready
	rm ready
}

is_node() { wp-distribute nodes -rno NODE | grep -qFx "$1"; }

@test "README: processes on nodes" {
	local name
	for name in serve db; do
		script "$name" <<<'exec sleep 1000'
	done
	# It hands over what it knows.
	manual_block wp-distribute.1 1 >cache
	chmod +x cache
	echo '{"id":"train","command":["sleep","1000"]}' >children.ndjson
	# Where two replicas can be, also without alpha.
	start_node beta
	start_node gamma
	readme 'wp-distribute node alpha'
	end_watches
	sh ./block >out 2>err 3>&-
	assert_equal "$(cat err)" ""
	assert_equal "$(grep '^{' out | jq -r '[.child, .result] | join(" ")' | sort)" \
		$'cache initiated\ndb initiated\ntrain started\nweb-1 started\nweb-2 started'
	run -0 cat out
	assert_line --regexp '^web-1 +0 +(alpha|beta|gamma) '
	assert_line --regexp $'^(alpha|beta|gamma)\t[0-9]+$'
	assert_line --regexp '^web-1, replica 0: running on (alpha|beta|gamma)$'
	assert_line --regexp '^\["running","web-1","(beta|gamma)",null\]$'
	run -0 wp-distribute nodes -rno NODE,STATE,CAPACITY,CHILDREN,LABELS
	assert_line --regexp '^alpha drained 8 0 '
	end_cluster
}

@test "README: what is shown of a node that is drained, and put back, is what happens" {
	local command
	start_node alpha --capacity 8
	start_node beta --capacity 4
	wp-distribute start web-1 web-2 web-3 --await -- sleep 1000 >started
	readme '$ wp-distribute drain alpha'
	while IFS= read -r command; do
		echo "\$ $command"
		sh -c "$command"
	done < <(sed -n 's/^\$ //p' block) >shown 2>&1
	# One that has moved just then may not run yet.
	sed -i 's/\bplaced\b/running/' shown
	assert_equal "$(cat shown)" "$(cat block)"
	end_cluster
}

@test "README: a job of somebody's own transaction" {
	jobs_backend postgres
	sql "CREATE TABLE orders (id serial)"
	readme 'SELECT workplane.add_job'
	run -0 sql "$(sed 's/orders \.\.\./orders DEFAULT VALUES/' block)"
	run -0 wp-jobs list -rno QUEUE,PAYLOAD
	assert_output 'mail {"to":"ada@example.com"}'
	assert_equal "$(sql "SELECT count(*) FROM orders")" 1
}

@test "README: each block is taken by a test, but the two commands, which install packages" {
	awk '/^```/ { if (on) print block; on = !on; block = ""; next } on { block = block " " $0 }' "$TOP/README.md" >blocks
	assert [ "$(wc -l <blocks)" -ge 10 ]
	{ grep -oP "^\treadme '\K[^']+" "$BATS_TEST_FILENAME" && echo 'sh share/bootstrap demo'; } >taken
	assert_equal "$(grep -vFf taken blocks)" ""
}

@test "README: the two commands are words of share/bootstrap" {
	readme 'sh share/bootstrap check'
	run -0 sh "$TOP/share/bootstrap" --help
	local word
	for word in $(grep -oP '^sh share/bootstrap \K[a-z]+' block); do
		assert_output --regexp "bootstrap [a-z|-]*\b$word\b"
	done
}
