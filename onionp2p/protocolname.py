# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The names of libp2p's protocols: C{/ipfs/ping/1.0.0} (libp2p specs, C{connections/README.md}).
"""

from __future__ import annotations

__all__ = ["LONGEST_NAME", "MULTISTREAM", "checkProtocolName"]

MULTISTREAM = "/multistream/1.0.0"
"""By which two ends agree on what they speak, so that it can't be what they agree on."""

LONGEST_NAME = 1023
"""Bytes that a name has at most, in UTF-8."""


def checkProtocolName(name: str) -> str:
    """
    Give a protocol's name back.

    @raise ValueError: if it is none that can be proposed.
    """
    if not name.startswith("/") or "\n" in name or name == MULTISTREAM:
        raise ValueError("the name of a protocol is one line that begins with a slash")
    if len(name.encode("utf-8")) > LONGEST_NAME:
        raise ValueError(f"the name of a protocol has at most {LONGEST_NAME} bytes")
    return name
