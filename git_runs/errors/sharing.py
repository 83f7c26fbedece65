"""Remotes, and what goes there and comes from there."""

from __future__ import annotations

from .base import Negative, RunsError


class NoSuchRemote(RunsError):
    """No remote of that name is configured; None: none at all that could be meant."""

    def __init__(self, name: str | None) -> None:
        what = f"'{name}' is not a remote of this repository" if name else "no remote is configured that could be meant"
        super().__init__(what, "'git remote -v' shows the remotes; to add one: git remote add <name> <url>")


class NoCommitNamed(RunsError):
    """The record that was fetched of a run has no hash of a commit."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the record of run '{name}' names no commit")


class CommitNotThere(RunsError):
    """The remote does not give the commit of a run."""

    def __init__(self, name: str, commit: str, remote: str) -> None:
        super().__init__(
            f"{remote} does not give commit {commit} of run '{name}'",
            f"whoever has the run can send it again: git runs push {remote}",
        )


class OutputsElsewhere(Negative):
    """No more of the run is here than its record, which may have a summary of its metrics; or it was asked for as a run
    of a remote, and is `here` under that name."""

    def __init__(
        self, name: str, host: str, here: str | None = None, *, is_adopted: bool = True, has_summary: bool = False
    ) -> None:
        if here:
            super().__init__(f"of run '{name}' there is no more than the record; it is here, too: '{here}'")
            return
        hints = [f"its record has the last, lowest and highest values of its metrics: git runs metrics {name}"]
        where = f" but on host '{host}'" if host else ""
        adopt = f"git runs adopt {name}, then git runs get with the name that it has here"
        way = f"git runs get {name}" if is_adopted else adopt
        hints = [*(hints if has_summary else ()), f"to bring it here: {way}"]
        super().__init__(f"what run '{name}' has put out is not here{where}", *hints)


class AlreadyHere(RunsError):
    """The run of a remote that is to be adopted is here already, under this name."""

    def __init__(self, name: str, here: str) -> None:
        super().__init__(f"run '{name}' is here already, as '{here}'")


class NameOfFetched(RunsError):
    """A run of here is to be called as those are that were fetched from a remote, or came in a bundle."""

    def __init__(self, name: str, remote: str) -> None:
        super().__init__(
            f"there is no run '{name}' to adopt, and a run of here cannot have a name of those of '{remote}'"
        )


class InTrash(RunsError):
    """The run of a remote that is to be adopted was deleted here, under this name, and can be had back."""

    def __init__(self, name: str, deleted: str, deletion: str) -> None:
        super().__init__(
            f"run '{name}' was deleted here, as '{deleted}', and is in the trash with what is here of it",
            f"to have it back: git runs undelete --deletion={deletion} {deleted}",
        )


class NothingNamed(RunsError):
    """A push that names no runs."""

    def __init__(self, remote: str, missing: int, changed: int) -> None:
        """How many of the runs here are not on the remote, or are otherwise than there."""
        count = f"; {missing} of those here {'is' if missing == 1 else 'are'} not on {remote}" if missing else ""
        count += f"; {changed} {'differs' if changed == 1 else 'differ'} from what is on {remote}" if changed else ""
        super().__init__(
            f"nothing is pushed: name the runs{count}",
            "or push those that you started here, --mine, or all that are here, --all",
        )


class NamesPassTogether(RunsError):
    """A name is to pass from one run to another where not all refs can be changed together."""

    def __init__(self, remote: str) -> None:
        super().__init__(
            f"a name is to pass from one run to another, and {remote} cannot take all of this push together",
            "push the run first that leaves the name, and then the one that gets it",
        )


class NameTakenThere(RunsError):
    """Another run has the name on the remote."""

    def __init__(self, name: str, remote: str, who: str, new: str) -> None:
        super().__init__(
            f"'{name}' on {remote} is another run{who}; nothing was pushed",
            f"rename yours: git runs move {name} {new}",
        )


class ClashThere(RunsError):
    """Two names that cannot both be on the remote, or not in every clone of it."""

    def __init__(self, name: str, other: str, remote: str, why: str) -> None:
        super().__init__(
            f"runs '{name}' and '{other}' of {remote} cannot both exist: {why}; nothing was pushed",
            f"rename yours: git runs move {name} <new>",
        )


class NeitherRunNorRemote(Negative):
    """The first word of a push is no name of a remote, and matches no run."""

    def __init__(self, word: str) -> None:
        super().__init__(
            f"no run matches '{word}', and no remote is called so; nothing was pushed",
            "'git remote -v' shows the remotes",
        )


class RefWithoutRecord(RunsError):
    """The remote has a ref of the run's name, and no record of it."""

    def __init__(self, ref: str, remote: str) -> None:
        super().__init__(
            f"{ref} is on {remote}, at another commit, and has no record there: somebody has pushed it by other means",
            f"rename yours, or, if nobody needs the ref: git push {remote} :{ref}",
        )


class DeletedThere(Negative):
    """A run was deleted on the remote, which is for good."""

    def __init__(self, name: str, remote: str, who: str) -> None:
        super().__init__(
            f"run '{name}' was deleted on {remote}{who}, and is not pushed",
            f"to have it there again: git runs push --undelete {remote} {name}",
        )


class PushRefused(RunsError):
    """The remote does not take a ref; `reason` is what it says."""

    def __init__(self, remote: str, ref: str, reason: str) -> None:
        hints = []
        if any(
            word in reason for word in ("hidden ref", "funny refname", "hook declined", "not allowed", "refs/heads")
        ):
            hints = [f"where only branches are taken: git config remote.{remote}.runsNamespace refs/heads/git-runs"]
        if "shallow" in reason:
            hints = ["it does not have what came before this shallow clone: git fetch --unshallow"]
        super().__init__(f"{remote} refuses {ref}: {reason}", *hints)


class PushedElsewhere(RunsError):
    """What is pushed to the remote goes to other repositories, too, or only there, and these have other records."""

    def __init__(self, remote: str) -> None:
        super().__init__(
            f"{remote} is pushed to another repository than it is fetched from, and that has other records",
            f"git remote get-url --push --all {remote} shows where; add a remote for each: git remote add <name> <url>",
        )


class BadNamespace(RunsError):
    """The setting remote.<name>.runsNamespace is not the full name of a ref."""

    def __init__(self, remote: str, value: str) -> None:
        key = f"remote.{remote}.runsNamespace"
        super().__init__(
            f"bad value '{value}' for '{key}'", f"it begins with refs/: git config {key} refs/heads/{value}"
        )


class GaveUp(RunsError):
    """Others were faster, again and again."""

    def __init__(self, remote: str, tries: int) -> None:
        super().__init__(f"{remote} changed while we pushed, {tries} times; nothing was pushed", "try again")


class RunsGone(RunsError):
    """The remote has no records any more, which it had."""

    def __init__(self, remote: str) -> None:
        super().__init__(
            f"{remote} has lost its runs: a 'git push --mirror' from a clone does so",
            f"what was seen there last is kept here; to put it back: git runs push --restore {remote}",
            f"or, where '{remote}' is another repository now, give that a name of its own: git remote add <name> <url>",
        )


class NotShareable(RunsError):
    """A run that cannot be pushed as it is; `reason` says why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"run '{name}' cannot be pushed: {reason}")


class NoRecords(RunsError):
    """Something else is where the records of a remote should be."""

    def __init__(self, remote: str, ref: str) -> None:
        super().__init__(
            f"{ref} on {remote} is no commit, and so no records",
            f"if nobody needs it: git push {remote} :{ref}",
            f"to put the records back then: git runs push --restore {remote}",
        )


class ExchangeUnderWay(RunsError):
    """Another process exchanges runs with the remote, or died while it did."""

    def __init__(self, remote: str, path: str) -> None:
        super().__init__(
            f"another git runs exchanges runs with {remote}: '{path}' is there",
            "try again when it has ended; if none is running, remove the file",
        )


class NotABundle(RunsError):
    """A file that is to be imported is none of git's."""

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' is not a git bundle", "git runs bundle create makes one")


class NoRecordsIn(RunsError):
    """A bundle has something else where the records should be."""

    def __init__(self, path: str) -> None:
        super().__init__(f"there are no records of runs in '{path}'", "git runs bundle create makes a file with them")


class CommitsLeftOut(RunsError):
    """A bundle was made without commits that whoever imports it was said to have."""

    def __init__(self, path: str, count: int, commit: str) -> None:
        what = "a commit that is" if count == 1 else f"{count} commits that are"
        super().__init__(
            f"'{path}' was made without {what} not here: {commit}",
            "fetch what was given as --known when it was made, and import it again",
        )


class NewerLayout(RunsError):
    """The records of a remote have a form that a later version has given them."""

    def __init__(self, remote: str) -> None:
        super().__init__(f"the records of {remote} have a form that this version does not know", "update git runs")


class NothingToBundle(RunsError):
    """Of no run that was named the commit is here."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"'{path}' would hold no run: what these ran is in no commit here",
            "a run is shared together with its commit; to write records alone: git runs export",
        )


class BundleInUse(RunsError):
    """Runs of a bundle that was imported before are nowhere else."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(
            f"{count} of the runs that came with the last bundle are not in this one, and not adopted",
            f"adopt what you need of them (git runs list -r '{name}/.*'), or import under another name: --as=<name>",
            "or let go of them: --replace",
        )


class NameOfRemote(RunsError):
    """Runs that come in a file cannot be called as those of a remote are."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' is a remote of this repository", "import the file under another name: --as=<name>")


# --- outputs


class HereAlready(Negative):
    """The outputs of a run are where they were written: here."""

    def __init__(self, name: str) -> None:
        super().__init__(f"what run '{name}' put out is here: it ran here, in this runs dir")


class PlaceUnknown(RunsError):
    """A record does not say where the run's host has its outputs."""

    def __init__(self, name: str, host: str) -> None:
        where = f"on host '{host}'" if host else "on which host, and where,"
        super().__init__(f"it is not recorded where {where} the outputs of run '{name}' are")


class NotFoundThere(RunsError):
    """The runs dir of the run's host is gone, or does not have the run."""

    def __init__(self, name: str, host: str, runs_dir: str) -> None:
        super().__init__(
            f"run '{name}' is not in the runs dir '{runs_dir}' on host '{host}' any more",
            "where its outputs are kept elsewhere, name a command that brings them: git config runs.get-command",
        )


class NothingThere(Negative):
    """The run's host has nothing of what was asked for."""

    def __init__(self, name: str, host: str | None) -> None:
        super().__init__(f"there is nothing of that of run '{name}'" + (f" on host '{host}'" if host else ""))


class CommandFailed(RunsError):
    """The command of the setting runs.get-command failed."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"runs.get-command ended with exit code {code}: {command}")
