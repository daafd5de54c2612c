# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services as Twisted endpoints: C{onionp2p:listen:port=…} and C{onionp2p:dial:addr=…}.

The names are imported when they are asked for: every Twisted program that uses endpoint strings
imports this package, and so does each press of Tab in a shell that completes our command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onionp2p.address import AddressError, OnionAddress, OnionPeer
    from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint
    from onionp2p.options import DialOptions, ListenOptions, TorOptions, Wait
    from onionp2p.tor.pool import shutdown

__all__ = [
    "AddressError",
    "DialOptions",
    "ListenOptions",
    "OnionAddress",
    "OnionClientEndpoint",
    "OnionPeer",
    "OnionServerEndpoint",
    "TorOptions",
    "Wait",
    "shutdown",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        for home in ("address", "options", "endpoints", "tor.pool"):
            module = import_module(f"{__name__}.{home}")
            if name in module.__all__:
                return globals().setdefault(name, getattr(module, name))
        raise AssertionError(name)
