# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""What an installation gives, seen from outside the repository.

In the repository every variant of packaging seems to work, for the current folder is on
C{sys.path}. So here: a copy of the sources, a new environment that holds what onionp2p says it
requires and nothing else, and an isolated interpreter in C{/}. No network.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.release.sources import copySources

pytestmark = pytest.mark.deadline(30)

WHERE = "import {0}; print({0}.__file__)"

PARSE = """
from twisted.internet import endpoints, reactor
try:
    endpoints.{0}(reactor, "{1}")
except ValueError as e:
    print(e)
"""

TWISTD_HELP = """
import sys
sys.argv = ["twistd", "--help"]
from twisted.scripts.twistd import run
run()
"""


def run(*command: object) -> str:
    """What a command prints, errors included, in C{/} and with no environment: no HOME, no PATH."""
    done = subprocess.run(
        list(map(str, command)),
        cwd="/",
        env={},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def pip(*arguments: object) -> str:
    """Run the pip of these tests."""
    return run(sys.executable, "-Im", "pip", "--disable-pip-version-check", *arguments)


def required(by: Distribution, *extras: str) -> Iterator[Distribution]:
    """All that a distribution requires here, and what those require in turn."""
    for requirement in map(Requirement, by.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or [""]):
            found = distribution(requirement.name)
            yield found
            yield from required(found, *requirement.extras)


class Environment:
    """A virtual environment of its own, with copies of distributions from ours."""

    def __init__(self, folder: Path, copied: Iterable[Distribution]) -> None:
        venv.create(folder, symlinks=True)
        self.folder = folder
        self.bin = folder / "bin"
        (self.site,) = folder.glob("lib/python*/site-packages")
        for file in {file for source in copied for file in source.files or ()}:
            # No programs (they name our interpreter) and no byte code.
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = self.site / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file.locate(), target)

    def python(self, *arguments: object) -> str:
        """What C{python -I ARGUMENTS} prints in C{/}."""
        return run(self.bin / "python", "-I", *arguments)

    def imports(self, code: str) -> set[str]:
        """The top-level names of all that this code imports."""
        lines = self.python("-X", "importtime", "-c", code).splitlines()
        names = [line.rpartition("|")[2].strip() for line in lines if line.startswith("import ")]
        return {name.partition(".")[0] for name in names}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, where builds may leave what they like."""
    return copySources(tmp_path_factory.mktemp("sources") / "onionp2p")


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources)
    (wheel,) = folder.iterdir()
    return wheel


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(
    request: pytest.FixtureRequest,
    sources: Path,
    wheel: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Environment:
    """An environment with onionp2p in it, installed this way or that, and all that it requires."""
    (metadata,) = distributions(path=[str(wheel)])
    folder = tmp_path_factory.mktemp(request.param)
    environment = Environment(folder, [*required(metadata), distribution("setuptools")])
    what = [wheel] if request.param == "wheel" else ["--no-build-isolation", "--editable", sources]
    pip("--python", environment.bin / "python", "install", "--no-deps", "--no-index", *what)
    return environment


def test_nothingElse(installed: Environment, sources: Path) -> None:
    """The tests below look at the copy that was installed, and at no other."""
    (where,) = installed.python("-c", WHERE.format("onionp2p")).splitlines()
    assert where in (f"{installed.site}/onionp2p/__init__.py", f"{sources}/onionp2p/__init__.py")


def test_plugins(installed: Environment) -> None:
    """Twisted finds both endpoints' parsers: a missing option is what they complain about."""
    assert "port" in installed.python("-c", PARSE.format("serverFromString", "onionp2p:listen"))
    assert "addr" in installed.python("-c", PARSE.format("clientFromString", "onionp2p:dial"))


def test_twistd(installed: Environment) -> None:
    """C{twistd --help} lists onionp2p."""
    assert "\n    onionp2p " in installed.python("-c", TWISTD_HELP)


def test_command(installed: Environment) -> None:
    """The C{onionp2p} command is there, and all it requires was declared."""
    assert "Usage: onionp2p" in run(installed.bin / "onionp2p", "--help")


def test_version(installed: Environment) -> None:
    """It knows its version, wherever it is installed."""
    (metadata,) = distributions(name="onionp2p", path=[str(installed.site)])
    said = run(installed.bin / "onionp2p", "--version")
    assert said.startswith(f"onionp2p {metadata.version},")


def test_requirements(installed: Environment) -> None:
    """What it requires is what it needs, and fits together."""
    assert "No broken requirements" in pip("--python", installed.bin / "python", "check")


def test_typed(installed: Environment) -> None:
    """Type checkers may use our annotations: PEP 561's marker is installed."""
    code = "import onionp2p; print(*__import__('os').listdir(onionp2p.__path__[0]))"
    assert "py.typed" in installed.python("-c", code).split()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import onionp2p", id="library"),
        # Every Twisted program that reads an endpoint string imports it.
        pytest.param("import twisted.plugins.onionp2p_plugin", id="plugin"),
        pytest.param(TWISTD_HELP, id="twistd"),
    ],
)
def test_light(installed: Environment, code: str) -> None:
    """Who does not use an onion does not pay for it at import."""
    # The first look at the plugins imports them all to write an index, txtorcon's own among them.
    installed.python("-c", TWISTD_HELP)
    imported = installed.imports(code)
    assert "onionp2p" in imported
    # Not cryptography: Twisted's own endpoints import it, for TLS.
    assert imported & {"txtorcon", "click", "rich"} == set()
