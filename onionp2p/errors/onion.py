# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What all of our errors are.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import Self

__all__ = ["OnionError"]


class OnionError(Exception):
    __doc__ = """
    Something went wrong with an onion: see what follows, and try `onionp2p doctor`.

    @cvar retriable: whether doing the same again may succeed.
    @ivar detail: what is particular to this occurrence; may be empty.
    @ivar address: whom we dialled, shortened; empty where it is not about a dial.
    @ivar phase: what the dial was doing, as C{"waiting for tor's reply"}; empty likewise.
    """

    retriable: bool = False
    address: str = ""
    phase: str = ""

    def __init__(self, detail: str = "") -> None:
        Exception.__init__(self, detail)
        self.detail = detail

    def __str__(self) -> str:
        paragraph = cleandoc(type(self).__doc__ or "").partition("\n\n")[0]
        text = " ".join(f"{paragraph} {self.detail}".split())
        if self.address:
            text = f"{self.address}: {text}"
        return f"{text} ({self.phase})" if self.phase else text

    def during(self, address: str, phase: str) -> Self:
        """
        Give the same error as that of one dial: several may share one cause.
        """
        error = type(self).__new__(type(self))
        error.args = self.args
        error.__dict__.update(self.__dict__, address=address, phase=phase)
        return error
