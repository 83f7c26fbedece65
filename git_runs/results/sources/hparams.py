"""The results of trials, as `add_hparams` of PyTorch and tensorboardX writes them: event files, each in a directory of
its own that is named after the moment. They repeat values that the run has mostly written elsewhere, all for step 0:
so they count only for metrics that no other event file has.
"""

from __future__ import annotations

from . import events


class OwnSource(events.OwnSource):
    """Reads them."""

    def takes(self, path: str, place: str) -> bool:
        """Event files in such directories."""
        return self.is_event_file(path, place) and events.is_of_trial(path, place)
