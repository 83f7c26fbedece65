"""Make runs of remotes runs of here, too; and make records of runs of which only the refs are here."""

from __future__ import annotations

from .. import project
from ..code import refs
from ..console.messages import hint, report_all
from ..errors.base import UsageError
from ..errors.code import NameTaken
from ..errors.records import NoSuchRun, not_seen
from ..errors.sharing import NameOfFetched
from ..records import query
from ..records.remotes import remotes as fetched
from ..running import adoption
from ..sharing import adopting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from ..project import Project
    from ..system.git.discovery import Search

USAGE = (
    "git runs adopt <remote>/<name> [<newname>]\n   or: git runs adopt <remote>/<name>...\n"
    "   or: git runs adopt <name>...\n   or: git runs adopt --all"
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = USAGE
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--all", action="store_true", help="all refs of runs that have no record")


def run(args: Namespace, search: Search) -> int:
    """Exit code 1 where there is no such run, or no such ref."""
    if bool(args.names) == args.all:
        raise UsageError("name the runs, or use --all", f"usage: {USAGE}\n")
    here = project.find(search, mends=True)
    if args.names and here.store.everywhere.is_away(args.names[0]):
        return _adopt_of_remotes(here, args.names)
    names = (
        adoption.without_record(here)
        if args.all
        else list(dict.fromkeys(name.removeprefix(refs.PREFIX) for name in args.names))
    )
    taken = [name for name in names if here.store.exists(name)]
    new = [name for name in names if name not in taken]
    missing = adoption.adopt(here, new)
    for name in new:
        if name not in missing:
            print(f"Adopted run '{name}'")
    code = report_all([*(NameTaken(name, "") for name in taken), *map(NoSuchRun, missing)])
    for remote in dict.fromkeys(filter(None, map(here.store.everywhere.remote_of, missing))):
        hint(not_seen(remote))
    return code


def _adopt_of_remotes(here: Project, names: Sequence[str]) -> int:
    """One of them, whose new name may follow, or many, each under the name that it has there."""
    is_renamed = len(names) == 2 and not here.store.everywhere.is_away(names[1])
    if is_renamed and (remote := here.store.everywhere.remote_of(names[1])):
        raise NoSuchRun(names[1], remote=remote)
    for name in fetched(here.repository.common_dir) if is_renamed else ():  # a bundle, say
        if names[1].startswith(f"{name}/"):
            raise NameOfFetched(names[1], name)
    runs = query.look_up(here.store, names[:1] if is_renamed else names)
    for one in runs:
        if one.remote is None:
            raise UsageError(f"'{one.name}' is not a run of a remote", f"usage: {USAGE}\n")
    for one in runs:
        name = names[1] if is_renamed else one.own_name
        adopting.adopt(here, one, name)
        print(f"Adopted run '{name}'")
    return 0
