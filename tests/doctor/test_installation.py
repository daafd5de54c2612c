# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What we are made of.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from onionp2p.doctor.finding import Level
from onionp2p.doctor.installation import (
    checkCopies,
    checkPackages,
    checkPrograms,
    checkPython,
)


def test_python() -> None:
    """
    This Python will do; one of yesterday will not.
    """
    assert checkPython()[0].level is Level.OK
    (old,) = checkPython((3, 10, 14), "/usr/bin/python3")
    assert old.level is Level.PROBLEM
    assert old.found == "3.10.14 at /usr/bin/python3 is too old"
    assert old.remedy == "install Python 3.11 or newer"


def test_packages() -> None:
    """
    Where all is there, the versions are told that a report of a bug needs.
    """
    (found,) = checkPackages()
    assert found.level is Level.OK
    for name in ("onionp2p", "Twisted", "txtorcon", "cryptography"):
        assert f"{name} {metadata.version(name)}" in found.found


@pytest.mark.parametrize(
    ("required", "says", "remedy"),
    [
        ("no-such-thing>=1.2", "no-such-thing is not installed", "'no-such-thing>=1.2'"),
        ("no-such-thing", "no-such-thing is not installed", "--upgrade no-such-thing"),
        ("twisted>=9999.1", "is too old: 9999.1 is needed", "'twisted>=9999.1'"),
    ],
)
def test_badPackages(
    monkeypatch: pytest.MonkeyPatch, required: str, says: str, remedy: str
) -> None:
    """
    What is missing or too old is a problem, with the command that installs it.
    """
    optional = "pytest>=9999; extra == 'testing'"
    monkeypatch.setattr(metadata, "requires", lambda name: [required, optional])
    (found,) = checkPackages()
    assert found.level is Level.PROBLEM
    assert says in found.found
    assert "-m pip install --upgrade" in found.remedy
    assert found.remedy.endswith(remedy)


def test_brokenPackage(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is installed and can't be imported is a problem: compiled for another machine, say.
    """

    def importModule(name: str) -> None:
        raise ImportError("libssl.so.3: cannot open shared object file")

    monkeypatch.setattr("onionp2p.doctor.installation.import_module", importModule)
    monkeypatch.setattr(metadata, "requires", lambda name: ["cryptography>=40"])
    (found,) = checkPackages()
    assert found.level is Level.PROBLEM
    assert "can't be imported: libssl.so.3" in found.found


def test_notInstalled() -> None:
    """
    A folder with our source is no installation.
    """
    (found,) = checkPackages("no-such-distribution")
    assert found.level is Level.PROBLEM
    assert "is not installed" in found.found


def test_copies(tmp_path: Path) -> None:
    """
    A second copy on Python's path is a warning that names both; the same one twice is not.
    """
    folders = [tmp_path / "one", tmp_path / "two", tmp_path / "none"]
    for folder in folders[:2]:
        (folder / "onionp2p").mkdir(parents=True)
        (folder / "onionp2p" / "__init__.py").touch()
    (tmp_path / "link").symlink_to(folders[0])
    path = [str(folder) for folder in folders]
    (found,) = checkCopies(path)
    assert found.level is Level.WARNING
    assert found.found == f"{path[0]}/onionp2p is used, and hides {path[1]}/onionp2p"
    (found,) = checkCopies([path[0], str(tmp_path / "link"), path[2]])
    assert found.level is Level.OK
    assert checkCopies([])[0].level is Level.OK


def test_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    The twistd that a shell finds must be one that knows us.
    """
    ours, others = tmp_path / "ours", tmp_path / "others"
    for folder, python in [(ours, "ours/python"), (others, "system/python")]:
        folder.mkdir()
        (folder / "twistd").write_text(f"#!{tmp_path}/{python}\n")
        (folder / "twistd").chmod(0o755)
    monkeypatch.setenv("PATH", str(ours))
    assert checkPrograms(str(ours))[0].level is Level.OK
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = checkPrograms(str(ours))
    assert (found.level, found.found) == (Level.OK, f"no twistd on PATH; it is {ours}/twistd")
    monkeypatch.setenv("PATH", f"{others}:{ours}")
    (found,) = checkPrograms(str(ours))
    assert found.level is Level.WARNING
    assert found.found.startswith(f"twistd on PATH is {others}/twistd, of another Python")
    assert found.remedy == f"PATH={ours}:$PATH"
    (others / "twistd").write_text(f"#!{tmp_path}/ours/python\n")  # pip --user, for example
    assert checkPrograms(str(ours))[0].level is Level.OK
