# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a tor answers about onion services: the same checks for the fake and for the real one.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha512
from typing import Any

import pytest

from onionp2p.keys import Identity
from onionp2p.testing.faketor import Refuse
from onionp2p.testing.wire import CLOSED, ControlWire

OURS = Identity(b"contract suite, not a secret key")
LABEL, KEY = OURS.label, OURS.expanded()
OTHER = Identity(bytes(32)).label
ANY64 = sha512(b"any 64 bytes are a key").digest()
CLIENT, ANOTHER = "A" * 52, "B" * 51 + "A"
PRIVATE = b64encode(bytes(range(32))).decode("ascii")

SERVED = [f"250-ServiceID={LABEL}", "250 OK"]
OK = ["250 OK"]
ADD = f"ADD_ONION ED25519-V3:{KEY}"
DEL = f"DEL_ONION {LABEL}"

Expected = Sequence[str | re.Pattern[str]]
Case = list[tuple[str, Expected]]

CASES: dict[str, Case] = {
    "add and delete": [
        (f"{ADD} Flags=DiscardPK Port=7777,unix:/run/x", SERVED),
        ("GETINFO onions/current", [f"250-onions/current={LABEL}", "250 OK"]),
        (f"{ADD} Flags=DiscardPK Port=7777,unix:/run/x", ["550 Onion address collision"]),
        (DEL, OK),
        ("GETINFO onions/current", ["250-onions/current=", "250 OK"]),
        (DEL, ["552 Unknown Onion Service id"]),
    ],
    "onions of another's key": [
        (
            f"ADD_ONION ED25519-V3:{b64encode(ANY64).decode()} Port=80",
            [
                "250-ServiceID=gbmfwo36vyzmatosrozmz2nf3yha5t3kuw264cnhi2sgtr4rsvw5miid",
                "250 OK",
            ],
        ),
    ],
    "several onions": [
        (f"{ADD} Port=80", SERVED),
        (
            "ADD_ONION NEW:BEST Flags=DiscardPK Port=80",
            [re.compile("250-ServiceID=[a-z2-7]{56}"), "250 OK"],
        ),
        (
            "GETINFO onions/current",
            [
                "250+onions/current=",
                re.compile("[a-z2-7]{56}"),
                re.compile("[a-z2-7]{56}"),
                ".",
                "250 OK",
            ],
        ),
    ],
    "new keys": [
        (
            command,
            [
                re.compile("250-ServiceID=[a-z2-7]{56}"),
                re.compile("250-PrivateKey=ED25519-V3:[A-Za-z0-9+/]{86}=="),
                "250 OK",
            ],
        )
        for command in (
            "ADD_ONION NEW:BEST Port=80",
            "ADD_ONION new:ed25519-v3 Port=80,unix:/run/x",
        )
    ],
    "bad keys": [
        ("ADD_ONION NEW:RSA1024 Port=80", ["513 Invalid key type"]),
        ("ADD_ONION RSA1024:bar Port=80", ["513 Invalid key type"]),
        ("ADD_ONION FOO:bar Port=80", ["513 Invalid key type"]),
        ("ADD_ONION NEW: Port=80", ["512 Invalid key type/blob"]),
        ("ADD_ONION NEW Port=80", ["512 Invalid key type/blob"]),
        ("ADD_ONION ED25519-V3:bar Port=80", ["512 Failed to decode ED25519-V3 key"]),
        (
            f"ADD_ONION ED25519-V3:{b64encode(bytes(64)).decode()} Port=80",
            ["551 Failed to generate onion address"],
        ),
    ],
    "ports": [
        entry
        for target in (
            "80",
            "80,unix:/run/x",
            "80,unix:",
            "80,",
            "80,127.0.0.1",
            "80,127.0.0.1:81",
            "80,81",
            "80,unix:relative",
            "80,8.8.8.8:53",
        )
        for entry in ((f"{ADD} Port={target}", SERVED), (DEL, OK))
    ],
    "several ports": [(f"{ADD} Port=80 Port=81,82", SERVED)],
    "bad ports": [
        (f"{ADD} Port={target}", ["512 Invalid VIRTPORT/TARGET"])
        for target in ("", "0", "65536", "x", "80,99999", "80,0")
    ],
    "no port": [
        (ADD, ["512 Missing 'Port' argument"]),
        ("ADD_ONION", ["512 Bad arguments to ADD_ONION: Need at least 1 argument(s)"]),
    ],
    "flags": [
        entry
        for flags in (
            "DiscardPK",
            "discardpk",
            "DiscardPK,MaxStreamsCloseCircuit",
            "Detach",
        )
        for entry in ((f"{ADD} Flags={flags} Port=80", SERVED), (DEL, OK))
    ],
    "repeated flags": [(f"{ADD} Flags=DiscardPK Flags=MaxStreamsCloseCircuit Port=80", SERVED)],
    "bad flags": [
        (f"{ADD} Flags= Port=80", ["512 Invalid 'Flags' argument"]),
        (f"{ADD} Flags=Foo Port=80", ["512 Invalid 'Flags' argument: \"Foo\""]),
        (f"{ADD} Flags=DiscardPK,Foo Port=80", ["512 Invalid 'Flags' argument: \"Foo\""]),
        (f"{ADD} Flags=BasicAuth Port=80", ["512 Invalid 'Flags' argument: \"BasicAuth\""]),
        (f"{ADD} Flags=NonAnonymous Port=80", ["512 Tor is in anonymous hidden service mode"]),
    ],
    "max streams": [
        (f"{ADD} MaxStreams=65535 Port=80", SERVED),
        (DEL, OK),
        (f"{ADD} MaxStreams=65536 Port=80", ["512 Invalid MaxStreams"]),
        (f"{ADD} MaxStreams=x Port=80", ["512 Invalid MaxStreams"]),
    ],
    "keywords": [
        (
            f"{ADD} Foo=1 Port=80",
            ['512 Bad arguments to ADD_ONION: Unrecognized keyword argument "Foo"'],
        ),
        (
            f"{ADD} Port=80 Foo",
            ["512 Bad arguments to ADD_ONION: Cannot parse keyword argument(s)"],
        ),
        (f'{ADD} Port="80"', ["512 Bad arguments to ADD_ONION: Cannot parse keyword argument(s)"]),
        (f"add_onion ed25519-v3:{KEY} port=80 flags=discardpk", SERVED),
        (DEL, OK),
        (f"ADD_ONION  ED25519-V3:{KEY}   Port=80", SERVED),
    ],
    "client authorization of a service": [
        (
            f"{ADD} Flags=V3Auth ClientAuthV3={CLIENT} ClientAuthV3={ANOTHER} Port=80",
            [
                f"250-ServiceID={LABEL}",
                f"250-ClientAuthV3={CLIENT}",
                f"250-ClientAuthV3={ANOTHER}",
                "250 OK",
            ],
        ),
        (DEL, OK),
        (f"{ADD} Flags=V3Auth Port=80", ["512 No auth clients specified"]),
        (f"{ADD} ClientAuthV3={CLIENT} Port=80", ["512 No auth type specified"]),
        (
            f"{ADD} Flags=V3Auth ClientAuthV3=abc Port=80",
            ["512 Cannot decode v3 client auth key"],
        ),
    ],
    "proof of work": [
        (f"{ADD} PoWDefensesEnabled=1 PoWQueueRate=5 PoWQueueBurst=6 Port=80", SERVED),
        (DEL, OK),
        (f"{ADD} PoWDefensesEnabled=2 Port=80", ["512 Invalid PoWDefensesEnabled"]),
        (f"{ADD} PoWQueueRate=x Port=80", ["512 Invalid PoWQueueRate"]),
        (f"{ADD} PoWQueueBurst=x Port=80", ["512 Invalid PoWQueueBurst"]),
    ],
    "deleting": [
        (f"DEL_ONION {LABEL}.onion", ["512 Malformed Onion Service id"]),
        ("DEL_ONION xyz", ["512 Malformed Onion Service id"]),
        (f"DEL_ONION {OTHER}", ["552 Unknown Onion Service id"]),
        ("DEL_ONION", ["512 Bad arguments to DEL_ONION: Need at least 1 argument(s)"]),
        (
            f"DEL_ONION {LABEL} x",
            ["512 Bad arguments to DEL_ONION: Cannot accept more than 1 argument(s)"],
        ),
    ],
    "client keys": [
        (f"ONION_CLIENT_AUTH_VIEW {OTHER}", [f"250-ONION_CLIENT_AUTH_VIEW {OTHER}", "250 OK"]),
        (f"ONION_CLIENT_AUTH_ADD {OTHER} x25519:{PRIVATE}", OK),
        (
            f"ONION_CLIENT_AUTH_VIEW {OTHER}",
            [
                f"250-ONION_CLIENT_AUTH_VIEW {OTHER}",
                f"250-CLIENT {OTHER} x25519:{PRIVATE}",
                "250 OK",
            ],
        ),
        (
            "ONION_CLIENT_AUTH_VIEW",
            ["250-ONION_CLIENT_AUTH_VIEW", f"250-CLIENT {OTHER} x25519:{PRIVATE}", "250 OK"],
        ),
        (
            f"ONION_CLIENT_AUTH_ADD {OTHER} x25519:{PRIVATE} ClientName=bob",
            ["251 Client for onion existed and replaced"],
        ),
        (
            f"ONION_CLIENT_AUTH_VIEW {OTHER}",
            [
                f"250-ONION_CLIENT_AUTH_VIEW {OTHER}",
                f"250-CLIENT {OTHER} x25519:{PRIVATE} ClientName=bob",
                "250 OK",
            ],
        ),
        (f"ONION_CLIENT_AUTH_REMOVE {OTHER}", OK),
        (f"ONION_CLIENT_AUTH_REMOVE {OTHER}", [f'251 No credentials for "{OTHER}"']),
    ],
    "client keys refused": [
        ("ONION_CLIENT_AUTH_ADD", ["512 Incomplete ONION_CLIENT_AUTH_ADD command"]),
        (f"ONION_CLIENT_AUTH_ADD {OTHER}", ["512 Incomplete ONION_CLIENT_AUTH_ADD command"]),
        (f"ONION_CLIENT_AUTH_ADD foo x25519:{PRIVATE}", ['512 Invalid v3 address "foo"']),
        (f"ONION_CLIENT_AUTH_ADD {OTHER} foo:{PRIVATE}", ['552 Unrecognized key type "foo"']),
        (f"ONION_CLIENT_AUTH_ADD {OTHER} x25519:abc", ["512 Failed to decode x25519 private key"]),
        (f"ONION_CLIENT_AUTH_ADD {OTHER} nokey", ["512 Invalid key type/blob"]),
        (
            f"ONION_CLIENT_AUTH_ADD {OTHER} x25519:{PRIVATE} Flags=Foo",
            ["512 Invalid 'Flags' argument: \"Foo\""],
        ),
        (
            f"ONION_CLIENT_AUTH_ADD {OTHER} x25519:{PRIVATE} Flags=Permanent",
            [f'553 Unable to store creds for "{OTHER}"'],
        ),
        ("ONION_CLIENT_AUTH_VIEW foo", ['512 Invalid v3 address "foo"']),
        ("ONION_CLIENT_AUTH_REMOVE", ["512 Incomplete ONION_CLIENT_AUTH_REMOVE command"]),
        ("ONION_CLIENT_AUTH_REMOVE foo", ['512 Invalid v3 address "foo"']),
    ],
    "fetching": [
        (f"HSFETCH {OTHER}", OK),
        ("HSFETCH foo", ['513 Invalid argument "foo"']),
    ],
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


async def test_goesWithItsConnection(tor: Any) -> None:
    """
    An onion goes with the connection that made it, unless it is detached; then any other may delete
    it, and only then.
    """
    async with tor.control() as one, tor.control() as other:
        tor.compare(ADD, await one.ask(f"{ADD} Port=80"), SERVED)
        tor.compare(
            "other's", await other.ask("GETINFO onions/current"), ["250-onions/current=", "250 OK"]
        )
        tor.compare(DEL, await other.ask(DEL), ["552 Unknown Onion Service id"])
    async with tor.control() as one:
        tor.compare(ADD, await askUntilFree(one, f"{ADD} Flags=Detach Port=80"), SERVED)
    async with tor.control() as other:
        tor.compare(
            "detached",
            await other.ask("GETINFO onions/detached"),
            [f"250-onions/detached={LABEL}", "250 OK"],
        )
        tor.compare(DEL, await other.ask(DEL), OK)
        tor.compare(
            "detached",
            await other.ask("GETINFO onions/detached"),
            ["250-onions/detached=", "250 OK"],
        )


async def askUntilFree(wire: ControlWire, command: str) -> list[str]:
    """
    Ask again while a tor has not yet noticed that the connection of the last onion is closed.
    """
    while True:
        answer = await wire.ask(command)
        if answer != ["550 Onion address collision"]:
            return answer


async def test_forgottenAnswer(tor: Any) -> None:
    """
    To version 2's way to name clients, tor gives no answer at all; it answers the next command.
    """
    async with tor.control() as wire:
        wire.send("ADD_ONION NEW:BEST Flags=DiscardPK ClientAuth=bob Port=80")
        tor.compare("next", await wire.ask("GETINFO dormant"), ["250-dormant=0", "250 OK"])
