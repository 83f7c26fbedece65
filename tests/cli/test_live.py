"""What is said of a run that goes on."""

from __future__ import annotations

import io

import pytest

from git_runs.cli import live
from git_runs.records.record import Record
from git_runs.results import params


@pytest.mark.parametrize(
    ("command", "left"),
    [
        ("python train.py --lr=0.1 --seed 3 --amp", "python train.py …"),
        ("python train.py --lr=0.1 data.csv --seed 3", "python train.py … data.csv …"),
        ("python train.py lr=0.1 +model=big -n4", "python train.py …"),
        ("python train.py --tag x --tag y", "python train.py …"),
        ("python train.py --note='a'", "python train.py …"),
        ("SEED=1 python train.py", "… python train.py"),
        ("cd sub && ./train --lr=1 | tee log", "cd sub && ./train … | tee log"),
        ("python train.py --note='by hand'", "python train.py --note='by hand'"),  # what is not known again stays
        ("make -j", "make …"),
        ("true", "true"),
    ],
)
def test_parameters_are_taken_out_of_a_command(command: str, left: str) -> None:
    chosen = {name: "true" if value is True else value for name, value in params.of(command).items()}
    assert live.without(command, chosen, "…") == left


def test_other_parameters_stay_in_it() -> None:
    assert live.without("python train.py --lr=0.1 --seed=3", {"seed": "3"}, "…") == "python train.py --lr=0.1 …"
    assert live.without("python train.py --lr=0.1", {"lr": "0.2"}, "…") == "python train.py --lr=0.1"


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (b"one\r\ntwo\r\n", "two"),
        (b"\r 10%|#  |\r 20%|## |", "20%|## |"),
        (b"step 3 \x1b[1;32mloss\x1b[0m 0.5\r\n\r\n  \r\n", "step 3 loss 0.5"),
        (b"done\r\n\x1b]7710;git-runs;0000\x07", "done"),
        (b"49%\x08\x08\x0850%", "50%"),
        (b"\x1b]0;title\x1b\\text\x07", "text"),
        ("größer 漢\n".encode(), "größer 漢"),
        (b"\xff\n", "\ufffd"),
        (b"", ""),
        (b"HEAD is now at 1234567 Best\r\n\x1b]7710;git-runs;start;id\x07", ""),
        (b"first\n" + b"x" * (1 << 14) + b"\nlast", "last"),
    ],
)
def test_the_last_line_of_a_log_is_what_a_terminal_shows_last(log: bytes, line: str) -> None:
    assert live.last_line(io.BytesIO(log), Record(id="id")) == line
