# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The identities in use: listeners with one key file and one tor share it, and are one onion.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from onionp2p.keys import Identity, KeyFile
from onionp2p.local.folders import expandHome
from onionp2p.options import TorOptions

__all__ = ["holdIdentity"]


class _Shared:
    """
    An open key file, and how many use it.
    """

    def __init__(self, path: str) -> None:
        self.file = KeyFile(path)
        self.uses = 0


_shared: dict[tuple[Any, TorOptions, str], _Shared] = {}


def holdIdentity(
    reactor: Any, tor: TorOptions, path: str | None
) -> tuple[Identity, Callable[[], None]]:
    """
    Take the identity that a key file holds, or a fresh one.

    @param tor: the tor that is to serve it: a second one can't.
    @param path: the key file, or L{None}.

    @return: the identity, and a callable, to be called once, that gives it back.

    @raise KeyInUse: if another program has it, or another tor of this one.
    @raise KeyFileError: if the file can't be read, made or trusted.
    """
    if path is None:
        return Identity.generate(), _nothing
    key = (reactor, tor, os.path.abspath(expandHome(path)))
    shared = _shared.get(key)
    if shared is None:
        shared = _shared[key] = _Shared(path)
    shared.uses += 1
    return shared.file.identity, lambda: _giveBack(key)


def _giveBack(key: tuple[Any, TorOptions, str]) -> None:
    shared = _shared[key]
    shared.uses -= 1
    if not shared.uses:
        del _shared[key]
        shared.file.close()


def _nothing() -> None:
    """
    Nobody else has a fresh one.
    """
