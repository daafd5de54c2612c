# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The options of C{onionp2p:listen:…}.
"""

from __future__ import annotations

from onionp2p.options.records import Admission, ListenOptions, ProofOfWork, Wait
from onionp2p.options.values import TOR_OPTIONS, Arguments, Keywords, Options

__all__ = ["parseListen"]

_ADMISSION = frozenset({"clients", "pow", "powrate", "powburst", "maxstreams"})
_OF_ITS_OWN_ONION = _ADMISSION | {"key", "circuits", "frontend"}
_KNOWN = TOR_OPTIONS | _OF_ITS_OWN_ONION | {"port", "addr", "target", "wait", "timeout"}
_NOT_YET = _ADMISSION | {
    "addr", "target", "circuits", "frontend", "control", "protocol", "identity"
}  # fmt: skip
_SINGLE_HOP = frozenset({"singlehop", "nonanonymous", "single-hop", "non-anonymous"})
_MOST = 999_999_999
_MOST_STREAMS = 65535


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
    options.checkNames(_KNOWN, _NOT_YET)
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
        circuits=options.yesOrNo("circuits"),
        frontend=options.onion("frontend"),
        wait=_wait(options),
        timeout=options.seconds(ListenOptions.timeout),
        tor=options.tor(),
    )


def _checkCombinations(options: Options) -> None:
    options.checkAlone("addr", _OF_ITS_OWN_ONION, "which attaches to an onion that exists")
    options.checkAlone(
        "control", {"circuits", "frontend"}, "which leaves that tor's other services as they are"
    )
    if "addr" in options and not {"target", "control"} & options.names:
        raise options.wrong("addr", "needs target=, where its tor delivers, or control=, to ask it")
    if "target" in options and not {"addr", "control"} & options.names:
        raise options.wrong("target", "needs addr= or control=: our own tor has a private socket")
    if {"addr", "target"} <= options.names:
        options.checkAlone("target", TOR_OPTIONS - {"control"}, "which needs no tor of ours")


def _wait(options: Options) -> Wait:
    if options.word("wait") == "reachable":
        raise options.wrong("wait", "reachable is not supported yet")
    return options.choice("wait", Wait.PUBLISHED)


def _admission(options: Options) -> Admission:
    work = options.choice("pow", ProofOfWork.AUTO)
    if work is ProofOfWork.NO and {"powrate", "powburst"} & options.names:
        raise options.wrong("pow", "no leaves powrate= and powburst= without use")
    return Admission(
        clients=options.path("clients"),
        proofOfWork=work,
        powRate=options.number("powrate", 0, _MOST),
        powBurst=options.number("powburst", 0, _MOST),
        maxStreams=options.number("maxstreams", 0, _MOST_STREAMS) or 0,
    )
