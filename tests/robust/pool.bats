load ../helpers
load robust

# wp-pool when memory, disk, descriptors or processes run out

# Every line that it says nothing bad of has run.
@test "wp-pool map: a line runs or is said to have failed" {
	stub ran <<<'echo "$1" >>"$T/ran"; echo "$1"'
	seq 5 >input
	begin() { rm -f ran; }
	command=(wp-pool map -j 1 -- ran {})
	holds() { [ "$status" -ne 0 ] || [ "$(paste -sd ' ' ran)" = "1 2 3 4 5" ]; }
	sweep wp-pool 1 69 70 74 75 125 126 127
}

@test "wp-pool map --warm: a line is answered or is said to have failed" {
	seq 5 >input
	command=(wp-pool map -j 1 --warm -- cat)
	sweep wp-pool 1 69 70 74 75 125 126 127
}

@test "wp-pool start: what it runs ends with it" {
	beside a-while wp-pool call alpha --timeout 5s -- true <<<'wp-pool start alpha --min 1 --ready-fd 3'
	command=(a-while)
	normal() { :; }
	sweep wp-pool 1 69 70 73 74 75 125
}

# Who calls is short of everything, not the pool.
@test "wp-pool call: the command's status, or a reason why it was not run" {
	mkfifo up
	fifo_fd up
	start pool wp-pool start alpha --min 1 --ready-fd "$fd"
	wait_line up ''
	live_state=1
	begin() { rm -f ran; }
	stub ran <<<'echo ran >>"$T/ran"'
	command=(wp-pool call alpha -- ran)
	holds() { [ "$status" -ne 0 ] || [ "$(cat ran)" = ran ]; }
	sweep wp-pool 69 70 73 74 75 125 126 127
	wp-pool stop alpha
	finish 0 "$pid_pool"
}
