# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""What trial gives for free and pytest-twisted does not: deadlines, logged errors, a clean reactor.

An asynchronous test is a plain C{async def} (or returns a Deferred). Every test

  - ends within its deadline, 2 s or what C{@pytest.mark.deadline(seconds)} says; with hypothesis,
    every example does;
  - fails when an error was logged, or a Deferred's failure was lost; one that expects an error
    asks for L{loggedErrors}, looks at it and clears it;
  - fails when it leaves a delayed call, a socket, a port or a process behind;
  - fails when something in this process goes past Tor: C{leak_guard}, by pyproject.toml.

What Twisted logged is shown with a failure. Fixtures have no deadline of their own: where one
hangs, C{faulthandler_timeout} in pyproject.toml ends the whole run.

The reactor is imported inside functions: at the top, C{--reactor=asyncio} would come too late.
"""

from __future__ import annotations

import functools
import gc
import inspect
import os
import signal
import warnings
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any, NoReturn, cast

import hypothesis
import pytest
from pytest_twisted import blockon
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import deferLater
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    eventAsText,
    globalLogBeginner,
    globalLogPublisher,
)
from twisted.plugin import getCache
from twisted.python.failure import Failure
from zope.interface import provider

import twisted.plugins
from onionp2p.tor.watchdog import Watchdog

DEADLINE = 2.0
"""Seconds that a test, or one example of a hypothesis test, may take."""

SLACK = 10.0
"""More seconds for a test that keeps the reactor waiting: it may be slow, or loop for ever."""

SETTLING = 0.1
"""Seconds that closing sockets get: it takes both ends a few turns of the reactor."""

SETTLING_OVER_TOR = 5.0
"""The same where one end hears of it by six relays."""

# A busy machine is no bug, and deadlines are set here. All else stays as hypothesis has it.
hypothesis.settings.register_profile("onionp2p", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("onionp2p")

loggedText = pytest.StashKey[list[str]]()

MAKE_FAILURE = Failure.__init__
"""As Twisted has it."""


def pytest_configure(config: pytest.Config) -> None:
    """
    Keep every tor off the Internet, and stop Twisted from keeping 65,536 events, and all they refer
    to, until somebody shows them.
    """
    if "onionp2p-net-" not in os.environ.get("ONIONP2P_TORRC", ""):  # inside `onionp2p testnet`
        os.environ["ONIONP2P_TORRC"] = os.path.join(os.path.dirname(__file__), "offline.torrc")
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the collections after each test all that is imported: a fifth of the time is left."""
    fillPluginCache()
    gc.collect()
    gc.freeze()


def fillPluginCache() -> None:
    """
    Import Twisted's plugins before the first endpoint string does, where a warning of theirs, which
    is an error in a test, would keep them out of the cache: in an environment that is new.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        getCache(twisted.plugins)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """
    Leave Twisted's failures as they are.  With Twisted 24, once trial was imported, pytest gives
    each the traceback of whatever is being handled, by which Twisted takes it for another failure.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Failure, "__init__", MAKE_FAILURE)
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Put the deadline around a test, before pytest-twisted takes it."""
    marker = pyfuncitem.get_closest_marker("deadline")
    seconds = float(marker.args[0]) if marker else DEADLINE
    # Of a hypothesis test, pytest-twisted runs each example in the reactor, but leaves its own
    # function in there, on which the next set of parameters fails: so put the test back.
    holder, name = pyfuncitem, "obj"
    if hasattr(pyfuncitem.obj, "hypothesis"):
        holder, name = pyfuncitem.obj.hypothesis, "inner_test"
    test = getattr(holder, name)
    setattr(holder, name, bounded(test, seconds))
    try:
        return (yield)
    except BaseException:
        text = pyfuncitem.stash[loggedText]
        pyfuncitem.add_report_section("call", "Twisted's log", "\n".join(text))
        raise
    finally:
        setattr(holder, name, test)


def bounded(test: Callable[..., object], seconds: float) -> Callable[..., object]:
    """Make a test fail, rather than hang, when it does not end in time."""

    def tooLate(result: object, seconds: float) -> NoReturn:
        # Even if the test took its cancellation for the failure that it expected.
        pytest.fail(f"not done after {seconds:g} s; then cancelled, which gave: {result!r}")

    def stuck(signum: int, frame: FrameType | None) -> NoReturn:
        # A BaseException: code under test that catches all errors must not catch this.
        pytest.fail(f"neither ended nor let the reactor run for {seconds + SLACK:g} s")

    @functools.wraps(test)
    def boundedTest(**kwargs: object) -> object:
        from twisted.internet import reactor

        before = signal.signal(signal.SIGALRM, stuck)
        signal.setitimer(signal.ITIMER_REAL, seconds + SLACK)
        try:
            result = test(**kwargs)
            if inspect.iscoroutine(result):
                result = Deferred.fromCoroutine(result)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        if isinstance(result, Deferred):
            result.addTimeout(seconds, reactor, onTimeoutCancel=tooLate)
        return result

    return boundedTest


@pytest.fixture(autouse=True)
def loggedErrors(request: pytest.FixtureRequest) -> Generator[list[LogEvent], None, None]:
    """Fail a test that logs an error or loses a failed Deferred; the list holds the events."""
    errors: list[LogEvent] = []
    # As text, for an event may refer to a lost Deferred, which then would not be collected.
    text: list[str] = []
    request.node.stash[loggedText] = text

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        text.append(eventAsText(event, includeTimestamp=False))
        if event["log_level"] is LogLevel.critical:
            errors.append(event)

    observer = cast(ILogObserver, observe)  # mypy-zope doesn't know functions
    globalLogPublisher.addObserver(observer)
    yield errors
    gc.collect()  # a lost Deferred logs its failure when it is collected
    globalLogPublisher.removeObserver(observer)
    if errors:
        pytest.fail("logged:\n" + "\n".join(map(eventAsText, errors)), pytrace=False)


@pytest.fixture(autouse=True)
def cleanReactor(
    request: pytest.FixtureRequest, loggedErrors: list[LogEvent]
) -> Generator[None, None, None]:
    """Fail a test that leaves something in the reactor; what stood before it is not its own.

    It comes after L{loggedErrors}, and so ends before: what is logged on closing counts.
    """
    from twisted.internet import reactor

    settling = SETTLING
    if "tor_environment" in request.fixturenames:
        request.getfixturevalue("tor_environment")  # the tor of all tests is not its own either
        settling = SETTLING_OVER_TOR
    before = pending()
    yield
    deadline = reactor.seconds() + settling
    while pending() - before and reactor.seconds() < deadline:
        blockon(deferLater(reactor, SETTLING / 10))
    left = pending() - before
    if not left:
        return
    for thing in left:
        discard(thing)
    pytest.fail("left behind:\n" + "\n".join(map(repr, left)), pytrace=False)


def pending() -> set[Any]:
    """All that keeps the reactor busy: delayed calls, sockets, ports, processes."""
    from twisted.internet import reactor

    selectables = {*reactor.getReaders(), *reactor.getWriters()}
    selectables -= getattr(reactor, "_internalReaders", set())
    # A tor that outlives a test is looked after all the while.
    calls = {
        call
        for call in reactor.getDelayedCalls()
        if not isinstance(getattr(getattr(call, "func", None), "__self__", None), Watchdog)
    }
    return selectables | calls | {*reapProcessHandlers.values()}


def discard(thing: Any) -> None:
    """Take it from the reactor, so that the next test starts clean."""
    from twisted.internet import reactor

    if IDelayedCall.providedBy(thing):
        if thing.active():  # what was discarded before it may have cancelled it
            thing.cancel()
    elif thing in reapProcessHandlers.values():
        thing.signalProcess("KILL")
    else:
        reactor.removeReader(thing)
        reactor.removeWriter(thing)
        thing.connectionLost(Failure(ConnectionAborted()))
