# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:listen:…}.
"""

from __future__ import annotations

from onionp2p.options.records import (
    ONION_IDENTITY,
    WATCH_SECONDS,
    Admission,
    ListenOptions,
    ProofOfWork,
    Wait,
)
from onionp2p.options.values import TOR_OPTIONS, Options
from onionp2p.options.written import Arguments, Keywords

__all__ = ["parseListen"]

_INTRODUCTIONS = frozenset({"introrate", "introburst"})
_ADMISSION = _INTRODUCTIONS | {"clients", "pow", "powrate", "powburst", "maxstreams"}
_OF_ITS_OWN_ONION = _ADMISSION | {"key", "circuits", "frontend", "watch"}
_OF_ALL = frozenset({"port", "addr", "target", "maxconnections", "wait", "timeout"})
_LIBP2P = frozenset({"protocol", "identity"})
_KNOWN = TOR_OPTIONS | _OF_ITS_OWN_ONION | _OF_ALL | _LIBP2P
_SINGLE_HOP = frozenset({"singlehop", "nonanonymous", "single-hop", "non-anonymous"})
_MOST = 999_999_999
_POW_RATE, _POW_BURST = 250, 2500  # tor's own
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
    _checkCombinations(options)
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
        identity=_identity(options),
        tor=options.tor(),
    )


def _identity(options: Options) -> str | None:
    if options.text("identity") == ONION_IDENTITY:
        if "key" not in options:
            raise options.wrong("identity", "onion needs key=, the file of the onion's own key")
        return ONION_IDENTITY
    path = options.path("identity")
    if path is not None and path == options.path("key"):
        raise options.wrong(
            "identity",
            "is the onion's own file: say identity=onion if peers shall know them as one",
        )
    return path


def _checkCombinations(options: Options) -> None:
    options.checkAlone("addr", _OF_ITS_OWN_ONION, "which attaches to an onion that exists")
    options.checkAlone(
        "control",
        _INTRODUCTIONS | {"circuits", "frontend"},
        "which leaves that tor's other services as they are",
    )
    if _INTRODUCTIONS & options.names and not (
        options.yesOrNo("circuits") or "frontend" in options
    ):
        raise options.wrong("introrate", "needs circuits=yes or frontend=: tor has it there alone")
    if "addr" in options and not {"target", "control"} & options.names:
        raise options.wrong("addr", "needs target=, where its tor delivers, or control=, to ask it")
    if "target" in options and not {"addr", "control"} & options.names:
        raise options.wrong("target", "needs addr= or control=: our own tor has a private socket")
    if {"addr", "target"} <= options.names:
        options.checkAlone("target", TOR_OPTIONS, "which with addr= asks no tor")
    if options.choice("wait", Wait.PUBLISHED) is Wait.REACHABLE and "addr" in options:
        raise options.wrong("wait", "reachable is for onions of our own, not with addr=")
    if options.choice("wait", Wait.PUBLISHED) is Wait.REACHABLE and _isUnwatched(options):
        raise options.wrong("watch", "no leaves wait=reachable without an answer")


def _isUnwatched(options: Options) -> bool:
    return options.secondsOrNo("watch", WATCH_SECONDS) is None


def _admission(options: Options) -> Admission:
    work = options.choice("pow", ProofOfWork.AUTO)
    if work is ProofOfWork.NO and {"powrate", "powburst"} & options.names:
        raise options.wrong("pow", "no leaves powrate= and powburst= without use")
    powRate = options.number("powrate", 0, _MOST)
    powBurst = options.number("powburst", 0, _MOST)
    # Of the one that is not given, tor has its own.
    rate, burst = powRate or _POW_RATE, powBurst or _POW_BURST
    if burst < rate:
        raise options.wrong("powburst", f"({burst}) can't be less than powrate= ({rate})")
    introRate = options.number("introrate", 1, _MOST_INTRODUCTIONS)
    introBurst = options.number("introburst", 1, _MOST_INTRODUCTIONS)
    if introBurst is not None and (introRate is None or introBurst < introRate):
        raise options.wrong("introburst", "needs introrate=, which it can't be less than")
    return Admission(
        clients=options.path("clients"),
        proofOfWork=work,
        powRate=powRate,
        powBurst=powBurst,
        maxStreams=options.number("maxstreams", 0, _MOST_STREAMS) or 0,
        introRate=introRate,
        introBurst=introBurst or max(introRate or 0, Admission.introBurst),
    )
