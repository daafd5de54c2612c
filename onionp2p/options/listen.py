# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:listen:…}.
"""

from __future__ import annotations

from onionp2p.options.combinations import OF_ITS_OWN_ONION, TOR_OPTIONS, checkListen
from onionp2p.options.records import (
    WATCH_SECONDS,
    Admission,
    ListenOptions,
    ProofOfWork,
    Wait,
)
from onionp2p.options.values import Options
from onionp2p.options.written import Arguments, Keywords

__all__ = ["parseListen"]

_OF_ALL = frozenset({"port", "addr", "target", "maxconnections", "wait", "timeout"})
_LIBP2P = frozenset({"protocol", "identity"})
_KNOWN = TOR_OPTIONS | OF_ITS_OWN_ONION | _OF_ALL | _LIBP2P
_SINGLE_HOP = frozenset({"singlehop", "nonanonymous", "single-hop", "non-anonymous"})
_MOST = 999_999_999
_MOST_STREAMS = 65535
_MOST_INTRODUCTIONS = 2**31 - 1


def parseListen(args: Arguments, keywords: Keywords) -> ListenOptions:
    """
    Read what follows C{onionp2p:} in the string of a server endpoint.

    @raise ValueError: names the option that is wrong.
    """
    options = Options("listen", args, keywords)
    for name in _SINGLE_HOP:
        if name in options:
            raise options.wrong(
                name, "is refused: a single-hop onion service tells everybody where it is"
            )
    options.checkNames(_KNOWN)
    attach = options.address() if "addr" in options else None
    options.checkPositional()
    checkListen(options.names)
    port = options.port() if attach is None else attach.port
    if port is None:
        raise options.wrong("port", "is missing: the onion's virtual port, 1-65535")
    if attach is not None and attach.peerID is not None:
        raise options.wrong("addr", "takes no /p2p/<peer id>: it is an onion that is attached to")
    return ListenOptions(
        port=port,
        key=options.path("key"),
        attach=attach,
        target=options.target("target"),
        admission=_admission(options),
        maxConnections=options.number("maxconnections", 0, _MOST) or 0,
        circuits=options.yesOrNo("circuits"),
        frontend=options.onion("frontend"),
        wait=options.choice("wait", Wait.PUBLISHED),
        watch=options.secondsOrNo("watch", WATCH_SECONDS),
        timeout=options.seconds("timeout", ListenOptions.timeout),
        protocol=options.protocol(),
        identity=options.identity(),
        tor=options.tor(),
    )


def _admission(options: Options) -> Admission:
    introRate = options.number("introrate", 1, _MOST_INTRODUCTIONS)
    introBurst = options.number("introburst", 1, _MOST_INTRODUCTIONS)
    return Admission(
        clients=options.path("clients"),
        proofOfWork=options.choice("pow", ProofOfWork.AUTO),
        powRate=options.number("powrate", 0, _MOST),
        powBurst=options.number("powburst", 0, _MOST),
        maxStreams=options.number("maxstreams", 0, _MOST_STREAMS) or 0,
        introRate=introRate,
        introBurst=introBurst or max(introRate or 0, Admission.introBurst),
    )
