"""Runs in tmux sessions: the only module that talks to tmux.

Names, directories and the command of `pipe-pane` are formats to tmux(1): `#(...)` in them is executed. So nothing that
a person typed gets here as it is, but for the log's path, quoted. A session is found by its option `@run`, never by
its name, which people may change.
"""

from __future__ import annotations

import os
import re
import shlex
from itertools import count

from ..errors.launchers import LaunchFailed, OtherServer
from ..errors.system import ToolMissing, ToolTooOld
from ..system import processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from libtmux import Server
    from libtmux.common import tmux_cmd

PATIENCE = 1.0  # seconds that tmux gets to end by itself
ATTEMPTS = 20  # to reach a tmux server that does not go at that moment
OLDEST = (3, 2)  # `set-option -p`, and `new-session` with a command of several words


class Session:
    """A tmux session that holds a run, living or dead."""

    def __init__(self, socket: str, identifier: str) -> None:
        self.socket = socket  # absolute path of the server's socket
        self.identifier = identifier  # "$3"; stays when the session is renamed

    def attach(self) -> None:
        """Become the tmux client of this session: does not return. Inside tmux, switch the client there."""
        inside = _current_socket()
        if inside and os.path.realpath(inside) != os.path.realpath(self.socket):
            raise OtherServer(self.socket)
        verb = "switch-client" if inside else "attach-session"
        os.execvp("tmux", ["tmux", "-S", self.socket, verb, "-t", self.identifier])

    def rename(self, name: str) -> str:
        """Call it after the run, now `name`; gives the name that was free."""
        names = _names(name)
        while _is_taken(_run(_server(self.socket), "rename-session", "-t", self.identifier, session := next(names))):
            pass
        return session

    def close_unless_used(self) -> bool:
        """Close it if nothing runs in any pane of it and nobody is attached; whether it was closed.

        The server itself looks and closes, so that nobody can come in between.
        """
        is_unused = "#{?session_attached,0,#{?#{W:#{P:#{?pane_dead,,used}}},0,1}}"
        close = f"kill-session -t '{self.identifier}' ; display-message -p closed"
        answer = _run(_server(self.socket), "if-shell", "-F", "-t", f"{self.identifier}:", is_unused, close)
        return answer.stdout == ["closed"]

    def close(self) -> None:
        """Kill the session: its processes get SIGHUP."""
        _run(_server(self.socket), "kill-session", "-t", self.identifier)


def check() -> None:
    """Raises ToolMissing or ToolTooOld where runs cannot be launched."""
    version = " ".join(_run(_server(None), "-V").stdout)
    # "tmux 3.3a"; development versions have no number and are new enough.
    if (found := re.search(r" (\d+)\.(\d+)", version)) and (int(found[1]), int(found[2])) < OLDEST:
        raise ToolTooOld("tmux", version.split()[-1], ".".join(map(str, OLDEST)))


def start(command: list[str], *, name: str, tag: str, log: str, socket_name: str | None) -> tuple[dict[str, str], int]:
    """Run `command` in a new session named after the run `name` and marked with `tag`, its output going to `log` too.

    Gives `{socket, session}`, for `find`, and the process id of `command`. Raises ToolMissing or LaunchFailed.
    """
    server = _server(None if socket_name else _current_socket(), socket_name)
    names = _names(name)
    session = next(names)
    attempts = ATTEMPTS
    while (answer := _new_session(server, session, command, tag, log)).returncode != 0:
        if _is_taken(answer):
            session = next(names)
        elif _has_left(answer) and attempts > 0:
            attempts -= 1
        else:
            raise LaunchFailed("tmux could not start a session: " + "; ".join(answer.stderr))
    pid, socket = answer.stdout[0].split(" ", 1)
    return {"socket": socket, "session": session}, int(pid)


def close_tagged(tag: str, socket_name: str | None) -> None:
    """Close what an interrupted `start` has left, however far it came."""
    processes.end_children(PATIENCE)  # else tmux may make the session behind our back
    server = _server(None if socket_name else _current_socket(), socket_name)
    for identifier, found in _tagged_sessions(server):
        if found == tag:
            _run(server, "kill-session", "-t", identifier)


def _new_session(server: Server, session: str, command: list[str], tag: str, log: str) -> tmux_cmd:
    """Prints the process id of the command and the server's socket once the session is there.

    One chain, so that a command that ends at once finds its options set and its output saved.
    """
    target = f"={session}:"
    return _run(
        server,
        *("new-session", "-d", "-P", "-F", "#{pane_pid} #{socket_path}", "-s", session, "-n", session, *command),
        *(";", "set-option", "-t", target, "destroy-unattached", "off"),
        *(";", "set-option", "-t", target, "@run", tag),
        *(";", "set-option", "-p", "-t", target, "remain-on-exit", "on"),
        *(";", "pipe-pane", "-t", target, f"cat >>{_quote_for_pipe_pane(log)}"),
    )


def sessions(socket: str) -> dict[str, Session]:
    """The sessions that the server at `socket` has, by their tags; raises ToolMissing."""
    return {tag: Session(socket, identifier) for identifier, tag in _tagged_sessions(_server(socket))}


def _tagged_sessions(server: Server) -> list[tuple[str, str]]:
    """Identifiers and tags of the server's sessions that are runs."""
    lines = _run(server, "list-sessions", "-F", "#{session_id} #{@run}").stdout
    identifiers_and_tags = (line.partition(" ")[::2] for line in lines)
    return [(identifier, tag) for identifier, tag in identifiers_and_tags if tag]


def settle(*, keep: bool | None) -> None:
    """Said by the last process of a pane: whether the pane stays when that has ended; None: if somebody looks at it."""
    socket, pane = _current_socket(), os.environ.get("TMUX_PANE")
    if not socket or not pane:
        return
    server = _server(socket)
    if keep is None:
        keep = _run(server, "display-message", "-p", "-t", pane, "#{session_attached}").stdout != ["0"]
    if not keep:
        _run(server, "set-option", "-p", "-t", pane, "remain-on-exit", "off")


# --- talking to tmux


def _server(path: str | None, name: str | None = None) -> Server:
    """The server at the socket of that path or name, or the default one."""
    import libtmux

    return libtmux.Server(socket_name=name, socket_path=path)


def _run(server: Server, *arguments: str) -> tmux_cmd:
    from libtmux.exc import TmuxCommandNotFound

    # A ";" at the end of an argument would end the command: tmux(1), COMMAND PARSING AND EXECUTION.
    escaped = [word[:-1] + "\\;" if word.endswith(";") and word != ";" else word for word in arguments]
    try:
        return server.cmd(*escaped)
    except TmuxCommandNotFound:
        raise ToolMissing("tmux") from None


def _current_socket() -> str | None:
    """The socket of the tmux server that we are in, from `$TMUX`: "socket,pid,session"."""
    return os.environ.get("TMUX", "").rsplit(",", 2)[0] or None


def _names(name: str) -> Iterator[str]:
    """What the session of a run may be called, best first."""
    safe = re.sub(r"[^A-Za-z0-9_/=+,@-]", "_", name)
    yield safe
    for number in count(2):
        yield f"{safe}-{number}"


def _is_taken(answer: tmux_cmd) -> bool:
    return any(line.startswith("duplicate session") for line in answer.stderr)


def _has_left(answer: tmux_cmd) -> bool:
    """Whether the server, its last session closed, went just when we came; the next call starts another."""
    return not answer.stdout and any(line.startswith("server exited") for line in answer.stderr)


def _quote_for_pipe_pane(path: str) -> str:
    """The argument is read as a format, as a time format and by a shell."""
    return shlex.quote(path).replace("#", "##").replace("%", "%%")
