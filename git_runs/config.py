"""The table of settings, and where their values come from.

From weakest to strongest: built in, git config of system and user, `.runsrc`, git config of repository and work
tree, `git -c`, the command line. Git config is read as git lists it (git-config(1)); `.runsrc` is a file of the same
form with a `[runs]` section, or the YAML that the first `runs` tool used.
"""

from __future__ import annotations

import os

from .console.messages import warn
from .errors.config import BadConfig, BadValue
from .errors.system import MainWorkTreeUnknown
from .system.git import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .system.git.discovery import Repository

RUNSRC = ".runsrc"
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
DECISIVE_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "*SEED*", "VIRTUAL_ENV"),
    *("CONDA_PREFIX", "LANG", "LC_*", "TZ"),
)


class Settings:
    """The settings in force."""

    runs_dir: str  # absolute
    db_filename: str
    tb_dir_flag: str | None
    save_path_flag: str | None
    extra_flag: list[str]
    virtualenv_path: str | None  # absolute
    column_width: int
    hidden_columns: list[str]
    collision: str
    dirty: str
    include: list[str]
    snapshot_limit: int  # bytes
    isolate: bool
    link: list[str]
    env: list[str]
    pattern_type: str
    shell: str
    launcher: str
    keep_session: str
    tmux_socket: str | None
    gc_auto: int  # loose run refs; 0: never
    gc_sessions: str  # an expiry date, for dates.expiry


class Given:
    """One value that somebody gave a setting."""

    def __init__(self, text: str | None, origin: str, base: str) -> None:
        self.text = text  # None: the key stands alone
        self.origin = origin  # for messages: "file .git/config"
        self.base = base  # directory that a relative path starts from


class Setting:
    """A setting: its key, what it is where nobody sets it, and how its text is read."""

    def __init__(self, key: str, default: str, read: Callable[[str, str], object], *, many: bool = False) -> None:
        self.key = key
        self.default = default  # of a setting that may be given many times: words
        self.read = read  # from text and base directory to the value; ValueError says what is wrong
        self.many = many  # all values count, not only the last; an empty one forgets those before it

    @property
    def attribute(self) -> str:
        """Its name in Settings."""
        return self.key.replace("-", "_")

    def value(self, given: list[Given]) -> object:
        """The value in force after all that was given, weakest first; raises BadValue."""
        if not self.many:
            return self._read(given[-1])
        texts: list[object] = []
        for one in given:
            texts = [*texts, self._read(one)] if one.text else []
        return texts

    def _read(self, given: Given) -> object:
        try:
            if given.text is None and self.read is not _truth:
                raise ValueError("the value is missing")
            return self.read("true" if given.text is None else given.text, given.base)
        except ValueError as error:
            raise BadValue(self.key, given.text or "", given.origin, str(error)) from None


# --- how texts are read


def _text(text: str, base: str) -> str:
    if not text:
        raise ValueError("it is empty")
    return text


def _text_or_none(text: str, base: str) -> str | None:
    return None if text in ("", "None") else text


def _path(text: str, base: str) -> str:
    return os.path.normpath(os.path.join(base, os.path.expanduser(_text(text, base))))


def _path_or_none(text: str, base: str) -> str | None:
    return None if _text_or_none(text, base) is None else _path(text, base)


def _file_name(text: str, base: str) -> str:
    if "/" in text or text in ("", ".", ".."):
        raise ValueError("it is the name of a file in the runs dir")
    return text


def _width(text: str, base: str) -> int:
    if not text.isdecimal() or int(text) < 4:
        raise ValueError("it is a whole number, 4 or more")
    return int(text)


def _truth(text: str, base: str) -> bool:
    """As git-config(1) reads a boolean."""
    if text.lower() not in ("true", "yes", "on", "1", "false", "no", "off", "0", ""):
        raise ValueError("it is true or false")
    return text.lower() in ("true", "yes", "on", "1")


def _number(text: str, base: str, what: str = "a whole number") -> int:
    """As git-config(1) reads an integer: with k, m or g behind it."""
    digits, unit = (text[:-1], text[-1].lower()) if text[-1:].isalpha() else (text, "")
    if not digits.isdecimal() or len(digits) > 12 or unit not in UNITS:
        raise ValueError(f"it is {what}, with k, m or g for multiples")
    return int(digits) * UNITS[unit]


def _size(text: str, base: str) -> int:
    return _number(text, base, "a number of bytes")


def _below_the_top(text: str, base: str) -> str:
    path = os.path.normpath(_text(text, base))
    if os.path.isabs(path) or path.split(os.sep)[0] in (".", ".."):
        raise ValueError("it is a path in the work tree, from its top")
    return path


def _words(text: str, base: str) -> list[str]:
    return text.replace(",", " ").split()


def _one_of(*choices: str) -> Callable[[str, str], str]:
    def read(text: str, base: str) -> str:
        if text not in choices:
            raise ValueError(f"it is one of {', '.join(choices)}")
        return text

    return read


def _shell(text: str, base: str) -> str:
    """A shell and its options; it is looked up on PATH again where the command runs."""
    import shlex

    program, *_ = shlex.split(text) or [""]
    if not _is_on_path(program):
        raise ValueError(f"there is no program '{program}'")
    return text


def _is_on_path(program: str) -> bool:
    # shutil.which would say it too, at the price of importing shutil in every command.
    places = [""] if "/" in program else os.get_exec_path()
    paths = [os.path.join(place, program) for place in places]
    return any(os.access(path, os.X_OK) and os.path.isfile(path) for path in paths)


SETTINGS = (
    Setting("runs-dir", ".runs/", _path),
    Setting("db-filename", ".runs.yml", _file_name),
    Setting("tb-dir-flag", "--tb-dir", _text_or_none),
    Setting("save-path-flag", "--save-path", _text_or_none),
    Setting("extra-flag", "", _text, many=True),
    Setting("virtualenv-path", "None", _path_or_none),
    Setting("column-width", "30", _width),
    Setting("hidden-columns", "input-command", _words),
    Setting("collision", "refuse", _one_of("refuse", "timestamp", "overwrite")),
    Setting("dirty", "refuse", _one_of("refuse", "snapshot", "allow")),
    Setting("include", "", _text, many=True),
    Setting("snapshot-limit", "10m", _size),
    Setting("isolate", "false", _truth),
    Setting("link", "", _below_the_top, many=True),
    Setting("env", " ".join(DECISIVE_VARIABLES), _text, many=True),
    Setting("pattern-type", "regex", _one_of("regex", "glob")),
    Setting("shell", "bash" if _is_on_path("bash") else "sh", _shell),
    Setting("launcher", "tmux", _one_of("tmux", "foreground")),
    Setting("keep-session", "failed", _one_of("failed", "always", "never")),
    Setting("tmux-socket", "None", _text_or_none),
    Setting("gc-auto", "1000", _number),
    Setting("gc-sessions", "7.days.ago", _text),
)
KEYS = {setting.key for setting in SETTINGS}
# What keys may have in the YAML form, beside plain text.
LISTS = {"extra-flag": (str, list), "extra-flags": (list,), "hidden-columns": (str, list)}
MANY = {setting.key for setting in SETTINGS if setting.many}


# --- from all places to the settings in force


def load(repository: Repository, options: Mapping[str, list[str]]) -> Settings:
    """The settings in force for the repository, with values from the command line by key.

    Unknown keys are warned of. Raises BadConfig, BadValue, MainWorkTreeUnknown or GitFailed.
    """
    unknown: MainWorkTreeUnknown | None = None
    try:
        main_top = repository.main_top()
    except MainWorkTreeUnknown as error:
        main_top, unknown = None, error
    base = main_top or repository.common_dir
    given: dict[str, list[Given]] = {setting.key: [] for setting in SETTINGS}
    given["runs-dir"].append(Given(".runs" if main_top else "runs", "", base))

    def add(key: str, value: Given) -> None:
        if key in KEYS:
            given[key].append(value)
        else:
            warn(f"unknown setting '{key if '.' in key else f'runs.{key}'}' in {value.origin}")

    def add_git_config(*scopes: str) -> None:
        for entry in repository.config:
            section, _, key = entry.key.partition(".")
            if section == "runs" and "." not in key and entry.scope in scopes:
                add(key, Given(entry.value, entry.origin.replace("file:", "file ").rstrip(":"), base))

    add_git_config("system", "global")
    for key, value in _read_runsrc(repository, base):
        add(key, value)
    add_git_config("local", "worktree", "command")
    for key, texts in options.items():
        for text in texts:
            add(key, Given(text, "the command line", os.getcwd()))

    if unknown and not os.path.isabs(os.path.expanduser(given["runs-dir"][-1].text or "")):
        raise unknown
    settings = Settings()
    for setting in SETTINGS:
        words = setting.default.split() if setting.many else [setting.default]
        default = [Given(word, "the built-in default", base) for word in words]
        setattr(settings, setting.attribute, setting.value(default + given[setting.key]))
    return settings


def _read_runsrc(repository: Repository, base: str) -> Iterable[tuple[str, Given]]:
    """Keys and values of the nearest `.runsrc`, from the current directory up to the top of the work tree."""
    if repository.top is None:
        return
    directory = repository.prefix.rstrip("/")
    while not os.path.isfile(path := os.path.join(repository.top, directory, RUNSRC)):
        if not directory:
            return
        directory = os.path.dirname(directory)
    # In a linked work tree, paths are meant as in the main one: the runs dir is shared.
    base = os.path.join(base, directory)
    for key, text in _read_file(path):
        yield key, Given(text, f"file {path}", base)


def _read_file(path: str) -> Iterable[tuple[str, str | None]]:
    with open(path, "rb") as file:
        text = file.read()
    if not _is_git_style(text):
        yield from _read_yaml(text, path)
        return
    for key, value in config.of_file(path):
        section, _, name = key.partition(".")
        yield (name if section == "runs" else key), value


def _is_git_style(text: bytes) -> bool:
    """Whether the first line that says something opens a section, as git-config(1) wants it."""
    lines = (line.strip() for line in text.removeprefix(b"\xef\xbb\xbf").splitlines())
    first = next((line for line in lines if line and not line.startswith((b"#", b";"))), b"[")
    return first.startswith(b"[")


def _read_yaml(text: bytes, path: str) -> Iterable[tuple[str, str | None]]:
    from .records.yamltext import parse_settings

    settings, pairs = _split_off_bare_pairs(text)
    for key, value in {**parse_settings(settings, path), **parse_settings(pairs, path)}.items():
        if not isinstance(value, LISTS.get(key, str)) and value is not None:
            raise BadConfig(path, _line_of(text, key), f"'{key}' cannot have such a value")
        if key == "extra-flags":
            yield from (
                ("extra-flag", _flag_of_pair(pair, path, text)) for pair in (value if isinstance(value, list) else ())
            )
        elif isinstance(value, list) and key in MANY:
            yield from ((key, str(item)) for item in value)
        elif isinstance(value, list):
            yield key, ",".join(map(str, value))
        else:
            yield key, "None" if value is None else str(value)


def _split_off_bare_pairs(text: bytes) -> tuple[bytes, bytes]:
    """The published example of the YAML form has pairs, `  - [flag, value]`, without the line `extra-flags:` above.

    They come as a text of their own, with that line. Both texts keep every line at its number.
    """
    lines = text.splitlines(keepends=True)
    bare = [] if b"extra-flags:" in text else [n for n, line in enumerate(lines) if line.lstrip().startswith(b"- [")]
    if not bare:
        return text, b"{}"
    pairs = [line if n in bare else b"\n" for n, line in enumerate(lines)]
    pairs[bare[0] - 1] = b"extra-flags:\n"
    return b"".join(b"\n" if n in bare else line for n, line in enumerate(lines)), b"".join(pairs)


def _line_of(text: bytes, words: str) -> int:
    """The number of the first line that begins with those words, from 1; 1 where none does."""
    lines = text.decode(errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.strip().startswith(words)), 1)


def _flag_of_pair(pair: object, path: str, text: bytes) -> str:
    if not isinstance(pair, list) or len(pair) != 2:
        shown = f"- [{', '.join(map(str, pair))}" if isinstance(pair, list) else f"- {pair}"
        raise BadConfig(path, _line_of(text, shown), "extra-flags are pairs: - [flag, value]")
    name, value = map(str, pair)
    return f"{name if name.startswith('-') else '--' + name}={value}"
