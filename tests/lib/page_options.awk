# Compares the options that a program has with those of its manual page, verb by verb. Two files: what it has, tab-separated, a line
# each, VERB LETTER NAME HELP, the VERB of global options being "-"; and the page. Prints findings.
#
# Each option of a verb is in its SYNOPSIS, unless that says "options" or "hook" for some, and nothing else is. It is described in the
# section of the verb, in that of a verb which this names, or under "Global options"; and a section has no items for other options.
# A default that the help names is named there, too.
BEGIN { FS = "\t" }

FNR == NR {
	has[$1, $3] = 1
	if ($2 != "-")
		long_name[$1, $2] = $3
	if (!($1 in verbs) && $1 != "-")
		verbs[$1] = ++count
	help[$1, $3] = $4
	order[++rows] = $1 SUBSEP $3
	next
}
FNR == 1 { FS = " "; $0 = $0 }

function finding(text) { print page ": " text }

# -q and --queue are one option; empty: VERB has none of that name.
function option_of(verb, flag,    name) {
	if (sub(/^-/, "", flag))
		name = flag
	else if ((verb, flag) in long_name)
		name = long_name[verb, flag]
	return (verb, name) in has ? name : ""
}

# Under "Global options" are those of the program, and what many verbs have in common.
function option_of_section(flag,    name, verb) {
	name = option_of(section, flag)
	if (section != "-")
		return name
	for (verb in verbs)
		if (name == "")
			name = option_of(verb, flag)
	return name
}

# The flags of a line of mdoc, in flag[1..n].
function flags_of(    i, word, on, n) {
	for (i = 1; i <= NF; i++) {
		word = $i
		sub(/^\./, "", word)
		if (word ~ /^[A-Z][a-z]$/)
			on = word == "Fl"
		else if (on && word ~ /^-?[A-Za-z0-9][A-Za-z0-9-]*$/)
			flag[++n] = word
	}
	return n + 0
}

function synopsis_line(    v, i, n, name) {
	n = flags_of()
	for (v in current) {
		if ($0 ~ /Ar (options|hook)( |$)/)
			some[v] = 1
		for (i = 1; i <= n; i++) {
			name = option_of(v, flag[i])
			if (name != "")
				shown[v, name] = 1
			else if (option_of("-", flag[i]) == "")
				finding("SYNOPSIS of \"" v "\": -" flag[i] " is no option of it")
		}
	}
}

function section_line(    i, n, name) {
	if ($1 == ".It" || $1 == ".El")
		split("", item)
	if ($1 == ".It") {
		n = flags_of()
		for (i = 1; i <= n; i++) {
			name = option_of_section(flag[i])
			if (name == "")
				finding("\"" section "\" describes -" flag[i] ", which is no option of it")
			item[name] = 1
			described[section, name] = described[section, name] " "
		}
	}
	for (name in item)
		described[section, name] = described[section, name] " " $0
	if ($1 == ".Cm")
		for (i = 2; i <= NF; i++)
			if ($i in verbs)
				names[section, $i] = 1
}

/^\.Sh / { synopsis = $2 == "SYNOPSIS"; description = $2 == "DESCRIPTION"; section = ""; split("", current); page = FILENAME }
synopsis && /^\.Nm/ { split("", current); fresh = 1; next }
synopsis && fresh { fresh = 0; if ($1 == ".Cm") for (i = 2; i <= NF; i++) if ($i in verbs) current[$i] = seen[$i] = 1 }
synopsis { synopsis_line() }
/^\.Ss / { section = !description ? "" : $2 == "Global" ? "-" : $2 in verbs ? $2 : "" }
section != "" { section_line() }

# What describes an option of VERB, also when the section says that it is as with another verb; empty when nothing does.
function text_of(verb, name, depth,    other, text) {
	text = described[verb, name] described["-", name]
	for (other in verbs)
		if (depth < 3 && (verb, other) in names && (other, name) in has)
			text = text text_of(other, name, depth + 1)
	return text
}

# Of the help's "(default: 5s)" and the like the value, when it is one and not a text.
function default_of(text) {
	if (!match(text, /\(default:? "?[A-Za-z0-9:,]+"?[;,)]/))
		return ""
	text = substr(text, RSTART, RLENGTH)
	gsub(/^\(default:? "?|"?[;,)]$/, "", text)
	return text
}

END {
	for (i = 1; i <= rows; i++) {
		split(order[i], part, SUBSEP)
		verb = part[1]
		name = part[2]
		if (verb != "-" && !((verb, name) in shown) && !(verb in some))
			finding("SYNOPSIS of \"" verb "\": --" name " is missing")
		text = text_of(verb, name, 0)
		if (text == "")
			finding("\"" verb "\" does not describe --" name)
		value = default_of(help[verb, name])
		if (text != "" && value != "" && text !~ "(^|[^A-Za-z0-9])" value "([^A-Za-z0-9]|$)")
			finding("\"" verb "\", --" name ": the default, " value ", is not named")
	}
	for (verb in verbs)
		if (!(verb in seen))
			finding("SYNOPSIS: \"" verb "\" is missing")
}
