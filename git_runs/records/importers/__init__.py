"""Runs of other tools, as records: a module for each tool, behind the one interface of `importer`."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .importer import Importer

NAMES = ("single_file",)  # each a module here with a class `OwnImporter`


def named(name: str) -> Importer:
    """The importer of one of NAMES."""
    importer: Importer = import_module(f".{name}", __package__).OwnImporter()
    return importer
