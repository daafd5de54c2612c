# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is wrong with a tor that runs already (C{control=}).
"""

from __future__ import annotations

from onionp2p.errors.tor import TorDied, TorError

__all__ = [
    "ControlAuthenticationFailed",
    "ControlCookieUnreadable",
    "ControlImpostor",
    "ControlPasswordMissing",
    "ControlPasswordWrong",
    "ControlPortError",
    "ControlPortForbidden",
    "ControlPortNotFound",
    "NoSocksPort",
    "NotAControlPort",
    "RunningTorLost",
]


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
