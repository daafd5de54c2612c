# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whom to ping: how a command's text says which libp2p peer must answer.

C{/p2p/<peer id>} behind an onion's address is for libp2p, and the rest of the text for who dials.
"""

from __future__ import annotations

import re

from onionp2p.peerid import decodePeerID

__all__ = ["checkUnnamed", "isBareAddress", "splitPeer"]

# Only behind an onion's address, with its colon as endpoint strings may write it: the path of a
# file, in some other option, can have a folder of that name.
_PEER = re.compile(r"(/onion3/[A-Za-z2-7]{56}\\?:[0-9]{1,5})/p2p/([0-9A-Za-z]+)")


def isBareAddress(text: str) -> bool:
    """
    Whether it is an onion's address, and no endpoint string.
    """
    return text.startswith("/") or text.partition(":")[0].lower().endswith(".onion")


def splitPeer(text: str) -> tuple[str, str | None]:
    """
    Take the peer id out of an onion's address, or out of an endpoint string with one.

    @return: the text without it, and the peer id or L{None}.

    @raise ValueError: if what stands there is no peer id.
    """
    found = _PEER.search(text)
    if found is None:
        return text, None
    decodePeerID(found[2])
    return text[: found.end(1)] + text[found.end() :], found[2]


def checkUnnamed(description: str) -> None:
    """
    See that an endpoint string, which is to carry a libp2p connection, does not make one itself.

    @raise ValueError: if it does.
    """
    if re.search(r":protocol=", description):
        raise ValueError("protocol= makes it libp2p already: leave it out, or --libp2p")
