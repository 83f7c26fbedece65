"""The table of settings: their keys, defaults, and how their texts are read."""

from __future__ import annotations

from ..errors.config import BadValue
from . import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

DECISIVE_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "*SEED*", "VIRTUAL_ENV"),
    *("CONDA_PREFIX", "LANG", "LC_*", "TZ"),
)


class Settings:
    """The settings in force."""

    runs_dir: str  # absolute
    db_filename: str
    tb_dir: str  # with placeholders, as save_path: running/command_line.py
    tb_dir_flag: str | None
    save_path: str
    save_path_flag: str | None
    extra_flag: list[str]
    virtualenv_path: str | None  # absolute
    column_width: int
    hidden_columns: list[str]
    collision: str
    dirty: str
    include: list[str]
    snapshot_limit: int  # bytes
    isolate: str  # "true", "mount" or "mount-if-possible"; "": not at all
    link: list[str]
    env: list[str]
    hash_seed: str
    pattern_type: str
    shell: str
    launcher: str
    keep_session: str
    tmux_socket: str | None
    gc_auto: int  # loose run refs; 0: never
    gc_sessions: str  # an expiry date, for dates.expiry
    history: str | None  # an expiry date; None: records are not kept in git
    shared: int | None  # the permissions that all in the runs dir gets; None: what the umask leaves
    trash_days: int  # for which deleted runs can be had back; 0: not at all


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
            if given.text is None and self.read is not values.isolation:
                raise ValueError("the value is missing")
            return self.read("true" if given.text is None else given.text, given.base)
        except ValueError as error:
            raise BadValue(self.key, given.text or "", given.origin, str(error)) from None


SETTINGS = (
    Setting("runs-dir", ".runs/", values.path),
    Setting("db-filename", ".runs.yml", values.file_name),
    Setting("tb-dir", "<runs-dir>/tensorboard/<run-name>", values.path_with_placeholders),
    Setting("tb-dir-flag", "--tb-dir", values.text_or_none),
    Setting("save-path", "<runs-dir>/checkpoints/<run-name>/model.ckpt", values.path_with_placeholders),
    Setting("save-path-flag", "--save-path", values.text_or_none),
    Setting("extra-flag", "", values.text, many=True),
    Setting("virtualenv-path", "None", values.path_or_none),
    Setting("column-width", "30", values.width),
    Setting("hidden-columns", "input-command", values.words),
    Setting("collision", "refuse", values.one_of("refuse", "timestamp", "overwrite")),
    Setting("dirty", "refuse", values.one_of("refuse", "snapshot", "allow")),
    Setting("include", "", values.text, many=True),
    Setting("snapshot-limit", "10m", values.size),
    Setting("isolate", "false", values.isolation),
    Setting("link", "", values.below_the_top, many=True),
    Setting("env", " ".join(DECISIVE_VARIABLES), values.text, many=True),
    Setting("hash-seed", "record", values.one_of("record", "leave")),
    Setting("pattern-type", "regex", values.one_of("regex", "glob")),
    Setting("shell", "bash" if values.is_on_path("bash") else "sh", values.shell),
    Setting("launcher", "tmux", values.one_of("tmux", "foreground")),
    Setting("keep-session", "failed", values.one_of("failed", "always", "never")),
    Setting("tmux-socket", "None", values.text_or_none),
    Setting("gc-auto", "1000", values.number),
    Setting("gc-sessions", "7.days.ago", values.text),
    Setting("history", "90.days.ago", values.date_or_off),
    Setting("trash-days", "3", values.number),
    Setting("shared", "private", values.permissions),
)
KEYS = {setting.key for setting in SETTINGS}
