"""Fingerprints of variables: the same for the same value, and nobody learns the value from them.

They are HMACs (RFC 2104) with a random key in the git dir that all work trees of a repository share. Whoever has the
records but not the key, as in another clone, cannot guess a value and see whether it is the right one.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import cached_property

from ..system.files import open_plain, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "git-runs.key"
DIGITS = 8  # hexadecimal ones, of a fingerprint and of what names a key


class Fingerprints:
    """Those with the key of one repository."""

    def __init__(self, common_dir: str) -> None:
        self._path = os.path.join(common_dir, FILE)

    @property
    def key(self) -> str:
        """What names the key; nothing follows from it."""
        return hashlib.sha256(self._secret).hexdigest()[:DIGITS]

    def of(self, name: str, value: str) -> str:
        """The fingerprint of a variable."""
        return hmac.new(self._secret, _bytes(f"{name}\0{value}"), "sha256").hexdigest()[:DIGITS]

    def like(self, recorded: Mapping[str, object]) -> Fingerprints:
        """Those that can be compared with recorded ones; with the key of here where there are none."""
        return _Salted(str(recorded["salt"])) if "salt" in recorded else self

    def origin(self) -> dict[str, str]:
        """What a record needs to say of how they were made."""
        return {"key": self.key}

    @cached_property
    def _secret(self) -> bytes:
        """Made where there is none. Raises OSError."""
        if not os.path.exists(self._path):
            # Of two that make one only the second stays, and the fingerprints by the first are of no key that is known.
            write_whole(self._path, os.urandom(32).hex(), 0o600, only_if=lambda: not os.path.exists(self._path))
        with open_plain(self._path) as file:
            return file.read()


class _Salted(Fingerprints):
    """Those in records of before, whose salt stands beside them."""

    def __init__(self, salt: str) -> None:
        self._salt = salt

    def of(self, name: str, value: str) -> str:
        return hashlib.sha256(_bytes(f"{self._salt}\0{name}\0{value}")).hexdigest()[:DIGITS]

    def origin(self) -> dict[str, str]:
        return {"salt": self._salt}


def are_comparable(a: Mapping[str, object], b: Mapping[str, object]) -> bool:
    """Whether recorded fingerprints were made in the same way."""
    return all(a.get(how) == b.get(how) for how in ("key", "salt"))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
