"""Text that a terminal shows instead of obeying it."""

from __future__ import annotations


def escape(text: str, *, keep: str = "") -> str:
    """`text` with control characters and undecodable bytes spelled out (`\\n`, `\\x1b`), so that a terminal shows
    them instead of obeying them; the characters in `keep` pass."""
    return "".join(c if c in keep or is_harmless(c) else _spell(c) for c in text)


def printable(text: str) -> str:
    """`text` with bytes that are no text spelled out, so that any file can hold it."""
    return text.encode(errors="backslashreplace").decode()


def is_harmless(character: str) -> bool:
    """Whether a terminal shows the character: it is no control character and no undecodable byte."""
    code = ord(character)
    return not (code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000)


def _spell(character: str) -> str:
    return (
        character.encode("unicode_escape").decode() if ord(character) < 0xD800 else f"\\x{ord(character) - 0xDC00:02x}"
    )
