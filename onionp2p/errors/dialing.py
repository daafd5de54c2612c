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
    """
    The onion could not be reached.

    @cvar freshCircuit: whether the next attempt should go by another circuit.
    """

    freshCircuit: bool = False


class DialTimeout(OnionError, TimeoutError):
    """
    The onion could not be reached in time: it may be offline; try again, or give a longer
    timeout=.
    """

    retriable = True


class DialCancelled(OnionError, ConnectingCancelledError):
    """
    The dial was cancelled.
    """


class DialQueueFull(DialError):
    """
    Too many dials wait for their turn at tor: dial fewer at a time.
    """

    retriable = True


class TooManyOpenFiles(DialError):
    """
    This process may open no more sockets: close some, or raise the limit (ulimit -n).
    """

    retriable = True


class CircuitSilent(DialError):
    """
    A circuit to the onion is silent: another one is tried beside it.
    """

    retriable = True
    freshCircuit = True


class ClientKeyError(DialError):
    """
    The client key file can't be used.
    """


class ClientKeyConflict(DialError):
    """
    Another key to the same onion is in use, and a tor holds one: give this dial a tor of its own,
    with its own state=DIR.
    """
