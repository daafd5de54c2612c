# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From the arguments of an endpoint string to a frozen record (design §2).

Pure: nothing is opened or started here, and every input gives a record or a
C{ValueError} which names the option and says what was expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from onionp2p.address import AddressError, OnionAddress, parsePort

__all__ = ["DialOptions", "ListenOptions", "TorOptions", "Wait", "parseDial", "parseListen"]

Arguments = Sequence[object]
Keywords = Mapping[str, object]

_DAY = 86400.0
_LONGEST_PATH = 4096
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)

_TOR = frozenset({"torrc", "defaultstorrc", "state", "tor"})
_LISTEN = _TOR | {"port", "key", "wait", "timeout"}
_DIAL = _TOR | {"addr", "port", "timeout"}
_NOT_YET_LISTEN = frozenset(
    "addr target clients pow powrate powburst maxstreams circuits frontend"
    " protocol identity control".split()
)
_NOT_YET_DIAL = frozenset("auth isolate protocol identity socks control".split())


class Wait(Enum):
    """
    When C{listen()} fires: once the address is served by tor, or once others can look it up.
    """

    ADDRESS = "address"
    PUBLISHED = "published"


@dataclass(frozen=True)
class TorOptions:
    """
    The tor to use.  Endpoints with equal ones share one tor process.

    @ivar torrc: a file of lines for tor, or L{None} for C{$ONIONP2P_TORRC}.
    @ivar defaultsTorrc: a file of lines beneath those, or L{None}.
    @ivar state: tor's folder, exactly this one; L{None} for the first free one.
    @ivar program: the tor program, or L{None} for C{$ONIONP2P_TOR} or C{PATH}.
    """

    torrc: str | None = None
    defaultsTorrc: str | None = None
    state: str | None = None
    program: str | None = None


@dataclass(frozen=True)
class ListenOptions:
    """
    An onion service to make.

    @ivar port: its virtual port, 1 to 65535.
    @ivar key: the file of its identity, or L{None} for a fresh one.
    @ivar wait: when C{listen()} fires.
    @ivar timeout: until then, in seconds.
    @ivar tor: the tor to use.
    """

    port: int
    key: str | None = None
    wait: Wait = Wait.PUBLISHED
    timeout: float = 300.0
    tor: TorOptions = field(default_factory=TorOptions)


@dataclass(frozen=True)
class DialOptions:
    """
    An onion service to reach.

    @ivar address: whom to dial.
    @ivar timeout: the whole of a C{connect()}, in seconds.
    @ivar tor: the tor to use.
    """

    address: OnionAddress
    timeout: float = 120.0
    tor: TorOptions = field(default_factory=TorOptions)


def parseListen(args: Arguments, keywords: Keywords) -> ListenOptions:
    """
    Read what follows C{onionp2p:} in the string of a server endpoint.

    @raise ValueError: names the option that is wrong.
    """
    positional, options = _texts(args, keywords)
    _checkMode(positional, "listen", "dial", "serverFromString", "clientFromString")
    _checkNames("listen", options, _LISTEN, _NOT_YET_LISTEN)
    if len(positional) > 1:
        raise ValueError(f"onionp2p:listen: {positional[1]!r} belongs to no option")
    if "port" not in options:
        raise ValueError("onionp2p:listen: port= is missing: the onion's virtual port, 1-65535")
    return ListenOptions(
        port=_port(options["port"]),
        key=_path(options, "key"),
        wait=_wait(options.get("wait", Wait.PUBLISHED.value)),
        timeout=_seconds(options, ListenOptions.timeout),
        tor=_torOptions(options),
    )


def parseDial(args: Arguments, keywords: Keywords) -> DialOptions:
    """
    Read what follows C{onionp2p:} in the string of a client endpoint.

    @raise ValueError: names the option that is wrong.
    """
    positional, options = _texts(args, keywords)
    _checkMode(positional, "dial", "listen", "clientFromString", "serverFromString")
    _checkNames("dial", options, _DIAL, _NOT_YET_DIAL)
    if "addr" not in options:
        raise ValueError("onionp2p:dial: addr= is missing: <56 characters>.onion:PORT")
    text = options["addr"]
    # Twisted splits a description at its colons, so that the port of
    # addr=X.onion:7777 arrives as an argument of its own.
    if len(positional) > 1:
        text = f"{text}:{positional[1]}"
    if len(positional) > 2:
        raise ValueError(f"onionp2p:dial: {positional[2]!r} belongs to no option")
    port = _port(options["port"]) if "port" in options else None
    try:
        address = OnionAddress.fromString(text, port)
    except AddressError as problem:
        raise ValueError(f"onionp2p:dial: addr=: {problem}") from None
    if address.peerID is not None:
        raise ValueError(
            "onionp2p:dial: addr=: /p2p/<peer id> names a libp2p peer, which only libp2p's own"
            " handshake can prove; a raw dial can't, so leave it out"
        )
    return DialOptions(
        address=address,
        timeout=_seconds(options, DialOptions.timeout),
        tor=_torOptions(options),
    )


def _texts(args: Arguments, keywords: Keywords) -> tuple[list[str], dict[str, str]]:
    """
    Twisted passes the parts of a C{bytes} description on as C{bytes}.
    """

    def text(value: object) -> str:
        if isinstance(value, str):
            return value
        try:
            return value.decode("utf-8") if isinstance(value, bytes) else str(value)
        except UnicodeDecodeError:
            raise ValueError("onionp2p: the description is not UTF-8") from None

    return [text(arg) for arg in args], {name: text(value) for name, value in keywords.items()}


def _checkMode(positional: list[str], ours: str, other: str, function: str, theirs: str) -> None:
    mode = positional[0] if positional else ""
    if mode == other:
        raise ValueError(f"onionp2p:{other} is not for {function}: use {theirs}")
    if mode != ours:
        raise ValueError(f"onionp2p: expected onionp2p:{ours}:…, not onionp2p:{mode[:20]}")


def _checkNames(
    mode: str, options: dict[str, str], known: frozenset[str], notYet: frozenset[str]
) -> None:
    for name in options:
        if name in notYet:
            raise ValueError(f"onionp2p:{mode}: {name}= is not supported yet")
        if name not in known:
            raise ValueError(
                f"onionp2p:{mode}: unknown option {name[:40]!r};"
                f" it takes {', '.join(sorted(known))}"
            )


def _port(text: str) -> int:
    try:
        return parsePort(text)
    except AddressError as problem:
        raise ValueError(f"onionp2p: port=: {problem}") from None


def _wait(text: str) -> Wait:
    if text == "reachable":
        raise ValueError("onionp2p:listen: wait=reachable is not supported yet")
    try:
        return Wait(text)
    except ValueError:
        raise ValueError("onionp2p:listen: wait= takes address or published") from None


def _seconds(options: dict[str, str], default: float) -> float:
    if "timeout" not in options:
        return default
    text = options["timeout"]
    if not _SECONDS.fullmatch(text) or not 0 < float(text) <= _DAY:
        raise ValueError(f"onionp2p: timeout= takes seconds, more than 0 and at most {_DAY:.0f}")
    return float(text)


def _path(options: dict[str, str], name: str) -> str | None:
    """
    Give an absolute path, since C{twistd} changes its folder before it runs; C{~} stays, since
    it changes its user too.
    """
    if name not in options:
        return None
    text = options[name]
    if not text or len(text) > _LONGEST_PATH or not text.isprintable():
        raise ValueError(f"onionp2p: {name}= takes the path of a file or folder")
    return text if text == "~" or text.startswith("~/") else os.path.abspath(text)


def _torOptions(options: dict[str, str]) -> TorOptions:
    return TorOptions(
        torrc=_path(options, "torrc"),
        defaultsTorrc=_path(options, "defaultstorrc"),
        state=_path(options, "state"),
        program=_path(options, "tor"),
    )
