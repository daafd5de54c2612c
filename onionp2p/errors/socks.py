# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What tor replies to a dial that fails.  The codes are those of SOCKS5 (RFC 1928, section 6) and of
tor's proposal 304.
"""

from __future__ import annotations

from onionp2p.errors.dialing import DialError

__all__ = [
    "AddressTypeUnsupported",
    "ClientAuthRefused",
    "ClientAuthRequired",
    "CommandUnsupported",
    "ConnectionRefused",
    "DescriptorInvalid",
    "DescriptorNotFound",
    "DialForbidden",
    "HostUnreachable",
    "IntroductionFailed",
    "IntroductionTimeout",
    "NetworkUnreachable",
    "OnionAddressRefused",
    "RendezvousFailed",
    "SocksProtocolError",
    "SocksRefused",
    "TorNotBootstrapped",
    "UnreachableTarget",
]


class SocksProtocolError(DialError):
    __doc__ = """
    What answers on tor's SOCKS socket does not speak SOCKS5 as tor does: check that it is a
    tor's SocksPort.
    """


class SocksRefused(DialError):
    __doc__ = """
    Tor refused to dial: look into its log.
    """


class UnreachableTarget(DialError):
    __doc__ = """
    The onion service is there, but the program behind it is not, or the circuit broke: start that
    program again.

    SOCKS code 01.
    """

    retriable = True
    freshCircuit = True


class DialForbidden(DialError):
    __doc__ = """
    Tor's own configuration forbids this dial: dial through another tor, or change its SocksPort
    and SocksPolicy.

    SOCKS code 02.
    """


class NetworkUnreachable(DialError):
    __doc__ = """
    Tor says that the network can't be reached: check the network connection.

    SOCKS code 03.
    """

    retriable = True


class HostUnreachable(DialError):
    __doc__ = """
    Tor could not reach the onion, and its SocksPort lacks ExtendedErrors, which would say why:
    try again, for its owner may be offline.

    SOCKS code 04.
    """

    retriable = True


class ConnectionRefused(DialError):
    __doc__ = """
    The onion service does not serve this port, or no more streams on our circuit (maxstreams=):
    check the port in the address.

    SOCKS code 05.
    """


class TorNotBootstrapped(DialError):
    __doc__ = """
    Tor has not yet reached its network, or gave up on a circuit: try again in a minute.

    SOCKS code 06.
    """

    retriable = True
    freshCircuit = True


class CommandUnsupported(DialError):
    __doc__ = """
    What answers on tor's SOCKS socket can't connect, so it is no tor's: name a tor's SocksPort.

    SOCKS code 07.
    """


class AddressTypeUnsupported(DialError):
    __doc__ = """
    What answers on tor's SOCKS socket takes no names, so no onion addresses, and is no tor's:
    name a tor's SocksPort.

    SOCKS code 08.
    """


class DescriptorNotFound(DialError):
    __doc__ = """
    Nobody is at this onion address now, for its owner is offline, or began a moment ago: try
    again later.

    SOCKS code F0.
    """

    retriable = True


class DescriptorInvalid(DialError):
    __doc__ = """
    The onion published a descriptor that can't be understood: ask its owner to update tor.

    SOCKS code F1.
    """


class IntroductionFailed(DialError):
    __doc__ = """
    The onion's introduction points did not pass our call on, for its owner may have gone a
    moment ago: try again.

    SOCKS code F2.
    """

    retriable = True
    freshCircuit = True


class RendezvousFailed(DialError):
    __doc__ = """
    The onion did not come to the rendezvous: try again.

    SOCKS code F3.
    """

    retriable = True
    freshCircuit = True


class ClientAuthRequired(DialError):
    __doc__ = """
    This onion lets in only those whose key it knows: ask its owner to be invited, and name the key
    with auth=FILE.

    SOCKS code F4.
    """


class ClientAuthRefused(DialError):
    __doc__ = """
    This onion does not know our key, or no longer: ask its owner to be invited anew.

    SOCKS code F5.
    """


class OnionAddressRefused(DialError):
    __doc__ = """
    Tor says that this is not an onion address: check it letter by letter.

    SOCKS code F6.
    """


class IntroductionTimeout(DialError):
    __doc__ = """
    The onion's introduction points did not answer in time: try again.

    SOCKS code F7.
    """

    retriable = True
    freshCircuit = True
