# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What C{GETINFO} tells (control-spec, section 3.9).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.listing import circuitLines, streamLines
from onionp2p.testing.faketor.options import OPTIONS
from onionp2p.testing.faketor.publishing import DIRECTORIES, Descriptor
from onionp2p.testing.faketor.replies import Refused, ok
from onionp2p.testing.faketor.services import checkLabel

if TYPE_CHECKING:
    from onionp2p.testing.faketor.control import ControlSession
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["EVENTS", "FEATURES", "SIGNALS", "getInfo"]

SIGNALS = (
    "RELOAD HUP SHUTDOWN DUMP USR1 DEBUG USR2 HALT TERM INT NEWNYM CLEARDNSCACHE HEARTBEAT ACTIVE"
    " DORMANT"
)
EVENTS = (
    "CIRC CIRC_MINOR STREAM ORCONN BW DEBUG INFO NOTICE WARN ERR NEWDESC ADDRMAP DESCCHANGED NS"
    " STATUS_GENERAL STATUS_CLIENT STATUS_SERVER GUARD STREAM_BW CLIENTS_SEEN NEWCONSENSUS"
    " BUILDTIMEOUT_SET SIGNAL CONF_CHANGED CONN_BW CELL_STATS CIRC_BW TRANSPORT_LAUNCHED HS_DESC"
    " HS_DESC_CONTENT NETWORK_LIVENESS"
)
FEATURES = "VERBOSE_NAMES EXTENDED_EVENTS"

_OF_AN_ONION: dict[str, Callable[[FakeTor, str], Descriptor | None]] = {
    "hs/client/desc/id/": lambda tor, label: tor.onions.known.get(label),
    "hs/service/desc/id/": lambda tor, label: tor.onions.published.get(label),
}


def getInfo(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    """
    Answer C{GETINFO}.
    """
    values: dict[str, str] = {}
    unknown = []
    for key in text.split():
        for prefix, find in _OF_AN_ONION.items():
            if key.startswith(prefix):
                if not checkLabel(key.removeprefix(prefix)):
                    raise Refused(551, "Invalid address")
                descriptor = find(tor, key.removeprefix(prefix))
                if descriptor is None:
                    raise Refused(551, "Not found in cache")
                values[key] = descriptor.content
        if key in _KEYS:
            values[key] = _KEYS[key](tor, session)
        if key not in values:
            unknown.append(key)
    if unknown:
        raise Refused(552, *(f'Unrecognized key "{key}"' for key in unknown))
    return ok(**values)


def _established(tor: FakeTor, session: ControlSession) -> str:
    return "1" if tor.bootstrap.established else "0"


def _relays(state: str) -> Callable[[FakeTor, ControlSession], str]:
    def tell(tor: FakeTor, session: ControlSession) -> str:
        connected = DIRECTORIES[:3] if tor.bootstrap.done else []
        return "\n".join(f"{relay} {state}" for relay in connected)

    return tell


def _listeners(option: str) -> Callable[[FakeTor, ControlSession], str]:
    return lambda tor, session: " ".join(f'"{name}"' for name in tor.doors.names(option))


def _always(text: str) -> Callable[[FakeTor, ControlSession], str]:
    return lambda tor, session: text


def _names(tor: FakeTor, session: ControlSession) -> str:
    prefixes = [f"{prefix}* -- A descriptor, by onion." for prefix in _OF_AN_ONION]
    return "\n".join([*(f"{key} -- See control-spec." for key in sorted(_KEYS)), *prefixes])


_KEYS: dict[str, Callable[[FakeTor, ControlSession], str]] = {
    "address-mappings/all": _always(""),
    "circuit-status": lambda tor, session: "\n".join(circuitLines(tor)),
    "config-can-saveconf": lambda tor, session: "0" if tor.configFile == "-" else "1",
    "config-defaults-file": _always("/dev/null"),
    # Of a torrc from standard input it tells where it would have looked otherwise.
    "config-file": lambda tor, session: (
        "/etc/tor/torrc" if tor.configFile == "-" else tor.configFile
    ),
    "config-text": lambda tor, session: tor.configuration.text,
    "config/names": lambda tor, session: "\n".join(
        f"{option.name} {option.kind}" for option in OPTIONS.values()
    ),
    "dormant": _always("0"),
    "entry-guards": _relays("up"),
    "events/names": _always(EVENTS),
    "features/names": _always(FEATURES),
    "info/names": _names,
    "net/listeners/control": _listeners("ControlPort"),
    "net/listeners/dns": _always(""),
    "net/listeners/httptunnel": _always(""),
    "net/listeners/socks": _listeners("SocksPort"),
    "network-liveness": lambda tor, session: (
        "up" if tor.bootstrap.done and tor.liveness.up else "down"
    ),
    "onions/current": lambda tor, session: "\n".join(each.label for each in session.onions),
    "onions/detached": lambda tor, session: "\n".join(
        label for label, each in tor.onions.services.items() if "Detach" in each.flags
    ),
    "orconn-status": _relays("CONNECTED"),
    "process/pid": lambda tor, session: str(tor.pid),
    "process/uid": _always("1000"),
    "process/user": _always("faketor"),
    "signal/names": _always(SIGNALS),
    "status/bootstrap-phase": lambda tor, session: tor.bootstrap.phase,
    "status/circuit-established": _established,
    "status/enough-dir-info": lambda tor, session: "1" if tor.bootstrap.done else "0",
    "stream-status": lambda tor, session: "\n".join(streamLines(tor)),
    "traffic/read": _always("0"),
    "traffic/written": _always("0"),
    "uptime": lambda tor, session: str(int(tor.uptime)),
    "version": lambda tor, session: tor.version,
}
