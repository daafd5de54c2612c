# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The parsers of C{onionp2p:listen:…} and C{onionp2p:dial:…}, as Twisted's plugin system finds them.

Every Twisted program that uses endpoint strings imports this module, so it imports little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import (
    IReactorCore,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer

from onionp2p.options import parseDial, parseListen

if TYPE_CHECKING:
    from onionp2p.endpoints import OnionClientEndpoint, OnionServerEndpoint

__all__ = ["OnionClientParser", "OnionServerParser"]


@implementer(IPlugin, IStreamServerEndpointStringParser)
class OnionServerParser:
    """
    Makes a server endpoint of C{onionp2p:listen:…}: L{onionp2p.options} tells what.
    """

    prefix = "onionp2p"

    # The reactor by position alone: reactor= in a string is an unknown option like any other.
    def parseStreamServer(  # type: ignore[override]
        self, reactor: IReactorCore, /, *args: object, **kwargs: object
    ) -> OnionServerEndpoint:
        """
        Parse the arguments of the string; do nothing else.

        @raise ValueError: names the option that is wrong, and what was expected.
        """
        options = parseListen(args, kwargs)
        from onionp2p.endpoints import OnionServerEndpoint

        return OnionServerEndpoint(reactor, options)


@implementer(IPlugin, IStreamClientEndpointStringParserWithReactor)
class OnionClientParser:
    """
    Makes a client endpoint of C{onionp2p:dial:…}: L{onionp2p.options} tells what.
    """

    prefix = "onionp2p"

    def parseStreamClient(  # type: ignore[override]
        self, reactor: IReactorCore, /, *args: object, **kwargs: object
    ) -> OnionClientEndpoint:
        """
        Parse the arguments of the string; do nothing else.

        @raise ValueError: names the option that is wrong, and what was expected.
        """
        options = parseDial(args, kwargs)
        from onionp2p.endpoints import OnionClientEndpoint

        return OnionClientEndpoint(reactor, options)
