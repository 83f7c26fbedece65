"""Runs on a terminal: what differs among them in columns, as many as there is room for, and what they agree in said
once above."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from math import isnan

from ..records import query
from ..records.record import HEADLINE, METRICS, PARAMS, UNDER_WAY, as_words, is_field, to_text
from ..records.rows import TIMES
from ..results import values
from ..results.summary import written
from . import layout, live
from .dates import span
from .layout import MISSING, Column

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import TypeVar

    from ..project import Project
    from ..records.record import Run, Value
    from .appearance import Appearance
    from .filters import Finder

    T = TypeVar("T")
    Pair = tuple[str, str]  # what is said above the table: of what, and what it is

PAGE = 500  # runs that are laid out together; more come in tables one after another, each with its own head
CURVE = 12  # places of the small picture of a metric
BAR = 4  # of the one of the progress
OF_PARAMETER = 24  # the widest cell of a parameter
FIRST = 3  # parameters that matter more than times

# Which columns matter most where there is no room for all: the rank of each.
NAME, STATUS, METRIC, REPRODUCTION, PARAMETER, PROGRESS, TIME, DURATION = range(8)
TAGS, SMALL_PICTURE, FURTHER_PARAMETER, COMMIT, COMMAND, DESCRIPTION, HOST = range(8, 15)


class Overview:
    """Makes tables of runs."""

    def __init__(
        self,
        here: Project,
        finder: Finder,
        appearance: Appearance,
        *,
        sort_key: str = "",
        hidden: Collection[str] = (),
        most: int | None = None,
    ) -> None:
        """Of runs in the order of a field, parameter or metric, and without the columns that are `hidden`; `most` is
        the widest cell that is wanted."""
        self._here = here
        self._finder = finder
        self._appearance = appearance
        self._hidden = hidden
        self._most = most
        self._headline, self._is_high_best = values.headline(here.settings.metric)
        is_shown = is_field(sort_key) or sort_key.removeprefix(METRICS) in (self._headline, HEADLINE)
        self._sort_key = "" if is_shown else sort_key

    def keys(self) -> list[str]:
        """What is asked of each run where the columns are those in which they differ."""
        first = METRICS + self._headline if self._headline else "command"
        return [first, *([self._sort_key] if self._sort_key else [])]

    def of_what_differs(self, runs: Iterable[Run]) -> Iterator[str]:
        """The lines of tables whose columns are those in which the runs differ."""
        entries = (_Entry(self._finder, run, self._headline, self._sort_key) for run in runs)
        yield from self._pages(self._what_differs(page) for page in _paged(entries))

    def of_columns(self, runs: Iterable[Run], keys: Sequence[str]) -> Iterator[str]:
        """The lines of tables with these columns."""
        cells = ([self._finder.of(run, key) for key in keys] for run in runs)
        yield from self._pages(([], self._chosen(keys, page)) for page in _paged(cells))

    def _shows(self, column: str) -> bool:
        return column not in self._hidden

    # --- the lines

    def _pages(self, tables: Iterable[tuple[list[Pair], list[Column]]]) -> Iterator[str]:
        for number, (said, columns) in enumerate(tables):
            lines = [*([""] if number else []), *self._lines(said, columns)]
            yield "\n".join([*lines, ""])

    def _lines(self, said: list[Pair], columns: list[Column]) -> Iterator[str]:
        appearance = self._appearance
        if self._most is not None:
            columns = [one.limited(self._most, appearance.signs) for one in columns]
        kept, widths, left_out = layout.fitted(columns, appearance.width)
        head = list(layout.flowing(said, appearance.width, appearance.signs, appearance.paint))
        if missing := layout.left_out(left_out, "-w", appearance.width, appearance.signs):
            head.append(appearance.paint("missing", missing))
        yield from [*head, ""] if head else []
        yield from layout.drawn(kept, widths, appearance.signs, appearance.paint)

    # --- the columns of what differs

    def _what_differs(self, entries: list[_Entry]) -> tuple[list[Pair], list[Column]]:
        said: list[Pair] = []
        columns = [*self._first(entries)]
        differing = [*self._sorted_by(entries), *self._parameters(entries), *self._last(entries)]
        for column in differing:
            if column.agrees:
                if column.cells[0] not in ("", MISSING):
                    said.append((column.title, column.cells[0].strip()))
            else:
                columns.append(column)
        said.sort(key=lambda pair: pair[0] in ("datetime", "duration"))
        shown = {column.title for column in columns} | {title for title, _ in said}
        commands = self._commands(entries, shown) if self._shows("command") else []
        if commands and len(set(commands)) == 1:
            said.insert(0, ("command", commands[0]))
        elif commands:
            place = next((number for number, one in enumerate(columns) if one.rank > COMMAND), len(columns))
            columns.insert(place, Column("command", commands, rank=COMMAND, least=12, turn=0))
        return said, columns

    def _first(self, entries: list[_Entry]) -> Iterator[Column]:
        """Those that are shown also where all runs agree."""
        if self._shows("name"):
            yield Column("name", [one.run.name for one in entries], rank=NAME, least=20, turn=4, are_names=True)
        if self._shows("status"):
            statuses = [one.status or MISSING for one in entries]
            yield Column("status", statuses, rank=STATUS, colors=statuses)
        if any("reproduction" in one.run.record for one in entries) and self._shows("reproduction"):
            found = [one.run.record.text("reproduction") for one in entries]
            yield Column("reproduction", found, rank=REPRODUCTION)
        if self._headline and self._shows(self._headline):
            yield self._metric(entries)
            curves = [layout.curve(one.curve, CURVE, self._appearance.signs) for one in entries]
            if any(curves) and self._shows("curve"):
                yield Column("", curves, rank=SMALL_PICTURE, colors=["curve"] * len(entries))

    def _metric(self, entries: list[_Entry]) -> Column:
        cells = [_number(one.metric) for one in entries]
        numbers = [one.metric for one in entries if isinstance(one.metric, (int, float)) and not isnan(one.metric)]
        best = (max if self._is_high_best else min)(numbers, default=None)
        colors = ["missing" if cell == MISSING else "" for cell in cells]
        if len(set(numbers)) > 1:
            colors = ["best" if one.metric == best else color for one, color in zip(entries, colors, strict=True)]
        return Column(self._headline, cells, rank=METRIC, colors=colors, numbers=True)

    def _sorted_by(self, entries: list[_Entry]) -> Iterator[Column]:
        """What gives the runs their order, where that is a metric."""
        parameter = self._sort_key.removeprefix(PARAMS)
        if self._sort_key and self._shows(self._sort_key) and not any(parameter in one.parameters for one in entries):
            cells = [_number(one.sorted_by) for one in entries]
            colors = ["missing" if cell == MISSING else "" for cell in cells]
            yield Column(self._sort_key, cells, rank=METRIC, colors=colors, numbers=True)

    def _parameters(self, entries: list[_Entry]) -> Iterator[Column]:
        having = Counter(name for one in entries for name in one.parameters)
        number = 0
        for name in sorted(filter(self._shows, having), key=having.__getitem__, reverse=True):
            texts = [one.parameters.get(name) for one in entries]
            cells = [MISSING if text is None else text for text in texts]
            cut = [layout.cut(cell, OF_PARAMETER, self._appearance.signs.cut) for cell in cells]
            shown = cut if len(set(cells)) > 1 else cells
            colors = ["missing" if cell == MISSING else "" for cell in cells]
            rank = PARAMETER if number < FIRST else FURTHER_PARAMETER
            rank = METRIC if name == self._sort_key.removeprefix(PARAMS) else rank
            column = Column(name, shown, rank=rank + number / 1000, least=8, turn=3, colors=colors, numbers=True)
            number += not column.agrees
            yield column

    def _last(self, entries: list[_Entry]) -> Iterator[Column]:
        """Those that say the same of most runs, and when each went on."""
        if self._shows("progress") and any(cells := self._progress(entries)):
            yield Column("progress", cells, rank=PROGRESS, colors=["running"] * len(cells))
        dates = self._appearance.dates
        if self._shows("datetime"):
            times = [dates.shown(one.run.record.text("datetime")) or MISSING for one in entries]
            yield Column("datetime", times, rank=TIME)
        if self._shows("duration"):
            spans = [live.duration(one.run.record, one.status, dates.now) for one in entries]
            yield Column("duration", ["" if one is None else span(one) for one in spans], rank=DURATION)
        if self._shows("commit"):
            commits = [self._appearance.short(one.run.record.text("commit")) for one in entries]
            yield Column("commit", commits, rank=COMMIT, colors=["commit"] * len(commits))
        if self._shows("description"):
            descriptions = [self._first_line(one.run.record.text("description")) for one in entries]
            yield Column("description", descriptions, rank=DESCRIPTION, least=16, turn=1)
        if any("tags" in one.run.record for one in entries) and self._shows("tags"):
            tags = [to_text(as_words("tags", one.run.record.get("tags"))) for one in entries]
            yield Column("tags", tags, rank=TAGS, least=8, turn=2)
        if self._shows("host"):
            hosts = [one.run.record.text("host") for one in entries]
            yield Column("host", hosts, rank=HOST, least=8, turn=2)

    def _first_line(self, text: str) -> str:
        first, more, _ = text.strip().partition("\n")
        return first.rstrip() + (f" {self._appearance.signs.cut}" if more else "")

    def _commands(self, entries: list[_Entry], shown: Collection[str]) -> list[str]:
        """What was typed, without the parameters that are shown beside it."""
        mark = self._appearance.signs.cut

        def command(one: _Entry) -> str:
            beside = {name: value for name, value in one.chosen.items() if name in shown}
            return live.without(one.run.record.typed_command, beside, mark)

        return [command(one) for one in entries]

    def _progress(self, entries: list[_Entry]) -> list[str]:
        going = [one for one in entries if one.status in UNDER_WAY]
        if not going:
            return []
        names = [one.run.name for one in entries if one.status not in UNDER_WAY]
        course = live.Course(self._finder.values, query.recall(self._here.store, names, ["metrics"], []))
        shares = {one.run.name: course.share(one.run) for one in going}
        return [self._share(shares.get(one.run.name)) for one in entries]

    def _share(self, share: float | None) -> str:
        return "" if share is None else f"{layout.bar(share, BAR, self._appearance.signs)} {share:3.0%}"

    # --- the columns that were asked for

    def _chosen(self, keys: Sequence[str], rows: list[list[Value]]) -> list[Column]:
        by_column = list(zip(*rows, strict=True)) if rows else [()] * len(keys)
        return [self._column(key, cells, rank) for rank, (key, cells) in enumerate(zip(keys, by_column, strict=True))]

    def _column(self, key: str, found: Sequence[Value], rank: int) -> Column:
        cells = [self._text(key, value) for value in found]
        color = {"commit": "commit"}.get(key, "")
        pairs = zip(found, cells, strict=True)
        colors = ["missing" if value is None else cell if key == "status" else color for value, cell in pairs]
        turn = {"command": 0, "input-command": 0, "description": 1, "name": 3}.get(key, 2)
        are_numbers, are_names = not is_field(key), key == "name"
        return Column(
            key, cells, rank=rank, least=12, turn=turn, colors=colors, numbers=are_numbers, are_names=are_names
        )

    def _text(self, key: str, value: Value) -> str:
        if value is None:
            return MISSING
        if key in TIMES:
            return self._appearance.dates.shown(str(value))
        if key == "commit":
            return self._appearance.short(str(value))
        if key == "description":
            return self._first_line(str(value))
        return _number(value) if isinstance(value, float) else to_text(as_words(key, value))


class _Entry:
    """A run with what can be found of it only while it goes by."""

    def __init__(self, finder: Finder, run: Run, headline: str, sort_key: str) -> None:
        self.run = run
        self.status = to_text(run.value("status"))
        self.chosen = values.parameters(run)
        self.parameters = {name: to_text(value) for name, value in self.chosen.items()}
        self.metric: Value = finder.of(run, METRICS + headline) if headline else None
        self.sorted_by: Value = finder.of(run, sort_key) if sort_key else None
        self.curve = live.curve(finder.values, run, headline) if headline else []


def _number(value: Value) -> str:
    if value is None:
        return MISSING
    return written(value) if isinstance(value, float) else to_text(value)


def _paged(items: Iterable[T]) -> Iterator[list[T]]:
    items = iter(items)
    while page := list(islice(items, PAGE)):
        yield page
