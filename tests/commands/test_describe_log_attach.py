"""`git runs describe`, `git runs log` and `git runs attach`."""

from __future__ import annotations

import re

from git_runs.records import logs
from git_runs.records.outputs import end_marker
from tests.conftest import NO_FLAGS, Repository, Screen, wait_for

# --- describe


def test_describe_by_option(repo: Repository) -> None:
    repo.finish("base")
    assert repo.ok("describe", "base", "-m", "two\nlines: #1") == ""
    assert repo.record("base")["description"] == "two\nlines: #1"
    edited = repo.record("base")["edited"]
    repo.ok("describe", "base", "-m", "")
    assert edited["description"] < repo.record("base")["edited"]["description"]  # type: ignore[index]
    assert repo.record("base")["description"] == ""


def test_a_description_that_is_removed_is_said(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "one\n\nit's two")
    assert repo.ok("describe", "base", "-m", "") == "Removed the description of run 'base' (was 'one\\n\\nit's two')\n"
    assert repo.ok("describe", "base", "-m", "") == ""
    assert repo.lookup("base", "description") == ""


def test_describe_in_the_editor(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "before")
    repo.git("config", "core.editor", "sed -i s/before/after/")
    repo.ok("describe", "base")
    assert repo.record("base")["description"] == "after"
    result = repo.runs("describe", "base", GIT_EDITOR="sh -c ': >$1' editor")
    assert result.code == 128
    assert "fatal: the description is empty; it stays as it was\nhint: use -m '' for none\n" in result.err
    assert repo.record("base")["description"] == "after"


def test_the_editor_names_the_run_in_a_line_that_is_left_out(repo: Repository) -> None:
    repo.finish("base")
    repo.ok("describe", "-m", "# first\n\n# second", "base")
    seen = repo.path.parent / "seen"
    repo.ok("describe", "base", GIT_EDITOR=f"sh -c 'cat $1 >{seen}; echo more >>$1' editor")
    assert seen.read_text() == "# first\n\n# second\n\n# the description of run 'base'; this line is left out\n"
    assert repo.record("base")["description"] == "# first\n\n# second\n\nmore"
    repo.ok("note", "base", GIT_EDITOR=f"sh -c 'cat $1 >{seen}; echo good >>$1' editor")
    assert seen.read_text().strip() == "# a remark on 'base'; this line is left out"
    assert ": good" in repo.lookup("base", "notes")


def test_describe_while_somebody_holds_the_lock(repo: Repository) -> None:
    repo.finish("base")
    lock = repo.path / ".runs/records/base.yml.lock"
    lock.touch()
    result = repo.runs("describe", "base", "-m", "x")
    assert result.code == 128
    assert re.fullmatch(
        f"fatal: cannot lock a record: '{lock}' exists since [0-9]+ s\n"
        "hint: another git runs process may be using it; if none is running, remove the file\n",
        result.err,
    )
    assert lock.exists()


# --- log


def test_the_last_lines(repo: Repository) -> None:
    repo.finish("base", "seq 20000", *NO_FLAGS)
    assert repo.ok("log", "-n", "3", "base") == "19998\n19999\n20000\n"
    assert repo.ok("log", "--lines=0", "base") == ""
    assert repo.ok("log", "-n", "30000", "base") == repo.log("base")


def test_follow_until_the_run_ends(repo: Repository) -> None:
    repo.ok(
        "new", *NO_FLAGS, "base", "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two; printf three; exit 1"
    )
    follower = repo.machine.start("git", "runs", "log", "-f", "base", cwd=repo.path)
    assert follower.stdout
    assert follower.stdout.readline() == b"one\n"
    (repo.path / "go").touch()
    assert follower.communicate(timeout=30)[0] == b"two\nthree"
    assert follower.returncode == 0


def test_follow_goes_on_when_the_run_is_moved(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "old", "echo one; while [ ! -e go ]; do sleep 0.02; done; echo two")
    follower = repo.machine.start("git", "runs", "log", "-f", "old", cwd=repo.path)
    assert follower.stdout
    assert follower.stdout.readline() == b"one\n"
    repo.ok("move", "old", "new")
    (repo.path / "go").touch()
    assert follower.communicate(timeout=30)[0] == b"two\n"


def test_no_log(repo: Repository) -> None:
    repo.finish("base")
    (repo.path / ".runs/logs/base.log").unlink()
    result = repo.runs("log", "base")
    assert (result.code, result.err) == (1, "error: run 'base' has no log\n")


def test_marker_and_line_ends_are_undone_wherever_a_block_ends(tmp_path: object) -> None:
    marker = end_marker("3f2a")
    text = b"a\r\nb\r\r\n\x1b[1m\x1b]7710;git\r" + marker + b"c\r\n\r" + marker[:5]
    expected = b"a\nb\r\n\x1b[1m\x1b]7710;git\rc\n\r" + marker[:5]
    for size in range(1, len(text)):
        cleaner = logs._Cleaner(marker)
        blocks = [cleaner.clean(text[start : start + size]) for start in range(0, len(text), size)]
        assert b"".join(blocks) + cleaner.rest() == expected


# --- attach


def test_attach_joins_the_session(repo: Repository, screen: Screen) -> None:
    repo.ok("new", *NO_FLAGS, "base", "echo ready; cat; exit 3")
    screen.type("unset TMUX; git runs attach base")
    screen.shows("ready")
    wait_for(lambda: repo.machine.tmux("list-clients").out.count("base") == 1)
    screen.type("typed by a person")
    screen.press("C-d")
    repo.wait("base")
    assert repo.log("base").splitlines()[:2] == ["ready", "typed by a person"]


def test_a_pane_that_somebody_watches_stays(repo: Repository, screen: Screen) -> None:
    repo.ok("new", *NO_FLAGS, "base", "echo ready; cat")
    screen.type("unset TMUX; git runs attach base")
    screen.shows("ready")
    wait_for(lambda: repo.machine.tmux("list-clients").out.count("base") == 1)
    screen.press("C-d")
    wait_for(lambda: repo.machine.tmux("list-panes", "-a", "-F", "#{pane_dead}").out == "1\n")
    assert repo.lookup("base", "status") == "finished"
    assert repo.machine.sessions() == ["base"]


def test_new_may_attach_at_once(repo: Repository, screen: Screen) -> None:
    screen.type("unset TMUX; git runs new --attach base 'echo ready; cat'")
    screen.shows("ready")
    wait_for(lambda: repo.machine.tmux("list-clients").out.count("base") == 1)


def test_inside_tmux_the_client_is_switched(repo: Repository, screen: Screen) -> None:
    repo.machine.tmux("new-session", "-d", "-s", "work", "-c", str(repo.path), "env", "PS1=work ", "sh")
    repo.ok("new", *NO_FLAGS, "base", "echo ready; cat")
    screen.type("unset TMUX; tmux attach -t work")
    screen.shows("work")
    screen.type("git runs attach base")
    screen.shows("ready")
    assert repo.machine.tmux("list-clients", "-F", "#{client_session}").out == "base\n"


def test_in_another_tmux_it_says_so(repo: Repository, screen: Screen) -> None:
    repo.ok("new", *NO_FLAGS, "base", "cat")
    screen.type("git runs attach base")
    screen.shows("fatal: the run's session is in another tmux server")
    screen.shows("hint: detach from this one first")


def test_where_the_session_is_gone_it_shows_the_end(repo: Repository) -> None:
    repo.git("config", "runs.keep-session", "never")
    repo.finish("base", "seq 100; exit 3", *NO_FLAGS)
    wait_for(lambda: repo.machine.sessions() == [])
    result = repo.runs("attach", "base")
    assert result.code == 1
    assert result.out == "".join(f"{n}\n" for n in range(91, 101))
    assert result.err == "error: run 'base' has no tmux session any more: failed with exit code 3\n"


def test_attach_without_a_terminal_is_tmuxs_own_error(repo: Repository) -> None:
    repo.ok("new", *NO_FLAGS, "base", "cat")
    result = repo.runs("attach", "base")
    assert (result.code, result.err) == (1, "open terminal failed: not a terminal\n")
