# fish completion for git runs, in addition to fish's own of git. fish reads it when it starts: what adds to a completion
# that fish has must not wait for another command to be completed.

function __git_runs_complete
    set -l words (commandline -opc)
    set -l typing (commandline -ct)

    # The words behind `runs`; git obeys the options in front of it.
    set -l options
    if string match -q -r '(^|/)git$' -- $words[1]
        set -l place (contains -i -- runs $words)
        or return
        if test $place -gt 2
            set options $words[2..(math $place - 1)]
        end
        set words $words[(math $place + 1)..]
    else
        set -e words[1]
    end

    set -l found (git $options runs complete --shell=fish -- $words "$typing" 2>/dev/null)
    switch "$found[1]"
        case files
            set -l option (string match -r '^--[^=]*=' -- $typing)
            string replace -r -- '^' "$option" (__fish_complete_path (string replace -- "$option" '' $typing))
        case 'command *'
            set -l before (math (string replace 'command ' '' -- $found[1]) - 1)
            set -l command
            test $before -gt 0
            and set command (string escape -- $words[(math 0 - $before)..-1])
            complete -C (string join ' ' -- $command $typing)
        case '*'
            # fish puts a blank behind words by its own rules.
            string replace -r ' (\t|$)' '$1' -- $found[2..]
    end
end

complete -c git-runs -f -a '(__git_runs_complete)'
complete -c git -f -n '__fish_git_using_command runs' -a '(__git_runs_complete)'
