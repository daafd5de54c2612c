# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The guard in programs of their own: a user's tests with pytest and trial, and C{twistd … --strict}.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from twisted.application.service import Service
from twisted.logger import LogEvent

from onionp2p.leaks import LeakError
from onionp2p.leaks.strict import StrictService

pytestmark = pytest.mark.deadline(20)

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "testing"
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]


def run(*command: str, folder: Path) -> tuple[int, str]:
    """
    Run a program in a folder; give its exit status and all that it says.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=15,
        check=False,
    )
    return done.returncode, done.stdout


def runPytest(folder: Path, *arguments: str) -> tuple[int, str]:
    """
    Run a user's tests.
    """
    strict = ["-W", "error", "--strict-markers", "-p", "no:cacheprovider"]
    return run(sys.executable, "-Im", "pytest", *strict, *arguments, folder=folder)


def test_example(tmp_path: Path) -> None:
    """
    The example of the documentation passes as the page shows it, its name in the first line, where
    onionp2p is installed.
    """
    shown = "# docs/examples/testing/test_strict.py\n" + (EXAMPLES / "test_strict.py").read_text()
    (tmp_path / "test_strict.py").write_text(shown)
    status, output = runPytest(tmp_path)
    assert (status, "4 passed" in output) == (0, True), output


def test_leakingTests(tmp_path: Path) -> None:
    """
    A test that calls C{getaddrinfo} or C{connect} fails with a message that names the line, even if
    it swallows the error; all that is to do is ask for the guard.
    """
    (tmp_path / "pytest.ini").write_text("[pytest]\nusefixtures = leak_guard\n")
    (tmp_path / "test_leaks.py").write_text(
        dedent(
            """\
            import socket

            def test_lookUp():
                socket.getaddrinfo("127.0.0.1", 80)

            def test_connect():
                with socket.socket() as each:
                    each.connect(("127.0.0.1", 80))

            def test_swallowed():
                with socket.socket() as each:
                    try:
                        each.connect(("127.0.0.1", 80))
                    except OSError:
                        pass

            def test_fine():
                pass
            """
        )
    )
    status, output = runPytest(tmp_path)
    assert status == 1, output
    assert "2 failed, 2 passed, 3 errors" in output
    name = tmp_path / "test_leaks.py"
    assert (
        f"LeakError: getaddrinfo(127.0.0.1:80) goes past Tor, at {name}:4 in test_lookUp" in output
    )
    assert f"LeakError: connect(127.0.0.1:80) goes past Tor, at {name}:8 in test_connect" in output
    assert f"leaked:\nconnect(127.0.0.1:80) goes past Tor, at {name}:13 in test_swallowed" in output


def test_trial(tmp_path: Path) -> None:
    """
    With trial, C{enterContext} does it, and the leak of an asynchronous test fails it too.
    """
    (tmp_path / "test_leaks.py").write_text(
        dedent(
            """\
            from twisted.internet import endpoints, protocol, reactor
            from twisted.internet.error import DNSLookupError
            from twisted.trial.unittest import TestCase
            from onionp2p.leaks import LeakGuard

            class Leaks(TestCase):
                def setUp(self):
                    self.enterContext(LeakGuard())

                def test_swallowed(self):
                    endpoint = endpoints.HostnameEndpoint(reactor, "leak.invalid", 80)
                    connecting = endpoint.connect(protocol.Factory())
                    return self.assertFailure(connecting, DNSLookupError)

                def test_fine(self):
                    pass
            """
        )
    )
    status, output = run(sys.executable, "-m", "twisted.trial", "./test_leaks.py", folder=tmp_path)
    assert status == 1, output
    assert "FAILED (errors=1, successes=2)" in output or "FAILED (errors=1" in output
    name = tmp_path / "test_leaks.py"
    assert f"getaddrinfo(leak.invalid:80) goes past Tor, at {name}:12 in test_swallowed" in output


def test_hookRefused(tmp_path: Path) -> None:
    """
    Where another audit hook keeps ours out, the guard does not pretend to work.
    """
    program = """if True:
        import sys
        from onionp2p.leaks import LeakGuard

        def refuse(event, arguments):
            if event == "sys.addaudithook":
                raise RuntimeError

        sys.addaudithook(refuse)
        LeakGuard().start()
    """
    status, output = run(sys.executable, "-c", program, folder=tmp_path)
    assert status == 1
    assert output.endswith(
        "RuntimeError: another audit hook of this process keeps the guard's out\n"
    )


def test_forkedChild(tmp_path: Path) -> None:
    """
    A forked child is guarded too.
    """
    program = """if True:
        import os, socket
        from onionp2p.leaks import LeakError, LeakGuard

        LeakGuard().start()
        if os.fork() == 0:
            try:
                socket.gethostbyname("leak.invalid")
            except LeakError:
                os._exit(7)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
    """
    status, output = run(sys.executable, "-c", program, folder=tmp_path)
    assert (status, output[-2:]) == (0, "7\n")


class Leaking(Service):
    """
    Looks up a name at each step.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []

    def _leak(self, step: str) -> None:
        with pytest.raises(LeakError):
            socket.gethostbyname("leak.invalid")
        with pytest.raises(LeakError):
            socket.socket()
        self.steps.append(step)

    def privilegedStartService(self) -> None:
        self._leak("privileged")

    def startService(self) -> None:
        Service.startService(self)
        self._leak("start")

    def stopService(self) -> None:
        Service.stopService(self)
        self._leak("stop")


def test_strictService(loggedErrors: list[LogEvent]) -> None:
    """
    A strict service's guard is active before the service begins, and from then on.
    """
    leaking = Leaking()
    service = StrictService(leaking)
    untyped: Any = service
    try:
        untyped.privilegedStartService()
        untyped.startService()
        untyped.stopService()
        assert leaking.steps == ["privileged", "start", "stop"]
        with pytest.raises(LeakError):
            socket.socket()
        assert len(service.guard.leaks) == len(loggedErrors) == 7
    finally:
        service.guard.stop()
    loggedErrors.clear()


@pytest.mark.parametrize("command", ["ping", "echo"])
def test_strictListener(command: str, tmp_path: Path) -> None:
    """
    C{twistd onionp2p … --strict} does not listen on TCP: it says where that was tried, and ends.
    """
    status, output = run(
        *TWISTD,
        "onionp2p",
        command,
        "--listen=tcp:0:interface=127.0.0.1",
        "--strict",
        folder=tmp_path,
    )
    assert status == 1
    assert "#critical] socket(AF_INET) goes past Tor, at " in output
    assert "\n\t  File " in output  # the stack
    assert "not listening: " in output


@pytest.mark.parametrize("host", ["127.0.0.1", "leak.invalid"])
def test_strictDialer(host: str, tmp_path: Path) -> None:
    """
    Nor does it dial on TCP, by number or by name.
    """
    lines = []
    with subprocess.Popen(
        [*TWISTD, "onionp2p", "ping", f"--dial=tcp:{host}:9", "--strict"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as dialer:
        assert dialer.stdout is not None
        for line in dialer.stdout:
            lines.append(line)
            if "could not connect: " in line:
                dialer.terminate()
    assert any("#critical] socket(AF_INET) goes past Tor, at " in line for line in lines)
    assert dialer.returncode == -signal.SIGTERM
