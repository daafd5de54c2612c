# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The onions of a tor's own configuration, and where it takes their connections.

Tor tells the folders of its services and their ports, but not their addresses: those stand in the
folders, which its user may keep to himself.  Of services that controllers have made it tells
nothing but, sometimes, that they exist.  So what can be known is known for certain, and nothing is
guessed: at a wrong guess, the visitors of one onion would be served in the name of another.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass, field

from onionp2p.address import AddressError, OnionAddress, parsePort
from onionp2p.errors import (
    OnionNotServed,
    PortNotServed,
    TargetNotLocal,
    TargetUnknown,
    TorRefusedCommand,
)
from onionp2p.local.files import UnfitFile, openRegular
from onionp2p.local.places import LOOPBACK, Place
from onionp2p.tor.access import whoMayRead
from onionp2p.tor.control import TorControl
from onionp2p.tor.words import unquote

__all__ = ["ConfiguredOnion", "findTarget", "parseServices"]

_LONGEST_HOSTNAME = 200
_LOCAL = {LOOPBACK, "localhost"}  # which tor resolves to the former, where it is both
_UNIX = re.compile(r'unix:(?:("(?:[^"\\]|\\.)*")|(\S+))')


@dataclass(frozen=True)
class ConfiguredOnion:
    """
    A service of a tor's configuration.

    @ivar folder: its C{HiddenServiceDir}.
    @ivar ports: its C{HiddenServicePort} lines: virtual port, and target as the torrc has it.
    """

    folder: str
    ports: list[tuple[int, str]] = field(default_factory=list)

    def targets(self, port: int) -> list[str]:
        """
        Give where tor takes the connections to a virtual port: to any of these.
        """
        return [target for virtual, target in self.ports if virtual == port]

    def label(self) -> str:
        """
        Read the 56 characters of its address.

        @raise UnfitFile: if that can't be.
        """
        if not os.path.isabs(self.folder):
            raise UnfitFile("its path is not absolute")
        descriptor = openRegular(os.path.join(self.folder, "hostname"))
        if descriptor is None:
            raise UnfitFile("there is no such file")
        with open(descriptor, encoding="ascii", errors="replace") as file:
            text = file.read(_LONGEST_HOSTNAME)
        try:
            return OnionAddress.fromString(text.strip(), 1).label
        except AddressError:
            raise UnfitFile("it holds no onion address") from None


def parseServices(text: str) -> list[ConfiguredOnion]:
    """
    Read what C{GETCONF HiddenServiceOptions} gives.
    """
    services: list[ConfiguredOnion] = []
    for line in text.splitlines():
        name, _, value = line.partition("=")
        value = unquote(value.strip())
        if name.lower() == "hiddenservicedir":
            services.append(ConfiguredOnion(unquote(value)))
        elif name.lower() == "hiddenserviceport" and services:
            virtual, _, target = value.partition(" ")
            with suppress(AddressError):
                services[-1].ports.append((parsePort(virtual), target.strip() or virtual))
    return services


def parseTarget(text: str, port: int) -> Place | None:
    """
    Read a target as a torrc has it: C{8080}, C{127.0.0.1}, C{127.0.0.1:8080} or C{unix:/path}.

    @param port: the virtual port, which stands for one that is not named.

    @return: L{None} if it is not where we could listen.
    """
    if match := _UNIX.fullmatch(text):
        return Place(path=unquote(match[1]) if match[1] else match[2])
    if text in _LOCAL:
        return Place(port=port)
    host, _, number = text.rpartition(":")
    if host and host not in _LOCAL:
        return None
    try:
        return Place(port=parsePort(number))
    except AddressError:
        return None


async def findTarget(control: TorControl, address: OnionAddress) -> Place:
    """
    Ask a tor where it takes the connections to one port of an onion.

    @raise OnionNotServed: if it does not serve that onion.
    @raise PortNotServed: if the onion has no such port.
    @raise TargetNotLocal: if that is not where we could listen.
    @raise TargetUnknown: if it does not say.
    @raise TorError: if it is gone or silent.
    """
    services = parseServices(await control.command("GETCONF HiddenServiceOptions"))
    unread: list[tuple[ConfiguredOnion, str]] = []
    for service in services:
        try:
            if service.label() == address.label:
                return _targetOf(service, address.port)
        except UnfitFile as unfit:
            unread.append((service, str(unfit)))
    if await _isControllers(control, address.label):
        raise TargetUnknown("A controller has made it (ADD_ONION), and of those tor tells no more.")
    if unread:
        raise TargetUnknown(" ".join(_mayBe(service, why, address.port) for service, why in unread))
    if await _isServed(control, address.label):
        raise TargetUnknown("It serves this onion, for another of its controllers.")
    raise OnionNotServed


def _targetOf(service: ConfiguredOnion, port: int) -> Place:
    targets = service.targets(port)
    if not targets:
        virtual = ", ".join(str(virtual) for virtual, _ in service.ports)
        raise PortNotServed(f"It has: {virtual or 'none'}.")
    if len(targets) > 1:
        raise TargetUnknown(f"It takes them to any of {', '.join(targets)}.")
    target = parseTarget(targets[0], port)
    if target is None:
        raise TargetNotLocal(f"That is {targets[0]}.")
    return target


async def _isControllers(control: TorControl, label: str) -> bool:
    """
    Whether a controller has made the onion, and left it or is us.
    """
    for which in ("detached", "current"):
        if label in (await control.getInfo(f"onions/{which}")).split():
            return True
    return False


async def _isServed(control: TorControl, label: str) -> bool:
    """
    Whether tor has made a descriptor of the onion, whosever it is.
    """
    try:
        await control.getInfo(f"hs/service/desc/id/{label}")
    except TorRefusedCommand:
        return False
    return True


def _mayBe(service: ConfiguredOnion, why: str, port: int) -> str:
    """
    Say of a service whose address can't be read what is known of it.
    """
    path = os.path.join(service.folder, "hostname")
    targets = " or ".join(service.targets(port)) or "nowhere"
    return f"{path}: {why}. {whoMayRead(path)} This one's port {port} leads to {targets}."
