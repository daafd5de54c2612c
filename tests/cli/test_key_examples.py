# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The examples of docs/howto/keep-an-address.md and docs/howto/friends.md, run as they stand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples" / "keys"

MADE = {
    "identity": {"web.key"},
    "tor": {"web.key", "service", "again.key", "web.blob", "third.key"},
    "encrypt": {"web.key", "passphrase", "second.key"},
    "invite": {"web.key", "friends", "alice.invitation"},
    "friend": {"my.key", "my.public", "friends"},
}


@pytest.mark.parametrize("name", [path.stem for path in sorted(EXAMPLES.iterdir())])
def test_example(tmp_path: Path, name: str) -> None:
    """
    Every command succeeds, and makes the files that the page says, for their owner alone.
    """
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])
    subprocess.run(
        ["sh", "-eu", str(EXAMPLES / f"{name}.sh")],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        check=True,
        timeout=30,
    )
    assert {entry.name for entry in tmp_path.iterdir()} == MADE[name]
    for entry in tmp_path.rglob("*"):
        if entry.name not in {"passphrase", "my.public"}:
            assert entry.stat().st_mode & 0o077 == 0


def test_whatTheyShow(tmp_path: Path) -> None:
    """
    What is encrypted first is in clear in the end, and what is made then is encrypted.
    """
    test_example(tmp_path, "encrypt")
    assert b"\nseed " in (tmp_path / "web.key").read_bytes()
    assert b"\nscrypt 16 8 1 " in (tmp_path / "second.key").read_bytes()
