#!/usr/bin/env fish
# usage: fish -N complete.fish FILE <LINES
#
# What fish, with these completions, would offer at the end of each line: "== LINE", and then the words, a line each.

source $argv[1]
set -l lines
while read -l line
    set -a lines $line
end
for line in $lines
    echo "== $line"
    complete -C $line </dev/null | string replace -r '\t.*' ''
end
exit 0
