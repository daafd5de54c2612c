# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Programs of others, unchanged, over real onion services on a private network.

Each test is marked with the name of its program, and told of in a line of its own at the end::

    PASS twistd web
    FAIL twistd words: AssertionError: never said 'listening on'

The names are those of the table in docs/howto/programs.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import pytest
import pytest_twisted

from tests.programs import start
from tests.realtors import markNetwork, onTheNetwork

__all__ = ["onTheNetwork", "start"]

_PROGRAM = "program"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark all tests here.
    """
    markNetwork(items, "interop")


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def serve(onTheNetwork: dict[str, str]) -> AsyncIterator[Callable[..., Any]]:
    """
    Listen at an endpoint string in this process, and give the address; stop at the end.
    """
    from twisted.internet import reactor
    from twisted.internet.endpoints import serverFromString

    ports: list[Any] = []

    async def listen(string: str, factory: Any) -> Any:
        port = await serverFromString(reactor, string).listen(factory)
        ports.append(port)
        return port.getHost()

    yield listen
    for port in ports:
        await port.stopListening()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """
    Have a report know of which program it is.
    """
    report = yield
    marker = item.get_closest_marker("interop")
    if marker is not None:
        report.user_properties.append((_PROGRAM, marker.args[0]))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """
    Tell of each program in a line; of several tests, the worst counts.
    """
    lines: dict[str, str] = {}
    for outcome, word in [
        ("passed", "PASS"),
        ("skipped", "SKIP"),
        ("failed", "FAIL"),
        ("error", "FAIL"),
    ]:
        for report in terminalreporter.stats.get(outcome, []):
            program = dict(report.user_properties).get(_PROGRAM)
            if program is not None:
                lines[program] = f"{word} {program}{_why(report)}"
    if lines:
        terminalreporter.section("programs of others, unchanged")
    for program in sorted(lines):
        terminalreporter.line(lines[program])


def _why(report: pytest.TestReport) -> str:
    """
    Give the first line of what went wrong.
    """
    if report.passed:
        return ""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr)
    return ": " + text.partition("\n")[0]
