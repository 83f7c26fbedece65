"""TAB, pressed in real shells: bash with git's own completion, zsh and fish with theirs of git."""

from __future__ import annotations

import re
import shutil
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import Repository, Screen, prepared, wait_for

SHARE = Path(sysconfig.get_path("data"), "share")  # where what belongs to the installed package is
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
OF_GIT = Path("/usr/share/bash-completion/completions/git")
FISH_RULES = """\
function fish_prompt; echo -n '$ '; end
function fish_greeting; end
set -g fish_autosuggestion_enabled 0
"""
RECORD = """\
id: 00000000-0000-4000-8000-000000000000
name: {name}
command: python3 train.py --lr=0.5
commit: {commit}
datetime: '2026-01-01T12:00:00.000000+00:00'
status: finished
metrics:
  loss: {{last: 0.5, min: 0.25}}
  val set$x: {{last: 0.5}}
"""


class Typist:
    """Somebody who types lines of a shell, and presses TAB."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def line(self) -> str:
        """What stands behind the last prompt."""
        *_, last = re.finditer(r"^\$ ?(.*)$", self.screen.text(), re.MULTILINE)
        return last[1].rstrip()

    def tab(self, typed: str, completed: str) -> None:
        """Type a line, and press TAB: then that has to stand there."""
        try:
            wait_for(self._is_clear)
        except AssertionError:
            pytest.fail(f"the line is not clear:\n{self.screen.text()}")
        self.screen.write(typed)
        self._wait(typed)
        self.screen.press("Tab")
        self._wait(completed)

    def choices(self, typed: str, *shown: str) -> None:
        """Type a line, and press TAB twice: all these have to be shown."""
        self.tab(typed, typed)
        self.screen.press("Tab")
        for text in shown:
            self.screen.shows(text)

    def _is_clear(self) -> bool:
        """Whether nothing stands there; if anything does, drop it."""
        if line := self.line():
            self.screen.press("C-c")
        return not line

    def _wait(self, expected: str) -> None:
        try:
            wait_for(lambda: self.line() == expected.rstrip())
        except AssertionError:
            pytest.fail(f"{expected!r} is not on the last line:\n{self.screen.text()}")


@prepared
def runs(repo: Repository) -> None:
    """The repository with three runs."""
    commit = repo.git("rev-parse", "HEAD").strip()
    for name in ("base", "exp/lr=1,seed=1", "exp/lr=1,seed=2"):
        path = repo.record_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORD.format(name=name, commit=commit))
        repo.git("update-ref", f"refs/runs/{name}", commit)
    (repo.path / "a-file").touch()


def bash(repo: Repository) -> list[str]:
    """The words that start bash, as a distribution sets it up."""
    if not BASH_COMPLETION.exists() or not OF_GIT.exists():
        pytest.skip("there is no completion of bash and git here")
    rules = repo.machine.home / "bashrc"
    rules.write_text(f"PS1='$ '\nexport XDG_DATA_DIRS={SHARE}:/usr/local/share:/usr/share\n. {BASH_COMPLETION}\n")
    return ["bash", "--rcfile", str(rules), "-i"]


def zsh(repo: Repository) -> list[str]:
    """The words that start zsh."""
    functions = SHARE / "zsh/site-functions"
    (repo.machine.home / ".zshrc").write_text(
        f"PS1='$ '\nfpath=({functions} $fpath)\nautoload -Uz compinit && compinit -u -D\nbindkey -e\n"
    )
    return ["env", f"ZDOTDIR={repo.machine.home}", "zsh"]


def fish(repo: Repository) -> list[str]:
    """The words that start fish."""
    rules = repo.machine.home / "rules.fish"
    rules.write_text(FISH_RULES)
    return ["env", f"XDG_DATA_DIRS={SHARE}:/usr/local/share:/usr/share", "fish", "-C", f"source {rules}"]


@pytest.fixture(params=[bash, zsh, fish], ids=["bash", "zsh", "fish"])
def typist(runs: Repository, request: pytest.FixtureRequest) -> Typist:
    """Each of the shells, in the repository."""
    if not shutil.which(request.param.__name__):
        pytest.skip(f"there is no {request.param.__name__} here")
    return Typist(Screen(runs.machine, runs.path, *request.param(runs)))


def test_tab_completes_words_of_git_runs(typist: Typist) -> None:
    typist.tab("git runs descr", "git runs describe")
    typist.tab("git runs table --sor", "git runs table --sort=")
    typist.tab("git runs show ba", "git runs show base")
    typist.tab("git runs show ex", "git runs show exp/")
    typist.tab("git runs show exp/", "git runs show exp/lr=1,seed=")
    typist.choices("git runs show ", "base", "exp/")
    typist.tab("git runs table --sort lo", "git runs table --sort loss")
    typist.tab("git runs table --sort=loss:mi", "git runs table --sort=loss:min")
    typist.tab("git runs table --columns=name,lo", "git runs table --columns=name,loss")
    typist.tab("git runs table --where exit", "git runs table --where exit-code=")
    typist.tab("git runs table --where status=fi", "git runs table --where status=finished")
    typist.tab("git runs table --where=status=fi", "git runs table --where=status=finished")
    typist.tab("git runs new --collision", "git runs new --collision")  # no such option, and no file


def test_tab_puts_quotes_where_the_shell_needs_them(typist: Typist) -> None:
    typist.tab("git runs table --sort val", "git runs table --sort val\\ set\\$x")
    typist.tab("git runs table --sort 'val", "git runs table --sort 'val set$x'")


def test_tab_completes_files_and_commands_as_the_shell_does(typist: Typist) -> None:
    typist.tab("git runs export -o a-f", "git runs export -o a-file")
    typist.tab("git runs export --output=a-f", "git runs export --output=a-file")
    typist.tab("git runs new name -- git-run", "git runs new name -- git-runs")
    typist.tab("git runs new name -- cat a-f", "git runs new name -- cat a-file")


def test_tab_completes_behind_options_of_git_and_git_runs_in_one_word(runs: Repository, typist: Typist) -> None:
    other = Repository(runs.machine, runs.path.parent / "other")
    shutil.copytree(runs.path, other.path)
    other.record_path("base").rename(other.record_path("second"))
    typist.tab("git -C ../other runs show se", "git -C ../other runs show second")
    typist.tab("git runs -C ../other show se", "git runs -C ../other show second")
    typist.tab("git-runs descr", "git-runs describe")
