# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why C{connect()} fails.
"""

from __future__ import annotations

from twisted.internet.error import ConnectError, ConnectingCancelledError, TimeoutError

from onionp2p.errors.onion import OnionError

__all__ = [
    "CircuitSilent",
    "ClientKeyConflict",
    "ClientKeyError",
    "DialCancelled",
    "DialError",
    "DialQueueFull",
    "DialTimeout",
    "TooManyOpenFiles",
]


class DialError(OnionError, ConnectError):
    __doc__ = """
    The onion could not be reached: try again, and see `onionp2p doctor`.

    @cvar freshCircuit: whether the next attempt should go by another circuit.
    """

    freshCircuit: bool = False


class DialTimeout(OnionError, TimeoutError):
    __doc__ = """
    The onion could not be reached in time: it may be offline; try again, or give a longer
    timeout=.
    """

    retriable = True


class DialCancelled(OnionError, ConnectingCancelledError):
    __doc__ = """
    The dial was cancelled by this program: dial again where it is still wanted.
    """


class DialQueueFull(DialError):
    __doc__ = """
    Too many dials wait for their turn at tor: dial fewer at a time.
    """

    retriable = True


class TooManyOpenFiles(DialError):
    __doc__ = """
    This process may open no more sockets: close some, or raise the limit (ulimit -n).
    """

    retriable = True


class CircuitSilent(DialError):
    __doc__ = """
    A circuit to the onion is silent: wait, for another one is tried beside it.
    """

    retriable = True
    freshCircuit = True


class ClientKeyError(DialError):
    __doc__ = """
    The client key file can't be used: mend what is wrong with it, or name another.
    """


class ClientKeyConflict(DialError):
    __doc__ = """
    Another key to the same onion is in use, and a tor holds one: give this dial a tor of its own,
    with its own state=DIR.
    """
