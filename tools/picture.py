"""The terminal picture of the README: commands that the real program has run in a real tmux, as SVG.

make picture
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
COLUMNS, ROWS = 92, 40
PROMPT = "$ "
SETTINGS = (
    ("config", "runs.metric", "loss:min"),
    ("config", "runs.hidden-columns", "input-command host"),
)
PATIENCE = 60.0  # seconds that one command may take
COMMANDS = (
    "git runs new slow 'python3 train.py --lr=0.5'",
    "sed -i 's/default=4/default=8/' train.py",
    "git runs new -q --snapshot wide 'python3 train.py --lr=4' -m 'Do more units help?'",
    "git runs wait slow wide",
    "git runs",
    "git diff --stat runs/slow runs/wide",
    "git runs reproduce --run --wait wide",
)


class Terminal:
    """A shell in a tmux of its own, and what its screen shows."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(place),
            "TMUX_TMPDIR": str(place),
            "LANG": "C.UTF-8",
            "PS1": f"\n{PROMPT}",
            **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "ada@example.com" for who in ("AUTHOR", "COMMITTER")},
        }
        repository = place / "xor"
        repository.mkdir()
        shutil.copy(ROOT / "demo/train.py", repository)
        for words in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-q", "-m", "Learn XOR"), *SETTINGS):
            subprocess.run(["git", *words], cwd=repository, env=self._environment, check=True)
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        self._tmux("new-session", "-d", "-s", "picture", *size, "-c", str(repository), "sh", "-i")
        self._wait()

    def type(self, command: str) -> None:
        """Run it to its end."""
        self._tmux("send-keys", "-t", "picture:", "-l", command)
        self._tmux("send-keys", "-t", "picture:", "Enter")
        self._wait(after=command)

    def screen(self) -> str:
        """What it shows, with colours, without the prompt at the end."""
        lines = self._tmux("capture-pane", "-p", "-e", "-J", "-t", "picture:").rstrip().splitlines()
        return "\n".join(lines[:-1]).strip("\n")

    def close(self) -> None:
        """End it, and all that it has started."""
        self._tmux("kill-server")

    def _wait(self, after: str = "") -> None:
        """Until the prompt is there, below the command."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            lines = self._tmux("capture-pane", "-p", "-t", "picture:").rstrip().splitlines()
            if lines and lines[-1].rstrip() == PROMPT.rstrip() and after[-20:] in "".join(lines):
                return
            time.sleep(0.05)
        raise SystemExit(f"no prompt after '{after}':\n" + "\n".join(lines))

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", *words], env=self._environment, check=True, capture_output=True, text=True)
        return done.stdout


def main() -> None:
    """Write the picture to the path that is given."""
    with tempfile.TemporaryDirectory() as place:
        terminal = Terminal(Path(place))
        try:
            for command in COMMANDS:
                terminal.type(command)
            screen = terminal.screen().replace(place, "/home/ada")
        finally:
            terminal.close()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(screen))
        picture = console.export_svg(title="git runs")
    # A picture asks no other server for letters.
    Path(sys.argv[1]).write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


main()
