# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Web servers and clients.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from treq.client import HTTPClient
from twisted.internet import reactor
from twisted.web.client import Agent, HTTPConnectionPool, readBody
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from onionp2p.web import OnionAgentEndpointFactory
from tests.interop.onions import served
from tests.programs import Program

# Twisted's own, over TCP too, when a body comes after its headers.
pytestmark = pytest.mark.filterwarnings("ignore:Using readBody with a transport:DeprecationWarning")


@implementer(IAgentEndpointFactory)
class Counting:
    """
    Counts the connections that an agent makes.
    """

    def __init__(self) -> None:
        self._endpoints = OnionAgentEndpointFactory(reactor)
        self._endpoint: Any = None
        self.connections = 0

    def endpointForURI(self, uri: Any) -> Any:
        """
        Give an endpoint that is ours.
        """
        self._endpoint = self._endpoints.endpointForURI(uri)
        return self

    def connect(self, factory: Any) -> Any:
        """
        Count, and connect.
        """
        self.connections += 1
        return self._endpoint.connect(factory)


async def serveFiles(start: Callable[..., Program], folder: Path) -> str:
    """
    Have Twisted's stock web server serve a folder, and give its URL.
    """
    listen = "onionp2p:listen:port=80"
    server = start("twistd", "-n", "--pidfile=", "web", "--listen", listen, "--path", str(folder))
    return f"http://{(await served(server)).hostname}"


@pytest.mark.interop("twistd web")
async def test_twistdWeb(start: Callable[..., Program], tmp_path: Path) -> None:
    """
    Twisted's stock web server is an onion service by its --listen alone. Twisted's own client
    fetches files from it one after the other over one connection, which is kept alive.
    """
    content = secrets.token_bytes(300_000)
    (tmp_path / "index.html").write_text("<p>hello from an onion</p>")
    (tmp_path / "large").write_bytes(content)
    url = await serveFiles(start, tmp_path)
    pool, counting = HTTPConnectionPool(reactor), Counting()
    agent = Agent.usingEndpointFactory(reactor, counting, pool)

    async def get(path: str) -> tuple[int, bytes]:
        response = await agent.request(b"GET", f"{url}{path}".encode("ascii"))
        return response.code, await readBody(response)

    assert await get("/") == (200, b"<p>hello from an onion</p>")
    assert await get("/large") == (200, content)
    assert (await get("/none"))[0] == 404
    assert counting.connections == 1
    await pool.closeCachedConnections()


@pytest.mark.slow
@pytest.mark.interop("treq")
async def test_treq(start: Callable[..., Program], tmp_path: Path) -> None:
    """
    So does treq, whose client takes any agent.
    """
    (tmp_path / "a.json").write_text('{"from": "an onion"}')
    url = await serveFiles(start, tmp_path)
    client = HTTPClient(Agent.usingEndpointFactory(reactor, OnionAgentEndpointFactory(reactor)))
    response = await client.get(f"{url}/a.json", timeout=30)
    assert await response.json() == {"from": "an onion"}
