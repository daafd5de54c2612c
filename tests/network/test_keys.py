# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Keys that a real tor made, and ours that it takes.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from onionp2p.clients.x25519 import ClientKey
from onionp2p.keys import Identity
from onionp2p.keys.torforms import exportFolder, importBlob, importFolder, toBlob
from onionp2p.tor.program import findTor

Ask = Callable[[str], str]


@pytest.fixture(autouse=True)
def onTheNetwork() -> None:
    """
    Start no network: these tors are kept off any.
    """


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """
    A tor without a network, serving the folder C{service}; gives its answers to commands.
    """
    command = [findTor(None), "-f", "-", "--defaults-torrc", "/dev/null"]
    ours, its = socket.socketpair()
    torrc = f"""
        DisableNetwork 1
        SocksPort 0
        DataDirectory {tmp_path}/data
        __OwningControllerFD {its.fileno()}
        HiddenServiceDir {tmp_path}/service
        HiddenServicePort 80 unix:{tmp_path}/nowhere
        Log warn stdout
    """
    with (
        ours,
        its,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[its.fileno()], env={"PATH": os.defpath}
        ) as tor,
    ):
        try:
            assert tor.stdin is not None
            tor.stdin.write(torrc.encode())
            tor.stdin.close()
            its.close()
            ours.settimeout(20)
            replies = ours.makefile("r", encoding="ascii", newline="\r\n")

            def answer(command: str) -> str:
                ours.sendall(f"{command}\r\n".encode("ascii"))
                text = ""
                while True:
                    line = replies.readline()
                    text += line
                    if re.match(r"\d\d\d ", line) or not line:
                        return text

            assert answer("PROTOCOLINFO 1").startswith("250-PROTOCOLINFO 1"), "tor did not start"
            yield answer
        finally:
            tor.kill()


@pytest.fixture
def exported(tmp_path: Path) -> Identity:
    """
    An identity in the folder that tor serves.
    """
    identity = Identity.generate()
    exportFolder(str(tmp_path / "service"), identity)
    # Tor says, from the key, what it serves.
    (tmp_path / "service" / "hostname").unlink()
    (tmp_path / "service" / "hs_ed25519_public_key").unlink()
    return identity


def test_torServesWhatWeExport(exported: Identity, ask: Ask, tmp_path: Path) -> None:
    """
    Tor makes the very address of an exported folder's key.
    """
    assert (tmp_path / "service" / "hostname").read_text() == f"{exported.hostname}\n"
    assert importFolder(str(tmp_path / "service")).expanded() == exported.expanded()


def test_weReadWhatTorMakes(ask: Ask, tmp_path: Path) -> None:
    """
    A folder of tor's gives its identity, and is exported again byte for byte.
    """
    service = tmp_path / "service"
    identity = importFolder(str(service))
    assert (service / "hostname").read_text() == f"{identity.hostname}\n"
    again = Identity.fromFileContent(identity.toFileContent())
    exportFolder(str(tmp_path / "again"), again)
    for name in ("hostname", "hs_ed25519_secret_key", "hs_ed25519_public_key"):
        assert (tmp_path / "again" / name).read_bytes() == (service / name).read_bytes()


def test_blobs(ask: Ask, tmp_path: Path) -> None:
    """
    Tor's ADD_ONION takes our line for the address that we say, and we its line.
    """
    identity = Identity.generate()
    answer = ask(f"ADD_ONION {toBlob(identity)} Port=80")
    assert f"250-ServiceID={identity.label}\r\n" in answer
    answer = ask("ADD_ONION NEW:ED25519-V3 Port=80")
    label, blob = re.findall(r"250-ServiceID=(\w+)\r\n250-PrivateKey=(\S+)\r\n", answer)[0]
    path = tmp_path / "blob"
    path.touch(0o600)
    path.write_text(blob)
    made = importBlob(str(path))
    assert made.label == label
    assert toBlob(made) == blob


def test_clientKeys(exported: Identity, ask: Ask) -> None:
    """
    Tor takes both halves of a client's key in the forms that we give.
    """
    key = ClientKey.generate()
    answer = ask(f"ADD_ONION NEW:ED25519-V3 Flags=V3Auth ClientAuthV3={key.public} Port=80")
    assert f"250-ClientAuthV3={key.public}\r\n" in answer
    assert ask(f"ONION_CLIENT_AUTH_ADD {exported.label} x25519:{key.forTor()}") == "250 OK\r\n"
    answer = ask(f"ONION_CLIENT_AUTH_VIEW {exported.label}")
    assert f"250-CLIENT {exported.label} x25519:{key.forTor()}\r\n" in answer
