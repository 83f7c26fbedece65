"""What somebody else wrote is shown and refused, but never obeyed, and never in the way of other runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_runs.code import refs
from git_runs.config import runsrc
from git_runs.config.settings import KEYS as KEYS_OF_SETTINGS
from git_runs.config.settings import SETTINGS, Given, Setting
from git_runs.console.escape import escape
from git_runs.errors.base import RunsError
from git_runs.records import query, record, yamltext
from git_runs.records.outputs import Outputs
from git_runs.records.store import Store
from tests.conftest import NO_FLAGS, Machine, Repository, Screen, wait_for
from tests.faults.harness import EXAMPLES, FULL, surprises

pytestmark = pytest.mark.timeout(3 * 3600)

many = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
few = settings(many, max_examples=EXAMPLES // 10 if FULL else 10)
BATCH = 25  # inputs that one process gets together, where each process takes its time
batches = settings(many, max_examples=EXAMPLES // BATCH)

NASTY = st.sampled_from(
    [
        *(
            "..",
            "/",
            "//",
            ".",
            "-",
            "~",
            "^",
            ":",
            "?",
            "*",
            "[",
            "\\",
            "@{",
            "@",
            "\n",
            "\r",
            "\0",
            "\x1b[31m",
            "\x7f",
        ),
        *(
            "\x9b",
            "\u2028",
            "\ud800",
            "\udcff",
            ".lock",
            ".yml",
            ".log",
            "HEAD",
            "refs/",
            "#(touch pwned)",
            "%d",
            "$(id)",
        ),
        *(
            "`id`",
            "'",
            '"',
            ";",
            "&",
            "|",
            "<",
            ">",
            " ",
            "\t",
            "é",
            "日本",
            "\N{ROCKET}",
            "a" * 200,
            "0" * 40,
            "a",
            "b1",
        ),
    ]
)
HOSTILE = st.lists(st.one_of(NASTY, st.text(max_size=4)), max_size=8).map("".join)
TEXT = HOSTILE.filter(lambda text: "\0" not in text and not re.search("[\ud800-\udfff]", text))


# --- names


@many
@given(
    st.one_of(HOSTILE, HOSTILE.map(lambda text: "a" + text), st.from_regex(r"[A-Za-z0-9._=+,@%/-]+", fullmatch=True))
)
def test_no_name_leads_out_of_the_runs_dir(name: str) -> None:
    places = Outputs("/runs")
    try:
        refs.validate(name)
    except RunsError:
        return
    assert record.is_name(name)
    for path in (Store("/runs").path(name), places.log(name), places.checkpoints(name), places.worktree(name)):
        assert os.path.normpath(path) == path
        assert path.startswith("/runs/")
    assert_git_takes(name)


def assert_git_takes(name: str) -> None:
    """It is a name to git; where that is not asked each time, it takes too long."""
    if not FULL or hash(name) % 10 == 0:
        assert subprocess.run(["git", "check-ref-format", refs.ref(name)], check=False).returncode == 0


@many
@given(st.one_of(HOSTILE, st.from_regex(r"[A-Za-z0-9._=+,@%/-]+", fullmatch=True)))
def test_what_git_refuses_as_a_name_we_refuse(name: str) -> None:
    with suppress(UnicodeEncodeError, ValueError):  # which no process could be given
        if subprocess.run(["git", "check-ref-format", refs.ref(name)], check=False).returncode:
            with pytest.raises(RunsError):
                refs.validate(name)


# --- commands and descriptions


@many
@given(TEXT, TEXT, st.dictionaries(st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True), TEXT, max_size=3))
def test_text_comes_back_from_a_record_byte_for_byte(command: str, description: str, more: dict[str, str]) -> None:
    fields = {"name": "a", **{f"x-{key}": value for key, value in more.items()}}
    fields |= {"command": command, "description": description}
    text = yamltext.dump(fields)
    assert yamltext.parse(text.encode(), "x") == fields
    changed = fields | {"description": command}
    assert yamltext.parse(yamltext.edit(text, "x", changed).encode(), "x") == changed


@many
@given(HOSTILE)
def test_no_text_says_anything_to_a_terminal(text: str) -> None:
    shown = escape(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", shown)


@batches
@given(commands=st.lists(TEXT, min_size=BATCH, max_size=BATCH), description=TEXT)
def test_a_shell_gets_and_a_record_keeps_what_was_typed(
    repo: Repository, commands: list[str], description: str
) -> None:
    command = "; ".join(f"printf %s {shlex.quote(text)} >out{number}" for number, text in enumerate(commands))
    repo.ok("new", "-q", *NO_FLAGS, f"--description={description}", "a", command)
    repo.wait("a")
    outs = [repo.path / f"out{number}" for number in range(len(commands))]
    assert [out.read_bytes() for out in outs] == [text.encode() for text in commands]
    assert repo.ok("lookup", "a", "command") == command + "\n"
    assert repo.ok("lookup", "a", "description") == description + "\n"
    assert repo.record("a")["command"] == command
    for out in outs:
        out.unlink()
    repo.ok("delete", "-y", "a")
    assert not (repo.path / "pwned").exists()


# --- patterns

PARTS = st.sampled_from(
    [*"ab.*+?()[]{}|^$\\-/", "(a+)+", "(a|a)*", "{2,}", "(?=", "(?:", r"\1", "(?i)", ".*", "a{1,50}"]
)
PATTERNS = st.one_of(HOSTILE, st.lists(PARTS, max_size=12).map("".join))


# Where the alarm rings in a call-back of hypothesis', it is swallowed, shown as a warning, and rings again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@settings(many, max_examples=EXAMPLES if FULL else 50)
@given(PATTERNS, st.booleans())
def test_every_pattern_is_answered_in_time(pattern: str, glob: bool) -> None:
    names = ["a" * 50 + "c", "ab" * 20, "exp/lr=0.1", "b"]
    before = time.process_time()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query, "PATIENCE", 0.2)
        with suppress(RunsError):
            assert set(query._matching(pattern, glob, names)) <= set(names)
    assert time.process_time() - before < 1


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(.*a){30}b", ".*" * 12 + "x", r"(?=(a+)+b)a"])
def test_a_pattern_that_would_take_for_ever_is_given_up(repo: Repository, pattern: str) -> None:
    repo.finish("a" * 60)
    result = repo.runs("list", pattern)
    assert (result.code, result.out) == (128, "")
    assert result.err == (
        f"fatal: gave up matching '{pattern}': there are too many ways in which it could match\n"
        "hint: avoid a repetition inside of another, such as (a+)+, or use -G\n"
    )


# --- settings

KEYS = st.one_of(st.sampled_from(sorted(KEYS_OF_SETTINGS)), st.from_regex(r"[a-z][a-z-]{0,9}", fullmatch=True))


@few
@given(st.one_of(st.binary(max_size=200), HOSTILE.map(lambda text: text.encode(errors="replace"))))
def test_any_runsrc_is_read_or_refused(repo: Repository, content: bytes) -> None:
    (repo.path / ".runsrc").write_bytes(content)
    check_refused_or_fine(repo.runs("list"))
    (repo.path / ".runsrc").unlink()


@many
@given(
    st.one_of(
        st.binary(max_size=200),
        HOSTILE.map(lambda text: text.encode(errors="replace")),
        st.tuples(st.sampled_from(["{}: {}\n", "{} = {}\n", '{} = "{}"\n']), st.dictionaries(KEYS, TEXT)).map(
            lambda drawn: (
                ("[runs]\n" if "=" in drawn[0] else "").encode()
                + "".join(drawn[0].format(*pair) for pair in drawn[1].items()).encode()
            )
        ),
    )
)
def test_any_content_of_a_runsrc_is_read_or_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file, suppress(RunsError):
        file.write(content)
        file.flush()
        for key, value in runsrc._read_file(file.name):
            assert isinstance(key, str)
            assert value is None or isinstance(value, str)


@many
@given(st.sampled_from(SETTINGS), HOSTILE)
def test_any_value_of_a_setting_is_read_or_refused(setting: Setting, text: str) -> None:
    with suppress(RunsError):
        setting.value([Given(text, "here", "/base")])


@few
@given(KEYS, TEXT)
def test_any_value_in_git_config_is_read_or_refused(repo: Repository, key: str, value: str) -> None:
    check_refused_or_fine(repo.runs("-c", f"runs.{key}={value}", "list"))
    assert not (repo.path / "pwned").exists()


def check_refused_or_fine(result: object) -> None:
    """It did its work, or said in a message what is wrong."""
    code, err = result.code, result.err  # type: ignore[attr-defined]
    assert not surprises(err)
    assert code == 0 or err.startswith(("fatal: ", "error: ", "warning: ")), (code, err)


def test_a_runsrc_of_somebody_elses_runs_and_reads_nothing_before_new(machine: Machine, repo: Repository) -> None:
    secret = machine.home / "secret"
    secret.write_text("[runs]\n\tshell = sesame\n")
    trap = repo.path / "trap"
    repo.commit("trap", '#!/bin/sh\ntouch pwned\nexec sh "$@"\n')
    repo.commit(
        ".runsrc",
        f"[runs]\n\tshell = {trap}\n\tvirtualenv-path = {repo.path}\n\textra-flag = $(touch pwned)\n"
        f"\tdb-filename = db\n[include]\n\tpath = {secret}\n"
        f"[core]\n\tfsmonitor = {trap}\n\tpager = {trap}\n\teditor = {trap}\n"
        f"[alias]\n\truns = !touch pwned\n[core]\n\thooksPath = {repo.path}\n",
    )
    trap.chmod(0o755)
    repo.git("commit", "-qam", "executable")
    clone = Repository(machine, repo.path.parent / "clone")
    repo.git("clone", "-q", str(repo.path), str(clone.path))
    for arguments in (
        ["list"],
        ["table"],
        ["status"],
        ["lookup", "a"],
        ["show", "a"],
        ["delete", "-y", "a"],
        ["describe", "a", "-m", "b"],
        ["move", "a", "b"],
        ["log", "a"],
        ["attach", "a"],
        ["kill", "a"],
        ["wait", "a"],
        ["reproduce", "a"],
        ["verify", "a", "a"],
        ["diff", "a", "a"],
        ["export", "-o", "-"],
        ["fsck", "--repair"],
        ["gc"],
        ["new", "-n", "a", "true"],
    ):
        result = clone.runs(*arguments)
        assert "sesame" not in result.out + result.err
    for place in (repo.path, clone.path, machine.home):
        assert not (place / "pwned").exists()
    assert not (clone.path / ".runs").exists()


# --- records on disk

WHOLE = "id: i\nname: {name}\ncommand: 'true'\nstatus: finished\nhost: h\n"
YAML = st.sampled_from(
    [
        *("&a ", "*a", "!!python/object/apply:os.system ['touch pwned']", "!!binary aGk=", "<<: *a", "? ", "- ", ": "),
        *(
            "\n",
            "\n  ",
            "{",
            "}",
            "[",
            "]",
            "'",
            '"',
            "|",
            ">",
            "%YAML 1.1\n",
            "---\n",
            "...\n",
            "#",
            "\0",
            "\ufeff",
            "\t",
        ),
        *("status: running", "process: {pid: 1}", "launcher: {tmux: {socket: /x}}", "name: ../../x", "id: i", "a: b"),
        *("former-names: [../../x]", "datetime: 9999999", "exit-code: 9e9", "submodules: {a: {repository: /}}", "~"),
    ]
)
ANYTHING = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(YAML, st.text(max_size=5)), max_size=20).map(
        lambda parts: "".join(parts).encode(errors="replace")
    ),
)


@many
@given(ANYTHING)
def test_any_record_is_read_or_refused(content: bytes) -> None:
    with suppress(RunsError):
        fields = yamltext.parse(content, "x")
        json.loads(record.to_text(fields))
        run = record.Run("x", fields)
        assert [run.value(key) for key in record.FIELDS]
        assert all(record.is_name(name) for name in fields.former_names)
        assert isinstance(fields.ending(), str)
        assert isinstance(fields.submodules, list)
    assert not os.path.exists("pwned")


@batches
@given(st.lists(ANYTHING, min_size=BATCH, max_size=BATCH))
def test_any_record_leaves_the_others_in_sight(repo: Repository, contents: list[bytes]) -> None:
    path = repo.path / ".runs/records"
    path.mkdir(parents=True, exist_ok=True)
    (path / "good.yml").write_text(WHOLE.format(name="good"))
    for number, content in enumerate(contents):
        (path / f"odd{number}.yml").write_bytes(content)
    for arguments in (
        ["list"],
        ["table"],
        ["table", "--format=json"],
        ["table", "--sort=datetime"],
        ["list", "--json"],
        ["list", "--porcelain"],
        ["list", "--format=%(name) %(description:subject) %(lr) %(loss:min) %(datetime:relative) %(commit:short=7)"],
    ):
        result = repo.runs(*arguments)
        assert "good" in result.out
        assert not surprises(result.err)
        assert result.code in (0, 1)
    for command in ("table", "status"):
        shown = repo.on_terminal(command, NO_COLOR="1")
        assert "good" in shown or command == "status"
        assert not surprises(shown)
        assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", shown)
    for arguments in (
        ["lookup", "odd0"],
        ["show", "odd0"],
        ["log", "odd0"],
        ["wait", "--timeout=0", "odd.*"],
        ["fsck"],
    ):
        assert not surprises(repo.runs(*arguments).err)
    assert not (repo.path / "pwned").exists()


def test_a_nul_in_a_record_is_in_nobodys_way(repo: Repository) -> None:
    repo.finish("good", "true", *NO_FLAGS)
    repo.finish("odd", "true", *NO_FLAGS)
    repo.record_path("odd").write_text(repo.record_path("odd").read_text() + 'outputs: ["a\\0b"]\n')
    for arguments in (["show", "odd"], ["diff", "odd", "good"], ["verify", "odd", "good"], ["reproduce", "-n", "odd"]):
        result = repo.runs(*arguments)
        assert (result.code, "there is a NUL in the text" in result.err) == (128, True), result
    for command in ("status", "table"):
        result = repo.runs(command)
        assert (result.code, surprises(result.err)) == (1, False), result
    assert "good" in result.out
    assert repo.runs("describe", "good", "-F", "-", stdin="a\0b").err.startswith("fatal: the description has a NUL")


@pytest.mark.parametrize(
    "kind", ["fifo", "socket", "loop", "dangling", "out", "directory", "huge", "laughs", "deep", "binary"]
)
def test_nothing_among_the_records_hides_or_holds_up_the_others(repo: Repository, tmp_path: Path, kind: str) -> None:
    repo.finish("good")
    plant(repo.record_path("odd"), kind, tmp_path)
    for command in ("list", "table"):
        result = repo.machine.run("timeout", "20", "git-runs", command, cwd=repo.path)
        assert result.code == (0 if kind in ("directory", "huge") else 1), result
        assert "good" in result.out
        assert "swordfish" not in result.out + result.err
    assert "swordfish" not in repo.runs("lookup", "odd").out
    assert (repo.runs("lookup", "odd").code == 0) == (kind == "huge")


def plant(path: Path, kind: str, tmp_path: Path) -> None:
    """Something at the path of a record that is none, or one that asks for too much."""
    (tmp_path / "secret").write_text("password: swordfish\n")
    laughs = ["l0: &l0 [x]", *(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30))]
    makers: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(path),
        "socket": lambda: bind(path),
        "loop": lambda: path.symlink_to(path),
        "dangling": lambda: path.symlink_to("nowhere"),
        "out": lambda: path.symlink_to(tmp_path / "secret"),
        "directory": path.mkdir,
        "huge": lambda: path.write_text(WHOLE.format(name="odd") + f"note: {'x' * 10_000_000}\n"),
        "laughs": lambda: path.write_text("\n".join(laughs)),
        "deep": lambda: path.write_text("a: " + "[" * 100_000),
        "binary": lambda: path.write_bytes(bytes(range(256)) * 100),
    }
    makers[kind]()


def bind(path: Path) -> None:
    """A socket; its path is too long to be bound from elsewhere."""
    with socket.socket(socket.AF_UNIX) as server:
        before = os.getcwd()
        os.chdir(path.parent)
        server.bind(path.name)
        os.chdir(before)


def test_escapes_in_recorded_text_are_shown_on_a_terminal(repo: Repository, screen: Screen) -> None:
    title = "\x1b]2;pwned\x07\x1b[2J\x1b[31m"
    repo.ok("new", "-q", *NO_FLAGS, f"--description={title}", "a", f"true '{title}'")
    repo.wait("a")
    path = repo.record_path("a")
    path.write_text(path.read_text().replace("host: ", 'note: "\\e]2;pwned\\a\\e[2J"\nhost: '))
    for number, command in enumerate(("table", "lookup a", "lookup a note", "show a", "lookup a description")):
        screen.type(f"clear; git runs {command} | cat -v; git runs {command}; echo end $(({number}+1))")
        screen.shows(f"end {number + 1}")
        assert "\\x1b" in screen.text() or "\\e" in screen.text(), screen.text()
    assert (
        "pwned"
        not in repo.machine.run("tmux", "-L", "screen", "display-message", "-p", "-t", "screen", "#{pane_title}").out
    )


# --- the runs dir


@pytest.mark.parametrize("kind", ["records/x", "logs/x", "tensorboard/x", "checkpoints/x"])
def test_planted_links_lead_nobody_out_of_the_runs_dir(repo: Repository, tmp_path: Path, kind: str) -> None:
    repo.finish("base", "echo hello", *NO_FLAGS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("a", "a.log", "a.yml"):
        (elsewhere / name).write_text(WHOLE.format(name="x/a"))
    before = {path: path.read_bytes() for path in elsewhere.iterdir()}
    (repo.path / ".runs" / kind).symlink_to(elsewhere)
    for arguments in (
        ["list"],
        ["delete", "-y", "x/a"],
        ["describe", "x/a", "-m", "m"],
        ["move", "x/a", "b"],
        ["move", "base", "x/a"],
        ["move", "base", "x/c"],
        ["new", "x/c", "true"],
    ):
        repo.runs(*arguments)
    assert {path: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert "base" in repo.ok("list").split()


@pytest.mark.parametrize("repository", ["", ".", ".git", "../repo/.git"])
def test_a_planted_submodule_is_not_the_repository_itself(repo: Repository, repository: str) -> None:
    repo.finish("base", "true", *NO_FLAGS)
    before = repo.git("rev-parse", "runs/base")
    other = repo.commit("file", "other\n")
    submodules = f"submodules: {{a: {{repository: '{repository}', commit: {other.strip()}}}}}\n"
    repo.record_path("base").write_text(repo.record_path("base").read_text() + submodules)
    repo.ok("fsck", "--repair")
    repo.ok("move", "base", "new")
    assert repo.refs() == ["refs/runs/new"]
    assert repo.git("rev-parse", "runs/new") == before
    repo.git("update-ref", "refs/runs/new", other)
    assert repo.runs("fsck", "--repair").code == 1
    repo.ok("delete", "-y", "new")
    assert repo.refs() == []


@pytest.mark.parametrize("way", ["link", "group", "submodule", "dots", "link inside"])
def test_no_planted_record_or_link_has_a_work_tree_moved_or_removed(repo: Repository, tmp_path: Path, way: str) -> None:
    other = Repository(repo.machine, tmp_path / "other")
    repo.git("init", "-q", str(other.path))
    commit = other.commit("file", "other\n")
    mine = tmp_path / "mine"
    (repo if way in ("link", "group") else other).git("worktree", "add", "-q", str(mine))
    (mine / "precious").write_text("mine\n")
    repo.finish("g/mine", "true", *NO_FLAGS)
    inside = {"submodule": str(mine), "dots": "../../../../../mine"}.get(way, "inside")
    hostile = f"worktree: x\nsubmodules: {{'{inside}': {{repository: '{other.path}/.git', commit: {commit}}}}}\n"
    repo.record_path("g/mine").write_text(repo.record_path("g/mine").read_text() + hostile)
    worktrees = repo.path / ".runs/worktrees"
    (worktrees / "g").mkdir(parents=True)
    if way == "link":
        (worktrees / "g/mine").symlink_to(mine)
    elif way == "group":
        (worktrees / "g").rmdir()
        (worktrees / "g").symlink_to(tmp_path)
    else:
        (worktrees / "g/mine").mkdir()
        (worktrees / "g/mine/inside").symlink_to(mine)
    repo.runs("fsck", "--repair", "--prune-outputs")
    assert repo.runs("move", "g/mine", "b").code == (128 if way == "group" else 0)
    repo.runs("move", "b", "g/mine")
    repo.ok("delete", "-y", ".*")
    assert (mine / "precious").read_text() == "mine\n"
    assert repo.git("-C", str(mine), "status", "--porcelain") == "?? precious\n"
    assert repo.refs() == other.refs() == []


@pytest.mark.parametrize("kind", ["file", "chain", "group", "fifo"])
def test_no_log_is_shown_through_a_planted_link(repo: Repository, tmp_path: Path, kind: str) -> None:
    repo.finish("g/a", "echo said", *NO_FLAGS)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "a.log").write_text("swordfish\n")
    logs = repo.path / ".runs/logs"
    (logs / "g/a.log").unlink()
    if kind == "group":
        (logs / "g").rmdir()
        (logs / "g").symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(logs / "g/a.log")
    else:
        (logs / "g/a.log").symlink_to("b.log" if kind == "chain" else elsewhere / "a.log")
        (logs / "g/b.log").symlink_to(elsewhere / "a.log")
    for command in (["log", "g/a"], ["log", "-n", "1", "g/a"], ["attach", "g/a"], ["verify", "g/a", "g/a"]):
        result = repo.machine.run("timeout", "20", "git-runs", *command, cwd=repo.path)
        assert result.code in (1, 128)
        assert "swordfish" not in result.out + result.err
    assert (elsewhere / "a.log").read_text() == "swordfish\n"


def test_a_spec_is_its_owners_alone_and_gone_once_read(repo: Repository) -> None:
    repo.machine.environment["RUNS_SECRET"] = "swordfish"
    modes = set()
    process = repo.machine.start("git-runs", "new", "-q", *NO_FLAGS, "base", "sleep 60", cwd=repo.path)
    while process.poll() is None:
        for spec in repo.path.glob(".runs/specs/*"):
            with suppress(FileNotFoundError):
                modes.add(spec.stat().st_mode & 0o777)
    process.communicate()
    wait_for(lambda: repo.record("base")["status"] == "running")
    assert modes <= {0o600}
    assert list(repo.path.glob(".runs/specs/*")) == []
    found = repo.machine.run("grep", "-rl", "swordfish", str(repo.path / ".runs"))
    assert found.out == ""
    cmdline = Path(f"/proc/{repo.record('base')['process']['pid']}/cmdline").read_bytes()  # type: ignore[index]
    assert b"swordfish" not in cmdline
