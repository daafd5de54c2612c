# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The benchmarks run, and report what they are to; and the page says what they have reported.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import pytest
from twisted.internet import reactor

from onionp2p.leaks.passage import passage

TOP = Path(__file__).parent.parent
BENCHMARKS, DOCS = TOP / "benchmarks", TOP / "docs"
CONTENDERS = {"plain Twisted", "plain Twisted again", "onionp2p", "txtorcon"}
SVG = "{http://www.w3.org/2000/svg}"
SOURCE = "{http://purl.org/dc/elements/1.1/}source"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Modules are found where the benchmarks find them.
    """
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def results() -> Any:
    """Give the module of what was measured."""
    return importlib.import_module("measuring.results")


def python(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a benchmark's program."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.deadline(120)
def test_withoutTor(tmp_path: Path) -> None:
    """
    The parts that need no tor give a table, and all samples as JSON.
    """
    report = tmp_path / "report.json"
    ended = python(BENCHMARKS / "dialing.py", "--quick", "a", "d", "--json", report)
    assert ended.returncode == 0, ended.stderr
    runs = importlib.import_module("measuring.runs")
    run = runs.Run.load(report)
    assert run.command == "python benchmarks/dialing.py --quick a d"
    assert run.versions["Python"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")
    assert int(run.machine["cores"]) > 0
    assert set(run.parts) == {"a", "d"}

    path, integrity = run.parts["a"], run.parts["d"]
    for key in ("cpu sent", "cpu received", "cpu per message"):
        assert set(path.figure(key).samples) == CONTENDERS
    connect = path.figure("cpu per connect")
    assert len(connect.samples["onionp2p"]) == 2
    assert vars(connect.goal) == {"contender": "onionp2p", "limit": 0.5, "over": "txtorcon"}
    assert path.figure("stalled").medians["onionp2p"] == 0
    assert all(check.passed for check in integrity.checks)
    assert integrity.figure("growth").reached
    assert "CPU per connect, µs" in ended.stdout


def run(*parts: Any, problem: str = "") -> Any:
    """Give a run of the benchmark of dialing."""
    return importlib.import_module("measuring.runs").Run(
        benchmark="dialing",
        command="python benchmarks/dialing.py",
        began="2026-11-22 23:04",
        seconds=90.0,
        commit="none",
        machine={"cores": "2"},
        versions={"tor": "0.4.9.11"},
        parts={part.letter: part for part in parts},
        problem=problem,
    )


def part(*ours: float, holds: bool = True) -> Any:
    """Give a part with a figure, for which the goal is the other's 1 ms, and a check."""
    module = results()
    figure = module.Figure(
        "trip",
        "round trip",
        "ms",
        {"raw socket": [1.0] * len(ours), "onionp2p": list(ours)},
        "raw socket",
        module.Goal("onionp2p", 1.0, "raw socket"),
    )
    moments = [module.Moment(0.5, "ping"), module.Moment(1.5, "ping", 0.25)]
    checks = [module.Check("nothing is left", holds)]
    return module.Part("a", "A title", "A method.", [figure], checks, moments)


def test_whatIsSavedIsWhatIsLoaded(tmp_path: Path) -> None:
    """
    A run comes back from its file as it was, five digits of its samples at least.
    """
    file = tmp_path / "dialing.json"
    saved = run(part(0.75), problem="it was ended")
    saved.save(file)
    assert type(saved).load(file) == saved
    run(part(1 / 3)).save(file)
    loaded = type(saved).load(file).parts["a"].figure("trip")
    assert loaded.samples["onionp2p"] == [0.33333]


def test_missedGoalsAreSaid() -> None:
    """
    A goal that was missed stands out, and so does a check that does not hold; where noise may have
    decided it, that is said.
    """
    goals = importlib.import_module("presenting.tables").goals
    reached = goals([run(part(0.5))])
    assert "1 of 1 goals are reached, 0 missed." in reached
    assert "| onionp2p at most × 1 of raw socket | 0.5 × 0.50 | reached |" in reached
    assert "1 of 1 checks hold." in reached
    missed = goals([run(part(2.0, holds=False))])
    assert "0 of 1 goals are reached, 1 missed." in missed
    assert "2 × 2.00 | **MISSED** |" in missed
    assert "0 of 1 checks hold:\n\n- dialing: nothing is left" in missed
    assert "**MISSED, but noise may have decided it**" in goals([run(part(0.9, 1.1, 1.2))])


class ControlPort(socketserver.StreamRequestHandler):
    """
    Answers what a test has said.
    """

    answers: ClassVar[dict[str, str]]
    asked: ClassVar[list[str]]

    def handle(self) -> None:
        """Answer until nothing more is asked."""
        for line in self.rfile:
            command = line.decode().rstrip()
            self.asked.append(command)
            answer = self.answers.get(command.partition("=")[0], "250 OK")
            self.wfile.write(answer.replace("\n", "\r\n").encode() + b"\r\n")


@pytest.fixture
def controlPort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[ControlPort]]:
    """The control port of a tor whose SOCKS port is 1080."""
    (tmp_path / "cookie").write_bytes(b"secret")
    ControlPort.answers, ControlPort.asked = {}, []
    with passage(), socketserver.ThreadingTCPServer(("127.0.0.1", 0), ControlPort) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("TOR_SOCKS_PORT", "1080")
        monkeypatch.setenv("TOR_CONTROL_HOST", "127.0.0.1")
        monkeypatch.setenv("TOR_CONTROL_PORT", str(server.server_address[1]))
        monkeypatch.setenv("TOR_CONTROL_COOKIE_AUTH_FILE", str(tmp_path / "cookie"))
        yield ControlPort
        server.shutdown()
        thread.join()


def test_allGoByOneCircuit(controlPort: type[ControlPort]) -> None:
    """
    Beside tor's SOCKS port there is one at which all share circuits; and those to the onion are
    told from all others.
    """
    circuits = importlib.import_module("measuring.circuits")
    controlPort.answers = {
        "GETINFO net/listeners/socks": '250-net/listeners/socks="127.0.0.1:1080" "127.0.0.1:9"\n'
        "250 OK",
        "GETINFO circuit-status": "250+circuit-status=\n"
        "512 BUILT $A~a PURPOSE=HS_CLIENT_REND HS_STATE=HSCR_JOINED REND_QUERY=mine TIME_CREATED=\n"
        "7 BUILT $A~a PURPOSE=HS_CLIENT_REND HS_STATE=HSCR_JOINED REND_QUERY=other TIME_CREATED=\n"
        "8 BUILT $A~a PURPOSE=HS_CLIENT_INTRO HS_STATE=HSCI_DONE REND_QUERY=mine TIME_CREATED=\n"
        "9 BUILT $A~a PURPOSE=GENERAL TIME_CREATED=\n"
        ".\n250 OK",
    }
    assert circuits.commonPort() == "9"
    cookie, set_, _ = controlPort.asked
    assert cookie == f"AUTHENTICATE {b'secret'.hex()}"
    own, common = re.findall('SocksPort="(.*?)"', set_)
    assert own.startswith("127.0.0.1:1080 ")
    assert common.startswith("127.0.0.1:auto ")
    assert "NoIsolateSOCKSAuth" in common.split()
    assert circuits.circuitsTo("mine") == ["512"]
    controlPort.answers = {"SETCONF SocksPort": "513 no such option"}
    with pytest.raises(RuntimeError, match="513 no such option"):
        circuits.commonPort()


class Echoing:
    """
    A contender that needs no connection, and keeps so many bytes of each of some dials.
    """

    reactor = reactor

    def __init__(self, size: int, dials: range) -> None:
        self._size = size
        self._dials = dials
        self._dialled = 0
        self._kept: list[bytes] = []

    async def dial(self, protocol: Any) -> Any:
        """Give a connection on which the message comes back."""
        self._dialled += 1
        if self._dialled in self._dials:
            self._kept.append(os.urandom(self._size))
        requests = importlib.import_module("measuring.requests")
        asked = len(requests.encode(requests.Ask.ECHO))

        class Transport:
            def write(self, data: bytes) -> None:
                protocol.dataReceived(data[asked:])

            def loseConnection(self) -> None:
                protocol.connectionLost()

        protocol.makeConnection(Transport())
        return protocol


async def test_whatIsLeftIsLeftEachTime(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What each stream leaves is counted; what only grows once, as a container does, is not.
    """
    growing = importlib.import_module("measuring.growing")
    monkeypatch.setattr("resource.setrlimit", lambda *_: None)
    leak = await growing.grow(Echoing(1000, range(1000)), streams=20, traced=True)
    assert 20_000 < leak["memory left"] < 30_000
    once = await growing.grow(Echoing(100_000, range(41, 61)), streams=20, traced=True)
    assert abs(once["memory left"]) < 4096
    assert (leak["failed"], leak["descriptors left"]) == (0, 0)


@pytest.mark.deadline(60)
def test_whatFailsKeepsNothingElseOff(tmp_path: Path) -> None:
    """
    When a benchmark fails, the page says why, in the place of its figures; the others have theirs.
    """
    figures = tmp_path / "figures"
    figures.mkdir()
    run(part(0.5)).save(figures / "dialing.json")
    (figures / "libp2p.json").write_text("of an earlier run")
    ended = python(
        BENCHMARKS / "all.py", "--quick", "--out", tmp_path, "libp2p", XDG_CACHE_HOME=str(tmp_path)
    )
    assert ended.returncode == 1
    page = (tmp_path / "benchmarks.md").read_text()
    assert "Not measured: it ended with 2: " in page
    assert "js-libp2p is not installed: run nox -s interop once" in page
    assert "| round trip, ms | 1 | 0.5 × 0.50 |" in page
    assert "This is a quick run" in page
    assert not (figures / "libp2p.svg").exists()


def words(picture: Path) -> list[str]:
    """Give what is written in a picture, and of which results it says it is."""
    tree = ET.parse(picture)  # noqa: S314 - ours
    said = [element.text or "" for element in tree.iter(f"{SVG}text")]
    return [*said, *(element.text or "" for element in tree.iter(SOURCE))]


@pytest.mark.deadline(60)
def test_thePageIsOfItsResults(tmp_path: Path) -> None:
    """
    docs/benchmarks.md and its pictures are what benchmarks/page.py makes of the results in
    docs/figures.
    """
    (tmp_path / "figures").mkdir()
    for file in (DOCS / "figures").glob("*.json"):
        shutil.copy(file, tmp_path / "figures")
    ended = python(BENCHMARKS / "page.py", tmp_path)
    assert ended.returncode == 0, ended.stderr
    again = "python benchmarks/page.py makes it again"
    made = (tmp_path / "benchmarks.md").read_text()
    assert (DOCS / "benchmarks.md").read_text() == made, again
    there, here = (
        {file.name: words(file) for file in (folder / "figures").glob("*.svg")}
        for folder in (DOCS, tmp_path)
    )
    assert there == here, again
    digests = {
        hashlib.sha256(file.read_bytes()).hexdigest() for file in (DOCS / "figures").glob("*.json")
    }
    for said in there.values():
        assert said[-1].rpartition(" ")[2] in digests


def test_resultsAreSmall() -> None:
    """
    What is kept of a run in the repository is no more than a page needs.
    """
    for file in (DOCS / "figures").iterdir():
        assert file.stat().st_size < 200_000
        if file.suffix == ".json":
            assert json.loads(file.read_text())["benchmark"] == file.stem
