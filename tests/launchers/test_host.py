"""Runs on another host, which a real sshd on the loopback pretends to be: `git runs new --host`."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, wait_for
from tests.sshd import Host

WAITS = "touch up; while [ ! -e go ]; do sleep 0.02; done; echo done"


# Connections that break: those that start runs, before anything is said or before the answer comes.
BREAKING = """\
#!/bin/sh
case "$*" in *"git runs serve"*)
    [ ! -e {root}/deaf ] || {{ echo 'Connection reset' >&2; exit 255; }}
    [ ! -e {root}/mute ] || {{ ssh -F {root}/config "$@" >/dev/null; echo 'Connection reset' >&2; exit 255; }}
esac
exec ssh -F {root}/config "$@"
"""


class Pair:
    """A repository, and a clone of it on another host."""

    def __init__(self, here: Repository, host: Host, there: Repository) -> None:
        self.here = here
        self.host = host
        self.there = there

    def new(self, *arguments: str) -> str:
        """What `git runs new --host=box` prints, which must succeed."""
        return self.here.ok("new", "--host=box", *NO_FLAGS, *arguments)

    def tree(self, name: str = "base") -> Path:
        """The work tree of a run there."""
        return self.there.path / ".runs/worktrees" / name

    def start(self, name: str = "base", command: str = WAITS) -> None:
        """Start a run that waits for the file "go"."""
        self.new(name, command)
        wait_for((self.tree(name) / "up").exists)

    def let_end(self, name: str = "base") -> None:
        """It ends, and that is known here."""
        (self.tree(name) / "go").touch()
        self.here.runs("wait", "--timeout=30", name)

    def breaks(self, how: str) -> None:
        """Connections are `deaf` or `mute`, until they work again: ""."""
        for one in ("deaf", "mute"):
            (self.host.root / one).unlink(missing_ok=True)
        if how:
            (self.host.root / how).touch()
        for answer in (self.here.path / ".runs/jobs").glob("*.answer"):
            answer.unlink()  # it is asked again at once

    def asked(self, **request: object) -> dict[str, Any]:
        """What `git runs serve` answers there."""
        given = json.dumps({"protocol": 1, **request}) + "\n"
        answer: dict[str, Any] = json.loads(self.there.runs("serve", stdin=given).out)
        return answer


def script(path: Path, text: str) -> None:
    """Make a program."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(stat.S_IRWXU)


@pytest.fixture
def pair(repo: Repository, host: Host, tmp_path: Path) -> Pair:
    """One that settings here know."""
    path = tmp_path / "there"
    host.machine.run("git", "clone", "-q", str(repo.path), str(path))
    repo.git("config", "runs.host.box.path", str(path))
    script(host.root / "ssh", BREAKING.format(root=host.root))
    repo.machine.environment["GIT_SSH_COMMAND"] = str(host.root / "ssh")
    return Pair(repo, host, Repository(host.machine, path))


def test_a_run_starts_there_and_its_record_comes_here(pair: Pair) -> None:
    assert "on host 'box'" in pair.new("base", "echo $HOME; hostname", "--param=lr=1")
    assert pair.here.runs("wait", "--timeout=30", "base").code == 0
    here, there = pair.here.record("base"), pair.there.record("base")
    assert (here["status"], here["host"], there["host"]) == ("finished", "box", "box")
    for key in ("id", "commit", "command", "params", "datetime", "finished", "exit-code"):
        assert here[key] == there[key]
    assert pair.here.log("base") == f"{pair.host.machine.home}\nbox\n"
    assert pair.here.environment("base") == pair.there.environment("base")
    assert (pair.here.runs("fsck").code, pair.there.runs("fsck").code) == (0, 0)


def test_a_run_that_is_watched_and_killed(pair: Pair) -> None:
    pair.start()
    pair.here.runs("table")
    wait_for(lambda: "running" in pair.here.ok("table"))
    follow = pair.here.machine.start("git", "runs", "log", "-f", "base", cwd=pair.here.path)
    pair.start("other", "trap 'echo saved; exit 0' TERM; touch up; while :; do sleep 0.02; done")
    assert pair.here.ok("kill", "other") == "Killed run 'other'\n"
    assert pair.here.record("other")["status"] == pair.there.record("other")["status"] == "killed"
    pair.let_end()
    out, _ = follow.communicate(timeout=30)
    assert (follow.returncode, out.splitlines()[-1:]) == (0, [b"done"])
    assert pair.here.record("base")["exit-code"] == 0


def test_a_bare_repository_there(repo: Repository, host: Host, tmp_path: Path) -> None:
    path = tmp_path / "bare.git"
    host.machine.run("git", "clone", "-q", "--bare", str(repo.path), str(path))
    repo.git("config", "runs.host.box.path", str(path))
    repo.ok("new", "--host=box", *NO_FLAGS, "base", "cat train.py")
    assert repo.runs("wait", "--timeout=30", "base").code == 0
    assert "import sys" in repo.log("base")


def test_uncommitted_changes_go_there(pair: Pair) -> None:
    (pair.here.path / "new file").write_text("new\n")
    (pair.here.path / "empty").mkdir()
    pair.new("--snapshot", "base", "cat 'new file'; ls -d empty")
    assert pair.here.runs("wait", "--timeout=30", "base").code == 0
    assert pair.here.log("base").endswith("new\nempty\n")


def test_where_nobody_answers_nothing_is_left(pair: Pair) -> None:
    pair.host.stop_sshd()
    result = pair.here.runs("new", "--host=box", "base", "true")
    assert (result.code, pair.here.refs()) == (128, [])
    assert result.err.startswith(
        "fatal: the code could not be sent to host 'box': ssh: connect to host 127.0.0.1 port "
    )
    assert list((pair.here.path / ".runs/jobs").iterdir()) == []


def test_a_run_that_was_sent_and_not_started_waits_and_is_sent_again(pair: Pair) -> None:
    pair.here.ok("table")
    pair.breaks("deaf")
    result = pair.here.runs("new", "--host=box", *NO_FLAGS, "base", "echo once >>$HOME/begun")
    assert (result.code, "nobody knows whether run 'base' was started" in result.err) == (0, True)
    assert (pair.here.record("base")["status"], pair.there.refs()) == ("queued", ["refs/runs/base"])
    assert "host 'box' does not answer: Connection reset; runs that were" in pair.here.runs("table").err
    assert "not known to have arrived: git runs queue start" in pair.here.ok("queue", "--format=tsv")
    pair.breaks("")
    assert pair.here.ok("queue", "start").startswith("Sent run 'base', on host 'box'\n")
    assert pair.here.runs("wait", "--timeout=30", "base").code == 0
    assert (pair.host.machine.home / "begun").read_text() == "once\n"


def test_a_run_of_which_the_answer_got_lost_is_started_once(pair: Pair) -> None:
    pair.here.ok("table")
    pair.breaks("mute")
    pair.start("base", f"echo once >>$HOME/begun; {WAITS}")
    assert pair.here.record("base")["status"] == "queued"
    pair.here.ok("queue", "start")
    pair.breaks("")
    assert "running" in pair.here.ok("table")
    assert "Sent" not in pair.here.ok("queue", "start")
    pair.let_end()
    assert pair.here.record("base")["status"] == "finished"
    assert (pair.host.machine.home / "begun").read_text() == "once\n"


def test_two_that_ask_for_the_same_run_at_once_get_the_same_answer(pair: Pair) -> None:
    pair.here.ok("table")
    pair.breaks("deaf")
    pair.new("base", "echo once >>$HOME/begun")
    (errand,) = (pair.here.path / ".runs/jobs").glob("*/*.json")
    request = json.dumps({"protocol": 1, "do": "start", "errand": json.loads(errand.read_text())}) + "\n"
    words = ["git", "runs", "serve"]
    place = {"cwd": pair.there.path, "env": pair.there.machine.environment}
    both = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **place)  # type: ignore[call-overload]
        for _ in range(2)
    ]
    for one in both:
        one.stdin.write(request)
        one.stdin.flush()
    answers = [json.loads(one.communicate(timeout=30)[0])["runs"] for one in both]
    (identifier,) = {*answers[0], *answers[1]}
    assert answers[0][identifier]["fields"]["command"] == answers[1][identifier]["fields"]["command"]
    pair.there.wait("base")
    assert (pair.host.machine.home / "begun").read_text() == "once\n"


def test_a_host_that_is_gone(pair: Pair) -> None:
    pair.start("running")
    pair.breaks("deaf")
    pair.new("waiting", "true")
    pair.here.ok("table")
    pair.host.stop_sshd()
    result = pair.here.runs("kill", "waiting")
    assert (result.code, pair.here.record("waiting")["status"]) == (0, "killed")
    assert pair.here.runs("delete", "-y", "running").code == 128
    assert pair.here.runs("log", "running").err.startswith("fatal: host 'box' does not answer: ")
    assert pair.here.record("running")["status"] != "lost"
    path = pair.here.git("config", "runs.host.box.path").strip()
    pair.here.git("config", "--unset", "runs.host.box.path")
    pair.breaks("")
    assert "it is not known where the repository is on host 'box'; runs that" in pair.here.runs("table").err
    pair.here.git("config", "runs.host.box.path", path)
    result = pair.here.runs("delete", "-y", "-f", "running", "waiting")
    assert (result.code, pair.here.refs()) == (0, []), result
    assert "git runs delete running" in result.err
    (pair.tree("running") / "go").touch()
    pair.there.wait("running")


def test_a_run_that_was_killed_while_nobody_knew_of_it_is_shown_as_the_host_has_it(pair: Pair) -> None:
    pair.here.ok("table")
    pair.breaks("mute")
    pair.start()
    pair.breaks("deaf")
    assert "may still wait" in pair.here.runs("kill", "base").err
    assert pair.here.record("base")["status"] == "killed"
    pair.breaks("")
    assert "running" in pair.here.ok("table")
    pair.let_end()
    assert pair.here.record("base")["status"] == "finished"


def test_a_name_that_another_run_has_there(pair: Pair) -> None:
    pair.there.finish("base", "true")
    result = pair.here.runs("new", "--host=box", "base", "true")
    assert (result.code, pair.here.refs()) == (128, [])
    since = str(pair.there.record("base")["datetime"])[:16].replace("T", " ")
    assert f"run 'base' already exists there (by {pair.there.record('base')['user']} on" in result.err
    assert since in result.err
    pair.here.commit("other", "other\n")
    assert "already exists there" in pair.here.runs("new", "--host=box", "base", "true").err
    assert pair.there.ok("lookup", "base", "status") == "finished\n"


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("path", "/nowhere", "the code could not be sent to host 'box': fatal: '/nowhere' does not appear to be a git"),
        (
            "setup",
            "PATH=/usr/bin:/bin",
            "git runs is not installed, or not on PATH\nhint: there: pipx install git-runs;",
        ),
        ("setup", "false", "'false' failed\nhint: say what is to be run first: git config runs.host.box.setup LINE"),
        ("setup", "PATH={}/old:$PATH", "git runs is older than this one\nhint: there: pipx upgrade git-runs"),
        ("setup", "PATH={}/broken:$PATH", "SyntaxError: invalid syntax\nhint: to try it: ssh box 'cd "),
        ("setup", "PATH={}/tmux:$PATH", "host 'box' says: tmux 1.8 is too old: git runs needs tmux 3.2 or later"),
        ("address", "nobody@box", "the code could not be sent to host 'box': nobody@127.0.0.1: Permission denied"),
        ("address", "-oProxyCommand=x", "fatal: '-oProxyCommand=x' cannot be the name of a host"),
    ],
)
def test_what_is_missing_there_is_said_in_one_line(pair: Pair, setting: str, value: str, says: str) -> None:
    script(pair.host.root / "old/git-runs", "#!/bin/sh\necho \"error: unknown subcommand: 'serve'\" >&2; exit 129\n")
    script(pair.host.root / "broken/git-runs", "#!/bin/sh\necho 'SyntaxError: invalid syntax' >&2; exit 1\n")
    script(pair.host.root / "tmux/tmux", "#!/bin/sh\necho tmux 1.8\n")
    pair.here.git("config", f"runs.host.box.{setting}", value.format(pair.host.root))
    result = pair.here.runs("new", "--host=box", "base", "true")
    assert (result.code, pair.here.refs(), pair.there.refs()) == (128, [], []), result
    assert says in result.err
    assert result.err.startswith("fatal: ")


def test_a_host_that_nobody_has_described(repo: Repository) -> None:
    result = repo.runs("new", "--host=box", "base", "true")
    assert result.err.splitlines() == [
        "fatal: it is not known where the repository is on host 'box'",
        "hint: say where: git config runs.host.box.path <directory there>",
    ]


def test_code_that_no_commit_takes_there(pair: Pair) -> None:
    pair.here.commit(".gitattributes", "*.bin filter=lfs\n")
    pair.here.commit("weights.bin", "0\n")
    result = pair.here.runs("new", "--host=box", "base", "true")
    assert (result.code, pair.here.refs(), pair.there.refs()) == (128, [], [])
    assert result.err.startswith("fatal: not all of the run's code can be sent to another host: weights.bin\n")


def test_a_run_is_started_again_there(pair: Pair) -> None:
    pair.here.finish("base", "echo $PYTHONHASHSEED", "--isolate", *NO_FLAGS)
    said = pair.here.ok("reproduce", "--run=again", "--host=box", "base")
    assert said.endswith(", on host 'box'\n")
    assert pair.here.runs("wait", "--timeout=30", "again").code == 0
    assert pair.here.record("again")["reproduces"] == "base"
    assert pair.here.log("again").splitlines()[-1:] == pair.here.log("base").splitlines()[-1:]


def test_the_runs_of_a_sweep(pair: Pair) -> None:
    pair.here.ok("sweep", "--host=box", *NO_FLAGS, "many", "echo {a}", "a=1..2")
    assert pair.here.runs("wait", "--timeout=30", "many.*").code == 0
    assert {record["host"] for record in map(pair.here.record, pair.here.ok("list").split())} == {"box"}


def test_what_is_renamed_here_keeps_its_name_there(pair: Pair) -> None:
    pair.start()
    pair.here.ok("move", "base", "other")
    (pair.tree() / "go").touch()
    assert pair.here.runs("wait", "--timeout=30", "other").code == 0
    assert pair.here.log("other").endswith("done\n")
    assert pair.there.ok("list") == "base\n"


def test_what_people_add_here_stays_when_news_come_from_there(pair: Pair) -> None:
    pair.start()
    pair.here.ok("tag", "base", "+good")
    pair.here.ok("note", "base", "-m", "looks well")
    pair.here.ok("describe", "base", "-m", "new words")
    before = pair.here.record("base")
    pair.let_end()
    after = pair.here.record("base")
    assert after["status"] == "finished"
    for key in ("tags", "notes", "description", "edited"):
        assert after[key] == before[key]


def test_runs_that_were_started_there_are_mine(pair: Pair) -> None:
    pair.start()
    (pair.tree() / "go").touch()
    pair.here.ok("wait", "base")
    pair.here.git("init", "-q", "--bare", "remote.git")
    pair.here.git("remote", "add", "origin", "remote.git")
    assert pair.here.ok("push", "-y", "--mine") == "origin: 1 new\n"


def test_what_a_host_is_asked_is_not_run(pair: Pair) -> None:
    for request in (
        {"do": "records", "runs": {"$(touch made)": "`touch made`"}},
        {"do": "kill", "runs": 3},
        {"do": "x"},
    ):
        pair.asked(**request)
    assert pair.asked(do="start", errand={"id": "../x", "name": "../../x"})["error"]
    assert "install the same version" in pair.there.runs("serve", stdin='{"protocol": 2}').out
    assert pair.there.runs("serve", stdin="no JSON").out.startswith('{"protocol": 1')
    assert not (pair.there.path / "made").exists()


def test_a_host_of_the_same_name_is_another_copy_of_the_repository(pair: Pair) -> None:
    name = socket.gethostname()
    other = Host(pair.there.machine, name)
    try:
        pair.here.machine.environment |= other.client
        pair.here.git("config", f"runs.host.{name}.path", str(pair.there.path))
        pair.here.ok("new", f"--host={name}", *NO_FLAGS, "base", WAITS)
        wait_for((pair.tree() / "up").exists)
        assert pair.here.ok("lookup", "base", "status") in ("starting\n", "running\n")
        assert pair.here.runs("fsck").code == 0
        pair.let_end()
        assert pair.here.ok("lookup", "base", "status") == "finished\n"
    finally:
        other.end()


def test_a_session_there_can_be_joined(pair: Pair, screen: Screen) -> None:
    pair.start()
    screen.type(f"export GIT_SSH_COMMAND='{pair.host.root}/ssh'; git runs attach base")
    wait_for(lambda: pair.host.machine.tmux("list-clients").out)
    pair.let_end()
    screen.shows("done")


@pytest.mark.parametrize("option", ["--isolate", "--virtualenv-path=.venv", "--slurm=gres=gpu:1"])
def test_what_only_the_host_can_know_is_not_for_us_to_say(pair: Pair, option: str) -> None:
    result = pair.here.runs("new", "--host=box", option, "base", "true")
    assert result.code == 129
    assert f"{option.partition('=')[0]} is not for runs of another host: the settings there hold" in result.err


def test_the_settings_there_hold(pair: Pair) -> None:
    pair.there.git("config", "runs.jobs", "1")
    pair.there.git("config", "runs.link", "data")
    (pair.there.path / "data").mkdir()
    (pair.there.path / "data/set").write_text("there\n")
    pair.there.git("config", "runs.tb-dir-flag", "--not-this")
    pair.here.git("config", "runs.tb-dir-flag", "--board")
    pair.here.git("config", "runs.save-path-flag", "None")
    pair.start("first")
    pair.here.ok("new", "--host=box", "second", "cat data/set; echo")
    assert pair.here.record("second")["status"] == "queued"
    assert "second\tqueued" in pair.here.ok("queue", "--format=tsv")
    pair.let_end("first")
    assert pair.here.runs("wait", "--timeout=30", "second").code == 0
    assert pair.here.log("second").splitlines()[-2:] == ["there", f"--board={pair.there.path}/.runs/tensorboard/second"]
