"""What in a line of a log is a point in time or a duration, and so is another each time."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..records.record import Record

MARGIN = 86400.0  # seconds around a run in which a point in time is the run's own, in whatever time zone it is written
MASK = b"<time>"

_UNIT = rb"(?:ns|us|ms|s|secs?|seconds?|min|mins|minutes?|h|hours?)\b"
_NUMBER = rb"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_CLOCK = rb"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?"
_THINGS = rb"(?:it|iters?|samples?|examples?|steps?|tokens?|batch(?:es)?|images?|frames?|rows|lines|[kMG]i?B|B)"

_POINTS = re.compile(
    rb"\b(?P<date>\d{4}[-/]\d\d[-/]\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?)?"
    rb"|\b(?P<epoch>1\d{9})\.\d+\b"
)
# Only what can be nothing but a time: a number with a blank and a unit after it may be a result.
_TIMES = re.compile(
    rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? [\w: ]{0,15}?" + _CLOCK + rb"(?: [AP]M)?(?: [A-Z]{2,5})?(?: \d{4})?"  # ctime
    rb"|^[IWEF]\d{4} (?=\d\d:\d\d:\d\d)"  # glog
    rb"|\b" + _CLOCK + rb"\b"
    rb"|(?<=\[)\d+:\d\d(?::\d\d)?<[\d:?]+(?:, *[\d.?]+ ?(?:[\w]+/s|s/[\w]+))?"  # in a progress bar
    rb"|\b" + _NUMBER + rb"(?:ns|us|ms|s|min)\b(?!/)"  # durations
    rb"|\b(?i:took|elapsed|time|duration)\b[ :=]*" + _NUMBER + rb"(?: ?" + _UNIT + rb"|(?! ?[A-Za-z\d.]))"
    rb"|\b" + _NUMBER + rb" ?" + _THINGS + rb"/s(?:ec|econd)?\b"  # rates
    rb"|\b" + _NUMBER + rb"(?:m|u)?s/[a-z]+\b"
)


class Mask:
    """Hides the times in what one run printed."""

    def __init__(self, record: Record) -> None:
        begin, end = record.moment("datetime"), record.moment("finished")
        self._begin = (float("inf") if begin is None else begin) - MARGIN
        self._end = (float("inf") if end is None else end) + MARGIN

    def hide(self, line: bytes) -> bytes:
        """The line with its times masked; of points in time only those that lie within the run."""
        return _TIMES.sub(MASK, _POINTS.sub(self._hide_point, line))

    def _hide_point(self, match: re.Match[bytes]) -> bytes:
        if match["epoch"]:
            moment = float(match["epoch"])
        else:
            from datetime import datetime, timezone

            try:
                year, month, day = map(int, re.split(rb"[-/]", match["date"]))
                moment = datetime(year, month, day, 12, tzinfo=timezone.utc).timestamp()
            except ValueError:
                return match[0]
        return MASK if self._begin <= moment <= self._end else match[0]
