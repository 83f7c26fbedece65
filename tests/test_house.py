"""The rules of the house, read from the imports themselves: one door to each outside thing, imports only downwards,
and nothing imported that a command does not use."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest

import git_runs
from tests.conftest import Repository

ROOT = Path(git_runs.__file__).parent

WIDGETS = {"curve", "description", "filter", "footer", "heading", "help", "log", "question", "table"}

# The floors of the house, and of each wing of it, from the roof down. A room imports only rooms on lower floors, and
# from other wings only from those below its own.
FLOORS: dict[str, list[set[str]]] = {
    "": [
        {"main"},
        {"commands"},
        {"cli"},
        {"upkeep"},
        {"sharing"},
        {"running"},
        {"launchers"},
        {"reproducing"},
        {"results"},
        {"code"},
        {"environment"},
        {"project"},
        {"config"},
        {"records"},
        {"system"},
        {"console"},
        {"errors"},
    ],
    "cli": [
        {"format_output", "overview"},
        {"format_entries"},
        {"appearance", "completion", "filters", "format", "format_values", "live", "starting"},
        {
            *("arguments", "candidates", "dates", "exchange", "format_options", "grammar", "hashes", "installing"),
            *("layout", "mistyped", "outcome", "strays", "table"),
        },
        {"manual", "usage"},
        {"options", "pager"},
    ],
    "upkeep": [{"consistency", "maintenance"}, {"history", "jobs", "remotes"}, {"leftovers"}, {"problem"}],
    "sharing": [
        {"adopting", "bundle", "getting", "removal"},
        {"disclosure", "packing", "staging", "whereabouts"},
        {"pushing"},
        {"commits", "fetching", "merging"},
        {"merge", "remote", "shared"},
    ],
    "results": [
        {"top"},
        {"compare", "curves", "exports", "report", "tensorboard"},
        {"values"},
        {"correlation", "metrics", "params", "tails"},
        {"reading"},
        {"summary"},
        {"sources"},
    ],
    "results.sources": [{"hparams"}, {"events", "files", "log"}, {"counters", "source"}, {"words"}],
    "results.exports": [{"mlflow", "tables"}],
    "results.report": [{"page"}, {"code", "drawing", "entries"}, {"curves"}],
    "results.top": [
        {"app"},
        WIDGETS,
        {"watch"},
        {"rows"},
        {"actions", "colors"},
    ],
    "running": [
        {"optimizer"},
        {"adoption", "deletion", "importing", "moving", "plan", "rerun", "service", "supervise", "worker"},
        {"lifecycle"},
        {"queue"},
        {"launch"},
        {"settling"},
        {"submission"},
        {"away", "registration"},
        {"outcome", "study", "sweep"},
        {"space"},
        {"slots"},
        {"command_line", "errand", "execution", "on_finish", "own_tree", "spec"},
        {"background"},
    ],
    "launchers": [{"configured", "foreground", "host", "slurm", "tmux"}, {"scheduler"}, {"launcher"}],
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
    "config": [{"layers"}, {"runsrc"}, {"settings"}, {"hosts", "lines", "values"}],
    "records": [
        {"importers", "logs", "query"},
        {"trash"},
        {"outputs", "store"},
        {"everywhere"},
        {"fetched"},
        {"reader"},
        {"cache", "history", "journal", "remotes"},
        {"kept"},
        {"runs_dir"},
        {"environments", "rows"},
        {"yamltext"},
        {"columns"},
        {"catalogue", "clock", "remarks"},
        {"locks", "order"},
        {"record"},
    ],
    "records.importers": [
        {"dvc", "exptrack", "guild", "lab_notebook", "mlflow", "single_file", "wandb"},
        {"database", "importer", "protobuf"},
    ],
    "system": [
        {"rsync"},
        {"ssh"},
        {"git"},
        {"files", "gpus", "mounts"},
        {"programs"},
        {"children", "signals", "whoami"},
        {"processes"},
    ],
    "system.git": [
        {"bundles"},
        {"refstore"},
        {"discovery", "remotes", "worktrees"},
        {"config", "dates", "fast_import", "guard", "objects", "status"},
        {"variables"},
        {"calls"},
    ],
    "console": [
        {"plot", "questions"},
        {"sparkline", "strokes"},
        {"axes", "canvas", "messages", "output", "screen"},
        {"escape", "numbers", "progress", "terminal"},
    ],
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
            "sharing",
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
    "plotly": {"results.report.page"},
    "textual": {f"results.top.{room}" for room in (*WIDGETS, "app")},
    "rich": {f"results.top.{room}" for room in ("curve", "heading", "help", "question", "table")},
    "optuna": {"running.study"},
    "sqlite3": {"records.cache", "records.importers.database"},
    "ctypes": {"system.mounts"},
    "subprocess": {
        *("cli.pager", "console.questions"),
        *("system.git.calls", "system.processes", "system.programs", "system.rsync", "system.ssh"),
    },
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

    @cached_property
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
    assert "git_runs" not in MODULES[name].others


def test_no_command_imports_another() -> None:
    for name in NAMES:
        if name.startswith("commands."):
            assert not any(imported.startswith("commands") for imported in MODULES[name].ours()), name


@pytest.mark.parametrize("library", DOORS)
def test_there_is_one_door_to_each_outside_thing(library: str) -> None:
    assert {name for name, module in MODULES.items() if library in module.others} == DOORS[library]


def test_nothing_outside_launchers_knows_which_there_are() -> None:
    # The settings; variables that differ in each terminal; what the package says of itself.
    may_name_it = {"config.settings", "environment.collection", "errors.launchers", ""}
    may_name_its_options = {"config.settings", "cli.starting", "environment.collection"}
    for path in ROOT.rglob("*.py"):
        if not (name := _name(path)).startswith("launchers"):
            text = path.read_text().lower()
            assert name in may_name_it or "tmux" not in text, name
            assert name in may_name_its_options or "slurm" not in text, name


def test_only_its_launcher_runs_the_programs_of_slurm() -> None:
    programs = {"sbatch", "squeue", "sacct", "scancel", "scontrol", "sinfo"}
    for name, module in MODULES.items():
        constants = {node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)}
        assert name == "launchers.slurm" or not programs & {one for one in constants if isinstance(one, str)}, name


@pytest.mark.parametrize("program", ["ssh", "rsync"])
def test_one_module_runs_each_program_that_reaches_other_hosts(program: str) -> None:
    may_say_it = {f"system.{program}", "environment.interpreter"}  # which knows the schemes of addresses
    for name, module in MODULES.items():
        words = {node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)}
        assert name in may_say_it or program not in words, name


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
        (["plot"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["top", "-h"], {"libtmux", "tabulate", "textual", "rich"}),
        (["-h"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["new", "-h"], SLOW | {"sqlite3"}),
        (["new", "other", "true"], SLOW | {"sqlite3"}),
        (["list", "-h"], SLOW | TO_CHANGE_A_RECORD | NEVER),
        (["complete", "--", "show", ""], SLOW | TO_CHANGE_A_RECORD | NEVER | {"argparse", "sqlite3"}),
        (["complete", "--", "table", "--sort", ""], SLOW | TO_CHANGE_A_RECORD | NEVER | {"argparse"}),
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
