# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The environment variables by which endpoint strings join a private network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["environment", "runningNetwork"]

_VARIABLES = ("ONIONP2P_TORRC", "ONIONP2P_STATE")


def runningNetwork() -> dict[str, str] | None:
    """
    Give the variables of a private network that was started outside (C{onionp2p testnet}), if they
    are set.
    """
    try:
        with open(os.environ.get("ONIONP2P_TORRC", "")) as file:
            isPrivate = "TestingTorNetwork 1" in file.read()
    except OSError:
        return None
    if not isPrivate:
        return None
    return {name: os.environ[name] for name in _VARIABLES if name in os.environ}


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """
    Set environment variables for a while.
    """
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
