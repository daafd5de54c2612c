# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
One attempt of a dial: tor is asked once; while it is silent, it is asked by other circuits too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from onionp2p.dialing.handshake import Handshake
from onionp2p.dialing.isolation import Isolation
from onionp2p.dialing.proxies import Proxy
from onionp2p.errors import DialError, OnionError, TorDied, TorError
from onionp2p.local.places import Place
from onionp2p.waiting.cancelling import CANCELLED

__all__ = ["Attempt"]

_T = TypeVar("_T")

# Most dials of the live network have come through by then.
_PATIENCE = 20.0
_PAUSE = 10.0


class Attempt:
    """
    One attempt.  The first way in which tor is asked is kept, since proof of work may take minutes.
    But a tor whose call was taken by an introduction point that had just lost its onion waits, and
    does not call again: so there are others beside it.
    """

    def __init__(
        self,
        reactor: Any,
        proxy: Proxy,
        isolation: Isolation,
        begin: Callable[[], Handshake],
        silent: Callable[[str], None],
    ) -> None:
        """
        @param isolation: whose circuits to use.
        @param begin: gives what is to ask tor, by those circuits.
        @param silent: told each time that tor is asked beside the first time, with what that one
            waits for; may cancel the dial.
        """
        self._reactor = reactor
        self._proxy = proxy
        self._isolation = isolation
        self._begin = begin
        self._silent = silent
        self._first = begin()
        self._beside: Deferred[None] | None = None
        self._isOver = False

    @property
    def phase(self) -> str:
        """
        What it waits for.
        """
        return self._first.phase

    async def make(self, socks: Place) -> IProtocol:
        """
        Ask.

        @param socks: tor's SOCKS port.

        @return: the application's protocol.

        @raise DialError: says why there is none.
        @raise TorError: if tor is gone.
        """
        finished = self._first.start(self._reactor, socks)
        patience = self._reactor.callLater(_PATIENCE, self._askBeside)
        try:
            protocol = await finished
            self._isolation.answered(self._first.token)
        except DialError as error:
            self._learn(error, self._first)
            raise
        else:
            return protocol
        finally:
            self._isOver = True
            if patience.active():
                patience.cancel()
            beside, self._beside = self._beside, None
            if beside is not None:
                beside.cancel()

    def _learn(self, error: OnionError, handshake: Handshake) -> None:
        if isinstance(error, DialError) and error.freshCircuit:
            self._isolation.abandon(handshake.token)

    def _askBeside(self) -> None:
        self._beside = Deferred.fromCoroutine(self._beBeside())
        self._beside.addErrback(_cancelled)

    async def _beBeside(self) -> None:
        """
        Ask tor by one fresh circuit after another, for the first one.
        """
        patience, waiting = _PATIENCE, self._first
        while True:
            self._isolation.abandon(waiting.token)
            self._silent(self.phase)
            if self._isOver:  # who was told has cancelled the dial
                return
            patience *= 2
            second = self._begin()
            # It has its place of the first one's, for which tor does nothing any more.
            asked = second.start(self._reactor, await self._proxy.ready())
            asked.addTimeout(patience, self._reactor)
            try:
                protocol = await asked
            except TimeoutError:
                waiting = second
                continue
            except (DialError, TorDied) as error:
                self._learn(error, second)
                if not error.retriable:
                    self._endWith(self._first.fail, error)
                    return
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - the application's
                self._endWith(self._first.fail, error)
                return
            else:
                self._endWith(self._first.giveWay, protocol)
                return
            await deferLater(self._reactor, _PAUSE)

    def _endWith(self, end: Callable[[_T], None], outcome: _T) -> None:
        self._beside = None  # which is at its end: there is nothing to cancel
        end(outcome)


def _cancelled(failure: Failure) -> None:
    failure.trap(*CANCELLED, TorError)
