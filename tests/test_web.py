# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
HTTP to onions by Twisted's own agent, with a tor in memory.
"""

from __future__ import annotations

import weakref
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.ssl import PrivateCertificate
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web.client import (
    URI,
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    RedirectAgent,
    ResponseFailed,
    readBody,
)
from twisted.web.error import SchemeNotSupported
from twisted.web.iweb import IAgentEndpointFactory
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from onionp2p import DialOptions, OnionAddress, OnionClientEndpoint
from onionp2p.events import Connected, Event
from onionp2p.keys import Identity
from onionp2p.keys.files import saveIdentity
from onionp2p.testing import FakeNetwork, MemoryReactor
from onionp2p.testing.certificates import selfSigned
from onionp2p.web import NotAnOnion, OnionAgentEndpointFactory

pytestmark = [  # Twisted's own, over TCP too: when a body comes after its headers, and with TLS
    pytest.mark.filterwarnings("ignore:Using readBody with a transport:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning"),
]

NOBODY = Identity(bytes(32)).label


class Where(Resource):
    """
    Says which host was asked for, or sends away who asks for C{/away}.
    """

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        """
        Answer.
        """
        if request.path == b"/away":
            request.redirect(b"http://example.com/")
            return b""
        host: bytes = request.getHeader(b"host")
        return host


def serve(reactor: MemoryReactor, string: str = "onionp2p:listen:port=80") -> Any:
    """
    Serve L{Where}, and give the onion's host name.
    """
    site = Site(Where(), reactor=reactor)  # type: ignore[no-untyped-call]
    port: Any = reactor.resultOf(serverFromString(reactor, string).listen(site))
    return port.getHost().hostname


def get(reactor: MemoryReactor, agent: Any, url: str) -> Any:
    """
    Give the body of the answer.
    """

    async def request() -> bytes:
        response = await agent.request(b"GET", url.encode("ascii"))
        body: bytes = await readBody(response)
        return body

    return reactor.resultOf(Deferred.fromCoroutine(request()))


def agentOf(reactor: MemoryReactor, *args: Any, **kwargs: Any) -> Any:
    """
    Make an agent that reaches onions, closing each connection after its answer.
    """
    return Agent.usingEndpointFactory(reactor, OnionAgentEndpointFactory(reactor, *args, **kwargs))


def test_interface() -> None:
    """
    The factory is what agents take.
    """
    verifyObject(IAgentEndpointFactory, OnionAgentEndpointFactory(object()))


@pytest.mark.parametrize("prefix", ["", "shop.", "a.b."])
def test_onion(memory_reactor: MemoryReactor, fake_network: FakeNetwork, prefix: str) -> None:
    """
    A page is fetched from an onion; of a sub-domain only its server hears.
    """
    host = prefix + serve(memory_reactor)
    seen: list[Event] = []
    agent = agentOf(memory_reactor, observer=seen.append)
    assert get(memory_reactor, agent, f"http://{host}/") == host.encode("ascii")
    assert isinstance(seen[-1], Connected)


def test_otherPort(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The port of a URI is the onion's virtual port.
    """
    host = serve(memory_reactor, "onionp2p:listen:port=8080")
    body = get(memory_reactor, agentOf(memory_reactor), f"http://{host.upper()}:8080/")
    assert body.lower() == f"{host}:8080".encode("ascii")


def test_keepAlive(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    An agent with a pool asks again on the same connection.
    """
    host = serve(memory_reactor)
    pool = HTTPConnectionPool(memory_reactor)
    agent = Agent.usingEndpointFactory(
        memory_reactor, OnionAgentEndpointFactory(memory_reactor), pool
    )
    for _ in range(3):
        get(memory_reactor, agent, f"http://{host}/")
    assert len(fake_network.dials) == 1
    memory_reactor.resultOf(pool.closeCachedConnections())


def serveTLS(reactor: MemoryReactor, folder: Path) -> tuple[str, PrivateCertificate]:
    """
    Serve L{Where} by TLS at port 443, and give the onion's host name and its certificate.
    """
    identity = Identity.generate()
    saveIdentity(str(folder / "key"), identity)
    host = f"{identity.label}.onion"
    certificate = selfSigned(host)
    site = Site(Where(), reactor=reactor)  # type: ignore[no-untyped-call]
    secure: Any = TLSMemoryBIOFactory(certificate.options(), False, site)
    endpoint = serverFromString(reactor, f"onionp2p:listen:port=443:key={folder}/key")
    reactor.resultOf(endpoint.listen(secure))
    return host, certificate


@pytest.fixture
def tls(memory_reactor: MemoryReactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Have TLS use the reactor in memory: before Twisted 26, wrapClientTLS can't be told.
    """
    monkeypatch.setattr("twisted.protocols.tls._get_default_clock", lambda: memory_reactor)


@pytest.mark.usefixtures("tls")
def test_tls(memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path) -> None:
    """
    What C{https://} names is reached by TLS inside the onion, where the policy trusts it.
    """
    host, certificate = serveTLS(memory_reactor, tmp_path)
    policy = BrowserLikePolicyForHTTPS(trustRoot=certificate)
    body = get(memory_reactor, agentOf(memory_reactor, policy), f"https://{host}/")
    assert body == host.encode("ascii")


@pytest.mark.usefixtures("tls")
def test_untrusted(
    memory_reactor: MemoryReactor, fake_network: FakeNetwork, tmp_path: Path
) -> None:
    """
    Without a policy of one's own, a certificate has to be one that browsers take.
    """
    host, _ = serveTLS(memory_reactor, tmp_path)
    with pytest.raises(ResponseFailed, match="certificate verify failed"):
        get(memory_reactor, agentOf(memory_reactor), f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://example.com/",
        "http://127.0.0.1:9050/",
        "http://[::1]/",
        "http://onion/",
        "http://.onion/",
        f"http://{NOBODY}.onion./",
        f"http://{NOBODY}.onion.example.com/",
        f"http://{NOBODY}/",
        f"http://{NOBODY[:-1]}.onion/",
        f"http://x{NOBODY[1:]}.onion/",
        "http://expyuzz4wqqyqhjn.onion/",
        f"http://{NOBODY}.onion:0/",
        f"http://{NOBODY}.onion:65536/",
        f"http://user@{NOBODY}.onion/",
    ],
)
def test_refused(memory_reactor: MemoryReactor, fake_network: FakeNetwork, url: str) -> None:
    """
    All that is not the address of an onion is refused before anything is opened or started, as a
    failed request, and the error does not repeat it.
    """
    failed = agentOf(memory_reactor).request(b"GET", url.encode("ascii"))
    with pytest.raises(NotAnOnion) as caught:
        memory_reactor.resultOf(failed)
    assert (fake_network.tors, memory_reactor.leftovers()) == ([], [])
    assert NOBODY[1:-1] not in str(caught.value)


def test_notASCII() -> None:
    """
    Nor is a host with bytes that are no text.
    """
    factory = OnionAgentEndpointFactory(object())
    for host in (b"\xff.onion", b"\xe2\x84\xaa" + NOBODY[1:].encode("ascii") + b".onion"):
        with pytest.raises(NotAnOnion):
            factory.endpointForURI(URI(b"http", host, host, 80, b"/", b"", b"", b""))


@pytest.mark.parametrize("scheme", ["ftp", "onion", "file"])
def test_schemes(memory_reactor: MemoryReactor, fake_network: FakeNetwork, scheme: str) -> None:
    """
    So is what is neither HTTP nor WebSocket.
    """
    with pytest.raises(SchemeNotSupported, match=scheme):
        get(memory_reactor, agentOf(memory_reactor), f"{scheme}://{NOBODY}.onion/")
    assert fake_network.tors == []


def test_webSocket() -> None:
    """
    Twisted's WebSocket client may have its endpoints from here.
    """
    factory = OnionAgentEndpointFactory(object())
    plain = factory.endpointForURI(URI.fromBytes(f"ws://{NOBODY}.onion/".encode("ascii")))
    assert isinstance(plain, OnionClientEndpoint)
    secure = factory.endpointForURI(URI.fromBytes(f"wss://{NOBODY}.onion/".encode("ascii")))
    assert not isinstance(secure, OnionClientEndpoint)


def test_redirect(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    A redirect that leads out of Tor is not followed.
    """
    host = serve(memory_reactor)
    agent = RedirectAgent(agentOf(memory_reactor))
    with pytest.raises(NotAnOnion):
        get(memory_reactor, agent, f"http://{host}/away")
    assert len(fake_network.dials) == 1


def tokens(reactor: MemoryReactor, network: FakeNetwork, agents: list[Any]) -> list[bytes]:
    """
    Have each agent fetch from one onion twice, and give the tokens that tor saw.
    """
    host = serve(reactor)
    for agent in agents * 2:
        get(reactor, agent, f"http://{host}/")
    return [dial.token for dial in network.dials]


def test_circuits(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The requests of one factory share an onion's circuits, and those of another do not.
    """
    agents = [agentOf(memory_reactor) for _ in range(2)]
    a, b, a2, b2 = tokens(memory_reactor, fake_network, agents)
    assert (a, b) == (a2, b2)
    assert a != b


def test_circuitsOfOnions(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Nor do those to two onions.
    """
    agent = agentOf(memory_reactor)
    for host in [serve(memory_reactor) for _ in range(2)]:
        get(memory_reactor, agent, f"http://{host}/")
    one, other = fake_network.dials
    assert one.token != other.token


def test_options(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    The options of the dials are as said: here, each has circuits of its own.
    """
    agent = agentOf(memory_reactor, options=partial(DialOptions, isolate="dial"))
    assert len(set(tokens(memory_reactor, fake_network, [agent]))) == 2


def test_forgets(memory_reactor: MemoryReactor, fake_network: FakeNetwork) -> None:
    """
    Who crawls through many onions does not fill the memory.
    """
    seen: list[Any] = []

    def options(address: OnionAddress) -> DialOptions:
        seen.append(address)
        return DialOptions(address)

    factory = OnionAgentEndpointFactory(memory_reactor, options=options)
    uris = [f"http://{NOBODY}.onion:{port}/" for port in range(1, 300)]
    made = [weakref.ref(factory.endpointForURI(URI.fromBytes(it.encode("ascii")))) for it in uris]
    assert len(seen) == 299
    assert sum(it() is not None for it in made) < 299
    factory.endpointForURI(URI.fromBytes(uris[-1].encode("ascii")))
    assert len(seen) == 299
