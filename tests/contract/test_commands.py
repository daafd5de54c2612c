# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor answers to commands: the same checks for the fake and for the real one.

A case is a conversation on a connection of its own; a pattern stands where tor chooses the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from onionp2p.keys import Identity
from onionp2p.testing.faketor import Refuse
from onionp2p.testing.wire import CLOSED, ControlWire

OK = ["250 OK"]
LABEL = Identity(bytes(32)).label

Expected = Sequence[str | re.Pattern[str]]
Case = list[tuple[str, Expected]]

CASES: dict[str, Case] = {
    "version": [("GETINFO version", [re.compile(r"250-version=0\.4\.\d+\.\d+.*"), "250 OK"])],
    "case does not matter": [
        ("getinfo version", [re.compile("250-version=.*"), "250 OK"]),
        ("SetEvents hs_desc", OK),
    ],
    "unknown commands": [
        ("FOO", ['510 Unrecognized command "FOO"']),
        ("FOO bar", ['510 Unrecognized command "FOO"']),
        ("", ['510 Unrecognized command ""']),
    ],
    "several keys": [
        (
            "GETINFO version status/bootstrap-phase",
            [
                re.compile("250-version=.*"),
                re.compile(
                    r"250-status/bootstrap-phase=(NOTICE|WARN) BOOTSTRAP PROGRESS=\d+ TAG=[a-z_]+"
                    r' SUMMARY="[^"]*".*'
                ),
                "250 OK",
            ],
        ),
    ],
    "no key": [("GETINFO", OK), ("GETCONF", OK), ("SETCONF", OK)],
    "unknown keys": [
        ("GETINFO foo", ['552 Unrecognized key "foo"']),
        (
            "GETINFO version foo bar",
            ['552-Unrecognized key "foo"', '552 Unrecognized key "bar"'],
        ),
        ("GETCONF foo", ['552 Unrecognized configuration key "foo"']),
        (
            "GETCONF foo SafeSocks bar",
            [
                '552-Unrecognized configuration key "foo"',
                '552 Unrecognized configuration key "bar"',
            ],
        ),
    ],
    "names": [
        (
            "GETINFO signal/names",
            [
                (
                    "250-signal/names=RELOAD HUP SHUTDOWN DUMP USR1 DEBUG USR2 HALT TERM INT NEWNYM"
                    " CLEARDNSCACHE HEARTBEAT ACTIVE DORMANT"
                ),
                "250 OK",
            ],
        ),
        (
            "GETINFO events/names",
            [re.compile("250-events/names=.*STATUS_CLIENT.*HS_DESC HS_DESC_CONTENT.*"), "250 OK"],
        ),
        ("GETINFO features/names", ["250-features/names=VERBOSE_NAMES EXTENDED_EVENTS", "250 OK"]),
    ],
    "not connected": [
        ("GETINFO status/circuit-established", ["250-status/circuit-established=0", "250 OK"]),
        ("GETINFO status/enough-dir-info", ["250-status/enough-dir-info=0", "250 OK"]),
        ("GETINFO network-liveness", ["250-network-liveness=down", "250 OK"]),
        ("GETINFO dormant", ["250-dormant=0", "250 OK"]),
        ("GETINFO circuit-status", ["250-circuit-status=", "250 OK"]),
        ("GETINFO stream-status", ["250-stream-status=", "250 OK"]),
    ],
    "listeners": [
        (
            "GETINFO net/listeners/socks",
            [re.compile('250-net/listeners/socks="unix:/[^"]*/socks"'), "250 OK"],
        ),
        (
            "GETINFO net/listeners/control",
            [re.compile('250-net/listeners/control="unix:/[^"]*/control"'), "250 OK"],
        ),
    ],
    "getconf": [
        ("GETCONF safesocks", ["250 SafeSocks=1"]),
        ("GETCONF DisableNetwork SafeSocks", ["250-DisableNetwork=0", "250 SafeSocks=1"]),
        ("GETCONF HiddenServiceDir", ["250 HiddenServiceDir"]),
        ("GETCONF HiddenServiceOptions", ["250 HiddenServiceOptions"]),
        ("GETCONF NewCircuitPeriod", ["250 NewCircuitPeriod=30"]),
    ],
    "setconf": [
        ("SETCONF ContactInfo=abc", OK),
        ("GETCONF ContactInfo", ["250 ContactInfo=abc"]),
        (r'SETCONF contactinfo="a \"b\" \\ c"', OK),
        ("GETCONF ContactInfo", [r'250 ContactInfo=a "b" \ c']),
        ("SETCONF ContactInfo= SocksTimeout=60", OK),
        ("GETCONF ContactInfo SocksTimeout", ["250-ContactInfo", "250 SocksTimeout=60"]),
        ("SETCONF SocksTimeout", OK),
        ("GETCONF SocksTimeout", ["250 SocksTimeout=0"]),
        ("RESETCONF SocksTimeout", OK),
        ("GETCONF SocksTimeout", ["250 SocksTimeout=120"]),
    ],
    "setconf refused": [
        ("SETCONF foo=1", ["552 Unrecognized option: Unknown option 'foo'.  Failing."]),
        ("RESETCONF foo", ["552 Unrecognized option: Unknown option 'foo'.  Failing."]),
        (
            "SETCONF SafeSocks=2",
            [
                (
                    "513 Unacceptable option value: Could not parse SafeSocks: Unrecognized value"
                    " 2. Allowed values are 0 and 1."
                )
            ],
        ),
        (
            'SETCONF ContactInfo="abc',
            ["512 Bad arguments to SETCONF: Cannot parse keyword argument(s)"],
        ),
        (
            "SETCONF DataDirectory=/tmp/x",
            [
                (
                    "553 Transition not allowed: While Tor is running, changing DataDirectory is"
                    " not allowed"
                )
            ],
        ),
        (
            "SETCONF ContactInfo=x foo=1",
            ["552 Unrecognized option: Unknown option 'foo'.  Failing."],
        ),
        ("GETCONF ContactInfo", ["250 ContactInfo"]),
    ],
    "setevents": [
        ("SETEVENTS HS_DESC STATUS_CLIENT", OK),
        ("SETEVENTS EXTENDED HS_DESC", OK),
        ("SETEVENTS FOO", ['552 Unrecognized event "FOO"']),
        ("SETEVENTS HS_DESC FOO", ['552 Unrecognized event "FOO"']),
        ("SETEVENTS", OK),
    ],
    "features": [
        ("USEFEATURE EXTENDED_EVENTS", OK),
        ("USEFEATURE verbose_names", OK),
        ("USEFEATURE", OK),
        ("USEFEATURE FOO", ['552 Unrecognized feature "FOO"']),
    ],
    "signals": [
        ("SIGNAL NEWNYM", OK),
        ("SIGNAL newnym", OK),
        ("SIGNAL HUP", OK),
        ("SIGNAL DORMANT", OK),
        ("SIGNAL ACTIVE", OK),
        ("SIGNAL FOO", ['552 Unrecognized signal code "FOO"']),
        ("SIGNAL", ["512 Bad arguments to SIGNAL: Need at least 1 argument(s)"]),
        (
            "SIGNAL NEWNYM x",
            ["512 Bad arguments to SIGNAL: Cannot accept more than 1 argument(s)"],
        ),
    ],
    "ownership": [("TAKEOWNERSHIP", OK), ("DROPOWNERSHIP", OK)],
    "circuits": [("CLOSECIRCUIT 1", ['552 Unknown circuit "1"'])],
    "authenticated already": [
        ("AUTHENTICATE", OK),
        ("PROTOCOLINFO 1", [re.compile(".*")] * 3 + ["250 OK"]),
        ("PROTOCOLINFO 1", [re.compile(".*")] * 3 + ["250 OK"]),
    ],
    "data blocks": [
        ("+FOO\r\nbar\r\n.", ['510 Unrecognized command "+FOO"']),
        ("+GETINFO\r\nversion\r\n.", ['510 Unrecognized command "+GETINFO"']),
        ("HSPOST", ['510 Unrecognized command "HSPOST"']),
        ("+HSPOST HSADDRESS=x\r\nfoo\r\n.", ["512 Malformed onion address"]),
        (
            f"+HSPOST HSADDRESS={LABEL}\r\nfoo\r\n..\r\n.",
            ["554 Invalid descriptor"],
        ),
        ("+POSTDESCRIPTOR\r\nfoo\r\n.", ["554 Couldn't parse router descriptor."]),
        (
            "+LOADCONF\r\nfoo bar\r\n.",
            [
                (
                    "552 Invalid config file: Failed to parse/validate config: Unknown option"
                    " 'foo'.  Failing."
                )
            ],
        ),
        ("GETCONF ContactInfo", ["250 ContactInfo"]),
    ],
    "onions unknown": [
        (f"GETINFO hs/client/desc/id/{LABEL}", ["551 Not found in cache"]),
        (f"GETINFO hs/service/desc/id/{LABEL}", ["551 Not found in cache"]),
        ("GETINFO hs/client/desc/id/abc", ["551 Invalid address"]),
        ("GETINFO hs/service/desc/id/abc", ["551 Invalid address"]),
    ],
    "nothing yet": [
        (f"GETINFO {key}", [f"250-{key}=", "250 OK"])
        for key in (
            "address-mappings/all",
            "entry-guards",
            "orconn-status",
            "net/listeners/dns",
            "net/listeners/httptunnel",
        )
    ],
    "configuration": [
        ("GETINFO config-file", ["250-config-file=/etc/tor/torrc", "250 OK"]),
        ("GETINFO config-can-saveconf", [re.compile("250-config-can-saveconf=[01]"), "250 OK"]),
    ],
    "no port of dials": [
        (
            "SETCONF SocksPort=foo",
            ["513 Unacceptable option value: Invalid SocksPort configuration"],
        ),
    ],
    "non-anonymous services": [
        (
            "SETCONF HiddenServiceSingleHopMode=1",
            [
                (
                    "513 Unacceptable option value: HiddenServiceSingleHopMode does not provide"
                    " any server anonymity. It must be used with HiddenServiceNonAnonymousMode set"
                    " to 1."
                )
            ],
        ),
        (
            "SETCONF HiddenServiceSingleHopMode=1 HiddenServiceNonAnonymousMode=1",
            [
                (
                    "513 Unacceptable option value: HiddenServiceNonAnonymousMode is incompatible"
                    " with using Tor as an anonymous client. Please set Socks/Trans/NATD/DNSPort to"
                    " 0, or revert HiddenServiceNonAnonymousMode to 0."
                )
            ],
        ),
    ],
    "quit": [("QUIT", ["250 closing connection"]), ("GETINFO version", [CLOSED])],
}


@pytest.mark.parametrize("name", CASES)
async def test_answers(tor: Any, name: str) -> None:
    """
    It answers as written.
    """
    await tor.check(CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_wrongAnswersFail(makeFake: Callable[..., Any], name: str) -> None:
    """
    A fake that gives one wrong answer in any of these conversations fails the check.
    """
    for command, expected in CASES[name]:
        if expected == [CLOSED]:  # nobody reads it any more
            continue
        word, _, rest = command.partition("\r\n")[0].partition(" ")
        if not word or word == "AUTHENTICATE":  # no rule can name it, or it would come too early
            continue
        subject = makeFake()
        subject.fake.on(f"{word.upper()} {rest}", Refuse(599, "wrong"), times=1)
        with pytest.raises(AssertionError):
            subject.reactor.resultOf(subject.check(CASES[name]))


async def test_pipelined(tor: Any) -> None:
    """
    Commands that come at once are answered in their order.
    """
    async with tor.control() as wire:
        for command in ("GETINFO dormant", "FOO", "GETCONF SafeSocks"):
            wire.send(command)
        tor.compare("1", await wire.answer(), ["250-dormant=0", "250 OK"])
        tor.compare("2", await wire.answer(), ['510 Unrecognized command "FOO"'])
        tor.compare("3", await wire.answer(), ["250 SafeSocks=1"])


async def test_changesTold(tor: Any) -> None:
    """
    Who asked for it hears what options have changed, and no more than that.
    """
    async with tor.control() as one, tor.control() as other:
        await other.ask("SETEVENTS CONF_CHANGED")
        for command in (
            "SETCONF ContactInfo=me NewCircuitPeriod=20",
            "SETCONF ContactInfo=me",
            "SETCONF",
            "SETCONF ContactInfo",
            "RESETCONF NewCircuitPeriod",
        ):
            assert await one.ask(command) == OK
        await other.ask("GETINFO version")
        assert other.events == [
            "650-CONF_CHANGED",
            "650-ContactInfo=me",
            "650-NewCircuitPeriod=20",
            "650 OK",
            "650-CONF_CHANGED",
            "650-ContactInfo",
            "650 OK",
            "650-CONF_CHANGED",
            "650-NewCircuitPeriod=30",
            "650 OK",
        ]


async def test_signalsTold(tor: Any) -> None:
    """
    Each signal is told of by its first name.
    """
    async with tor.control() as one, tor.control() as other:
        await other.ask("SETEVENTS SIGNAL")
        for name in ("HUP", "reload", "CLEARDNSCACHE", "USR1"):
            assert await one.ask(f"SIGNAL {name}") == OK
        await other.ask("GETINFO version")
        told = ["RELOAD", "RELOAD", "CLEARDNSCACHE", "DUMP"]
        assert other.events == [f"650 SIGNAL {name}" for name in told]


# Where it can't listen, Twisted's UNIX port leaves its socket to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.allow_loopback
async def test_ports(tor: Any) -> None:
    """
    It can listen at ports of TCP too, for dials and for commands, and says which they are; one
    that is taken is refused, and then all is as it was.
    """
    async with tor.control() as wire:
        (before,) = await wire.ask("GETCONF ControlPort")
        socks = (await wire.ask("GETCONF SocksPort"))[0].removeprefix("250 SocksPort=")
        ours = before.removeprefix("250 ControlPort=")
        try:
            both = f'SETCONF ControlPort="{ours}" ControlPort=127.0.0.1:auto'
            assert await wire.ask(both) == OK
            (line, _) = await wire.ask("GETINFO net/listeners/control")
            match = re.fullmatch(
                r'250-net/listeners/control="unix:/[^"]*/control" "127\.0\.0\.1:(\d+)"', line
            )
            assert match
            third = await ControlWire.connect(tor.reactor, f"127.0.0.1:{match[1]}")
            assert await third.ask("AUTHENTICATE") == OK
            for place in (f"127.0.0.1:{match[1]}", "unix:/no/where/socks"):
                quoted = socks.replace('"', r"\"")
                assert await third.ask(f'SETCONF SocksPort="{quoted}" SocksPort={place}') == [
                    "553 Unable to set option: Failed to bind one of the listener ports."
                ]
            assert await third.ask("GETCONF SocksPort") == [f"250 SocksPort={socks}"]
            await third.close()
        finally:
            assert await wire.ask(f'SETCONF ControlPort="{ours}"') == OK
