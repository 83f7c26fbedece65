"""How a run is named: by its ref, by its age, or not at all."""

from __future__ import annotations

from tests.conftest import NO_FLAGS, Repository, prepared


@prepared
def three(repo: Repository) -> None:
    """A repository with three runs, `c` the newest, of which two are in a group."""
    for name in ("b", "g/a", "g/c"):
        repo.finish(name, f"echo {name}", *NO_FLAGS)


def test_a_run_is_named_by_its_ref_or_its_age(three: Repository) -> None:
    names = {
        "runs/b": "b",
        "refs/runs/b": "b",
        "runs/g/a": "g/a",
        "@{0}": "g/c",
        "-": "g/c",
        "@{1}": "g/a",
        "@{2}": "b",
    }
    for typed, name in names.items():
        assert three.ok("log", typed) == f"{name}\n"
        assert three.ok("list", typed) == three.ok("list", "-G", typed) == f"{name}\n"
    assert three.ok("show", "@{2}", "-") == three.ok("show", "b", "g/c")
    assert three.runs("wait", "@{1}").err == ""


def test_a_group_is_named_by_where_its_refs_are(three: Repository) -> None:
    assert three.ok("list", "runs/g") == three.ok("list", "refs/runs/g/") == "g/a\ng/c\n"


def test_a_run_that_is_really_called_so_is_that_run(three: Repository) -> None:
    three.finish("runs/b", "echo other", *NO_FLAGS)
    assert three.ok("log", "runs/b") == "other\n"
    assert three.ok("log", "runs/runs/b") == "other\n"
    assert three.ok("delete", "-y", "-n", "runs/b") == three.ok("delete", "-n", "refs/runs/runs/b")
    assert "Would delete run b" in three.ok("delete", "-n", "refs/runs/b")


def test_a_pattern_stays_a_pattern(three: Repository) -> None:
    assert three.runs("list", "runs/g/.*").err.startswith("error: no run matches 'runs/g/.*'\n")


def test_what_names_no_run_is_refused(three: Repository) -> None:
    assert three.runs("log", "runs/d").err.startswith("error: no run is named 'runs/d'\n")
    refused = three.runs("kill", "@{3}")
    assert (refused.code, refused.err) == (1, "error: no run is '@{3}': there are only 3\n")


def test_the_newest_run_is_meant_where_none_is_named_and_that_is_said(three: Repository) -> None:
    said = "hint: the newest run is 'g/c'\n"
    for command in (["log"], ["show"], ["lookup"], ["reproduce", "-n"], ["wait"], ["attach"], ["metrics"]):
        named, unnamed = three.runs(*command, "g/c"), three.runs(*command)
        assert (unnamed.code, unnamed.out, unnamed.err) == (named.code, named.out, said + named.err)


def test_the_newest_two_are_compared_where_none_is_named(three: Repository) -> None:
    shown = three.runs("diff")
    assert shown.out == three.runs("diff", "g/a", "g/c").out != ""
    assert shown.err == "hint: the newest runs are 'g/a' and 'g/c'\n"
    assert three.runs("diff", "b").out == three.runs("diff", "b", "g/c").out


def test_what_changes_runs_is_never_guessed(three: Repository) -> None:
    for command in ("delete", "kill", "move", "describe"):
        assert three.runs(command).code == 129
    assert three.ok("list").split() == ["b", "g/a", "g/c"]


def test_without_runs_there_is_no_newest(repo: Repository) -> None:
    refused = repo.runs("log")
    assert (refused.code, refused.err) == (1, "error: there is no run so far\n")


def test_a_run_is_moved_by_its_ref(three: Repository) -> None:
    three.ok("move", "runs/b", "d")
    three.ok("move", "refs/runs/g", "h")
    assert three.ok("list").split() == ["d", "h/a", "h/c"]


def test_a_deleted_run_and_a_ref_without_record_are_named_by_their_refs(three: Repository) -> None:
    three.ok("delete", "-y", "runs/b")
    assert three.ok("undelete", "refs/runs/b").startswith("Run 'b' is back ")
    three.record_path("b").unlink()
    assert three.ok("adopt", "refs/runs/b") == "Adopted run 'b'\n"


def test_a_run_without_a_ref_is_no_group_and_below_no_run(three: Repository) -> None:
    path = three.record_path("g/a")
    commit = str(three.record("g/a")["commit"])
    path.write_text(path.read_text().replace(commit, "f" * 40) + "imported: {tool: runs}\n")
    three.git("update-ref", "-d", "refs/runs/g/a")
    three.ok("delete", "-y", "g/c")
    start = ("new", "-q", "--launcher=foreground", *NO_FLAGS)
    for command in (
        (*start, "g", "true"),
        (*start, "-n", "g/a/b", "true"),
        ("move", "b", "g"),
        ("move", "-n", "g", "b/x"),
        ("sweep", "g/a", "true {x}", "x=1,2"),
    ):
        result = three.runs(*command)
        assert (result.code, "cannot both exist" in result.err) == (128, True), (command, result)
    assert three.ok("list").split() == ["b", "g/a"]
    three.ok("delete", "-y", "g/a")
    three.ok(*start, "g", "true")
    assert "cannot both exist" in three.runs("undelete", "g/a").err
    three.ok("move", "g", "h")
    three.ok("undelete", "g/a")
