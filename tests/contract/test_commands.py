"""
What a tor answers to commands: the same checks for the fake and for the real one.

A case is a conversation on a connection of its own; a pattern stands where tor chooses the words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from onionp2p.testing.faketor import Refuse
from onionp2p.testing.wire import CLOSED

OK = ["250 OK"]

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
        ("GETCONF SocksTimeout", ["250 SocksTimeout=120"]),
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
        word, _, rest = command.partition(" ")
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
