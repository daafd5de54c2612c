# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p publish}.
"""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from onionp2p.cli import main


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Missing argument 'TARGET'"),
        (["unix:/s"], "Missing option '--port'"),
        (["/s", "--port=1"], "'TARGET': unix:/path or tcp:127.0.0.1:PORT is expected, not '/s'"),
        (["tcp:0.0.0.0:1", "--port=1"], "can be reached from outside of this machine"),
        (["unix:/s", "--port=0"], "port= is no port: a port is a number from 1 to 65535"),
        (["unix:/s", "--port=1", "--wait=soon"], "'soon' is not one of"),
        (["unix:/s", "--port=1", "--timeout=0"], "timeout= takes seconds"),
        (["unix:/s", "--port=1", "--control=9051", "--state=/d"], "state= has no use with"),
    ],
)
def test_wrongUse(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused before anything starts.
    """
    result = CliRunner().invoke(main, ["publish", *arguments])
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_help() -> None:
    """
    The help has an example.
    """
    result = CliRunner().invoke(main, ["publish", "--help"])
    assert result.exit_code == 0
    assert "onionp2p publish unix:/run/app.sock --port 4001 --key app.key" in result.stdout
