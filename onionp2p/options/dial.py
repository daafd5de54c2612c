# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:dial:…}.
"""

from __future__ import annotations

from onionp2p.options.records import DialOptions
from onionp2p.options.values import TOR_OPTIONS, Arguments, Keywords, Options

__all__ = ["parseDial"]

_KNOWN = TOR_OPTIONS | {"addr", "port", "auth", "isolate", "socks", "timeout"}
_NOT_YET = frozenset({"protocol", "identity"})


def parseDial(args: Arguments, keywords: Keywords) -> DialOptions:
    """
    Read what follows C{onionp2p:} in the string of a client endpoint.

    @raise ValueError: names the option that is wrong.
    """
    options = Options("dial", args, keywords)
    options.checkNames(_KNOWN, _NOT_YET)
    if "addr" not in options:
        raise options.wrong("addr", "is missing: <56 characters>.onion:PORT")
    address = options.address()
    options.checkPositional()
    if address.peerID is not None:
        raise options.wrong(
            "addr",
            "has /p2p/<peer id>, which names a libp2p peer, which only libp2p's own handshake can"
            " prove; a raw dial can't, so leave it out",
        )
    options.checkAlone("socks", TOR_OPTIONS, "which dials through a tor that is already running")
    options.checkAlone("socks", {"auth"}, "since tor takes a key by its control port alone")
    return DialOptions(
        address=address,
        auth=options.path("auth"),
        isolate=options.word("isolate"),
        socks=options.portOrPath("socks"),
        timeout=options.seconds("timeout", DialOptions.timeout),
        tor=options.tor(),
    )
