"""The table of settings: their keys, defaults, and how their texts are read."""

from __future__ import annotations

from ..errors.config import BadValue
from . import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from re import Pattern

DECISIVE_VARIABLES = (
    *("CUDA_VISIBLE_DEVICES", "PYTHONPATH", "PYTHONHASHSEED", "OMP_NUM_THREADS", "*SEED*", "VIRTUAL_ENV"),
    *("CONDA_PREFIX", "LANG", "LC_*", "TZ"),
)
LAUNCHERS = ("tmux", "foreground", "slurm")


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
    metric: str | None  # the headline; with a sign before it the highest value is the best
    metric_files: list[str]
    metric_pattern: list[Pattern[str]]
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
    slurm: list[str]  # options of sbatch, without "--"
    jobs: int  # runs at once, beyond which new ones wait in the queue; 0: none waits
    keep_session: str
    tmux_socket: str | None
    gc_auto: int  # loose run refs; 0: never
    gc_sessions: str  # an expiry date, for dates.expiry
    history: str | None  # an expiry date; None: records are not kept in git
    shared: int | None  # the permissions that all in the runs dir gets; None: what the umask leaves
    get_command: str | None  # a line for the shell with placeholders: sharing/getting.py
    on_finish: str | None  # a line for the shell: running/on_finish.py
    trash_days: int  # for which deleted runs can be had back; 0: not at all


class Given:
    """One value that somebody gave a setting."""

    def __init__(self, text: str | None, origin: str, base: str, level: str = "default") -> None:
        self.text = text  # None: the key stands alone
        self.level = level  # of git config: system, global, local, worktree, command; else "default" or "runsrc"
        self.origin = origin  # for messages: "file .git/config"
        self.base = base  # directory that a relative path starts from


class Setting:
    """A setting: its key, what it is where nobody sets it, and how its text is read."""

    def __init__(
        self,
        key: str,
        default: str,
        read: Callable[[str, str], object],
        *,
        many: bool = False,
        may_come_along: bool = True,
        words: Sequence[str] = (),
    ) -> None:
        self.key = key
        self.default = default  # of a setting that may be given many times: words
        self.read = read  # from text and base directory to the value; ValueError says what is wrong
        self.may_come_along = may_come_along  # with a repository, in its .runsrc
        self.many = many  # all values count, not only the last; an empty one forgets those before it
        self.words = words or (read.words if isinstance(read, values.OneOf) else ())  # that are known to be good for it

    @property
    def attribute(self) -> str:
        """Its name in Settings."""
        return self.key.replace("-", "_")

    def value(self, given: list[Given]) -> object:
        """The value in force after all that was given, weakest first; raises BadValue."""
        if not self.many:
            return self._read(given[-1])
        return [self._read(one) for one in self.in_force(given)]

    def in_force(self, given: list[Given]) -> list[Given]:
        """What counts of all that was given, weakest first: the last one, or all that come after an empty one."""
        if not self.many:
            return given[-1:]
        last_empty = max((number for number, one in enumerate(given) if not one.text), default=-1)
        return given[last_empty + 1 :]

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
    Setting("metric", "", values.text_or_none),
    Setting("metric-files", "", values.text, many=True),
    Setting("metric-pattern", "", values.pattern, many=True),
    Setting("collision", "refuse", values.OneOf("refuse", "timestamp", "overwrite")),
    Setting("dirty", "refuse", values.OneOf("refuse", "snapshot", "allow")),
    Setting("include", "", values.text, many=True),
    Setting("snapshot-limit", "10m", values.size),
    Setting("isolate", "false", values.isolation, words=("true", "false", "mount", "mount-if-possible")),
    Setting("link", "", values.below_the_top, many=True),
    Setting("env", " ".join(DECISIVE_VARIABLES), values.text, many=True),
    Setting("hash-seed", "record", values.OneOf("record", "leave")),
    Setting("pattern-type", "regex", values.OneOf("regex", "glob")),
    Setting("shell", "bash" if values.is_on_path("bash") else "sh", values.shell),
    Setting("launcher", "tmux", values.launcher(*LAUNCHERS), words=LAUNCHERS),
    Setting("slurm", "", values.text, many=True),
    Setting("jobs", "0", values.number),
    Setting("keep-session", "failed", values.OneOf("failed", "always", "never")),
    Setting("tmux-socket", "", values.text_or_none),
    Setting("gc-auto", "1000", values.number),
    Setting("gc-sessions", "7.days.ago", values.text),
    Setting("history", "90.days.ago", values.date_or_off),
    Setting("get-command", "", values.text_or_none, may_come_along=False),
    Setting("on-finish", "", values.text_or_none, may_come_along=False),
    Setting("trash-days", "3", values.number),
    Setting("shared", "private", values.permissions, words=("private", "umask", "group", "all")),
)
KEYS = {setting.key for setting in SETTINGS}
OF_GIT_CONFIG = {setting.key for setting in SETTINGS if not setting.may_come_along}
