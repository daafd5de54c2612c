# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Fixtures for pytest that need tor: onion services on a private network.

The network is started once for a session, in 5 s, and a tor that has joined it is kept for all
tests: a listener takes a second, a dial a third of one.  Where C{$ONIONP2P_TORRC} names a private
network that is up already (C{onionp2p testnet up}), that one is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from onionp2p.testing.environment import runningNetwork

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocol, IProtocolFactory

    from onionp2p.address import OnionAddress
    from onionp2p.listening.listen import OnionPort
    from onionp2p.testing.network import PrivateNetwork
    from onionp2p.tor.pool import TorLease

__all__ = ["tor_dial", "tor_environment", "tor_listen", "tor_network"]


class _Member:
    """
    A tor of this process's in the network.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lease: TorLease | None = None

    async def join(self) -> None:
        """
        See that it is there: a test may have ended it.
        """
        from onionp2p.errors import TorError
        from onionp2p.options import TorOptions
        from onionp2p.tor.pool import leaseTor
        from onionp2p.waiting.running import whenRunning

        await whenRunning(self._reactor)
        if self._lease is not None:
            try:
                await self._lease.bootstrapped()
            except TorError:
                self.leave()
            else:
                return
        self._lease = leaseTor(self._reactor, TorOptions())
        await self._lease.bootstrapped()

    def leave(self) -> None:
        """
        Have no use for it any more.
        """
        if self._lease is not None:
            self._lease.release()
            self._lease = None


@pytest.fixture(scope="session")
def _network_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PrivateNetwork | None, dict[str, str]]]:
    """
    A private network.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from onionp2p.testing.network import PrivateNetwork

    variables = runningNetwork()
    network = None
    if variables is None:
        network = PrivateNetwork(reactor)
        blockon(Deferred.fromCoroutine(network.start()))
        variables = network.environment

    yield network, variables
    if network is not None:
        failed = request.session.testsfailed
        logs = str(tmp_path_factory.mktemp("tor-network-logs")) if failed else None
        blockon(Deferred.fromCoroutine(network.stop(keepLogs=logs)))


@pytest.fixture(scope="session")
def tor_network(
    _network_environment: tuple[PrivateNetwork | None, dict[str, str]],
) -> PrivateNetwork:
    """
    The private network itself, whose nodes a test may freeze, stop and bring back.
    """
    network, _ = _network_environment
    if network is None:
        pytest.fail("this test needs a network of its own: unset ONIONP2P_TORRC")
    return network


@pytest.fixture(scope="session")
def _network_member(
    _network_environment: tuple[PrivateNetwork | None, dict[str, str]],
) -> Iterator[_Member]:
    """
    What keeps a tor in the network.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor

    from onionp2p.tor.pool import shutdown

    member = _Member(reactor)
    yield member
    member.leave()
    blockon(shutdown(reactor))


@pytest.fixture
def tor_environment(
    _network_environment: tuple[PrivateNetwork | None, dict[str, str]],
    _network_member: _Member,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """
    Has every endpoint string of the test, and of the programs that it starts, join the network.

    @return: the environment variables that do so.
    """
    from pytest_twisted import blockon
    from twisted.internet.defer import Deferred

    _, variables = _network_environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    blockon(Deferred.fromCoroutine(_network_member.join()))
    return variables


@pytest.fixture
def tor_listen(
    tor_environment: dict[str, str],
) -> Iterator[Callable[..., Deferred[OnionPort]]]:
    """
    A callable that makes an onion service.

    C{port = await tor_listen(factory)}.  Its keyword arguments are those of
    L{ListenOptions<onionp2p.options.ListenOptions>}, the virtual port being 7777 if none is given.
    What is still served at the test's end is stopped.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor

    from onionp2p.endpoints import OnionServerEndpoint
    from onionp2p.options import ListenOptions

    ports: list[Any] = []

    def listen(factory: IProtocolFactory, **options: Any) -> Deferred[OnionPort]:
        endpoint = OnionServerEndpoint(reactor, ListenOptions(**{"port": 7777, **options}))
        listening: Any = endpoint.listen(factory)
        return listening.addCallback(_keep)  # type: ignore[no-any-return]

    def _keep(port: OnionPort) -> OnionPort:
        ports.append(port)
        return port

    yield listen
    for port in ports:
        blockon(port.stopListening())


@pytest.fixture
def tor_dial(
    tor_environment: dict[str, str],
) -> Iterator[Callable[..., Deferred[IProtocol]]]:
    """
    A callable that reaches an onion.

    C{protocol = await tor_dial(port.getHost(), factory)}.  Its keyword arguments are those of
    L{DialOptions<onionp2p.options.DialOptions>}.  What is still
    connected at the test's end is cut off.
    """
    from twisted.internet import reactor

    from onionp2p.endpoints import OnionClientEndpoint
    from onionp2p.options import DialOptions

    transports: list[Any] = []

    def dial(
        address: OnionAddress, factory: IProtocolFactory, **options: Any
    ) -> Deferred[IProtocol]:
        endpoint = OnionClientEndpoint(reactor, DialOptions(address, **options))
        return endpoint.connect(factory).addCallback(_keep)

    def _keep(protocol: Any) -> IProtocol:
        transports.append(protocol.transport)
        return protocol  # type: ignore[no-any-return]

    yield dial
    for transport in transports:
        transport.abortConnection()
