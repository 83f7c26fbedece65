"""The repository that the first tool was used in, the same each time it is made, commit for commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

VERSIONS = Path(__file__).with_name("versions")  # a folder for each version of the tool: what it left at the top
PROGRAM = '''\
"""Trains, and saves as its argument says: a file, or as tf.train.Saver does, several that begin with the path."""
import argparse

parser = argparse.ArgumentParser()
parser.add_argument("--tb-dir")
parser.add_argument("--save-path")
parser.add_argument("--lr", default="0.1")
parser.add_argument("--seed")
parser.add_argument("--as-file", action="store_true")
args = parser.parse_args()
with open(args.tb_dir.rstrip("/") + "/events", "w") as file:
    file.write(f"loss {args.lr}\\n")
for ending in [""] if args.as_file else [".index", ".meta"]:
    with open(args.save_path + ending, "w") as file:
        file.write(f"weights {args.lr} {args.seed}\\n")
'''


def make_repository(top: Path) -> tuple[str, str]:
    """Two commits of a program; gives their hashes."""
    git(top.parent, "init", "-q", "-b", "main", str(top))
    (top / "train.py").write_text(PROGRAM)
    (top / ".gitignore").write_text(".runs/\n.runs.yml\n")
    return commit(top, "Learn XOR\n\nWith two layers.", 1), commit(top, "Learn more", 2)


def commit(top: Path, message: str, day: int) -> str:
    """A commit of all that is there, at noon of that day; gives its hash."""
    (top / "day").write_text(f"{day}\n")
    git(top, "add", ".")
    date = f"2018-05-{day:02}T12:00:00Z"
    git(top, "commit", "-q", "-m", message, GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
    return git(top, "rev-parse", "HEAD").strip()


def git(where: Path, *arguments: str, **environment: str) -> str:
    """What git prints, under another name than that of whoever calls this."""
    who = {f"GIT_{role}_{what}": "old@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    everything = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **environment}
    return subprocess.run(
        ["git", *arguments], cwd=where, env=everything, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
