# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onions that live in tor's memory (control-spec, sections 3.27 and 3.28).

They change by being made anew.  Tor obeys a C{DEL_ONION} and the C{ADD_ONION} behind it in one go,
since both arrive in one piece: no dial falls between them, and the streams of those who are in live
on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from onionp2p.errors import OnionRefused, TorRefusedCommand
from onionp2p.tor.service import Service
from onionp2p.tor.words import parseKeywords

if TYPE_CHECKING:
    from onionp2p.tor.control import TorControl

__all__ = ["EphemeralOnions"]


class EphemeralOnions:
    """
    Those that one control connection has made.  They go with it.
    """

    def __init__(self, control: TorControl) -> None:
        self._control = control

    async def serve(self, service: Service, *, isNew: bool, work: bool) -> None:
        """
        Have tor serve an onion.

        @param isNew: whether this tor serves nothing of its address, for certain.
        @param work: whether to ask for the proof-of-work defence.

        @raise OnionRefused: if it serves another address than that of the key; it was told to stop.
        @raise TorRefusedCommand: if it refuses.  What it served before is gone.
        @raise TorError: if tor is gone or silent.
        """
        before = [] if isNew else [f"DEL_ONION {service.label}"]
        answer = await self._control.together([*before, _addOnion(service, work=work)])
        served = parseKeywords(answer).get("ServiceID")
        if served != service.label:
            await self.withdraw(served or service.label)
            raise OnionRefused("Tor says: it serves another address than that of our key.")

    async def withdraw(self, label: str) -> None:
        """
        End an onion; its streams live on.

        @raise TorError: if tor is gone or silent.
        """
        with suppress(TorRefusedCommand):  # it serves none
            await self._control.command(f"DEL_ONION {label}")


def _addOnion(service: Service, *, work: bool) -> str:
    admission = service.terms.admission
    flags = ["DiscardPK"]
    words = [f"Port={port},{target}" for port, target in service.targets]
    if service.admitted is not None:
        flags.append("V3Auth")
        words += [f"ClientAuthV3={key}" for key in service.admitted]
    if admission.maxStreams:
        flags.append("MaxStreamsCloseCircuit")
        words.append(f"MaxStreams={admission.maxStreams}")
    if work:
        words.append("PoWDefensesEnabled=1")
        if admission.powRate is not None:
            words.append(f"PoWQueueRate={admission.powRate}")
        if admission.powBurst is not None:
            words.append(f"PoWQueueBurst={admission.powBurst}")
    key = service.identity.expanded()
    return f"ADD_ONION ED25519-V3:{key} Flags={','.join(flags)} {' '.join(words)}"
