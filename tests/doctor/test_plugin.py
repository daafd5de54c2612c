# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether Twisted finds our plugins.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from twisted.logger import LogEvent

from onionp2p.doctor.finding import Finding, Level
from onionp2p.doctor.plugin import checkPlugin

NAME = "plugins_of_this_test"
OURS = Path(__file__).parents[2] / "twisted" / "plugins" / "onionp2p_plugin.py"


class Plugins:
    """
    A package with plugins, in a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "onionp2p_plugin.py"
        self.cache = folder / "dropin.cache"

    def package(self) -> ModuleType:
        """
        Import it.
        """
        return import_module(NAME)

    def write(self, text: str) -> None:
        """
        Have it hold something, of yesterday.
        """
        self.file.write_text(text)
        os.utime(self.file, (1, 1))

    def check(self) -> Finding:
        """
        Look at it, in the eyes of a program that has just started.
        """
        for name in [name for name in sys.modules if name.startswith(f"{NAME}.")]:
            del sys.modules[name]
        (found,) = checkPlugin(self.package())
        return found


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugins]:
    """
    One with ours.
    """
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    there = Plugins(folder)
    there.write(OURS.read_text())
    yield there
    for name in [name for name in sys.modules if name.startswith(NAME)]:
        del sys.modules[name]


def test_found() -> None:
    """
    Here, Twisted finds them.
    """
    assert checkPlugin()[0].level in {Level.OK, Level.WARNING}  # the folder may be read-only


def test_cached(plugins: Plugins) -> None:
    """
    All is well once they are in the cache.
    """
    found = plugins.check()
    assert (found.level, found.found) == (Level.OK, f"Twisted finds it in {plugins.folder}")
    assert plugins.cache.exists()


def test_missing(plugins: Plugins) -> None:
    """
    Where the file is not, it is to be installed.
    """
    plugins.file.unlink()
    found = plugins.check()
    assert found.level is Level.PROBLEM
    assert f"{NAME}/onionp2p_plugin.py" in found.found
    assert "pip install --force-reinstall" in found.remedy


def test_broken(plugins: Plugins, loggedErrors: list[LogEvent]) -> None:
    """
    A file that can't be imported is a problem, and the reason is told, which Twisted tells nobody.
    """
    plugins.write("import no_such_module")
    found = plugins.check()
    assert found.level is Level.PROBLEM
    assert "No module named 'no_such_module'" in found.found
    assert loggedErrors  # Twisted's own words
    loggedErrors.clear()


def test_stale(plugins: Plugins) -> None:
    """
    A cache that knows less than there is hides it; it is to be removed.
    """
    whole = plugins.file.read_text()
    plugins.write("")
    plugins.check()
    plugins.write(whole)
    found = plugins.check()
    assert found.level is Level.PROBLEM
    assert "onionp2p:listen: and onionp2p:dial: and twistd onionp2p" in found.found
    assert found.remedy == f"rm {plugins.cache}"
    plugins.cache.unlink()
    assert plugins.check().level is Level.OK


def test_noCache(plugins: Plugins) -> None:
    """
    Where Twisted can't write its cache, each start takes longer.
    """
    plugins.cache.mkdir()
    (plugins.cache / "in the way").touch()
    os.utime(plugins.cache, (0, 0))
    found = plugins.check()
    assert found.level is Level.WARNING
    assert f"{plugins.cache} can't be used" in found.found
