"""What a command says of the many runs that it has changed."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Sequence

FEW = 10  # runs that are named one by one


def add_verbose(parser: ArgumentParser) -> None:
    """-v."""
    parser.add_argument("-v", "--verbose", action="store_true", help="name each run, however many there are")


def say(lines: Sequence[str], summary: str, *, verbose: bool) -> None:
    """Print a line for each run where they are few, else the summary."""
    if lines:
        print("\n".join(lines if verbose or len(lines) <= FEW else [summary]))
