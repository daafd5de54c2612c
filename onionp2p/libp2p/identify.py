# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What nodes tell of themselves (libp2p specs, C{identify/README.md}): C{/ipfs/id/1.0.0}.

We tell what the peer knows already or must know: our key, our protocols, the onion's address where
there is one.  Agent and version are the same for everybody.  Where the peer comes from is not told:
the address that we observe is one of this machine.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from onionp2p.address import OnionAddress
from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import WireError
from onionp2p.libp2p.publickey import PublicKey
from onionp2p.libp2p.wire import Message, bytesField

__all__ = ["LONGEST", "NAME", "Identification", "take"]

NAME = "/ipfs/id/1.0.0"

LONGEST = 8192
"""Bytes of a message."""

_AGENT = "onionp2p"
_PROTOCOL_VERSION = "ipfs/0.1.0"


@dataclass(frozen=True, slots=True)
class Identification:
    """
    What a node says of itself.  A peer's is but a claim.

    @ivar publicKey: libp2p's C{PublicKey} message, or L{None}.
    @ivar addresses: where it listens: multiaddrs in bytes.
    @ivar protocols: what it speaks.
    """

    publicKey: bytes | None = None
    addresses: tuple[bytes, ...] = ()
    protocols: tuple[str, ...] = ()
    agent: str = ""
    protocolVersion: str = ""

    @classmethod
    def ofOurs(
        cls, publicKey: PublicKey, protocols: Iterable[str], onion: OnionAddress | None
    ) -> Identification:
        """
        Say what we say.
        """
        return cls(
            publicKey.encoded,
            () if onion is None else (OnionAddress(onion.label, onion.port).toBytes(),),
            tuple(sorted(protocols)),
            _AGENT,
            _PROTOCOL_VERSION,
        )

    @classmethod
    def decode(cls, encoded: bytes) -> Identification:
        """
        Read an C{Identify} message.

        @raise WireError: if it is none.
        """
        if len(encoded) > LONGEST:
            raise WireError(f"Its identification has {len(encoded)} bytes.")
        message = Message(encoded)
        return cls(
            message.last(1),
            tuple(message.all(2)),
            tuple(message.texts(3)),
            "".join(message.texts(6)[-1:]),
            "".join(message.texts(5)[-1:]),
        )

    def encode(self) -> bytes:
        """
        Write an C{Identify} message, its length before it.
        """
        fields = [
            *([] if self.publicKey is None else [bytesField(1, self.publicKey)]),
            *(bytesField(2, address) for address in self.addresses),
            *(bytesField(3, name.encode("utf-8")) for name in self.protocols),
            bytesField(5, self.protocolVersion.encode("utf-8")),
            bytesField(6, self.agent.encode("utf-8")),
        ]
        encoded = b"".join(fields)
        return varint.encode(len(encoded)) + encoded


def take(data: bytes) -> Identification | None:
    """
    Read what a peer sent.

    @return: L{None} if more is needed.

    @raise WireError: if it is no message, or too long a one.
    """
    found = varint.decode(data)
    if found is None:
        return None
    size, start = found
    if size > LONGEST:
        raise WireError(f"Its identification has {size} bytes.")
    if len(data) - start < size:
        return None
    return Identification.decode(data[start : start + size])
