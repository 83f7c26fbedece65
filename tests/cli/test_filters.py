"""Which runs `list` and `table` show, and how their output comes to the screen."""

from __future__ import annotations

import pytest

from tests.conftest import NO_FLAGS, Repository, Screen, prepared

RUNS = {
    "a": "2026-01-01T12:00:00.000000+00:00",
    "b": "2026-01-02T12:00:00.000000+00:00",
    "c": "2026-01-10T12:00:00.000000+00:00",
}


@prepared
def three(repo: Repository) -> None:
    """Three runs that were started on different days and ended differently."""
    repo.finish("x")
    record = repo.record_path("x").read_text()
    start = str(repo.record("x")["datetime"])
    for code, (name, time) in enumerate(RUNS.items()):
        status = "failed" if code else "finished"
        text = record.replace("name: x", f"name: {name}\nloss: {10**code / 20}").replace(start, time)
        repo.record_path(name).write_text(
            text.replace("status: finished", f"status: {status}").replace("exit-code: 0", f"exit-code: {code}")
        )
    repo.record_path("x").unlink()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["-n", "2"], "cb"),
        (["-n2", "--reverse"], "bc"),
        (["--reverse"], "abc"),
        (["-n0"], ""),
        (["--since=2026-01-02T00:00:00Z"], "cb"),
        (["--since", "2026-01-02 12:00:00 +0000", "--until", "2026-01-05 00:00:00 +0000"], "b"),
        (["--where", "status=failed"], "cb"),
        (["--where=status!=failed"], "a"),
        (["--where", "exit-code > 0", "--where", "exit-code<2"], "b"),
        (["--where", "loss>=0.5"], "cb"),
        (["--where", "datetime<2026-01-01T13:00:00+01:00"], ""),
        (["--where", "datetime<=2026-01-01T13:00:00+01:00"], "a"),
        (["--where", "name~[ab]"], "ba"),
        (["--where", "settings.shell=bash"], "cba"),
        (["--where", "settings.shell=zsh"], ""),
        (["--where", "none=1"], ""),
        (["--where", "none!=1"], "cba"),
        (["--where", "none<1"], ""),
        (["--where", "command="], ""),
    ],
)
def test_which_runs_are_shown(three: Repository, options: list[str], names: str) -> None:
    assert three.ok("table", "--format=csv", "--columns=name", *options).split() == ["name", *names]
    listed = three.ok("list", *options).split()
    assert sorted(listed) == sorted(names) or options[0].startswith("-n")


def test_list_counts_in_its_own_order(three: Repository) -> None:
    assert three.ok("list", "-n", "2") == "a\nb\n"
    assert three.ok("list", "-n", "2", "--reverse") == "b\na\n"


@pytest.mark.parametrize("condition", ["status", "=failed", "name~("])
def test_a_condition_that_cannot_be_understood(three: Repository, condition: str) -> None:
    result = three.runs("list", "--where", condition)
    assert (result.code, result.out) == (128, "")
    assert result.err.startswith(f"fatal: bad condition '{condition}': ")
    assert result.err.endswith("hint: as in --where 'status=failed'\n")


def test_a_condition_that_would_be_matched_for_ever_is_given_up(three: Repository) -> None:
    path = three.record_path("a")
    path.write_text(path.read_text().replace("description: ", f"description: {'a' * 60} "))
    result = three.runs("table", "--where", "description~^(a+)+$")
    assert (result.code, result.out) == (128, "")
    assert result.err.startswith("fatal: gave up matching '^(a+)+$': ")


def test_output_passes_through_gits_pager(three: Repository, screen: Screen) -> None:
    three.git("config", "core.pager", "sed s/^/PAGED:/")
    screen.type("git runs list")
    screen.shows("PAGED:a\nPAGED:b\nPAGED:c")
    three.git("config", "pager.runs", "sed s/^/OWN:/")
    screen.type("git-runs show a")
    screen.shows("OWN:run a")
    three.git("config", "pager.runs", "false")
    screen.type("clear; git runs list; echo end")
    screen.shows("a\nb\nc\nend")
    assert three.ok("list") == "a\nb\nc\n"


def test_a_pager_that_is_left_early_is_no_error(three: Repository, screen: Screen) -> None:
    three.git("config", "core.pager", "head -n 1")
    screen.type("git runs table; echo code=$?")
    screen.shows("code=0")


def test_more_than_a_screen_is_shown_page_by_page(three: Repository, screen: Screen) -> None:
    for number in range(200):
        three.record_path(f"r{number}").write_bytes(three.record_path("a").read_bytes())
    screen.type("git runs list")
    screen.shows("\nr10\n")
    screen.press("q")
    screen.type("echo d''one")
    screen.shows("done")


def test_dots_lead_into_a_field_everywhere(repo: Repository) -> None:
    repo.finish("a", "true", "--shell=sh", *NO_FLAGS)
    repo.finish("b", "true", "--shell=bash", *NO_FLAGS)
    assert repo.lookup("a", "settings.shell") == "sh"
    assert repo.lookup("a", "environment.python") == repo.environment("a")["python"]
    assert repo.runs("lookup", "a", "settings.none").code == 1
    result = repo.runs("table", "--columns=name,settings.shell", "--sort=settings.shell", "--format=csv")
    assert (result.out, result.err) == ("name,settings.shell\nb,bash\na,sh\n", "")
    assert "no field 'settings.none'" not in repo.runs("table", "--columns=settings.shell").err
    assert repo.runs("table", "--columns=name,settings.none").err == (
        "warning: none of these runs has a field, parameter or metric 'settings.none'\n"
    )


def test_times_are_compared_with_gits_forms_of_dates(repo: Repository) -> None:
    repo.finish("a")
    for condition, names in (
        ("datetime>1.hour.ago", "a\n"),
        ("finished<yesterday", ""),
        ("datetime>2020-01-01", "a\n"),
    ):
        result = repo.runs("list", f"--where={condition}")
        assert (result.code, result.out, result.err) == (0, names, "")
    result = repo.runs("list", "--where=finished<yesterdy")
    assert (result.out, result.err) == ("", "warning: 'finished<yesterdy': 'yesterdy' is no number, and no date\n")


def test_a_comparison_of_numbers_with_a_text_is_said(repo: Repository) -> None:
    repo.finish("a", "true --lr=0.1")
    result = repo.runs("list", "--where=lr<abc", "--where=duration<1m")
    assert (result.code, result.out) == (0, "")
    assert result.err == "warning: 'lr<abc': 'abc' is no number, and no date\n"
    assert repo.runs("list", "--where=duration<1m").err == "warning: 'duration<1m': '1m' is no number, and no date\n"
