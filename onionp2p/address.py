# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion addresses: what an onion service is called, and who is at the other end.

An onion address is the service's ed25519 public key, a checksum and a version
number in base32 (rend-spec-v3, section 6 [ONIONADDRESS]).  It is written as a
multiaddr, C{/onion3/<56 characters>:<port>}, optionally followed by
C{/p2p/<peer id>}, or as a host name and a port, C{<56 characters>.onion:<port>}.

Everything here is pure, and total: any text gives an address or an
L{AddressError}.
"""

from __future__ import annotations

from base64 import b32decode, b32encode
from dataclasses import dataclass
from hashlib import sha3_256

from twisted.internet.interfaces import IAddress
from zope.interface import implementer

from onionp2p.peerid import decodePeerID

__all__ = [
    "AddressError",
    "OnionAddress",
    "OnionPeer",
    "ShortenedAddress",
    "labelFromPublicKey",
    "parsePort",
]

_VERSION = 3
_LABEL_LENGTH = 56
_BASE32 = frozenset("abcdefghijklmnopqrstuvwxyz234567")
# An onion's multiaddr with the longest peer id is well below this.
_LONGEST_TEXT = 256


class AddressError(ValueError):
    """
    A text is not the address of a version 3 onion service.
    """


def _checksum(publicKey: bytes, version: int) -> bytes:
    return sha3_256(b".onion checksum" + publicKey + bytes([version])).digest()[:2]


def labelFromPublicKey(publicKey: bytes) -> str:
    """
    Give the 56 characters that stand before C{.onion}.

    @param publicKey: the 32 bytes of an ed25519 public key.
    """
    if len(publicKey) != 32:
        raise ValueError("an ed25519 public key has 32 bytes")
    raw = publicKey + _checksum(publicKey, _VERSION) + bytes([_VERSION])
    return b32encode(raw).decode("ascii").lower()


def _checkLabel(text: str) -> str:
    """
    Give C{text} in lower case, if it is the label of a version 3 onion.
    """
    if not text.isascii():  # lower() below makes an ASCII k of a Kelvin sign
        raise AddressError("an onion address has only the letters a-z and the digits 2-7")
    label = text.lower()
    if "." in label:
        raise AddressError(
            "an onion address has no sub-domain here: give the 56 characters before .onion alone"
        )
    if len(label) == 16:
        raise AddressError(
            "this is a version 2 onion address (16 characters), which Tor no longer serves:"
            " ask for the version 3 address (56 characters)"
        )
    if len(label) != _LABEL_LENGTH:
        raise AddressError(
            f"an onion address has {_LABEL_LENGTH} characters before .onion, not {len(label)}"
        )
    if not _BASE32.issuperset(label):
        raise AddressError("an onion address has only the letters a-z and the digits 2-7")
    raw = b32decode(label.upper())
    publicKey, checksum, version = raw[:32], raw[32:34], raw[34]
    if version != _VERSION:
        raise AddressError(f"the onion address has version {version}; only version 3 exists today")
    if checksum != _checksum(publicKey, version):
        raise AddressError(
            "the onion address has a wrong checksum: a character was mistyped or lost, copy it anew"
        )
    return label


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
    @ivar peerID: the libp2p peer that is said to be there, as text, or L{None}.

    @raise AddressError: if a part is not valid.
    """

    label: str
    port: int
    peerID: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", _checkLabel(self.label))
        if not 1 <= self.port <= 65535:
            raise AddressError("a port is a number from 1 to 65535")
        if self.peerID is not None:
            try:
                decodePeerID(self.peerID)
            except ValueError as problem:
                raise AddressError(str(problem)) from None

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
        Enough to tell addresses apart in a log, too little to dial (design §4.4).
        """
        return f"{self.label[:6]}….onion:{self.port}"

    def __str__(self) -> str:
        suffix = "" if self.peerID is None else f"/p2p/{self.peerID}"
        return f"/onion3/{self.label}:{self.port}{suffix}"


@implementer(IAddress)
class ShortenedAddress:
    """
    As much of a dialled address as an error may hold (design §4.4).

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
