# fish completion for the workplane programs; what there is to complete is asked of the program.

function __workplane_program
    set -l words (commandline -opc)
    echo $words[1]
end

function __workplane_verbs
    set -l program (__workplane_program)
    $program --list-options 2>/dev/null | string replace -rf '^verb\t' ''
end

function __workplane_verb
    set -l verbs (__workplane_verbs | string replace -r '\t.*' '')
    for word in (commandline -opc)[2..]
        if contains -- $word $verbs
            echo $word
            return 0
        end
    end
    return 1
end

function __workplane_options
    set -l program (__workplane_program)
    for row in ($program --list-options (__workplane_verb) 2>/dev/null)
        set -l field (string split \t -- $row)
        test "$field[1]" = verb; and continue
        test "$field[1]" = -; or printf '%s\t%s\n' -$field[1] $field[5]
        printf '%s\t%s\n' --$field[2] $field[5]
    end
end

function __workplane_in_command
    contains -- -- (commandline -opc)
end

# What the option before the cursor takes: "-" nothing, empty when that is no option.
function __workplane_value
    set -l program (__workplane_program)
    set -l before (commandline -opc)[-1]
    for row in ($program --list-options (__workplane_verb) 2>/dev/null)
        set -l field (string split \t -- $row)
        test "$field[1]" = verb; and continue
        if contains -- $before --$field[2] -$field[1]
            echo $field[3]
            return
        end
    end
end

function __workplane_wants
    __workplane_in_command; and return 1
    set -l value (__workplane_value)
    test "$value" = $argv[1]
end

# Is the option before the cursor this one?
function __workplane_wants_option
    __workplane_in_command; and return 1
    test (commandline -opc)[-1] = --$argv[1]
end

function __workplane_wants_key
    __workplane_in_command; and return 1
    set -l value (__workplane_value)
    test "$value" = KEY; and return 0
    contains -- (__workplane_verb) get untrack update; and contains -- "$value" '' -
end

# Is there a state file where the program would look? Completing a word must not make one.
function __workplane_has_state
    contains -- --state (commandline -opc); and return 1
    set -l state $WP_STATE
    if test -z "$state"; and test (id -u) = 0
        set state /var/lib/workplane
    else if test -z "$state"
        set -l home $XDG_STATE_HOME
        test -n "$home"; or set home $HOME/.local/state
        set state $home/workplane
    end
    test -e $state/state.db
end

# The names on stdin, as --raw prints them.
function __workplane_names
    while read -l name
        printf '%b\n' $name
    end
end

function __workplane_keys
    set -l program (__workplane_program)
    __workplane_has_state; and $program list -a -rno KEY 2>/dev/null | sort -u | __workplane_names
end

function __workplane_topics
    set -l program (__workplane_program)
    __workplane_has_state; and $program topics -rno TOPIC 2>/dev/null | __workplane_names
end

function __workplane_pools
    set -l program (__workplane_program)
    __workplane_has_state; and $program status -rno POOL 2>/dev/null
end

# Is the cursor where a verb of wp-pool takes a pool? All but status take one.
function __workplane_wants_pool
    __workplane_in_command; and return 1
    set -l verb (__workplane_verb)
    contains -- "$verb" call cast place set status drain stop wait; or return 1
    set -l value (__workplane_value)
    contains -- "$value" '' -; or return 1
    test "$verb" = status; or not __workplane_has_operand
end

# The handles of the stack that is named on the line, or by the environment, or else the default.
function __workplane_handles
    set -l program (__workplane_program)
    set -l words (commandline -opc)
    set -l stack
    for i in (seq 2 (count $words))
        if contains -- $words[$i] -s --stack; and test $i -lt (count $words)
            set stack --stack $words[(math $i + 1)]
        else if string match -q -- '--stack=*' $words[$i]
            set stack $words[$i]
        end
    end
    __workplane_has_state; and $program list $stack -rno HANDLE 2>/dev/null | __workplane_names
end

function __workplane_stacks
    set -l program (__workplane_program)
    __workplane_has_state; and $program list -a -rno STACK 2>/dev/null | sort -u | __workplane_names
end

# Is the cursor where a verb of wp-registry takes a consumer that there is? All but remove take one.
function __workplane_wants_handle
    __workplane_in_command; and return 1
    set -l verb (__workplane_verb)
    contains -- "$verb" start whereis name send remove; or return 1
    set -l value (__workplane_value)
    contains -- "$value" '' -; or return 1
    test "$verb" = remove; or not __workplane_has_operand
end

function __workplane_children
    set -l program (__workplane_program)
    __workplane_has_state; and $program list -rno ID 2>/dev/null | sort -u | __workplane_names
end

function __workplane_nodes
    set -l program (__workplane_program)
    __workplane_has_state; and $program nodes -rno NODE 2>/dev/null | __workplane_names
end

# Is the cursor where a verb of wp-distribute takes a child that there is? Two of them take one, the others many.
function __workplane_wants_child
    __workplane_in_command; and return 1
    set -l verb (__workplane_verb)
    contains -- "$verb" stop terminate await redistribute lookup explain; or return 1
    set -l value (__workplane_value)
    contains -- "$value" '' -; or return 1
    not contains -- "$verb" lookup explain; or not __workplane_has_operand
end

# Is it where one takes a node, as its operand or with an option?
function __workplane_wants_node
    __workplane_in_command; and return 1
    set -l verb (__workplane_verb)
    set -l value (__workplane_value)
    test "$value" = NODE; and return 0
    contains -- (commandline -opc)[-1] -n --node --leave; and test "$value" = NAME; and return 0
    contains -- "$value" '' -; and test "$verb" = drain; and not __workplane_has_operand
end

# Has a word after the verb been given already, that is neither an option nor the value of one?
function __workplane_has_operand
    set -l program (__workplane_program)
    set -l verb (__workplane_verb)
    set -l with_value
    for row in ($program --list-options $verb 2>/dev/null)
        set -l field (string split \t -- $row)
        test "$field[1]" = verb; or test "$field[3]" = -; or set -a with_value -$field[1] --$field[2]
    end
    set -l words (commandline -opc)
    set -l past
    for i in (seq 2 (count $words))
        if test -z "$past"
            test $words[$i] = $verb; and set past 1
        else if not string match -q -- '-*' $words[$i]; and not contains -- $words[(math $i - 1)] $with_value
            return 0
        end
    end
    return 1
end

# Those that the help names, and what there is of one's own.
function __workplane_backends
    set -l program (__workplane_program)
    for row in ($program --list-options start 2>/dev/null)
        set -l field (string split \t -- $row)
        test "$field[2]" = backend; or continue
        string replace -rf '.*: (.*) or a path.*' '$1' -- $field[5] | string split ', '
    end
    test -n "$WP_BACKENDS"; or return
    for file in $WP_BACKENDS/*
        test -f $file -a -x $file; and string replace -r '.*/' '' -- $file
    end
end

# The program names its columns when it gets another one; status has a table of its own for each of these.
function __workplane_columns
    set -l program (__workplane_program)
    set -l verb (__workplane_verb)
    contains -- "$verb" show get; and set verb list
    set -l what
    test "$verb" = status; and set what (string match -r -- '^--(?:runners|calls)$' (commandline -opc))
    $program $verb $what -o . 2>&1 | string replace -rf '.*hint: the columns are ' '' | string split ', '
end

for program in wp-jobs wp-pool wp-presence wp-registry wp-distribute
    complete -c $program -n 'not __workplane_in_command; and not __workplane_verb >/dev/null' -f -a '(__workplane_verbs)'
    complete -c $program -n 'not __workplane_in_command; and string match -q -- "-*" (commandline -ct)' \
        -f -a '(__workplane_options)'
    complete -c $program -n '__workplane_wants COLS' -f -a '(__fish_complete_list , __workplane_columns)'
    complete -c $program -n '__workplane_in_command' -a '(__fish_complete_subcommand --fcs-skip=(contains -i -- -- (commandline -opc)))'
end
complete -c wp-pool -n __workplane_wants_pool -f -a '(__workplane_pools)'
complete -c wp-pool -n '__workplane_wants_option pool' -f -a '(__workplane_pools)'
complete -c wp-pool -n '__workplane_wants_option backend' -a '(__workplane_backends)'
complete -c wp-presence -n __workplane_wants_key -f -a '(__workplane_keys)'
complete -c wp-presence -n '__workplane_wants TOPIC' -f -a '(__workplane_topics)'
complete -c wp-registry -n __workplane_wants_handle -f -a '(__workplane_handles)'
complete -c wp-registry -n '__workplane_wants STACK' -f -a '(__workplane_stacks)'
complete -c wp-distribute -n __workplane_wants_child -f -a '(__workplane_children)'
complete -c wp-distribute -n __workplane_wants_node -f -a '(__workplane_nodes)'
complete -c wp-distribute -n '__workplane_wants RULE' -f -a 'none majority'
