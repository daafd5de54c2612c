# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The formats on docs/reference/files.md, read by those that read such files.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from onionp2p.clients.keys import ClientKeyFile
from onionp2p.clients.listfile import parseClients
from onionp2p.keys import Identity, Passphrase, SealedIdentity
from onionp2p.keys.sealed import parseKeyFile
from onionp2p.keys.torforms import importBlob
from onionp2p.libp2p import Identity as PeerIdentity
from onionp2p.operating.states import ListenerState, TorState
from onionp2p.operating.status import formatStatus, parseStatus
from onionp2p.tor.torrc import filterUserLines

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "files.md").read_text()
LABEL = "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4bqead"


def examples(heading: str) -> list[bytes]:
    """
    Give the blocks of a section.
    """
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [text.encode() for text in re.findall(r"```\w+\n(.*?)```", section, re.DOTALL)]


def test_identities() -> None:
    """
    Both forms of an identity are what a listener reads, byte for byte.
    """
    texts = examples("An identity")
    kept = [parseKeyFile(text) for text in texts]
    assert [each.label for each in kept] == [LABEL] * 2
    assert [each.toFileContent() for each in kept if isinstance(each, Identity)] == texts


@pytest.mark.deadline(10)
def test_encryptedIdentity() -> None:
    """
    The encrypted one opens with the passphrase that the page names.
    """
    (text,) = examples("An encrypted identity")
    sealed = parseKeyFile(text)
    assert isinstance(sealed, SealedIdentity)
    named = re.search(r"one's is `(.*?)`", PAGE)
    assert named
    assert sealed.open(Passphrase(named[1].encode())).label == LABEL


def test_torsForms(tmp_path: Path) -> None:
    """
    What ADD_ONION takes is the same key.
    """
    (text,) = examples("An identity in tor's forms")
    path = tmp_path / "blob"
    path.touch(0o600)
    path.write_bytes(text)
    assert importBlob(str(path)).label == LABEL


def test_clients() -> None:
    """
    The list names two clients, and the invitation is of the first.
    """
    (listed,) = examples("The list of clients")
    clients = parseClients(listed.decode())
    assert list(clients) == ["alice", "bob"]
    ours, tors = map(ClientKeyFile.fromContent, examples("A client key, or an invitation"))
    assert ours.key.public == tors.key.public == clients["alice"]
    assert ours.label == tors.label == LABEL


def test_libp2pIdentity() -> None:
    """
    The libp2p identity has the peer id that the page names.
    """
    (text,) = examples("A libp2p identity")
    peerID = PeerIdentity.decode(bytes.fromhex(text.decode())).peerID
    assert f"`{peerID}`" in PAGE


def test_status() -> None:
    """
    The status is what a process writes, byte for byte, and all of its words are named.
    """
    (text,) = examples("The status file")
    assert formatStatus(parseStatus(text)) == text
    for field, kind in [("tor.state", TorState), ("listeners[].state", ListenerState)]:
        row = re.search(rf"\| `{re.escape(field)}` \| (.*?) \|", PAGE)
        assert row
        assert re.findall(r"`(\w+)`", row[1]) == [each.value for each in kind]


def test_torrc() -> None:
    """
    Of the torrc, nothing is left out; and all that the page says is left out, is.
    """
    (text,) = examples("A torrc that is given")
    assert filterUserLines(text.decode()).leftOut == ()
    names = re.findall(r"`([A-Z_]\w*)(…?)`", PAGE.partition("the log says what: ")[2].split(".")[0])
    assert len(names) > 10
    for name, more in names:
        line = f"{name}{'Something' if more else ''} 1\n"
        assert filterUserLines(line).text == "", line


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("An identity", parseKeyFile),
        ("A client key, or an invitation", ClientKeyFile.fromContent),
    ],
)
def test_versionsDiffer(heading: str, read: Callable[[bytes], object]) -> None:
    """
    The number in the first line counts.
    """
    text = examples(heading)[0]
    with pytest.raises(ValueError, match="another version"):
        read(text.replace(b" 1\n", b" 2\n", 1))
