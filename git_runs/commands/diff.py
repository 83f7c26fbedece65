"""Show what is different between two runs: the command, the record and environment, and the code."""

from __future__ import annotations

import re
import shlex
import sys

from .. import project
from ..cli import table
from ..cli.arguments import add_color, named
from ..console.escape import escape
from ..console.messages import hint
from ..console.output import reaches_terminal
from ..environment import collection
from ..errors.code import CommitMissing
from ..errors.records import NoEnvironment
from ..records import query
from ..records.record import to_text
from ..results import values
from ..running import adoption
from ..sharing import commits
from ..system.git import config, objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from ..project import Project
    from ..records.environments import Environments
    from ..records.record import Run, Value
    from ..system.git.discovery import Search

    Pair = tuple[str, str | None, str | None]  # what it is, and what it says in either run

WIDTH = 60  # of a cell

# They are others in every run, or shown as command and code.
OF_NO_MATTER = (
    *("id", "name", "notes", "launched-as", "top", "dirty", "unchecked", "command", "input-command", "commit", "base"),
    *("params", "metrics", "original"),
    *("bytes", "submodules", "datetime", "finished", "worktree", "process", "former-names", "launcher", "reproduces"),
    *(
        "reproduction",
        "differences",
        "on-finish",
        "environment",
        "settings",
        "hash-seed",
        "deleted",
        "edited",
        "previous",
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "git runs diff [-p] [--format=json] [<a> [<b>]] [-- <argument>...]"
    parser.add_argument("a", metavar="A", nargs="?", help="default: the newest run but one")
    parser.add_argument("b", metavar="B", nargs="?", help="default: the newest run")
    parser.set_defaults(words=[])  # what follows "--"
    parser.add_argument("-p", "--patch", action="store_true", help="show the changes of the code, not only their size")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_color(parser)


def run(args: Namespace, search: Search) -> int:
    """Exit code 0 if nothing is different, else 1, as of git diff --exit-code."""
    here = project.find(search)
    a, b = adoption.find_all(here, _names(here, args))
    for one in (a, b):
        commits.bring(here, one)
    chosen = _chosen(a, b)
    command, fields = _commands(a, b), _records(a, b)
    surroundings = _environments(a, b, here.store.environments)
    colors = config.diff_colors(to_terminal=reaches_terminal()) if args.format == "text" else None
    form = "--patch" if args.patch else "--stat"
    code = objects.diff(_commit(a), _commit(b), form, *args.words, color=colors is not None)
    if args.format == "json":
        sys.stdout.write(_json(chosen, command, fields, surroundings, code))
    else:
        paint = _Paint(colors)
        parts = [paint.pairs("command", command), paint.pairs("record", fields), _lines("environment", surroundings)]
        sys.stdout.write("\n".join(part for part in [_params(chosen, a, b), *parts, code] if part))
    return int(bool(chosen or command or fields or surroundings or code))


def _names(here: Project, args: Namespace) -> list[str]:
    """Those that were typed; what was not is the newest run but one, and the newest."""
    if args.a is not None:
        return [named(here, args.a), named(here, args.b)]
    names = [query.by_age_of_start(here.store, newer) for newer in (1, 0)]
    hint(f"the newest runs are '{names[0]}' and '{names[1]}'")
    return names


class _Paint:
    """Lines that begin with - and +, in git's colours or in none."""

    def __init__(self, colors: tuple[str, str, str] | None) -> None:
        self.old, self.new, self.reset = colors or ("", "", "")

    def pairs(self, title: str, pairs: list[Pair]) -> str:
        """A part of the answer: what either run says of each thing; "" if there is no difference."""
        lines = []
        for key, old, new in pairs:
            for sign, color, value in (("-", self.old, old), ("+", self.new, new)):
                if value is not None:
                    shown = value if title == "command" else f"{key}: {value}"
                    lines.append(f"{color}{sign} {escape(shown)}{self.reset}\n")
        return "".join([f"{title}\n", *lines]) if lines else ""


def _params(chosen: list[Pair], a: Run, b: Run) -> str:
    """A table of the parameters that are different; "" if there are none."""
    if not chosen:
        return ""
    return "".join(table.render(("parameter", a.name, b.name), chosen, table.DEFAULT_FORMAT, WIDTH))


def _lines(title: str, lines: list[str]) -> str:
    return "\n".join([title, *(f"  {escape(line)}" for line in lines), ""]) if lines else ""


# --- what is shown of a run


def _commit(run: Run) -> str:
    """Its full hash; raises CommitMissing."""
    recorded = run.record.text("commit")
    commit = objects.resolve(recorded) if recorded else None
    if commit is None:
        raise CommitMissing(run.name, recorded)
    return commit


def _dirty(run: Run) -> str:
    return "with uncommitted changes, which nothing keeps" if "dirty" in run.record else "as committed"


def _chosen(a: Run, b: Run) -> list[Pair]:
    """The parameters that are different; numbers may be written in different ways."""
    one, other = values.parameters(a), values.parameters(b)
    pairs = ((key, one.get(key), other.get(key)) for key in dict.fromkeys([*one, *other]))
    return [(key, _text(old), _text(new)) for key, old, new in pairs if not values.are_same(old, new)]


def _text(value: Value) -> str | None:
    return None if value is None else to_text(value)


def _commands(a: Run, b: Run) -> list[Pair]:
    typed = a.record.typed_command, b.record.typed_command
    words = list(_different(*map(_words, typed)))
    if typed[0] != typed[1] and not words:  # the order, the quoting, or what is between the words
        return [("command", *typed)]
    return words


def _words(command: str) -> dict[str, str]:
    """The words of a command: flags by their names, with their values; others by their place."""
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that are not closed
        words = command.split()
    found: dict[str, str] = {}
    place = 0
    while words:
        word = words.pop(0)
        name, equals, _ = word.partition("=")
        if not re.match(r"--?[A-Za-z]", name):
            place += 1
            name = f"word {place}"
        elif not equals and words and not words[0].startswith("-"):
            word = f"{word} {shlex.quote(words.pop(0))}"
        while name in found:  # a flag that is given many times
            name += "'"
        found[name] = word
    return found


def _records(a: Run, b: Run) -> list[Pair]:
    fields = list(_different(_fields(a), _fields(b)))
    if "dirty" in a.record or "dirty" in b.record:
        fields.append(("code", _dirty(a), _dirty(b)))
    return fields


def _fields(run: Run) -> dict[str, str]:
    fields = {key: to_text(value) for key, value in run.record.items() if key not in OF_NO_MATTER}
    settings = run.record.get("settings")
    shaping = settings.items() if isinstance(settings, dict) else ()
    return fields | {f"settings.{key}": to_text(value) for key, value in shaping}


def _environments(a: Run, b: Run, environments: Environments) -> list[str]:
    if a.value("environment") == b.value("environment"):
        return []
    found, missing = [], []
    for one in (a, b):
        try:
            found.append(environments.of(one.record))
        except NoEnvironment as error:
            missing.append(f"of run '{one.name}' {error.message}")
    return missing or collection.differences(found[0], found[1], environments)


def _different(a: dict[str, str], b: dict[str, str]) -> Iterator[Pair]:
    for key in dict.fromkeys([*a, *b]):
        if a.get(key) != b.get(key):
            yield key, a.get(key), b.get(key)


def _json(chosen: list[Pair], command: list[Pair], fields: list[Pair], surroundings: list[str], code: str) -> str:
    import json

    def by_key(pairs: list[Pair]) -> dict[str, list[str | None]]:
        return {key: [old, new] for key, old, new in pairs}

    parts = {
        "params": by_key(chosen),
        "command": by_key(command),
        "record": by_key(fields),
        "environment": surroundings,
        "code": code,
    }
    return json.dumps({key: part for key, part in parts.items() if part}, indent=2, ensure_ascii=False) + "\n"
