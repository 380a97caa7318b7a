# TAP in, TAP out, with "group: " before each title; what failed is shown on stderr as well.
# A group that says nothing, dies, or does not keep to its plan has one failure more. A skip becomes
# a failure with -v ci=1, else a line that starts with "skip"; that a test belongs to the
# other backend is no skip.

function emit(line) {
	print line
	if (bad)
		print line > "/dev/stderr"
}

function fail(why) {
	bad = 1
	emit("not ok " (group == "" ? why : group ": " why))
	failures++
}

function title_only(line) {
	sub(/^(not )?ok *[0-9]* *(- )?/, "", line)
	return line
}

function title(line) {
	line = title_only(line)
	return group == "" ? line : group ": " line
}

/^1\.\.[0-9]+/ {
	planned = substr($0, 4) + 0
	has_plan = 1
	next
}

/^ok / && tolower($0) ~ /# skip/ {
	results++
	bad = 0
	if ($0 ~ /other backend$/)
		next
	if (!ci)
		print "skip " title($0)
	else
		fail("skipped: " title_only($0))
	next
}

/^(not )?ok( |$)/ {
	results++
	bad = /^not/
	failures += bad
	emit((bad ? "not ok " : "ok ") title($0))
	next
}

# What a result is explained with. Before the first result it may be all there is to see.
{
	if (!results)
		bad = status != 0
	emit($0 ~ /^#/ ? $0 : "# " $0)
}

END {
	if (has_plan && planned != results)
		fail("planned " planned " tests, ran " results + 0)
	else if (!results && group != "run" && !has_plan)
		fail("no test ran (exit status " status ")")
	if (status && !failures)
		fail("exit status " status (status == 124 || status == 137 ? ": ran out of time" : ""))
}
