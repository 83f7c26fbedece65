"""What git says of objects, however many are asked for."""

from __future__ import annotations

import pytest

from git_runs.system.git import objects
from git_runs.system.git.calls import PIPE
from tests.conftest import Repository


@pytest.mark.parametrize("count", [0, 1, PIPE // 16, PIPE // 16 + 1, PIPE])
def test_what_files_hold(repo: Repository, count: int) -> None:
    (repo.path / "some").write_text("text\n")
    blob = repo.git("hash-object", "-w", "some").strip()
    names = [f"HEAD:{number:010}" for number in range(count)]  # 16 bytes, with the line break
    found = objects.found([*names, blob], str(repo.path / ".git"))
    assert found == {blob: b"text\n"}
