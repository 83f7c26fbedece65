"""Settings of git itself that count for what is shown: color.*, core.abbrev, log.date; and --color."""

from __future__ import annotations

from tests.conftest import NO_FLAGS, Repository, prepared

ESCAPE = "\x1b["


@prepared
def failed(repo: Repository) -> None:
    """A repository with two runs, one of which failed."""
    for name in ("a", "b"):
        repo.ok("new", "-q", "--launcher=foreground", *NO_FLAGS, name, "true")
    repo.runs("new", "-q", "--launcher=foreground", *NO_FLAGS, "c", "exit 3")


def test_an_option_says_when_to_use_colours(failed: Repository) -> None:
    for always in (["--color"], ["--color=always"]):
        assert "\x1b[31mfailed\x1b[m" in failed.ok("table", *always)
    for never in (["--color=never"], ["--no-color"], ["--color", "--no-color"]):
        assert ESCAPE not in failed.on_terminal("table", *never)
    assert ESCAPE in failed.on_terminal("table")
    assert ESCAPE in failed.on_terminal("table", "--color=auto")
    assert failed.ok("table", "--color=auto") == failed.ok("table", "--color=never") == failed.ok("table")
    assert ESCAPE in failed.ok("status", "--color")
    assert failed.runs("table", "--color=red").code == 129


def test_it_comes_before_the_settings(failed: Repository) -> None:
    failed.git("config", "color.ui", "never")
    assert ESCAPE not in failed.on_terminal("table")
    assert ESCAPE in failed.on_terminal("table", "--color", NO_COLOR="1")
    failed.git("config", "color.runs", "always")
    failed.git("config", "color.runs.failed", "blue")
    assert "\x1b[34mfailed\x1b[m" in failed.on_terminal("table")
    assert ESCAPE not in failed.on_terminal("table", "--no-color")


def test_it_counts_for_the_changes_of_a_snapshot_too(repo: Repository) -> None:
    (repo.path / "train.py").write_text("edited\n")
    repo.ok("new", "-q", "--launcher=foreground", "--snapshot", "a", "true")
    assert ESCAPE in repo.ok("show", "-p", "--color", "a")
    assert ESCAPE not in repo.on_terminal("show", "-p", "--no-color", "a")


def test_hashes_are_as_short_as_git_has_them(failed: Repository) -> None:
    commit = failed.git("rev-parse", "HEAD").strip()
    for setting, digits in (("7", 7), ("auto", 10), ("no", len(commit))):
        failed.git("config", "core.abbrev", setting)
        name = f"run-{setting}"
        assert (
            f"Started run '{name}' at {commit[:digits]} (first"
            in failed.runs("new", "--launcher=foreground", name, "true").err
        )
        assert f"commit: {commit[:digits]}\n" in failed.on_terminal("table", "--no-color", columns=200).replace(
            "   ", "\n"
        )
        assert f"Deleted run '{name}' (was {commit[:digits]})\n" in failed.ok("delete", "-y", name)


def test_times_are_in_the_form_that_log_date_names(failed: Repository) -> None:
    day, _, rest = failed.lookup("a", "datetime").partition("T")
    started = f"\nStarted:      {day}T{rest[:8]}\n"
    assert started in failed.ok("show", "a")
    failed.ok("note", "a", "-m", "text")
    failed.git("config", "log.date", "short")
    shown = failed.ok("show", "a")
    assert f"\nStarted:      {day}\n" in shown
    assert f"\nFinished:     {day}\n" in shown
    assert f"\nNote {day} " in shown
    assert day in failed.on_terminal("table", "--columns=name,datetime")
    assert f"{day}T{rest[:8]}" in failed.ok("table", "--columns=datetime", "a")
    failed.git("config", "log.date", "format:%Y!")
    assert f"\nStarted:      {day[:4]}!\n" in failed.ok("show", "a")
