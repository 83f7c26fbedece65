"""Installed packages as they are recorded, and what of their files is seen."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from git_runs.environment import packages
from tests.conftest import Machine, Repository
from tests.wheels import Virtualenv, make

CHANGED = (
    "error: package pkg: same version, but its files are others\n"
    "hint: to have the packages that it had: git runs reproduce --run --restore x\n"
)


@pytest.fixture
def venv(machine: Machine, tmp_path: Path) -> Virtualenv:
    """A virtualenv with a package in it."""
    venv = Virtualenv(machine, tmp_path / "venv")
    venv.install(str(make(tmp_path / "wheels", "pkg", "1.0")))
    return venv


def test_a_package_that_is_edited_in_place_is_named(repo: Repository, venv: Virtualenv) -> None:
    repo.finish("x", f"{venv.path}/bin/python train.py")
    (listed,) = (repo.path / ".runs/environments").glob("*.txt")
    assert listed.read_text().startswith("pkg==1.0 @ file:///")
    assert repo.runs("reproduce", "--check", "x").err == ""
    module = venv.site / "pkg.py"
    module.write_text(module.read_text() + "changed = True\n")
    result = repo.runs("reproduce", "--check", "x")
    assert (result.code, result.err) == (1, CHANGED)
    module.unlink()
    assert repo.runs("reproduce", "--check", "x").err == CHANGED


def test_an_edit_of_the_same_size_shows_at_once_and_another_time_alone_does_not(venv: Virtualenv) -> None:
    before = packages.installed([str(venv.site)])
    record, module = next(venv.site.glob("pkg-*/RECORD")), venv.site / "pkg.py"
    written = os.stat(record).st_mtime_ns
    os.utime(module, ns=(written + 10**10, written + 10**10))
    assert packages.installed([str(venv.site)]) == before
    module.write_text(module.read_text().replace("1.0", "1.1"))
    os.utime(module, ns=(written + 10**6, written + 10**6))
    assert packages.differences(before, packages.installed([str(venv.site)])) == [
        "package pkg: same version, but its files are others"
    ]


def test_files_that_are_too_large_to_be_read_count_by_their_time(
    venv: Virtualenv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "MOST_HASHED", 10)
    before = packages.installed([str(venv.site)])
    (venv.site / "pkg.py").touch()
    assert packages.installed([str(venv.site)]) != before


def test_the_same_wheel_installed_elsewhere_is_the_same_package(venv: Virtualenv, tmp_path: Path) -> None:
    other = Virtualenv(venv.machine, tmp_path / "other")
    wheel = tmp_path / "wheels/pkg-1.0-py3-none-any.whl"
    other.install("--no-compile", str(shutil.copy(wheel, venv.machine.home)))
    (one,), (two,) = packages.installed([str(venv.site)]), packages.installed([str(other.site)])
    assert packages.parted(one)[0] != packages.parted(two)[0]  # it came from another place
    assert packages.parted(one)[1] == packages.parted(two)[1] != ""


def test_lists_of_before_compare_without_digests() -> None:
    now = ["a==1  0123456789abcdef", "b==1 @ https://example.com/b@abc  0123456789abcdef", "c==1"]
    assert packages.differences(["a==1", "b==1 @ https://example.com/b@abc", "c==1"], now) == []
    assert packages.differences(["c==2"], now[-1:]) == ["packages: +c==1", "packages: -c==2"]


def test_packages_without_a_list_of_files_and_editable_ones_have_no_digest(tmp_path: Path) -> None:
    (tmp_path / "of_distribution-1.0.egg-info").touch()
    (tmp_path / "mine-1.0.dist-info").mkdir()
    (tmp_path / "mine-1.0.dist-info/RECORD").write_text("mine.pth,,\n")
    (tmp_path / "mine-1.0.dist-info/direct_url.json").write_text(
        '{"url": "file:///work/mine", "dir_info": {"editable": true}}'
    )
    assert packages.installed([str(tmp_path)]) == ["mine==1.0 @ file:///work/mine (editable)", "of-distribution==1.0"]
