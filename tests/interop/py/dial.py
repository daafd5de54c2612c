# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{python dial.py /ip4/127.0.0.1/tcp/…/p2p/…}: pings a node, by py-libp2p.  Run by a Python that has
that package.
"""

# mypy: ignore-errors
import logging
import sys

import trio
from libp2p import new_host
from libp2p.host.ping import PingService
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr


async def main(road: str) -> None:
    """
    Ping three times.
    """
    host = new_host()
    async with host.run(listen_addrs=[]):
        peer = info_from_p2p_addr(Multiaddr(road))
        await host.connect(peer)
        for rtt in await PingService(host).ping(peer.peer_id, 3):
            print(f"ping: {rtt} ms", flush=True)


logging.disable()
trio.run(main, sys.argv[1])
