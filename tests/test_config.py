"""Settings: what each does, and which of the places that set it wins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from git_runs.config.settings import KEYS, OF_GIT_CONFIG
from tests.conftest import NO_FLAGS, Repository, wait_for

# Each setting with two values, and what `effect` shows for them.
VALUES = {
    "runs-dir": ("a-runs", "b-runs"),
    "db-filename": ("a.yml", "b.yml"),
    "tb-dir": ("<runs-dir>/tensorboard/<run-name>/a", "/tmp/<run-name>/b"),
    "tb-dir-flag": ("--a", "--b"),
    "save-path": ("<runs-dir>/checkpoints/<run-name>/a", "/tmp/<run-name>/b"),
    "save-path-flag": ("--a", "--b"),
    "extra-flag": ("--a=1", "--b=2"),
    "virtualenv-path": ("~/a", "~/b"),
    "column-width": ("5", "6"),
    "hidden-columns": ("name", "command"),
    "collision": ("timestamp", "overwrite"),
    "dirty": ("allow", "snapshot"),
    "include": ("*.a", "*.b"),
    "snapshot-limit": ("3m", "4m"),
    "isolate": ("true", "false"),
    "link": ("a", "b"),
    "env": ("A*", "B*"),
    "pattern-type": ("glob", "regex"),
    "shell": ("sh", "sh -e"),
    "launcher": ("foreground", "tmux"),
    "jobs": ("2", "3"),
    "slurm": ("gres=a", "gres=b"),
    "keep-session": ("always", "never"),
    "tmux-socket": ("a", "b"),
    "gc-auto": ("0", "1"),
    "gc-sessions": ("never", "now"),
    "hash-seed": ("record", "leave"),
    "history": ("never", "false"),
    "shared": ("group", "0640"),
    "get-command": ("touch a", "touch b"),
    "metric": ("a:min", "b"),
    "metric-files": ("a.json", "b.json"),
    "metric-pattern": ("(?P<a>[0-9])", "(?P<b>[0-9])"),
    "on-finish": ("touch a-runs", "touch b-runs"),
    "trash-days": ("7", "8"),
}

LEVELS = ("system", "global", "runsrc", "local", "worktree", "command", "option")


def set_at(repo: Repository, level: str, key: str, value: str) -> tuple[str, ...]:
    """Set the value at that level; gives the options of `git` that do it, if any."""
    if level == "system":
        repo.machine.environment |= {"GIT_CONFIG_NOSYSTEM": "0", "GIT_CONFIG_SYSTEM": str(repo.machine.home / "system")}
        repo.git("config", "--file", str(repo.machine.home / "system"), f"runs.{key}", value)
    elif level == "global":
        repo.git("config", "--global", f"runs.{key}", value)
    elif level == "runsrc":
        (repo.path / ".runsrc").write_text(f"[runs]\n\t{key} = {value}\n")
        (repo.path / ".git/info/exclude").write_text(".runsrc\n*-runs\n")
    elif level == "local":
        repo.git("config", f"runs.{key}", value)
    elif level == "worktree":
        repo.git("config", "extensions.worktreeConfig", "true")
        repo.git("config", "--worktree", f"runs.{key}", value)
    elif level == "command":
        return ("-c", f"runs.{key}={value}")
    return ()


def effect(repo: Repository, key: str, *options: str, new_options: tuple[str, ...] = ()) -> str:
    """The value that is in force, from what it does."""
    repo.path.joinpath(".git/info/exclude").write_text(".runsrc\n*-runs\n")
    for virtualenv in ("a", "b"):
        activate = repo.machine.home / virtualenv / "bin/activate"
        activate.parent.mkdir(parents=True, exist_ok=True)
        activate.touch()

    def runs(*arguments: str) -> str:
        result = repo.machine.run("git", *options, "runs", *arguments, cwd=repo.path)
        assert result.code == 0, result
        return result.out

    def start(command: str = "true") -> str:
        words = ("new", "-q", "--wait", *NO_FLAGS, *new_options, "ab", command)
        result = repo.machine.run("git", *options, "runs", *words, cwd=repo.path)
        assert result.code == (command == "false"), result
        return result.out.strip()

    if key == "runs-dir":
        return runs("new", "-n", "base", "true").split("--tb-dir=")[1].split("/")[-4]
    if key == "db-filename":
        return runs("export").strip("'\n").rpartition("/")[2]
    if key == "column-width":
        start()
        return str(len(runs("table", "--columns=commit").splitlines()[-1].strip()))
    if key == "hidden-columns":
        return next(column for column in ("name", "command") if column not in runs("table").split())
    if key == "pattern-type":
        start()
        return "glob" if repo.machine.run("git", *options, "runs", "list", ".b", cwd=repo.path).code else "regex"
    if key == "collision":
        start()
        return "overwrite" if "Would delete" in runs("new", "-n", "ab", "true") else "timestamp"
    if key == "dirty":
        (repo.path / "new").touch()
        return "snapshot" if "base" in repo.record(start()) else "allow"
    if key == "snapshot-limit":
        (repo.path / "new").write_bytes(b"x" * (5 << 20))
        result = repo.machine.run(
            "git", *options, "runs", "new", "--snapshot", *new_options, "ab", "true", cwd=repo.path
        )
        return result.err.split("more than ")[1].split(".")[0] + "m"
    if key == "isolate":
        return str("worktree" in repo.record(start())).lower()
    if key == "shell":
        return str(repo.record(start())["settings"]["shell"])  # type: ignore[index]
    if key == "launcher":
        runs("new", "-q", *NO_FLAGS, *new_options, "ab", "true")
        return next(iter(repo.record("ab")["launcher"]))  # type: ignore[call-overload, no-any-return]
    if key == "jobs":
        start()
        return str(json.loads(next(repo.path.glob(".runs/queue/*/slots.json")).read_text())["jobs"])
    if key == "keep-session":
        start("true")
        wait_for(lambda: repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out in ("", "1\n"))
        return "always" if repo.machine.sessions() else "never"
    if key == "gc-auto":
        for name in ("a", "b"):
            repo.git("update-ref", f"refs/runs/{name}", "HEAD")
        runs("gc", "--auto")
        return "0" if (repo.path / ".git/refs/runs/a").exists() else "1"
    if key == "gc-sessions":
        start("false")
        wait_for(lambda: repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out == "1\n")
        runs("gc")
        return "never" if repo.machine.sessions() else "now"
    if key == "hash-seed":
        return "record" if "hash-seed" in repo.record(start("python3 -c pass")) else "leave"
    if key == "history":
        start()
        del repo.machine.environment["GIT_CONFIG_COUNT"]
        runs("gc")
        return "never" if repo.git("for-each-ref", "refs/git-runs/records") else "false"
    if key == "shared":
        start()
        return "group" if (repo.path / ".runs").stat().st_mode & 0o020 else "0640"
    if key == "metric":
        return runs("table").split()[2]
    if key == "metric-files":
        start('for n in a b; do echo "{\\"$n.json\\": 1}" > $RUNS_TB_DIR/$n.json; done')
        return "".join(repo.record("ab")["metrics"])  # type: ignore[arg-type]
    if key == "metric-pattern":
        start("echo 7")
        return "(?P<{}>[0-9])".format(*repo.record("ab")["metrics"])  # type: ignore[misc]
    if key == "get-command":
        start()
        runs("get", "ab")
        return "touch a" if (repo.path / "a").exists() else "touch b"
    if key == "on-finish":
        start()
        wait_for(lambda: [*repo.path.glob("?-runs")])
        return "touch a-runs" if (repo.path / "a-runs").exists() else "touch b-runs"
    if key == "trash-days":
        start()
        result = repo.machine.run("git", *options, "runs", "delete", "-y", "ab", cwd=repo.path)
        return result.err.split("within ")[1].split()[0]
    if key == "tmux-socket":
        launcher = repo.record(start("false"))["launcher"]
        return str(launcher["tmux"]["socket"].rpartition("/")[2])  # type: ignore[index]
    return runs("new", "-n", *new_options, "base", "true").splitlines()[-1].strip()


def expected(repo: Repository, key: str, value: str) -> str:
    """What `effect` gives for that value."""
    tb = f"--tb-dir={repo.path}/.runs/tensorboard/base"
    save = f"--save-path={repo.path}/.runs/checkpoints/base/model.ckpt"
    filled = value.replace("<runs-dir>", f"{repo.path}/.runs").replace("<run-name>", "base")
    return {
        "tb-dir": f"true --tb-dir={filled} {save}",
        "save-path": f"true {tb} --save-path={filled}",
        "tb-dir-flag": f"true {value}={repo.path}/.runs/tensorboard/base {save}",
        "save-path-flag": f"true {tb} {value}={repo.path}/.runs/checkpoints/base/model.ckpt",
        "virtualenv-path": f". {value.replace('~', str(repo.machine.home))}/bin/activate && true {tb} {save}",
    }.get(key, value)


ON_THE_COMMAND_LINE = (
    "tb-dir",
    "save-path",
    "tb-dir-flag",
    "save-path-flag",
    "virtualenv-path",
    "shell",
    "snapshot-limit",
)
MANY = ("extra-flag", "include", "link", "env", "metric-files", "metric-pattern", "slurm")
AT_EACH_LEVEL = ("runs-dir", "tb-dir", "shell")  # some: all settings are read by the same code


@pytest.mark.parametrize(
    ("key", "level"),
    [
        (key, level)
        for key in VALUES
        for level in (LEVELS if key in AT_EACH_LEVEL else ("runsrc", "local", "option"))
        if key not in MANY
        and (level != "option" or key in ON_THE_COMMAND_LINE)
        and (level != "runsrc" or key not in OF_GIT_CONFIG)
    ],
)
def test_a_setting_at_each_level_beats_those_below(repo: Repository, key: str, level: str) -> None:
    weak, strong = VALUES[key]
    options: tuple[str, ...] = ()
    for below in LEVELS[: LEVELS.index(level)]:
        options = set_at(repo, below, key, weak) or options
    if level != "option":
        options = set_at(repo, level, key, strong) or options
        assert effect(repo, key, *options) == expected(repo, key, strong)
    else:
        assert effect(repo, key, *options, new_options=(f"--{key}={strong}",)) == expected(repo, key, strong)


def test_extra_flags_add_up_from_all_levels_until_an_empty_one(repo: Repository) -> None:
    for level, value in (("global", "--g=1"), ("runsrc", "--r=2"), ("local", "--l=3")):
        set_at(repo, level, "extra-flag", value)
    assert effect(repo, "extra-flag", "-c", "runs.extra-flag=--c=4", new_options=("--extra-flag=--o=5",)).endswith(
        "/checkpoints/base/model.ckpt --g=1 --r=2 --l=3 --c=4 --o=5"
    )
    assert effect(repo, "extra-flag", new_options=("--extra-flag=", "--extra-flag=--o=5")).endswith("/model.ckpt --o=5")


def test_placeholders_in_extra_flags(repo: Repository) -> None:
    repo.git("config", "runs.extra-flag", "--log=<runs-dir>/my logs/<run-name>.log")
    repo.git("config", "--add", "runs.extra-flag", "--fast")
    assert effect(repo, "extra-flag").endswith(f" --log='{repo.path}/.runs/my logs/base.log' --fast")


def test_without_flags_the_command_is_what_was_typed(repo: Repository) -> None:
    assert repo.ok("new", "-n", *NO_FLAGS, "base", "a  &&\tb\n").splitlines()[-1] == "  a  &&\\tb\\n"


@pytest.mark.parametrize("key", ["tb-dir-flag", "save-path-flag", "virtualenv-path"])
def test_none_and_nothing_mean_that_no_flag_is_passed(repo: Repository, key: str) -> None:
    set_at(repo, "global", key, "--x")
    without = effect(repo, key, new_options=(f"--{key}=None",))
    assert effect(repo, key, new_options=(f"--{key}=",)) == without
    assert "--x" not in without


def test_a_flag_of_one_letter_takes_its_value_as_the_next_word(repo: Repository) -> None:
    repo.git("config", "runs.save-path-flag", "-s")
    assert effect(repo, "save-path-flag").endswith(f" -s {repo.path}/.runs/checkpoints/base/model.ckpt")


def test_collision(repo: Repository) -> None:
    repo.finish("base")
    repo.git("config", "runs.collision", "timestamp")
    name = repo.ok("new", "-q", "base", "true").strip()
    assert name.startswith("base1")
    assert name[4:].isdigit()
    repo.git("config", "runs.collision", "overwrite")
    first = repo.lookup("base", "id")
    repo.ok("new", "-y", "base", "true")
    assert repo.lookup("base", "id") != first
    assert repo.runs("-c", "runs.collision=refuse", "new", "base", "true").code == 128


def test_tmux_socket(repo: Repository) -> None:
    repo.git("config", "runs.tmux-socket", "mine")
    repo.ok("new", *NO_FLAGS, "base", "cat")
    assert repo.machine.sessions() == []
    assert repo.machine.tmux("-L", "mine", "list-sessions", "-F", "#S").out == "base\n"
    assert repo.record("base")["launcher"]["tmux"]["socket"].endswith("/mine")  # type: ignore[index]
    repo.git("config", "--unset", "runs.tmux-socket")
    repo.ok("move", "base", "moved")
    assert repo.machine.tmux("-L", "mine", "list-sessions", "-F", "#S").out == "moved\n"
    repo.ok("delete", "-y", "moved")
    wait_for(lambda: repo.machine.tmux("-L", "mine", "list-sessions").code == 1)


def test_the_server_that_we_are_in_is_the_default(repo: Repository) -> None:
    repo.machine.tmux("-L", "other", "new-session", "-d", "-s", "work")
    socket = repo.machine.tmux("-L", "other", "display-message", "-p", "#{socket_path},#{pid},0").out.strip()
    result = repo.runs("new", *NO_FLAGS, "base", "cat", TMUX=socket)
    assert result.code == 0
    assert repo.machine.tmux("-L", "other", "list-sessions", "-F", "#S").out == "base\nwork\n"


# --- .runsrc


def test_the_nearest_runsrc_counts_and_paths_in_it_are_relative_to_it(repo: Repository) -> None:
    (repo.path / "a/b").mkdir(parents=True)
    (repo.path / ".runsrc").write_text("[runs]\nruns-dir = top\ntb-dir-flag = --top\n")
    (repo.path / "a/.runsrc").write_text("[runs]\nruns-dir = in-a\nvirtualenv-path = venv\n")
    (repo.path / "a/venv/bin").mkdir(parents=True)
    (repo.path / "a/venv/bin/activate").touch()
    repo.git("add", ".")
    repo.git("commit", "-q", "-m", "settings")
    out = repo.ok("new", "-n", "base", "true", cwd=repo.path / "a/b")
    assert f". {repo.path}/a/venv/bin/activate && true --tb-dir={repo.path}/a/in-a/tensorboard/base" in out
    assert f"true --top={repo.path}/top/tensorboard/base" in repo.ok("new", "-n", "base", "true")


def test_a_runsrc_above_the_work_tree_is_not_ours(repo: Repository) -> None:
    (repo.path.parent / ".runsrc").write_text("[runs]\nruns-dir = above\n")
    assert f"--tb-dir={repo.path}/.runs/" in repo.ok("new", "-n", "base", "true")


def test_in_a_linked_work_tree_paths_in_runsrc_are_those_of_the_main_one(repo: Repository, tmp_path: Path) -> None:
    repo.commit(".runsrc", "[runs]\nruns-dir = mine\n")
    repo.git("worktree", "add", "-q", str(tmp_path / "linked"))
    repo.finish("base", "true", cwd=tmp_path / "linked")
    assert (repo.path / "mine/records/base.yml").exists()
    assert repo.ok("list") == "base\n"


def test_runsrc_follows_no_includes(repo: Repository) -> None:
    (repo.machine.home / "secret").write_text("[runs]\nruns-dir = leaked\n")
    repo.commit(".runsrc", f"[include]\npath = {repo.machine.home}/secret\n")
    result = repo.runs("new", "-n", "base", "true")
    assert "leaked" not in result.out
    assert result.err.startswith("warning: unknown setting 'include.path' in file ")


def test_runs_dir_in_git_config_is_relative_to_the_top_of_the_main_work_tree(repo: Repository) -> None:
    (repo.path / "sub").mkdir()
    repo.git("config", "runs.runs-dir", "x/y")
    assert f"--tb-dir={repo.path}/x/y/tensorboard/base" in repo.ok("new", "-n", "base", "true", cwd=repo.path / "sub")
    repo.git("config", "runs.runs-dir", "~/runs")
    assert f"--tb-dir={repo.machine.home}/runs/tensorboard/base" in repo.ok("new", "-n", "base", "true")


EXAMPLE = """\
runs-dir: .lstm-runs/
db-filename: lstm-runs.yml
tb-dir-flag: None
save-path-flag: -s
virtualenv-path: /home/ethan/virtualenvs/baselines/
  - [goal-log-dir, <runs-dir>/goal-logs/<run-name>.log]
"""


@pytest.mark.parametrize("text", [EXAMPLE, EXAMPLE.replace("  - [", "extra-flags:\n  - [")])
def test_the_published_example_of_the_first_tool(repo: Repository, text: str) -> None:
    home = repo.machine.home
    repo.commit(".runsrc", text.replace("/home/ethan", str(home)))
    runs = repo.path / ".lstm-runs"
    assert repo.runs("new", "-n", "base", "python").err.startswith(
        f"fatal: there is no virtualenv in '{home}/virtualenvs/baselines': bin/activate is missing\n"
    )
    (home / "virtualenvs/baselines/bin").mkdir(parents=True)
    (home / "virtualenvs/baselines/bin/activate").touch()
    result = repo.runs("new", "-n", "base", "python")
    assert result.out.splitlines()[-1] == (
        f"  . {home}/virtualenvs/baselines/bin/activate && python -s {runs}/checkpoints/base/model.ckpt"
        f" --goal-log-dir={runs}/goal-logs/base.log"
    )
    assert result.err == ""


def test_yaml_values_are_the_text_that_stands_there(repo: Repository) -> None:
    repo.commit(
        ".runsrc", "# mine\ntb-dir-flag: ~\nsave-path-flag:\ncolumn-width: 010\nhidden-columns: [commit, host]\n"
    )
    assert repo.ok("new", "-n", "base", "true").splitlines()[-1] == "  true"
    repo.finish("base")
    assert repo.ok("table").split()[:6] == ["name", "status", "command", "input-command", "datetime", "description"]


def test_every_setting_of_the_table_is_tested() -> None:
    assert set(VALUES) == KEYS


def test_the_default_shell_is_bash_where_there_is_one(repo: Repository, tmp_path: Path) -> None:
    assert repo.ok("new", "-n", *NO_FLAGS, "base", "true")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("git", "git-runs", "tmux", "sh", "cat", "sed"):
        found = shutil.which(tool, path=repo.machine.environment["PATH"])
        assert found
        (tools / tool).symlink_to(found)
    result = repo.runs("new", *NO_FLAGS, "base", "echo $0", PATH=str(tools))
    assert result.code == 0, result
    repo.wait("base")
    assert repo.record("base")["settings"]["shell"] == "sh"  # type: ignore[index]
    assert repo.log("base") == "sh\n"


def test_a_byte_order_mark_at_the_front_of_runsrc_is_none_of_its_words(repo: Repository) -> None:
    (repo.path / ".runsrc").write_bytes(b"\xef\xbb\xbf[runs]\n\tdb-filename = x.yml\n")
    assert repo.ok("export") == f"Exported 0 runs to '{repo.path}/.runs/x.yml'\n"


def test_a_shell_may_be_quoted(repo: Repository) -> None:
    shell = repo.machine.home / "my shell"
    shell.write_text('#!/bin/sh\necho mine; exec sh "$@"\n')
    shell.chmod(0o755)
    repo.finish("base", "echo fine", *NO_FLAGS, f"--shell='{shell}' -e")
    assert repo.log("base") == "mine\nfine\n"


@pytest.mark.parametrize("text", ["extra-flag: [--a=1, '--b=2']\n", "extra-flag:\n- --a=1\n- --b=2\n"])
def test_a_list_in_yaml_gives_many_values(repo: Repository, text: str) -> None:
    repo.commit(".runsrc", text)
    assert repo.ok("new", "-n", "base", "true").endswith(" --a=1 --b=2\n")


@pytest.mark.parametrize("option", [["--snapshot"], ["--allow-dirty"]])
def test_options_beat_the_setting_for_a_tree_that_is_not_clean(repo: Repository, option: list[str]) -> None:
    repo.git("config", "runs.dirty", "allow" if option == ["--snapshot"] else "snapshot")
    (repo.path / "new").touch()
    repo.finish("x", "true", *option)
    assert ("base" in repo.record("x")) == (option == ["--snapshot"])


def test_options_beat_the_setting_for_isolation(repo: Repository) -> None:
    repo.finish("x", "true", "--isolate")
    repo.git("config", "runs.isolate", "yes")
    repo.finish("y", "true", "--no-isolate")
    assert ["worktree" in repo.record(name) for name in ("x", "y")] == [True, False]


def test_an_empty_value_forgets_the_variables_of_the_default(repo: Repository) -> None:
    repo.machine.environment |= {"MY_SEED": "1", "MODE": "fast"}
    for value in ("", "MODE"):
        repo.git("config", "--add", "runs.env", value)
    repo.finish("x")
    assert repo.environment("x")["variables"] == {"MODE": "fast"}


def test_settings_that_count_for_nothing_are_warned_of(repo: Repository) -> None:
    repo.git("config", "runs.x.isolate", "true")
    warning = "warning: unknown setting 'runs.x.isolate' in file .git/config"
    assert repo.runs("list").err.startswith(warning)
    repo.git("config", "--unset", "runs.x.isolate")
    place = repo.path / ".runsrc"
    for target in (None, "nowhere"):
        place.symlink_to(target) if target else place.mkdir()
        assert repo.runs("list").err == f"warning: no settings are read from '{place}', which is no file\n"
        place.rmdir() if place.is_dir() else place.unlink()
    (repo.path / "sub/.runsrc").mkdir(parents=True)
    place.write_text("[runs]\n\tcolumn-width = bad\n")
    assert "runs.column-width" in repo.runs("list", cwd=repo.path / "sub").err
