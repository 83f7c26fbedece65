"""Options that several subcommands have."""

from __future__ import annotations

from .base import RunsError


class BadCondition(RunsError):
    """What the runs to be shown are to fulfil cannot be understood."""

    def __init__(self, condition: str, why: str) -> None:
        super().__init__(f"bad condition '{condition}': {why}", "as in --where 'status=failed'")
