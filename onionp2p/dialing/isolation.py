# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Which dials share circuits: those with equal tokens (C{isolate=}).

A token is random and says nothing; tor gets it as a SOCKS password, and shows it to whoever has
its control port.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from weakref import WeakValueDictionary

__all__ = ["Isolation"]

_TOKEN_BYTES = 16


class Isolation:
    """
    The circuits of some dials to one onion.

    @ivar token: what the next dial is to be made with.
    @ivar isWarm: whether there is a circuit for it, as far as we know: one with it was answered.
    """

    def __init__(self) -> None:
        self._renew()

    @classmethod
    def ofLabel(cls, *label: Hashable) -> Isolation:
        """
        Give the one that all who ask with an equal label share, for as long as any of them has it.
        """
        return _ofLabels.setdefault(label, cls())

    def answered(self, token: str) -> None:
        """
        Know that a dial with C{token} has come through.
        """
        if token == self.token:
            self.isWarm = True

    def abandon(self, token: str) -> None:
        """
        Use fresh circuits from now on, if C{token} is still the present one: of several dials that
        fail on one circuit, the first has renewed it for all.
        """
        if token == self.token:
            self._renew()

    def _renew(self) -> None:
        self.token = secrets.token_hex(_TOKEN_BYTES)
        self.isWarm = False


_ofLabels: WeakValueDictionary[Hashable, Isolation] = WeakValueDictionary()
