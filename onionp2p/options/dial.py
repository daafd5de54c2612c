# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:dial:…}.
"""

from __future__ import annotations

from onionp2p.options.records import ONION_IDENTITY, DialOptions
from onionp2p.options.values import TOR_OPTIONS, Options
from onionp2p.options.written import Arguments, Keywords

__all__ = ["parseDial"]

_LIBP2P = frozenset({"protocol", "identity"})
_KNOWN = TOR_OPTIONS | _LIBP2P | {"addr", "port", "auth", "isolate", "socks", "timeout"}


def parseDial(args: Arguments, keywords: Keywords) -> DialOptions:
    """
    Read what follows C{onionp2p:} in the string of a client endpoint.

    @raise ValueError: names the option that is wrong.
    """
    options = Options("dial", args, keywords)
    options.checkNames(_KNOWN)
    if "addr" not in options:
        raise options.wrong("addr", "is missing: <56 characters>.onion:PORT")
    address = options.address()
    options.checkPositional()
    protocol = options.protocol()
    if address.peerID is not None and protocol is None:
        raise options.wrong(
            "addr",
            "has /p2p/<peer id>, which names a libp2p peer, which only libp2p's own handshake can"
            " prove: say what to speak with it, protocol=NAME, or leave it out",
        )
    options.checkAlone("socks", TOR_OPTIONS, "which dials through a tor that is already running")
    options.checkAlone("socks", {"auth"}, "since tor takes a key by its control port alone")
    return DialOptions(
        address=address,
        auth=options.path("auth"),
        isolate=options.word("isolate"),
        socks=options.portOrPath("socks"),
        timeout=options.seconds("timeout", DialOptions.timeout),
        protocol=protocol,
        identity=_identity(options),
        tor=options.tor(),
    )


def _identity(options: Options) -> str | None:
    if options.text("identity") == ONION_IDENTITY:
        raise options.wrong(
            "identity", "onion is for listeners, who have one; a file of that name is ./onion"
        )
    return options.path("identity")
