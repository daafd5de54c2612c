# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The bootstrap of a fake tor: the steps of a real one, in no time (control-spec, section 5.5).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from onionp2p.testing.faketor.faults import Ignore, Stall
from onionp2p.waiting.outcome import Outcome

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["FakeBootstrap"]

_START = 'BOOTSTRAP PROGRESS=0 TAG=starting SUMMARY="Starting"'
_STEPS = {
    5: ("conn", "Connecting to a relay"),
    10: ("conn_done", "Connected to a relay"),
    14: ("handshake", "Handshaking with a relay"),
    15: ("handshake_done", "Handshake with a relay done"),
    20: ("onehop_create", "Establishing an encrypted directory connection"),
    25: ("requesting_status", "Asking for networkstatus consensus"),
    30: ("loading_status", "Loading networkstatus consensus"),
    40: ("loading_keys", "Loading authority key certs"),
    45: ("requesting_descriptors", "Asking for relay descriptors"),
    50: ("loading_descriptors", "Loading relay descriptors"),
    75: ("enough_dirinfo", "Loaded enough directory info to build circuits"),
    89: ("ap_handshake", "Finishing handshake with a relay to build circuits"),
    90: ("ap_handshake_done", "Handshake finished with a relay to build circuits"),
    95: ("circuit_create", "Establishing a Tor circuit"),
    100: ("done", "Done"),
}


class FakeBootstrap:
    """
    One tor's way to its network.

    @ivar phase: what C{GETINFO status/bootstrap-phase} tells.
    @ivar established: whether circuits are thought to work.
    """

    def __init__(self, clock: IReactorTime, tell: Callable[[str, str], None]) -> None:
        """
        @param tell: given an event's name and its text, tells controllers.
        """
        self._clock = clock
        self._tell = tell
        self._done: Outcome[None] = Outcome()
        self.phase = f"NOTICE {_START}"
        self.established = False

    @property
    def done(self) -> bool:
        """
        Whether tor can build circuits.
        """
        return self._done.known

    def whenDone(self) -> Deferred[None]:
        """
        Give a Deferred that fires once it can.
        """
        return self._done.wait()

    async def run(self, tor: FakeTor) -> None:
        """
        Go through all the steps, as the rules of C{tor} allow.
        """
        step = _START
        for percent, (tag, summary) in _STEPS.items():
            action = await tor.at(f"BOOTSTRAP {percent}")
            if isinstance(action, Stall):
                self._report(
                    f'WARN {step} WARNING="{action.warning}" REASON={action.reason} COUNT=1'
                    ' RECOMMENDATION=warn HOSTID="0000000000000000000000000000000000000000"'
                    ' HOSTADDR="192.0.2.1:9001"',
                )
                if action.seconds is None:
                    return
                await deferLater(self._clock, action.seconds)
            elif isinstance(action, Ignore):
                return
            await tor.network.whenUp()
            step = f'BOOTSTRAP PROGRESS={percent} TAG={tag} SUMMARY="{summary}"'
            self._report(f"NOTICE {step}")
        self._establish()
        self._done.succeed(None)

    async def jump(self, tor: FakeTor, seconds: int) -> None:
        """
        Take notice of a clock that is another than it was (control-spec, section 4.1.10).
        """
        self._tell("STATUS_GENERAL", f"WARN CLOCK_JUMPED TIME={seconds} IDLE=0")
        self._tell("STATUS_CLIENT", "NOTICE CIRCUIT_NOT_ESTABLISHED REASON=CLOCK_JUMPED")
        self.established = False
        await deferLater(self._clock, 1)
        await tor.network.whenUp()
        self._establish()

    def _establish(self) -> None:
        self.established = True
        self._tell("STATUS_CLIENT", "NOTICE CIRCUIT_ESTABLISHED")

    def _report(self, text: str) -> None:
        self.phase = text
        self._tell("STATUS_CLIENT", text)
