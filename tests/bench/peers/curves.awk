# Of the table of growth the rows that are WHAT, a block of points each, for gnuplot: its name, then work and seconds; blocks are two
# empty lines apart.

index($1, what ": ") == 1 {
	printf "%s\n", substr($1, length(what) + 3)
	for (i = 3; i <= 5; i++)
		if ($i != "-")
			printf "%.0f\t%s\n", $2 * 10 ^ (i - 3), $i
	printf "\n\n"
}
