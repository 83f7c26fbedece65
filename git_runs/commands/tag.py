"""Give runs tags, which are words, and take them away: +WORD and -WORD. Without such words, show the tags there are."""

from __future__ import annotations

from .. import project
from ..cli.arguments import add_patterns, selected, selected_or_newest
from ..console.escape import escape
from ..console.messages import report_all, warn
from ..errors.records import NoRunToTag, NothingSelected
from ..records import query, remarks
from ..records.order import natural_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..project import Project
    from ..system.git.discovery import Search


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "git runs tag [-G] [<pattern>...] [+<word> | -<word>]..."
    parser.epilog = (
        "Words after a + are tags to give, and after a - tags to take away; without these, the tags are shown."
    )
    parser.set_defaults(removed=[])  # words that begin with "-", and are no options
    add_patterns(parser)


def run(args: Namespace, search: Search) -> int:
    """Words are added to and removed from one run after the other; runs that are named nowhere are the newest one."""
    added = [word[1:] for word in args.patterns if word.startswith("+")]
    removed = [word[1:] for word in args.removed]
    args.patterns = [word for word in args.patterns if not word.startswith("+")]
    remarks.check_tags([*added, *removed])
    here = project.find(search)
    try:
        return _act(here, args, added, removed)
    except NothingSelected as error:
        raise NoRunToTag(error.pattern) from None


def _act(here: Project, args: Namespace, added: list[str], removed: list[str]) -> int:
    if not added and not removed:
        runs, bad = query.read(here.store, selected(here, args))
        tags = {tag for one in runs for tag in one.record.texts("tags")}
        print("".join(f"{escape(tag)}\n" for tag in sorted(tags, key=natural_key)), end="")
        return report_all(bad)
    runs = query.find_all(here.store, selected_or_newest(here, args))
    given = {tag for one in runs for tag in one.record.texts("tags")}
    for word in dict.fromkeys(removed):
        if word not in given:
            warn(f"none of these runs has the tag '{word}'")
    for one in runs:
        with here.store.change(one) as fields:
            remarks.change_tags(fields, added, removed)
    return 0
