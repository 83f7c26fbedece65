"""`git runs tag` and `git runs note`, and what is shown of them."""

from __future__ import annotations

import re

from tests.conftest import Repository, prepared


@prepared
def two(repo: Repository) -> None:
    """A repository with two runs."""
    for name in ("a", "b"):
        repo.finish(name)


def test_tags_are_given_taken_away_and_asked_for(two: Repository) -> None:
    assert two.ok("tag", "a", "b", "+good", "+seed-3") == ""
    assert two.record("a")["tags"] == two.record("b")["tags"] == ["good", "seed-3"]
    two.ok("tag", "a", "-good", "+h")
    assert two.lookup("a", "tags") == "seed-3 h"
    assert two.ok("list", "--where", "tag=good") == "b\n"
    assert two.ok("list", "--where=tag!=good") == two.ok("list", "--where", "tag~^h") == "a\n"
    assert two.ok("list", "--where=tag=seed-3", "--where", "tag=goo") == ""
    assert two.ok("tag") == "good\nh\nseed-3\n"
    assert two.ok("tag", "b") == "good\nseed-3\n"
    assert two.ok("table", "--columns=name,tags").splitlines()[2:] == ["b       good seed-3", "a       seed-3 h"]
    assert "tags" in two.on_terminal("table")
    assert re.search("^Tags: +good seed-3$", two.ok("show", "b"), re.MULTILINE)
    assert isinstance(two.record("a")["edited"]["tags"], str)  # type: ignore[index]
    two.ok("tag", "b", "-good", "-seed-3", "-never")
    assert "tags" not in two.record("b")


def test_a_tag_is_one_word(two: Repository) -> None:
    for word in ("+a b", "+a,b", "++a", "+"):
        refused = two.runs("tag", "a", word)
        assert (refused.code, refused.err.split("\n")[0]) == (128, f"fatal: '{word[1:]}' is no tag")
    assert "tags" not in two.record("a")


def test_a_tag_without_its_sign_is_taken_for_a_run_and_that_is_said(two: Repository) -> None:
    for words in (["a", "good"], ["a", "good", "+bad"]):
        refused = two.runs("tag", *words)
        said = "error: no run matches 'good'\nhint: to give a run this tag: +good\n"
        assert (refused.code, refused.out, refused.err) == (1, "", said)
    assert "tags" not in two.record("a")


def test_the_newest_run_is_tagged_where_none_is_named(two: Repository) -> None:
    assert two.runs("tag", "+good").err == "hint: the newest run is 'b'\n"
    assert two.ok("list", "--where=tag=good") == "b\n"


def test_a_tag_that_no_run_has_is_said(two: Repository) -> None:
    two.ok("tag", "a", "+good")
    result = two.runs("tag", "a", "b", "-good", "-lost")
    assert (result.code, result.err) == (0, "warning: none of these runs has the tag 'lost'\n")
    assert two.ok("tag") == ""


def test_notes_are_added_with_date_and_author(two: Repository) -> None:
    two.ok("note", "a", "-m", "first", "--message=with a paragraph")
    assert two.runs("note", "a", "b", "-F", "-", stdin="  from a file\n\n").code == 0
    two.git("config", "core.editor", "echo third >")
    two.ok("note", "b")
    stamp = r"[-0-9]+T[0-9:.]+[+-]00:00 [^ ]+@[^ ]+: "
    notes: list[str] = two.record("a")["notes"]  # type: ignore[assignment]
    assert re.fullmatch(stamp + "first\n\nwith a paragraph", notes[0])
    assert re.fullmatch(stamp + "from a file", notes[1])
    shown = two.ok("show", "b")
    assert re.search(r"\n\nNote [-0-9T:]+ \S+@\S+\n    from a file\n\nNote .*\n    third\n", shown)


def test_an_empty_note_is_refused(two: Repository) -> None:
    two.git("config", "core.editor", "true")
    for options in (["-m", " "], ["-F", "/dev/null"], []):
        refused = two.runs("note", "a", *options)
        assert (refused.code, refused.err.split("\n")[0]) == (128, "fatal: the remark is empty; nothing is added")
    assert "notes" not in two.record("a")


def test_what_a_person_keeps_in_these_fields_stays(two: Repository) -> None:
    with two.record_path("a").open("a") as file:
        file.write("tags: {mine: 1}\nnotes: my own\n")
    refused = two.runs("tag", "a", "+good")
    assert (refused.code, refused.err.split("\n")[0]) == (128, "fatal: 'tags' in the record of run 'a' is no list")
    two.ok("note", "a", "-m", "another")
    assert two.record("a")["tags"] == {"mine": 1}
    assert two.record("a")["notes"][0] == "my own"  # type: ignore[index]
    assert "\n\nNote\n    my own\n" in two.ok("show", "a")


def test_both_travel_between_clones(two: Repository) -> None:
    there = two.path.parent / "there"
    two.machine.run("git", "init", "-q", "--bare", str(there))
    two.git("remote", "add", "origin", str(there))
    two.ok("push", "-y", "--all", "origin")
    two.machine.run("git", "clone", "-q", str(there), str(two.path.parent / "other"))
    other = Repository(two.machine, two.path.parent / "other")
    other.ok("fetch")
    other.ok("adopt", "origin/a", "a")
    two.ok("tag", "a", "+here")
    two.ok("note", "a", "-m", "from here")
    other.ok("tag", "a", "+there")
    other.ok("note", "a", "-m", "from there")
    two.ok("push", "-y", "--all", "origin")
    other.ok("pull")
    other.ok("push", "-y", "--all", "origin")
    two.ok("pull")
    for clone in (two, other):
        assert clone.lookup("a", "tags") == "here there"
        assert re.findall("from (here|there)", clone.ok("show", "a")) == ["here", "there"]


def test_a_description_comes_from_a_file_or_is_asked_for_with_m(two: Repository) -> None:
    (two.path.parent / "text").write_text("one\ntwo\n\n")
    two.ok("describe", "a", "-F", "../text", "-m", "three")
    assert two.record("a")["description"] == "one\ntwo\n\nthree"
    two.ok("new", "-q", "--launcher=foreground", "-m", "zero", "-F", "../text", "c", "true")
    assert two.record("c")["description"] == "zero\n\none\ntwo"
    assert two.runs("describe", "a", "-F", "-", stdin="other\n").code == 0
    assert two.record("a")["description"] == "other"
    refused = two.runs("describe", "a", "new words")
    assert refused.code == 129
    assert refused.err.startswith("error: a description is given with -m: git runs describe a -m <text>\n")
    assert two.runs("describe", "a", "-F", "missing").err == "fatal: 'missing': No such file or directory\n"
    assert two.record("a")["description"] == "other"
