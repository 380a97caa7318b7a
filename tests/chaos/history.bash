# Checks of what has happened. Each prints what is wrong, if anything, and nothing else.
# shellcheck shell=bash disable=SC2154

# expect TITLE COMMAND...: the command finds nothing wrong.
expect() {
	local title=$1 found
	shift
	found=$("$@" 2>&1)
	if [ -z "$found" ]; then
		echo "ok $title"
	else
		echo "not ok $title"
		printf '%s\n' "$found" | head -n 20 | sed 's/^/# /'
	fi
}

# The files of a queue's history:
#	history	the handlers' notes, see chaos_handler
#	added	"ok ID PAYLOAD" for what add has said, "unknown - PAYLOAD" where it did not come to an end
#	settled	"ID|LEASE|STATE": the database's own notes, made by the transactions that settle
#	rows	"ID|STATE|ATTEMPT|LEASE|WORKER": what is in the table in the end

# Every job that add has said to be there was done, unless it is one that cannot be.
not_done() {
	awk 'FILENAME == "history" { if ($2 == "finish" && ($6 == "ok" || $6 == "fail")) done[$3] = 1; next }
		$1 == "ok" && !($2 in done) { print "job " $2 " (" $3 ") was never done" }' history added
}

# Each id, once; and what was added has one.
not_settled_once() {
	awk -F '[|]' 'FILENAME == "settled" { n[$1]++; next }
		{ split($0, word, " ") } word[1] == "ok" && n[word[2]] != 1 { print "job " word[2] " was settled " n[word[2]] + 0 " times" }
		END { for (id in n) if (n[id] > 1) print "job " id ": " n[id] " settlements" }' settled added | sort -u
}

# A job is settled by the lease that it has, and only as a handler had said under this lease.
settled_without_work() {
	awk 'FILENAME == "history" { if ($2 == "finish") { said[$3, $4, $5] = $6 } next }
		{ split($0, f, "|"); split(f[2], part, "[.]"); attempt = part[1]
		  what = (f[1], attempt, f[2]) in said ? said[f[1], attempt, f[2]] : said[f[1], attempt, "-"]
		  if (what == "ok" && f[3] == "completed" || what == "fail" && f[3] == "failed") next
		  print "job " f[1] " is " f[3] " by lease " f[2] ", of which a handler said \"" what "\"" }' history settled
}

# A lease is in the hand of one worker: what runs under it runs in one pool.
leases_shared() {
	awk '$2 == "start" && $5 != "-" { key = $3 " " $5; if (key in pool && pool[key] != $7)
			print "lease " $5 " of job " $3 " was with pools " pool[key] " and " $7
		pool[key] = $7 }' history
}

# No handler began with a job that another one had in hand.
overlaps() { grep ' overlap ' history; }

# What failed is what fails for good.
given_up() {
	awk -F '[|]' 'FILENAME == "settled" { if ($3 != "completed") state[$1] = $3; next }
		{ split($0, word, " ") } word[1] == "ok" && word[3] !~ /never/ && word[2] in state { print "job " word[2] " (" word[3] ") is " state[word[2]] }
		word[1] == "ok" && word[3] ~ /never/ && !(word[2] in state) { print "job " word[2] " (" word[3] ") did not fail" }' settled added
}

# What add did not come to say is there once, or not at all; nothing is there that nobody has added.
added_twice() {
	awk 'FILENAME == "added" { known[$3] = 1; next }
		$2 == "start" { payload = $NF; gsub(/"/, "", payload)
			if (!(payload in known)) print "nobody has added \"" payload "\""
			if (payload in id && id[payload] != $3) print "\"" payload "\" is jobs " id[payload] " and " $3
			id[payload] = $3 }' added history
}

# An id has come with each payload that was taken.
ids_missing() { awk 'NF != 3' added; }

# What is in the table when all is done.
rows_left() { grep -v '|failed|' rows; }

# How programs may not end: by a signal that nobody has sent, by a sanitizer; by an error inside the program only where system
# calls have failed that cannot.
check_ends() { expect "no program has crashed" crashed; }
crashed() {
	awk 'FILENAME == "faults" { if ($2 == "fail_calls") excused[$3] = 1; next }
		$2 == 70 && !($1 in excused) || $2 == 99 || $2 >= 132 && $2 <= 136 || $2 == 139 { print $1 " ended with status " $2 }' faults ends
}

check_nobody_left() { expect "no process is left" processes_left; }
processes_left() {
	local role
	[ ! -e stuck ] || { echo "did not end when told to:" && cat stuck; }
	while read -r role; do
		"$BUILD/tests/processes" gone "WP_CHAOS_ROLE=$scenario/$role" 10
		"$BUILD/tests/processes" kill "WP_CHAOS_ROLE=$scenario/$role"
	done <roles
}
