"""What is run after the end of a run, and that it harms nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from git_runs.running import on_finish
from tests.conftest import BOUND, NO_FLAGS, Repository, wait_for


def finish(repo: Repository, line: str, command: str = "true", *options: str) -> None:
    """A run with that line for its end; what the line printed is there."""
    repo.git("config", "runs.on-finish", line)
    repo.finish("base", command, *NO_FLAGS, *options)


def printed(repo: Repository) -> str:
    """What the lines have printed, without the heads."""
    output = repo.path / ".runs/on-finish.log"
    return re.sub("^---.*\n", "", output.read_text(), flags=re.MULTILINE) if output.exists() else ""


def supervisors(repo: Repository) -> list[int]:
    """The process ids of supervisors."""
    found = []
    for process in repo.machine.processes():
        if b"git_runs.running.supervise" in Path(process, "cmdline").read_bytes():
            found.append(int(process.name))
    return found


def test_it_finds_the_run_in_its_environment(repo: Repository) -> None:
    finish(repo, 'env | grep ^RUNS_; test "$PWD" = "$(git rev-parse --show-toplevel)"; echo $?', "exit 3", "-m", "a b")
    wait_for(lambda: printed(repo).endswith("\n0\n"))
    for line in ("NAME=base", "STATUS=failed", "EXIT_CODE=3", "DESCRIPTION=a b", "COMMAND=exit 3"):
        assert f"RUNS_{line}\n" in printed(repo)
    assert re.search(r"^RUNS_DURATION=\d+$", printed(repo), re.MULTILINE)
    assert f"RUNS_LOG={repo.path}/.runs/logs/base.log\n" in printed(repo)
    assert "on-finish" not in repo.record("base")


def test_it_is_run_for_a_run_that_was_killed_and_had_another_name(repo: Repository) -> None:
    repo.git("config", "runs.on-finish", 'echo "$RUNS_NAME $RUNS_STATUS $RUNS_SIGNAL"')
    repo.ok("new", *NO_FLAGS, "base", "touch .runs/up; sleep 60")
    wait_for((repo.path / ".runs/up").exists)
    repo.ok("move", "base", "other")
    repo.ok("kill", "other")
    wait_for(lambda: printed(repo) == "other killed 15\n")


def test_its_failure_is_noted_and_shown(repo: Repository) -> None:
    finish(repo, "echo why; exit 4")
    wait_for(lambda: "on-finish" in repo.record("base"))
    assert (repo.record("base")["status"], repo.record("base")["on-finish"]) == ("finished", "exit code 4")
    assert "\nOn finish:    exit code 4; it printed into .runs/on-finish.log\n" in repo.ok("show", "base")
    assert repo.ok("fsck") == ""


def test_a_supervisor_that_is_killed_in_it_leaves_the_run_as_it_was(repo: Repository) -> None:
    finish(repo, "sleep 60 & echo $! >.runs/pid; touch .runs/up; wait")
    wait_for((repo.path / ".runs/up").exists)
    before = repo.record("base")
    assert before["status"] == "finished"
    for process in supervisors(repo):
        os.kill(process, signal.SIGKILL)
    wait_for(lambda: not supervisors(repo))
    os.kill(int((repo.path / ".runs/pid").read_text()), signal.SIGKILL)
    assert repo.record("base") == before
    assert repo.ok("fsck") == ""
    repo.ok("delete", "-y", "base")


def test_it_waits_neither_for_ever_nor_holds_up_the_queue(repo: Repository) -> None:
    repo.git("config", "runs.on-finish", 'test "$RUNS_NAME" = second || { echo $$ >.runs/pid; exec sleep 600; }')
    for name in ("first", "second"):
        repo.ok("new", *NO_FLAGS, "--jobs=1", name, "true")
    repo.wait("second")
    pid = repo.path / ".runs/pid"
    wait_for(lambda: pid.exists() and pid.read_text())
    os.kill(int(pid.read_text()), signal.SIGKILL)
    wait_for(lambda: repo.record("first").get("on-finish") == "signal 9")


def test_it_is_ended_where_it_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_finish, "PATIENCE", 2.0)
    line = f"echo $$ >{tmp_path}/pid; sleep 60; touch {tmp_path}/late"
    environment = {**os.environ, "RUNS_NAME": "base"}
    root = str(tmp_path)
    why = on_finish.carry_out(line, shell="sh", root=root, directory=root, environment=environment)
    assert why == "it took longer than 2 seconds"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_it_is_ended_where_it_would_fill_the_disk(tmp_path: Path) -> None:
    environment = {**os.environ, "RUNS_NAME": "base"}
    root = str(tmp_path)
    assert on_finish.carry_out("yes", shell="sh", root=root, directory=root, environment=environment) == (
        "it printed too much"
    )


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_recipe_for_slack_in_the_guide_posts_json(repo: Repository) -> None:
    guide = Path(__file__).parents[2].joinpath("docs/telling.md").read_text()
    recipe = re.search(r"^git config runs.on-finish 'curl .*?'$", guide, re.MULTILINE | re.DOTALL)
    assert recipe
    assert repo.machine.run("sh", "-c", recipe[0], cwd=repo.path).code == 0
    posted: list[bytes] = []

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Webhook) as server:
        (repo.machine.home / ".slack-webhook").write_text(f"http://127.0.0.1:{server.server_port}/\n")
        repo.ok("new", *NO_FLAGS, "base", "echo step 1: loss 0.5")
        server.timeout = BOUND
        server.handle_request()
    assert [json.loads(body) for body in posted] == [{"text": "base: finished, loss 0.5"}]


def test_a_repository_brings_none_along(repo: Repository) -> None:
    (repo.path / ".runsrc").write_text("[runs]\n\ton-finish = echo pwned\n")
    repo.git("add", "-A")
    repo.git("commit", "-q", "-m", "settings")
    started = repo.runs("new", "--launcher=foreground", *NO_FLAGS, "base", "true")
    assert "'on-finish' in file" in started.err
    assert printed(repo) == ""


def test_it_finds_nothing_there_of_another_run(repo: Repository) -> None:
    repo.git("config", "runs.on-finish", 'echo "$RUNS_NAME:$RUNS_ERROR:$RUNS_SIGNAL"')
    repo.ok("new", *NO_FLAGS, "base", "true", RUNS_ERROR="of another", RUNS_SIGNAL="9")
    wait_for(lambda: printed(repo) == "base::\n")
