# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whom a tor lets in: the same checks for the fake and for the real one.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Any

import pytest

from onionp2p.testing.faketor.authentication import hashPassword
from onionp2p.testing.wire import CLOSED

OK = ["250 OK"]
CHALLENGE = re.compile("250 AUTHCHALLENGE SERVERHASH=([0-9A-F]{64}) SERVERNONCE=([0-9A-F]{64})")

Expected = Sequence[str | re.Pattern[str]]
Case = list[tuple[str, Expected]]

CASES: dict[str, Case] = {
    "protocol info": [
        (
            "PROTOCOLINFO 1",
            [
                "250-PROTOCOLINFO 1",
                "250-AUTH METHODS=NULL",
                re.compile(r'250-VERSION Tor="0\.4\.\d+\.\d+.*"'),
                "250 OK",
            ],
        ),
        ("PROTOCOLINFO 1", ["514 Authentication required."]),
        ("PROTOCOLINFO 1", [CLOSED]),
    ],
    "another version of it": [("PROTOCOLINFO 2", [re.compile(".*")] * 3 + ["250 OK"])],
    "no version": [("PROTOCOLINFO x", ['513 No such version "x"']), ("QUIT", [CLOSED])],
    "locked out": [
        ("GETINFO version", ["514 Authentication required."]),
        ("GETINFO version", [CLOSED]),
    ],
    "unknown": [("FOO", ["514 Authentication required."]), ("FOO", [CLOSED])],
    "quit": [("QUIT", ["250 closing connection"]), ("QUIT", [CLOSED])],
    "any cookie": [("AUTHENTICATE 00", OK)],
    "any password": [('AUTHENTICATE "abc"', OK)],
    "no hexadecimals": [
        (
            "AUTHENTICATE zz",
            [
                (
                    "551 Invalid hexadecimal encoding.  Maybe you tried a plain text password?"
                    "  If so, the standard requires that you put it in double quotes."
                )
            ],
        ),
        ("QUIT", [CLOSED]),
    ],
    "no cookies": [
        ("AUTHCHALLENGE SAFECOOKIE 00", ["515 Cookie authentication is disabled"]),
        ("QUIT", [CLOSED]),
    ],
}


@pytest.mark.parametrize("name", CASES)
async def test_answers(tor: Any, name: str) -> None:
    """
    To those who are not let in, it answers as written.
    """
    await tor.check(CASES[name], authenticated=False)


async def test_cookie(tor: Any) -> None:
    """
    With cookies, only who knows the cookie is let in, by either method.
    """
    path = f"{tor.folder}/cookie"
    async with tor.control() as keeper:
        try:
            await keeper.ask(f'SETCONF CookieAuthentication=1 CookieAuthFile="{path}"')
            await tor.check(
                [
                    (
                        "PROTOCOLINFO 1",
                        [
                            "250-PROTOCOLINFO 1",
                            f'250-AUTH METHODS=COOKIE,SAFECOOKIE COOKIEFILE="{path}"',
                            re.compile("250-VERSION .*"),
                            "250 OK",
                        ],
                    )
                ],
                authenticated=False,
            )
            length = ["515 Authentication failed: Wrong length on authentication cookie."]
            wrong = [
                "515 Authentication failed: Authentication cookie did not match expected value."
            ]
            for command, answer in [
                ("AUTHENTICATE", length),
                ("AUTHENTICATE 00", length),
                ('AUTHENTICATE "a"', length),
                ("AUTHENTICATE " + "00" * 32, wrong),
                (
                    "AUTHCHALLENGE FOO 00",
                    ["513 AUTHCHALLENGE only supports SAFECOOKIE authentication"],
                ),
                ("AUTHCHALLENGE SAFECOOKIE zz", ["513 Invalid base16 client nonce"]),
                ("AUTHCHALLENGE SAFECOOKIE", ["512 Wrong number of arguments for AUTHCHALLENGE"]),
            ]:
                await tor.check([(command, answer), ("QUIT", [CLOSED])], authenticated=False)
            await tor.check(
                [
                    (
                        "AUTHCHALLENGE",
                        ["512 Bad arguments to AUTHCHALLENGE: Need at least 1 argument(s)"],
                    ),
                    (
                        'AUTHENTICATE "abc',
                        ["512 Bad arguments to AUTHENTICATE: Cannot parse keyword argument(s)"],
                    ),
                    ("AUTHCHALLENGE SAFECOOKIE 00", [CHALLENGE]),
                    (
                        "AUTHENTICATE 00",
                        ["515 Authentication failed: Wrong length for safe cookie response."],
                    ),
                    ("QUIT", [CLOSED]),
                ],
                authenticated=False,
            )
            await tor.check(
                [
                    ("AUTHCHALLENGE safecookie 00", [CHALLENGE]),
                    (
                        "AUTHENTICATE " + "00" * 32,
                        [
                            (
                                "515 Authentication failed: Safe cookie response did not match"
                                " expected value."
                            )
                        ],
                    ),
                    ("QUIT", [CLOSED]),
                ],
                authenticated=False,
            )
            await tor.check(
                [
                    ("AUTHCHALLENGE SAFECOOKIE 00", [CHALLENGE]),
                    ("AUTHCHALLENGE SAFECOOKIE 00", ["514 Authentication required."]),
                    ("QUIT", [CLOSED]),
                ],
                authenticated=False,
            )
            with open(path, "rb") as file:
                cookie = file.read()
            await tor.check([(f"AUTHENTICATE {cookie.hex()}", OK)], authenticated=False)
            async with tor.control(authenticated=False) as wire:
                (line,) = await wire.ask("AUTHCHALLENGE SAFECOOKIE " + "01" * 32)
                match = CHALLENGE.fullmatch(line)
                assert match
                message = cookie + b"\x01" * 32 + bytes.fromhex(match[2])
                text = b"Tor safe cookie authentication %s hash"
                server = hmac.digest(text % b"server-to-controller", message, "sha256")
                client = hmac.digest(text % b"controller-to-server", message, "sha256")
                assert server.hex().upper() == match[1]
                tor.compare("AUTHENTICATE", await wire.ask(f"AUTHENTICATE {client.hex()}"), OK)
        finally:
            tor.compare(
                "undo", await keeper.ask("RESETCONF CookieAuthentication CookieAuthFile"), OK
            )


async def test_password(tor: Any) -> None:
    """
    With a password, only who knows it is let in.
    """
    hashed = hashPassword(b"open sesame")
    wrong = (
        "515 Authentication failed: Password did not match HashedControlPassword value from"
        " configuration"
    )
    plain = (
        ". Maybe you tried a plain text password? If so, the standard requires that you put it in"
        " double quotes."
    )
    async with tor.control() as keeper:
        try:
            tor.compare("set", await keeper.ask(f'SETCONF HashedControlPassword="{hashed}"'), OK)
            await tor.check(
                [
                    (
                        "PROTOCOLINFO 1",
                        [
                            "250-PROTOCOLINFO 1",
                            "250-AUTH METHODS=HASHEDPASSWORD",
                            re.compile("250-VERSION .*"),
                            "250 OK",
                        ],
                    )
                ],
                authenticated=False,
            )
            for command, answer in [
                ('AUTHENTICATE "closed"', wrong),
                ("AUTHENTICATE", wrong + plain),
                ("AUTHENTICATE abcd", wrong + plain),
            ]:
                await tor.check([(command, [answer]), ("QUIT", [CLOSED])], authenticated=False)
            await tor.check([('AUTHENTICATE "open sesame"', OK)], authenticated=False)
            hexadecimal = b"open sesame".hex()
            await tor.check([(f"AUTHENTICATE {hexadecimal}", OK)], authenticated=False)
        finally:
            tor.compare("undo", await keeper.ask("RESETCONF HashedControlPassword"), OK)
