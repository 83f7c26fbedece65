"""Messages in the form of protocol buffers, without what says what their fields mean: protobuf.dev, Encoding."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Content = bytes | int

_VARINT, _FIXED_8, _BYTES, _FIXED_4 = 0, 1, 2, 5  # wire types


class Message:
    """One, by the numbers of its fields."""

    def __init__(self, content: bytes) -> None:
        """Raises ValueError where it is none."""
        self._fields: dict[int, list[Content]] = {}
        place = 0
        while place < len(content):
            tag, place = _varint(content, place)
            field, kind = tag >> 3, tag & 7
            value: Content
            if kind == _VARINT:
                value, place = _varint(content, place)
            elif kind == _BYTES:
                size, place = _varint(content, place)
                value = content[place : place + size]
                place += size
            elif kind in (_FIXED_8, _FIXED_4):
                size = 8 if kind == _FIXED_8 else 4
                value = int.from_bytes(content[place : place + size], "little")
                place += size
            else:
                raise ValueError(f"no field of protocol buffers at byte {place}")
            self._fields.setdefault(field, []).append(value)
        if place > len(content):
            raise ValueError("a message of protocol buffers is cut off")

    def number(self, field: int) -> int:
        """An unsigned number; 0 where it is missing."""
        found = self._fields.get(field, [0])[-1]
        return found if isinstance(found, int) else 0

    def texts(self, field: int) -> list[str]:
        """All texts of a field."""
        found = self._fields.get(field, [])
        return [value.decode(errors="replace") for value in found if isinstance(value, bytes)]

    def text(self, field: int) -> str:
        """One; "" where it is missing."""
        return (self.texts(field) or [""])[-1]

    def messages(self, field: int) -> list[Message]:
        """All messages in a field; raises ValueError."""
        return [Message(value) for value in self._fields.get(field, []) if isinstance(value, bytes)]

    def message(self, field: int) -> Message | None:
        """One; None where it is missing. Raises ValueError."""
        found = self.messages(field)
        return found[-1] if found else None


def _varint(content: bytes, place: int) -> tuple[int, int]:
    """A number, and where the next field begins."""
    value = shift = 0
    while place < len(content):
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place
    raise ValueError("a message of protocol buffers is cut off")
