# fish completion for the workplane programs; what there is to complete is asked of the program.

# No question takes longer, whatever the database is busy with, and no answer is an error.
function __workplane_ask
    timeout 2 $argv 2>/dev/null
end

function __workplane_program
    set -l words (commandline -opc)
    echo $words[1]
end

# The rows of the verb's options, or of the program's own and its verbs when there is none yet.
function __workplane_rows
    set -l program (__workplane_program)
    __workplane_ask $program --list-options $argv
end

function __workplane_verb
    set -l verbs (__workplane_rows | string replace -rf '^verb\t([^\t]*).*' '$1')
    for word in (commandline -opc)[2..]
        if contains -- $word $verbs
            echo $word
            return 0
        end
    end
    return 1
end

# What this option takes: "-" nothing, empty when that is no option.
function __workplane_value_of
    for row in (__workplane_rows (__workplane_verb))
        set -l field (string split \t -- $row)
        if test "$field[1]" != verb; and contains -- "$argv[1]" --$field[2] -$field[1]
            echo $field[3]
            return
        end
    end
end

# The places on the line of the words after the verb that are neither options nor values of such.
function __workplane_operands
    set -l verb (__workplane_verb)
    set -l with_value
    for row in (__workplane_rows $verb)
        set -l field (string split \t -- $row)
        test "$field[1]" = verb; or test "$field[3]" = -; or set -a with_value -$field[1] --$field[2]
    end
    set -l words (commandline -opc)
    set -l past
    for i in (seq 2 (count $words))
        if test -z "$past"
            test $words[$i] = "$verb"; and set past 1
        else if not string match -q -- '-*' $words[$i]; and not contains -- $words[(math $i - 1)] $with_value
            echo $i
        end
    end
end

function __workplane_has_operand
    set -l operands (__workplane_operands)
    test -n "$operands"
end

# How many words are before the command that is to be run, when the cursor is in that. It comes after "--"; two verbs do without.
function __workplane_command_at
    set -l words (commandline -opc)
    if contains -i -- -- $words
        return 0
    end
    contains -- (__workplane_verb) work map; or return 1
    set -l operands (__workplane_operands)
    if test -n "$operands[1]"
        math $operands[1] - 1
        return 0
    end
    string match -q -- '-*' (commandline -ct); and return 1
    set -l value (__workplane_value_of $words[-1])
    contains -- "$value" '' -; or return 1
    count $words
end

function __workplane_in_command
    __workplane_command_at >/dev/null
end

# What that command would complete by itself.
function __workplane_command
    set -l words (commandline -opc)
    set -l at (__workplane_command_at)
    set -l rest
    test $at -lt (count $words); and set rest (string escape -- $words[(math $at + 1)..])
    complete -C (string join ' ' -- $rest (commandline -ct | string collect -a))
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

# The names that the program lists, which it prints as --raw does; one with a control character cannot be put on a line.
function __workplane_list
    set -l program (__workplane_program)
    __workplane_has_state; and __workplane_ask $program $argv | sort -u | while read -l name
        set name (printf '%b_' $name | string collect)
        string match -qr '[[:cntrl:]]' -- $name; or string sub -e -1 -- $name
    end
end

# The oldest jobs: a look that costs the same whatever the backlog.
function __workplane_jobs
    contains -- --db (commandline -opc); and return
    test -n "$WP_JOBS_DB"; or __workplane_has_state; or return
    set -l program (__workplane_program)
    WP_JOBS_QUEUE= PGCONNECT_TIMEOUT=2 __workplane_ask $program list --limit 1000 -rno $argv[1] | sort -u
end

# Those of the stack that is named on the line, or by the environment, or else the default.
function __workplane_handles
    set -l words (commandline -opc)
    set -l stack
    for i in (seq 2 (count $words))
        if contains -- $words[$i] -s --stack; and test $i -lt (count $words)
            set stack --stack $words[(math $i + 1)]
        else if string match -q -- '--stack=*' $words[$i]
            set stack $words[$i]
        end
    end
    __workplane_list list $stack -rno HANDLE
end

# Those that the help names, what there is of one's own, and any path.
function __workplane_backends
    for row in (__workplane_rows start)
        set -l field (string split \t -- $row)
        test "$field[2]" = backend; or continue
        string replace -rf '.*: (.*) or a path.*' '$1' -- $field[5] | string split ', '
    end
    if test -n "$WP_BACKENDS"
        for file in $WP_BACKENDS/*
            test -f $file -a -x $file; and string replace -r '.*/' '' -- $file
        end
    end
    string match -q '*/*' -- $argv[1]; and __fish_complete_path $argv[1]
end

# The words that PROGRAM VERB OPTION would take: it names them when it gets another one.
function __workplane_known
    set -l program (__workplane_program)
    timeout 2 $program $argv . 2>&1 | string replace -rf '.*hint: the [a-z]* are ' '' | string split ', '
end

# The columns: status has a table of its own for each of these, and two verbs have that of list.
function __workplane_columns
    set -l verb (__workplane_verb)
    contains -- "$verb" show get; and set verb list
    set -l what
    test "$verb" = status; and set what (string match -r -- '^--(?:runners|calls)$' (commandline -opc))
    __workplane_known $verb $what -o
end

function __workplane_states
    __workplane_known list -s
end

# One more word of a list with commas, after BEFORE.
function __workplane_more
    set -l before (string replace -rf '^(.*,)[^,]*$' '$1' -- $argv[1])
    for word in ($argv[2])
        echo "$before$word"
    end
end

# What the value may be: of this kind, for this option, begun like that.
function __workplane_values
    set -l option $argv[2]
    set -l begun $argv[3]
    switch $argv[1]
        case FILE PATH
            __fish_complete_path $begun
        case DIR
            __fish_complete_directories $begun ''
        case COLS
            __workplane_more "$begun" __workplane_columns
        case 'STATE*'
            __workplane_more "$begun" __workplane_states
        case KEY
            # The key of a job is new.
            string match -q '*wp-presence' (__workplane_program); and __workplane_list list -a -rno KEY
        case TOPIC
            __workplane_list topics -rno TOPIC
        case STACK
            __workplane_list list -a -rno STACK
        case NODE
            __workplane_list nodes -rno NODE
        case RULE
            printf '%s\n' none majority
        case SIGNAL
            kill -l | string split ' ' | string match -rv '^(RT.*|)$'
        case COMMAND
            test -n "$begun"; and complete -C "$begun"
        case 'N|-|presence*'
            printf '%s\n' - presence
            __workplane_list topics -rno TOPIC | string replace -r '^' presence:
        case 'NAME=*'
        case 'NAME*'
            switch $option
                case --name --join
                case --node -n --leave
                    __workplane_list nodes -rno NODE
                case --pool
                    __workplane_list status -rno POOL
                case --backend
                    __workplane_backends "$begun"
                case '*'
                    __workplane_jobs QUEUE
            end
        case '*|*'
            string split '|' -- $argv[1]
    end
end

# What the next operand of the verb may be.
function __workplane_operand
    set -l verb (__workplane_verb)
    switch (string replace -r '.*/' '' (__workplane_program))" $verb"
        case 'wp-jobs '{show,await,cancel,retry}
            __workplane_jobs ID
        case 'wp-pool status' 'wp-pool '{call,cast,place,set,drain,stop,wait}
            test $verb = status; or not __workplane_has_operand; and __workplane_list status -rno POOL
            contains -- $verb call cast place; and __workplane_has_operand; and echo --
        case 'wp-presence '{get,untrack,update}
            __workplane_has_operand; or __workplane_list list -a -rno KEY
        case 'wp-registry '{start,whereis,name,send} 'wp-registry remove'
            test $verb = remove; or not __workplane_has_operand; and __workplane_handles
        case 'wp-registry '{register,define} 'wp-distribute start' 'wp-presence track'
            __workplane_has_operand; and echo --
        case 'wp-distribute '{stop,terminate,await,redistribute}
            __workplane_list list -rno ID
        case 'wp-distribute '{lookup,explain}
            __workplane_has_operand; or __workplane_list list -rno ID
        case 'wp-distribute drain'
            __workplane_has_operand; or __workplane_list nodes -rno NODE
        case 'wp-distribute quorum'
            __workplane_has_operand; or printf '%s\n' none majority
    end
end

function __workplane_options
    for row in (__workplane_rows (__workplane_verb))
        set -l field (string split \t -- $row)
        test "$field[1]" = verb; and continue
        test "$field[1]" = -; or printf '%s\t%s\n' -$field[1] $field[5]
        printf '%s\t%s\n' --$field[2] $field[5]
    end
end

function __workplane_words
    set -l current (commandline -ct)
    set -l before (commandline -opc)[-1]
    if string match -qr -- '^--[a-z-]+=' $current
        set -l part (string split -m 1 = -- $current)
        __workplane_values (__workplane_value_of $part[1]) $part[1] "$part[2]" | string replace -r '^' -- $part[1]=
        return
    end
    set -l value (__workplane_value_of $before)
    if not contains -- "$value" '' -
        __workplane_values $value $before "$current"
    else if string match -q -- '-*' $current
        __workplane_options
    else if not __workplane_verb >/dev/null
        __workplane_rows | string replace -rf '^verb\t' ''
    else
        __workplane_operand
    end
end

for program in wp-jobs wp-pool wp-presence wp-registry wp-distribute
    complete -c $program -n 'not __workplane_in_command' -f -a '(__workplane_words)'
    complete -c $program -n __workplane_in_command -a '(__workplane_command)'
end
