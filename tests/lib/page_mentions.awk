# What a manual page says of verbs and options of programs, in its displays and where it marks a command: PROGRAM VERB OPTION, a line
# each, OPTION being "-" for the verb alone.
/^\.Bd -literal/ { display = 1; next }
/^\.Ed/ { display = 0 }
!display && !/^\.((It|Pq|Po|Op|Dq) )*(Cm|Li) / { next }
{
	program = verb = ""
	for (i = 1; i <= NF; i++) {
		word = $i
		sub(/^.*[(`]/, "", word)
		sub(/[");]+$/, "", word)
		if (word ~ /^wp-(jobs|pool|presence|registry|distribute)$/) {
			program = word
			verb = ""
		} else if (program != "" && verb == "") {
			if (word ~ /^[a-z]+$/)
				print program, verb = word, "-"
			else if (word !~ /^--/)
				program = ""
		} else if (word == "--" || word == "|" || (word == "-" && $(i - 1) == "Fl")) {
			program = verb = ""
		} else if (verb != "" && match(word, display ? "^--[a-z][a-z-]*" : "^--?[a-z][a-z-]*")) {
			word = substr(word, 1, RLENGTH)
			sub(/^-*/, "", word)
			print program, verb, word
		}
	}
}
