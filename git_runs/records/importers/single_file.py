"""The single-file database of the first `runs` tool, which `git runs export` writes, too: YAML, keyed by run name."""

from __future__ import annotations

from .. import yamltext
from ..record import Record
from .importer import Importer


class OwnImporter(Importer):
    """Reads such a file."""

    def read(self, path: str) -> dict[str, Record]:
        """Its runs; those of the first tool have no id and a short commit."""
        with open(path, "rb") as file:
            return yamltext.parse_database(file.read(), path)
