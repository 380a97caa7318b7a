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

# The program names its columns when it gets another one.
function __workplane_columns
    set -l program (__workplane_program)
    set -l verb (__workplane_verb)
    contains -- "$verb" show get; and set verb list
    $program $verb -o . 2>&1 | string replace -rf '.*hint: the columns are ' '' | string split ', '
end

for program in wp-jobs wp-pool wp-presence
    complete -c $program -n 'not __workplane_in_command; and not __workplane_verb >/dev/null' -f -a '(__workplane_verbs)'
    complete -c $program -n 'not __workplane_in_command; and string match -q -- "-*" (commandline -ct)' \
        -f -a '(__workplane_options)'
    complete -c $program -n '__workplane_wants COLS' -f -a '(__fish_complete_list , __workplane_columns)'
    complete -c $program -n '__workplane_in_command' -a '(__fish_complete_subcommand --fcs-skip=(contains -i -- -- (commandline -opc)))'
end
complete -c wp-presence -n __workplane_wants_key -f -a '(__workplane_keys)'
complete -c wp-presence -n '__workplane_wants TOPIC' -f -a '(__workplane_topics)'
