#!/usr/bin/env bats
# wp-pool map: a command for every line.

load ../helpers
load pool

@test "map: the line is the last argument" {
	run -0 wp-pool map -j 1 -- printf '<%s>' a <<<$'x\ny z'
	assert_output '<a><x><a><y z>'
}

@test "map: {} is the line, wherever it stands" {
	run -0 wp-pool map -j 1 -- printf '%s|' 'a{}b' {} '{}{}' <<<$'x\ny z'
	assert_output 'axb|x|xx|ay zb|y z|y zy z|'
}

@test "map: the line never meets a shell" {
	run -0 wp-pool map -- echo {} <<<'$(touch gone); `id` "x" *'
	assert_output '$(touch gone); `id` "x" *'
	[ ! -e gone ]
}

@test "map: {key} is a member of a JSON line, strings decoded" {
	run -0 wp-pool map -j 1 -- printf '%s\n' '{src}' '{n}:{list}:{nothing}' \
		<<<'{"src":"a \"b\" \u00e9","n":1.50,"list":[1, {"a":2}],"nothing":null}'
	assert_output $'a "b" é\n1.50:[1,{"a":2}]:'
}

@test "map: {{key}} is the text {key}, other braces are themselves" {
	run -0 wp-pool map -j 1 -- printf '%s\n' '{{print}}' '{{}}' '{print $1}' '{1}' '${x' '{a b}' {} <<<'{"x":1}'
	assert_output $'{print}\n{}\n{print $1}\n{1}\n${x\n{a b}\n{"x":1}'
}

@test "map: awk programs work" {
	run -0 wp-pool map -j 1 --stdin -- awk '{{print}}' <<<$'a b\nc'
	assert_output $'a b\nc'
	run -0 wp-pool map -j 1 --stdin -- awk '{print $1}' <<<$'a b\nc'
	assert_output $'a\nc'
}

@test "map: a line without the member fails alone" {
	run -1 --separate-stderr wp-pool map -j 1 -- echo {a} <<<$'{"a":1}\n{"b":2}\nnot json\n{"a":3}'
	assert_output $'1\n3'
	assert_equal "$stderr" 'wp-pool: error: line 2: no member "a"
wp-pool: error: line 3: not a JSON object
wp-pool: 2 of 4 failed'
}

@test "map: a line with a NUL fails alone" {
	printf 'a\nb\0c\nd\n' >in
	run -1 --separate-stderr wp-pool map -j 1 -- echo <in
	assert_output $'a\nd'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 2: the line contains a NUL'
}

@test "map: --stdin feeds the line, whatever is in it" {
	printf 'a b\nc\0d' | wp-pool map -j 1 --stdin -- od -An -c >out
	run -0 sed 's/  */ /g' out
	assert_output $' a b \\n\n c \\0 d \\n'
}

@test "map: stdin is empty otherwise" {
	run -0 wp-pool map -j 1 -- sh -c 'cat; echo "$1"' sh <<<$'a\nb'
	assert_output $'a\nb'
}

@test "map: -0 takes lines that end with NUL" {
	run -0 wp-pool map -0 -j 1 -- printf '<%s>' < <(printf 'a\nb\0c\0')
	assert_output $'<a\nb><c>'
}

@test "map: nothing in, nothing run" {
	run -0 wp-pool map -- false </dev/null
	assert_output ''
}

@test "map: empty lines are lines, and the last one needs no newline" {
	run -0 wp-pool map -j 1 -- printf '<%s>' < <(printf 'a\n\nb')
	assert_output '<a><><b>'
}

@test "map: -j says how many run at once, WP_SLOT tells them apart" {
	mkfifo up gate
	seq 5 >in
	start_with in map wp-pool map -j 3 -- sh -c 'echo "slot $WP_SLOT" >up; read -r _ <gate; echo "$1" >>done' sh
	local slots=
	for _ in 1 2 3; do
		wait_line up slot
		slots+="${line#slot } "
	done
	assert_equal "$(printf '%s\n' $slots | sort | tr '\n' ' ')" '1 2 3 '
	[ ! -e done ]
	exec 7<>gate
	printf '\n\n\n\n\n' >&7
	finish 0
	assert_equal "$(sort done | tr '\n' ' ')" '1 2 3 4 5 '
	exec 7<&-
}

@test "map: WP_POOL_MAX_PROCS is -j's default" {
	mkfifo up gate
	seq 2 >in
	WP_POOL_MAX_PROCS=2 start_with in map wp-pool map -- sh -c 'echo up >up; read -r _ <gate' sh
	wait_line up up
	wait_line up up
	exec 7<>gate
	printf '\n\n' >&7
	finish 0
	exec 7<&-
	WP_POOL_MAX_PROCS=0 run -64 wp-pool map -- true </dev/null
	assert_output --partial 'out of range'
}

@test "map: input is read only as slots free up" {
	seq 200000 >in
	run -1 wp-pool map -j 1 --halt soon,fail=1 -- sh -c 'grep pos: "/proc/$PPID/fdinfo/0"; exit 1' sh <in
	[[ ${lines[0]} =~ pos:[[:space:]]*([0-9]+) ]]
	[ "${BASH_REMATCH[1]}" -le 131072 ]
}

@test "map: failed lines make exit status 1 and are counted" {
	run -1 --separate-stderr wp-pool map -- sh -c 'exit $(($1 % 2))' sh < <(seq 7)
	assert_equal "$stderr" 'wp-pool: 4 of 7 failed'
}

@test "map: a command killed by a signal has failed" {
	run -1 --separate-stderr wp-pool map -- sh -c 'kill -9 $$' sh <<<x
	assert_equal "$stderr" 'wp-pool: 1 of 1 failed'
}

@test "map: a command that is not there is exit 127, and nothing was read" {
	run -127 --separate-stderr wp-pool map -- no-such-command {} < <(seq 3)
	assert_equal "$stderr" 'wp-pool: error: command not found: "no-such-command"'
	seq 3 | { run -127 wp-pool map -- /no/such {}; cat; } >rest
	assert_equal "$(cat rest)" $'1\n2\n3'
}

@test "map: a command that cannot be run is exit 126" {
	echo text >file
	run -126 wp-pool map -- ./file <<<x
	assert_output --partial 'cannot run "./file"'
	run -126 wp-pool map -- / <<<x
}

@test "map: a script without #! is the shell's" {
	echo 'echo "sh $1"' >script
	chmod +x script
	run -0 wp-pool map -- ./script <<<x
	assert_output 'sh x'
}

@test "map: a command that goes away stops the run with 127" {
	printf '#!/bin/sh\nrm -f script\n' >script
	chmod +x script
	run -127 --separate-stderr wp-pool map -j 1 -- ./script < <(seq 5)
	[[ $stderr == *'cannot run "./script"'* ]]
}

@test "map: with a placeholder in its name, a command that is not there fails its line only" {
	run -1 --separate-stderr wp-pool map -j 1 -- {} ok <<<$'echo\nno-such-command\necho'
	assert_output $'ok\nok'
	[[ ${stderr_lines[0]} == 'wp-pool: error: line 2: command not found: "no-such-command"' ]]
}

@test "map: a line that is too long for exec fails alone" {
	{
		echo a
		head -c 3000000 /dev/zero | tr '\0' x
		echo
		echo b
	} >in
	run -1 --separate-stderr wp-pool map -j 1 -- echo <in
	assert_output $'a\nb'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 2: cannot run "echo": Argument list too long'
}

@test "map: a line over 16 MiB is named and fails alone" {
	{
		echo a
		head -c 17000000 /dev/zero | tr '\0' x
		echo
		echo b
	} >in
	run -1 --separate-stderr wp-pool map -j 1 --stdin -- head -c 5 <in
	assert_output $'a\nb'
	assert_equal "${stderr_lines[0]}" 'wp-pool: error: line 2: longer than 16777216 bytes'
	assert_equal "${stderr_lines[1]}" 'wp-pool: 1 of 3 failed'
}

@test "map: --stdin takes lines of many megabytes" {
	{
		head -c 10000000 /dev/zero | tr '\0' x
		echo
	} >in
	run -0 wp-pool map --stdin -- wc -c <in
	assert_output 10000001
}

@test "map: --retries runs a failed line again" {
	run -0 wp-pool map -j 2 --retries 2 -- sh -c 'echo x >>"$1"; [ "$(wc -l <"$1")" -eq 3 ]' sh < <(printf 'a\nb\n')
	assert_equal "$(cat a b | wc -l)" 6
	run -1 wp-pool map --retries 2 -- sh -c 'echo x >>c; exit 1' sh <<<x
	assert_equal "$(wc -l <c)" 3
}

@test "map: of retries only the last output is seen" {
	run -0 wp-pool map --retries 1 -- sh -c 'echo "try $(ls -d t | wc -l)"; mkdir t || exit 0; exit 1' sh <<<x
	assert_output --partial 'try 1'
	refute_output --partial 'try 0'
}

@test "map: --dry-run prints the commands, quoted, and runs nothing" {
	run -0 wp-pool map --dry-run -- touch 'a b' {} "it's" < <(printf 'x\n$HOME\n\ttab\n')
	assert_output "touch 'a b' x 'it'\\''s'
touch 'a b' '\$HOME' 'it'\\''s'
touch 'a b' \$'\\011tab' 'it'\\''s'"
	[ ! -e x ]
	eval "$(printf 'x\n' | wp-pool map --dry-run -- touch {})"
	[ -e x ]
	run -1 wp-pool map --dry-run -- echo {a} <<<'[]'
	assert_output --partial 'line 1: not a JSON object'
}

@test "map: options that exclude each other are refused" {
	local pair
	for pair in '--resume' '--window 2' '--output-fd 1' '--jobs --null' '--warm --null' '--jobs --stdin' \
		'--warm --stdin' '-u -k' '-u --jobs' '-u --warm' '-u --results ndjson' '-k --jobs' '--jobs --results ndjson' \
		'--jobs --retries 1' '--jobs --joblog x' '--dry-run --jobs' '--dry-run --warm' '--dry-run --joblog x'; do
		# shellcheck disable=SC2086
		run -64 wp-pool map $pair -- true </dev/null
	done
	run -64 wp-pool map --warm -- echo {} </dev/null
	assert_output --partial 'a warm command takes no placeholders'
	run -64 wp-pool map --jobs --output-fd 77 -- true </dev/null
	assert_output --partial 'descriptor 77 is not open'
	run -64 wp-pool map --halt maybe,fail=1 -- true </dev/null
	assert_output --partial 'invalid halt policy "maybe,fail=1"'
	run -64 wp-pool map --halt now,fail=101% -- true </dev/null
	run -64 wp-pool map -j 0 -- true </dev/null
	run -64 wp-pool map -j 5000 -- true </dev/null
	run -64 wp-pool map --timeout 5 -- true </dev/null
	run -64 wp-pool map </dev/null
}

@test "map: stdin that is closed is an error" {
	run -74 sh -c 'exec wp-pool map -- true <&-'
	assert_output --partial 'cannot read stdin'
}

@test "map: a directory as stdin is an error" {
	run -74 wp-pool map -- true <.
	assert_output --partial 'cannot read stdin'
}

@test "map: memory stays below 8 MiB over many lines" {
	seq 200000 >in
	wp-pool map --warm --window 16 -j 2 -- sh -c 'cat; grep VmHWM "/proc/$PPID/status" >peak' <in >out
	assert_equal "$(wc -l <out)" 200000
	# What the sanitizers need is not what the program needs.
	[ -n "${SANITIZE-}" ] || [ "$(tr -dc 0-9 <peak)" -lt 8192 ]
}
