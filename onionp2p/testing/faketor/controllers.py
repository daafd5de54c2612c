# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Those who control a fake tor, and what all of them are told (control-spec, section 4.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onionp2p.testing.faketor.control import ControlSession

__all__ = ["Controllers"]


class Controllers:
    """
    A tor's controllers.

    @ivar sessions: their connections.
    """

    def __init__(self) -> None:
        self.sessions: list[ControlSession] = []

    def tell(self, event: str, text: str, *, block: str | None = None) -> None:
        """
        Tell of an event those that want to know.

        @param block: what follows in a data block.
        """
        lines = [f"650 {event} {text}"]
        if block is not None:
            lines = [f"650+{event} {text}", *block.split("\n"), ".", "650 OK"]
        self._tell(event, lines)

    def tellChanges(self, changes: list[str]) -> None:
        """
        Tell of options that were set.
        """
        if changes:
            lines = ["650-CONF_CHANGED", *(f"650-{change}" for change in changes), "650 OK"]
            self._tell("CONF_CHANGED", lines)

    def _tell(self, event: str, lines: list[str]) -> None:
        for session in list(self.sessions):
            session.tell(event, lines)

    def drop(self) -> None:
        """
        Close their connections.
        """
        for session in list(self.sessions):
            session.transport.abortConnection()
