# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All options, with what each of them takes: the same in an endpoint string and in a record that a
program makes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields
from enum import Enum
from typing import Any

from onionp2p.address import OnionAddress
from onionp2p.options.kinds import (
    Choice,
    Instance,
    Kind,
    Number,
    Port,
    Seconds,
    SecondsOrNo,
    Word,
    YesOrNo,
)
from onionp2p.options.names import Onion, PeerID, ProtocolName
from onionp2p.options.paths import Auth, Identity, Path, Socket, Target

__all__ = ["OPTIONS", "ProofOfWork", "Wait", "checkValues", "optionOf", "wrong"]


class Wait(Enum):
    """
    When C{listen()} fires: once the address is served by tor, once others can look it up, or once a
    dial of our own has come through.
    """

    ADDRESS = "address"
    PUBLISHED = "published"
    REACHABLE = "reachable"


class ProofOfWork(Enum):
    """
    Whether callers must compute before they come in, while there are many of them: where tor has
    it, always or never.
    """

    AUTO = "auto"
    YES = "yes"
    NO = "no"


_MOST = 999_999_999
_MOST_STREAMS = 65535
_MOST_INTRODUCTIONS = 2**31 - 1

OPTIONS: Mapping[str, Kind] = {
    "addr": Instance(OnionAddress, "takes the address of an onion"),
    "auth": Auth(),
    "circuits": YesOrNo(),
    "clients": Path(),
    "control": Socket(),
    "defaultstorrc": Path(),
    "frontend": Onion(),
    "identity": Identity(),
    "introburst": Number(1, _MOST_INTRODUCTIONS),
    "introrate": Number(1, _MOST_INTRODUCTIONS),
    "isolate": Word(),
    "key": Path(),
    "maxconnections": Number(0, _MOST),
    "maxstreams": Number(0, _MOST_STREAMS),
    "port": Port(),
    "pow": Choice(ProofOfWork),
    "powburst": Number(0, _MOST),
    "powrate": Number(0, _MOST),
    "protocol": ProtocolName(),
    "socks": Socket(),
    "state": Path(),
    "target": Target(),
    "timeout": Seconds(),
    "tor": Path(),
    "torrc": Path(),
    "wait": Choice(Wait),
    "watch": SecondsOrNo(),
    # Of records alone.
    "peerID": PeerID(),
}

# The other fields of records are named as their options are, but for the case.
_OPTIONS = {
    "address": "addr",
    "attach": "addr",
    "peerID": "peerID",
    "program": "tor",
    "proofOfWork": "pow",
}


def wrong(kind: str, name: str, expected: str) -> ValueError:
    """
    Give the error that says what option C{name} takes.

    @param kind: what it is an option of, as C{onionp2p:listen}.
    """
    return ValueError(f"{kind}: {name}= {expected}")


def optionOf(field: Field[Any]) -> str:
    """
    Give the name of the option that a field of a record is.
    """
    return _OPTIONS.get(field.name, field.name.lower())


def checkValues(kind: str, record: Any) -> None:
    """
    Refuse a record with a value that its option does not take.

    @param kind: what its fields are options of.

    @raise ValueError: names the option, what it takes, and what came, but for its text: that may be
        a secret in the wrong place.
    """
    for field in fields(record):
        value = getattr(record, field.name)
        if value is None and field.default is None:
            continue
        try:
            _kindOf(field).check(value)
        except ValueError as problem:
            said = f"{problem} ({field.type}), not {_shown(value)}"
            raise wrong(kind, optionOf(field), said) from None


def _kindOf(field: Field[Any]) -> Kind:
    inner: Any = field.default_factory
    if isinstance(inner, type):
        return Instance(inner, "takes a record")
    return OPTIONS[optionOf(field)]


def _shown(value: object) -> str:
    isShort = isinstance(value, float) or (isinstance(value, int) and value.bit_length() <= 64)
    return repr(value) if isShort or value is None else f"this {type(value).__name__}"
