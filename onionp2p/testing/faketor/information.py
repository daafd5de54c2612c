# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What C{GETINFO} tells (control-spec, section 3.9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onionp2p.testing.faketor.configuration import Configuration
from onionp2p.testing.faketor.replies import Refused, ok

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


def getInfo(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    """
    Answer C{GETINFO}.
    """
    known = _values(tor, session)
    unknown = [key for key in text.split() if key not in known]
    if unknown:
        raise Refused(552, *(f'Unrecognized key "{key}"' for key in unknown))
    return ok(**{key: known[key] for key in text.split()})


def _values(tor: FakeTor, session: ControlSession) -> dict[str, str]:
    up = "1" if tor.bootstrap.done else "0"
    current = [s.label for s in session.services if s.label in tor.onions.services]
    detached = [label for label, s in tor.onions.services.items() if "Detach" in s.flags]
    return {
        "version": tor.version,
        "process/pid": str(tor.pid),
        "config-file": "-",
        "config/names": "\n".join(f"{name} String" for name in Configuration.names()),
        "signal/names": SIGNALS,
        "events/names": EVENTS,
        "features/names": FEATURES,
        "status/bootstrap-phase": tor.bootstrap.phase,
        "status/circuit-established": up,
        "status/enough-dir-info": up,
        "network-liveness": "up" if tor.bootstrap.done else "down",
        "dormant": "0",
        "uptime": str(int(tor.uptime)),
        "net/listeners/socks": " ".join(f'"unix:{path}"' for path in tor.doors.socksPaths),
        "net/listeners/control": " ".join(f'"unix:{path}"' for path in tor.doors.controlPaths),
        "onions/current": "\n".join(current),
        "onions/detached": "\n".join(detached),
        "circuit-status": "",
        "stream-status": "",
        "traffic/read": "0",
        "traffic/written": "0",
    }
