# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a private network comes to its first consensus, with nothing left to the clock.

Left to it, an authority votes when its interval comes round, often before every relay's descriptor
has arrived, and the relays ask for the consensus when their own schedules say so: a start took from
17 to 77 seconds.  So

  1. when the authorities have the descriptors of all nodes, they are told to vote now.  A consensus
     that lacks some is what clients would keep for most of the next interval;
  2. when the consensus is there, with all nodes in it, each relay is told (SIGHUP) to ask for it.
     By themselves they ask from the start, and ever less often.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred, FirstError, TimeoutError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from onionp2p.errors import TorRefusedCommand
from onionp2p.testing.nodes import Node

__all__ = ["NetworkStep", "allOf", "reachConsensus"]

_SECONDS_BETWEEN_QUESTIONS = 0.1
_SECONDS_BETWEEN_HANGUPS = 0.2
# Voting begins at multiples of this, plus an offset; the least that tor allows.
_FIRST_INTERVAL = 5

NetworkStep = Callable[[str, float], object]


async def allOf(waits: Iterable[Any]) -> None:
    """
    Wait for several Deferreds or coroutines side by side; raise the first error among them.
    """
    deferreds = [
        wait if isinstance(wait, Deferred) else Deferred.fromCoroutine(wait) for wait in waits
    ]
    try:
        await gatherResults(deferreds, consumeErrors=True)
    except FirstError as first:
        first.subFailure.raiseException()


async def reachConsensus(
    clock: IReactorTime,
    authorities: list[Node],
    relays: list[Node],
    votingInterval: int,
    step: NetworkStep,
) -> None:
    """
    Bring nodes that answer to a consensus that lists them all.

    @param votingInterval: seconds from one consensus to the next.
    @param step: told what is being done, and which part of the start is over.
    """
    count = len(authorities) + len(relays)
    step("collecting the relays' descriptors", 0.3)
    await allOf(_untilDescribed(clock, authority, count) for authority in authorities)
    step("voting", 0.5)
    await _vote(authorities, votingInterval)
    step("publishing the consensus", 0.8)
    await allOf(_untilServed(clock, authority) for authority in authorities)
    step("spreading the consensus", 0.9)
    await allOf(_fetchConsensus(clock, relay) for relay in relays)


async def _untilDescribed(clock: IReactorTime, authority: Node, count: int) -> None:
    while True:
        descriptors = await authority.control.getInfo("desc/all-recent")
        if f"\n{descriptors}".count("\nrouter ") >= count:
            return
        await deferLater(clock, _SECONDS_BETWEEN_QUESTIONS)


async def _vote(authorities: list[Node], votingInterval: int) -> None:
    # The consensus is due at a multiple of the interval plus the offset.  One authority alone
    # votes at once; several need the 2 + 2 s of their delays to exchange votes.
    due = int(time.time()) + (2 if len(authorities) == 1 else _FIRST_INTERVAL)
    for authority in authorities:
        await authority.control.command(
            f"SETCONF TestingV3AuthInitialVotingInterval={_FIRST_INTERVAL}"
            f" V3AuthVotingInterval={votingInterval}"
            f" TestingV3AuthVotingStartOffset={due % _FIRST_INTERVAL}"
        )
    await allOf(authority.consensus.wait() for authority in authorities)


async def _untilServed(clock: IReactorTime, authority: Node) -> None:
    """
    An authority tells of its consensus before it can serve the form that clients ask for.
    """
    while True:
        try:
            await authority.control.getInfo("dir/status-vote/current/consensus-microdesc")
        except TorRefusedCommand:
            await deferLater(clock, _SECONDS_BETWEEN_QUESTIONS)
        else:
            return


async def _fetchConsensus(clock: IReactorTime, relay: Node) -> None:
    while not relay.consensus.known:
        await relay.control.command("SIGNAL HUP")
        fetched = relay.consensus.wait()
        fetched.addTimeout(_SECONDS_BETWEEN_HANGUPS, clock)
        try:
            await fetched
        except TimeoutError:
            continue
