"""The exceptions that end a command, each with its message, its hints and its exit code.

Exit codes are git's: 1 says "no" (nothing matched, not all finished), 128 is fatal, 129 is wrong usage.
"""

from __future__ import annotations

from .console.escape import escape

SHOWN = 3  # items of a list in a message


class RunsError(Exception):
    """Ends the command with `<label>: <message>`, then a `hint:` line for each hint."""

    exit_code = 128
    label = "fatal"

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints

    def report(self) -> str:
        """The lines for standard error."""
        return "\n".join([f"{self.label}: {escape(self.message)}", *(f"hint: {escape(hint)}" for hint in self.hints)])


class Negative(RunsError):
    """A plain "no": the command did its work and this is the answer."""

    exit_code = 1
    label = "error"


class UsageError(RunsError):
    """The command line cannot be understood; `usage` is the summary to show below the message."""

    exit_code = 129
    label = "error"

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


# --- git and tmux themselves


class GitFailed(RunsError):
    """git ended with an error; its own words are the report."""

    def report(self) -> str:
        """What git wrote on standard error."""
        return escape(self.message.strip(), keep="\n\t") or "fatal: git failed without a message"


class RefLocked(GitFailed):
    """Another git process holds the lock of a ref, or died with it."""

    def __init__(self, path: str, age: float) -> None:
        hint = "another git process may be using it; if none is running, remove the file"
        super().__init__(f"cannot lock a ref: '{path}' exists since {age:.0f} s", hint)

    report = RunsError.report


class ToolMissing(RunsError):
    """A program that git runs needs is not on PATH."""

    def __init__(self, tool: str) -> None:
        super().__init__(f"{tool} is not installed, or not on PATH", f"install {tool} with your package manager")


class ToolTooOld(RunsError):
    """A program that git runs needs is older than the oldest that works."""

    def __init__(self, tool: str, found: str, needed: str) -> None:
        super().__init__(f"{tool} {found} is too old: git runs needs {tool} {needed} or later")


def _first(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


class NotClean(RunsError):
    """The work tree has changes that the run's commit would not hold."""

    def __init__(self, changes: list[str], doing: str, *hints: str) -> None:
        super().__init__(
            f"the work tree is not clean, so {doing}: {_first(changes)}",
            "commit the changes, put them away with 'git stash -u', or ignore files that do not matter",
            *hints,
        )


class HiddenChanges(RunsError):
    """Tracked files are changed, and git was told not to look at them."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(
            "the work tree has changes that git was told not to see, and that no commit would tell of: "
            + _first(paths),
            "to see them: git update-index --no-assume-unchanged --no-skip-worktree <file>; then commit them",
        )


class SnapshotTooLarge(RunsError):
    """The untracked files that a snapshot would hold have more bytes than it may; `sizes` are bytes by path."""

    SHOWN = 5

    def __init__(self, sizes: dict[str, int], limit: int) -> None:
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[: self.SHOWN]
        super().__init__(
            f"a snapshot would add {_mebibytes(sum(sizes.values()))} of untracked files, more than"
            f" {_mebibytes(limit)}; the largest: "
            + ", ".join(f"{path} ({_mebibytes(sizes[path])})" for path in largest),
            "let .gitignore name what does not belong to the code, link it into isolated runs with runs.link,"
            " or allow more with --snapshot-limit",
        )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


class LinkedFileIsTracked(RunsError):
    """What is linked into an isolated work tree cannot come from its commit, too."""

    def __init__(self, path: str) -> None:
        super().__init__(f"runs.link leads to '{path}', which is tracked", "name the ignored paths beside it")


class MainWorkTreeUnknown(RunsError):
    """A linked work tree of a repository whose git dir does not say where its main work tree is."""

    def __init__(self, common_dir: str) -> None:
        super().__init__(
            f"cannot tell where the main work tree of '{common_dir}' is, and the runs dir is there",
            "say where: git config runs.runs-dir <absolute path>",
        )


# --- names


class InvalidName(RunsError):
    """The name breaks a rule for run names; `rule` says which."""

    def __init__(self, name: str, rule: str) -> None:
        super().__init__(f"'{name}' is not a valid run name: {rule}")


class NameTaken(RunsError):
    """A run of that name exists; `hint` tells what the command can do about it, if anything."""

    HINT = "use --timestamp to add the time to the name, or --overwrite to delete the old run first"

    def __init__(self, name: str, hint: str = HINT) -> None:
        super().__init__(f"run '{name}' already exists", *([hint] if hint else []))


class NameClash(RunsError):
    """Two names of which one would be the group of the other, as with branches."""

    def __init__(self, name: str, other: str) -> None:
        super().__init__(
            f"runs '{name}' and '{other}' cannot both exist: '{min(name, other, key=len)}' would be a run and a group",
            f"choose another name, or move '{other}' first",
        )


class SubmoduleHasRun(RunsError):
    """A submodule has a ref of the run's name at another commit."""

    def __init__(self, git_dir: str, ref: str) -> None:
        super().__init__(
            f"{ref} exists in the submodule's repository '{git_dir}'",
            f"choose another name, or, if nobody needs the ref, git --git-dir='{git_dir}' update-ref -d {ref}",
        )


class NameInUse(RunsError):
    """A run that was moved goes on writing to the paths of its old name."""

    def __init__(self, name: str, successor: str) -> None:
        super().__init__(f"the paths of '{name}' are in use until run '{successor}', which had that name, ends")


class RefWithoutRecord(RunsError):
    """The name is taken by a ref, but nothing is known of the run."""

    def __init__(self, ref: str, name: str) -> None:
        super().__init__(
            f"{ref} exists, but run '{name}' has no record here: it may be a run of another clone", self.hint(ref)
        )

    @staticmethod
    def hint(ref: str) -> str:
        """What can be done about it."""
        return f"use --timestamp or another name, or, if nobody needs the ref, git update-ref -d {ref}"


class RunsDirInUse(RunsError):
    """The directory that is to be the runs dir holds other things, which nobody would see among the runs."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"the runs dir '{path}' holds other files", "choose another with runs.runs-dir, or let git ignore this one"
        )


class OutputsInTheWay(RunsError):
    """Something lies where the run's outputs would go; it is never mixed with a new run."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(
            f"run '{name}' cannot use '{path}': it is there already", "move it away, or choose another name"
        )


class LeadsOut(RunsError):
    """A symbolic link on the way to an output leads out of the runs dir."""

    def __init__(self, path: str) -> None:
        super().__init__(f"a symbolic link on the way to '{path}' leads out of the runs dir")


class NoSuchRun(Negative):
    """No run has exactly that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no run is named '{name}'", "'git runs list' shows the names")


class NoSuchKey(Negative):
    """The run's record has no such field."""

    def __init__(self, name: str, key: str, keys: list[str]) -> None:
        super().__init__(f"run '{name}' has no '{key}'", "it has " + ", ".join(keys))


class BadPattern(RunsError):
    """The pattern is no regular expression."""

    def __init__(self, pattern: str, reason: str) -> None:
        super().__init__(
            f"'{pattern}' is not a regular expression: {reason}",
            "use -G to match names with shell globs such as 'exp/*'",
        )


class SlowPattern(RunsError):
    """To match the pattern takes far too long; nothing was selected."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"gave up matching '{pattern}': there are too many ways in which it could match",
            "avoid a repetition inside of another, such as (a+)+, or use -G",
        )


class NothingSelected(Negative):
    """No run's name matches the pattern."""

    def __init__(self, pattern: str, *, looks_like_glob: bool) -> None:
        hints = ["patterns are regular expressions that match the whole name; use -G to match shell globs"]
        super().__init__(f"no run matches '{pattern}'", *hints[: int(looks_like_glob)])


# --- files


class BadCondition(RunsError):
    """What the runs to be shown are to fulfil cannot be understood."""

    def __init__(self, condition: str, why: str) -> None:
        super().__init__(f"bad condition '{condition}': {why}", "as in --where 'status=failed'")


class BadRecord(RunsError):
    """A record on disk that cannot be read; it is left as it is."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"bad record in line {line} of '{path}': {reason}", "mend the file in an editor")
        self.path = path


class CacheDamaged(RunsError):
    """The cache of the records is no database, or not the one that we made."""

    def __init__(self, path: str) -> None:
        super().__init__(f"the cache '{path}' is damaged", "remove it")


class Locked(RunsError):
    """Another process holds a record's lock, or died with it."""

    def __init__(self, path: str, age: float) -> None:
        super().__init__(
            f"cannot lock a record: '{path}' exists since {age:.0f} s",
            "another git runs process may be using it; if none is running, remove the file",
        )


class AlreadyCollecting(RunsError):
    """Another `git runs gc` is at work in this repository, or died in it on another host."""

    def __init__(self, path: str, age: float) -> None:
        super().__init__(
            f"git runs gc is already running, since {age:.0f} s",
            f"if none is running, remove '{path}'",
        )


class Unencodable(RunsError):
    """Text that is not valid UTF-8 and so cannot be written to a record as it is."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the {what} is not valid UTF-8, so no record could hold it")


# --- settings


class BadConfig(RunsError):
    """A configuration file that cannot be read."""

    def __init__(self, path: str, line: int, reason: str = "") -> None:
        super().__init__(f"bad config line {line} in file {path}" + (f": {reason}" if reason else ""))


class BadValue(RunsError):
    """A setting has a value that it cannot have; `origin` says where it was set."""

    def __init__(self, key: str, value: str, origin: str, reason: str) -> None:
        super().__init__(f"bad value '{value}' for 'runs.{key}' in {origin}: {reason}")


# --- doing


class RefGone(RunsError):
    """The record is there, but the ref that should keep its commit is not."""

    def __init__(self, ref: str, commit: str, *, is_here: bool, host: str) -> None:
        elsewhere = f"look for the commit in other clones of the repository; it was last seen on host '{host}'"
        hint = f"git update-ref {ref} {commit}" if is_here else elsewhere
        super().__init__(f"there is no {ref}; the record says it was at {commit}", hint)


class RefMoved(RunsError):
    """Ref and record disagree, so that nobody can say what ran."""

    def __init__(self, ref: str, commit: str, recorded: str) -> None:
        super().__init__(
            f"{ref} is at {commit}, but the record says {recorded}: one of them was changed",
            "put right whichever was, with git update-ref or in the record",
        )


class CommitMissing(Negative):
    """A run's commit is not in this repository."""

    def __init__(self, name: str, commit: str) -> None:
        super().__init__(f"run '{name}': its commit '{commit}' is not in this repository; fetch it and try again")


class AlreadyHere(Negative):
    """The run that is to be imported is in the repository; it may have another name here."""

    def __init__(self, name: str, here: str) -> None:
        super().__init__(f"run '{name}' is here already" + (f", as '{here}'" if here != name else ""))


class WouldLose(RunsError):
    """The file to be replaced tells of runs that would then be told of nowhere."""

    def __init__(self, path: str, names: list[str]) -> None:
        others = f"'{names[0]}'" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        super().__init__(
            f"'{path}' holds runs that the export would not: {others}", "import them first, or use --output or --force"
        )


class PlaceTaken(RunsError):
    """Something is where a work tree is to be made."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' is there already",
            "name another place: --worktree=<path>",
            f"or remove it, if it is a work tree that nobody needs: git worktree remove {path}",
        )


class NotTheSame(Negative):
    """Something that decides a run's result is missing, or another than it was."""

    def __init__(self, what: str) -> None:
        super().__init__(what)


class GoesOn(RunsError):
    """The run has not ended, so that nothing can be compared with it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' goes on", f"git runs wait {name}")


class NoLog(Negative):
    """Nothing that the run printed is kept."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' has no log")


class NoSession(Negative):
    """There is no tmux session to attach to; `host` is the other host that the run belongs to, if it does."""

    def __init__(self, name: str, ending: str, host: str | None) -> None:
        where = f" on this host; it belongs to host '{host}'" if host else " any more"
        super().__init__(f"run '{name}' has no tmux session{where}: {ending}")


class LaunchFailed(RunsError):
    """The run could not be started; what had been prepared was undone."""


class NotRunning(Negative):
    """None of the runs that should be stopped is running."""

    def __init__(self, names: list[str]) -> None:
        one = f"run '{names[0]}' is not running" if len(names) == 1 else f"none of the {len(names)} runs is running"
        super().__init__(one)


class GoneMeanwhile(Negative):
    """A run was moved or deleted by somebody else before it could be deleted."""

    def __init__(self, name: str) -> None:
        super().__init__(f"run '{name}' was moved, deleted or replaced meanwhile; what has its name now is untouched")


class NotStopped(RunsError):
    """Runs that could not be ended: their command or their supervisor does not heed SIGKILL, or may not get it."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("could not stop " + ", ".join(f"run '{name}'" for name in names))


class OtherHost(RunsError):
    """The run belongs to another machine, where it cannot be stopped or seen from here."""

    def __init__(self, name: str, host: str, doing: str, *, can_be_forced: bool = True) -> None:
        super().__init__(
            f"run '{name}' belongs to host '{host}': {doing} it here could pull it from under a running program",
            f"do it on {host}" + (", or use --force" if can_be_forced else ""),
        )


class OtherCopy(RunsError):
    """The run goes on, but it was started in a copy of the repository, whose runs dir is elsewhere."""

    def __init__(self, name: str, place: str) -> None:
        super().__init__(f"run '{name}' goes on in another copy of this repository, with runs dir {place}")


class OtherRepository(RunsError):
    """Nothing in this repository says that the run is one of its own."""

    def __init__(self, name: str, ref: str) -> None:
        super().__init__(
            f"run '{name}' has no {ref} here: it may belong to another repository that has the same runs dir",
            "delete it there, or use --force",
        )


class OtherServer(RunsError):
    """A tmux client cannot switch to a session of another server."""

    def __init__(self, socket: str) -> None:
        super().__init__(f"the run's session is in another tmux server, '{socket}'", "detach from this one first")


class NoDescription(RunsError):
    """The editor was left without a text; `result` says what that means."""

    def __init__(self, result: str) -> None:
        super().__init__(f"the description is empty; {result}", "use -m '' for none")


class EditorFailed(RunsError):
    """The editor ended with an error."""

    def __init__(self, editor: str) -> None:
        super().__init__(f"the editor '{editor}' failed")


class NoCommand(RunsError):
    """The record of a run does not tell its command."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the record of run '{name}' has no command")


class NotFinished(Negative):
    """A run that was waited for did not end well, or not in time."""

    def __init__(self, name: str, ending: str) -> None:
        super().__init__(f"run '{name}': {ending}")


class NotConfirmed(RunsError):
    """A question that only a person at a terminal, or --yes, can answer."""

    def __init__(self, doing: str) -> None:
        super().__init__(
            f"refusing to {doing} without asking, and there is no terminal to ask at", "use --yes to go on"
        )


class Declined(Negative):
    """The person said no."""

    def __init__(self) -> None:
        super().__init__("nothing done")
