"""Files that are written."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path


def test_a_private_file_is_its_owners_alone_and_named_where_it_cannot_be_written(tmp_path: Path) -> None:
    code = """
import resource, sys
from git_runs.system.files import write_private
write_private(sys.argv[1], "text", lasts=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
for path in sys.argv[1:]:
    try:
        write_private(path, "text")
    except OSError as error:
        print(error.strerror, error.filename)
"""
    paths = [str(tmp_path / name) for name in ("first", "second")]
    done = subprocess.run([sys.executable, "-c", code, *paths], check=True, capture_output=True, text=True)
    assert done.stdout == f"File exists {paths[0]}\nFile too large {paths[1]}\n"
    assert Path(paths[0]).read_text() == "text"
    assert stat.S_IMODE(Path(paths[0]).stat().st_mode) == 0o600
