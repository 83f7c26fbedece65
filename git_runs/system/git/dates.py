"""Dates in the forms that git takes."""

from __future__ import annotations

import re

from . import calls

# What dates are made of, without which git takes any text for now: approxidate() in git's date.c.
_WORDS = r"\d|\b(?:now|today|yesterday|noon|midnight|tea|never|ago|last|(?:sun|mon|tues|wednes|thurs|fri|satur)day)\b"


def is_date(text: str) -> bool:
    """Whether it may be a date in one of git's forms."""
    return re.search(_WORDS, text.replace(".", " ").replace("_", " "), re.IGNORECASE) is not None


def moment(date: str) -> float:
    """The point in time, in seconds since the epoch, that a date in any of git's forms means: git-log(1), --since."""
    return float(calls.run("rev-parse", f"--since={date}").strip().removeprefix("--max-age="))


def expiry(date: str) -> float:
    """The point in time that an expiry date such as "2.weeks.ago", "never" or "now" means: git-config(1), `--type`.

    Raises GitFailed.
    """
    return float(calls.run("-c", f"runs.expiry={date}", "config", "--type=expiry-date", "--get", "runs.expiry"))
