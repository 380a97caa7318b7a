# A table of tab-separated lines in columns: figures stand to the right, a long header above itself in words.

function is_why(text) { return text ~ /^not here: / }

{
	fields[NR] = NF
	for (i = 1; i <= NF; i++) {
		cells[NR, i] = $i
		if (NR > 1 && !is_why($i) && length($i) > width[i])
			width[i] = length($i)
	}
}

# The header of a column, a word a line, at the foot of its cell.
NR == 1 {
	for (i = 2; i <= NF; i++) {
		n = split($i, words, " ")
		if (n > height)
			height = n
		counts[i] = n
		for (j = 1; j <= n; j++) {
			gsub(/~/, " ", words[j])
			word[i, j] = words[j]
			if (length(words[j]) > width[i])
				width[i] = length(words[j])
		}
	}
	width[1] = length($1)
	columns = NF
}

END {
	for (h = 1; h <= height; h++) {
		line = sprintf("%-*s", width[1], h == height ? cells[1, 1] : "")
		for (i = 2; i <= columns; i++)
			line = line sprintf("  %*s", width[i], word[i, h - height + counts[i]])
		print line
	}
	for (r = 2; r <= NR; r++) {
		line = sprintf("%-*s", width[1], cells[r, 1])
		for (i = 2; i <= fields[r]; i++)
			line = line sprintf("  %*s", is_why(cells[r, i]) ? 0 : width[i], cells[r, i])
		sub(/ +$/, "", line)
		print line
	}
}
