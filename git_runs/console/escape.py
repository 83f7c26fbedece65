"""Text that a terminal shows instead of obeying it."""

from __future__ import annotations

import re

# Control characters, what turns the direction of text or has no width (Unicode Technical Report 36, section 2.4), and
# what stands for bytes that are no text.
_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
# Escape sequences of terminals: ECMA-48, 5.3, 5.4 and 8.3.89.
SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")


def escape(text: str, *, keep: str = "") -> str:
    """`text` with control characters and undecodable bytes spelled out (`\\n`, `\\x1b`), so that a terminal shows
    them instead of obeying them; the characters in `keep` pass."""
    return _HARMFUL.sub(lambda match: match[0] if match[0] in keep else _spell(match[0]), text)


def printable(text: str) -> str:
    """`text` with bytes that are no text spelled out, so that any file can hold it."""
    return text.encode(errors="backslashreplace").decode()


def from_printable(text: str) -> str:
    """What `printable` made that text of."""
    return re.sub(r"\\udc([89a-f][0-9a-f])", lambda match: chr(0xDC00 + int(match[1], 16)), text)


def is_harmless(character: str) -> bool:
    """Whether a terminal shows the character: it is no control character and no undecodable byte."""
    return not _HARMFUL.match(character)


def _spell(character: str) -> str:
    return (
        character.encode("unicode_escape").decode() if ord(character) < 0xD800 else f"\\x{ord(character) - 0xDC00:02x}"
    )
