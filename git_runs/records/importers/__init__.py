"""Runs of other tools, as records: a module for each tool, behind the one interface of `importer`."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .importer import Importer

# By the names of the tools: each a module here with a class `OwnImporter`.
MODULES = {
    "runs": "single_file",
    "lab-notebook": "lab_notebook",
    "guild": "guild",
    "mlflow": "mlflow",
    "dvc": "dvc",
    "exptrack": "exptrack",
    "wandb": "wandb",
}


def named(tool: str) -> Importer:
    """The importer of one of the tools."""
    importer: Importer = import_module(f".{MODULES[tool]}", __package__).OwnImporter()
    return importer
