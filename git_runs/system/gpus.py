"""The GPUs of this machine, as CUDA_VISIBLE_DEVICES has them: CUDA C++ Programming Guide, "Environment Variables"."""

from __future__ import annotations

import os
import re

from ..errors.system import NoGpu
from . import programs

VARIABLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = "/proc/driver/nvidia/gpus"  # a directory for each, named after its place on the bus


def found() -> list[str]:
    """Those that we may use: the ones that the variable names, else all that nvidia-smi(1) lists, or the driver has;
    raises NoGpu."""
    named = [word.strip() for word in os.environ.get(VARIABLE, "").split(",") if word.strip()]
    if gpus := named or _listed() or _of_driver():
        return gpus
    raise NoGpu


def _listed() -> list[str]:
    """The numbers in lines such as `GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-...)`."""
    said = programs.ask(["nvidia-smi", "-L"], os.environ) or ""
    return re.findall(r"^GPU ([0-9]+):", said, re.MULTILINE)


def _of_driver() -> list[str]:
    try:
        return list(map(str, range(len(os.listdir(_DRIVER)))))
    except OSError:
        return []
