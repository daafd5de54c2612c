# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why C{listen()} fails.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError

from onionp2p.errors.onion import OnionError

__all__ = [
    "AttachError",
    "ClientsFileError",
    "KeyFileError",
    "KeyInUse",
    "ListenTimeout",
    "OnionNotServed",
    "OnionPortInUse",
    "OnionRefused",
    "OnionTermsDiffer",
    "PortNotServed",
    "TargetError",
    "TargetInUse",
    "TargetNotLocal",
    "TargetUnknown",
]


class OnionRefused(OnionError, CannotListenError):
    """
    The onion service could not be made.
    """


class OnionPortInUse(OnionError, CannotListenError):
    """
    Another listener of this program serves this port of the onion already: give one of them another
    port=, or another key=.
    """


class OnionTermsDiffer(OnionError, CannotListenError):
    """
    Listeners with one key are one onion, so their options of who may come in, and circuits= and
    frontend=, must be the same.
    """


class KeyFileError(OnionError, CannotListenError):
    """
    The key file can't be used.
    """


class KeyInUse(KeyFileError):
    """
    Another listener already uses this key: stop that one first, for an identity is served once
    at a time.
    """


class ClientsFileError(OnionError, CannotListenError):
    """
    The list of allowed clients can't be used.
    """


class ListenTimeout(OnionError, CannotListenError):
    """
    The onion could not be published in time, and was withdrawn: try again, or give a longer
    timeout=.
    """


class AttachError(OnionError, CannotListenError):
    """
    The onion that addr= names can't be attached to.
    """


class OnionNotServed(AttachError):
    """
    The tor that control= names does not serve this onion: check the address, and that the service
    is in that tor's torrc.
    """


class PortNotServed(AttachError):
    """
    The onion that addr= names has no such virtual port: check the port.
    """


class TargetUnknown(AttachError):
    """
    Tor does not tell where it takes this onion's connections: name the place with target=.
    """


class TargetNotLocal(AttachError):
    """
    Tor takes this onion's connections to where we can't listen: change its HiddenServicePort line
    to a port of 127.0.0.1 or to the path of a UNIX socket.
    """


class TargetError(OnionError, CannotListenError):
    """
    The local socket for the onion's connections can't be made.
    """


class TargetInUse(TargetError):
    """
    Another program listens where tor takes the onion's connections: stop it first.
    """
