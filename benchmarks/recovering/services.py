# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who is killed: an onion service of ours, and one in a bare tor's torrc.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any

from measuring.contenders import ONIONP2P
from measuring.requests import Port
from measuring.service import ServiceFactory
from twisted.internet.defer import Deferred

from onionp2p import ListenOptions, OnionAddress, OnionServerEndpoint, TorOptions
from onionp2p.tor.control import TorControl
from onionp2p.tor.pool import leaseTor
from recovering.baretor import BareTor

__all__ = ["BARE", "Bare", "Ours", "Service"]

BARE = "bare tor"

_SECONDS_TO_START = 60.0


class Service(ABC):
    """
    An onion service, on a tor that comes back.

    @ivar name: the contender's.
    @ivar address: where it is dialled.
    @ivar control: its present tor's control connection.
    """

    name: str
    address: OnionAddress
    control: TorControl

    @property
    @abstractmethod
    def pid(self) -> int:
        """
        The process id of its tor.
        """

    @abstractmethod
    async def start(self) -> None:
        """
        Begin to be there.
        """

    @abstractmethod
    async def comeBack(self) -> None:
        """
        Wait for the tor that follows the present one, until it answers.
        """

    @abstractmethod
    async def stop(self) -> None:
        """
        Be there no more.
        """


class Ours(Service):
    """
    A listener of this package.
    """

    name = ONIONP2P

    def __init__(self, reactor: Any, folder: str) -> None:
        self._reactor = reactor
        # No probes: they would be in the way of others' dials, and of the machine.
        tor = TorOptions(state=os.path.join(folder, "state"))
        self._options = ListenOptions(Port.ASKED, tor=tor, watch=None)
        self._tor: Any = None

    @property
    def pid(self) -> int:
        return int(self._tor.pid)

    async def start(self) -> None:
        self._lease = leaseTor(self._reactor, self._options.tor)
        self._port: Any = await OnionServerEndpoint(self._reactor, self._options).listen(
            ServiceFactory()
        )
        self.address = self._port.getHost()
        await self._look()

    async def _look(self) -> None:
        self._tor = await self._lease.launched()
        self.control = self._tor.control

    async def comeBack(self) -> None:
        await self.control.whenLost()
        await self._look()

    async def stop(self) -> None:
        await self._port.stopListening()
        self._lease.release()


class Bare(Service):
    """
    The same server behind a bare tor.
    """

    name = BARE

    def __init__(self, reactor: Any, folder: str, shared: str) -> None:
        """
        @param shared: the lines of the network.
        """
        self._reactor = reactor
        self._target = os.path.join(folder, "target")
        self._tor = BareTor(reactor, folder, Port.ASKED, self._target, shared)

    @property
    def pid(self) -> int:
        return self._tor.pid

    async def start(self) -> None:
        self._local = self._reactor.listenUNIX(self._target, ServiceFactory(), mode=0o600)
        self._tor.start()
        up = Deferred.fromCoroutine(self._tor.whenUp())
        try:
            self.control = await up.addTimeout(_SECONDS_TO_START, self._reactor)
        except BaseException:
            await self.stop()
            raise
        self.address = self._tor.address

    async def comeBack(self) -> None:
        self.control = await self._tor.whenUp(after=self.control)

    async def stop(self) -> None:
        await self._tor.stop()
        await self._local.stopListening()
