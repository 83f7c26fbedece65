# bash completion for git runs. git's own completion finds this file by its place, as that of `git-runs`; where nothing
# finds it, source it in ~/.bashrc.

_git_runs ()
{
	local first=1 replaced=${COMP_WORDS[COMP_CWORD]} rest line

	# The words behind `runs`, or an alias of it; what is in front of that git's completion has seen to.
	if [ "${words[0]##*/}" != git-runs ]; then
		first=$((${__git_cmd_idx:-1} + 1))
	fi
	# bash breaks words at these, and puts what it gets in the place of the last piece.
	case "$replaced" in
	[=:]*) replaced= ;;
	esac

	COMPREPLY=()
	{
		IFS= read -r rest
		while IFS= read -r line; do
			COMPREPLY+=("$line")
		done
	} < <(__git runs complete --shell=bash --replaces="$replaced" -- "${words[@]:first:cword-first+1}")

	case "$rest" in
	files) ;; # as bash does it where there is nothing else
	command*) _git_runs_command "${rest#command }" ;;
	*) compopt +o default +o bashdefault 2>/dev/null ;;
	esac
}

# The last words, so many, are a command of its own.
_git_runs_command ()
{
	local i

	if [ "$1" = 1 ]; then
		compopt -o filenames +o nospace 2>/dev/null
		COMPREPLY=($(compgen -A command -A file -- "${words[cword]}"))
		return
	fi
	for ((i = 0; i < COMP_CWORD; i++)); do
		if [ "${COMP_WORDS[i]}" = -- ] && declare -F _command_offset >/dev/null; then
			_command_offset $((i + 1))
			return
		fi
	done
}

# For whoever types git-runs.
if ! declare -F __git_complete >/dev/null && declare -F _completion_loader >/dev/null; then
	_completion_loader git
fi
if declare -F __git_complete >/dev/null; then
	__git_complete git-runs _git_runs
fi
