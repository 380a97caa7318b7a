load ../helpers
load robust
load ../wp-presence/presence

# wp-presence when memory, disk, descriptors or processes run out

begin() { rm -f ran; }

@test "wp-presence track: the command runs tracked or not at all, and is gone afterwards" {
	stub ran <<<'wp-presence list -rno KEY >"$T/ran"'
	command=(wp-presence track worker-1 --capacity 5 -- ran)
	holds() {
		[ ! -e ran ] || [ "$(cat ran)" = worker-1 ] || return
		[ "$status" -ne 0 ] || [ -e ran ]
	}
	afterwards() { [ -z "$(wp-presence list -rno KEY)" ]; }
	sweep wp-presence 69 70 73 74 75 125 126 127
}

@test "wp-presence list and capacity: all of them or a reason" {
	live_state=1
	worker one one --capacity 5
	worker two two --capacity 7
	command=(wp-presence list -rno "KEY,CAPACITY")
	sweep wp-presence 69 70 73 74 75
	command=(wp-presence capacity)
	sweep wp-presence 69 70 73 74 75
	end_worker one
	end_worker two
}
