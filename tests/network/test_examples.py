# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The examples of the documentation, run as they stand.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"

Start = Callable[..., Any]


async def test_serverAndClient(start: Start, tmp_path: Path) -> None:
    """
    The client says something to the server, and prints the answer.
    """
    server = start(sys.executable, str(EXAMPLES / "server.py"), folder=tmp_path)
    where = (await server.says("listening on ")).split()[-1]
    client = start(sys.executable, str(EXAMPLES / "client.py"), where)
    assert await client.ended == 0
    assert "is anybody there?" in client.output
    assert (tmp_path / "echo.key").exists()


async def test_patientClient(start: Start, tmp_path: Path) -> None:
    """
    A client tells how far it is, and why it gives up.
    """
    script = str(EXAMPLES / "dialing" / "patient.py")
    server = start(sys.executable, str(EXAMPLES / "server.py"), folder=tmp_path)
    where = (await server.says("listening on ")).split()[-1]
    client = start(sys.executable, script, where, "60")
    assert await client.ended == 0, client.output
    assert "connected" in client.output
    nobody = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd.onion:7777"
    for seconds in ("6", "30"):  # within which its tor has to start, on a busy machine
        client = start(sys.executable, script, nobody, seconds)
        assert await client.ended == 1
        if "attempt 1" in client.output:
            break
    assert "attempt 1 failed: DescriptorNotFound" in client.output
    assert "worth another try" in client.output
    assert nobody not in client.output


@pytest.mark.parametrize("name", ["test_memory.py", "test_network.py"])
async def test_withPytest(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """
    A user's tests pass with nothing configured.
    """
    monkeypatch.delenv("ONIONP2P_TORRC")
    monkeypatch.delenv("ONIONP2P_STATE")
    shutil.copy(EXAMPLES / "testing" / name, tmp_path)
    pytests = start(sys.executable, "-Im", "pytest", "-W", "error", name, folder=tmp_path)
    assert await pytests.ended == 0, pytests.output
    assert " passed" in pytests.output


async def test_withAWarmNetwork(start: Start, tmp_path: Path) -> None:
    """
    Tests use the network that is up already, where the environment names one.
    """
    shutil.copy(EXAMPLES / "testing" / "test_network.py", tmp_path)
    (tmp_path / "test_own.py").write_text("def test_own(tor_network): pass\n")
    pytests = start(sys.executable, "-Im", "pytest", folder=tmp_path)
    assert await pytests.ended == 1
    assert re.search(r"1 passed, (?:\d+ warnings?, )?1 error", pytests.output)
    assert "unset ONIONP2P_TORRC" in pytests.output


@pytest.mark.slow
async def test_withTrial(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    So do those for trial, whose every test gets a network of its own.
    """
    monkeypatch.delenv("ONIONP2P_TORRC")
    monkeypatch.delenv("ONIONP2P_STATE")
    shutil.copy(EXAMPLES / "testing" / "test_trial.py", tmp_path)
    trial = start("trial", "./test_trial.py", folder=tmp_path)
    assert await trial.ended == 0, trial.output
    assert "PASSED (successes=1)" in trial.output


async def test_otherLanguages(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A program that speaks SOCKS and knows nothing of Twisted reaches an onion in the network.
    """
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    script = str(EXAMPLES / "testing" / "other_language.sh")
    run = start("onionp2p", "testnet", "run", "--client", "--", "sh", script, folder=tmp_path)
    assert await run.ended == 0, run.output
    assert "hello from an onion" in run.output
