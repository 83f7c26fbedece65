"""YAML text to records, and records to YAML text: the only module that knows YAML.

A record is a plain mapping that people read and edit. Scalars are read as the text that stands there: YAML would make
a number of the name `017` and a boolean of `on`. A change touches only the lines of the fields it changes, so that
comments, unknown fields, their order and their spelling survive. YAML 1.1, https://yaml.org/spec/1.1/.

Importing yaml takes longer than all else that `git runs list` does: import this module where it is needed.
"""

from __future__ import annotations

import re

import yaml

from ..errors.config import BadConfig
from ..errors.records import BadRecord, ForeignRuns, Unencodable
from .record import FIELDS, NUMBERS, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Value

DEEPEST = 100  # levels of collections in collections
NULLS = ("", "~", "null", "Null", "NULL")
LONG_LINE = 120  # characters, from which on a mapping has a line for each of its fields
LONG = 1 << 20  # bytes, in which indentation alone could make too many


def parse(text: bytes, path: str) -> Record:
    """The record that `text`, read from `path`, holds; raises BadRecord with the line that is wrong."""
    try:
        fields = _load(text, text.decode())
    except UnicodeDecodeError as error:
        raise BadRecord(path, text[: error.start].count(b"\n") + 1, "not UTF-8") from None
    except yaml.YAMLError as error:
        raise BadRecord(path, *_explain(error, text)) from None
    if not isinstance(fields, dict):
        raise BadRecord(path, 1, "a record is a mapping of fields to values")
    return _record(fields)


def _record(fields: dict[str, Value]) -> Record:
    numbers = {key: int(fields[key]) for key in NUMBERS if re.fullmatch("-?[0-9]{1,10}", str(fields.get(key)))}
    return Record(fields | numbers)


def parse_settings(text: bytes, path: str) -> dict[str, Value]:
    """The settings in a configuration file in YAML form; raises BadConfig."""
    try:
        settings = _load(text, text.decode(errors="replace"))
    except yaml.YAMLError as error:
        raise BadConfig(path, *_explain(error, text)) from None
    if not isinstance(settings, dict):
        raise BadConfig(path, 1, "settings are lines of the form 'key: value'")
    return settings


def read_foreign(path: str) -> Value:
    """What the YAML file of another tool holds, as `parse_foreign` has it; raises OSError and ForeignRuns."""
    with open(path, "rb") as file:
        return parse_foreign(file.read(), path)


def parse_foreign(text: bytes, path: str) -> Value:
    """What a YAML file of another tool holds, its scalars as text, and no objects of any language; raises
    ForeignRuns."""
    try:
        return _load(text, text.decode(errors="replace"))
    except yaml.YAMLError as error:
        line, reason = _explain(error, text)
        raise ForeignRuns(path, f"line {line}: {reason}") from None


def _load(text: bytes, decoded: str) -> Value:
    _check_depth(text)
    try:
        return _load_plain(decoded)
    except (_NotPlain, yaml.YAMLError):
        pass
    except RecursionError:  # indentation alone has nested it
        raise _TooDeep from None
    try:
        value = yaml.load(decoded, Loader=_Loader)
    except RecursionError:
        raise _TooDeep from None
    if b"*" in text:
        size, depth = _extent(value, {})
        if size > 4 * len(text) + LONG or depth > DEEPEST:
            raise _TooLarge
    return value


class _NotPlain(Exception):
    """There is what few people write, such as anchors, or what is wrong."""


def _load_plain(decoded: str) -> Value:
    """What `yaml.load` gives, made from libyaml's events as they come, in half of the time: without a tree of nodes.

    Raises _NotPlain or YAMLError.
    """
    loader = _Loader(decoded)
    try:
        take = loader.get_event
        begin = type(take()), type(take())
        value = _value(take(), take)
        if (*begin, type(take()), type(take())) != _ONE_DOCUMENT:
            raise _NotPlain
        return value
    finally:
        loader.dispose()


_ONE_DOCUMENT = (yaml.StreamStartEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent, yaml.StreamEndEvent)


def _value(event: yaml.Event, take: Callable[[], yaml.Event]) -> Value:
    """The value that begins with this event, of which the next ones are to be taken."""
    if isinstance(event, yaml.NodeEvent) and event.anchor is None:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.MappingStartEvent):
            return _mapping(take)
        if isinstance(event, yaml.SequenceStartEvent):
            return _sequence(take)
    raise _NotPlain


def _mapping(take: Callable[[], yaml.Event]) -> dict[str, Value]:
    mapping: dict[str, Value] = {}
    while not isinstance(event := take(), yaml.MappingEndEvent):
        key = _value(event, take)
        if not isinstance(key, str) or key in mapping:
            raise _NotPlain
        mapping[key] = _value(take(), take)
    return mapping


def _sequence(take: Callable[[], yaml.Event]) -> list[Value]:
    items = []
    while not isinstance(event := take(), yaml.SequenceEndEvent):
        items.append(_value(event, take))
    return items


def _scalar(scalar: yaml.ScalarEvent | yaml.ScalarNode) -> str | None:
    """As text, whatever its tag; None where it is null or empty, and plain. Raises YAMLError for text with a NUL, which
    neither the system nor git takes."""
    text: str = scalar.value
    if "\0" in text:
        raise yaml.MarkedYAMLError(problem="there is a NUL in the text", problem_mark=scalar.start_mark)  # type: ignore[arg-type]
    return None if text in NULLS and not scalar.style else text


class _TooDeep(yaml.YAMLError):
    """Collections in collections take Python's stack."""

    reason = "it is nested too deeply"


class _TooLarge(yaml.YAMLError):
    """A few aliases of aliases may stand for more than fits into any memory."""

    reason = "its aliases stand for too much"


def _extent(value: Value, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many characters the value has with all aliases written out, and how many levels."""
    if isinstance(value, str) or value is None:
        return len(value or "") + 1, 0
    if id(value) not in known:
        parts = [*value, *value.values()] if isinstance(value, dict) else value
        extents = [_extent(part, known) for part in parts]
        known[id(value)] = 1 + sum(size for size, _ in extents), 1 + max((depth for _, depth in extents), default=0)
    return known[id(value)]


def _check_depth(text: bytes) -> None:
    """Raises YAMLError for text that is nested deeper than anything that is meant: libyaml's composer would crash."""
    openers = sum(map(text.count, (b"[", b"{", b"- ", b"-\n", b"? ")))
    if openers <= DEEPEST and len(text) < LONG:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)  # type: ignore[arg-type]


def _explain(error: yaml.YAMLError, text: bytes) -> tuple[int, str]:
    """Line number, from 1, and reason."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return error.problem_mark.line + 1, error.problem or "not YAML"
    # A character that YAML does not allow.
    position = getattr(error, "position", None) or 0
    return text[:position].count(b"\n") + 1, getattr(error, "reason", None) or "not YAML"


class _Loader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Scalars as text; no key twice."""

    def construct_scalar(self, node: yaml.ScalarNode) -> str | None:
        return _scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Value]:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode) or _scalar(key) is None:
                    raise yaml.constructor.ConstructorError(None, None, "a key must be plain text", key.start_mark)
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' is there twice", key.start_mark)
                seen.add(key.value)
        mapping: dict[str, Value] = super().construct_mapping(node, deep)
        return mapping


def parse_database(text: bytes, path: str) -> dict[str, Record]:
    """Records by name, of a single-file database; raises BadRecord."""
    runs = parse(text, path) if text.strip() else Record()
    for name, fields in runs.items():
        if not isinstance(fields, dict):
            raise BadRecord(path, 1, f"run '{name}' is no mapping of fields to values")
    return {name: _record(fields) for name, fields in runs.items()}


# --- record to text


def dump_database(runs: dict[str, Record]) -> str:
    """The YAML text of a single-file database: the records, without what only holds while they run, by name."""
    entries = {name: _in_order(fields, without=("name", "process")) for name, fields in runs.items()}
    return _to_yaml(entries, flow_style=False)


def dump(fields: dict[str, Value], known: dict[tuple[str, str], str] | None = None) -> str:
    """The YAML text of a new record, known fields in their order; raises Unencodable.

    `known` keeps the texts of fields for the next of many records, of which most are the same.
    """
    if known is None:
        return _dump(_in_order(fields))
    texts = []
    for key, value in _in_order(fields).items():
        one = (key, repr(value))
        if one not in known:
            known[one] = _dump_field(key, value)
        texts.append(known[one])
    return "".join(texts)


def _in_order(fields: dict[str, Value], without: tuple[str, ...] = ()) -> dict[str, Value]:
    known = {key: fields[key] for key in FIELDS if key in fields}
    return {key: value for key, value in {**known, **fields}.items() if key not in without}


def edit(text: str, path: str, changed: dict[str, Value]) -> str:
    """The text of a record, changed to hold exactly the fields of `changed`; lines of other fields stay as they are."""
    wanted = parse(dump(changed).encode(), path)
    before = parse(text.encode(), path)
    edited = text
    try:
        for key in before:
            if key not in wanted:
                edited = _remove(edited, key)
        for key, value in wanted.items():
            if key not in before:
                edited = _insert(edited, key, changed[key])
            elif before[key] != value:
                edited = _replace(edited, key, changed[key])
        faithful = parse(edited.encode(), path) == wanted
    except (BadRecord, yaml.YAMLError, _NotInLines):
        faithful = False
    # A person may have used anchors, or braces around the whole record: then all of it is written anew.
    return edited if faithful else dump(changed)


class _NotInLines(Exception):
    """The record is not a block mapping, so that no lines belong to one field."""


class _Entry:
    """Where one field stands in a record's text: its lines, and the comment after its value."""

    def __init__(self, text: str, key: yaml.Node, value: yaml.Node) -> None:
        self.column = key.start_mark.column
        self.start = key.start_mark.index
        end = value.end_mark.index
        if _ends_on_a_later_line(value):
            self.comment = ""
            self.stop = self.start + len(_without_trailing_comments(text[self.start : end], self.column))
        else:
            line_end = text.find("\n", end) + 1 or len(text)
            self.comment = text[end:line_end].strip()
            self.stop = line_end


def _ends_on_a_later_line(value: yaml.Node) -> bool:
    """Whether the node's end mark is where the next token begins: block scalars and block collections."""
    if isinstance(value, yaml.CollectionNode):
        return not value.flow_style
    return isinstance(value, yaml.ScalarNode) and value.style in ("|", ">")


def _without_trailing_comments(lines: str, column: int) -> str:
    kept = lines.splitlines(keepends=True)
    while len(kept) > 1:
        last = kept[-1]
        content = last.strip()
        if content and not (content.startswith("#") and len(last) - len(last.lstrip()) <= column):
            break
        kept.pop()
    return "".join(kept)


def _entries(text: str) -> dict[str, _Entry]:
    root = yaml.compose(text, Loader=_Loader)
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise _NotInLines
    if not all(isinstance(key, yaml.ScalarNode) for key, _ in root.value):
        raise _NotInLines
    return {key.value: _Entry(text, key, value) for key, value in root.value}


def _remove(text: str, key: str) -> str:
    entry = _entries(text)[key]
    comment = entry.comment + "\n" + " " * entry.column if entry.comment else ""
    return text[: entry.start] + comment + text[entry.stop + entry.column :]


def _replace(text: str, key: str, value: Value) -> str:
    entry = _entries(text)[key]
    return text[: entry.start] + _lines(key, value, entry.column, entry.comment) + text[entry.stop :]


def _insert(text: str, key: str, value: Value) -> str:
    """After the field that stands before it in the table of fields; unknown fields at the end."""
    entries = _entries(text)
    earlier = FIELDS[: FIELDS.index(key)] if key in FIELDS else tuple(entries)
    predecessors = [entries[field] for field in earlier if field in entries]
    if not predecessors:
        first = next(iter(entries.values()))
        return text[: first.start] + _lines(key, value, first.column) + " " * first.column + text[first.start :]
    last = predecessors[-1]
    head = text[: last.stop] if text[: last.stop].endswith("\n") else text[: last.stop] + "\n"
    return head + " " * last.column + _lines(key, value, last.column) + text[last.stop :]


def _lines(key: str, value: Value, column: int, comment: str = "") -> str:
    """A field's own lines, the first without its indentation, with the comment after it or, failing that, above."""
    lines = _dump({key: value}).splitlines(keepends=True)
    if comment and len(lines) == 1:
        lines = [f"{lines[0].rstrip()}  {comment}\n"]
    elif comment:
        lines.insert(0, comment + "\n")
    return (" " * column).join(lines)


def _dump(fields: dict[str, Value]) -> str:
    return "".join(_dump_field(key, value) for key, value in fields.items())


def _dump_field(key: str, value: Value) -> str:
    # None: the innermost collections in braces, the others as blocks.
    flow_style = None if isinstance(value, (dict, list)) else False
    try:
        text = _to_yaml({key: value}, flow_style)
        is_long = isinstance(value, dict) and text.count("\n") == 1 and len(text) > LONG_LINE
        return _to_yaml({key: value}, False) if is_long else text
    except UnicodeEncodeError:
        raise Unencodable(key, "is not valid UTF-8") from None
    except _HasNul:
        raise Unencodable(key, "has a NUL in it") from None


def _to_yaml(value: Value, flow_style: bool | None) -> str:
    text = _dump_by(_Dumper, value, flow_style)
    if "\\U" in text:
        readable = _dump_by(_SlowDumper, value, flow_style)
        if yaml.load(readable, Loader=_Loader) == yaml.load(text, Loader=_Loader):
            return readable
    return text


def _dump_by(dumper: type[yaml.SafeDumper], value: Value, flow_style: bool | None) -> str:
    text: str = yaml.dump(
        value,
        Dumper=dumper,
        default_flow_style=flow_style,
        width=2**31 - 1,  # one line a value, however long: records are to be searched with grep
        sort_keys=False,
        allow_unicode=True,
    )
    return text


class _HasNul(Exception):
    """There is text that could be written, and would be refused when it is read."""


class _Style(yaml.representer.SafeRepresenter):
    """Text of several lines as a literal block, unless white space around it would need marks that few can read."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        if "\0" in text:
            raise _HasNul
        node: yaml.ScalarNode = self.represent_scalar(
            "tag:yaml.org,2002:str", text, style="|" if "\n" in text and text == text.strip() else None
        )
        return node

    def ignore_aliases(self, data: object) -> bool:
        return True


_Style.add_representer(str, _Style.represent_text)


class _Dumper(_Style, getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """By libyaml, where it is there."""


class _SlowDumper(_Style, yaml.SafeDumper):
    """For what libyaml would spell out, such as emoji: https://github.com/yaml/libyaml/issues/279."""
