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

FLOORS = [
    {"main"},
    {"commands"},
    {"filters"},
    {"arguments"},
    {"consistency", "maintenance"},
    {"lifecycle", "query", "supervise"},
    {"launch", "leftovers", "preconditions", "reproduction"},
    {"command_line", "work_tree"},
    {"project"},
    {"comparison"},
    {"config", "isolation", "launchers", "logs", "refs", "snapshot", "spec", "store"},
    {"environment", "index", "pager"},
    {"cache", "git", "interpreter", "links", "outputs", "table", "times", "trash", "yamltext"},
    {"catalogue"},
    {"order"},
    {"locks", "record", "terminal"},
    {"files"},
    {"interrupts", "process", "progress"},
    {"errors", "problem"},
    {"escape"},
]

DOORS = {
    "dulwich": {"refs"},
    "libtmux": {"launchers.tmux"},
    "yaml": {"yamltext"},
    "tabulate": {"table"},
    "sqlite3": {"cache"},
    "subprocess": {"git", "pager", "process", "terminal"},
}


def modules() -> dict[str, ast.Module]:
    """All modules of the package, parsed, by their dotted names inside it."""
    paths = {path: path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): ast.parse(path.read_text()) for path, parts in paths.items()}


def imports(name: str, tree: ast.Module) -> set[str]:
    """What the module imports: our modules as ".name", others by their first word."""
    package = name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - (node.level - 1)]
            inside = [*base, *(node.module or "").split(".")] if node.module else base
            found |= {"." + ".".join([*inside, alias.name] if not node.module else inside) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).split(".")[0])
    assert "git_runs" not in found, "our own modules are imported by relative names, which tell their floor"
    return found


def floor(name: str) -> int:
    """The floor that a module, named with its dot, is on; the ground floor has the highest number."""
    first = name.strip(".").split(".")[0]
    return next(number for number, names in enumerate(FLOORS) if first in names)


@pytest.mark.parametrize("name", [name for name in modules() if name != "__init__"])
def test_imports_go_only_downwards(name: str) -> None:
    for imported in imports(name, modules()[name]):
        if imported.startswith(".") and imported != ".__version__":
            assert floor(imported) > floor(name), f"{name} imports {imported}"


@pytest.mark.parametrize("library", DOORS)
def test_there_is_one_door_to_each_outside_thing(library: str) -> None:
    users = {name for name, tree in modules().items() if library in imports(name, tree)}
    assert users == DOORS[library]


def test_every_module_has_a_floor_and_a_docstring() -> None:
    for name, tree in modules().items():
        assert ast.get_docstring(tree), name
        if name != "__init__":
            floor(name)


def test_the_plan_of_the_house_names_every_module() -> None:
    plan = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text().partition("## The house")[2]
    named = set(re.findall(r"`(\w+)[/`*]", plan.partition("There is one door")[0]))
    assert set().union(*FLOORS) - named == set()


def test_whatever_is_public_has_a_docstring() -> None:
    for name, tree in modules().items():
        for node in public(tree):
            if not (name.startswith("commands.") and node.name == "add_arguments"):  # which its help texts tell
                assert ast.get_docstring(node), f"{name}.{node.name}"


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes, and the methods of these, whose names do not begin with "_"."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


TO_START_A_RUN = {"libtmux", "dulwich", "tabulate"}
TO_CHANGE_A_RECORD = {"yaml"}
NEVER = {"typing", "dataclasses", "shutil", "pathlib"}


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["list"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
        (["list", "b.*"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
        (["lookup", "base", "commit"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
        (["lookup", "base"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
        (["describe", "base", "-m", "x"], TO_START_A_RUN),
        (["table"], {"libtmux", "dulwich", "yaml"}),
        (["-h"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
        (["new", "-h"], TO_START_A_RUN),
        (["list", "-h"], TO_START_A_RUN | TO_CHANGE_A_RECORD | NEVER),
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
