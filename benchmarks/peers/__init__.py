"""What people use instead, each measured with runs in its own format: `make bench-peers` installs them."""

from __future__ import annotations

from .dvc import Dvc
from .guild import Guild
from .lab_notebook import LabNotebook
from .mlflow import Mlflow
from .peer import Peer
from .tf_run_manager import TfRunManager

PEERS: tuple[type[Peer], ...] = (LabNotebook, TfRunManager, Guild, Dvc, Mlflow)
