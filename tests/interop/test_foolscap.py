# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Foolscap, by the adapter of docs/howto/embedding.md.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from foolscap.api import Referenceable, Tub
from foolscap.ipb import InvalidHintError
from twisted.internet import reactor

from onionp2p.keys import Identity
from onionp2p.keys.files import saveIdentity

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "embedding" / "foolscap_hints.py"

# Foolscap is older than the newest pyOpenSSL and Python.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Adder(Referenceable):
    """
    Adds two numbers.
    """

    def remote_add(self, a: int, b: int) -> int:
        """
        Add.
        """
        return a + b


@pytest.mark.interop("Foolscap")
async def test_foolscap(tmp_path: Path) -> None:
    """
    An object at one Tub is reached by another through an onion, over the TLS that they begin
    themselves; whatever is not an onion is refused.
    """
    onlyOnions = runpy.run_path(str(EXAMPLE))["onlyOnions"]
    identity = Identity.generate()
    saveIdentity(str(tmp_path / "key"), identity)
    server, client = Tub(), Tub()
    listener = server.listenOn(f"onionp2p:listen:port=7000:key={tmp_path}/key")
    server.setLocation(f"tor:{identity.label}.onion:7000")
    onlyOnions(client)
    for tub in (server, client):
        tub.startService()
    furl = server.registerReference(Adder(), "adder")
    remote: Any = await client.getReference(furl)
    assert await remote.callRemote("add", 40, 2) == 42
    handler = client._connectionHandlers["tor"]
    for bad in ("tor:example.com:80", "tor:127.0.0.1:80", "tor:", "tor:x.onion:y"):
        with pytest.raises(InvalidHintError):
            handler.hint_to_endpoint(bad, reactor, print)
    assert list(client._connectionHandlers) == ["tor"]
    assert listener is not None
    await client.stopService()
    await server.stopService()
