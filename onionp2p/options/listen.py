# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:listen:…}.
"""

from __future__ import annotations

from onionp2p.options.combinations import OF_ITS_OWN_ONION, TOR_OPTIONS, checkListen
from onionp2p.options.records import Admission, ListenOptions
from onionp2p.options.written import Arguments, Keywords, Written

__all__ = ["parseListen"]

_OF_ALL = frozenset({"port", "addr", "target", "maxconnections", "wait", "timeout"})
_LIBP2P = frozenset({"protocol", "identity"})
_KNOWN = TOR_OPTIONS | OF_ITS_OWN_ONION | _OF_ALL | _LIBP2P
_SINGLE_HOP = frozenset({"singlehop", "nonanonymous", "single-hop", "non-anonymous"})


def parseListen(args: Arguments, keywords: Keywords) -> ListenOptions:
    """
    Read what follows C{onionp2p:} in the string of a server endpoint.

    @raise ValueError: names the option that is wrong.
    """
    options = Written("listen", args, keywords)
    for name in _SINGLE_HOP:
        if name in options:
            raise options.wrong(
                name, "is refused: a single-hop onion service tells everybody where it is"
            )
    options.checkNames(_KNOWN)
    attach = options.address() if "addr" in options else None
    options.checkPositional()
    checkListen(options.names)
    port = options.read("port") if attach is None else attach.port
    if port is None:
        raise options.wrong("port", "is missing: the onion's virtual port, 1-65535")
    if attach is not None and attach.peerID is not None:
        raise options.wrong("addr", "takes no /p2p/<peer id>: it is an onion that is attached to")
    # Beside an introrate= above tor's own burst, that burst would be refused.
    introRate, introBurst = options.read("introrate"), options.read("introburst")
    if introBurst is None:
        introBurst = max(introRate or 0, Admission.introBurst)
    admission = options.record(Admission, introRate=introRate, introBurst=introBurst)
    return options.record(ListenOptions, port=port, attach=attach, admission=admission)
