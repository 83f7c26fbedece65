"""Which runs are selected by the history of their commits."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Repository, prepared


@prepared
def history(repo: Repository) -> None:
    """A run at each of two commits of `main`, one beside them on `side`, and a snapshot on top of the second."""
    repo.ok("new", "--launcher=foreground", "first", "true")
    repo.commit("train.py", "second\n")
    repo.ok("new", "--launcher=foreground", "group/second", "true")
    (repo.path / "train.py").write_text("edited\n")
    repo.ok("new", "--launcher=foreground", "--snapshot", "edited", "true")
    repo.git("checkout", "-q", "-f", "-b", "side", "HEAD~1")
    repo.commit("train.py", "side\n")
    repo.ok("new", "--launcher=foreground", "beside", "true")


def test_runs_are_selected_by_what_git_says_of_their_commits(history: Repository) -> None:
    expected = {
        "--contains": "beside",
        "--contains main": "edited group/second",
        "--contains=main~1": "beside edited first group/second",
        "--contains side --contains runs/edited": "beside edited",
        "--no-contains main": "beside first",
        "--points-at main": "group/second",
        "--merged": "beside first",
        "--merged runs/edited": "edited first group/second",
        "--no-merged": "edited group/second",
        "--merged=main --no-merged side": "group/second",
        "--contains=main~1 -n 1 --reverse": "beside",
        "--where commit=main": "group/second",
        "--where commit=HEAD~1": "first",
        "--where base=main": "edited",
        "--where commit!=runs/first --merged=main": "group/second",
    }
    for options, names in expected.items():
        assert history.ok("list", *options.split(" ")).split() == names.split(), options
    assert history.ok("table", "--columns=name", "--points-at=main").split()[2:] == ["group/second"]
    assert history.ok("list", "group", "--merged", "runs/edited").split() == ["group/second"]


def test_a_commit_that_git_does_not_know_is_refused(history: Repository) -> None:
    refused = history.runs("list", "--contains", "nope")
    assert (refused.code, refused.err) == (128, "error: malformed object name nope\n")
    refused = history.runs("list", "--where", "commit=nope~2")
    assert refused.err.startswith("fatal: bad condition 'commit=nope~2': 'nope~2' names no commit\n")
    assert "hint: a commit is named as git does it (HEAD~3), or by the first digits of its hash\n" in refused.err
    assert history.ok("list", "--where", "commit=beef1") == ""  # which may be that of a run of elsewhere


def test_git_is_asked_once_for_all_runs(history: Repository, tmp_path: Path) -> None:
    def calls(*arguments: str) -> int:
        trace = tmp_path / "trace"
        history.ok("list", *arguments, GIT_TRACE=str(trace))
        count = trace.read_text().count(" trace: built-in: ")
        trace.unlink()
        return count

    assert calls("--contains=main", "--no-merged=side") == calls() + 1
    assert calls("--where=commit=main") == calls() + 1
