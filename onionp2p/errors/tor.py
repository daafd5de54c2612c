# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What tor can't do, whoever asked: errors of C{listen()} and of C{connect()}.
"""

from __future__ import annotations

from twisted.internet.error import CannotListenError, ConnectError

from onionp2p.errors.onion import OnionError

__all__ = [
    "BootstrapStalled",
    "ControlLost",
    "ControlTimeout",
    "StateDirectoryError",
    "StateInUse",
    "TooFewDescriptors",
    "TorDied",
    "TorError",
    "TorNotFound",
    "TorNotRunning",
    "TorRefusedCommand",
    "TorRestarted",
    "TorShutDown",
    "TorTooOld",
    "TorrcRefused",
]


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


class TooFewDescriptors(TorError):
    """
    Tor may open too few files here: raise the limit, as root ("ulimit -n 20000" in the shell that
    starts it, or LimitNOFILE=20000 in its systemd unit).
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
