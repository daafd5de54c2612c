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
from onionp2p.local.shared import Shared
from onionp2p.options import TorOptions

__all__ = ["holdIdentity"]


_inUse: Shared[KeyFile] = Shared()


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
    path = os.path.abspath(expandHome(path))
    file, giveBack = _inUse.hold((reactor, tor, path), lambda: KeyFile(path))
    return file.identity, giveBack


def _nothing() -> None:
    """
    Nobody else has a fresh one.
    """
