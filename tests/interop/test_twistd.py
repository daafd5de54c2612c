# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Servers that come with Twisted, by C{twistd}: shell and chat.
"""

from __future__ import annotations

import os
import pwd
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.utils import CryptographyDeprecationWarning
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import connectProtocol
from twisted.words.protocols.irc import IRCClient

from onionp2p.testing import RecordingFactory
from tests.interop.onions import endpointTo, served
from tests.programs import Program

# Twisted 24.7 names ciphers that cryptography has put away.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from twisted.conch.ssh.channel import SSHChannel
    from twisted.conch.ssh.common import NS
    from twisted.conch.ssh.connection import SSHConnection
    from twisted.conch.ssh.keys import Key
    from twisted.conch.ssh.transport import SSHClientTransport
    from twisted.conch.ssh.userauth import SSHUserAuthClient

Start = Callable[..., Program]

PASSWORD = b"correct-horse"


def twistd(start: Start, *arguments: str) -> Program:
    """
    Start a server of Twisted's in the foreground.
    """
    return start("twistd", "-n", "--pidfile=", *arguments)


class Connection(SSHConnection):
    """
    Tells when commands can be run.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ready: Deferred[None] = Deferred()

    def serviceStarted(self) -> None:
        """
        Tell.
        """
        super().serviceStarted()
        self.ready.callback(None)


class Command(SSHChannel):
    """
    Runs a command, and keeps what it prints.
    """

    name = b"session"

    def __init__(self, command: bytes) -> None:
        super().__init__()
        self._command = command
        self._printed = b""
        self.done: Deferred[bytes] = Deferred()

    def channelOpen(self, specificData: bytes) -> None:
        """
        Run it.
        """
        self.conn.sendRequest(self, b"exec", NS(self._command))

    def dataReceived(self, data: bytes) -> None:
        """
        Keep it.
        """
        self._printed += data

    def closed(self) -> None:
        """
        Tell.
        """
        self.done.callback(self._printed)


class ByPassword(SSHUserAuthClient):
    """
    Logs in with the password.
    """

    def getPassword(self, prompt: object = None) -> Deferred[bytes]:
        """
        Give it.
        """
        return succeed(PASSWORD)


class Shell(SSHClientTransport):
    """
    The client's end of SSH, which knows the server's key.
    """

    def __init__(self, user: str, hostKey: Key) -> None:
        self.connection = Connection()
        self._user = user
        self._hostKey = hostKey

    def verifyHostKey(self, hostKey: bytes, fingerprint: str) -> Deferred[bool]:
        """
        Compare it.
        """
        return succeed(hostKey == self._hostKey.public().blob())

    def connectionSecure(self) -> None:
        """
        Log in.
        """
        self.requestService(ByPassword(self._user, self.connection))


@pytest.mark.skipif(os.geteuid() != 0, reason="twistd conch becomes the user, which takes root")
@pytest.mark.slow
@pytest.mark.interop("twistd conch")
async def test_conch(start: Start, tmp_path: Path) -> None:
    """
    A command is run over SSH, and gives its output.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    user = pwd.getpwuid(os.geteuid()).pw_name
    hostKey = Key(Ed25519PrivateKey.generate())
    (tmp_path / "ssh_host_ed25519_key").write_bytes(hostKey.toString("openssh"))
    (tmp_path / "ssh_host_ed25519_key.pub").write_bytes(hostKey.public().toString("openssh"))
    (tmp_path / "users").write_bytes(b"%s:%s\n" % (user.encode("ascii"), PASSWORD))
    server = twistd(
        start,
        "conch",
        "--port=onionp2p:listen:port=22",
        f"--data={tmp_path}",
        f"--auth=file:{tmp_path}/users",
    )
    shell: Any = await connectProtocol(endpointTo(await served(server)), Shell(user, hostKey))
    await shell.connection.ready
    command = Command(b"echo $((6 * 7))")
    shell.connection.openChannel(command)
    # Where it is told to become root and is, its child says so first.
    assert (await command.done).endswith(b"42\n")
    shell.loseConnection()


class Chatter(IRCClient):
    """
    Keeps what it is told.
    """

    password = PASSWORD.decode("ascii")

    def __init__(self, nickname: str) -> None:
        self.nickname = nickname
        self.welcome: Deferred[str] = Deferred()
        self.told: Deferred[tuple[str, str]] = Deferred()

    def signedOn(self) -> None:
        """
        Tell.
        """
        self.welcome.callback(self.hostname)

    def privmsg(self, user: str, channel: str, message: str) -> None:
        """
        Keep it.
        """
        if not self.told.called:
            self.told.callback((user, message))


@pytest.mark.slow
@pytest.mark.interop("twistd words")
async def test_words(start: Start) -> None:
    """
    Two people chat by IRC, and what they are called says nothing of where they or the server are.
    """
    server = twistd(
        start,
        "words",
        "--irc-port=onionp2p:listen:port=6667",
        f"--auth=memory:alice:{Chatter.password}:bob:{Chatter.password}",
        "--hostname=words.invalid",
    )
    address = await served(server)
    alice, bob = Chatter("alice"), Chatter("bob")
    for each in (alice, bob):
        await connectProtocol(endpointTo(address), each)
        await each.welcome
    alice.msg("bob", "hello")
    assert await bob.told == ("alice!alice@words.invalid", "hello")
    for each in (alice, bob):
        each.transport.loseConnection()


@pytest.mark.interop("twistd --reactor=asyncio")
async def test_asyncioReactor(start: Start) -> None:
    """
    A listener runs on asyncio's reactor too.
    """
    listen = "onionp2p:listen:port=7777"
    server = twistd(start, "--reactor=asyncio", "onionp2p", "echo", "--listen", listen)
    client: Any = await endpointTo(await served(server)).connect(RecordingFactory())
    client.transport.write(b"hello")
    assert await client.receives(5) == b"hello"
    client.transport.loseConnection()
    server.signal("TERM")
    assert await server.ended == -signal.SIGTERM  # as twistd ends, when all is done
