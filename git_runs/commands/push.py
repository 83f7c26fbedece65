"""Send runs to a remote: their commits and their records, so that other clones can fetch them."""

from __future__ import annotations

from .. import project
from ..cli import exchange
from ..cli.arguments import add_patterns, selected
from ..console.messages import warn
from ..errors.base import UsageError
from ..errors.records import NothingSelected
from ..errors.sharing import NeitherRunNorRemote, NothingNamed
from ..records import query
from ..records.record import Run
from ..sharing import packing, pushing
from ..sharing.shared import Shared
from ..system import whoami

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..project import Project
    from ..sharing.pushing import Parcel
    from ..sharing.remote import Remote
    from ..system.git.discovery import Search

USAGE = "git runs push [<remote>] (<pattern>... | --mine | --all)\n   or: git runs push --restore [<remote>]"


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    add_patterns(parser)
    parser.add_argument("--mine", action="store_true", help="all runs that you started in this clone")
    parser.add_argument("--all", action="store_true", help="all runs that are here")
    parser.add_argument("--undelete", action="store_true", help="also runs that were deleted there")
    parser.add_argument("--restore", action="store_true", help="put back what the remote had, and has lost")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only show what would be sent")
    exchange.add_quiet(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before the first push to a remote")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where a run was not sent, since it was deleted there; or, if it was named, as its commit is not
    here."""
    here = project.find(search)
    typed = list(args.patterns)
    remote = exchange.take_remote(here, args)
    approval = exchange.Approval(remote, is_given=args.yes)
    if args.restore:
        if args.patterns or args.mine or args.all:
            raise UsageError("--restore puts back all that is missing", f"usage: {USAGE}\n")
        if args.dry_run:
            raise UsageError("options '--restore' and '--dry-run' cannot be used together")
        from ..sharing import removal

        return exchange.report(remote, removal.restore(remote, approval), quiet=args.quiet)
    try:
        names = _names(here, remote, args)
    except NothingSelected as error:
        if args.patterns == typed and typed[:1] == [error.pattern] and not error.hints:
            raise NeitherRunNorRemote(error.pattern) from None
        raise
    runs = query.find_all(here.store, names, only=("id",))

    def pack(there: Shared) -> Parcel:
        return packing.Packer(remote, there, undeletes=args.undelete, writes=not args.dry_run).pack(runs)

    if args.dry_run:
        return exchange.show(remote, pack(Shared(remote.git_dir, remote.tips()[0])))
    outcome = pushing.deliver(remote, pack, approval)
    for one in outcome.parcel.new:
        if one.record.submodules:
            warn(f"run '{one.name}' has submodules, whose commits are not pushed")
    is_named = bool(args.patterns or args.patterns_too)
    is_incomplete = is_named and bool(outcome.parcel.without_commit)
    return max(exchange.report(remote, outcome, quiet=args.quiet), int(is_incomplete))


def _names(here: Project, remote: Remote, args: Namespace) -> list[str]:
    """Raises NothingNamed."""
    if args.patterns or args.patterns_too or args.all:
        return selected(here, args)
    if not args.mine:
        raise NothingNamed(remote.name, *exchange.unsent(remote, here))
    runs = (found for _, found in here.store.reader.recall(list(here.store.names())) if isinstance(found, Run))
    own = (run for run in runs if not run.record.is_elsewhere)  # on whatever host they ran
    return sorted(run.name for run in own if run.record.text("user") == whoami.user())
