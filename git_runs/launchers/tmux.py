"""Runs in tmux sessions: the only module that talks to tmux.

Names, directories and the command of `pipe-pane` are formats to tmux(1): `#(...)` in them is executed. So nothing that
a person typed gets here as it is, but for the log's path, quoted. A session is found by its option `@run`, never by
its name, which people may change.
"""

from __future__ import annotations

import os
import re
import shlex
import time
from contextlib import suppress
from itertools import count

from ..errors.base import RunsError
from ..errors.launchers import LauncherSilent, LaunchFailed, OtherServer
from ..errors.system import ToolMissing, ToolTooOld
from ..system import processes, programs
from ..system.files import remove_file
from .launcher import Inside, Job, Launcher, Session, Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from ..config.settings import Settings

PATIENCE = 1.0  # seconds that tmux gets to end by itself
ANSWER = 5.0  # seconds that a server has to answer
GOING = 2.0  # seconds that a tmux server may take to go
OLDEST = (3, 2)  # `set-option -p`, and `new-session` with a command of several words
LOG_STALLED = 2.0  # seconds without a byte in the log after which no more are waited for
OF_TERMINAL = ("TMUX", "TMUX_PANE", "TERM", "TERMCAP", "TERMINFO")


class OwnLauncher(Launcher):
    """A session of one pane for each run."""

    name = "tmux"
    is_here = False
    noun = "tmux session"

    def check(self) -> None:
        """Raises ToolMissing or ToolTooOld where runs cannot be launched."""
        version = " ".join(_run_at_once(Server(), "-V").stdout)
        # "tmux 3.3a"; development versions have no number and are new enough.
        if (found := re.search(r" (\d+)\.(\d+)", version)) and (int(found[1]), int(found[2])) < OLDEST:
            raise ToolTooOld("tmux", version.split()[-1], ".".join(map(str, OLDEST)))

    def start(self, job: Job, settings: Settings) -> Started:
        """Start it in a new session named after the run and marked with its tag."""
        server = _chosen_server(settings)
        if job.sees_others and _run_at_once(server, "list-sessions").returncode:
            raise LaunchFailed("a tmux server that a run starts would see its files for ever", "start one: tmux new -d")
        names = _names(job.name)
        session = next(names)
        deadline = 0.0
        # Where it cannot make its socket it says so, with exit code 0.
        while (answer := _new_session(server, session, job)).returncode != 0 or not answer.stdout:
            if _is_taken(answer):
                session = next(names)
            elif _has_left(answer) and not deadline:
                deadline = time.monotonic() + GOING
            elif _has_left(answer) and time.monotonic() < deadline:
                time.sleep(0.02)
            elif _has_left(answer) and deadline > 0:
                # It was told to go just when it was given a session, and stays as long as that, refusing everybody.
                remove_file(_socket_of(server))
                deadline = -1
            else:
                raise LaunchFailed("tmux could not start a session: " + "; ".join(answer.stderr))
        pid, socket = answer.stdout[0].split(" ", 1)
        return Started({"socket": socket, "session": session}, int(pid))

    def abandon(self, job: Job, settings: Settings) -> None:
        """Kill the session that has the job's tag."""
        processes.end_children(PATIENCE)  # else tmux may make the session later than this
        server = _chosen_server(settings)
        for identifier, _, tag in _tagged_sessions(server):
            if tag == job.tag:
                _run(server, "kill-session", "-t", identifier)

    def sessions(self, details: Iterable[Mapping[str, Any]]) -> dict[str, Session]:
        """All marked sessions of the servers that the runs were started in."""
        sockets = {socket for one in details if os.path.exists(socket := str(one.get("socket", "")))}
        return {
            tag: TmuxSession(socket, identifier, is_running)
            for socket in sockets
            for identifier, is_running, tag in _tagged_sessions(Server(socket))
        }


class TmuxSession(Session):
    """A tmux session that holds a run, living or dead."""

    def __init__(self, socket: str, identifier: str, is_running: bool) -> None:
        self.socket = socket  # absolute path of the server's socket
        self.identifier = identifier  # "$3"; stays when the session is renamed
        self.is_running = is_running

    def attach(self) -> None:
        """Become the tmux client of this session. Inside tmux, switch the client there."""
        inside = _current_socket()
        if inside and os.path.realpath(inside) != os.path.realpath(self.socket):
            raise OtherServer(self.socket)
        verb = "switch-client" if inside else "attach-session"
        os.execvp("tmux", ["tmux", "-S", self.socket, verb, "-t", self.identifier])

    def rename(self, name: str) -> dict[str, Any]:
        """Call it after the run, with a number at its end where another session is called so."""
        names = _names(name)
        while _is_taken(_run(Server(self.socket), "rename-session", "-t", self.identifier, session := next(names))):
            pass
        return {"socket": self.socket, "session": session}

    def close(self) -> None:
        """Kill the session: its processes get SIGHUP."""
        _run(Server(self.socket), "kill-session", "-t", self.identifier)

    def close_unless_used(self) -> bool:
        """Close it if nothing runs in any pane of it and nobody is attached; whether it was closed.

        The server itself checks and closes, so that nobody can come in between.
        """
        is_unused = f"#{{?session_attached,0,#{{?{USED_PANES},0,1}}}}"
        close = f"kill-session -t '{self.identifier}' ; display-message -p closed"
        answer = _run(Server(self.socket), "if-shell", "-F", "-t", f"{self.identifier}:", is_unused, close)
        return answer.stdout == ["closed"]


class OwnInside(Inside):
    """The pane that the supervisor runs in."""

    advice = "a run has started this tmux server; end it with tmux kill-server, and start the run again"

    def adapt(self, environment: dict[str, str]) -> dict[str, str]:
        """With the variables of the pane's terminal."""
        of_pane = {key: value for key, value in os.environ.items() if _is_of_terminal(key)}
        return {key: value for key, value in environment.items() if not _is_of_terminal(key)} | of_pane

    def found(self) -> dict[str, Any]:
        """The socket and the session that we are in."""
        socket, pane = _current_socket(), os.environ.get("TMUX_PANE")
        if not socket or not pane:
            return {}
        answer = _run_at_once(Server(socket), "display-message", "-p", "-t", pane, "#{session_name}")
        return {"socket": socket, "session": answer.stdout[0]} if answer.stdout else {}

    def began(self, group: int) -> None:
        """The pane's terminal hangs up by itself where the supervisor is killed."""

    def mark(self, marker: bytes) -> None:
        """Print it to the terminal, which is piped into the log; raises OSError where there is none (any more), or
        where it takes nothing for a while."""
        terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            deadline = time.monotonic() + LOG_STALLED
            while marker:
                try:
                    marker = marker[os.write(terminal, marker) :]
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)
        finally:
            os.close(terminal)

    def complete_log(self, log: str, marker: bytes, prints_still: Callable[[], bool]) -> None:
        """What was printed gets there by way of tmux, a little later: the marker is printed last, waited for, and cut
        off again."""
        with suppress(OSError), open(log, "r+b") as file:
            file.seek(0, os.SEEK_END)
            self.mark(marker)
            tail = b""
            deadline = time.monotonic() + LOG_STALLED
            while time.monotonic() < deadline:
                if printed := file.read(1 << 20):
                    deadline = time.monotonic() + LOG_STALLED
                    tail = tail[-len(marker) :] + printed
                    if marker in tail:
                        break
                else:
                    time.sleep(0.005)
            if tail.endswith(marker) and not prints_still():
                file.truncate(file.tell() - len(marker))

    def leave(self, *, keep: bool | None) -> None:
        """The pane stays, dead, with its last screen, or its session closes."""
        socket, pane = _current_socket(), os.environ.get("TMUX_PANE")
        if keep is True or not socket or not pane:
            return
        with suppress(RunsError):
            server = Server(socket)
            if keep is None:
                keep = _run_at_once(server, "display-message", "-p", "-t", pane, "#{session_attached}").stdout != ["0"]
            if not keep:  # by now another server may be there
                is_same = f"#{{==:#{{pid}},{_current_server()}}}"
                close = f"set-option -p -t {pane} remain-on-exit off"
                _run_at_once(server, "if-shell", "-F", "-t", pane, is_same, close)


def _is_of_terminal(variable: str) -> bool:
    return variable in OF_TERMINAL or variable.startswith("TERM_")


def _new_session(server: Server, session: str, job: Job) -> Answer:
    """Prints the process id of the command and the server's socket once the session is there.

    One chain, so that a command that ends at once finds its options set and its output saved.
    """
    target = f"={session}:"
    identity = "#{pane_pid} #{socket_path}"
    return _run_at_once(
        server,
        *("new-session", "-d", "-P", "-F", identity, "-s", session, "-n", session, *job.command),
        *(";", "set-option", "-t", target, "destroy-unattached", "off"),
        *(";", "set-option", "-t", target, "@run", job.tag),
        *(";", "set-option", "-p", "-t", target, "remain-on-exit", "on" if job.stays else "off"),
        *(";", "pipe-pane", "-t", target, logging_to(job.log)),
    )


def logging_to(path: str) -> str:
    """The command that writes what comes to that file, at its end; what finds the disk full is lost, and no more. A
    file that is gone, since the start was undone meanwhile, is not made anew."""
    log = _quote_for_pipe_pane(path)
    return f"test -e {log} && exec >>{log} && until cat; do sleep 1; done"


USED_PANES = "#{W:#{P:#{?pane_dead,,used}}}"  # "used" for each pane of a session in which something runs


def _tagged_sessions(server: Server) -> list[tuple[str, bool, str]]:
    """Identifiers of the server's sessions that are runs, whether anything runs in them, and their tags."""
    form = f"#{{session_id}} #{{?{USED_PANES},running,ended}} #{{@run}}"
    lines = _run_within(server, ANSWER, "list-sessions", "-F", form).stdout
    found = (line.split(" ", 2) for line in lines)
    return [(identifier, state == "running", tag) for identifier, state, tag in found if tag]


# --- talking to tmux


class Server:
    """Where a tmux server is: at the socket of that path or name, or where tmux has its default one."""

    def __init__(self, path: str | None = None, name: str | None = None) -> None:
        self.path = path
        self.name = name


class Answer:
    """What tmux said."""

    def __init__(self, returncode: int, stdout: list[str], stderr: list[str]) -> None:
        self.returncode = returncode
        self.stdout = stdout  # line by line
        self.stderr = stderr


def _chosen_server(settings: Settings) -> Server:
    """The server that new runs get: that of `runs.tmux-socket`, else the one that we are in, else the default one.

    `$TMUX` may name one that is gone, in an environment that has outlived it; tmux itself would go by it.
    """
    name, inside = settings.tmux_socket, _current_socket()
    if name or not inside:
        return Server(name=name)
    return Server(inside) if os.path.exists(inside) else Server(name="default")


def _run(server: Server, *arguments: str) -> Answer:
    """What tmux answers; raises ToolMissing."""
    import libtmux
    from libtmux.exc import TmuxCommandNotFound

    try:
        answer = libtmux.Server(socket_name=server.name, socket_path=server.path).cmd(*_escaped(arguments))
    except TmuxCommandNotFound:
        raise _missing() from None
    return Answer(answer.returncode, answer.stdout, answer.stderr)


def _run_at_once(server: Server, *arguments: str) -> Answer:
    """The same, without libtmux: to import it takes longer than all else that a run needs to start, or to end."""
    place = ["-S", server.path] if server.path else ["-L", server.name] if server.name else []
    try:
        code, *streams = programs.run(["tmux", *place, *_escaped(arguments)])
    except (FileNotFoundError, PermissionError):
        raise _missing() from None
    return Answer(code, *(stream.decode(errors="backslashreplace").splitlines() for stream in streams))


def _run_within(server: Server, seconds: float, *arguments: str) -> Answer:
    """What tmux answers; raises ToolMissing, and LauncherSilent where it takes longer. libtmux waits for ever."""
    from threading import Thread

    answers: list[Answer | ToolMissing] = []

    def ask() -> None:
        try:
            answers.append(_run(server, *arguments))
        except ToolMissing as error:
            answers.append(error)

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    for answer in answers:
        if isinstance(answer, ToolMissing):
            raise answer
        return answer
    raise LauncherSilent(f"the tmux server at '{server.path or server.name or 'default'}'", seconds)


def _escaped(arguments: Iterable[str]) -> list[str]:
    """A ";" at the end of an argument would end the command: tmux(1), COMMAND PARSING AND EXECUTION."""
    return [word[:-1] + "\\;" if word.endswith(";") and word != ";" else word for word in arguments]


def _missing() -> ToolMissing:
    return ToolMissing("tmux", ", or run here and now: --launcher=foreground")


def _current_socket() -> str | None:
    """The socket of the tmux server that we are in, from `$TMUX`: "socket,pid,session"."""
    return os.environ.get("TMUX", "").rsplit(",", 2)[0] or None


def _current_server() -> str:
    """The process id of the tmux server that we are in."""
    return os.environ.get("TMUX", "").rsplit(",", 2)[-2:][0]


def _socket_of(server: Server) -> str:
    """The path of its socket: tmux(1), -L."""
    directory = os.path.join(os.environ.get("TMUX_TMPDIR") or "/tmp", f"tmux-{os.getuid()}")
    return server.path or os.path.join(directory, server.name or "default")


def _names(name: str) -> Iterator[str]:
    """What the session of a run may be called, best first."""
    safe = re.sub(r"[^A-Za-z0-9_/=+,@-]", "_", name)
    yield safe
    for number in count(2):
        yield f"{safe}-{number}"


def _is_taken(answer: Answer) -> bool:
    return any(line.startswith("duplicate session") for line in answer.stderr)


def _has_left(answer: Answer) -> bool:
    """Whether the server, its last session closed, went just when we came; another one is started once it has gone."""
    return not answer.stdout and any(line.startswith("server exited") for line in answer.stderr)


def _quote_for_pipe_pane(path: str) -> str:
    """The argument is read as a format, as a time format and by a shell."""
    return shlex.quote(path).replace("#", "##").replace("%", "%%")
