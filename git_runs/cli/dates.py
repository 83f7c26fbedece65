"""Points in time as git shows them: git-log(1), `--date`; the setting log.date. The forms are those of git's date.c."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

RELATIVE = "relative"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Dates:
    """Shows points in time in one form."""

    def __init__(self, form: str, *, to_terminal: bool = True, now: float | None = None) -> None:
        """A form that git does not know is taken for `relative`."""
        if form.startswith("auto:"):
            form = form.removeprefix("auto:") if to_terminal else "default"
        self._is_local = form == "local" or (form.endswith("-local") and not form.startswith("format:"))
        form = "default" if form == "local" else form.removesuffix("-local")
        if form.startswith("format-local:"):
            form, self._is_local = form.replace("-local", "", 1), True
        self._format = form.removeprefix("format:") if form.startswith("format:") else ""
        self._shown = self._by_format if self._format else _FORMS.get(form, Dates._relative)
        self._now = now

    @property
    def now(self) -> float:
        """The moment that they are shown at, in seconds since the epoch."""
        return time.time() if self._now is None else self._now

    def shown(self, text: str) -> str:
        """The point in time in a text in ISO 8601; what is none stays as it is."""
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None or self._is_local:
                moment = moment.astimezone()
            return self._shown(self, moment.replace(microsecond=0))
        except (ValueError, OverflowError, OSError):
            return text

    def _by_format(self, _: Dates, moment: datetime) -> str:
        return moment.strftime(self._format)

    def _relative(self, moment: datetime) -> str:
        return ago(int(self.now) - int(moment.timestamp()))

    def _default(self, moment: datetime) -> str:
        zone = "" if self._is_local else f" {_zone(moment)}"
        return f"{DAYS[moment.weekday()]} {MONTHS[moment.month - 1]} {moment.day} {moment:%H:%M:%S} {moment.year}{zone}"

    def _human(self, moment: datetime) -> str:
        """With no more than is needed today: show_date_normal of date.c."""
        today = datetime.fromtimestamp(self.now).astimezone()
        is_this_month = (moment.year, moment.month) == (today.year, today.month)
        if is_this_month and moment.day == today.day:
            return self._relative(moment)
        is_day_near = is_this_month and moment.day < today.day < moment.day + 5
        is_this_year = moment.year == today.year
        parts = [DAYS[moment.weekday()]] if is_this_year else []
        parts += [] if is_day_near else [f"{MONTHS[moment.month - 1]} {moment.day}"]
        parts += [f"{moment:%H:%M}"] if is_this_year else [str(moment.year)]
        shows_zone = is_day_near and not self._is_local and moment.utcoffset() != today.utcoffset()
        return " ".join([*parts, _zone(moment)] if shows_zone else parts)

    def _iso(self, moment: datetime) -> str:
        return f"{moment:%Y-%m-%d %H:%M:%S} {_zone(moment)}"

    def _rfc(self, moment: datetime) -> str:
        day = f"{DAYS[moment.weekday()]}, {moment.day} {MONTHS[moment.month - 1]} {moment.year}"
        return f"{day} {moment:%H:%M:%S} {_zone(moment)}"

    def _raw(self, moment: datetime) -> str:
        return f"{int(moment.timestamp())} {_zone(moment)}"


_FORMS: dict[str, Callable[[Dates, datetime], str]] = {
    RELATIVE: Dates._relative,
    "default": Dates._default,
    "human": Dates._human,
    "iso": Dates._iso,
    "iso8601": Dates._iso,
    "iso-strict": lambda _, moment: moment.isoformat(),
    "iso8601-strict": lambda _, moment: moment.isoformat(),
    "rfc": Dates._rfc,
    "rfc2822": Dates._rfc,
    "short": lambda _, moment: f"{moment:%Y-%m-%d}",
    "raw": Dates._raw,
    "unix": lambda _, moment: str(int(moment.timestamp())),
}


FORMS = (
    "relative",
    "iso",
    "iso-strict",
    "rfc",
    "short",
    "default",
    "human",
    "raw",
    "unix",
)  # the names that users read


def is_form(form: str) -> bool:
    """Whether git knows the form: git-log(1), `--date`."""
    if form.startswith(("format:", "format-local:")):
        return True
    return form == "local" or form.removesuffix("-local") in _FORMS


def _zone(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    return datetime(2000, 1, 1, tzinfo=timezone(offset)).strftime("%z")[:5]


def ago(seconds: int) -> str:
    """How long ago that is, in words: show_date_relative of date.c in git."""
    if seconds < 0:
        return "in the future"
    if seconds < 90:
        return _counted(seconds, "second")
    minutes = (seconds + 30) // 60
    if minutes < 90:
        return _counted(minutes, "minute")
    hours = (minutes + 30) // 60
    if hours < 36:
        return _counted(hours, "hour")
    days = (hours + 12) // 24
    if days < 14:
        return _counted(days, "day")
    if days < 70:
        return _counted((days + 3) // 7, "week")
    if days < 365:
        return _counted((days + 15) // 30, "month")
    if days < 1825:
        years, months = divmod((days * 24 + 365) // 730, 12)
        said = _counted(years, "year")
        return said.replace(" ago", f", {_counted(months, 'month')}") if months else said
    return _counted((days + 183) // 365, "year")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}{'' if number == 1 else 's'} ago"


def span(seconds: float) -> str:
    """A span of time in its two largest units: `42s`, `3m12s`, `1h30m`, `2d4h`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days:
        return f"{days}d{hours_left}h"
    if hours:
        return f"{hours}h{minutes_left:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
