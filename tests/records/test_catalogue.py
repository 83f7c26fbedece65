"""What is kept of all runs at once."""

from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_runs.records.catalogue import FEW, Catalogue, entry
from git_runs.records.order import natural_key
from git_runs.records.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_runs.records.catalogue import Entry

NUMBERS = st.integers(-1, 2**63 - 1)
NAMES = st.from_regex(r"[ab]{0,2}[0-9]{1,3}(/[0-9]{1,2})?", fullmatch=True)
ENTRIES = st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(allow_nan=False), st.booleans())


def content(catalogue: Catalogue) -> list[tuple[str, tuple[float, ...]]]:
    """Name after name with all that is known of it."""
    columns = (*catalogue.stamps, catalogue.starts)
    return list(zip(catalogue.names, zip(*columns, strict=True), strict=True))


def expected(entries: dict[str, Entry]) -> list[tuple[str, tuple[float, ...]]]:
    return [(name, entries[name][:5]) for name in sorted(entries, key=natural_key)]


@given(st.dictionaries(NAMES, ENTRIES, max_size=3 * FEW), st.dictionaries(NAMES, ENTRIES), st.data())
def test_it_is_what_it_would_be_if_it_were_made_anew(
    first: dict[str, Entry], second: dict[str, Entry], data: st.DataObject
) -> None:
    catalogue = Catalogue()
    catalogue.update(set(), first)
    assert content(catalogue) == expected(first)
    gone = data.draw(st.sets(st.sampled_from(sorted(first)))) if first else set()
    catalogue.update(gone - second.keys(), second)
    merged = {name: values for name, values in {**first, **second}.items() if name not in gone - second.keys()}
    assert content(catalogue) == expected(merged)
    assert catalogue.has_reproductions == any(values[5] for values in merged.values())
    again = Catalogue(catalogue.names, catalogue.numbers)
    assert content(again) == content(catalogue)
    some = set(list(merged)[::2])
    assert content(again.only(some)) == expected({name: merged[name] for name in some})


@pytest.mark.parametrize(("names", "numbers"), [(["a"], b""), ([], b"x"), (["a", "b"], b"x" * 41)])
def test_what_it_cannot_have_given_is_refused(names: list[str], numbers: bytes) -> None:
    with pytest.raises(ValueError, match="one entry"):
        Catalogue(names, numbers)


def test_what_is_reported_of_a_record() -> None:
    assert entry(Record(datetime="1970-01-01T01:00:00+00:00", reproduction="same"), (1, 2, 3, 4)) == (
        (1, 2, 3, 4, 3600.0, True)
    )
    *_, start, has_reproduction = entry(Record(datetime="yesterday"), (1, 2, 3, 4))
    assert isnan(start)
    assert not has_reproduction


def test_an_unknown_start_is_kept() -> None:
    catalogue = Catalogue()
    catalogue.update(set(), {"a": (1, 2, 3, 4, nan, False)})
    assert isnan(Catalogue(catalogue.names, catalogue.numbers).starts[0])
