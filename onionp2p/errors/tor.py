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
    __doc__ = """
    Tor could not do what was asked: `onionp2p doctor` says what is wrong here.
    """


class TorNotFound(TorError):
    __doc__ = """
    There is no tor program here: install it (Debian, Ubuntu: "apt install tor"; macOS:
    "brew install tor"), or name it with tor=PATH or $ONIONP2P_TOR.
    """


class TorNotRunning(TorError):
    __doc__ = """
    No tor runs where control= or socks= says: start it (Debian: "systemctl start tor"; or a Tor
    Browser), or name its port or socket.
    """

    retriable = True


class TorTooOld(TorError):
    __doc__ = """
    The tor program is too old: install tor 0.4.8 or newer, or name another with tor=PATH.
    """


class TorrcRefused(TorError):
    __doc__ = """
    The configuration given by torrc=, defaultstorrc= or $ONIONP2P_TORRC can't be used: mend it,
    or leave it out.
    """


class TooFewDescriptors(TorError):
    __doc__ = """
    Tor may open too few files here: raise the limit, as root ("ulimit -n 20000" in the shell that
    starts it, or LimitNOFILE=20000 in its systemd unit).
    """


class TorDied(TorError):
    __doc__ = """
    Tor ended unexpectedly: try again, and ask `onionp2p doctor` why.
    """

    retriable = True


class TorShutDown(TorDied):
    __doc__ = """
    Tor was shut down by this program: listen or dial again to have another.
    """

    retriable = False


class TorRestarted(TorDied):
    __doc__ = """
    Tor is ended by this program, to start it anew, since onions could not be reached: wait a
    minute.
    """


class StateDirectoryError(TorError):
    __doc__ = """
    The state directory can't be used: name another with state=DIR or $ONIONP2P_STATE.
    """


class StateInUse(StateDirectoryError):
    __doc__ = """
    This state directory is in use: give each program its own state=DIR, or none at all, to have
    a free one chosen.
    """


class BootstrapStalled(TorError):
    __doc__ = """
    Tor makes no progress in reaching its network: check the network connection, the clock,
    and whether Tor is blocked here (torrc= may name bridges).
    """

    retriable = True


class ControlLost(TorError):
    __doc__ = """
    The control connection to tor ended: see that tor runs, and try again.
    """

    retriable = True


class ControlTimeout(TorError):
    __doc__ = """
    Tor does not answer on its control connection: see whether it, or the machine, is
    overloaded, or restart it.
    """

    retriable = True


class TorRefusedCommand(TorError):
    __doc__ = """
    Tor refused a command: change what it objects to, or see `onionp2p doctor`.

    @ivar code: the three-digit code of tor's answer (control-spec, section 4).
    """

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{code} {detail}")
        self.code = code
