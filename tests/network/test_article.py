# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The article's way: tor with the distribution's torrc files, by our hand or by another's.

The files are those of Debian 12's package, C{/etc/tor/torrc} and
C{/usr/share/tor/tor-service-defaults-torrc}.  As they stand they need the distribution's user and
folders; and without a private network they would go online.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from onionp2p.tor.program import findTor

Start = Callable[..., Any]

FILES = Path(__file__).parent.parent / "data" / "debian"
TORRC = (FILES / "torrc").read_text()
DEFAULTS = (FILES / "tor-service-defaults-torrc").read_text()


@pytest.fixture
def folder() -> Iterator[Path]:
    """
    A private folder with a short name, as tor wants it for its sockets.
    """
    with tempfile.TemporaryDirectory(prefix="article-") as path:
        yield Path(path)


async def pings(start: Start, listening: str, dialing: str) -> tuple[Any, str]:
    """
    Have one program answer pings, and another send some.

    @return: the listener, which runs still, and its address.
    """
    stock = ("-n", "--pidfile=", "onionp2p", "ping")
    listener = start("twistd", *stock, "--listen", listening)
    where = str((await listener.says("listening on /onion3/")).split("listening on ")[1])
    dialer = start("twistd", *stock, "--interval=0.1", "--dial", dialing.format(where))
    await dialer.says(" bytes from ")
    dialer.signal("TERM")
    assert await dialer.ended == -signal.SIGTERM
    return listener, where


async def test_launchedByUs(start: Start, folder: Path, onTheNetwork: dict[str, str]) -> None:
    """
    Both files go to a tor of ours beneath our own lines.  What can't be is left out, and said;
    what is kept has its effect.
    """
    private = Path(onTheNetwork["ONIONP2P_TORRC"]).read_text()
    torrc = folder / "torrc"
    torrc.write_text(
        TORRC.replace("#ControlPort 9051", "ControlPort 9051")
        .replace("#CookieAuthentication 1", "CookieAuthentication 1")
        .replace("#SocksPort 9050", "SocksPort 9050")
        + private
        + "MaxCircuitDirtiness 599\n"
    )
    files = f"torrc={torrc}:defaultstorrc={FILES / 'tor-service-defaults-torrc'}"
    listener, _ = await pings(
        start, f"onionp2p:listen:port=7777:{files}", f"onionp2p:dial:addr={{}}:{files}"
    )
    said = await listener.says("left out of the torrc: ")
    for name in ("DataDirectory", "PidFile", "RunAsDaemon", "User", "ControlSocket", "SocksPort"):
        assert name in said
    assert "MaxCircuitDirtiness" not in said
    listener.signal("TERM")
    assert await listener.ended == -signal.SIGTERM


async def test_launchedByAnother(start: Start, folder: Path, onTheNetwork: dict[str, str]) -> None:
    """
    A tor that is started by these files, with a control port and cookie authentication as in the
    article, its paths redirected, is listened and dialled by; a service of its torrc is attached
    to.
    """
    private = Path(onTheNetwork["ONIONP2P_TORRC"]).read_text()
    (folder / "run").mkdir(mode=0o700)
    (folder / "lib").mkdir(mode=0o700)
    service = f"\nHiddenServiceDir {folder}/lib/service\nHiddenServicePort 80 unix:{folder}/app\n"
    torrc, defaults = folder / "torrc", folder / "defaults"
    torrc.write_text(
        TORRC.replace("#ControlPort 9051", "ControlPort auto").replace(
            "#CookieAuthentication 1", "CookieAuthentication 1"
        )
        + private
        + service
    )
    defaults.write_text(
        DEFAULTS.replace("/var/lib/tor", f"{folder}/lib")
        .replace("/run/tor", f"{folder}/run")
        .replace("RunAsDaemon 1", "RunAsDaemon 0")
        .replace("User debian-tor\n", "")
        .replace("SocksPort 9050", "SocksPort auto")
        .replace("Log notice syslog", "Log notice stdout")
    )
    tor = start(findTor(None), "-f", str(torrc), "--defaults-torrc", str(defaults))
    control = int((await tor.says("Control listener listening on port")).split("port ")[1][:-1])
    await tor.says("Bootstrapped 100%")

    for where in (control, f"{folder}/run/control"):
        listener, _ = await pings(
            start,
            f"onionp2p:listen:port=7777:control={where}",
            f"onionp2p:dial:addr={{}}:control={where}",
        )
        listener.signal("TERM")
        assert await listener.ended == -signal.SIGTERM

    name = (folder / "lib" / "service" / "hostname").read_text().strip()
    listener, address = await pings(
        start,
        f"onionp2p:listen:addr={name}:80:control={control}",
        f"onionp2p:dial:addr={{}}:socks={folder}/run/socks",
    )
    assert name.removesuffix(".onion") in address
    listener.signal("TERM")
    assert await listener.ended == -signal.SIGTERM
    tor.signal("INT")
    assert await tor.ended == 0
