# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion addresses: what an onion service is called, and who is at the other end.

An onion address is the service's ed25519 public key, a checksum and a version
number in base32 (rend-spec-v3, section 6 [ONIONADDRESS]).  It is written as a
multiaddr, C{/onion3/<56 characters>:<port>}, optionally followed by
C{/p2p/<peer id>}, or as a host name and a port, C{<56 characters>.onion:<port>}.
A multiaddr has a binary form too, which libp2p sends.

Everything here is pure, and total: any text, and any bytes, give an address or
an L{AddressError}.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from dataclasses import dataclass

from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from onionp2p.onionlabel import LABEL_BYTES, AddressError, checkLabel, labelFromPublicKey
from onionp2p.peerid import decodePeerID, encodePeerID

__all__ = [
    "AddressError",
    "OnionAddress",
    "OnionPeer",
    "ShortenedAddress",
    "labelFromPublicKey",
    "parsePort",
]

# An onion's multiaddr with the longest peer id is well below this.
_LONGEST_TEXT = 256
# Below 128, so that a varint of one byte holds any length within.
_LONGEST_BYTES = 127
# As varints: the codes 445 and 421 of multiformats' table of codecs.
_ONION3 = b"\xbd\x03"
_P2P = b"\xa5\x03"


def parsePort(text: str) -> int:
    """
    Read a virtual port, 1 to 65535, in plain decimal digits.

    @raise AddressError: for anything else.
    """
    # isdecimal() alone lets in digits of other scripts.
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or text.startswith("0"):
        raise AddressError("a port is a number from 1 to 65535, in plain digits")
    port = int(text)
    if port > 65535:
        raise AddressError("a port is a number from 1 to 65535")
    return port


@implementer(IAddress)
@dataclass(frozen=True)
class OnionAddress:
    """
    A port of a version 3 onion service.  C{str()} of it is its multiaddr.

    @ivar label: the 56 characters before C{.onion}, in lower case.
    @ivar port: the virtual port, 1 to 65535.
    @ivar peerID: the libp2p peer that is said to be there, in base58, or L{None}.  A CID is taken
        too: peers that are the same are equal.

    @raise AddressError: if a part is not valid.
    """

    label: str
    port: int
    peerID: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", checkLabel(self.label))
        if not 1 <= self.port <= 65535:
            raise AddressError("a port is a number from 1 to 65535")
        if self.peerID is not None:
            try:
                peerID = encodePeerID(decodePeerID(self.peerID))
            except ValueError as problem:
                raise AddressError(str(problem)) from None
            object.__setattr__(self, "peerID", peerID)

    @classmethod
    def fromString(cls, text: str, port: int | None = None) -> OnionAddress:
        """
        Read any spelling of an onion's address.

        @param text: C{/onion3/<56>:<port>[/p2p/<peer id>]},
            C{<56>.onion:<port>} or, where C{port} is given, C{<56>.onion}.
        @param port: the virtual port, where C{text} does not hold it.

        @raise AddressError: says what is wrong with C{text}.
        """
        if len(text) > _LONGEST_TEXT:
            raise AddressError(f"an address has at most {_LONGEST_TEXT} characters")
        if text.startswith("/"):
            name, peerID = cls._splitMultiaddr(text)
        else:
            name, peerID = text, None
        host, colon, portText = name.partition(":")
        if colon:
            if port is not None and str(port) != portText:
                raise AddressError("the address names one port and port= another: give one of them")
            port = parsePort(portText)
        if port is None:
            raise AddressError("the address lacks its port: write it as ADDRESS:PORT")
        if not text.startswith("/"):
            if not host.lower().endswith(".onion"):
                raise AddressError(
                    "an address is written <56 characters>.onion:PORT or"
                    " /onion3/<56 characters>:PORT"
                )
            host = host[: -len(".onion")]
        return cls(host, port, peerID)

    @staticmethod
    def _splitMultiaddr(text: str) -> tuple[str, str | None]:
        """
        Split C{/onion3/NAME[/p2p/ID]} into its name and its peer id.
        """
        parts = text.split("/")
        if parts[1] == "onion":
            raise AddressError("/onion is version 2, which Tor no longer serves: use /onion3")
        if parts[1] != "onion3" or len(parts) < 3:
            raise AddressError("a multiaddr of an onion begins with /onion3/<56 characters>:PORT")
        if len(parts) == 3:
            return parts[2], None
        if len(parts) == 5 and parts[3] == "p2p":
            return parts[2], parts[4]
        raise AddressError("after /onion3/<56 characters>:PORT only /p2p/<peer id> may follow")

    @classmethod
    def fromBytes(cls, data: bytes) -> OnionAddress:
        """
        Read a binary multiaddr, as L{toBytes} writes it.

        @raise AddressError: if C{data} is anything else: another protocol, something missing,
            something after it, or a code or length that is written longer than it need be.
        """
        if len(data) > _LONGEST_BYTES:
            raise AddressError(f"a binary multiaddr of an onion has at most {_LONGEST_BYTES} bytes")
        if not data.startswith(_ONION3):
            raise AddressError("a binary multiaddr of an onion begins with the code of onion3, 445")
        end = len(_ONION3) + LABEL_BYTES + 2
        if len(data) < end:
            raise AddressError(
                f"the binary multiaddr is cut off: onion3 has {LABEL_BYTES} bytes of address and 2"
                " of port"
            )
        label = b32encode(data[len(_ONION3) : end - 2]).decode("ascii").lower()
        port = int.from_bytes(data[end - 2 : end], "big")
        if len(data) == end:
            return cls(label, port)
        head, multihash = data[end : end + len(_P2P) + 1], data[end + len(_P2P) + 1 :]
        if head != _P2P + bytes([len(multihash)]):
            raise AddressError("after onion3 only the code of p2p, 421, and one peer id may follow")
        return cls(label, port, encodePeerID(multihash))

    def toBytes(self) -> bytes:
        """
        Give the binary multiaddr, 39 bytes: the code of onion3 (445, as a varint), the 35 bytes of
        the address, the port, big-endian; then, where there is a peer, the code of p2p (421), the
        length of its multihash, and that.

        See multiformats/multiaddr, C{protocols/onion3.md}, and libp2p's C{addressing}.
        """
        data = _ONION3 + b32decode(self.label.upper()) + self.port.to_bytes(2, "big")
        if self.peerID is not None:
            multihash = decodePeerID(self.peerID)
            data += _P2P + bytes([len(multihash)]) + multihash
        return data

    @property
    def hostname(self) -> str:
        """
        C{<56>.onion}.
        """
        return f"{self.label}.onion"

    @property
    def host(self) -> str:
        """
        The same as L{hostname}, under the name that Twisted's addresses use.
        """
        return self.hostname

    @property
    def shortened(self) -> str:
        """
        Enough to tell addresses apart in a log, too little to dial.
        """
        return f"{self.label[:6]}….onion:{self.port}"

    def __str__(self) -> str:
        suffix = "" if self.peerID is None else f"/p2p/{self.peerID}"
        return f"/onion3/{self.label}:{self.port}{suffix}"


@implementer(IAddress)
class ShortenedAddress:
    """
    As much of a dialled address as an error may hold.

    @ivar host: the beginning of the host name.
    @ivar port: the virtual port.
    """

    def __init__(self, address: OnionAddress) -> None:
        self.host = address.shortened.partition(":")[0]
        self.port = address.port

    def __repr__(self) -> str:
        return f"<{self.host}:{self.port}>"


@implementer(IAddress)
@dataclass(frozen=True, slots=True)
class OnionPeer:
    """
    Somebody who came in through an onion service: nobody knows who or whence.

    @ivar circuit: the number of the circuit that the peer came by, where the
        listener was asked to tell peers apart, else L{None}.
    @ivar host: a name that never resolves (RFC 2606), for the programs that
        read the host of every address.
    @ivar port: always 0.
    """

    circuit: int | None = None
    host: str = "anonymous.invalid"
    port: int = 0

    def __str__(self) -> str:
        return "anonymous onion peer" if self.circuit is None else f"onion peer #{self.circuit}"
