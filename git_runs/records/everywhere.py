"""Many records at once, for reading, wherever they are: here, or fetched from a remote."""

from __future__ import annotations

import os
from functools import cached_property
from itertools import islice

from ..system.git import refstore
from .reader import BATCH
from .record import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..errors.records import BadRecord
    from .catalogue import Catalogue
    from .columns import Stamps, Witness
    from .fetched import FetchedReader
    from .reader import Reader
    from .record import Value
    from .rows import Rows
    from .runs_dir import RunsDir


class Everywhere:
    """Reads runs by their names, wherever they are. A run that is here has its name before all others."""

    def __init__(self, runs_dir: RunsDir, reader: Reader, common_dir: str | None) -> None:
        self._runs_dir = runs_dir
        self._here = reader
        self._common_dir = common_dir
        self._groups: dict[str, bool] = {}  # whether there are runs here in a group that is called as the remote

    @cached_property
    def fetched(self) -> FetchedReader | None:
        """The runs of remotes; None where nothing was fetched."""
        if not self._common_dir or not refstore.may_be_any(self._common_dir, refstore.REMOTES):
            return None  # without importing what reads them
        from .fetched import FetchedReader
        from .remotes import remotes

        found = remotes(self._common_dir)
        return FetchedReader(self._runs_dir, self._common_dir, found) if found else None

    def is_away(self, name: str) -> bool:
        """Whether that is the name of a run of a remote, and of none here."""
        if "/" not in name or not self.fetched or not (parts := self.fetched.parts(name)):
            return False
        return not self._is_here(parts[0], name)

    def away(self, name: str) -> str | None:
        """What a run is called here that a remote calls so; None where none does."""
        return self.fetched.called(name) if self.fetched else None

    def remote_of(self, name: str) -> str | None:
        """The remote that is configured and to which a run of that name would belong, fetched or not."""
        if "/" not in name or not self._common_dir:
            return None
        from ..system.git import config, remotes

        found = [remote for remote in remotes.names(config.read()) if name.startswith(f"{remote}/")]
        return max(found, key=len, default=None)

    def _is_here(self, remote: str, name: str) -> bool:
        if remote not in self._groups:
            self._groups[remote] = os.path.isdir(os.path.join(self._runs_dir.records, remote))
        return self._groups[remote] and self._runs_dir.exists(name)

    def names_away(self) -> list[str]:
        """The names of all runs of remotes, in no order."""
        return list(filter(self.is_away, self.fetched.names())) if self.fetched else []

    def _parted(self, names: Iterable[str]) -> tuple[list[str], list[str]]:
        """The names of runs here, or of none, and those of runs of remotes."""
        here: list[str] = []
        away: list[str] = []
        for name in names:
            (away if self.is_away(name) else here).append(name)
        return here, away

    def recall(self, names: Iterable[str], *, light: bool = False) -> Iterator[tuple[str, Run | BadRecord | None]]:
        """As of a Reader."""
        names = iter(names)
        while batch := list(islice(names, BATCH)):
            here, away = self._parted(batch)
            found = dict(self._here.recall(here, light=light))
            if away and self.fetched:
                found.update(self.fetched.recall(away, light=light))
            yield from ((name, found[name]) for name in batch)

    @cached_property
    def names_by_id(self) -> dict[str, str]:
        """The names of all runs that are here, by their ids, as they are when this is first asked."""
        runs = (found for _, found in self._here.recall(self._runs_dir.names(), light=True))
        return {run.record.text("id"): run.name for run in runs if isinstance(run, Run)}

    def text(self, run: Run) -> str:
        """The run's record as it stands there, or in its file here; raises NoSuchRun or BadRecord."""
        if run.remote is None or not self.fetched:
            return self._runs_dir.text(run.name)
        return self.fetched.text(run)

    def survey(self, names: Iterable[str]) -> tuple[Catalogue, list[BadRecord]]:
        """As of a Reader, of those names."""
        here, away = self._parted(names)
        if not away or not self.fetched:
            return self._here.survey(here)
        catalogue, bad = self.fetched.survey(away)
        if here:
            others, of_others = self._here.survey(here)
            catalogue, bad = catalogue.joined(others), [*of_others, *bad]
        return catalogue, bad

    def rows(self, catalogue: Catalogue, columns: Sequence[str], width: int) -> Rows | None:
        """As of a Reader; None, too, where runs of both kinds are among them."""
        reader = self._only(catalogue)
        return reader.rows(catalogue, columns, width) if reader else None

    def column(
        self,
        key: str,
        catalogue: Catalogue,
        places: Sequence[int],
        ask: Callable[[list[str]], Iterable[tuple[Value, Witness]]],
        holds: Callable[[Stamps], bool],
    ) -> list[Value]:
        """As of a Reader."""
        if reader := self._only(catalogue):
            return reader.column(key, catalogue, places, ask, holds)
        return [value for value, _ in ask([catalogue.names[place] for place in places])]

    def _only(self, catalogue: Catalogue) -> Reader | None:
        """The reader of all of these runs; None where there is no one for all."""
        if not self.fetched:
            return self._here
        here, away = self._parted(catalogue.names)
        return None if here and away else self.fetched if away else self._here
