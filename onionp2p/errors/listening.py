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
    __doc__ = """
    The onion service could not be made: change what is objected to, in its options or its tor.
    """


class OnionPortInUse(OnionError, CannotListenError):
    __doc__ = """
    Another listener of this program serves this port of the onion already: give one of them another
    port=, or another key=.
    """


class OnionTermsDiffer(OnionError, CannotListenError):
    __doc__ = """
    Listeners with one key are one onion, so their options of who may come in, and circuits= and
    frontend=, must be the same: give them the same ones, or another key=.
    """


class KeyFileError(OnionError, CannotListenError):
    __doc__ = """
    The key file can't be used: mend what is wrong with it, or name another.
    """


class KeyInUse(KeyFileError):
    __doc__ = """
    Another listener already uses this key: stop that one first, for an identity is served once
    at a time.
    """


class ClientsFileError(OnionError, CannotListenError):
    __doc__ = """
    The list of allowed clients can't be used: mend what is wrong with it, or name another.
    """


class ListenTimeout(OnionError, CannotListenError):
    __doc__ = """
    The onion could not be published in time, and was withdrawn: try again, or give a longer
    timeout=.
    """


class AttachError(OnionError, CannotListenError):
    __doc__ = """
    The onion that addr= names can't be attached to: check addr= and control=.
    """


class OnionNotServed(AttachError):
    __doc__ = """
    The tor that control= names does not serve this onion: check the address, and that the service
    is in that tor's torrc.
    """


class PortNotServed(AttachError):
    __doc__ = """
    The onion that addr= names has no such virtual port: check the port.
    """


class TargetUnknown(AttachError):
    __doc__ = """
    Tor does not tell where it takes this onion's connections: name the place with target=.
    """


class TargetNotLocal(AttachError):
    __doc__ = """
    Tor takes this onion's connections to where we can't listen: change its HiddenServicePort line
    to a port of 127.0.0.1 or to the path of a UNIX socket.
    """


class TargetError(OnionError, CannotListenError):
    __doc__ = """
    The local socket for the onion's connections can't be made: mend what is in its way, or name
    another place with target=.
    """


class TargetInUse(TargetError):
    __doc__ = """
    Another program listens where tor takes the onion's connections: stop it first.
    """
