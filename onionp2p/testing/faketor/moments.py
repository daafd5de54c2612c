# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The moments of a fake tor's life at which something may go wrong (see
L{onionp2p.testing.faketor.faults}).
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from onionp2p.testing.faketor.faults import Action, Delay, Die, Hang, Rule, Rules

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Moments"]


class Moments:
    """
    What shall happen to one tor: by its own rules first, then by its network's.
    """

    def __init__(self, tor: FakeTor) -> None:
        self._tor = tor
        self._rules = Rules()

    def on(self, moment: str, *actions: Action, times: int | None = None) -> Rule:
        """
        Add a rule for this tor alone.
        """
        return self._rules.on(moment, *actions, times=times)

    async def at(self, moment: str) -> Action | None:
        """
        Wait for as long as the rules say, if they do.

        @return: what shall happen at this moment instead of what should, if anything.

        @raise CancelledError: if tor ends.
        """
        tor = self._tor
        await tor.outlets.whenAwake()
        for action in chain(self._rules.at(moment), tor.network.at(moment)):
            if isinstance(action, Delay):
                await deferLater(tor.reactor, action.seconds)
            elif isinstance(action, Hang):
                tor.freeze()
            elif isinstance(action, Die):
                tor.reactor.callLater(0, tor.die)
                await tor.whenGone()
                raise CancelledError
            else:
                return action
            await tor.outlets.whenAwake()
        return None
