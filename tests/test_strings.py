# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Endpoint strings, as users of commands type them.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.testing import MemoryReactor
from twisted.python import usage

from onionp2p.strings import readClient, readServer
from onionp2p.tap import Options

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
LONG = "a" * 200

# Behind the prefixes, for either end.
BAD = ["", ":", "=", "bogus:1", "bogus", "\0", "\\", "tcp", "tcp:", "tcp:\\", "tcp:=x", "unix"]
BAD += ["unix:", f"unix:{LONG}", "unix:a\\", "unix:a\0b", "onionp2p", "onionp2p:", "onionp2p:x"]
BAD += ["autobahn:x", "tcp:port", "ssl", "tcp:1:2:3:4:5:6", "unix:/s:nonsense=1"]
BAD_SERVERS = [
    *BAD,
    *(f"tcp:{port}" for port in ["x", "-1", "65536", "99999", "1.5", "1e3", "\u0661"]),
    "tcp:port=99999",
    "tcp:1:port=2",
    "tcp:1:backlog=x",
    "tcp:1:nonsense=1",
    "tcp6:99999",
    "tls:/certs:99999",
    "ssl:443:privateKey=/nonexistent/k",
    "haproxy:",
    "haproxy:bogus:1",
    "bogus\x1b[31m\n:1",
    "haproxy:tcp:99999",
    "systemd:domain=INET:index=0",
    "systemd:domain=INET:name=x",
    "systemd:",
    "unix:/s:mode=999",
    "onionp2p:listen",
    "onionp2p:listen:port=0",
    "onionp2p:listen:port=1:key=",
    "onionp2p:listen:port=1:nonsense=2",
    "onionp2p:listen:port=1:timeout=x",
    f"onionp2p:dial:addr={LABEL}.onion:1",
]
BAD_CLIENTS = [
    *BAD,
    *(f"tcp:h:{port}" for port in ["x", "-1", "0", "65536", "99999", "1.5"]),
    "tcp:h",
    "tcp:h:port=99999",
    "tcp:host=h:port=99999",
    "tcp:h:1:timeout=x",
    "tcp:h:1:timeout=0",
    "tcp:h:1:timeout=-1",
    "tls:h:99999",
    "tls:h:443:trustRoots=/nonexistent/r",
    "tls:h:443:certificate=/nonexistent/c",
    "stdio:",
    "haproxy:tcp:h:1",
    "onionp2p:dial",
    "onionp2p:dial:addr=x.onion:1",
    f"onionp2p:dial:addr={LABEL}.onion:0",
    f"onionp2p:dial:addr={LABEL}.onion:1:socks=99999",
    "onionp2p:listen:port=1",
]
# What is said of one, as a pattern, and of the others at least what to give instead.
SAID = {
    "tcp:99999": "port '99999' is no number from 0 to 65535: give tcp:PORT or tcp:PORT:interface=",
    "tcp:h:99999": "port '99999' is no number from 1 to 65535: give tcp:HOST:PORT",
    "unix:": "the path is missing: give unix:PATH",
    "onionp2p:listen:port=1": "onionp2p:listen is not to dial: give onionp2p:dial:addr=X",
    "tls:h:443:trustRoots=/nonexistent/r": "/nonexistent/r: No such file or directory: give tls:",
}


def checkSaid(description: str, said: str) -> None:
    """
    See that it is for people.
    """
    assert SAID.get(description, "") in said
    assert "give " in said or said.partition(": ")[0] in {"onionp2p:listen", "onionp2p:dial"}
    assert "__" not in said
    assert "int()" not in said
    assert said.isprintable()  # all of it, also by a terminal


@pytest.mark.parametrize("description", BAD_SERVERS, ids=ascii)
def test_servers(description: str) -> None:
    """
    Where to listen is refused with a reason and with what to give, before anything is done.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is checked below
        readServer(MemoryReactor(), description)
    checkSaid(description, str(caught.value))


@pytest.mark.parametrize("description", BAD_CLIENTS, ids=ascii)
def test_clients(description: str) -> None:
    """
    Whom to dial likewise.
    """
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it says is checked below
        readClient(MemoryReactor(), description)
    checkSaid(description, str(caught.value))


@pytest.mark.parametrize(
    "description",
    [
        "tcp:0",
        r"tcp:65535:interface=\:\:1",
        "unix:/s:mode=660",
        "haproxy:tcp:1",
    ],
)
def test_goodServers(description: str) -> None:
    """
    What Twisted takes stays as it is.
    """
    readServer(MemoryReactor(), description)


@pytest.mark.parametrize(
    "description",
    [
        "tcp:h:65535",
        "tcp:h:1:timeout=5",
        "tcp:port=1:host=h",
        r"unix:/a\:b",
        "tls:h:443",
        f"onionp2p:dial:addr={LABEL}.onion:1:timeout=0.5",
    ],
)
def test_goodClients(description: str) -> None:
    """
    On this side, too.
    """
    readClient(MemoryReactor(), description)


@pytest.mark.parametrize(
    "command",
    [
        ["ping", "--listen"],
        ["ping", "--libp2p", "--listen"],
        ["echo", "--listen"],
        ["forward", "--dial=tcp:h:1", "--listen"],
        ["publish", "--target=unix:/s", "--listen"],
        ["ping", "--dial"],
        ["ping", "--libp2p", "--dial"],
        ["echo", "--dial"],
        ["forward", "--listen=tcp:1", "--dial"],
        ["reach", "--at=unix:/s", "--dial"],
    ],
    ids=lambda command: " ".join((command[0], command[-1])),
)
def test_twistd(command: list[str]) -> None:
    """
    Every command of C{twistd onionp2p} refuses all of them as a fault of its command line.
    """
    for description in BAD_SERVERS if command[-1] == "--listen" else BAD_CLIENTS:
        untyped: Any = Options
        options = untyped()
        with pytest.raises(usage.UsageError, match=f"^{command[-1]}: ."):
            options.parseOptions([*command, description])
