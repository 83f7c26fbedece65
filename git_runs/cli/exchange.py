"""What the commands share that exchange runs with remotes."""

from __future__ import annotations

from ..console import terminal
from ..console.escape import escape
from ..console.messages import counted, hint, report_all, warn
from ..console.output import reaches_terminal
from ..console.questions import confirm
from ..errors.base import few
from ..sharing import remote as remotes
from ..sharing.shared import Shared, identifier_of, parse, path_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ..errors.base import RunsError
    from ..project import Project
    from ..sharing import merging
    from ..sharing.fetching import News
    from ..sharing.pushing import Outcome, Parcel
    from ..sharing.remote import Remote

MANY_THERE = 5000  # runs of one remote, from which on all who push there feel it: docs/sharing.md
MANY_SIDE_BY_SIDE = 3000  # files of a directory, of which hosts advise against more
SHOWN = 10  # names in a line
INDENT = "  "  # of what is sent


def add_arguments(parser: ArgumentParser) -> None:
    """REMOTE, and -q."""
    parser.add_argument("remote", metavar="REMOTE", nargs="?", help="default: the one that 'git push' would take")
    add_quiet(parser)


def add_quiet(parser: ArgumentParser) -> None:
    """-q."""
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing where all is well")


def take_remote(project: Project, args: Namespace) -> Remote:
    """The remote that the first of the patterns names, which is none then, or the default one; raises NoSuchRemote."""
    if args.patterns and remotes.is_one(project, args.patterns[0]) and not project.store.exists(args.patterns[0]):
        return remotes.find(project, args.patterns.pop(0))
    return remotes.find(project, None)


class Approval:
    """Asks before the first push to a remote, and points out what may be a secret before any."""

    def __init__(self, remote: Remote, *, is_given: bool) -> None:
        """`is_given`: nobody needs to be asked."""
        self._remote = remote
        self._is_given = is_given

    def __call__(self, parcel: Parcel) -> None:
        """Raises Declined and NotConfirmed."""
        from ..sharing import disclosure

        for line in disclosure.secrets(parcel.sent):
            warn(f"what may be a secret leaves with the command of {line}")
        if not self._is_given and not self._remote.was_pushed_to():
            lines = _wrapped(disclosure.lines(parcel, self._remote.git_dir))
            confirm(f"This is the first push of runs to {self._remote.name}. It sends:", lines, doing="push runs")


def show(remote: Remote, parcel: Parcel) -> int:
    """Say what would be sent; gives the exit code."""
    from ..sharing import disclosure

    if not parcel.names:
        print(f"Would push nothing to {remote.name}")
    else:
        print(f"Would push to {remote.name}:")
        for line in _wrapped(disclosure.lines(parcel, remote.git_dir)):
            print(INDENT + escape(line))
    warn_of_missing(parcel)
    return report_all(parcel.refused)


def warn_of_missing(parcel: Parcel, what: str = "pushed") -> None:
    """Name the runs that stay here, as their commits are not here to be sent with them: `what` the others were."""
    if parcel.without_commit:
        from ..records.order import natural_key

        names = few([f"'{name}'" for name in sorted(parcel.without_commit, key=natural_key)])
        count = len(parcel.without_commit)
        runs = "1 imported run is" if count == 1 else f"{count} imported runs are"
        warn(f"{runs} not {what}, as what they ran is in no commit here: {names}")
        hint("a run is shared together with its commit; to send records alone: git runs export")


def _wrapped(lines: Sequence[str]) -> list[str]:
    """The lines in pieces that fit the terminal when they are indented; what continues one is indented more."""
    if not reaches_terminal():
        return list(lines)
    from textwrap import TextWrapper

    room = terminal.size()[0] - len(INDENT)
    wrapper = TextWrapper(room, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False)
    return [piece for line in lines for piece in wrapper.wrap(line)]


def report(remote: Remote, outcome: Outcome, *, quiet: bool = False) -> int:
    """Say what was sent, and what was merged before; gives the exit code. `quiet`: say only what is wrong, and what the
    merge has renamed or deleted here."""
    code = tell_merged(remote, outcome.reports)
    parcel = outcome.parcel
    counts = {"new": parcel.new, "renamed": parcel.renamed, "changed": parcel.edited, "deleted": parcel.deleted}
    said = [f"{len(runs)} {word}" for word, runs in counts.items() if runs]
    if parcel.updates and not said:
        said = [f"{counted(len(parcel.updates), 'ref')} put back"]
    if said and not quiet:
        print(f"{remote.name}: {', '.join(said)}")
        if parcel.new:
            _tell_limits(remote)
    elif not (quiet or parcel.refused or parcel.without_commit):
        print("Everything up-to-date")
    warn_of_missing(parcel)
    return max(code, _report_errors(parcel.refused))


def _tell_limits(remote: Remote) -> None:
    files = Shared(remote.git_dir, remote.tips()[0]).files()
    if len(files) > MANY_THERE:
        hint(f"{remote.name} has {len(files)} runs; every push there downloads the list of their refs: docs/sharing.md")
    if sum("/" not in path for path in files) > MANY_SIDE_BY_SIDE:
        hint("many runs lie side by side; groups, as in sweep-1/a, are faster: git runs move")


def tell_news(remote: Remote, news: News, *, quiet: bool) -> None:
    """Say what is new on the remote."""
    if not news.has_records:
        if remote.tips()[0]:
            warn(f"{remote.name} has no runs any more; what was seen there last is kept here")
            hint(f"where that was an accident, put it back: git runs push --restore {remote.name}")
        elif not quiet:
            print(f"{remote.name}: no runs so far")
        return
    if news.lost:
        gone = f"{counted(len(news.lost), 'run')} of {remote.name} {'is' if len(news.lost) == 1 else 'are'} gone"
        warn(f"{gone}, without having been deleted there")
        if remotes.is_one(remote.project, remote.name):  # and no bundle
            hint(f"what was seen of them is kept here; to put it back: git runs push --restore {remote.name}")
    if not quiet and (news.counts or not news.lost):
        print(f"{remote.name}: {', '.join(news.counts) or 'nothing new'}")


def tell_merged(remote: Remote, reports: Sequence[merging.Report]) -> int:
    """Say what was merged into the records here; gives the exit code."""
    from ..sharing import merging

    for old, new in (pair for one in reports for pair in one.renamed):
        print(f"Run '{old}' is now '{new}', as on {remote.name}")
    for name, field, whose in (lost for one in reports for lost in one.lost):
        later = f" by {whose}" if whose else ""
        warn(f"'{name}': {field} was changed on both sides; the later edit{later} stands, the other is in 'previous'")
    for name, tombstone in (pair for one in reports for pair in one.deleted):
        print(escape(f"Deleted run '{name}': it was deleted on {remote.name}{merging.who_deleted(tombstone)}"))
    if any(one.deleted for one in reports):
        hint("what is deleted is in the trash; to have it back: git runs undelete <name>")
    kept = [name for one in reports for name, _ in one.kept]
    if kept:
        warn(f"deleted on {remote.name}, but here with what they have put out: {', '.join(kept[:SHOWN])}")
        hint("to delete them here, too: git runs delete <name>")
    return _report_errors([error for one in reports for error in one.failed])


def _report_errors(errors: Sequence[RunsError]) -> int:
    """Say what is wrong with single runs, and then what can be done about it; gives the exit code."""
    code = report_all(errors)
    for line in dict.fromkeys(line for error in errors for line in error.hints):
        hint(line)
    return code


def unsent(remote: Remote, project: Project) -> tuple[int, int]:
    """How many of the runs here the remote does not have, as it was seen last, and how many have another name or record
    here."""
    from ..sharing import merge, merging

    texts = Shared(remote.git_dir, remote.tips()[0]).texts()
    there = {identifier_of(content): (path, content) for path, content in texts.items()}
    here = merging.ids(project)
    both = [(here[one], *there[one]) for one in here.keys() & there.keys()]
    changed = 0
    for name, path, content in both:
        own = project.store.content(name)
        if own != content or path != path_of(name):
            ours, theirs = parse(own, path_of(name)), parse(content, path)
            changed += ours is not None and theirs is not None and not merge.same(ours, theirs)
    return len(here) - len(both), changed
