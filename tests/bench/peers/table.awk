# usage: awk -f table.awk TITLES ABSENT FIGURES SECTION ORDER HEADER|FIGURE...
#
# A table, tab-separated: its headers, then a row a peer, ordered by the figure ORDER (-NAME: the largest first), then those that
# have no figures, each with why. Some figures are made of others.

BEGIN {
	FS = OFS = "\t"
	section = ARGV[4]
	prefix = sub(/^growth-/, "", ARGV[4]) ? ARGV[4] ": " : ""
	order = substr(ARGV[5], 2)
	descending = substr(ARGV[5], 1, 1) == "-"
	for (i = 6; i < ARGC; i++) {
		split(ARGV[i], parts, "|")
		headers[++columns] = parts[1]
		names[columns] = parts[2]
	}
	ARGC = 4
}

$1 != section { next }
FILENAME == ARGV[1] && !($2 in title) { peers[++count] = $2; title[$2] = prefix $3 }
FILENAME == ARGV[2] { absent[$2] = $3 }
FILENAME == ARGV[3] { value[$2, $3] = $4; most[$2, $3] = $6 }

function log10(x) { return log(x) / log(10) }

function commas(n,    text, out) {
	text = sprintf("%.0f", n)
	while (length(text) > 3) {
		out = "," substr(text, length(text) - 2) out
		text = substr(text, 1, length(text) - 3)
	}
	return text out
}

# Three digits, as far as there are so many.
function shown(n) {
	if (n >= 100 || n == int(n))
		return commas(n)
	return sprintf(n >= 10 ? "%.1f" : n >= 0.1 ? "%.2f" : "%.3f", n)
}

function slope(p, from, to) {
	if (!((p, "s" from) in value) || !((p, "s" to) in value) || value[p, "s" from] <= 0)
		return "-"
	return sprintf("%.2f", log10(value[p, "s" to] / value[p, "s" from]) / log10(to / from))
}

function cell(p, name) {
	# Of three points at equal distances, the line through the outer ones has the slope of the least squares.
	if (name == "exponent")
		return slope(p, 1, 100)
	if (name == "last_exponent")
		return slope(p, 10, 100)
	if (name == "grouping")
		return !((p, "changes") in value) ? "-" : value[p, "changes"] > 8 ? "mixed" : "a job at a time"
	if (name == "worst_ms" && !((p, name) in value) && (p, "ms") in most)
		return shown(most[p, "ms"])
	return (p, name) in value ? shown(value[p, name]) : "-"
}

function rank(p,    v) {
	if (p in absent)
		return 1e300
	v = order == "exponent" ? slope(p, 1, 100) : (p, order) in value ? value[p, order] : "-"
	return v == "-" ? 1e299 : descending ? -v : v + 0
}

function row(p,    line, i) {
	line = title[p]
	for (i = 2; i <= columns; i++)
		line = line OFS (p in absent ? (i == 2 ? absent[p] : "") : cell(p, names[i]))
	return line
}

END {
	line = headers[1]
	for (i = 2; i <= columns; i++)
		line = line OFS headers[i]
	print line
	for (i = 1; i <= count; i++) {
		for (j = i; j > 1 && rank(peers[j]) < rank(peers[j - 1]); j--) {
			p = peers[j]
			peers[j] = peers[j - 1]
			peers[j - 1] = p
		}
	}
	for (i = 1; i <= count; i++)
		print row(peers[i])
}
