load ../helpers
load robust

# wp-distribute when memory, disk, descriptors or processes run out

children() { wp-distribute list -rno ID | sort -u | paste -sd ' '; }

@test "wp-distribute start: all of its children are to run, or none" {
	command=(wp-distribute start web-1 web-2 -- true)
	holds() { [ "$status" -ne 0 ] || [ "$(children)" = "web-1 web-2" ]; }
	again() {
		local there
		there=$(children)
		case $there in
		'') "${command[@]}" >/dev/null ;;
		'web-1 web-2') ;;          # it was done, and that could not be said
		*) echo "only $there" && return 1 ;;
		esac
	}
	sweep wp-distribute 69 70 73 74 75
}

@test "wp-distribute plan and list: all of it or a reason" {
	wp-distribute start web-1 web-2 web-3 -- true
	keep
	command=(wp-distribute plan)
	sweep wp-distribute 69 70 73 74 75
	command=(wp-distribute list -rno "ID,STATE")
	sweep wp-distribute 69 70 73 74 75
}

@test "wp-distribute node: what it runs ends with it" {
	beside a-while wp-distribute start web --await --timeout 2s -- sleep 1000 <<<'wp-distribute node alpha --drain-timeout 1s --ready-fd 3'
	command=(a-while)
	normal() { :; }
	sweep wp-distribute 69 70 73 74 75
}
