"""Rows that are kept, and drawn again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.cli import table
from git_runs.records.cache import TABLES, Cache
from git_runs.records.catalogue import Catalogue
from git_runs.records.clock import clock_for
from git_runs.records.record import Record, Run
from git_runs.records.rows import Rows, cells_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ["name", "status", "user"]
WIDTH = 10
TEXTS = st.one_of(
    st.none(), st.text(max_size=14), st.sampled_from(["", " ", "a       ", "b      \u3000", "\n", "finished by hand"])
)
RUNS = st.dictionaries(st.integers(0, 12), st.tuples(TEXTS, TEXTS), min_size=1)
Fields = dict[int, tuple[str | None, str | None]]


def runs_of(fields: Fields) -> dict[str, Run]:
    """Runs with those fields, by name."""
    return {
        f"r{number}": Run(f"r{number}", Record(status=status, user=user)) for number, (status, user) in fields.items()
    }


def catalogue_of(fields: Fields) -> Catalogue:
    """The stamp of each run decides its fields."""
    catalogue = Catalogue()
    entries = {name: (1, 2, 3, 1 + abs(hash(fields[int(name[1:])])), 0.0, False) for name in runs_of(fields)}
    catalogue.update(set(), entries)
    return catalogue


def updated(rows: Rows, fields: Fields) -> Rows:
    """The rows of other runs, of which only those that have changed are drawn anew."""
    now, runs = catalogue_of(fields), runs_of(fields)
    return rows.of(now, {place: cells_of(runs[now.names[place]], COLUMNS, WIDTH) for place in rows.stale(now)})


@given(RUNS, RUNS, st.booleans(), st.data())
def test_they_are_drawn_as_if_they_were_made_anew(
    before: Fields, after: Fields, is_mixed: bool, data: st.DataObject
) -> None:
    after = before | after if is_mixed else after
    rows = updated(updated(Rows(COLUMNS), before), after)
    places = data.draw(st.permutations(range(len(after))))
    runs = runs_of(after)
    shown = [runs[rows.catalogue.names[place]] for place in places]
    values = [[run.name, run.record.text("status") or None, run.value("user")] for run in shown]
    expected = "".join(table.render(COLUMNS, values, "simple", WIDTH))
    assert "".join(table.render_kept(rows, places, WIDTH, COLUMNS, {})) == expected
    losses = ["x" * place for place in places]
    mixed = [[loss, *row] for loss, row in zip(losses, values, strict=True)]
    expected = "".join(table.render(("loss", *COLUMNS), mixed, "simple", WIDTH))
    assert "".join(table.render_kept(rows, places, WIDTH, ("loss", *COLUMNS), {"loss": losses})) == expected


@given(RUNS)
def test_the_cache_gives_back_what_was_put_there(tmp_path_factory: pytest.TempPathFactory, fields: Fields) -> None:
    root = str(tmp_path_factory.mktemp("runs"))
    rows = updated(Rows(COLUMNS), fields)
    rows.clock = clock_for([0.0])
    Cache(root).put_rows(rows, WIDTH)
    kept = Cache(root).rows(COLUMNS, WIDTH)
    assert (kept.lines, kept.lengths, kept.widths) == (rows.lines, rows.lengths, rows.widths)
    assert (kept.catalogue.names, kept.catalogue.numbers) == (rows.catalogue.names, rows.catalogue.numbers)
    assert (kept.clock.moments, kept.clock.offsets) == (rows.clock.moments, rows.clock.offsets)
    assert Cache(root).rows(COLUMNS, WIDTH + 1).lines == []
    assert Cache(root).rows(COLUMNS[::-1], WIDTH).lines == []


def test_the_cache_keeps_the_rows_of_the_tables_that_were_put_there_last(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path))
    rows = updated(Rows(COLUMNS), {1: ("finished", "x")})
    for width in range(10, 20):
        cache.put_rows(rows, width)
    assert [width for width in range(10, 20) if cache.rows(COLUMNS, width).lines] == list(range(20 - TABLES, 20))
