"""Options that several subcommands have."""

from __future__ import annotations

from .base import RunsError


class BadCondition(RunsError):
    """What the runs to be shown are to fulfil cannot be understood."""

    def __init__(self, condition: str, why: str, hint: str = "as in --where 'status=failed'") -> None:
        super().__init__(f"bad condition '{condition}': {why}", hint)


class BadFormat(RunsError):
    """A format in the language of git-for-each-ref(1) cannot be understood; the words are git's."""


class BadAutocorrect(RunsError):
    """help.autocorrect in git config has a value that git does not know."""

    def __init__(self, value: str) -> None:
        super().__init__(f"bad value '{value}' for 'help.autocorrect'", "git config --show-origin help.autocorrect")


class NoPage(RunsError):
    """The manual has no such page, or is no part of what is installed."""

    def __init__(self, name: str, meant: str = "") -> None:
        super().__init__(f"there is no page of the manual about '{name}'{meant}", "git runs -h lists the commands")


class NothingToLink(RunsError):
    """Neither the manual nor anything for shells is in this installation."""

    def __init__(self) -> None:
        super().__init__("the manual is built when git runs is installed, and this is a checkout")
