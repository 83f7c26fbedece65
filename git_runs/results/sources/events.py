"""Event files, as TensorBoard reads them: written by TensorFlow, Keras, PyTorch, tensorboardX, JAX and others.

A file is a row of records (TensorFlow's record_writer.h): length in 8 bytes, the masked CRC-32C of these in 4, a
message, and its CRC in 4; numbers are little-endian. The message is an Event (event.proto) in the form of protocol
buffers (protobuf.dev, Encoding): wall_time = 1, step = 2, summary = 5. Of a Summary's values (summary.proto) those are
read that are one number: simple_value = 2, and tensor = 8 (tensor.proto) without dimensions. All else is passed over,
and the CRC of messages is not computed: in Python it would take ten times as long as all the rest.

The keys are the tags, with the directories below the run's directory for TensorBoard before them: `train/loss`.
"""

from __future__ import annotations

import os
import re
from math import nan
from struct import Struct, error, unpack

from ...records.order import natural_key
from .source import BLOCK, GUILD, Series, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from .source import Mark

    Field = tuple[int, int, int, int]  # number, wire type, and the places where its content begins and ends

FURTHEST = 1 << 20  # bytes behind a damage in which the next record is searched

_LENGTH, _CRC = Struct("<Q"), Struct("<I")
_HEAD, _FOOT = 12, 4  # bytes around a message
_DOUBLE, _FLOAT = Struct("<d"), Struct("<f")
_VARINT, _FIXED_8, _BYTES, _FIXED_4 = 0, 1, 2, 5  # wire types

# Of the types in types.proto: how one number is read from `tensor_content`, and in which field it is else.
_FLOATS = {1: ("<f", 5), 2: ("<d", 6), 19: ("<e", 13), 14: ("bfloat16", 13)}
_INTEGERS = {
    3: ("<i", 7),
    4: ("<B", 7),
    5: ("<h", 7),
    6: ("<b", 7),
    9: ("<q", 10),
    10: ("<?", 11),
    17: ("<H", 7),
    22: ("<I", 16),
    23: ("<Q", 17),
}
_TYPES = {**_FLOATS, **_INTEGERS}

# Directories of the results of trials: hparams.py.
_MOMENT = re.compile(r"\d{9,}(\.\d+)?")


class OwnSource(Source):
    """Reads them all."""

    def takes(self, path: str, place: str) -> bool:
        """Those that are no results of trials."""
        return self.is_event_file(path, place) and not is_of_trial(path, place)

    def is_event_file(self, path: str, place: str) -> bool:
        """TensorBoard takes every file with `tfevents` in its name for one."""
        is_for_events = place == self.places.tensorboard or place in self.places.elsewhere
        return is_for_events and "tfevents" in os.path.basename(path)

    def order(self, path: str, written: float) -> Any:
        """Their names have the second in which they were begun, and a number within the process."""
        return natural_key(os.path.basename(path))

    def read(self, file: BinaryIO, mark: Mark, inside: str) -> Iterator[dict[str, Series]]:
        """Numbers by tag."""
        parts = [part for part in inside.split(os.sep)[:-1] if not _MOMENT.fullmatch(part) and part != GUILD]
        reader = _Reader(file, mark, "".join(f"{part}/" for part in parts))
        while reader.read_block():
            yield reader.taken()


def is_of_trial(path: str, place: str) -> bool:
    """Whether a file is one of `hparams`."""
    return any(map(_MOMENT.fullmatch, os.path.relpath(path, place).split(os.sep)[:-1]))


class _Broken(Exception):
    """That is no message."""


class _Reader:
    """Reads one file from its mark on."""

    def __init__(self, file: BinaryIO, mark: Mark, prefix: str) -> None:
        self._file = file
        self._mark = mark
        self._prefix = prefix
        self._size = os.fstat(file.fileno()).st_size
        self._found: dict[str, Series] = {}
        self._others: list[str] = mark.memory.setdefault("others", [])  # tags of which a plugin shows something else
        # A writer puts out the same bytes again and again around a number: by these its series is found at once.
        self._known: dict[bytes, Series] = {}
        self._layouts: dict[int, tuple[int, int, Struct]] = {}  # of so many bytes: where the number is, and its form

    def taken(self) -> dict[str, Series]:
        """What was read since this was asked last."""
        found, self._found = self._found, {}
        self._known.clear()
        return found

    def read_block(self) -> bool:
        """Read some records; False where no whole one is left."""
        start = self._mark.offset
        block = os.pread(self._file.fileno(), max(0, min(BLOCK, self._size - start)), start)
        place = 0
        last = len(block) - _HEAD
        while place <= last:
            (length,) = _LENGTH.unpack_from(block, place)
            end = place + _HEAD + length
            if length == 0 or end + _FOOT > len(block):
                break
            try:
                self._read_event(block, place + _HEAD, end)
            except (_Broken, IndexError, error):
                if not _is_header(block[place : place + _HEAD]):
                    break
                self._note_damage(start + place)
            place = end + _FOOT
        self._mark.offset = start + place
        return place > 0 or self._read_odd_one(block[:_HEAD])

    def _read_odd_one(self, head: bytes) -> bool:
        """Read one record that is longer than a block, or pass over a damage; False where no whole one is left."""
        start = self._mark.offset
        if len(head) < _HEAD:
            return False
        (length,) = _LENGTH.unpack_from(head)
        if not length or not _is_header(head):
            return self._pass_damage()
        end = start + _HEAD + length
        if end + _FOOT > self._size:
            return False  # it is being written
        try:
            self._read_event(_OnDisk(self._file), start + _HEAD, end)
        except (_Broken, IndexError, error):
            self._note_damage(start)
        self._mark.offset = end + _FOOT
        return True

    def _pass_damage(self) -> bool:
        """Go on behind it; False where nothing is found there."""
        start = self._mark.offset
        self._note_damage(start)
        behind = os.pread(self._file.fileno(), FURTHEST + _HEAD, start + 1)
        for match in _MAY_BE_LENGTH.finditer(behind):
            place = match.start()
            if _is_header(behind[place : place + _HEAD]):
                self._mark.offset = start + 1 + place
                return True
        return False

    def _note_damage(self, place: int) -> None:
        if self._mark.broken is None:
            self._mark.broken = place

    # --- one event

    def _read_event(self, data: bytes | _OnDisk, at: int, end: int) -> None:
        time, step = nan, 0.0
        if isinstance(data, bytes) and data[at] == 0x09:  # wall_time, the first in what all writers write
            (time,) = _DOUBLE.unpack_from(data, at + 1)
            at += 9
            if data[at] == 0x10:
                number, at = _varint(data, at + 1)
                step = float(_signed(number))
            if layout := self._layouts.get(end - at):
                place, size, form = layout
                series = self._known.get(data[at : at + place] + data[at + place + size : end])
                if series is not None:
                    series.add(step, form.unpack_from(data, at + place)[0], time)
                    return
        summaries, values = [], []
        for number, kind, start, stop in _fields(data, at, end):
            if (number, kind) == (1, _FIXED_8):
                (time,) = unpack("<d", data[start:stop])
            elif (number, kind) == (2, _VARINT):
                step = float(_signed(_varint(data, start)[0]))
            elif (number, kind) == (5, _BYTES):
                summaries.append((start, stop))
        for start, stop in summaries:
            for number, kind, first, behind in _fields(data, start, stop):
                if (number, kind) == (1, _BYTES):
                    values.append((first, behind))
        for first, behind in values:
            self._read_value(data, first, behind, step, time, (at, end) if len(values) == 1 else None)

    def _read_value(
        self, data: bytes | _OnDisk, at: int, end: int, step: float, time: float, event: tuple[int, int] | None
    ) -> None:
        """`event` is where all of the event is after its step, if it has no other value."""
        tag, plugin, found = "", "", None
        for number, kind, start, stop in _fields(data, at, end):
            if (number, kind) == (1, _BYTES):
                tag = data[start:stop].decode(errors="replace")
            elif (number, kind) == (2, _FIXED_4):
                found = _Number(start, _FLOAT)
            elif (number, kind) == (8, _BYTES):
                found = _scalar(data, start, stop)
            elif (number, kind) == (9, _BYTES):
                plugin = _plugin(data, start, stop)
        if plugin not in ("", "scalars") and tag not in self._others:
            self._others.append(tag)
        if found is None or tag in self._others:
            return
        series = self._found.setdefault(self._prefix + tag, Series())
        series.add(step, found.read(data), time)
        if event and isinstance(data, bytes) and found.form:
            start, stop = event
            place, size = found.place - start, found.form.size
            self._layouts[stop - start] = place, size, found.form
            self._known[data[start : found.place] + data[found.place + size : stop]] = series


class _Number:
    """Where a number is, and its form."""

    def __init__(self, place: int, form: Struct | None, value: float = nan) -> None:
        self.place = place
        self.form = form  # None: the value is known already
        self.value = value

    def read(self, data: bytes | _OnDisk) -> float:
        if not self.form:
            return self.value
        return float(self.form.unpack(data[self.place : self.place + self.form.size])[0])


def _scalar(data: bytes | _OnDisk, at: int, end: int) -> _Number | None:
    """The number of a tensor that has one, and no dimensions."""
    dtype = 0
    content: tuple[int, int] | None = None
    values: dict[int, tuple[int, int, int]] = {}
    for number, kind, start, stop in _fields(data, at, end):
        if (number, kind) == (1, _VARINT):
            dtype = _varint(data, start)[0]
        elif (number, kind) == (2, _BYTES):
            if start != stop:
                return None
        elif (number, kind) == (4, _BYTES):
            content = start, stop
        else:
            values[number] = kind, start, stop
    if dtype not in _TYPES:
        return None
    form, field = _TYPES[dtype]
    if content:
        return _from_content(data, form, *content)
    if field not in values:
        return _Number(at, None, 0.0)  # what is 0 may be left out
    return _from_field(data, form, *values[field])


def _from_content(data: bytes | _OnDisk, form: str, start: int, stop: int) -> _Number | None:
    if form == "bfloat16":
        return _Number(start, None, unpack("<f", b"\0\0" + data[start:stop])[0])
    packed = Struct(form)
    return _Number(start, packed) if stop - start == packed.size else None


def _from_field(data: bytes | _OnDisk, form: str, kind: int, start: int, stop: int) -> _Number | None:
    """From `float_val` and the like: one number, or a row of them that holds one."""
    if form in ("<f", "<d"):
        packed = Struct(form)
        return _Number(start, packed) if stop - start == packed.size else None
    number, behind = _varint(data, start)
    if behind != stop:
        return None
    if form in ("<e", "bfloat16"):
        bits = (number & 0xFFFF).to_bytes(2, "little")
        return _Number(start, None, unpack("<e", bits)[0] if form == "<e" else unpack("<f", b"\0\0" + bits)[0])
    return _Number(start, None, float(number if form == "<Q" else _signed(number)))


def _plugin(data: bytes | _OnDisk, at: int, end: int) -> str:
    """The name of the plugin that shows a value, in its metadata; "" where there is none."""
    for number, kind, start, stop in _fields(data, at, end):
        if (number, kind) == (1, _BYTES):
            for inner, inner_kind, first, behind in _fields(data, start, stop):
                if (inner, inner_kind) == (1, _BYTES):
                    return data[first:behind].decode(errors="replace")
    return ""


# --- protocol buffers


def _fields(data: bytes | _OnDisk, at: int, end: int) -> Iterator[Field]:
    """The fields of a message; raises _Broken where it is none."""
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        start = at
        if kind == _BYTES:
            length, start = _varint(data, at)
            at = start + length
        elif kind == _VARINT:
            at = _varint(data, at)[1]
        elif kind == _FIXED_4:
            at += 4
        elif kind == _FIXED_8:
            at += 8
        else:
            raise _Broken
        if at > end or key < 8:
            raise _Broken
        yield key >> 3, kind, start, at


def _varint(data: bytes | _OnDisk, at: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    number = data[at]
    at += 1
    if number < 0x80:
        return number, at
    number &= 0x7F
    for shift in range(7, 70, 7):
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
    raise _Broken


def _signed(number: int) -> int:
    """As an int64 has it."""
    return number - (1 << 64) if number >> 63 else number


class _OnDisk:
    """The bytes of a file, of which no more are read than are asked for: a picture is passed over."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getitem__(self, wanted: Any) -> Any:
        """A byte, or those of a slice."""
        if isinstance(wanted, slice):
            return os.pread(self._file.fileno(), wanted.stop - wanted.start, wanted.start)
        return os.pread(self._file.fileno(), 1, wanted)[0]


# --- CRC-32C, as TensorFlow's crc32c.h masks it


def _is_header(head: bytes) -> bool:
    """Whether a record's length has the CRC that follows it."""
    if len(head) < _HEAD:
        return False
    crc = 0xFFFFFFFF
    for byte in head[:8]:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return (masked,) == _CRC.unpack_from(head, 8)


def _table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


_TABLE = _table()
# No record has 4 GiB, and none has no byte.
_MAY_BE_LENGTH = re.compile(rb"(?s)(?=(?!\0\0\0\0).{4}\0\0\0\0)")
