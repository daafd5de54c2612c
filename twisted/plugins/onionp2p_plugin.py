# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What Twisted's plugin system finds: two parsers of endpoint strings, and C{twistd onionp2p}.

Every Twisted program that uses endpoint strings imports this.
"""

from twisted.application.service import ServiceMaker

from onionp2p.parsers import OnionClientParser, OnionServerParser

onionServerParser = OnionServerParser()
onionClientParser = OnionClientParser()
onionService = ServiceMaker(
    "onionp2p", "onionp2p.tap", "Ping and echo over Tor onion services.", "onionp2p"
)
