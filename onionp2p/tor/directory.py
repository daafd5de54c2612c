# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onions that tor reads from folders, C{HiddenServiceDir} (tor's manual): for what C{ADD_ONION} does
not offer.

They are set by C{SETCONF}, all at once: every command names the whole set.  Those that are in it
again keep their circuits and their introduction points, so that nobody notices.  But for that
reason a client who may enter no more would still get in by the descriptor that he has: when one is
taken off the list, the onion leaves the set and comes back in one go, which ends all its circuits.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from twisted.internet.defer import DeferredLock

from onionp2p.errors import KeyFileError, OnionRefused, TorRefusedCommand
from onionp2p.keys.torforms import exportFolder
from onionp2p.tor.service import NOWHERE, Service
from onionp2p.tor.torrc import quotePath

if TYPE_CHECKING:
    from onionp2p.tor.control import TorControl

__all__ = ["DirectoryOnions"]

_CLIENTS = "authorized_clients"


class DirectoryOnions:
    """
    All that one tor serves from folders.
    """

    def __init__(self, control: TorControl, folder: str) -> None:
        """
        @param folder: where to keep theirs; private, its path plain.
        """
        self._control = control
        self._folder = folder
        self._set: dict[str, tuple[Service, bool]] = {}
        self._told: str | None = None  # what tor has obeyed last, if that is known
        self._turn = DeferredLock()

    async def serve(self, service: Service, *, isNew: bool, work: bool) -> None:
        """
        Have tor serve an onion.

        @param isNew: of no interest here.
        @param work: whether to ask for the proof-of-work defence.

        @raise OnionRefused: if its folder can't be made.
        @raise TorRefusedCommand: if tor refuses.  What it served before may be gone.
        @raise TorError: if tor is gone or silent.
        """
        label = service.label
        async with self._turn:
            before = self._set.get(label)
            others = {its: each for its, each in self._set.items() if its != label}
            wanted = self._setConf({**others, label: (service, work)})
            leaves = before is not None and not service.letsIn(before[0])
            self._write(service, isNew=before is None)
            if before == (service, work) and wanted == self._told:
                return  # to tell tor would have it write its own files
            told = None if leaves else self._told
            try:
                self._set = {**others, label: (service, work)}
                await self._tell([self._setConf(others), wanted] if leaves else [wanted])
            except TorRefusedCommand:
                self._told = told
                if before is None:
                    self._set = others
                    self._remove(label)
                else:
                    self._set = {**others, label: before}
                raise

    async def withdraw(self, label: str) -> None:
        """
        End an onion, and with it all its streams.

        @raise TorError: if tor is gone or silent.
        """
        async with self._turn:
            if self._set.pop(label, None) is not None:
                try:
                    await self._tell([self._setConf(self._set)])
                finally:
                    self._remove(label)

    async def _tell(self, commands: list[str]) -> None:
        self._told = None
        await self._control.together(commands)
        self._told = commands[-1]

    def _path(self, label: str) -> str:
        return os.path.join(self._folder, label)

    def _remove(self, label: str) -> None:
        shutil.rmtree(self._path(label), ignore_errors=True)

    def _write(self, service: Service, *, isNew: bool) -> None:
        path = self._path(service.label)
        try:
            if isNew:
                self._remove(service.label)  # of a tor that is gone
                exportFolder(path, service.identity)
                os.mkdir(os.path.join(path, _CLIENTS), 0o700)
                if service.terms.frontend is not None:
                    master = f"MasterOnionAddress {service.terms.frontend}.onion\n"
                    _writeFile(os.path.join(path, "ob_config"), master)
            if service.admitted is not None:
                _writeClients(os.path.join(path, _CLIENTS), service.admitted)
        except (OSError, KeyFileError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            if isNew:
                self._remove(service.label)
            raise OnionRefused(f"{path}: {reason}.") from None

    def _setConf(self, onions: Mapping[str, tuple[Service, bool]]) -> str:
        words = [
            word for service, work in onions.values() for word in self._options(service, work=work)
        ]
        return f"SETCONF {' '.join(words)}" if words else "RESETCONF HiddenServiceDir"

    def _options(self, service: Service, *, work: bool) -> Iterator[str]:
        terms, admission = service.terms, service.terms.admission
        nowhere = f"unix:{os.path.join(self._folder, 'nobody')}"
        yield f"HiddenServiceDir={quotePath(self._path(service.label))}"
        for port, target in service.targets:
            yield f'HiddenServicePort="{port} {nowhere if target == NOWHERE else target}"'
        if terms.circuits:
            yield "HiddenServiceExportCircuitID=haproxy"
        if terms.frontend is not None:
            yield "HiddenServiceOnionBalanceInstance=1"
        if admission.maxStreams:
            yield f"HiddenServiceMaxStreams={admission.maxStreams}"
            yield "HiddenServiceMaxStreamsCloseCircuit=1"
        if admission.introRate is not None:
            yield "HiddenServiceEnableIntroDoSDefense=1"
            yield f"HiddenServiceEnableIntroDoSRatePerSec={admission.introRate}"
            yield f"HiddenServiceEnableIntroDoSBurstPerSec={admission.introBurst}"
        if work:
            yield "HiddenServicePoWDefensesEnabled=1"
            if admission.powRate is not None:
                yield f"HiddenServicePoWQueueRate={admission.powRate}"
            if admission.powBurst is not None:
                yield f"HiddenServicePoWQueueBurst={admission.powBurst}"


def _writeClients(folder: str, clients: tuple[str, ...]) -> None:
    """
    Have a folder hold the files of some clients and no others.
    """
    wanted = {f"{key.lower()}.auth": key for key in clients}
    there = set(os.listdir(folder))
    # Whoever has tor read it meanwhile shall never find it empty: that would let in everybody.
    for name in wanted.keys() - there:
        _writeFile(os.path.join(folder, name), f"descriptor:x25519:{wanted[name]}\n")
    for name in there - wanted.keys():
        os.unlink(os.path.join(folder, name))


def _writeFile(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii", opener=_private) as file:
        file.write(text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_CLOEXEC, 0o600)
