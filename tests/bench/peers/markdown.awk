# A table of tab-separated lines as Markdown: figures stand to the right.

function escaped(text) {
	gsub(/\|/, "\\|", text)
	return text
}

NR == 1 { gsub(/~/, " ") }

{
	line = "|"
	for (i = 1; i <= NF; i++)
		line = line " " escaped($i) " |"
	print line
}

NR == 1 {
	line = "| --- |"
	for (i = 2; i <= NF; i++)
		line = line " ---: |"
	print line
}
