# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a libp2p connection, or one of its streams, fails.

Every error is a failed dial to who waits for a connection or a stream, and a lost connection to the
protocol that was on one; and those that keep an endpoint from listening are Twisted's for that.
None holds a key or the whole of a peer id.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError, ConnectError, ConnectionLost, TimeoutError

from onionp2p.errors import OnionError

__all__ = [
    "ConnectionClosing",
    "ConnectionCut",
    "DecryptionFailed",
    "HandshakeError",
    "IdentityError",
    "IdentityFileError",
    "IdentityInUse",
    "IdentityUnproven",
    "Libp2pError",
    "MultistreamError",
    "NodeOptionsDiffer",
    "NonceExhausted",
    "PeerDoesNotRead",
    "ProtocolInUse",
    "ProtocolUnsupported",
    "SeedUnknown",
    "StreamRefused",
    "StreamReset",
    "StreamTimeout",
    "TooManyStreams",
    "UpgradeLost",
    "UpgradeTimeout",
    "WireError",
    "WrongPeer",
    "YamuxError",
]


class Libp2pError(OnionError, ConnectError, ConnectionLost):
    __doc__ = """
    The libp2p connection failed.
    """


class WireError(Libp2pError):
    __doc__ = """
    The peer sent a message that libp2p does not allow.
    """


class IdentityError(Libp2pError):
    __doc__ = """
    The peer's identity key can't be used: it is malformed, of an unknown kind, too weak or too
    large.
    """


class IdentityUnproven(Libp2pError):
    __doc__ = """
    The peer did not prove that its identity is its own: somebody may be in the middle.
    """


class WrongPeer(Libp2pError):
    __doc__ = """
    Who answered is another peer than the one whose id was given: check the id in the address.
    """


class HandshakeError(Libp2pError):
    __doc__ = """
    The Noise handshake failed: the peer does not speak it as libp2p does, or bytes were changed on
    the way.
    """


class DecryptionFailed(Libp2pError):
    __doc__ = """
    An encrypted message is not authentic: it was changed, repeated, reordered or cut on the way.
    """


class NonceExhausted(Libp2pError):
    __doc__ = """
    As many messages went over this connection as one pair of keys may protect: connect anew.
    """

    retriable = True


class MultistreamError(Libp2pError):
    __doc__ = """
    The peer does not negotiate as multistream-select 1.0 does.
    """


class ProtocolUnsupported(Libp2pError):
    __doc__ = """
    The peer does not speak this protocol.
    """


class YamuxError(Libp2pError):
    __doc__ = """
    The peer broke a rule of yamux.
    """


class PeerDoesNotRead(Libp2pError):
    __doc__ = """
    The peer wants answers and does not read them.
    """


class TooManyStreams(Libp2pError):
    __doc__ = """
    As many streams are open on this connection as may be: close some first.
    """

    retriable = True


class StreamReset(Libp2pError):
    __doc__ = """
    The peer ended the stream at once.
    """

    retriable = True


class StreamRefused(Libp2pError):
    __doc__ = """
    The stream was not wanted here: its factory built no protocol.
    """


class ConnectionClosing(Libp2pError):
    __doc__ = """
    The connection takes no more streams, for it is being closed.
    """

    retriable = True


class ConnectionCut(Libp2pError):
    __doc__ = """
    The connection ended while the stream was open: what came last may be missing.
    """

    retriable = True


class UpgradeTimeout(Libp2pError, TimeoutError):
    __doc__ = """
    The peer did not make a libp2p connection of this one in time.
    """

    retriable = True


class StreamTimeout(Libp2pError, TimeoutError):
    __doc__ = """
    The peer did not agree on the stream's protocol in time.
    """

    retriable = True


class UpgradeLost(Libp2pError):
    __doc__ = """
    The peer ended the connection before it was a libp2p connection: it may not speak libp2p, or not
    want us.
    """

    retriable = True


class IdentityFileError(Libp2pError, CannotListenError):
    __doc__ = """
    The identity file can't be used: mend what is wrong with it, or name another.
    """


class IdentityInUse(IdentityFileError):
    __doc__ = """
    Another program uses this identity: give this one another identity=, since peers take both for
    one.
    """

    retriable = True


class SeedUnknown(OnionError, CannotListenError):
    __doc__ = """
    The onion's key can't be a libp2p identity: it came from tor, which keeps no seed of it.  Give
    an identity= of its own.
    """


class ProtocolInUse(OnionError, CannotListenError):
    __doc__ = """
    Another listener of this program speaks this protocol at this port of the onion already: give
    one of them another protocol=, port= or key=.
    """


class NodeOptionsDiffer(OnionError, CannotListenError):
    __doc__ = """
    Listeners at one port of an onion are one libp2p node, so all their options but protocol= must
    be the same.
    """
