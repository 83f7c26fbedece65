"""The environment variables of git: git(1), ENVIRONMENT VARIABLES."""

from __future__ import annotations

import os
from functools import cache

from . import calls

# What git adds to the environment of an external command, beside `git rev-parse --local-env-vars`.
ADDED_BY_GIT = ("GIT_EXEC_PATH", "GIT_PREFIX", "GIT_PAGER_IN_USE")


@cache
def start_local() -> calls.Call:
    """Begin to ask for the names of the variables that tie git to one repository; git is asked only once.

    `local` takes the answer.
    """
    return calls.start("rev-parse", "--local-env-vars")


def local() -> set[str]:
    """The answer to `start_local`; raises GitFailed."""
    return set(start_local().output().split())


def without_repository() -> dict[str, str]:
    """Our environment without the variables that tie git to one repository."""
    names = local()
    return {key: value for key, value in os.environ.items() if key not in names}
