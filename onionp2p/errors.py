# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Every error that C{listen()} and C{connect()} fail with.

The first paragraph of an error's docstring is what the user reads: what happened
and what to do.  What is particular to the one occurrence follows it.  No error
holds a key, nor the whole address of a dialled peer.

All are subclasses of Twisted's own, so that programs which know nothing of Tor
handle them as they would TCP's.
"""

from __future__ import annotations

from inspect import cleandoc

from twisted.internet.error import CannotListenError, ConnectError, TimeoutError

__all__ = [
    "BootstrapStalled",
    "ClientAuthRefused",
    "ClientAuthRequired",
    "ConnectionRefused",
    "ControlLost",
    "ControlTimeout",
    "DescriptorInvalid",
    "DescriptorNotFound",
    "DialError",
    "DialTimeout",
    "IntroductionFailed",
    "IntroductionTimeout",
    "KeyFileError",
    "KeyInUse",
    "ListenTimeout",
    "OnionAddressRefused",
    "OnionError",
    "OnionRefused",
    "RendezvousFailed",
    "SocksProtocolError",
    "SocksRefused",
    "StateDirectoryError",
    "StateInUse",
    "TorDied",
    "TorError",
    "TorNotBootstrapped",
    "TorNotFound",
    "TorRefusedCommand",
    "TorShutDown",
    "TorTooOld",
    "TorrcRefused",
    "UnreachableTarget",
]


class OnionError(Exception):
    """
    Something went wrong with an onion.

    @ivar detail: what is particular to this occurrence; may be empty.
    """

    def __init__(self, detail: str = "") -> None:
        Exception.__init__(self, detail)
        self.detail = detail

    def __str__(self) -> str:
        paragraph = cleandoc(type(self).__doc__ or "").partition("\n\n")[0]
        text = " ".join(paragraph.split())
        return f"{text} {self.detail}".rstrip()


# What tor cannot do, whoever asked: an error of listen() and of connect().


class TorError(OnionError, ConnectError, CannotListenError):
    """
    Tor could not do what was asked.
    """


class TorNotFound(TorError):
    """
    There is no tor program here: install it (Debian, Ubuntu: "apt install tor"; macOS:
    "brew install tor"), or name it with tor=PATH or $ONIONP2P_TOR.
    """


class TorTooOld(TorError):
    """
    The tor program is too old: install tor 0.4.8 or newer, or name another with tor=PATH.
    """


class TorrcRefused(TorError):
    """
    The configuration given by torrc=, defaultstorrc= or $ONIONP2P_TORRC can't be used.
    """


class TorDied(TorError):
    """
    Tor ended unexpectedly.
    """


class TorShutDown(TorDied):
    """
    Tor was shut down by this program.
    """


class StateDirectoryError(TorError):
    """
    The state directory can't be used: name another with state=DIR or $ONIONP2P_STATE.
    """


class StateInUse(StateDirectoryError):
    """
    This state directory is in use: give each program its own state=DIR, or none at all, to have
    a free one chosen.
    """


class BootstrapStalled(TorError):
    """
    Tor makes no progress in reaching its network: check the network connection, the clock,
    and whether Tor is blocked here (torrc= may name bridges).
    """


class ControlLost(TorError):
    """
    The control connection to tor ended.
    """


class ControlTimeout(TorError):
    """
    Tor does not answer on its control connection.
    """


class TorRefusedCommand(TorError):
    """
    Tor refused a command.

    @ivar code: the three-digit code of tor's answer (control-spec, section 4).
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code} {detail}")
        self.code = code


# Listening.


class OnionRefused(OnionError, CannotListenError):
    """
    The onion service could not be made.
    """


class KeyFileError(OnionError, CannotListenError):
    """
    The key file can't be used.
    """


class KeyInUse(KeyFileError):
    """
    Another listener already uses this key: an identity is served once at a time.
    """


class ListenTimeout(OnionError, CannotListenError):
    """
    The onion could not be published in time, and was withdrawn: try again, or give a longer
    timeout=.
    """


# Dialing.  The codes are those of SOCKS5 (RFC 1928, section 6) and of tor's proposal 304.


class DialError(OnionError, ConnectError):
    """
    The onion could not be reached.

    @cvar retriable: whether a later attempt may succeed with nothing else changed.
    @ivar address: whom, shortened; empty where it is not known.
    """

    retriable: bool = False
    address: str = ""

    def __str__(self) -> str:
        text = super().__str__()
        return f"{self.address}: {text}" if self.address else text


class DialTimeout(OnionError, TimeoutError):
    """
    The onion could not be reached in time: it may be offline; try again, or give a longer
    timeout=.
    """


class SocksProtocolError(DialError):
    """
    What answers on tor's SOCKS socket does not speak SOCKS5.
    """


class SocksRefused(DialError):
    """
    Tor refused to dial.
    """


class UnreachableTarget(DialError):
    """
    The onion service is there, but the program behind it is not: start it again.
    """


class ConnectionRefused(DialError):
    """
    The onion service does not serve this port: check the port in the address.
    """


class TorNotBootstrapped(DialError):
    """
    Tor has not yet reached its network.
    """

    retriable = True


class DescriptorNotFound(DialError):
    """
    Nobody is at this onion address now: its owner is offline, or began a moment ago.
    """

    retriable = True


class DescriptorInvalid(DialError):
    """
    The onion published a descriptor that can't be understood: its owner should update tor.
    """


class IntroductionFailed(DialError):
    """
    The onion's introduction points did not pass our call on.
    """

    retriable = True


class RendezvousFailed(DialError):
    """
    The onion did not come to the rendezvous.
    """

    retriable = True


class ClientAuthRequired(DialError):
    """
    This onion lets in only those whose key it knows: ask its owner to be invited.
    """


class ClientAuthRefused(DialError):
    """
    This onion does not know our key, or no longer: ask its owner to be invited anew.
    """


class OnionAddressRefused(DialError):
    """
    Tor says that this is not an onion address.
    """


class IntroductionTimeout(DialError):
    """
    The onion's introduction points did not answer in time.
    """

    retriable = True
