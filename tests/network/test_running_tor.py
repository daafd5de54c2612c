# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A tor that runs already, and that others use too: listened by, dialled by, attached to, and left as
it was.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import blockon
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString
from twisted.internet.task import deferLater

from onionp2p import OnionAddress
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import OnionNotServed, PortNotServed, TargetUnknown, TorError
from onionp2p.listening.listen import OnionPort
from onionp2p.local.places import Place
from onionp2p.testing import RecordingFactory
from onionp2p.testing.clienttor import ClientTor
from onionp2p.testing.faketor.authentication import hashPassword
from onionp2p.tor import pool
from onionp2p.tor.authentication import PASSWORD_VARIABLE, Proof
from onionp2p.tor.control import TorControl
from onionp2p.tor.program import findTor

Start = Callable[..., Any]

PASSWORD = "for the tests"
_NOBODY = "nobody"

# What a tor tells of itself that changes while it does nothing for us.
_CHANGES = (
    "accounting/ bw-event-cache circuit-status consensus/ consider current-time/ desc- desc/"
    " dir/ dirport downloads/ dumping entry-guards extra-info exit-policy fingerprint"
    " ip-to-country/ md/ network-liveness network-status ns/ orconn-status process/ rephist sr/"
    " stats/ status/ stream-status traffic/ uptime config-text address-mappings/ hs/ info/ hs-"
).split()


class Host:
    """
    A tor that is not ours: where there are users to choose from, another user's.

    @ivar folder: all that belongs to it.
    @ivar control: a controller of its owner's.
    @ivar port: its control port.
    @ivar socket: its control socket.
    @ivar target: where its own onion, at port 7777, delivers: a port of 127.0.0.1.
    @ivar address: of its own onion.
    """

    def __init__(self, shared: str) -> None:
        from twisted.internet import reactor

        self.folder = tempfile.mkdtemp(prefix="host-", dir="/tmp")
        self._reactor: Any = reactor
        self.socket = f"{self.folder}/control"
        self.target = freePort()
        lines = f"""
HiddenServiceDir {self.folder}/service
HiddenServicePort 7777 127.0.0.1:{self.target}
HiddenServicePort 7778 unix:{self.folder}/shared/app.sock
HiddenServiceDir {self.folder}/other
HiddenServicePort 80 8080
ControlSocket unix:{self.socket} RelaxDirModeCheck
HashedControlPassword {hashPassword(PASSWORD.encode())}
"""
        os.mkdir(f"{self.folder}/shared", 0o755)
        if os.geteuid() == 0:
            lines += f"User {_NOBODY}\n"
            user = pwd.getpwnam(_NOBODY)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.tor = ClientTor(self._reactor, findTor(None), self.folder, shared + lines)
        self.control = TorControl(self._reactor, events=(), proof=Proof(PASSWORD.encode()))

    async def start(self) -> None:
        """
        Wait until it can be used.
        """
        await self.tor.start()
        self.port = int(self.tor.environment["TOR_CONTROL_PORT"])
        self.socks = int(self.tor.environment["TOR_SOCKS_PORT"])
        await Place(path=self.socket).connect(self._reactor, self.control.protocol, 5)
        await self.control.ready()
        name = Path(self.folder, "service", "hostname").read_text().strip()
        self.address = OnionAddress.fromString(name, 7777)

    async def stop(self) -> None:
        """
        End it.
        """
        await self.control.close()
        await self.tor.stop()
        shutil.rmtree(self.folder)

    async def dump(self) -> dict[str, str]:
        """
        Give everything that it says of its configuration, and what is steady of the rest.
        """
        names = [
            line.split()[0]
            for line in (await self.control.command("GETINFO config/names")).splitlines()
            if len(line.split()) > 1
        ]
        dumped = {}
        for name in names:
            dumped[f"GETCONF {name}"] = await self.ask(f"GETCONF {name}")
        keys = [
            line.split()[0]
            for line in (await self.control.command("GETINFO info/names")).splitlines()
            if " -- " in line
        ]
        for key in keys:
            if "*" not in key and not key.startswith(tuple(_CHANGES)):
                dumped[f"GETINFO {key}"] = await self.ask(f"GETINFO {key}")
        dumped["GETINFO config-text"] = await self.ask("GETINFO config-text")
        dumped["clients"] = await self.ask("ONION_CLIENT_AUTH_VIEW")
        return dumped

    async def ask(self, command: str) -> str:
        """
        Ask its owner's question, which it may refuse.
        """
        try:
            return await self.control.command(command)
        except TorError as refused:
            return str(refused)


def freePort() -> int:
    """
    Give a port of 127.0.0.1 that is free now.
    """
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def host(_network_environment: tuple[Any, dict[str, str]]) -> Iterator[Host]:
    """
    A running tor in the private network.
    """
    _, variables = _network_environment
    running = Host(Path(variables["ONIONP2P_TORRC"]).read_text())
    try:
        blockon(Deferred.fromCoroutine(running.start()))
        yield running
    finally:
        blockon(Deferred.fromCoroutine(running.stop()))


@pytest.fixture(autouse=True)
def leaving(host: Host) -> Iterator[None]:
    """
    After each test we leave the tor: its owner's connections are not ours.
    """
    yield
    blockon(Deferred.fromCoroutine(leave()))


async def listen(description: str, factory: RecordingFactory | None = None) -> OnionPort:
    """
    Listen by an endpoint string.
    """
    from twisted.internet import reactor

    endpoint = serverFromString(reactor, f"onionp2p:listen:{description}")
    port = await endpoint.listen(factory or RecordingFactory(echoes=True))
    assert isinstance(port, OnionPort)
    return port


@asynccontextmanager
async def dialled(address: OnionAddress, options: str) -> AsyncIterator[Any]:
    """
    Reach an onion by an endpoint string.
    """
    from twisted.internet import reactor

    description = f"onionp2p:dial:addr={str(address).replace(':', chr(92) + ':')}:{options}"
    caller: Any = await clientFromString(reactor, description).connect(RecordingFactory())
    try:
        yield caller
    finally:
        caller.transport.abortConnection()


async def answers(address: OnionAddress, options: str) -> bool:
    """
    Tell whether an onion echoes.
    """
    async with dialled(address, options) as caller:
        caller.transport.write(b"is anybody there?")
        return bool(await caller.receives(17) == b"is anybody there?")


async def test_listenAndDial(host: Host) -> None:
    """
    An onion is made and reached through the control port of a tor that runs; its connections come
    by TCP, since that tor can't enter our folders.
    """
    port = await listen(f"port=7777:control={host.port}")
    assert await answers(port.getHost(), f"control={host.port}")
    assert await answers(port.getHost(), f"socks={host.socks}")
    await port.stopListening()


async def test_controlSocket(host: Host) -> None:
    """
    So it is through its control socket.
    """
    port = await listen(f"port=7777:control={host.socket}")
    assert await answers(port.getHost(), f"control={host.socket}")
    await port.stopListening()


async def test_target(host: Host) -> None:
    """
    The user may say where our onion is to deliver.
    """
    where = f"{host.folder}/shared/ours.sock"
    port = await listen(rf"port=7777:control={host.port}:target=unix\:{where}")
    assert os.path.exists(where)
    assert await answers(port.getHost(), f"control={host.port}")
    await port.stopListening()
    assert not os.path.exists(where)


async def test_password(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the cookie is gone, the password in the environment opens the door.
    """
    cookie = host.tor.environment["TOR_CONTROL_COOKIE_AUTH_FILE"]
    os.rename(cookie, cookie + ".hidden")
    try:
        with pytest.raises(TorError, match=PASSWORD_VARIABLE):
            await listen(f"port=7777:control={host.port}:wait=address")
        monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
        port = await listen(f"port=7777:control={host.port}:wait=address")
        await port.stopListening()
    finally:
        os.rename(cookie + ".hidden", cookie)


async def test_goodGuest(host: Host, tmp_path: Path) -> None:
    """
    Whatever we do there, no setting of that tor changes, and no service or key but ours comes or
    goes: it says the same of everything before, while we are there, and after.
    """
    detached = await host.ask("ADD_ONION NEW:ED25519-V3 Flags=Detach,DiscardPK Port=80")
    assert "ServiceID" in detached
    before = await host.dump()
    assert len(before) > 300
    assert [name for name, said in before.items() if "ServiceID" in said] == []
    key = ClientKey.generate()
    (tmp_path / "clients").write_text(f"friend {key.public}\n")
    one = await listen(f"port=7777:control={host.port}:pow=yes:maxstreams=9")
    other = await listen(f"port=80:control={host.port}:clients={tmp_path / 'clients'}")
    label = other.getHost().label
    auth = tmp_path / "friend.auth_private"
    auth.touch(mode=0o600)
    auth.write_text(f"{label}:descriptor:x25519:{key.toBase32()}")
    assert await answers(one.getHost(), f"control={host.port}")
    async with dialled(other.getHost(), f"control={host.port}:auth={auth}") as caller:
        during = await host.dump()
        assert key.forTor() in during["clients"]
        caller.transport.write(b"hello")
        assert await caller.receives(5) == b"hello"
    assert differences(before, {**during, "clients": before["clients"]}) == {}
    await one.stopListening()
    await other.stopListening()
    await leave()
    assert differences(before, await host.dump()) == {}
    assert "Not found" in await host.ask(f"GETINFO hs/service/desc/id/{label}")
    assert "descriptor" in await host.ask(f"GETINFO hs/service/desc/id/{host.address.label}")
    await host.ask(f"DEL_ONION {detached.partition('ServiceID=')[2].split()[0]}")


def differences(before: dict[str, str], after: dict[str, str]) -> dict[str, tuple[Any, Any]]:
    """
    Give what is not the same.
    """
    return {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }


async def leave() -> None:
    """
    Leave the running tors.
    """
    for (_, options, _), shared in list(pool._tors.items()):
        if options.control is not None:
            await shared.shutdown()


async def test_killedGuest(host: Host, start: Start) -> None:
    """
    The onions of a guest that is killed go with it; those of the host stay.
    """
    listener = start(
        "twistd", "-n", "--pidfile=", "onionp2p", "ping",
        "--listen", f"onionp2p:listen:port=7777:control={host.port}",
    )  # fmt: skip
    line = await listener.says("listening on /onion3/")
    address = OnionAddress.fromString(line.split("listening on ")[1])
    asked = f"GETINFO hs/service/desc/id/{address.label}"
    assert "descriptor" in await host.ask(asked)
    listener.signal("KILL")
    await listener.ended
    from twisted.internet import reactor

    while "Not found" not in await host.ask(asked):
        await deferLater(reactor, 0.05)
    assert "descriptor" in await host.ask(f"GETINFO hs/service/desc/id/{host.address.label}")


@pytest.mark.parametrize("virtual", [7777, 7778])
async def test_attach(host: Host, virtual: int) -> None:
    """
    A service of that tor's own torrc is attached to: by its address, its tor being asked where; and
    again, being told.  It delivers to TCP or to a UNIX socket in a folder that both may enter.
    """
    address = OnionAddress(host.address.label, virtual)
    place = (
        rf"tcp\:127.0.0.1\:{host.target}"
        if virtual == 7777
        else rf"unix\:{host.folder}/shared/app.sock"
    )
    for where in (f"control={host.port}", f"target={place}"):
        port = await listen(f"addr=/onion3/{address.label}:{virtual}:{where}")
        assert port.getHost() == address
        assert await answers(address, f"socks={host.socks}")
        await port.stopListening()
    assert "descriptor" in await host.ask(f"GETINFO hs/service/desc/id/{address.label}")


async def test_attachInVain(host: Host) -> None:
    """
    Real tor's answers make the right errors: an onion that it does not serve, a port that it does
    not have, an onion of a controller's.
    """
    label = host.address.label
    with pytest.raises(PortNotServed, match="It has: 7777, 7778"):
        await listen(f"addr={label}.onion:81:control={host.port}")
    port = await listen(f"port=7777:control={host.port}:wait=address")
    with pytest.raises(TargetUnknown, match="ADD_ONION"):
        await listen(f"addr={port.getHost().hostname}:7777:control={host.port}")
    await port.stopListening()
    with pytest.raises(OnionNotServed):
        await listen(f"addr={port.getHost().hostname}:7777:control={host.port}")


async def test_strict(host: Host, start: Start) -> None:
    """
    C{--strict} lets a program reach that tor's ports, and be reached by it, and nothing else.
    """
    stock = ("-n", "--pidfile=", "onionp2p", "ping", "--strict")
    listener = start("twistd", *stock, "--listen", f"onionp2p:listen:port=7777:control={host.port}")
    where = (await listener.says("listening on /onion3/")).split("listening on ")[1]
    dialers = [
        start("twistd", *stock, "--interval=0.1", "--dial", f"onionp2p:dial:addr={where}:{option}")
        for option in (f"control={host.port}", f"socks={host.socks}")
    ]
    for dialer in dialers:
        await dialer.says(" bytes from ")
    for program in (*dialers, listener):
        program.signal("TERM")
        assert await program.ended == -signal.SIGTERM
        assert "goes past Tor" not in program.output


STEM = """
import json, sys
from stem.control import Controller

with Controller.from_socket_file(sys.argv[1]) as controller:
    controller.authenticate(password=sys.argv[2])
    served = controller.get_info(f"hs/service/desc/id/{sys.argv[3]}")
    mine = controller.create_ephemeral_hidden_service(
        {80: 8080}, key_type="NEW", key_content="ED25519-V3"
    )
    print(json.dumps({
        "ours": "hs-descriptor 3" in served,
        "folders": sorted(controller.get_conf("HiddenServiceDir", multiple=True)),
        "current": controller.list_ephemeral_hidden_services(),
        "mine": [mine.service_id],
    }))
"""


async def test_stem(host: Host, start: Start) -> None:
    """
    Another controller, stem, sees our onion as a service of that tor, its owner's services, and its
    own onions and not ours among those of its connection; its coming and going changes nothing for
    us.
    """
    port = await listen(f"port=7777:control={host.port}")
    stem = start(sys.executable, "-Ic", STEM, host.socket, PASSWORD, port.getHost().label)
    assert await stem.ended == 0, stem.output
    seen = json.loads(stem.output.splitlines()[-1])
    assert seen["ours"] is True
    assert seen["folders"] == [f"{host.folder}/other", f"{host.folder}/service"]
    assert seen["current"] == seen["mine"]
    assert await answers(port.getHost(), f"control={host.port}")
    await port.stopListening()


async def test_examples(host: Host, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The examples of C{docs/howto/running-tor.md} work as they stand.
    """
    examples = Path(__file__).parent.parent.parent / "docs" / "examples" / "running-tor"
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("CONTROL", str(host.port))
    own = f"{host.address.hostname}:7777"
    for name, *arguments in (
        ("listen.sh",),
        ("asked.sh", own),
        ("told.sh", own, str(host.target)),
    ):
        listener = start("/bin/sh", str(examples / name), *arguments)
        where = (await listener.says("listening on /onion3/")).split("listening on ")[1]
        dialer = start("/bin/sh", str(examples / "dial.sh"), where)
        await dialer.says(" bytes from ")
        for program in (dialer, listener):
            program.signal("TERM")
            assert await program.ended == -signal.SIGTERM
