# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p reach}.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from onionp2p import OnionAddress
from onionp2p.cli import main
from onionp2p.cli.reach import dialOptions
from onionp2p.clients.keys import ClientKeyFile
from onionp2p.clients.x25519 import ClientKey

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
ADDRESS = f"/onion3/{LABEL}:4001"
PEER = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([ADDRESS], "Missing option '--at'"),
        (["--at=unix:/s"], "Give an ADDRESS, or an --invitation, which holds one."),
        ([ADDRESS, "--at=unix:/s", "--invitation=-"], "Give an ADDRESS, or an --invitation"),
        (["short.onion:1", "--at=unix:/s"], "'[ADDRESS]': an onion address has 56 characters"),
        ([f"{LABEL}.onion", "--at=unix:/s"], "the address lacks its port"),
        ([ADDRESS, "--at=8080"], "'--at': unix:/path or tcp:127.0.0.1:PORT is expected"),
        ([ADDRESS, "--at=tcp:0.0.0.0:80"], "can be reached from outside of this machine"),
        ([ADDRESS, "--at=unix:/s", "--warm=-1"], "-1.0 is not in the range x>=0"),
        ([ADDRESS, "--at=unix:/s", "--warm=nan"], "nan is not a number of seconds"),
        ([ADDRESS, "--at=unix:/s", "--socks=9050", "--auth=/k"], "auth= has no use with socks="),
    ],
)
def test_wrongUse(arguments: list[str], problem: str) -> None:
    """
    A wrong command line is refused before anything starts.
    """
    result = CliRunner().invoke(main, ["reach", *arguments])
    assert result.exit_code == 2
    assert problem in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_help() -> None:
    """
    The help has an example.
    """
    result = CliRunner().invoke(main, ["reach", "--help"])
    assert result.exit_code == 0
    assert "onionp2p reach X.onion:80 --at tcp:127.0.0.1:0" in result.stdout


@pytest.mark.parametrize("peerID", ["", f"/p2p/{PEER}"])
def test_peerID(peerID: str) -> None:
    """
    The peer that is said to be there is passed on to who can prove it, and not dialled.
    """
    address = OnionAddress.fromString(f"{ADDRESS}{peerID}")
    options, passedOn = dialOptions(address, None, None, {})
    assert options.address == OnionAddress(LABEL, 4001)
    assert passedOn == peerID


def test_invitation(tmp_path: Path) -> None:
    """
    An invitation holds whom to reach, and the key; neither is on the command line.
    """
    key = ClientKey.generate()
    path = str(tmp_path / "invitation")
    ClientKeyFile.invitation(OnionAddress(LABEL, 4001), key).save(path)
    options, _ = dialOptions(None, None, path, {})
    assert options.address == OnionAddress(LABEL, 4001)
    assert isinstance(options.auth, ClientKey)
    assert options.auth.public == key.public


def test_options(tmp_path: Path) -> None:
    """
    Options that are not given are left out; the others are those of an endpoint string.
    """
    address = OnionAddress(LABEL, 1)
    options, _ = dialOptions(address, str(tmp_path / "k"), None, {"state": "/d", "tor": None})
    assert (options.auth, options.tor.state) == (str(tmp_path / "k"), "/d")
