# What the bats files of wp-pool share beside ../helpers.

# start_with FILE NAME COMMAND...: as start, with FILE as its stdin.
start_with() {
	local file=$1 name=$2
	shift 2
	"$@" <"$file" >"$T/$name.out" 2>"$T/$name.err" 3>&- &
	pid=$!
	printf -v "pid_$name" %s "$pid"
}
