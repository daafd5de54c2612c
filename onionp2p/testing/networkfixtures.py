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

from onionp2p.testing.environment import environment, runningNetwork

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IProtocol, IProtocolFactory

    from onionp2p.address import OnionAddress
    from onionp2p.listening import OnionPort
    from onionp2p.testing.network import PrivateNetwork
    from onionp2p.tor.pool import TorLease

__all__ = ["tor_dial", "tor_environment", "tor_listen", "tor_network"]


@pytest.fixture(scope="session")
def _network_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PrivateNetwork | None, dict[str, str]]]:
    """
    A private network, with a tor of this process's in it.
    """
    from pytest_twisted import blockon
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred

    from onionp2p.options import TorOptions
    from onionp2p.running import whenRunning
    from onionp2p.testing.network import PrivateNetwork
    from onionp2p.tor.pool import leaseTor, shutdown

    variables = runningNetwork()
    network = None
    if variables is None:
        network = PrivateNetwork(reactor)
        blockon(Deferred.fromCoroutine(network.start()))
        variables = network.environment

    async def join() -> TorLease:
        await whenRunning(reactor)
        lease = leaseTor(reactor, TorOptions())
        await lease.bootstrapped()
        return lease

    with environment(variables):
        lease = blockon(Deferred.fromCoroutine(join()))
    yield network, variables
    lease.release()
    blockon(shutdown(reactor))
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


@pytest.fixture
def tor_environment(
    _network_environment: tuple[PrivateNetwork | None, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """
    Has every endpoint string of the test, and of the programs that it starts, join the network.

    @return: the environment variables that do so.
    """
    _, variables = _network_environment
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
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
