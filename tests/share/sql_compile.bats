load ../helpers

# share/sql/compile: what the build makes of the SQL files

compile() {
	"$TOP/share/sql/compile" "$T/out" "$T"/sql/sqlite/*.sql "$T"/sql/postgres/*.sql
}

# sql DIALECT FILE: the file's text on stdin
sql() {
	mkdir -p "$T/sql/$1" "$T/out"
	cat >"$T/sql/$1/$2.sql"
}

setup() {
	wp_setup
	mkdir -p "$T/out" "$T/sql/sqlite" "$T/sql/postgres"
}

@test "a block becomes an enum value and two texts" {
	sql sqlite a <<<$'free text\n\n-- name: jobs.add\nINSERT ?1'
	sql postgres a <<<$'-- name: jobs.add\nINSERT $1'
	run -0 compile
	run -0 cat out/sql.h
	assert_line --partial 'SQL_JOBS_ADD,'
	refute_output --partial 'free text'
	run -0 cat out/sql.c
	assert_line --partial '"jobs.add"'
	assert_line --partial '"INSERT ?1\n"'
	assert_line --partial '"INSERT $1\n"'
	refute_output --partial 'free text'
}

@test "the text arrives in C as it was written" {
	cat >text <<-'SQL'
		SELECT 'a"b\n', '\\', 'what??!', '	tab'  -- at the end
		  , 2
	SQL
	{ echo '-- name: a.b'; cat text; } | tee sql/sqlite/a.sql >sql/postgres/a.sql
	run -0 compile
	cat >print.c <<-'C'
		#include <stdio.h>
		#include "sql.h"
		int main(void) { return fputs(sql_texts[SQL_A_B].sqlite, stdout) < 0 || sql_count != 1; }
	C
	run -0 "${CC:-cc}" -std=c11 -Iout -o print print.c out/sql.c
	run -0 sh -c './print | diff text -'
}

@test "comments are left out, but not of the schema" {
	printf '%s\n' '-- name: a.b' '-- why' 'SELECT 1' '-- name: schema.init' '-- shown' 'CREATE' |
		tee sql/sqlite/a.sql >sql/postgres/a.sql
	run -0 compile
	run -0 cat out/sql.c
	refute_output --partial 'why'
	assert_output --partial 'shown'
}

@test "a name that one dialect lacks is an error" {
	sql sqlite a <<<$'-- name: a.b\nSELECT 1\n-- name: a.c\nSELECT 2'
	sql postgres a <<<$'-- name: a.b\nSELECT 1'
	run -1 compile
	assert_output --partial '"a.c" is missing for postgres'
	assert [ ! -e out/sql.h ]
	assert [ -z "$(ls out)" ]
}

@test "a name that is there twice is an error, in two files as well" {
	sql sqlite a <<<$'-- name: a.b\nSELECT 1'
	sql sqlite b <<<$'-- name: a.b\nSELECT 2'
	sql postgres a <<<$'-- name: a.b\nSELECT 1'
	run -1 compile
	assert_output --partial 'b.sql:1: second "a.b" for sqlite'
}

@test "an empty block, a bad name and a strange folder are errors" {
	printf '%s\n' '-- name: a.b' '-- name: a.c' 'SELECT 1' | tee sql/sqlite/a.sql >sql/postgres/a.sql
	run -1 compile
	assert_output --partial '"a.b" is empty'
	printf '%s\n' '-- name: A;b' 'SELECT 1' | tee sql/sqlite/a.sql >sql/postgres/a.sql
	run -1 compile
	assert_output --partial 'not a name of the form area.verb'
	mkdir sql/mysql
	printf '%s\n' '-- name: a.b' 'SELECT 1' >sql/mysql/a.sql
	run -1 "$TOP/share/sql/compile" out sql/mysql/a.sql
	assert_output --partial 'not in a folder sqlite or postgres'
}

@test "a failure leaves what was made before" {
	printf '%s\n' '-- name: a.b' 'SELECT 1' | tee sql/sqlite/a.sql >sql/postgres/a.sql
	run -0 compile
	cp out/sql.c before
	echo '-- name: a.b' >>sql/sqlite/a.sql
	run -1 compile
	run -0 cmp before out/sql.c
}

@test "without files it says how to be used" {
	run -64 "$TOP/share/sql/compile" out
	assert_output --partial 'usage: compile'
}

# make_files N: in dirs/1 to dirs/N a file for each dialect, of lines by chance: the same, or one of them with a line more, less or
# changed.
make_files() {
	mkdir dirs
	awk -v n="$1" -v seed="$SEED" '
	function pick(list, n) { return list[1 + int(rand() * n)] }
	function line(   s, i) {
		if (rand() < 0.4)
			return "-- name: " pick(names, names_nr)
		s = pick(texts, texts_nr)
		for (i = int(rand() * 3); i > 0; i--)
			s = s pick(texts, texts_nr)
		return s
	}
	function write(file, skip, extra,   i) {
		for (i = 0; i < lines; i++) {
			if (i == skip && extra != "")
				print extra > file
			if (i != skip)
				print body[i] > file
		}
		printf "%s", rand() < 0.1 ? "-- no newline" : "" > file
		close(file)
	}
	BEGIN {
		srand(seed)
		names_nr = split("a.b|a.c|schema.init|jobs.add_2|a.b |a.b\t|A.b|a|a.|.b|a.b c|a.b;|a-b.c|\"|\\|x.y.z|", names, "|")
		texts_nr = split("SELECT 1|\"|\\|\\n|%s%d|??!|??/|\t|  |-- why|--name: a.b| -- name: a.b|/*|*/|//|\377\376|\r|?1|$1|{|};|#include|'\''", texts, "|")
		for (k = 1; k <= n; k++) {
			lines = 1 + int(rand() * 8)
			body[0] = rand() < 0.8 ? "-- name: a.b" : line()
			for (i = 1; i < lines; i++)
				body[i] = line()
			dir = "dirs/" k
			system("mkdir -p " dir "/sqlite " dir "/postgres")
			write(dir "/sqlite/f.sql", -1, "")
			write(dir "/postgres/f.sql", rand() < 0.7 ? -1 : int(rand() * lines), rand() < 0.5 ? line() : "")
		}
	}'
}

# What it took must be C, and what it refused must be said with file and line.
@test "whatever is in the files, they become C or are refused where they are wrong" {
	local n dir status taken=0 refused=0 tries=${SQL_TRIES:-300}
	SEED=${SQL_SEED:-1}
	echo "SQL_SEED=$SEED"
	make_files "$tries"
	for ((n = 1; n <= tries; n++)); do
		dir=dirs/$n
		status=0
		"$TOP/share/sql/compile" "$dir" "$dir/sqlite/f.sql" "$dir/postgres/f.sql" 2>err || status=$?
		case $status in
		0) taken=$((taken + 1)) && [ ! -s err ] ;;
		1) refused=$((refused + 1)) && grep -qaE '/f\.sql:[0-9]+: ' err && [ ! -e "$dir/sql.c" ] ;;
		*) false ;;
		esac || { echo "$dir: status $status: $(cat err)" && head -50 "$dir"/*/f.sql && return 1; }
	done
	echo "$taken taken, $refused refused"
	[ "$taken" -gt $((tries / 20)) ] && [ "$refused" -gt $((tries / 20)) ]
	run -0 "${CC:-cc}" -std=c11 -Wall -Wextra -Wtrigraphs -Werror -fsyntax-only dirs/*/sql.c
}
