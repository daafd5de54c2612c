# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The metrics of this process, served as Prometheus reads them: C{GET /metrics}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.errors import TargetError
from onionp2p.events import observe
from onionp2p.operating.door import Door, parseDoor, whyNot

__all__ = ["Metrics", "MetricsUnavailable"]


class MetricsUnavailable(ImportError):
    """
    Metrics need prometheus-client: C{pip install 'onionp2p[metrics]'}.
    """

    def __init__(self) -> None:
        super().__init__("metrics need prometheus-client: pip install 'onionp2p[metrics]'")


class Metrics(Service):
    """
    Serves metrics while it runs.

    When it can't listen it says so (critical), and no more: what is measured goes on.  A socket
    that is lost while it runs, for somebody has cleaned C{/run}, is made anew.
    """

    _log = Logger()

    def __init__(self, reactor: Any, door: str) -> None:
        """
        @param reactor: must provide C{IReactorTime} and C{IReactorUNIX} or C{IReactorTCP}.
        @param door: where: C{unix:PATH}, C{unix:PATH:mode=660} or C{tcp:127.0.0.1:PORT}.

        @raise ValueError: if C{door} is none of these; says why.
        @raise MetricsUnavailable: if prometheus-client is not installed.
        """
        self.door: Door = parseDoor(door)
        try:
            from onionp2p.operating.measures import Measures
        except ModuleNotFoundError as problem:
            if (problem.name or "").partition(".")[0] != "prometheus_client":
                raise
            raise MetricsUnavailable from None
        from onionp2p.operating.metricspage import MetricsServer

        self._reactor = reactor
        self._measures = Measures(reactor.seconds)
        self._server = MetricsServer(
            reactor, self._measures.text, anyHost=bool(self.door.place.path)
        )
        self._socket = self.door.socket(reactor, self._server)
        self._forget: Callable[[], None] | None = None
        self._serving: Deferred[None] | None = None
        self._reason = ""

    def startService(self) -> None:
        Service.startService(self)
        self._forget = observe(self._measures.observe)
        self._serving = Deferred.fromCoroutine(self._serve()).addErrback(self._failed)

    def stopService(self) -> Any:
        """
        Serve no more.

        @return: fires once the socket is closed; or L{None}, if there is none.
        """
        Service.stopService(self)
        if self._forget is not None:
            self._forget()
            self._forget = None
        serving, self._serving = self._serving, None
        return None if serving is None else Deferred.fromCoroutine(self._close(serving))

    async def _serve(self) -> None:
        try:
            await self._socket.open()
        except TargetError as problem:
            self._notServed(problem)
            return
        while True:
            await self._socket.untilLost()
            self._log.error("the socket at {door} is gone: it is made anew", door=self.door.place)
            await self._socket.reopen(self._notServed)
            self._reason = ""
            self._log.info("metrics are served at {door} again", door=self.door.place)

    def _notServed(self, problem: TargetError) -> None:
        before, self._reason = self._reason, whyNot(problem)
        if self._reason != before:  # it is tried again and again
            self._log.critical(
                "metrics are not served at {door}: {reason}",
                door=self.door.place,
                reason=self._reason,
            )

    async def _close(self, serving: Deferred[None]) -> None:
        serving.cancel()
        await self._socket.close()
        self._server.dismissAll()

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._log.failure("metrics are not served at {door}:", failure, door=self.door.place)
