"""The rules of the house, read from the imports themselves: one door to each outside thing, imports only downwards,
and nothing imported that a command does not use."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import git_runs
from tests.conftest import Repository

ROOT = Path(git_runs.__file__).parent

# The floors of the house, and of each wing of it, from the roof down. A room imports only rooms on lower floors, and
# from other wings only from those below its own.
FLOORS: dict[str, list[set[str]]] = {
    "": [
        {"main"},
        {"commands"},
        {"cli"},
        {"upkeep"},
        {"results"},
        {"running"},
        {"launchers"},
        {"reproducing"},
        {"code"},
        {"environment"},
        {"project"},
        {"config"},
        {"records"},
        {"system"},
        {"console"},
        {"errors"},
    ],
    "cli": [{"filters"}, {"arguments", "outcome", "pager", "strays", "table"}],
    "upkeep": [{"consistency", "maintenance"}, {"history", "leftovers"}, {"problem"}],
    "results": [{"metrics", "values"}, {"params", "sources"}],
    "results.sources": [{"files"}, {"source"}],
    "running": [
        {"adoption", "deletion", "rerun", "supervise"},
        {"lifecycle"},
        {"launch"},
        {"command_line", "execution", "own_tree", "spec"},
    ],
    "launchers": [{"foreground", "tmux"}, {"launcher"}],
    "reproducing": [{"preconditions", "reproduction"}, {"comparison"}, {"times"}],
    "code": [
        {"work_tree"},
        {"deleted_refs", "limits", "snapshot", "stand_in"},
        {"isolation", "refs"},
        {"attributes", "exactness", "keeping", "sparse"},
        {"tree"},
        {"index"},
    ],
    "environment": [{"collection"}, {"restoring", "restored"}, {"fingerprints", "interpreter", "links"}, {"packages"}],
    "config": [{"layers"}, {"runsrc"}, {"settings"}, {"values"}],
    "records": [
        {"importers", "logs", "query", "trash"},
        {"outputs", "store"},
        {"reader"},
        {"cache", "history", "journal"},
        {"runs_dir"},
        {"environments", "rows"},
        {"yamltext"},
        {"catalogue", "clock"},
        {"locks", "order"},
        {"record"},
    ],
    "records.importers": [{"single_file"}, {"importer"}],
    "system": [{"git"}, {"files", "mounts"}, {"processes", "signals"}],
    "system.git": [
        {"refstore"},
        {"discovery", "worktrees"},
        {"config", "dates", "fast_import", "guard", "objects", "status"},
        {"variables"},
        {"calls"},
    ],
    "console": [{"questions"}, {"messages", "output"}, {"escape", "progress"}],
    "errors": [
        {
            "cli",
            "code",
            "commands",
            "config",
            "console",
            "launchers",
            "records",
            "reproducing",
            "running",
            "system",
            "upkeep",
        },
        {"base"},
    ],
}

DOORS = {
    "dulwich": {"code.refs"},
    "libtmux": {"launchers.tmux"},
    "yaml": {"records.yamltext"},
    "tabulate": {"cli.table"},
    "sqlite3": {"records.cache"},
    "ctypes": {"system.mounts"},
    "subprocess": {"cli.pager", "console.questions", "system.git.calls", "system.processes"},
}


class Module:
    """A module of the package, or a package in it."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text())
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)  # from the package git_runs on, which is ""
        self._package = list(parts[:-1])

    def ours(self) -> Iterator[str]:
        """The modules of ours that it imports."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = self._package[: len(self._package) - (node.level - 1)] + (node.module or "").split(".")
                for alias in node.names:
                    names = [part for part in (*base, alias.name) if part]
                    yield ".".join(names if ".".join(names) in NAMES else names[:-1])

    def others(self) -> set[str]:
        """The first words of all else that it imports."""
        found = {
            str(node.module) for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom) and not node.level
        }
        imports = [node for node in ast.walk(self.tree) if isinstance(node, ast.Import)]
        found |= {alias.name for node in imports for alias in node.names}
        return {name.split(".")[0] for name in found}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__").removesuffix("__init__")


NAMES = {_name(path) for path in ROOT.rglob("*.py")}
MODULES = {_name(path): Module(path) for path in ROOT.rglob("*.py")}


def floor(package: str, room: str) -> int:
    """The floor of the package that the room is on; the ground floor has the highest number."""
    return next(number for number, rooms in enumerate(FLOORS[package]) if room in rooms)


def is_below(name: str, other: str) -> bool:
    """Whether the module of that name stands on a lower floor than the other; a wing stands on its own rooms."""
    parts, others = name.split("."), other.split(".")
    shared = 0
    while parts[shared : shared + 1] == others[shared : shared + 1] != []:
        shared += 1
    if len(others) == shared:
        return True
    package = ".".join(parts[:shared])
    return len(parts) == shared or floor(package, parts[shared]) > floor(package, others[shared])


@pytest.mark.parametrize("name", sorted(NAMES - {""}))
def test_imports_go_only_downwards(name: str) -> None:
    for imported in MODULES[name].ours():
        assert imported == "" or is_below(imported, name), f"{name} imports {imported}"


@pytest.mark.parametrize("name", sorted(NAMES))
def test_our_own_modules_are_imported_by_relative_names(name: str) -> None:
    assert "git_runs" not in MODULES[name].others()


def test_no_command_imports_another() -> None:
    for name in NAMES:
        if name.startswith("commands."):
            assert not any(imported.startswith("commands") for imported in MODULES[name].ours()), name


@pytest.mark.parametrize("library", DOORS)
def test_there_is_one_door_to_each_outside_thing(library: str) -> None:
    assert {name for name, module in MODULES.items() if library in module.others()} == DOORS[library]


def test_nothing_outside_launchers_knows_which_there_are() -> None:
    # The settings; variables that are others in each terminal; what the package says of itself.
    may_name_it = {"config.settings", "environment.collection", "errors.launchers", ""}
    for path in ROOT.rglob("*.py"):
        if not (name := _name(path)).startswith("launchers"):
            assert name in may_name_it or "tmux" not in path.read_text().lower(), name


def test_every_module_has_a_floor_and_a_docstring() -> None:
    for name, module in MODULES.items():
        assert ast.get_docstring(module.tree), name
        package, _, room = name.rpartition(".")
        if package != "commands" and name:
            floor(package, room)


def test_the_picture_of_the_house_shows_its_floors() -> None:
    text = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()
    lines = re.search(r"## The house.*?```\n(.*?)```", text, re.DOTALL)[1].splitlines()  # type: ignore[index]
    pictured = [(line.split()[0].strip("/"), re.sub(r"\(.*?\)", "", line[17:])) for line in lines]
    assert [name for name, _ in pictured if name != "git"] == [name for (name,) in FLOORS[""]]
    for name, rooms in pictured:
        floors = FLOORS.get("system.git" if name == "git" else name)
        if floors and name != "errors":
            assert [set(re.findall(r"\w+", part)) for part in rooms.split("|")] == floors, name


def test_whatever_is_public_has_a_docstring() -> None:
    for name, module in MODULES.items():
        for node in public(module.tree):
            if not (name.startswith("commands.") and node.name == "add_arguments"):  # which its help texts say
                assert ast.get_docstring(node), f"{name}.{node.name}"


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes, and the methods of these, whose names do not begin with "_"."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


SLOW = {"libtmux", "dulwich", "tabulate"}
TO_CHANGE_A_RECORD = {"yaml"}
NEVER = {"typing", "dataclasses", "shutil", "pathlib"}


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["list"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["list", "b.*"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["lookup", "base", "commit"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["lookup", "base"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["describe", "base", "-m", "x"], SLOW),
        (["table"], {"libtmux", "dulwich", "yaml"}),
        (["-h"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["new", "-h"], SLOW | {"sqlite3"}),
        (["new", "other", "true"], SLOW | {"sqlite3"}),
        (["list", "-h"], SLOW | TO_CHANGE_A_RECORD | NEVER),
    ],
)
def test_a_command_imports_only_what_it_uses(repo: Repository, arguments: list[str], heavy: set[str]) -> None:
    repo.finish("base")
    os.utime(repo.record_path("base"), (1e9, 1e9))  # long ago, so that it is remembered
    repo.ok("list")
    code = (
        "import sys; from git_runs.main import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    result = repo.machine.run(sys.executable, "-c", code, cwd=repo.path)
    imported = {name.split(".")[0] for name in result.out.splitlines()[-1].split()}
    assert "git_runs" in imported
    assert imported & heavy == set()
