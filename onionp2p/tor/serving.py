# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How one tor is told what to serve: in its memory or from a folder, with proof of work or without.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from twisted.logger import Logger

from onionp2p.errors import OnionRefused, TorError, TorRefusedCommand
from onionp2p.options import ProofOfWork
from onionp2p.tor.directory import DirectoryOnions
from onionp2p.tor.onions import EphemeralOnions
from onionp2p.tor.service import Service

if TYPE_CHECKING:
    from onionp2p.tor.control import TorControl

__all__ = ["Serving"]

_SECONDS_TO_CLOSE = 2.0
# How a tor that was built without proof of work, or is too old for it, refuses the words for it.
_WITHOUT_WORK = {512, 513, 552, 553}


class Serving:
    """
    The onions of one tor process.
    """

    _log = Logger()

    def __init__(self, control: TorControl, folder: str | None) -> None:
        """
        @param folder: where the folders of onions may be; L{None} for nowhere.
        """
        self._control = control
        self._inMemory = EphemeralOnions(control)
        self._inFolders = None if folder is None else DirectoryOnions(control, folder)
        self._hasWork: bool | None = None

    def _kind(self, service: Service) -> EphemeralOnions | DirectoryOnions:
        if not service.terms.inFolder:
            return self._inMemory
        if self._inFolders is None:
            raise OnionRefused("circuits= and frontend= need a tor of our own.")
        return self._inFolders

    @staticmethod
    def makesDescriptor(before: Service | None, after: Service | None) -> bool:
        """
        Tell whether a change has tor make a new descriptor, which it then uploads.
        """
        if before is None or after is None or not after.terms.inFolder:
            return True
        return before.terms != after.terms or before.clients != after.clients

    async def put(
        self, label: str, before: Service | None, after: Service | None, *, isKnown: bool
    ) -> None:
        """
        Change what is served under a label.

        @param before: what was served last, if anything.
        @param after: what to serve, if anything.
        @param isKnown: whether C{before} is certain.

        @raise OnionRefused: says why.
        @raise TorRefusedCommand: if tor refuses.  What it served before may be gone.
        @raise TorError: if it is gone or silent.
        """
        if before is not None and (after is None or self._kind(before) is not self._kind(after)):
            await self._kind(before).withdraw(label)
        elif after is None:
            await self._inMemory.withdraw(label)
            if self._inFolders is not None:
                await self._inFolders.withdraw(label)
        if after is not None:
            await self._serve(after, isNew=isKnown and before is None)

    async def _serve(self, service: Service, *, isNew: bool) -> None:
        kind, wish = self._kind(service), service.terms.admission.proofOfWork
        if wish is ProofOfWork.NO or (wish is ProofOfWork.AUTO and self._hasWork is False):
            await kind.serve(service, isNew=isNew, work=False)
            return
        try:
            await kind.serve(service, isNew=isNew, work=True)
        except TorRefusedCommand as refused:
            if self._hasWork or refused.code not in _WITHOUT_WORK:
                raise
            reason = refused.detail
        else:
            self._hasWork = True
            return
        if wish is ProofOfWork.YES:
            raise OnionRefused(f"Tor says: {reason}. Without proof of work, pow=auto goes on.")
        await kind.serve(service, isNew=isNew, work=False)
        self._hasWork = False
        self._log.info("this tor has no proof of work: onions are served without")

    async def networkIsDown(self) -> bool:
        """
        Tell whether tor says so.

        @raise TorError: if it is gone or silent.
        """
        with suppress(TorRefusedCommand):
            return await self._control.getInfo("network-liveness") == "down"
        return False

    async def closeCircuit(self, circuit: int) -> None:
        """
        End a circuit, and all streams on it.  Never fails.
        """
        with suppress(TorError):  # it is gone already, or tor is
            await self._control.command(f"CLOSECIRCUIT {circuit}", _SECONDS_TO_CLOSE)
