# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:dial:…}.
"""

from __future__ import annotations

from onionp2p.options.combinations import TOR_OPTIONS, checkDial
from onionp2p.options.records import DialOptions
from onionp2p.options.written import Arguments, Keywords, Written

__all__ = ["parseDial"]

_LIBP2P = frozenset({"protocol", "identity"})
_KNOWN = TOR_OPTIONS | _LIBP2P | {"addr", "port", "auth", "isolate", "socks", "timeout"}


def parseDial(args: Arguments, keywords: Keywords) -> DialOptions:
    """
    Read what follows C{onionp2p:} in the string of a client endpoint.

    @raise ValueError: names the option that is wrong.
    """
    options = Written("dial", args, keywords)
    options.checkNames(_KNOWN)
    if "addr" not in options:
        raise options.wrong("addr", "is missing: <56 characters>.onion:PORT")
    address = options.address()
    options.checkPositional()
    checkDial(options.names)
    return options.record(DialOptions, address=address)
