"""What people add to the record of a run, item by item: tags, which are words, and notes, dated remarks."""

from __future__ import annotations

import re
from math import inf
from typing import NamedTuple

from ..errors.records import BadTag, NotAList
from .record import Record, edit_stamp, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_TAG = re.compile(r"[^\s,+-][^\s,]*")


class Note(NamedTuple):
    """A remark on a run."""

    moment: str  # when it was made, in ISO 8601; "" where that is not known
    author: str  # "<user>@<host>", or ""
    text: str

    @classmethod
    def parsed(cls, item: str) -> Note:
        """From an item of the field `notes`; all of it is text where a person has written it by hand."""
        match = re.fullmatch(r"(\S+) ([^:\n]+): (.*)", item, re.DOTALL)
        return cls(*match.groups()) if match and seconds(match[1]) is not None else cls("", "", item)


def notes(record: Record) -> list[Note]:
    """The remarks, the oldest first."""
    return sorted(map(Note.parsed, record.texts("notes")), key=lambda note: seconds(note.moment) or -inf)


def add_note(record: Record, text: str) -> None:
    """Add a remark, of ours and of now; raises NotAList."""
    record["notes"] = [*_items(record, "notes"), f"{edit_stamp()}: {text}"]
    record.mark_edited("notes")


def change_tags(record: Record, added: Sequence[str], removed: Sequence[str]) -> None:
    """Add words to the tags, and remove others; none are left as a field that is missing. Raises NotAList."""
    before = _items(record, "tags")
    tags = [tag for tag in dict.fromkeys([*before, *added]) if tag not in removed]
    if tags == before:
        return
    record["tags"] = tags
    if not tags:
        del record["tags"]
    record.mark_edited("tags")


def as_tags(words: Sequence[str]) -> list[str]:
    """Valid tags, as near as can be to what another tool has as such."""
    mended = (re.sub(r"[\s,]+", "-", word.strip()).lstrip("+-") for word in words)
    return list(dict.fromkeys(filter(None, mended)))


def check_tags(words: Sequence[str]) -> None:
    """Raises BadTag for what is no word."""
    for word in words:
        if not _TAG.fullmatch(word):
            raise BadTag(word)


def _items(record: Record, key: str) -> list[str]:
    if isinstance(record.get(key), dict):
        raise NotAList(record.text("name"), key)
    return record.texts(key)
