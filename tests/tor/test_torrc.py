# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What tor is configured with.
"""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onionp2p.tor.torrc import filterUserLines, renderTorrc


@pytest.mark.parametrize(
    "line",
    [
        "User debian-tor",
        "RunAsDaemon 1",
        "PidFile /run/tor/tor.pid",
        "Log notice syslog",
        "ControlPort 9051",
        "ControlSocket /run/tor/control GroupWritable",
        "CookieAuthentication 1",
        "CookieAuthFile /run/tor/control.authcookie",
        "HashedControlPassword 16:00",
        "SocksPort 9050",
        "SOCKSPORT 0.0.0.0:9050",
        "+SocksPort 9050",
        "Sock 9050",
        "DataDirectory /var/lib/tor",
        "HiddenServiceDir /x",
        "HiddenServiceNonAnonymousMode 1",
        "HiddenServ /x",
        "__OwningControllerProcess 1",
        "SocksPolicy accept *",
        "HTTPTunnelPort 127.0.0.1:8118",
        "DNSPort 53",
        "TransPort 9040",
        "CacheDirectory /var/cache/tor",
        "Socks\\\nPort 9050",
        "  \tSocksPort 9050",
    ],
)
def test_whatIsOursIsLeftOut(line: str) -> None:
    """
    A user's torrc can't make our tor listen, log or keep state elsewhere, in any spelling.
    """
    lines = filterUserLines(f"# a comment\n{line}\nUseBridges 1\n")
    if not line.startswith("Socks\\"):
        assert lines.leftOut
    assert "socks" not in lines.text.lower()
    assert lines.text.endswith("UseBridges 1\n")


@pytest.mark.parametrize("text", ["%include /etc/torrc.d/*.conf", " %INCLUDE x"])
def test_includesAreRefused(text: str) -> None:
    """
    A torrc that includes others, in which bridges may stand, is refused, rather than used without.
    """
    with pytest.raises(ValueError, match="include"):
        filterUserLines(text)


def test_proxiesAreKept() -> None:
    """
    Who reaches Tor through a proxy only does so here too.
    """
    text = "Socks5Proxy 127.0.0.1:1080\nSocks5ProxyUsername me\nHTTPSProxy 127.0.0.1:3128\n"
    assert filterUserLines(text).text == text


def test_commentsEndWithTheirLine() -> None:
    """
    A backslash continues a line, but no comment.
    """
    lines = filterUserLines("# comment \\\nUseBridges 1\nBridge a \\\n  b\n")
    assert [line.split() for line in lines.text.splitlines()] == [
        ["UseBridges", "1"],
        ["Bridge", "a", "b"],
    ]


def test_theRestIsKept() -> None:
    """
    Bridges, plugins and a testing network's lines go to tor, comments and empty lines don't.
    """
    kept = [
        "TestingTorNetwork 1",
        "DirAuthority a",
        "ClientTransportPlugin obfs4 exec /x",
        "UseBridges 1",
    ]
    text = "\n".join(["", "# a comment", *kept])
    lines = filterUserLines(text)
    assert lines.leftOut == ()
    assert lines.plugins
    assert not lines.foreignAuthorities
    assert lines.text.splitlines() == kept


def test_foreignAuthoritiesAreSeen() -> None:
    """
    Other authorities than Tor's are worth a warning, unless the network is a testing one.
    """
    assert filterUserLines("DirAuthority a").foreignAuthorities
    assert filterUserLines("TestingTorNetwork 0\nDirAuthority a").foreignAuthorities
    assert not filterUserLines("TestingTorNetwork 1\nDirAuthority a").foreignAuthorities
    assert not filterUserLines("UseBridges 1").foreignAuthorities


def test_namesAreToldOnce() -> None:
    """
    An option that is left out often is named once.
    """
    assert filterUserLines("Log a\nLog b\nUser x").leftOut == ("Log", "User")


@given(st.text())
def test_filteringIsTotal(text: str) -> None:
    """
    Any text gives lines, none of which is ours to decide.
    """
    assume("%include" not in text.lower())
    again = filterUserLines(filterUserLines(text).text)
    assert again.leftOut == ()


def test_ourLines() -> None:
    """
    Our tor opens no port, is owned by us, reads nothing on SIGHUP, and is never non-anonymous.
    """
    torrc = renderTorrc(stateDirectory='/s t"a', socksPath="/r/socks", owningDescriptor=7)
    lines = torrc.splitlines()
    assert 'DataDirectory "/s t\\"a"' in lines
    assert "__OwningControllerFD 7" in lines
    assert "ControlPort 0" in lines
    assert "NoExec 1" in lines
    assert "HiddenServiceNonAnonymousMode 0" in lines
    socks = [line for line in lines if line.startswith("SocksPort")]
    assert socks == ['SocksPort unix:"/r/socks" OnionTrafficOnly IsolateSOCKSAuth ExtendedErrors']


def test_pluginsNeedExec() -> None:
    """
    Where the user has pluggable transports, tor may start them.
    """
    torrc = renderTorrc(stateDirectory="/s", socksPath="/x", owningDescriptor=3, plugins=True)
    assert "NoExec" not in torrc


def test_socksTimeout() -> None:
    """
    Tor never gives up on a dial before its own deadline, which is a day at most.
    """
    text = renderTorrc(stateDirectory="/s", socksPath="/r/socks", owningDescriptor=3)
    (seconds,) = [line.split()[1] for line in text.splitlines() if line.startswith("SocksTimeout")]
    assert int(seconds) >= 86400
