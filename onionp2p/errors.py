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
from typing import Self

from twisted.internet.error import (
    CannotListenError,
    ConnectError,
    ConnectingCancelledError,
    TimeoutError,
)

__all__ = [
    "AddressTypeUnsupported",
    "AttachError",
    "BootstrapStalled",
    "CircuitSilent",
    "ClientAuthRefused",
    "ClientAuthRequired",
    "ClientKeyConflict",
    "ClientKeyError",
    "ClientsFileError",
    "CommandUnsupported",
    "ConnectionRefused",
    "ControlAuthenticationFailed",
    "ControlCookieUnreadable",
    "ControlImpostor",
    "ControlLost",
    "ControlPasswordMissing",
    "ControlPasswordWrong",
    "ControlPortError",
    "ControlPortForbidden",
    "ControlPortNotFound",
    "ControlTimeout",
    "DescriptorInvalid",
    "DescriptorNotFound",
    "DialCancelled",
    "DialError",
    "DialForbidden",
    "DialQueueFull",
    "DialTimeout",
    "HostUnreachable",
    "IntroductionFailed",
    "IntroductionTimeout",
    "KeyFileError",
    "KeyInUse",
    "ListenTimeout",
    "NetworkUnreachable",
    "NoSocksPort",
    "NotAControlPort",
    "OnionAddressRefused",
    "OnionError",
    "OnionNotServed",
    "OnionPortInUse",
    "OnionRefused",
    "OnionTermsDiffer",
    "PortNotServed",
    "RendezvousFailed",
    "RunningTorLost",
    "SocksProtocolError",
    "SocksRefused",
    "StateDirectoryError",
    "StateInUse",
    "TargetError",
    "TargetInUse",
    "TargetNotLocal",
    "TargetUnknown",
    "TorDied",
    "TorError",
    "TorNotBootstrapped",
    "TorNotFound",
    "TorNotRunning",
    "TorRefusedCommand",
    "TorRestarted",
    "TorShutDown",
    "TorTooOld",
    "TorrcRefused",
    "UnreachableTarget",
]


class OnionError(Exception):
    """
    Something went wrong with an onion.

    @cvar retriable: whether doing the same again may succeed.
    @ivar detail: what is particular to this occurrence; may be empty.
    @ivar address: whom we dialled, shortened (design §4.4); empty where it is not about a dial.
    @ivar phase: what the dial was doing, as C{"waiting for tor's reply"}; empty likewise.
    """

    retriable: bool = False
    address: str = ""
    phase: str = ""

    def __init__(self, detail: str = "") -> None:
        Exception.__init__(self, detail)
        self.detail = detail

    def __str__(self) -> str:
        paragraph = cleandoc(type(self).__doc__ or "").partition("\n\n")[0]
        text = " ".join(f"{paragraph} {self.detail}".split())
        if self.address:
            text = f"{self.address}: {text}"
        return f"{text} ({self.phase})" if self.phase else text

    def during(self, address: str, phase: str) -> Self:
        """
        Give the same error as that of one dial: several may share one cause.
        """
        error = type(self).__new__(type(self))
        error.args = self.args
        error.__dict__.update(self.__dict__, address=address, phase=phase)
        return error


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


class TorNotRunning(TorError):
    """
    No tor runs where control= or socks= says: start it (Debian: "systemctl start tor"; or a Tor
    Browser), or name its port or socket.
    """

    retriable = True


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

    retriable = True


class TorShutDown(TorDied):
    """
    Tor was shut down by this program.
    """

    retriable = False


class TorRestarted(TorDied):
    """
    Tor is ended by this program, to start it anew: onions could not be reached.
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

    retriable = True


class ControlLost(TorError):
    """
    The control connection to tor ended.
    """

    retriable = True


class ControlTimeout(TorError):
    """
    Tor does not answer on its control connection.
    """

    retriable = True


class TorRefusedCommand(TorError):
    """
    Tor refused a command.

    @ivar code: the three-digit code of tor's answer (control-spec, section 4).
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code} {detail}")
        self.code = code


# A tor that runs already (control=).


class RunningTorLost(TorDied):
    """
    The running tor closed its control connection, or was stopped.
    """


class ControlPortError(TorError):
    """
    The control port that control= names can't be used.
    """


class ControlPortNotFound(ControlPortError):
    """
    Nobody listens at the control port that control= names: start that tor, with lines like
    "ControlPort 9051" and "CookieAuthentication 1" in its torrc, or name the right one.
    """

    retriable = True


class ControlPortForbidden(ControlPortError):
    """
    This user may not use the control socket that control= names.
    """


class NotAControlPort(ControlPortError):
    """
    What listens where control= says is no tor's control port; a SOCKS port, perhaps.
    """


class ControlAuthenticationFailed(ControlPortError):
    """
    The running tor does not let us in.
    """


class ControlCookieUnreadable(ControlAuthenticationFailed):
    """
    The running tor wants its authentication cookie, which can't be read here.
    """


class ControlImpostor(ControlAuthenticationFailed):
    """
    What listens where control= says does not know the cookie of which it names the file: another
    program has taken tor's port, or the file is another tor's.  It was told nothing.
    """


class ControlPasswordMissing(ControlAuthenticationFailed):
    """
    The running tor wants a password: put it into the environment variable
    ONIONP2P_CONTROL_PASSWORD.
    """


class ControlPasswordWrong(ControlAuthenticationFailed):
    """
    The running tor refused the password in the environment variable ONIONP2P_CONTROL_PASSWORD.
    """


class NoSocksPort(TorError):
    """
    The running tor takes no dials at a port that we can use: it needs a line like "SocksPort 9050"
    in its torrc, and no "DisableNetwork 1".
    """


# Listening.


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
    Another listener already uses this key: an identity is served once at a time.
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


# Dialing.  The codes are those of SOCKS5 (RFC 1928, section 6) and of tor's proposal 304.


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


class SocksProtocolError(DialError):
    """
    What answers on tor's SOCKS socket does not speak SOCKS5 as tor does.
    """


class SocksRefused(DialError):
    """
    Tor refused to dial.
    """


class UnreachableTarget(DialError):
    """
    The onion service is there, but the program behind it is not, or the circuit broke: start that
    program again.

    SOCKS code 01.
    """

    retriable = True
    freshCircuit = True


class DialForbidden(DialError):
    """
    Tor's own configuration forbids this dial: dial through another tor, or change its SocksPort
    and SocksPolicy.

    SOCKS code 02.
    """


class NetworkUnreachable(DialError):
    """
    Tor says that the network can't be reached: check the network connection.

    SOCKS code 03.
    """

    retriable = True


class HostUnreachable(DialError):
    """
    Tor could not reach the onion, and its SocksPort lacks ExtendedErrors, which would say why: its
    owner may be offline.

    SOCKS code 04.
    """

    retriable = True


class ConnectionRefused(DialError):
    """
    The onion service does not serve this port, or no more streams on our circuit (maxstreams=):
    check the port in the address.

    SOCKS code 05.
    """


class TorNotBootstrapped(DialError):
    """
    Tor has not yet reached its network, or gave up on a circuit.

    SOCKS code 06.
    """

    retriable = True
    freshCircuit = True


class CommandUnsupported(DialError):
    """
    What answers on tor's SOCKS socket can't connect: it is no tor's.

    SOCKS code 07.
    """


class AddressTypeUnsupported(DialError):
    """
    What answers on tor's SOCKS socket takes no names, so no onion addresses: it is no tor's.

    SOCKS code 08.
    """


class DescriptorNotFound(DialError):
    """
    Nobody is at this onion address now: its owner is offline, or began a moment ago.

    SOCKS code F0.
    """

    retriable = True


class DescriptorInvalid(DialError):
    """
    The onion published a descriptor that can't be understood: its owner should update tor.

    SOCKS code F1.
    """


class IntroductionFailed(DialError):
    """
    The onion's introduction points did not pass our call on: its owner may have gone a moment ago.

    SOCKS code F2.
    """

    retriable = True
    freshCircuit = True


class RendezvousFailed(DialError):
    """
    The onion did not come to the rendezvous: try again.

    SOCKS code F3.
    """

    retriable = True
    freshCircuit = True


class ClientAuthRequired(DialError):
    """
    This onion lets in only those whose key it knows: ask its owner to be invited, and name the key
    with auth=FILE.

    SOCKS code F4.
    """


class ClientAuthRefused(DialError):
    """
    This onion does not know our key, or no longer: ask its owner to be invited anew.

    SOCKS code F5.
    """


class OnionAddressRefused(DialError):
    """
    Tor says that this is not an onion address: check it letter by letter.

    SOCKS code F6.
    """


class IntroductionTimeout(DialError):
    """
    The onion's introduction points did not answer in time: try again.

    SOCKS code F7.
    """

    retriable = True
    freshCircuit = True


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
