# usage: gnuplot -e "from='DIR'; to='DIR'" plot.gp
#
# The tables from DIR as pictures: where there is no bar there is no figure.
set datafile separator "\t"
set datafile missing "-"
set style fill solid 0.8 border -1
there(file) = system("test -s '" . file . "' && echo 1") eq "1"

# Bars
set terminal svg size 1000,600 font "sans,13" background "white"
set style data histograms
set style histogram clustered gap 1
set xtics rotate by 25 right noenhanced nomirror scale 0
set grid ytics
set key outside top right noenhanced
set lmargin 26
set bmargin 10
set logscale y

queue = from . "/queue.tsv"
if (there(queue)) {
	set output to . "/queue.svg"
	set title "Queue in Postgres: no-op jobs a second, one worker process"
	plot queue using 2:xtic(1) title "jobs/s", "" using 3 title "xmin held"

	set output to . "/latency.svg"
	set title "Queue in Postgres: from the commit of a job to its start, ms"
	plot queue using 4:xtic(1) title "median", "" using 5 title "p95", "" using 6 title "p99"
}

pool = from . "/pool.tsv"
if (there(pool)) {
	set output to . "/pool.svg"
	set title "/bin/true a line: processes a second"
	plot pool using 2:xtic(1) title "2 at once", "" using 3 title "8 at once"
}

# Curves
set terminal svg size 1100,760 font "sans,13" background "white"
set xtics norotate center
unset title
set lmargin 10
set bmargin 20
set logscale xy
set format x "%.0s%c"
set grid xtics ytics
set ylabel "seconds"
growth_of_queues = from . "/curves.queue"
growth_of_pools = from . "/curves.pool"
if (there(growth_of_queues) && there(growth_of_pools)) {
	set output to . "/growth.svg"
	set multiplot layout 1,2 title "Seconds by work"
	set key at graph 0, -0.2 left top Left reverse maxcols 1 noenhanced

	set xlabel "jobs in Postgres"
	stats growth_of_queues using 1:2 nooutput
	plot for [i=0:STATS_blocks - 1] growth_of_queues index i using 1:2 with linespoints lw 2 title columnheader(1)

	set xlabel "times /bin/true, 8 at once"
	stats growth_of_pools using 1:2 nooutput
	plot for [i=0:STATS_blocks - 1] growth_of_pools index i using 1:2 with linespoints lw 2 title columnheader(1)
	unset multiplot
}
