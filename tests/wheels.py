"""Wheels, made by hand as the binary distribution format has them, and virtualenvs to put them into: no index is asked.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pip

from tests.conftest import Machine


def make(directory: Path, name: str, version: str) -> Path:
    """A wheel of one module, `name`, that says which version it is, and of a script that prints that."""
    metadata = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = '{version}'\ndef main():\n    print(version)\n",
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{metadata}/entry_points.txt": f"[console_scripts]\n{name}-version = {name}:main\n",
    }
    record = "".join(f"{path},{_hash(text)},{len(text)}\n" for path, text in files.items())
    directory.mkdir(exist_ok=True)
    wheel = directory / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for path, text in {**files, f"{metadata}/RECORD": f"{record}{metadata}/RECORD,,\n"}.items():
            file.writestr(path, text)
    return wheel


def _hash(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class Virtualenv:
    """A virtualenv without pip, made by the Python of the tests."""

    def __init__(self, machine: Machine, path: Path) -> None:
        self.machine = machine
        self.path = path
        assert path.exists() or machine.run(sys.executable, "-m", "venv", "--without-pip", str(path)).code == 0

    @property
    def site(self) -> Path:
        """Where its packages are."""
        return next(self.path.glob("lib/python*/site-packages"))

    def install(self, *arguments: str) -> None:
        """By the pip of the tests."""
        runner = Path(pip.__file__).with_name("__pip-runner__.py")  # by which pip's option --python starts it anew
        words = (str(self.path / "bin/python"), str(runner), "--isolated", "install", "--no-index", "--no-deps")
        result = self.machine.run(*words, "--quiet", *arguments)
        assert result.code == 0, result

    def install_editable(self, top: Path, name: str, sources: str) -> None:
        """As pip installs the sources in that directory of a project: PEP 610, PEP 660."""
        metadata = f"{name}-1.0.dist-info"
        files = {
            f"__editable__.{name}-1.0.pth": f"{top}/{sources}\n",
            f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{metadata}/direct_url.json": json.dumps({"url": f"file://{top}", "dir_info": {"editable": True}}),
        }
        (self.site / metadata).mkdir()
        for path, text in files.items():
            (self.site / path).write_text(text)
        (self.site / metadata / "RECORD").write_text("".join(f"{path},,\n" for path in files))
