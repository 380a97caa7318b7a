#!/usr/bin/env zsh
# usage: zsh -f complete.zsh FILE... <LINES
#
# What zsh, with these completions, would offer at the end of each line: "== LINE", and then the words, a line each. That is asked of
# an interactive zsh of its own, in a directory "zsh" made for it here; what it puts on its terminal goes to zsh/terminal.

zmodload zsh/zpty
mkdir -p zsh/functions
cp -- "$@" zsh/functions
rm -f zsh/offers
mkfifo zsh/offers

# compadd is where all completions end. One that only asks, and keeps the answer in an array, offers nothing.
cat >zsh/rc <<'RC'
unsetopt beep auto_menu auto_list
PS1= PS2= LISTMAX=100000
fpath=(zsh/functions $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' insert-tab false
exec {offers}>zsh/offers
compadd() {
	local -a words
	if (( ! ${@[(I)-[OAD]*]} )); then
		builtin compadd -O words "$@"
		(( ! $#words )) || print -rl -u $offers -- $words
	fi
	builtin compadd "$@"
}
over() { print -r -u $offers -- '==' }
complete_now() { comppostfuncs=(over); zle complete-word; zle kill-buffer }
zle -N complete_now
bindkey '^I' complete_now
print -r -u $offers -- '=='
RC

# A terminal that nobody reads would stop it.
listen() {
	local line
	while IFS= read -r -t 20 -u $offers line && [[ $line != '==' ]]; do
		print -r -- $line
		while zpty -rt shell line; do print -rn -- $line >>zsh/terminal; done
	done
	while zpty -rt shell line; do print -rn -- $line >>zsh/terminal; done
}

TERM=dumb zpty -b shell 'zsh -f -i'
exec {offers}<>zsh/offers
zpty -w shell '. zsh/rc'
listen
while IFS= read -r line; do
	print -r -- "== $line"
	zpty -wn shell "$line"$'\t'
	listen
done
zpty -d shell
