"""What clones do to a remote, and fetch of it, by plain git: of `git runs` there is only what reads."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Machine, Repository

RECORDS = "refs/git-runs/records"
FETCHED = "refs/git-runs/remotes/origin/records"
Entry = tuple[str, bytes]  # mode, and content; of a commit, its hash


def bare(repo: Repository) -> Path:
    """A bare remote with the main branch of the repository, where it is called origin."""
    path = repo.path.parent / "origin.git"
    repo.machine.run("git", "init", "-q", "--bare", "-b", "main", str(path))
    repo.git("remote", "add", "origin", str(path))
    repo.git("push", "-q", "origin", "main")
    return path


def clone(machine: Machine, origin: Path, name: str) -> Repository:
    """A clone of it."""
    path = origin.parent / name
    assert machine.run("git", "clone", "-q", f"file://{origin}", str(path)).code == 0
    return Repository(machine, path)


def files_of(repo: Repository) -> dict[str, Entry]:
    """The records and environments of a repository, as they are to be on a remote."""
    runs, found = repo.path / ".runs", {".git-runs": ("100644", b"layout: 1\n")}
    for top, prefix in ((runs / "records", ""), (runs / "environments", "environments/")):
        for file in top.rglob("*"):
            if file.suffix in (".yml", ".txt"):
                found[prefix + str(file.relative_to(top))] = ("100644", file.read_bytes())
    return found


def put(repo: Repository, files: dict[str, Entry], ref: str) -> None:
    """Let a ref of the repository be at a commit with these files."""
    place = repo.path.parent / "content"
    index = repo.path.parent / "index"

    def git(*words: str) -> str:
        result = repo.machine.run("git", *words, cwd=repo.path, GIT_INDEX_FILE=str(index))
        assert result.code == 0, result
        return result.out.strip()

    for path, (mode, content) in files.items():
        found = content.decode(errors="replace")
        if mode != "160000":
            place.write_bytes(content)
            found = git("hash-object", "-w", "--no-filters", str(place))
        git("update-index", "--add", "--cacheinfo", f"{mode},{found},{path}")
    git("update-ref", ref, git("commit-tree", "-m", "records", git("write-tree")))
    index.unlink()


def push(repo: Repository, files: dict[str, Entry] | None = None) -> None:
    """Send the records, by default those that are there, and the refs of all runs."""
    put(repo, files_of(repo) if files is None else files, RECORDS)
    repo.git("push", "-q", "-f", "origin", RECORDS, "refs/runs/*:refs/runs/*")


def fetch(repo: Repository) -> None:
    """Have the records of the remote."""
    repo.git("fetch", "-q", "--no-tags", "--no-write-fetch-head", "origin", f"+{RECORDS}:{FETCHED}")
