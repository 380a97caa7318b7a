load ../helpers
load robust

# wp-registry when memory, disk, descriptors or processes run out

@test "wp-registry define: it is there or not" {
	command=(wp-registry define orders -- cat)
	handles() { wp-registry list -rno HANDLE; }
	holds() { [ "$status" -ne 0 ] || [ "$(handles)" = orders ]; }
	again() { [ "$(handles)" = orders ] || "${command[@]}" >/dev/null; }
	sweep wp-registry 69 70 73 74 75
}

@test "wp-registry list: all of them or a reason" {
	wp-registry define orders -- cat
	wp-registry define users -- cat
	keep
	command=(wp-registry list -rno "HANDLE,STATE")
	sweep wp-registry 69 70 73 74 75
}

# The consumer is started by the message, and is as short of everything as who sends it. It ends by itself.
@test "wp-registry send: what it says was delivered was" {
	stub ran <<<'tee -a "$T/ran"'
	wp-registry define orders --suspend-after 300ms --on-crash restart -- ran
	keep
	begin() { rm -f ran; }
	command=(wp-registry send orders text)
	holds() { [ "$status" -ne 0 ] || [ "$(cat ran)" = text ]; }
	sweep wp-registry 1 69 70 73 74 75 125 126 127
}

@test "wp-registry send to a durable consumer: what it says is kept is dealt with" {
	stub ran <<<'tee -a "$T/ran"'
	wp-registry define orders --durable --suspend-after 300ms --on-crash restart -- ran
	keep
	begin() { rm -f ran; }
	command=(wp-registry send --no-wait orders text)
	# Whether it was dealt with is seen when another message has been.
	again() {
		wp-registry send --timeout 20s orders last >/dev/null || return
		all_gone || return
		[ "$status" -ne 0 ] || grep -qx text ran || grep -q textlast ran
	}
	sweep wp-registry 1 69 70 73 74 75 125 126 127
}
