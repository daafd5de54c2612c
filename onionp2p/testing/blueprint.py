# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The nodes of a private network before any of them is launched: their folders, ports and keys.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

from twisted.internet.interfaces import IReactorTime

from onionp2p.testing.authority import AuthorityKeys
from onionp2p.testing.janitor import Janitor
from onionp2p.testing.nodeconfiguration import NodeConfiguration, sharedLines
from onionp2p.testing.nodes import Node

__all__ = ["makeNodes"]


def makeNodes(
    reactor: IReactorTime,
    program: str,
    folder: str,
    torrc: str,
    janitor: Janitor,
    *,
    authorities: int,
    count: int,
    votingInterval: int,
    verbosity: str,
) -> list[Node]:
    """
    Make the nodes of a network, the authorities first.

    @param program: the tor program.
    @param folder: where their folders go.
    @param torrc: the file to write that has others join the network.
    @param janitor: sees to it that their tors go with this process.
    @param authorities: how many of them are directory authorities.
    @param count: how many nodes there are in all.
    @param votingInterval: seconds from one consensus to the next.
    @param verbosity: what they log to their files.
    """
    ports = _freePorts(count + authorities)
    folders = [os.path.join(folder, f"n{number}") for number in range(count)]
    for each in folders:
        os.mkdir(each, 0o700)
    keys = [
        AuthorityKeys(f"n{number}", ports[number], ports[count + number])
        for number in range(authorities)
    ]
    for key, each in zip(keys, folders, strict=False):
        key.save(each)
    shared = sharedLines([key.torrcLine for key in keys])
    with open(torrc, "w") as file:
        file.write(shared)
    configurations = [
        NodeConfiguration(
            nickname=f"n{number}",
            folder=each,
            orPort=ports[number],
            dirPort=keys[number].dirPort if number < authorities else None,
            votingInterval=votingInterval,
            verbosity=verbosity,
            shared=shared,
        )
        for number, each in enumerate(folders)
    ]
    return [
        Node(reactor, program, configuration, count, janitor) for configuration in configurations
    ]


def _freePorts(count: int) -> list[int]:
    """
    Give ports that nobody has just now on 127.0.0.1.
    """
    with ExitStack() as sockets:
        ports = []
        for _ in range(count):
            each = sockets.enter_context(socket.socket())
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
        return ports
