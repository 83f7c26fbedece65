"""Forms for programs: `--format`, `--porcelain`, `--json` and `-z` of list, table, show, lookup and metrics."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from git_runs.records.store import Store
from tests.conftest import NO_FLAGS, Repository, prepared

LOSSES = "for x in 0.9 0.3 0.5; do echo loss: $x; done"


def start(repo: Repository, name: str, command: str, *options: str) -> None:
    """Start a run and wait until it ended."""
    repo.runs("new", "-q", "--launcher=foreground", *NO_FLAGS, *options, name, command)


@prepared
def three(repo: Repository) -> None:
    """A repository with three runs: of the first the parameters were given, of the second read off its command, and the
    third failed."""
    repo.git("config", "runs.metric-pattern", "(?P<key>loss): (?P<value>[0-9.]+)")
    start(repo, "exp/a", LOSSES, "--param=lr=0.1", "-m", "the first\n\nwith two paragraphs")
    start(repo, "exp/b", "echo --lr=0.25", "-m", "the second")
    start(repo, "c", "exit 3", "-m", 'said "no"\tand \x1b[31mred\x07 \u202eback')


def objects(text: str) -> list[dict[str, object]]:
    """The objects of JSON in the lines."""
    return [json.loads(line) for line in text.splitlines()]


# --- --format


def test_list_shows_what_a_format_names(three: Repository) -> None:
    commit = three.git("rev-parse", "HEAD").strip()
    out = three.ok("list", "--format=%(name) %(status) %(commit:short=8) %(lr) %(loss:min)|%(exit-code)")
    assert out.splitlines() == [
        f"c failed {commit[:8]}  |3",
        f"exp/a finished {commit[:8]} 0.1 0.3|0",
        f"exp/b finished {commit[:8]} 0.25 |0",
    ]


def test_git_makes_the_same_of_what_it_knows(three: Repository) -> None:
    text = "%(align:20)%(refname:short)%(end)|%(objectname) %(objectname:short=7)%0a%(if)%(refname)%(then)%%%(end)"
    names = ("c", "exp/a", "exp/b")
    assert [three.ok("show", f"--format={text}", name) for name in names] == [
        three.git("for-each-ref", f"--format={text}", f"refs/runs/{name}") for name in names
    ]
    assert three.ok("list", f"--format={text}") == three.git("for-each-ref", f"--format={text}", "refs/runs")


def test_all_five_commands_have_the_same_language(three: Repository) -> None:
    text = "--format=%(name) is %(if:equals=failed)%(status)%(then)bad%(else)good%(end)"
    assert three.ok("table", text, "--sort=name").splitlines() == ["c is bad", "exp/a is good", "exp/b is good"]
    assert three.ok("show", text, "exp/a", "c").splitlines() == ["exp/a is good", "c is bad"]
    assert three.ok("lookup", text, "exp/.*", "c").splitlines() == ["c is bad", "exp/a is good", "exp/b is good"]
    out = three.ok("metrics", "exp/a", "--format=%(name) %(metric) %(min) %(max) %(n) %(status)")
    assert out == "exp/a loss 0.3 0.9 3 finished\n"


def test_times_are_shown_in_the_forms_of_git(three: Repository) -> None:
    started = three.lookup("c", "datetime")
    shown = three.ok(
        "list", "c", "--format=%(datetime) %(datetime:short) %(datetime:format:%H:%M) %(datetime:relative)"
    )
    assert re.fullmatch(rf"{re.escape(started)} {started[:10]} {started[11:16]} \d+ (second|minute)s? ago\n", shown)


def test_a_name_in_which_nothing_is_found_is_reported_once(three: Repository) -> None:
    result = three.runs("list", "--format=%(name) %(statsu)")
    assert result.out.splitlines() == ["c ", "exp/a ", "exp/b "]
    assert result.err == (
        "warning: none of these runs has a field, parameter or metric 'statsu'; did you mean 'status'?\n"
    )
    assert three.runs("list", "--format=%(name) %(lr) %(signal)").err == ""


def test_a_parameter_that_is_called_as_a_field_is_named_with_its_kind(repo: Repository) -> None:
    start(repo, "a", "true", "--param=status=on", "--param=a.b=1")
    out = repo.ok("list", "--format=%(status) %(params.status) %(params.a.b) %(a.b)")
    assert out == "finished on 1 1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%(name", "fatal: malformed format string %(name\n"),
        ("%(if)%(name)%(end)", "fatal: format: %(if) atom used without a %(then) atom\n"),
        ("%(color:mud)", "fatal: unrecognized color: %(color:mud)\n"),
        ("%(color:--help)", "fatal: unrecognized color: %(color:--help)\n"),
        ("json", "fatal: invalid format: json\nhint: a format names values, as in --format='%(name) %(status)'\n"),
    ],
)
def test_a_format_that_is_wrong_is_refused(three: Repository, text: str, message: str) -> None:
    result = three.runs("list", f"--format={text}")
    assert (result.code, result.out, result.err) == (128, "", message)


def test_colors_are_there_where_they_are_wanted(three: Repository) -> None:
    text = "--format=%(color:red)%(name)"
    assert three.ok("list", "c", text) == "c\n"
    assert three.ok("list", "c", "--color", text) == three.ok("lookup", "c", "--color", text) == "\x1b[31mc\x1b[m\n"
    three.git("config", "color.runs", "always")
    assert three.ok("list", "c", "--no-color", text) == "c\n"
    assert three.ok("list", "c", text) == "\x1b[31mc\x1b[m\n"
    assert three.ok("list", "c", text + "%(color:reset)") == "\x1b[31mc\x1b[m\n"


def test_a_terminal_shows_values_and_does_not_obey_them(three: Repository) -> None:
    out = three.on_terminal("list", "c", "--format=%(color:blue)%(description)%(color:reset)", TERM="xterm")
    assert out == '\x1b[34msaid "no"\tand \\x1b[31mred\\x07 \\u202eback\x1b[m\n'
    assert "\x1b[31mred\x07" in three.ok("list", "c", "--format=%(description)")
    for option in ("--json", "--porcelain"):
        out = three.on_terminal("list", "c", option)
        assert "red" in out
        assert not set("\x1b\x07\u202e") & set(out)


def test_of_many_runs_the_same_is_shown_as_of_few(repo: Repository) -> None:
    start(repo, "a", "echo --lr=0.5")
    store = Store(str(repo.path / ".runs"))
    text = repo.record_path("a").read_text()
    for number in range(250):
        path = Path(store.path(f"x{number}"))
        path.write_text(text.replace("name: a", f"name: x{number}").replace("0.5", f"0.{number + 100}"))
        os.utime(path, (1e9, 1e9))
    wanted = "--format=%(name) %(lr) %(status) %(refname)"
    lines = repo.ok("list", wanted).splitlines()
    assert lines == repo.ok("list", wanted).splitlines()  # by way of what the first has kept
    assert lines[:3] == [
        "a 0.5 finished refs/runs/a",
        "x0 0.100 finished ",  # which has no ref
        "x1 0.101 finished ",
    ]
    assert lines[3:5] == repo.ok("list", wanted, "x2", "x3").splitlines()
    assert repo.ok("list", "--format=%(lr)").splitlines()[1:3] == ["0.100", "0.101"]
    many = "--format=%(lr) %(x1)%(x2)%(x3)%(x4)%(x5)"  # more than what is kept of all runs side by side
    assert repo.ok("list", many).splitlines()[1:3] == ["0.100 ", "0.101 "]


# --- --json


def test_an_object_has_the_whole_run_in_one_line(three: Repository) -> None:
    c, a, b = objects(three.ok("list", "--json"))
    assert [one["name"] for one in (c, a, b)] == ["c", "exp/a", "exp/b"]
    record = three.record("exp/a")
    assert {key: a[key] for key in record.keys() - {"params", "metrics", "status"}} == {
        key: record[key] for key in record.keys() - {"params", "metrics", "status"}
    }
    assert (a["status"], a["exit-code"], c["exit-code"]) == ("finished", 0, 3)
    assert a["params"] == {"lr": "0.1"}
    assert b["params"] == {"lr": "0.25"}
    assert a["metrics"]["loss"]["min"] == 0.3  # type: ignore[index]
    assert c["metrics"] == {}
    assert type(a["duration"]) is float
    assert objects(three.ok("show", "--json", "exp/a")) == [a]
    assert objects(three.ok("lookup", "--json", "exp/a")) == [a]
    assert objects(three.ok("table", "--json", "--sort=name")) == [c, a, b]


def test_columns_choose_what_an_object_has(three: Repository) -> None:
    rows = objects(three.ok("table", "--json", "--columns=name,loss:min,exit-code,signal", "--sort=name"))
    assert rows == [
        {"name": "c", "loss:min": None, "exit-code": 3, "signal": None},
        {"name": "exp/a", "loss:min": 0.3, "exit-code": 0, "signal": None},
        {"name": "exp/b", "loss:min": None, "exit-code": 0, "signal": None},
    ]
    assert objects(three.ok("lookup", "--json", "exp/.*", "lr")) == [
        {"name": "exp/a", "lr": "0.1"},
        {"name": "exp/b", "lr": "0.25"},
    ]
    (row,) = objects(three.ok("lookup", "--json", "exp/a", "metrics"))
    assert row["metrics"] == objects(three.ok("list", "--json", "exp/a"))[0]["metrics"]
    assert objects(three.ok("table", "--json", "--columns=params", "exp/b")) == [{"params": {"lr": "0.25"}}]
    (row,) = objects(three.ok("lookup", "--json", "exp/a", "environment"))
    assert row["environment"] == json.loads(three.ok("lookup", "exp/a", "environment"))
    result = three.runs("table", "--columns=name", "--format=%(name)")
    assert (result.code, result.err) == (129, "error: --columns and --format='%(...)' cannot be used together\n")


def test_the_metrics_of_a_run_are_an_object_each(three: Repository) -> None:
    (row,) = objects(three.ok("metrics", "exp/a", "--json"))
    assert row.pop("source") in ("log", "record")
    numbers = {"last": 0.5, "min": 0.3, "max": 0.9, "first": 0.9, "step": 2, "argmin": 1, "argmax": 0, "n": 3}
    assert row == {"name": "exp/a", "metric": "loss", **numbers}


def test_what_json_cannot_hold_is_null_and_the_rest_is_ascii(repo: Repository) -> None:
    start(repo, "a", "true")
    with repo.record_path("a").open("a") as record:
        record.write('metrics: {loss: {last: .nan, max: .inf, min: -1}}\nodd: "\\x9b \\u202e ü"\n')
    line = repo.ok("list", "--json")
    assert line.isascii()
    (row,) = objects(line)
    assert row["metrics"]["loss"]["last"] is None  # type: ignore[index]
    assert row["metrics"]["loss"]["max"] is None  # type: ignore[index]
    assert row["metrics"]["loss"]["min"] == -1  # type: ignore[index]
    assert row["odd"] == "\x9b \u202e ü"
    assert objects(repo.ok("table", "--json", "--columns=loss:max")) == [{"loss:max": None}]


# --- --porcelain


def test_porcelain_has_a_line_for_each_value_and_an_empty_one_behind(three: Repository) -> None:
    block = three.ok("list", "--porcelain=v1", "c")
    lines = block.splitlines()
    assert lines[0] == "run c"
    assert lines[-1] == ""
    keys = [line.split(" ")[0] for line in lines[:-1]]
    assert keys == [
        *("run", "id", "status", "exit-code", "commit", "branch", "datetime", "finished", "host", "user", "cwd"),
        *("command", "input-command", "description"),
    ]
    assert r'description "said \"no\"\tand \033[31mred\a ' + "\u202e" + 'back"' in lines
    assert three.ok("list", "--porcelain", "c") == block
    assert three.ok("list", "--porcelain=1", "c") == block
    blocks = three.ok("list", "--porcelain").split("\n\n")
    assert [one.splitlines()[0] for one in blocks[:3]] == ["run c", "run exp/a", "run exp/b"]
    assert blocks[1].splitlines()[-2:] == ["params.lr 0.1", "metrics.loss 0.5"]
    assert three.ok("table", "--porcelain", "--columns=name,exit-code,signal", "c") == "run c\nexit-code 3\n\n"
    assert three.ok("metrics", "--porcelain", "exp/a").splitlines()[:2] == ["run exp/a", "metric loss"]


def test_another_version_of_porcelain_is_refused(three: Repository) -> None:
    result = three.runs("list", "--porcelain=v9")
    assert result.code == 129
    assert "there is no version 'v9', only v1" in result.err


def test_only_one_form_at_a_time(three: Repository) -> None:
    assert three.runs("list", "--porcelain", "--json").code == 129
    for command in ("table", "metrics"):
        result = three.runs(command, "-z", "--format=csv")
        assert (result.code, result.err) == (129, "error: options '-z' and '--format=csv' cannot be used together\n")


# --- -z


def test_nul_ends_lines_and_nothing_is_quoted(three: Repository) -> None:
    description = 'said "no"\tand \x1b[31mred\x07 \u202eback'
    assert three.ok("list", "-z") == "c\0exp/a\0exp/b\0"
    assert three.ok("list", "-z", "--format=%(name) %(description)", "exp/a") == (
        "exp/a the first\n\nwith two paragraphs\0"
    )
    assert f"\0description {description}\0\0" in three.ok("list", "-z", "--porcelain", "c")
    assert three.ok("show", "-z", "c") == three.ok("list", "-z", "--porcelain", "c")
    assert three.ok("table", "-z", "c") == three.ok("list", "-z", "--porcelain", "c")
    assert three.ok("list", "-z", "--json", "c").endswith("}\0")
    assert three.ok("lookup", "-z", "c", "description") == description + "\0"
    assert three.on_terminal("lookup", "-z", "c", "status") == "failed\0"


# --- lookup of several runs


def test_lookup_of_several_runs_shows_each_value_with_its_name(three: Repository) -> None:
    assert three.ok("lookup", "exp/.*", "lr") == "exp/a: 0.1\nexp/b: 0.25\n"
    assert three.ok("lookup", "exp", "lr") == "exp/a: 0.1\nexp/b: 0.25\n"
    assert three.ok("lookup", "-G", "exp/*", "lr") == "exp/a: 0.1\nexp/b: 0.25\n"
    assert three.ok("lookup", "exp/a", "lr") == "0.1\n"
    assert three.ok("lookup", "exp/[a]", "lr") == "exp/a: 0.1\n"
    assert three.ok("lookup", "c", "exp/a", "description").splitlines() == [
        'c: said "no"\\tand \\x1b[31mred\\x07 \\u202eback',
        "exp/a: the first\\n\\nwith two paragraphs",
    ]
    assert three.ok("lookup", "-z", "exp/.*", "description") == (
        "exp/a: the first\n\nwith two paragraphs\0exp/b: the second\0"
    )
    assert three.ok("lookup", ".*", "loss") == "exp/a: 0.5\n"
    (line,) = three.ok("lookup", "exp/[ab]", "metrics").splitlines()
    assert json.loads(line.removeprefix("exp/a: "))["loss"]["n"] == 3


def test_lookup_of_several_runs_shows_their_records_as_they_stand(three: Repository) -> None:
    a, b = (three.record_path(name).read_text() for name in ("exp/a", "exp/b"))
    assert three.ok("lookup", "exp/.*") == f"---\n{a}---\n{b}"
    assert three.ok("lookup", "exp/a") == a
    assert three.ok("lookup", "-z", "exp/.*") == f"{a}\0{b}\0"


def test_lookup_says_what_is_not_there(three: Repository) -> None:
    result = three.runs("lookup", "exp/.*", "signal")
    assert (result.code, result.out, result.err) == (1, "", "error: none of these runs has 'signal'\n")
    result = three.runs("lookup", "exp/.*", "los")
    assert (result.code, result.out) == (1, "")
    assert result.err == ("warning: none of these runs has a field, parameter or metric 'los'; did you mean 'loss'?\n")
    result = three.runs("lookup", "nope", "status")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: no run is named 'nope'")
    result = three.runs("lookup", "x/*", "status")
    assert (result.code, result.err.splitlines()[0]) == (1, "error: no run matches 'x/*'")
    assert "use -G to match shell globs" in result.err
    assert three.runs("lookup", "--json", "nope").err.splitlines()[0] == "error: no run is named 'nope'"


# --- list --sort


def test_of_several_sort_keys_the_last_counts_first(three: Repository) -> None:
    assert three.ok("list", "--sort=-name").split() == ["exp/b", "exp/a", "c"]
    assert three.ok("list", "--sort=-datetime", "-n1").split() == ["c"]
    assert three.ok("list", "--sort=-lr").split() == ["exp/b", "exp/a", "c"]
    assert three.ok("list", "--sort=-name", "--sort=status").split() == ["c", "exp/b", "exp/a"]
    assert three.ok("list", "--sort=name", "--sort=-status").split() == ["exp/a", "exp/b", "c"]
    assert three.ok("table", "--columns=name", "--sort=name", "--sort=-status").split()[2:] == ["exp/a", "exp/b", "c"]
    shown = three.on_terminal("table", "--columns=name", "--sort=name", "--sort=-status")
    assert shown.split()[-3:] == ["exp/a", "exp/b", "c"]


def test_whoever_reads_may_stop(three: Repository) -> None:
    for option in ("--format=%(name)", "--json", "--porcelain", "-z"):
        result = three.machine.run(
            "bash", "-c", f"git runs list '{option}' | true; echo ${{PIPESTATUS[0]}}", cwd=three.path
        )
        assert result.err == ""
        assert result.out in ("0\n", "141\n")
