# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the first of several users opens, and the last one closes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

__all__ = ["Shared"]


class _Open(Protocol):
    def close(self) -> object: ...


_T = TypeVar("_T", bound=_Open)


class Shared(Generic[_T]):
    """
    Things that are open, each by a name, and how many use each.
    """

    def __init__(self) -> None:
        self._open: dict[Hashable, _T] = {}
        self._uses: dict[Hashable, int] = {}

    def hold(self, name: Hashable, opened: Callable[[], _T]) -> tuple[_T, Callable[[], None]]:
        """
        Take the one of that name.

        @param opened: gives it where nobody has it open; what it raises, this does.

        @return: it, and a callable, to be called once, that gives it back.
        """
        if name not in self._open:
            self._open[name] = opened()
        self._uses[name] = self._uses.get(name, 0) + 1
        return self._open[name], lambda: self._giveBack(name)

    def _giveBack(self, name: Hashable) -> None:
        self._uses[name] -= 1
        if not self._uses[name]:
            del self._uses[name]
            self._open.pop(name).close()
