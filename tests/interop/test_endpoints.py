# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Twisted's own wrappers around our endpoints, in code and in strings, and its reconnecting service.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.application.internet import ClientService
from twisted.internet import endpoints, reactor
from twisted.internet.endpoints import (
    clientFromString,
    quoteStringArgument,
    serverFromString,
    wrapClientTLS,
)
from twisted.internet.ssl import Certificate, PrivateCertificate, optionsForClientTLS

from onionp2p.keys import Identity
from onionp2p.keys.files import saveIdentity
from onionp2p.testing import RecordingFactory, RecordingProtocol
from onionp2p.testing.certificates import selfSigned
from tests.interop.onions import dialString, endpointTo

Serve = Callable[..., Any]

# Twisted's own TLS, over TCP too.
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


class Secure:
    """
    An onion that is about to be served with TLS inside.

    @ivar host: its name.
    @ivar string: what it listens at.
    @ivar certificate: for that name.
    """

    def __init__(self, folder: Path) -> None:
        identity = Identity.generate()
        saveIdentity(str(folder / "onion.key"), identity)
        self.host = f"{identity.label}.onion"
        self.string = f"onionp2p:listen:port=443:key={folder}/onion.key"
        self.certificate: PrivateCertificate = selfSigned(self.host)
        self.trusted = folder / "trusted"
        self.trusted.mkdir()
        (self.trusted / "onion.pem").write_bytes(Certificate(self.certificate.original).dumpPEM())


@pytest.fixture
def secure(tmp_path: Path) -> Secure:
    """
    The key of an onion, and a certificate for it.
    """
    return Secure(tmp_path)


@pytest.fixture
def secured(secure: Secure) -> Any:
    """
    The endpoint that serves it, with TLS inside.
    """
    wrapServerTLS = getattr(endpoints, "wrapServerTLS", None)
    if wrapServerTLS is None:
        pytest.skip("Twisted has had wrapServerTLS since 26")
    return wrapServerTLS(secure.certificate.options(), serverFromString(reactor, secure.string))


async def echo(endpoint: Any) -> None:
    """
    Send a little and a lot, get both back, and close.
    """
    protocol: RecordingProtocol = await endpoint.connect(RecordingFactory())
    sent = b"hello" + bytes(200_000)
    protocol.transport.write(b"hello")
    assert await protocol.receives(5) == b"hello"
    protocol.transport.write(sent[5:])
    assert await protocol.receives(len(sent)) == sent
    await end(protocol)


async def end(protocol: RecordingProtocol) -> None:
    """
    Close a connection, and wait for its end.
    """
    ended = protocol.receives(1 << 30)
    protocol.transport.loseConnection()
    with pytest.raises(Exception, match="closed"):
        await ended


@pytest.mark.interop("TLS inside (wrapServerTLS, wrapClientTLS)")
async def test_tls(secure: Secure, secured: Any) -> None:
    """
    TLS goes inside an onion, and the client checks the certificate against the onion's name.
    """
    port = await secured.listen(RecordingFactory(echoes=True))
    options = optionsForClientTLS(secure.host, trustRoot=secure.certificate)
    await echo(wrapClientTLS(options, clientFromString(reactor, dialString(port.getHost()))))
    await port.stopListening()


@pytest.mark.slow
@pytest.mark.interop("tls: around onionp2p:dial")
async def test_tlsString(secure: Secure, secured: Any) -> None:
    """
    The same by Twisted's own C{tls:} string, with ours in it.
    """
    port = await secured.listen(RecordingFactory(echoes=True))
    inner = quoteStringArgument(dialString(port.getHost()))
    roots = quoteStringArgument(str(secure.trusted))
    string = f"tls:{secure.host}:443:trustRoots={roots}:endpoint={inner}"
    await echo(clientFromString(reactor, string))
    await port.stopListening()


@pytest.mark.slow
@pytest.mark.interop("haproxy: around onionp2p:listen")
async def test_haproxy(serve: Serve) -> None:
    """
    Twisted's C{haproxy:} string goes around ours: the application is told of the address in the
    header that the caller, a proxy, sends.
    """
    server = RecordingFactory(echoes=True)
    address = await serve("haproxy:onionp2p:listen:port=7777", server)
    caller: Any = await endpointTo(address).connect(RecordingFactory())
    caller.transport.write(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nhello")
    assert await caller.receives(5) == b"hello"
    assert server.protocols[0].transport.getPeer().host == "192.0.2.1"
    await end(caller)


@pytest.mark.slow
@pytest.mark.interop("ClientService")
async def test_clientService(serve: Serve, tmp_path: Path) -> None:
    """
    Twisted's reconnecting service finds a listener again that was stopped and started anew, with
    the same key and so at the same address.
    """
    string, server = f"onionp2p:listen:port=7777:key={tmp_path}/key", RecordingFactory(echoes=True)
    port: Any = await serverFromString(reactor, string).listen(server)
    address = port.getHost()
    service: Any = ClientService(
        endpointTo(address), RecordingFactory(), retryPolicy=lambda attempt: 0.1
    )
    service.startService()
    before = await service.whenConnected()
    before.transport.write(b"hello")
    assert await before.receives(5) == b"hello"
    ended = before.receives(6)
    await port.stopListening()
    server.protocols[0].transport.loseConnection()
    with pytest.raises(Exception, match="closed"):
        await ended
    assert await serve(string, server) == address
    after = await service.whenConnected()
    after.transport.write(b"hello again")
    assert await after.receives(11) == b"hello again"
    await service.stopService()
