"""Dates in the forms that git takes."""

from __future__ import annotations

from . import calls


def moment(date: str) -> float:
    """The point in time, in seconds since the epoch, that a date in any of git's forms means: git-log(1), --since."""
    return float(calls.run("rev-parse", f"--since={date}").strip().removeprefix("--max-age="))


def expiry(date: str) -> float:
    """The point in time that an expiry date such as "2.weeks.ago", "never" or "now" means: git-config(1), `--type`.

    Raises GitFailed.
    """
    return float(calls.run("-c", f"runs.expiry={date}", "config", "--type=expiry-date", "--get", "runs.expiry"))
