# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p doctor} on a real network.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.network.test_programs import Start


@pytest.mark.slow
async def test_reach(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    With --reach, it comes to the network, publishes an onion and dials it; nothing of it stays.
    """
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    doctor = start("onionp2p", "doctor", "--reach", "--json", "--timeout", "50")
    assert await doctor.ended == 0
    findings = {}
    for line in doctor.output.splitlines():
        if line.startswith("{"):
            found = json.loads(line)
            findings[found["check"]] = found
    assert [findings[stage]["level"] for stage in ("bootstrap", "publication", "dial")] == [
        "ok"
    ] * 3
    assert "leads to a private network" in findings["torrc"]["found"]
    assert ".onion" not in doctor.output
    assert os.listdir(tmp_path) == []
