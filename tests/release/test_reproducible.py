# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is built depends on the sources alone (script/reproducible_build.py).
"""

from __future__ import annotations

import gzip
import tarfile
import zipfile
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.release.sources import TOP, buildBoth, copySources, python, sourceFiles

pytestmark = pytest.mark.deadline(60)

BUILD_SDIST = "import sys; sys.path.insert(0, 'script'); from reproducible_build import build_sdist"

NOT_FOR_PACKAGERS = {".ci/run", ".gitignore"}


def read(path: Path) -> bytes:
    """
    Read a file that must be there.
    """
    return path.read_bytes()


def test_twoClones(built: tuple[Path, Path], tmp_path: Path) -> None:
    """
    Another clone, in another folder, of another age, made and built under another umask, gives the
    same source distribution and the same wheel, byte for byte.
    """
    clone = copySources(tmp_path / "else" / "where", umask=0o077, time=1_000_000_000.5)
    again = buildBoth(clone, umask=0o077)
    assert [path.name for path in again] == [path.name for path in built]
    assert list(map(read, again)) == list(map(read, built))


def test_wheelFromTheClone(built: tuple[Path, Path], tmp_path: Path) -> None:
    """
    The wheel from a clone is the wheel from the source distribution. What an earlier build left
    there makes no difference.
    """
    clone = copySources(tmp_path / "clone")
    left = clone / "build" / "lib" / "onionp2p" / "gone.py"
    left.parent.mkdir(parents=True)
    left.write_text("an earlier build's")
    python("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", ".", cwd=clone)
    (wheel,) = clone.glob("*.whl")
    assert wheel.read_bytes() == built[0].read_bytes()


def test_holdsAll(built: tuple[Path, Path]) -> None:
    """
    The source distribution holds every file of the repository, but for what is only of use there.
    """
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    made = {name for name in names if name == "PKG-INFO" or name.startswith("onionp2p.egg-info/")}
    assert names - made == sourceFiles() - NOT_FOR_PACKAGERS


def test_permissions(built: tuple[Path, Path]) -> None:
    """
    What is to be run can be run, and all else read, by all; nobody owns it.
    """
    with tarfile.open(built[1]) as archive:
        members = archive.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, "", "")}
    modes = {member.name.partition("/")[2]: member.mode for member in members}
    assert modes["script/test"] == 0o755
    assert {mode for name, mode in modes.items() if "." in name} == {0o644}
    with zipfile.ZipFile(built[0]) as wheel:
        assert {info.external_attr >> 16 for info in wheel.infolist()} == {0o100644}


def test_sourceDateEpoch(tmp_path: Path) -> None:
    """
    C{SOURCE_DATE_EPOCH} is the date of all, gzip's header included, where somebody sets it.
    """
    clone = copySources(tmp_path / "clone")
    code = f"{BUILD_SDIST}; build_sdist({str(tmp_path)!r})"
    python("-c", code, cwd=clone, SOURCE_DATE_EPOCH="1234567890")
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert {member.mtime for member in archive} == {1234567890}
    with gzip.open(sdist) as file:
        file.read(1)
        assert file.mtime == 1234567890


@pytest.mark.parametrize(
    ("changelog", "epoch", "date"),
    [
        pytest.param("# Changes\n", None, (1980, 1, 1), id="before the first release"),
        pytest.param(
            "# Changes\n\n## 1.10.0 (2031-02-03)\n\n## 1.9.0 (2030-01-01)\n",
            None,
            (2031, 2, 3),
            id="the last release",
        ),
        pytest.param("## 1.10.0 (2031-02-03)\n", "1893456000", (2030, 1, 1), id="set"),
        # A zip file can't hold it.
        pytest.param("", "0", (1980, 1, 1), id="set too early"),
    ],
)
def test_date(
    changelog: str,
    epoch: str | None,
    date: tuple[int, int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The date of all files is that of the last release, at midnight UTC.
    """
    (tmp_path / "CHANGELOG.md").write_text(changelog)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    if epoch is not None:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    spec = spec_from_file_location("backend", TOP / "script" / "reproducible_build.py")
    assert spec is not None
    assert spec.loader is not None
    backend = module_from_spec(spec)
    spec.loader.exec_module(backend)
    assert backend.sourceDate() == int(datetime(*date, tzinfo=UTC).timestamp())
