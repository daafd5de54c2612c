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
    __doc__ = """
    The running tor closed its control connection, or was stopped: start it again.
    """


class ControlPortError(TorError):
    __doc__ = """
    The control port that control= names can't be used: check that a tor listens there.
    """


class ControlPortNotFound(ControlPortError):
    __doc__ = """
    Nobody listens at the control port that control= names: start that tor, with lines like
    "ControlPort 9051" and "CookieAuthentication 1" in its torrc, or name the right one.
    """

    retriable = True


class ControlPortForbidden(ControlPortError):
    __doc__ = """
    This user may not use the control socket that control= names: become one who may, or name a
    control port.
    """


class NotAControlPort(ControlPortError):
    __doc__ = """
    What listens where control= says is no tor's control port; a SOCKS port, perhaps: name the
    one of the ControlPort line in that tor's torrc.
    """


class ControlAuthenticationFailed(ControlPortError):
    __doc__ = """
    The running tor does not let us in: put "CookieAuthentication 1" into its torrc.
    """


class ControlCookieUnreadable(ControlAuthenticationFailed):
    __doc__ = """
    The running tor wants its authentication cookie, which can't be read here: become a user who
    may read it.
    """


class ControlImpostor(ControlAuthenticationFailed):
    __doc__ = """
    What listens where control= says does not know the cookie of which it names the file, so
    another program has taken tor's port, or the file is another tor's: end the one that should
    not be there.  It was told nothing.
    """


class ControlPasswordMissing(ControlAuthenticationFailed):
    __doc__ = """
    The running tor wants a password: put it into the environment variable
    ONIONP2P_CONTROL_PASSWORD.
    """


class ControlPasswordWrong(ControlAuthenticationFailed):
    __doc__ = """
    The running tor refused the password in the environment variable ONIONP2P_CONTROL_PASSWORD:
    put the right one there.
    """


class NoSocksPort(TorError):
    __doc__ = """
    The running tor takes no dials at a port that we can use: give it a line like "SocksPort 9050"
    in its torrc, and no "DisableNetwork 1".
    """
