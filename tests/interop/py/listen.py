# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{python listen.py PORT /onion3/…}: a node of py-libp2p that answers pings at a port of 127.0.0.1.
Run by a Python that has that package.
"""

# mypy: ignore-errors
import logging
import sys

import trio
from libp2p import new_host
from libp2p.host.ping import ID, PingService
from multiaddr import Multiaddr


async def main(port: str, onion: str) -> None:
    """
    Answer until killed.
    """
    listen = [Multiaddr(f"/ip4/127.0.0.1/tcp/{port}")]
    # Without it, identify tells the addresses of this machine.
    host = new_host(announce_addrs=[Multiaddr(onion)])
    async with host.run(listen_addrs=listen):
        host.set_stream_handler(ID, PingService(host).handle_ping)
        print(f"ready: {onion}/p2p/{host.get_id()}", flush=True)
        await trio.sleep_forever()


logging.disable()
trio.run(main, *sys.argv[1:])
