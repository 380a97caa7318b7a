#!/usr/bin/env bats
# Every literal display of the manual pages is taken by a test, from the page.

load ../helpers

# displays PAGE: how many there are, and of these before its EXAMPLES.
displays() {
	awk '/^\.Bd -literal/ { n++ } /^\.Sh EXAMPLES/ { before = n } END { print n + 0, before + 0 }' "$TOP/man/$1"
}

# taken PAGE: the numbers of those that a test asks for, of the page or under its EXAMPLES.
taken() {
	local own=$TOP/tests/man/${1%.*}.bats before
	before=$(displays "$1" | cut -d ' ' -f 2)
	grep -ohE "manual_block $1 [0-9]+" "$own" "$TOP"/tests/*/*.bats | sed 's/.* //'
	grep -oE '(^|[^a-z_])example(_with_roles)? [0-9]+' "$own" | awk -v before="$before" '{ print $NF + before }'
	grep -ohE "manual_example $1 [0-9]+" "$TOP"/tests/*/*.bats | awk -v before="$before" '{ print $NF + before }'
}

@test "each example of each page is run by a test" {
	local page all
	for page in "$TOP"/man/*; do
		page=${page##*/}
		read -r all _ < <(displays "$page")
		taken "$page" >taken
		seq "$all" | grep -vxFf taken | sed "s/^/$page: display /" || true
	done >forgotten
	assert_equal "$(cat forgotten)" ""
}

@test "the pages have no examples but in their displays" {
	# .Dl and the like are displays that nobody would look for.
	run -1 grep -nE '^\.(Dl|D1|Bd -(filled|unfilled|ragged|centered))' "$TOP"/man/*
}
