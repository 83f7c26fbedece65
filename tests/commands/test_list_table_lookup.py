"""Reading: `git runs list`, `git runs table`, `git runs lookup`."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil

import pytest
import yaml

from tests.conftest import Repository, Screen, prepared


@prepared
def three(repo: Repository) -> None:
    """A repository with three runs."""
    for name in ("lr10", "exp/a", "lr2"):
        repo.finish(name, f"echo {name}", "-m", f"about {name}")


# --- list


def test_names_come_in_natural_order(three: Repository) -> None:
    assert three.ok("list") == "exp/a\nlr2\nlr10\n"


def test_no_runs_are_no_error(repo: Repository) -> None:
    assert repo.ok("list") == ""
    assert not (repo.path / ".runs").exists()


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["lr.*"], ["lr2", "lr10"]),
        (["--pattern=lr.*"], ["lr2", "lr10"]),
        (["--pattern", "lr2", "exp.*"], ["exp/a", "lr2"]),
        ([r"lr\d"], ["lr2"]),
        (["lr10", "lr10|exp/a"], ["exp/a", "lr10"]),
        (["-G", "lr*"], ["lr2", "lr10"]),
        (["--glob", "*/?"], ["exp/a"]),
    ],
)
def test_patterns_match_the_whole_name(three: Repository, arguments: list[str], names: list[str]) -> None:
    assert three.ok("list", *arguments).split() == names


def test_a_pattern_that_is_a_name_selects_that_run_alone(repo: Repository) -> None:
    for name in ("a.b", "axb", "a+"):
        repo.finish(name)
    assert repo.ok("list", "a.b") == "a.b\n"
    assert repo.ok("list", "a+") == "a+\n"


def test_the_setting_makes_globs_the_default(three: Repository) -> None:
    three.git("config", "runs.pattern-type", "glob")
    assert three.ok("list", "lr?").split() == ["lr2"]


def test_refs_without_a_record_are_no_runs_of_ours(three: Repository) -> None:
    three.git("update-ref", "refs/runs/foreign", "HEAD")
    assert three.ok("list").split() == ["exp/a", "lr2", "lr10"]


# --- table


def test_the_table_has_the_columns_of_the_published_tool_and_more(three: Repository) -> None:
    lines = three.ok("table", "--sort=name").splitlines()
    assert lines[0].split() == ["name", "status", "command", "commit", "datetime", "description", "host"]
    assert set(lines[1]) == {"-", " "}
    assert [line.split()[:2] for line in lines[2:]] == [
        ["exp/a", "finished"],
        ["lr2", "finished"],
        ["lr10", "finished"],
    ]


def test_git_runs_alone_is_the_table(three: Repository) -> None:
    assert three.ok() == three.ok("table")
    assert three.ok("--columns=name") == three.ok("table", "--columns=name")


def test_newest_first(three: Repository) -> None:
    assert three.ok("table", "--columns=name").split()[2:] == ["lr2", "exp/a", "lr10"]
    assert three.ok("table", "--columns=name", "--sort=datetime").split()[2:] == ["lr10", "exp/a", "lr2"]
    assert three.ok("table", "--columns=name", "--sort=name").split()[2:] == ["exp/a", "lr2", "lr10"]


def test_sorting_by_a_field_of_ones_own_puts_runs_without_it_last(three: Repository) -> None:
    for name, loss in (("lr2", "1e-3"), ("exp/a", "0.02")):
        with three.record_path(name).open("a") as record:
            record.write(f"loss: {loss}\n")
    assert three.ok("table", "--columns=name", "--sort=loss").split()[2:] == ["lr2", "exp/a", "lr10"]
    assert three.ok("table", "--columns=name", "--sort=-loss").split()[2:] == ["exp/a", "lr2", "lr10"]
    assert three.ok("table", "--columns=loss", "--sort=loss").split()[2:] == ["1e-3", "0.02", "_"]


def test_cells_are_cut_and_missing_values_marked(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "a description of more than thirty characters")
    row = repo.ok("table", "--columns=description,signal").splitlines()[2]
    assert row == "a description of more than ...  _"
    row = repo.ok("table", "--columns", "description", "--column-width=10").splitlines()[2]
    assert row == "a descr..."


def test_hidden_columns(three: Repository) -> None:
    assert three.ok("table", "--hidden-columns=command,commit,datetime,host").splitlines()[0].split() == [
        *("name", "status", "input-command", "description"),
    ]


def test_times_are_shown_as_the_clock_here_showed_them(repo: Repository) -> None:
    repo.finish("base")
    path = repo.record_path("base")
    path.write_text(re.sub("datetime: .*", "datetime: '2026-01-02T23:30:00.123456-05:00'", path.read_text()))
    result = repo.runs("table", "--columns=datetime", TZ="UTC-2")
    assert result.out.split()[2] == "2026-01-03T06:30:00"
    assert json.loads(repo.ok("table", "--columns=datetime", "--format=json")) == [
        {"datetime": "2026-01-02T23:30:00.123456-05:00"}
    ]


def test_hostile_text_stays_in_its_cell(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "a\nb\x1b[31m\x07")
    assert repo.ok("table", "--columns=description").splitlines()[2] == "a\\nb\\x1b[31m\\x07"


def test_a_hash_is_not_taken_for_a_number(repo: Repository) -> None:
    repo.finish("1e5")
    assert repo.ok("table", "--columns=name").splitlines()[2] == "1e5"


def test_formats_for_programs_have_whole_values(repo: Repository) -> None:
    text = 'said "yes", then\tleft\nand a description of more than thirty characters'
    repo.finish("base", "true", "-m", text)
    columns = ["name", "description", "exit-code", "signal", "settings"]
    for style, delimiter in (("csv", ","), ("tsv", "\t")):
        out = repo.ok("table", f"--columns={','.join(columns)}", f"--format={style}")
        header, row = csv.reader(io.StringIO(out), delimiter=delimiter)
        assert header == columns
        assert row[:4] == ["base", text, "0", ""]
    (entry,) = json.loads(repo.ok("table", f"--columns={','.join(columns)}", "--format=json"))
    assert entry == {
        "name": "base",
        "description": text,
        "exit-code": 0,
        "signal": None,
        "settings": repo.record("base")["settings"],
    }


def test_formats_of_tabulate(three: Repository) -> None:
    assert three.ok("table", "--format=github", "--columns=name").startswith("| name")
    result = three.runs("table", "--format=no-such")
    assert result.code == 129
    assert result.err.startswith("error: unknown format 'no-such'\nformats: asciidoc, ")


# --- lookup


def test_lookup_prints_the_bare_value(three: Repository) -> None:
    assert three.ok("lookup", "lr2", "commit") == three.git("rev-parse", "HEAD")
    assert three.ok("lookup", "lr2", "exit-code") == "0\n"
    assert json.loads(three.ok("lookup", "lr2", "settings"))["tb-dir-flag"] == "--tb-dir"


def test_lookup_prints_the_whole_record_as_it_stands(three: Repository) -> None:
    path = three.record_path("lr2")
    path.write_text("# mine\n" + path.read_text() + "note: 017\n")
    assert three.ok("lookup", "lr2") == path.read_text()
    assert three.ok("lookup", "lr2", "note") == "017\n"
    assert yaml.safe_load(three.ok("lookup", "lr2"))["name"] == "lr2"


@pytest.mark.parametrize("name", ["../records/base", "/etc/passwd", ".", "", "..", "base/", "base/x", "a/../base"])
def test_names_do_not_lead_out_of_the_records(repo: Repository, name: str) -> None:
    repo.finish("base")
    assert repo.runs("lookup", name).err.startswith(f"error: no run is named '{name}'\n")


def test_a_terminal_shows_control_characters_and_does_not_obey_them(repo: Repository, screen: Screen) -> None:
    repo.finish("base", "true", "-m", "red \x1b[31malert\x07")
    screen.type("git runs lookup base description")
    screen.shows("red \\x1b[31malert\\x07")
    screen.type("clear; git runs table --columns=description")
    screen.shows("red \\x1b[31malert\\x07")


def test_a_record_edited_by_hand_is_read_again(repo: Repository) -> None:
    repo.finish("base", "true", "-m", "before")
    for word in ("after.", "later.", "final."):  # of the same size, within one tick of the clock
        path = repo.record_path("base")
        path.write_text(re.sub("description: .*", f"description: {word}", path.read_text()))
        assert repo.ok("lookup", "base", "description") == word + "\n"


def test_reading_a_closed_pipe_ends_quietly(three: Repository) -> None:
    result = three.machine.run("bash", "-c", "git runs list | true; echo ${PIPESTATUS[0]}", cwd=three.path)
    assert result.err == ""
    assert result.out in ("0\n", "141\n")


@pytest.mark.parametrize("pattern", ["a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_a_pattern_beyond_all_bounds_is_refused(three: Repository, pattern: str) -> None:
    result = three.runs("list", pattern)
    assert result.code == 128
    assert "' is not a regular expression: " in result.err


def test_a_pattern_that_may_mean_something_else_one_day_is_no_matter_for_a_warning(three: Repository) -> None:
    assert three.runs("list", "[[x]b.*").err.splitlines()[0] == "error: no run matches '[[x]b.*'"


@pytest.mark.parametrize("datetime", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "9" * 5000, "soon"])
def test_a_time_that_is_none_is_shown_as_it_stands(repo: Repository, datetime: str) -> None:
    repo.finish("a")
    path = repo.record_path("a")
    path.write_text(re.sub("datetime: .*", f"datetime: {datetime}\nnumber: {'7' * 5000}", path.read_text()))
    assert datetime[:20] in repo.ok("table", "--columns=datetime")
    assert repo.ok("table", "--sort=number", "--columns=name").endswith("\na\n")


def test_values_for_programs_are_spelled_out_on_a_terminal(repo: Repository, screen: Screen) -> None:
    repo.finish("a", "true", "-m", "\x1b[31mred\x9b")
    screen.type("git runs table --format=csv --columns=description")
    screen.shows(r"\x1b[31mred\x9b")
    assert "\x1b[31mred\x9b" in repo.ok("table", "--format=csv", "--columns=description")


def test_a_field_that_no_run_has_is_reported(three: Repository) -> None:
    assert three.runs("table", "--columns=nam,status").err == (
        "warning: none of these runs has a field, parameter or metric 'nam'; did you mean 'name'?\n"
    )
    assert (
        three.runs("table", "--sort=-loss").err
        == "warning: none of these runs has a field, parameter or metric 'loss'\n"
    )
    assert three.runs("table", "--columns=exit-code,signal").err == ""


def test_where_there_is_no_run_it_is_said_how_to_start_one(repo: Repository) -> None:
    hint = "hint: no run is here so far; to start one: git runs new <name> <command>\n"
    assert repo.runs().err == hint
    assert repo.runs("list").err == ""
    repo.finish("a")
    assert repo.runs().err == ""


def test_what_turns_text_around_is_spelled_out(repo: Repository) -> None:
    repo.finish("a", "true", "-m", "gnp.\u202eexe\u200b")
    for command in (["table"], ["show", "a"]):
        shown = repo.ok(*command)
        assert "gnp.\\u202eexe\\u200b" in shown
        assert "\u202e" not in shown


def test_a_key_that_is_nearly_right(repo: Repository) -> None:
    repo.finish("a")
    result = repo.runs("lookup", "a", "statsu")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: run 'a' has no 'statsu'; did you mean 'status'?")
    for options in (["--columns=name,statsu"], ["--sort=statsu"], ["--where", "statsu=finished"]):
        result = repo.runs("table", *options)
        assert (
            result.err
            == "warning: none of these runs has a field, parameter or metric 'statsu'; did you mean 'status'?\n"
        )
    repo.git("config", "runs.isolat", "true")
    assert "unknown setting 'runs.isolat' in file .git/config; did you mean 'isolate'?" in repo.runs("list").err


def test_where_git_tracks_records_reading_makes_nothing_that_it_sees(repo: Repository) -> None:
    repo.finish("a")
    shutil.rmtree(repo.path / ".runs/.git")  # which keeps git away from what it does not track so far
    repo.git("add", "-f", ".runs/records/a.yml")
    repo.git("commit", "-q", "-m", "records")
    clone = Repository(repo.machine, repo.path.parent / "clone")
    repo.git("clone", "-q", str(repo.path), str(clone.path))
    assert clone.ok("list") == "a\n"
    assert "a" in clone.ok("table")
    assert clone.git("status", "--porcelain", "--ignored=no") == ""
    (clone.path / ".runs/.gitignore").write_text("mine\n")
    clone.git("add", "-f", ".runs/.gitignore")
    clone.git("commit", "-q", "-m", "mine")
    for path in (clone.path / ".runs").glob("cache-*"):
        path.unlink()
    assert clone.ok("list") == "a\n"
    assert clone.git("status", "--porcelain") == ""
