"""Other repositories: git-remote(1), git-fetch(1), git-push(1), git-ls-remote(1).

No refspec is ever configured, and those that are count for nothing here. Hooks of the user run, as on every push.
"""

from __future__ import annotations

import os
import re

from ...errors.system import GitFailed, NotAtomic, NotThere
from . import calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .config import ConfigEntry

STALE = "stale info"  # why a ref is rejected that is not as its lease says
AT_ONCE = 200  # refs that one push changes: there are hosts, and command lines, that take no more
_FETCHING = (
    "--verbose",
    "--progress",
    "--no-tags",
    "--no-prune",
    "--no-recurse-submodules",
    "--no-write-fetch-head",
    "--refmap=",
)
_FETCHED = re.compile(r" (?P<flag>[ +*=!-]) (?:\[[^]]+\]|(?P<old>\w+)\.{2,3}(?P<new>\w+)) +\S+ +-> (?P<ref>\S+).*")
_NO_SUCH_REF = re.compile(r"couldn't find remote ref (\S+)")
_STATUS = re.compile(r"(?P<flag>[ +*=!-])\t(?P<source>[^:\t]*):(?P<ref>[^\t]+)\t(?P<summary>.*)")


def names(config: Iterable[ConfigEntry]) -> list[str]:
    """The names of the remotes that are configured."""
    found = (re.fullmatch(r"remote\.(.+)\.(?:url|pushurl)", entry.key) for entry in config)
    return list(dict.fromkeys(match[1] for match in found if match))


def default(config: Sequence[ConfigEntry]) -> str | None:
    """The remote that `git push` would take here; None where there is none: git-config(1), remote.pushDefault."""
    values = {entry.key: entry.value for entry in config}
    here = names(config)
    if len(here) < 2:
        return next(iter(here), None)
    branch = _branch()
    keys = (f"branch.{branch}.pushremote", "remote.pushdefault", f"branch.{branch}.remote")
    wished = [value for key in keys if (value := values.get(key)) and value != "."]
    return next((one for one in [*wished, "origin"] if one in here), None)


def _branch() -> str | None:
    code, answer, _ = calls.start("symbolic-ref", "--quiet", "--short", "HEAD").finish()
    return answer.strip() if code == 0 else None


def fetch(
    remote: str, refspecs: Iterable[str], known: str | None = None, *, is_whole: bool = False
) -> dict[str, tuple[str | None, str | None]]:
    """Fetch by those refspecs, and nothing else; gives the refs here that have changed, each with its full hashes
    before and now, None where it was not there. `known`: a pattern of refs here that what is asked for goes on from.
    `is_whole`: a partial clone, too, gets all files, which it would otherwise fetch one by one as they are read.

    Raises NotThere where the remote does not have a ref, and GitFailed.
    """
    tips = (f"--negotiation-tip={known}",) if known else ()
    filters = ("--no-filter",) if is_whole else ()
    words = ("-c", "core.abbrev=no", "fetch", *_FETCHING, "--no-auto-maintenance", *filters, *tips)
    try:
        said = _run(*words, "--end-of-options", remote, *refspecs)[2]
    except GitFailed as error:
        if match := _NO_SUCH_REF.search(error.message):
            raise NotThere(remote, match[1]) from None
        raise
    found = filter(None, map(_FETCHED.fullmatch, said.splitlines()))
    return {match["ref"]: (match["old"], match["new"]) for match in found if match["flag"] not in "=!"}


def listed(remote: str, patterns: Iterable[str]) -> dict[str, str]:
    """What the refs of the remote that match, or have those full names, point at; raises GitFailed."""
    lines = _run("ls-remote", "--refs", "--end-of-options", remote, *patterns)[1].splitlines()
    return {ref: target for target, ref in (line.split("\t", 1) for line in lines)}


class Update:
    """What is to become of one ref of a remote."""

    def __init__(self, ref: str, value: str | None, before: str | None = None) -> None:
        self.ref = ref  # its full name there
        self.value = value  # full hash; None: it is to go
        self.before = before  # what it has to be there until then; None: nothing

    @property
    def lease(self) -> str:
        """The option without which git would overwrite what is there."""
        return f"--force-with-lease={self.ref}:{self.before or ''}"


def push(remote: str, updates: Sequence[Update], *, atomic: bool) -> dict[str, str]:
    """Send them; gives why refs were rejected, by ref: where all is well, nothing. `atomic`: all are changed, or none.

    Raises NotAtomic where the remote cannot do so, and GitFailed where nothing was even tried.
    """
    whole = "--atomic" if atomic else "--no-atomic"
    # A remote of a mirror takes no refspecs.
    code, statuses, said = _push(remote, updates, whole, before=("-c", f"remote.{remote}.mirror=false"))
    if code and "does not support --atomic" in said:
        raise NotAtomic(remote)
    rejected = {ref: _reason(summary) for ref, (flag, summary) in statuses.items() if flag == "!"}
    if code and not rejected:
        raise GitFailed(said)
    return rejected


def push_one(url: str, update: Update, variables: Mapping[str, str]) -> bool:
    """Send it to the repository at that URL, with further environment variables for git; whether anything has changed
    there: not where the ref is not as it has to be until then, or is so already. Raises GitFailed."""
    code, statuses, said = _push(url, [update], variables=variables)
    flag, summary = statuses.get(update.ref, ("", ""))
    if code and _reason(summary) != STALE:
        raise GitFailed(f"! {summary}" if summary else said)
    return flag not in ("=", "!", "")


def _push(
    place: str,
    updates: Sequence[Update],
    *options: str,
    before: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> tuple[int, dict[str, tuple[str, str]], str]:
    """Exit code; what has become of each ref: its flag, and a summary; and what else git says."""
    fixed = ("--porcelain", "--progress", "--no-follow-tags", "--recurse-submodules=no")
    leases = [update.lease for update in updates]
    refspecs = [f"{update.value or ''}:{update.ref}" for update in updates]
    words = (*before, "push", *fixed, *options, *leases, "--end-of-options", place, *refspecs)
    code, answer, said = _finish(*words, variables=variables)
    found = filter(None, map(_STATUS.fullmatch, answer.splitlines()))
    return code, {match["ref"]: (match["flag"], match["summary"]) for match in found}, said


def _reason(summary: str) -> str:
    """What is in the last parentheses: "[rejected] (stale info)"."""
    match = re.search(r"\((.*)\)\s*$", summary)
    return match[1] if match else summary


def _run(*words: str) -> tuple[int, str, str]:
    code, answer, said = _finish(*words)
    if code:
        raise GitFailed(said)
    return code, answer, said


def _finish(*words: str, variables: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """In English, so that we understand it."""
    return calls.ShownCall(*words, environment={**os.environ, **(variables or {}), "LC_ALL": "C"}).finish()
