"""The git executable: the only module that runs it.

Each function asks git one question. `start` begins a question whose answer is wanted later, so that several git
processes, and our own imports, run side by side.
"""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache

from ..errors import GitFailed, MainWorkTreeUnknown, RefLocked, ToolMissing, ToolTooOld

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Thread


OLDEST = "2.31"  # `rev-parse --path-format`
REF_PATIENCE = 2000  # milliseconds to wait for the lock of a ref

# What git adds to the environment of an external command, beside `git rev-parse --local-env-vars`.
ADDED_BY_GIT = ("GIT_EXEC_PATH", "GIT_PREFIX", "GIT_PAGER_IN_USE")


class ConfigEntry:
    """One value of one configuration key, as git-config(1) lists it."""

    def __init__(self, scope: str, origin: str, key: str, value: str | None) -> None:
        self.scope = scope  # system, global, local, worktree or command
        self.origin = origin  # "file:<path>" or "command line:"
        self.key = key  # section and name in lower case
        self.value = value  # None: the key stands alone, without "="


class Call:
    """A git process under way. `output` waits for it."""

    def __init__(self, *arguments: str, stdin: str | None = None, environment: dict[str, str] | None = None) -> None:
        self._stdin = None if stdin is None else _encode(stdin)
        self._answer: tuple[int, bytes, bytes] | None = None
        self._reader: Thread | None = None
        try:
            self._process = subprocess.Popen(
                ["git", *arguments],
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except FileNotFoundError:
            raise ToolMissing("git") from None

    def read_ahead(self) -> Call:
        """Read what it prints, of which there may be much, beside what we do: else it would wait for us."""
        from threading import Thread

        self._reader = Thread(target=self._communicate)
        self._reader.start()
        return self

    def finish(self) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        code, stdout, stderr = self._finish()
        return code, _decode(stdout), _decode(stderr)

    def _finish(self) -> tuple[int, bytes, bytes]:
        if self._reader:
            self._reader.join()
        return self._answer or self._communicate()

    def _communicate(self) -> tuple[int, bytes, bytes]:
        stdout, stderr = self._process.communicate(self._stdin)
        self._answer = self._process.returncode, stdout, stderr
        return self._answer

    def output(self) -> str:
        """What it printed; raises GitFailed, with git's own words, where git says no."""
        return _decode(self.bytes())

    def bytes(self) -> bytes:
        """The same, undecoded."""
        code, stdout, stderr = self._finish()
        if code:
            raise GitFailed(
                _decode(stderr) or f"fatal: git ended with {f'exit code {code}' if code > 0 else f'signal {-code}'}"
            )
        return stdout

    def succeeds(self) -> bool:
        """Whether git says yes."""
        return self.finish()[0] == 0


def run(*arguments: str, stdin: str | None = None) -> str:
    """What `git <arguments>` prints; raises GitFailed."""
    return Call(*arguments, stdin=stdin).output()


def _decode(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def path(text: str) -> str:
    """A path that git printed, as Python has paths."""
    return os.fsdecode(_encode(text))


def start(*arguments: str) -> Call:
    """Begin `git <arguments>`; take the answer's `output` when it is needed."""
    return Call(*arguments)


# --- the repository and its configuration


class Repository:
    """The repository that git finds from here, and its configuration."""

    def __init__(self, git_dir: str, common_dir: str, top: str | None, prefix: str, config: list[ConfigEntry]) -> None:
        self.git_dir = git_dir  # absolute; this work tree's own
        self.common_dir = common_dir  # absolute; refs and objects, shared by all work trees
        self.top = top  # top of this work tree; None in a bare repository or inside the git dir
        self.prefix = prefix  # from the top to the current directory: "" or "sub/dir/"
        self.config = config  # weakest first

    @property
    def is_sparse(self) -> bool:
        """Whether only a part of the commit is checked out here: git-sparse-checkout(1)."""
        values = [entry.value for entry in self.config if entry.key == "core.sparsecheckout"]
        return bool(values) and values[-1] != "false"

    def main_top(self) -> str | None:
        """Top of the main work tree, the same from every linked one; None where the main repository is bare.

        It follows from the common git dir alone (gitrepository-layout(5)), so that every view of a repository agrees.
        Raises MainWorkTreeUnknown for a linked work tree of a repository made with --separate-git-dir.
        """
        linked = self.git_dir != self.common_dir
        config = _read_config("--git-dir", self.common_dir) if linked else self.config
        own = {entry.key: entry.value for entry in config if entry.scope in ("local", "worktree")}
        if work_tree := own.get("core.worktree"):
            return os.path.realpath(os.path.join(self.common_dir, work_tree))
        if own.get("core.bare") == "true":
            return None
        if os.path.basename(self.common_dir) == ".git":
            return os.path.dirname(self.common_dir)
        if linked:
            raise MainWorkTreeUnknown(self.common_dir)
        return self.top


class Search:
    """git on its way to find the repository of the current directory and environment, by its own rules."""

    def __init__(self, *options: str) -> None:
        self._layout = start(
            *options,
            *("rev-parse", "--path-format=absolute", "--git-common-dir", self.SEPARATOR, "--git-dir", self.SEPARATOR),
            *("--show-prefix", self.SEPARATOR, "--show-toplevel"),
        )
        self._config = _start_config(*options)

    # rev-parse echoes an option that it does not know: that separates paths, which may hold newlines.
    SEPARATOR = "--=separator"

    def repository(self) -> Repository:
        """What it found; raises GitFailed or ToolTooOld."""
        code, stdout, stderr = self._layout.finish()
        if not stdout:
            raise GitFailed(stderr)
        if stdout.startswith("--path-format"):
            raise ToolTooOld("git", run("version").split()[2], OLDEST)
        common_dir, git_dir, prefix, *top = (answer[:-1] for answer in stdout.split(self.SEPARATOR + "\n"))
        return Repository(
            git_dir=path(git_dir),
            common_dir=path(common_dir),
            # rev-parse fails after all else where there is no work tree.
            top=path(top[0]) if code == 0 else None,
            prefix=path(prefix),
            config=_parse_config(self._config.output()),
        )


def repository_at(place: str) -> Repository:
    """The repository of a work tree that we made at `place`."""
    return Search("-C", place).repository()


def config_of_file(path: str) -> list[tuple[str, str | None]]:
    """Keys and values of a git-style configuration file, includes not followed; raises GitFailed."""
    entries = run("config", "-z", "--file", path, "--list").split("\0")[:-1]
    return [_key_and_value(entry) for entry in entries]


def _start_config(*options: str) -> Call:
    return start(*options, "config", "-z", "--show-scope", "--show-origin", "--list")


def _read_config(*options: str) -> list[ConfigEntry]:
    return _parse_config(_start_config(*options).output())


def _parse_config(listing: str) -> list[ConfigEntry]:
    words = listing.split("\0")[:-1]
    triples = zip(words[0::3], words[1::3], words[2::3], strict=True)
    return [ConfigEntry(scope, origin, *_key_and_value(entry)) for scope, origin, entry in triples]


def _key_and_value(entry: str) -> tuple[str, str | None]:
    key, separator, value = entry.partition("\n")
    return key, value if separator else None


# --- the work tree


class WorkTreeState:
    """Where HEAD is and what differs from it."""

    def __init__(self, commit: str | None, branch: str | None, changes: list[str]) -> None:
        self.commit = commit  # full hash; None on an unborn branch
        self.branch = branch  # None where HEAD is detached
        self.changes = changes  # "XY path" as `git status --porcelain` puts it, paths from the top

    @property
    def paths(self) -> list[str]:
        """The paths that differ from HEAD; those of untracked directories end in "/"."""
        return [change[3:] for change in self.changes]


# The index is not refreshed on disk: it is the user's. Settings that hide changes are overruled.
STATUS = (
    *("--no-optional-locks", "status", "--porcelain=v2", "--branch", "-z", "--no-ahead-behind", "--no-renames"),
    *("--untracked-files=normal", "--ignore-submodules=none"),
)

# The commit itself, and no advice on being at no branch.
_DETACHING = ("--no-replace-objects", "-c", "advice.detachedHead=false")


def start_status() -> Call:
    """Begin to look at the work tree; `read_status` takes the answer."""
    return start(*STATUS)


def read_status(call: Call) -> WorkTreeState:
    """The answer to `start_status`, or to `STATUS` with more options; raises GitFailed, also where there is no work
    tree."""
    headers = {}
    changes = []
    for line in call.output().split("\0")[:-1]:
        kind, _, rest = line.partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            headers[key] = value
        elif kind in "?!":
            changes.append(f"{kind}{kind} {rest}")
        else:
            # "1 XY sub mH mI mW hH hI path"; an unmerged path ("u") has two fields more.
            fields = rest.split(" ", 7 if kind == "1" else 9)
            changes.append(f"{fields[0].replace('.', ' ')} {fields[-1]}")
    branch = headers["branch.head"]
    commit = headers["branch.oid"]
    return WorkTreeState(None if commit == "(initial)" else commit, None if branch == "(detached)" else branch, changes)


def start_subject() -> Call:
    """Begin to read the first line of HEAD's message; fails, in git's words, on an unborn branch."""
    return start("log", "-1", "--no-show-signature", "--format=%s")


def checkout(commit: str) -> str:
    """Detach HEAD at `commit`; what git says of it. Raises GitFailed where git refuses, or a file would be lost."""
    code, _, stderr = start(*_DETACHING, "checkout", "--no-overwrite-ignore", "--detach", commit, "--").finish()
    if code:
        raise GitFailed(stderr)
    return stderr


def diff(old: str, new: str, *options: str, color: bool) -> str:
    """What `git diff` says of two commits; raises GitFailed. The first option that is none begins the paths."""
    words = list(options)
    if "--" not in words:
        words.insert(next((place for place, word in enumerate(words) if not word.startswith("-")), len(words)), "--")
    fixed = ("--no-ext-diff", "--ignore-submodules=none", f"--color={'always' if color else 'never'}")
    code, stdout, stderr = start("diff", *fixed, old, new, *words).finish()
    if code not in (0, 1):  # 1: they differ, with --exit-code
        raise GitFailed(stderr)
    return stdout


def wants_color(key: str, *, to_terminal: bool) -> bool:
    """Whether a setting such as `color.diff` wants colours."""
    return run("config", "--get-colorbool", key, str(to_terminal).lower()).strip() == "true"


def diff_colors(*, to_terminal: bool) -> tuple[str, str, str] | None:
    """The escape sequences for old and new lines and for what follows; None where `color.diff` wants no colours."""
    if not wants_color("color.diff", to_terminal=to_terminal):
        return None
    slots = (("color.diff.old", "red"), ("color.diff.new", "green"), ("color.diff.none", "reset"))
    calls = [start("config", "--get-color", key, default) for key, default in slots]
    old, new, reset = (call.output() for call in calls)
    return old, new, reset


def submodules_of(commit: str, git_dir: str) -> list[tuple[str, str]]:
    """Paths and commits of the submodules that the commit in that repository points at; raises GitFailed."""
    tree = run(*_in(git_dir), "ls-tree", "-r", "-z", "--full-tree", commit)
    return [(name, inner) for inner, name in re.findall(r"160000 commit ([0-9a-f]+)\t([^\0]+)", tree)]


def git_dirs_at(place: str) -> tuple[str, str] | None:
    """The git dir and the common git dir of the repository whose work tree is at `place`; None where there is none.

    Raises GitFailed.
    """
    if not os.path.lexists(os.path.join(place, ".git")):
        return None
    options = ("-C", place, "rev-parse", "--path-format=absolute", "--git-dir", Search.SEPARATOR, "--git-common-dir")
    answer = Call(*options, environment=without_repository()).output()
    git_dir, common_dir = (path(line[:-1]) for line in answer.split(Search.SEPARATOR + "\n"))
    return git_dir, common_dir


def tracked(paths: Iterable[str]) -> list[str]:
    """The tracked files at or below the paths, which are from the top of the work tree."""
    pathspecs = [f":(top,literal){place}" for place in paths]
    return run("ls-files", "-z", "--full-name", "--", *pathspecs).split("\0")[:-1] if pathspecs else []


def ignored(top: str, pathspecs: Iterable[str] = (".",), *, each: bool = False) -> list[str]:
    """The ignored paths that match, from the top of the work tree at `top`; unless `each` file is asked for, a
    directory, with "/" behind it, stands for all in it."""
    options = ("--others", "--ignored", "--exclude-standard", "--full-name", *(() if each else ("--directory",)))
    return run("-C", top, "ls-files", "-z", *options, "--", *pathspecs).split("\0")[:-1]


def differs(commit: str, name: str) -> bool:
    """Whether tracked files of that name, anywhere in the work tree, are not as they are in `commit`."""
    return not start("diff", "--quiet", "--no-ext-diff", commit, "--", f":(top,glob)**/{name}").succeeds()


def ignores(place: str) -> bool:
    """Whether nothing at `place` ever makes the work tree dirty: it is ignored, or outside."""
    return start("check-ignore", "--quiet", "--", place).finish()[0] != 1


# --- linked work trees


def _in(git_dir: str) -> tuple[str, ...]:
    # A submodule's configuration names its work tree, which need not be there.
    return ("--git-dir=" + git_dir, "--work-tree=" + git_dir)


def add_worktree(git_dir: str, place: str, commit: str) -> list[str]:
    """The command that makes a linked work tree at `place`, with HEAD detached at `commit`."""
    # All of the commit, even if only a part of it is checked out here.
    options = (*_DETACHING, "-c", "core.sparseCheckout=false")
    return ["git", *_in(git_dir), *options, "worktree", "add", "--force", "--detach", place, commit]


def make_worktree(git_dir: str, place: str, commit: str) -> None:
    """Make a linked work tree at `place`, with HEAD detached at `commit`; raises GitFailed."""
    run(*add_worktree(git_dir, place, commit)[1:])


def remove_worktree(git_dir: str, place: str) -> None:
    """Remove the linked work tree at `place`, whatever is in it; nothing where there is none."""
    start(*_in(git_dir), "worktree", "remove", "--force", "--force", place).finish()


def repair_worktree(git_dir: str, place: str) -> None:
    """Tell the repository that a linked work tree has been moved to `place`; raises GitFailed."""
    run(*_in(git_dir), "worktree", "repair", place)


def past_heads(top: str) -> set[str]:
    """The commits that HEAD has been at in the work tree at `top`."""
    environment = without_repository()
    past = ("log", "--walk-reflogs", "--no-show-signature", "--format=%H")
    calls = [Call("-C", top, *words, environment=environment) for words in (past, ("rev-parse", "HEAD"))]
    return {commit for call in calls for commit in call.finish()[1].split()}


# --- refs


def resolve(revision: str, git_dir: str | None = None) -> str | None:
    """Full hash of the commit that `revision` names, here or in that repository, or None."""
    place = () if git_dir is None else _in(git_dir)
    call = start(*place, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    code, stdout, _ = call.finish()
    return None if code else stdout.strip()


def hashes(revisions: Iterable[str]) -> dict[str, str]:
    """The full hashes of the objects that the revisions, each without white space, name; without those that name none
    here."""
    revisions = list(revisions)
    answers = run("cat-file", "--batch-check=%(objectname)", stdin="".join(revision + "\n" for revision in revisions))
    found = zip(revisions, answers.splitlines(), strict=True)
    return {revision: answer for revision, answer in found if not answer.endswith(" missing")}


def unknown(revisions: Iterable[str]) -> list[str]:
    """Those of the revisions, each without white space, that name no object here."""
    revisions = list(revisions)
    known = hashes(revisions)
    return [revision for revision in revisions if revision not in known]


def start_refs_below(prefix: str, git_dir: str | None = None) -> Call:
    """Begin to look what the refs at or below `prefix`, here or in that repository, point at; `read_refs` takes the
    answer."""
    place = () if git_dir is None else _in(git_dir)
    return start(*place, "for-each-ref", "--format=%(objectname) %(refname)", prefix)


def read_refs(call: Call) -> dict[str, str]:
    """The answer to `start_refs_below`, by the full names of the refs; broken ones are left out. Raises GitFailed."""
    return {name: target for target, _, name in (line.partition(" ") for line in call.output().splitlines())}


def update_refs(words: Iterable[str], git_dir: str | None = None) -> None:
    """Carry out commands of git-update-ref(1), here or in that repository, all or none, in the words of its option -z;
    raises GitFailed, or RefLocked where somebody else holds a lock for REF_PATIENCE."""
    place = () if git_dir is None else _in(git_dir)
    options = (*place, "-c", f"core.filesRefLockTimeout={REF_PATIENCE}")
    try:
        run(*options, "update-ref", "--stdin", "-z", stdin="".join(word + "\0" for word in words))
    except GitFailed as error:
        lock = re.search(r"'([^'\n]+\.lock)'", error.message)
        if lock and os.path.lexists(lock[1]):
            from ..records import locks

            raise RefLocked(lock[1], locks.age(lock[1])) from None
        raise


def wants_packed_refs(repository: Repository) -> bool:
    """Whether `git gc` would pack refs: git-config(1), `gc.packRefs`."""
    values = [entry.value for entry in repository.config if entry.key == "gc.packrefs"]
    wish = "true" if not values or values[-1] is None else values[-1].lower()
    return repository.top is not None if wish == "notbare" else wish not in ("false", "no", "off", "0", "")


def pack_refs() -> None:
    """Pack all refs, as `git gc` does; raises GitFailed."""
    run("pack-refs", "--all", "--prune")


# --- the environment


@cache
def start_local_variables() -> Call:
    """Begin to ask for the names of the variables that tie git to one repository; git is asked only once.

    `local_variables` takes the answer.
    """
    return start("rev-parse", "--local-env-vars")


def local_variables() -> set[str]:
    """The answer to `start_local_variables`; raises GitFailed."""
    return set(start_local_variables().output().split())


def without_repository() -> dict[str, str]:
    """Our environment without the variables that tie git to one repository."""
    local = local_variables()
    return {key: value for key, value in os.environ.items() if key not in local}


def checkout_settings(place: str, environment: dict[str, str]) -> dict[str, str]:
    """The settings at `place` that decide which bytes a checkout writes; none where there is no repository."""
    keys = r"^(core\.(autocrlf|eol|symlinks|attributesfile)|filter\..*\.(smudge|clean|process))$"
    answer = Call("-C", place, "config", "-z", "--get-regexp", keys, environment=environment).finish()[1]
    entries = [_key_and_value(entry) for entry in answer.split("\0")[:-1]]
    return {key: value or "" for key, value in entries}


def moment(date: str) -> float:
    """The point in time, in seconds since the epoch, that a date in any of git's forms means: git-log(1), --since."""
    return float(run("rev-parse", f"--since={date}").strip().removeprefix("--max-age="))


def expiry(date: str) -> float:
    """The point in time that an expiry date such as "2.weeks.ago", "never" or "now" means: git-config(1), `--type`.

    Raises GitFailed.
    """
    return float(run("-c", f"runs.expiry={date}", "config", "--type=expiry-date", "--get", "runs.expiry"))


def pager() -> str:
    """The pager for our output, a shell command; "" where none is wanted."""
    own, default = start("config", "--get", "pager.runs"), start("var", "GIT_PAGER")
    configured = own.finish()[1].strip()
    if configured.lower() in ("false", "no", "off", "0"):
        return ""
    is_command = configured.lower() not in ("", "true", "yes", "on", "1")
    return configured if is_command else default.finish()[1].strip()


def editor() -> str:
    """The editor that git would use, a shell command."""
    return run("var", "GIT_EDITOR").rstrip("\n")
