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

for program in wp-jobs wp-pool
    complete -c $program -n 'not __workplane_in_command; and not __workplane_verb >/dev/null' -f -a '(__workplane_verbs)'
    complete -c $program -n 'not __workplane_in_command; and string match -q -- "-*" (commandline -ct)' \
        -f -a '(__workplane_options)'
    complete -c $program -n '__workplane_in_command' -a '(__fish_complete_subcommand --fcs-skip=(contains -i -- -- (commandline -opc)))'
end
