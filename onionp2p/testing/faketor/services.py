# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services: C{ADD_ONION} and C{DEL_ONION} (control-spec, sections 3.27 and 3.28).
"""

from __future__ import annotations

import re
import secrets
from base64 import b32decode, b64decode, b64encode
from dataclasses import dataclass

from onionp2p.address import AddressError, OnionAddress, labelFromPublicKey
from onionp2p.keys.ed25519 import expand, publicKey
from onionp2p.testing.faketor.arguments import parseArguments
from onionp2p.testing.faketor.replies import Refused

__all__ = ["Service", "ServiceRequest", "checkLabel", "parsePort"]

_FLAGS = {
    flag.lower(): flag
    for flag in ("DiscardPK", "Detach", "V3Auth", "NonAnonymous", "MaxStreamsCloseCircuit")
}
_KEYWORDS = frozenset("port flags maxstreams clientauth clientauthv3".split())
_POW = frozenset("powdefensesenabled powqueuerate powqueueburst".split())
_TARGET = re.compile(r"(?:([0-9]+\.[0-9.]+|\[[0-9a-f:]+\])(?::|$))?([0-9]{1,5})?", re.IGNORECASE)


@dataclass(eq=False)
class Service:
    """
    An onion service.

    @ivar label: the 56 characters of its address.
    @ivar targets: where connections go, by virtual port, as tor writes it: C{unix:/path}.
    @ivar clients: the x25519 keys, in base32, of those who may connect; nobody's for everybody.
    @ivar flags: the flags it was made with.
    @ivar maxStreams: how many streams a circuit may have; 0 for no limit.
    @ivar pow: the options of its proof-of-work defence.  Not enforced.
    @ivar exportsCircuits: whether its program is told, in front of each stream, of the circuit.
    @ivar folder: where it is kept, if in a folder.
    @ivar served: whether its tor still serves it.
    """

    label: str
    targets: dict[int, str]
    clients: frozenset[str]
    flags: frozenset[str]
    maxStreams: int
    pow: dict[str, int]
    exportsCircuits: bool = False
    folder: str = ""
    served: bool = True

    @property
    def closesCircuits(self) -> bool:
        """
        Whether a stream too many ends its circuit.
        """
        return "MaxStreamsCloseCircuit" in self.flags


class ServiceRequest:
    """
    An C{ADD_ONION} command's arguments.

    @ivar service: what it asks for.
    @ivar reply: what tor says when it is done.

    @raise Refused: as tor does.
    """

    def __init__(self, text: str, *, hasPow: bool = True) -> None:
        """
        @param hasPow: whether tor knows of proof of work.
        """
        keywords = _KEYWORDS | (_POW if hasPow else frozenset())
        (keyText,), named = parseArguments("ADD_ONION", text, (1, 1), keywords)
        values: dict[str, list[str]] = {}
        for name, value in named:
            values.setdefault(name, []).append(value)
        targets = dict(_port(value) for value in values.get("port", []))
        maxStreams = _number("MaxStreams", values, 65535)
        flags = frozenset().union(*map(_flags, values.get("flags", [])))
        defence = {
            name: _number(name, values, most)
            for name, most in [
                ("PoWDefensesEnabled", 1),
                ("PoWQueueRate", 2**31 - 1),
                ("PoWQueueBurst", 2**31 - 1),
            ]
        }
        clients = [_clientKey(value) for value in values.get("clientauthv3", [])]
        if not targets:
            raise Refused(512, "Missing 'Port' argument")
        if "V3Auth" in flags and not clients:
            raise Refused(512, "No auth clients specified")
        if clients and "V3Auth" not in flags:
            raise Refused(512, "No auth type specified")
        if "NonAnonymous" in flags:
            raise Refused(512, "Tor is in anonymous hidden service mode")
        expanded, isNew = _key(keyText)
        if not any(expanded):
            raise Refused(551, "Failed to generate onion address")
        label = labelFromPublicKey(publicKey(expanded))
        self.service = Service(label, targets, frozenset(clients), flags, maxStreams, defence)
        self.reply = [f"250-ServiceID={label}"]
        if isNew and "DiscardPK" not in flags:
            self.reply.append(f"250-PrivateKey=ED25519-V3:{b64encode(expanded).decode('ascii')}")
        self.reply += [f"250-ClientAuthV3={client}" for client in clients]
        self.reply.append("250 OK")
        # tor 0.4.9 takes version 2's ClientAuth= and then forgets to answer.
        self.answered = "clientauth" not in values


def checkLabel(label: str) -> bool:
    """
    Whether tor would take this for the address of an onion, without C{.onion}.
    """
    try:
        OnionAddress(label, 1)
    except AddressError:
        return False
    return True


def _port(value: str) -> tuple[int, str]:
    virtual, _, target = value.partition(",")
    try:
        return parsePort(virtual, target)
    except ValueError:
        raise Refused(512, "Invalid VIRTPORT/TARGET") from None


def parsePort(virtual: str, target: str) -> tuple[int, str]:
    """
    Read a virtual port and its target.

    @param target: nothing, a port, an address, an address and a port, or C{unix:} and a path.

    @return: the target is C{unix:} and a path, or an address and a port.

    @raise ValueError: if it is none of them.
    """
    if not virtual.isdecimal() or not 1 <= int(virtual) <= 65535:
        raise ValueError(virtual)
    if target.startswith("unix:"):
        return int(virtual), target
    match = _TARGET.fullmatch(target)
    if match is None or not 1 <= int(match[2] or virtual) <= 65535:
        raise ValueError(target)
    return int(virtual), f"{match[1] or '127.0.0.1'}:{match[2] or virtual}"


def _number(name: str, values: dict[str, list[str]], most: int) -> int:
    text = values.get(name.lower(), ["0"])[-1]
    if not text.isdecimal() or int(text) > most:
        raise Refused(512, f"Invalid {name}")
    return int(text)


def _flags(text: str) -> frozenset[str]:
    if not text:
        raise Refused(512, "Invalid 'Flags' argument")
    for flag in text.split(","):
        if flag.lower() not in _FLAGS:
            raise Refused(512, f"Invalid 'Flags' argument: \"{flag}\"")
    return frozenset(_FLAGS[flag.lower()] for flag in text.split(","))


def _clientKey(text: str) -> str:
    try:
        key = b32decode(text + "=" * (-len(text) % 8), casefold=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise Refused(512, "Cannot decode v3 client auth key")
    return text.upper()


def _key(text: str) -> tuple[bytes, bool]:
    kind, _, blob = text.partition(":")
    if not kind or not blob:
        raise Refused(512, "Invalid key type/blob")
    if kind.upper() == "NEW":
        if blob.upper() in {"BEST", "ED25519-V3"}:
            return expand(secrets.token_bytes(32)), True
        raise Refused(513, "Invalid key type")
    if kind.upper() != "ED25519-V3":
        raise Refused(513, "Invalid key type")
    try:
        expanded = b64decode(blob, validate=True)
    except ValueError:
        expanded = b""
    if len(expanded) != 64:
        raise Refused(512, "Failed to decode ED25519-V3 key")
    return expanded, False
