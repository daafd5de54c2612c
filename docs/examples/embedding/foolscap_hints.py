"""Foolscap's tor: hints by onionp2p; nothing else is dialled."""

from foolscap.ipb import IConnectionHintHandler, InvalidHintError
from zope.interface import implementer

from onionp2p import AddressError, DialOptions, OnionAddress, OnionClientEndpoint


@implementer(IConnectionHintHandler)
class OnionHints:
    def __init__(self):
        self.endpoints = {}  # one for each onion: its connections share circuits

    def hint_to_endpoint(self, hint, reactor, update_status):
        try:
            address = OnionAddress.fromString(hint.removeprefix("tor:"))
        except AddressError as error:
            raise InvalidHintError(str(error)) from None
        update_status("connecting to an onion")
        if address not in self.endpoints:
            self.endpoints[address] = OnionClientEndpoint(reactor, DialOptions(address))
        return self.endpoints[address], address.hostname

    def describe(self):
        return "onionp2p"


def onlyOnions(tub):
    """Have a Tub reach onions and nothing else."""
    tub.removeAllConnectionHintHandlers()
    tub.addConnectionHintHandler("tor", OnionHints())
