# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the other users of the machine, the readers of the log and a thief of the disk get to see.
"""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Iterable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol, serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import capturedLogs, eventAsText
from twisted.protocols.wire import Echo

from onionp2p.clients.keys import ClientKey
from onionp2p.keys.identity import Identity
from onionp2p.options import TorOptions
from onionp2p.tor.launch import LaunchedTor
from onionp2p.tor.pool import leaseTor


async def test_nothingIsTold(tmp_path: Path) -> None:
    """
    While an onion that lets in only some is served and dialled, the keys of both sides and the
    address are in no process's arguments or environment, in no line of the log that is about the
    dial, and nowhere in what tor keeps on disk; and tor listens at no port.
    """
    friend = ClientKey.generate()
    (tmp_path / "clients").write_text(f"friend {friend.public}\n")
    string = f"onionp2p:listen:port=7:key={tmp_path}/key:clients={tmp_path}/clients"
    port = await serverFromString(reactor, string).listen(Factory.forProtocol(Echo))
    address = port.getHost()
    auth = tmp_path / "auth"
    auth.touch(mode=0o600)
    auth.write_text(f"{address.label}:descriptor:x25519:{friend.toBase32()}\n")
    lease = leaseTor(reactor, TorOptions())
    tor = await lease.launched()
    assert isinstance(tor, LaunchedTor)
    with capturedLogs() as events:
        dial = f"onionp2p:dial:addr={address.hostname}:{address.port}:auth={auth}"
        client = await connectProtocol(clientFromString(reactor, dial), Protocol())
        processes = [each for pid in (os.getpid(), tor.pid) for each in shownOf(pid)]
    state = (await tor.control.command("GETCONF DataDirectory")).partition("=")[2]
    kept = [path.read_bytes() for path in Path(state).rglob("*") if path.is_file()]
    secrets = [*formsOf((tmp_path / "key").read_text(), friend), address.label]
    assert any(b"defaults-torrc" in shown for shown in processes)
    assert found(secrets, processes) == []
    assert events
    assert found(secrets, [repr(event) + eventAsText(event) for event in events]) == []
    assert any(b"Guard in" in content for content in kept)
    assert found(secrets, kept) == []
    assert listenersOf(tor.pid) == []
    assert client.transport is not None
    client.transport.loseConnection()
    await port.stopListening()
    lease.release()


def formsOf(keyFile: str, friend: ClientKey) -> list[str]:
    """
    Give what the private keys could look like.
    """
    seed = keyFile.rsplit(maxsplit=1)[-1]
    expanded = Identity.fromFileContent(keyFile.encode()).expanded()
    forms = [seed, expanded, friend.toBase32(), friend.forTor().rstrip("=")]
    return [*forms, b64decode(seed).hex(), b64decode(expanded).hex()]


def found(secrets: Iterable[str], places: Iterable[str | bytes]) -> list[str]:
    """
    Give the secrets that are somewhere in these.
    """
    texts = [each.decode("latin-1") if isinstance(each, bytes) else each for each in places]
    return [secret for secret in secrets if any(secret.lower() in each.lower() for each in texts)]


def shownOf(pid: int) -> list[bytes]:
    """
    Give what a process's entry in C{/proc} shows: its arguments, which every user may read, and
    its environment.
    """
    return [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]


def listenersOf(pid: int) -> list[str]:
    """
    Give the Internet sockets at which a process listens, or takes datagrams.
    """
    links = [os.readlink(each.path) for each in os.scandir(f"/proc/{pid}/fd")]
    open_ = {link[8:-1] for link in links if link.startswith("socket:[")}
    listening = []
    for name, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[9] in open_:
                listening.append(f"{name} {fields[1]}")
    return listening
