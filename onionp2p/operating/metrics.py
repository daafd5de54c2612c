# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The metrics of this process, served as Prometheus reads them: C{GET /metrics}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from onionp2p.events import observe
from onionp2p.operating.door import Door, parseDoor

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

    When it can't listen it says so (critical), and no more: what is measured goes on.
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
        self._forget: Callable[[], None] | None = None
        self._listening: Deferred[IListeningPort | None] | None = None

    def startService(self) -> None:
        Service.startService(self)
        self._forget = observe(self._measures.observe)
        listening = Deferred.fromCoroutine(self.door.listen(self._reactor, self._server))
        self._listening = listening.addErrback(self._notListening)

    def stopService(self) -> Any:
        """
        Serve no more.

        @return: fires once the socket is closed; or L{None}, if there is none.
        """
        Service.stopService(self)
        if self._forget is not None:
            self._forget()
            self._forget = None
        listening, self._listening = self._listening, None
        return None if listening is None else Deferred.fromCoroutine(self._close(listening))

    async def _close(self, listening: Deferred[IListeningPort | None]) -> None:
        listening.cancel()
        port = await listening
        if port is not None:
            await maybeDeferred(port.stopListening)
        self._server.dismissAll()

    def _notListening(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        if failure.check(CannotListenError):
            problem: Any = failure.value
            reason = getattr(problem.socketError, "strerror", None) or problem.socketError
            self._log.critical(
                "metrics are not served at {door}: {reason}", door=self.door.place, reason=reason
            )
        else:
            self._log.failure("metrics are not served at {door}:", failure, door=self.door.place)
