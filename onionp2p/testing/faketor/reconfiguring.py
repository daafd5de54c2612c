# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Having a fake tor do as it is configured: at its start, after C{SETCONF}, and after SIGHUP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.folders import BrokenFolder, readServiceOptions
from onionp2p.testing.faketor.replies import Dying, Refused

if TYPE_CHECKING:
    from onionp2p.testing.faketor.configuration import Configuration
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["loadConf", "obey", "reload", "setConf"]


def obey(tor: FakeTor) -> None:
    """
    Listen, show the cookie and serve the services in folders, as the configuration says.

    @raise Refused: if that can't be; then nothing has changed.
    @raise BrokenFolder: if a service's folder is not as it should be.
    """
    _checkAnonymity(tor.configuration)
    # In a testing network, tor does not look at the folders first.
    strictly = tor.configuration.first("TestingTorNetwork") != "1"
    folders = readServiceOptions(tor.configuration.services, strictly=strictly)
    tor.doors.follow()
    tor.configuration.showCookie()
    tor.onions.serveFolders([folder.open() for folder in folders])


def _checkAnonymity(configuration: Configuration) -> None:
    single = configuration.first("HiddenServiceSingleHopMode") == "1"
    anonymous = configuration.first("HiddenServiceNonAnonymousMode") != "1"
    if single and anonymous:
        raise Refused(
            513,
            "Unacceptable option value: HiddenServiceSingleHopMode does not provide any server"
            " anonymity. It must be used with HiddenServiceNonAnonymousMode set to 1.",
        )
    if not anonymous and configuration.all("SocksPort"):
        raise Refused(
            513,
            "Unacceptable option value: HiddenServiceNonAnonymousMode is incompatible with using"
            " Tor as an anonymous client. Please set Socks/Trans/NATD/DNSPort to 0, or revert"
            " HiddenServiceNonAnonymousMode to 0.",
        )


def setConf(tor: FakeTor, text: str, *, reset: bool) -> list[str]:
    """
    Answer C{SETCONF} or C{RESETCONF}.
    """
    return _change(tor, lambda: tor.configuration.setConf(text, reset=reset))


def loadConf(tor: FakeTor, lines: list[str]) -> list[str]:
    """
    Answer C{LOADCONF}.
    """
    return _change(tor, lambda: tor.configuration.loadConf(lines))


def _change(tor: FakeTor, change: Callable[[], None]) -> list[str]:
    before = tor.configuration.save()
    try:
        change()
        obey(tor)
    except Refused:
        tor.configuration.restore(before)
        raise
    except BrokenFolder as problem:
        tor.dieSoon(f"[err] {problem}")
        raise Dying from None
    tor.controllers.tellChanges(tor.configuration.changesSince(before))
    return ["250 OK"]


def reload(tor: FakeTor) -> None:
    """
    Do what SIGHUP says: read the torrc again, and the folders of services.
    """
    fromFile = tor.configuration.first("__ReloadTorrcOnSIGHUP") == "1"
    if fromFile and tor.configFile == "-":  # which can't be read twice
        tor.dieSoon("[err] Reading config failed")
        return
    try:
        if fromFile:
            tor.configuration.reload()
        obey(tor)
    except (Refused, BrokenFolder) as problem:
        tor.dieSoon(f"[err] {problem}")
