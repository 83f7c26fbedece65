"""Views of the file system, for some processes, in which paths lead elsewhere: mount_namespaces(7).

bwrap(1) makes a view, without privileges. Processes enter it by themselves (setns(2)): bwrap would stay between a
program and whoever waits for it, where a signal that ends the program becomes an exit code, and one for its process
group ends bwrap first.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import ExitStack, suppress

from ..errors.system import MountsForbidden, ToolMissing
from . import children, processes, programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    T = TypeVar("T")

TOOL, PACKAGE = "bwrap", "bubblewrap"
_ALL = ("--dev-bind", "/", "/")  # all that there is, devices included, at its own place


class View:
    """A view that processes can enter."""

    def __init__(self, pid: int, holder: programs.Dialogue) -> None:
        """The one that the process `pid` has; `holder` keeps it, so that others see that it is there."""
        self._holder = holder
        places = [f"{processes.PROC}/{pid}/ns/{kind}" for kind in ("user", "mnt")]
        # The namespace of users comes first: it gives the right to enter the other. Root has that right already.
        others = [place for place in places if os.readlink(place) != os.readlink(_own(os.path.basename(place)))]
        self._descriptors = [os.open(place, os.O_RDONLY | os.O_CLOEXEC) for place in others]

    def enter(self) -> None:
        """Let this process, which has one thread, have the view; its working directory is "/" then. Raises OSError."""
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        for descriptor in self._descriptors:
            if libc.setns(descriptor, 0):
                raise OSError(ctypes.get_errno(), f"setns: {os.strerror(ctypes.get_errno())}")
        os.chdir("/")

    def call(self, work: Callable[[], T]) -> T:
        """What `work` gives where this view is had; of what marshal can write. Raises OSError where it fails."""

        def in_view() -> T:
            self.enter()
            return work()

        return children.in_child(in_view)

    def close(self) -> None:
        """Let it go, when nobody is to enter it any more."""
        while self._descriptors:
            os.close(self._descriptors.pop())
        self._holder.end()


def make(binds: Sequence[tuple[str, str]]) -> View:
    """The view in which what is at the first path of each pair stands at the second, too, one after the other; where
    nothing is at that, it is made. Raises ToolMissing and MountsForbidden."""
    words = [word for source, target in binds for word in ("--bind", source, target)]
    with ExitStack() as stack:
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        try:
            bwrap = _start(*words, "--info-fd", str(writing), passes=[writing])
        finally:
            os.close(writing)
        match = re.search(rb'"child-pid": ([0-9]+)', os.read(reading, 1 << 12))
        assert match
        return View(int(match[1]), bwrap)


def check() -> None:
    """Raises ToolMissing and MountsForbidden where no view can be made."""
    if not sys.platform.startswith("linux"):
        raise MountsForbidden(f"{sys.platform} has no mount namespaces")
    _start().end()


def _start(*options: str, passes: Sequence[int] = ()) -> programs.Dialogue:
    """A process in a view, once all its mounts are made; raises ToolMissing and MountsForbidden."""
    try:
        bwrap = programs.Dialogue([TOOL, *_ALL, *options, "--", "cat"], passes=passes)
    except FileNotFoundError:
        raise ToolMissing(TOOL, f": it is in the package {PACKAGE}; --isolate does without it") from None
    if not bwrap.echoes():
        raise MountsForbidden(bwrap.error())
    return bwrap


def is_seen(source: str, place: str) -> bool:
    """Whether what is at `source` is seen at `place` by a process that is ours to see, in a view of its own."""
    ours = os.readlink(_own("mnt"))
    for process in processes.places():
        with suppress(OSError):
            is_ours = os.readlink(f"{process}/ns/mnt") == ours
            if not is_ours and os.path.samefile(f"{process}/root{place}", source):
                return True
    return False


def is_mount_point(place: str) -> bool:
    """Whether something stands at the path in the view of any process that is ours to see."""
    escaped = re.sub(rb"[ \t\n\\]", lambda match: b"\\%03o" % match[0][0], os.fsencode(place))
    needle = b" %b " % escaped
    for process in processes.places():
        with suppress(OSError), open(f"{process}/mountinfo", "rb") as file:
            if needle in file.read():
                return True
    return False


def _own(kind: str) -> str:
    return f"{processes.PROC}/self/ns/{kind}"
