# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services that a tor keeps in folders: the same checks for the fake and for the real one.
"""

from __future__ import annotations

import os
import shutil
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from onionp2p.keys import Identity
from onionp2p.testing.wire import CLOSED, ControlWire

OURS = Identity(b"contract suite, in a folder, no ")
OK = ["250 OK"]
REFUSED = [
    "513 Unacceptable option value: Failed to configure rendezvous options. See logs for details."
]
SECRET, PUBLIC = (f"== ed25519v1-{half}: type0 ==\0\0\0".encode() for half in ("secret", "public"))


@asynccontextmanager
async def clean(tor: Any) -> AsyncIterator[tuple[ControlWire, str]]:
    """
    Give a control connection, and the name of a folder that is not there; no service stays.
    """
    folder = f"{tor.folder}/service"
    async with tor.control() as wire:
        try:
            yield wire, folder
        finally:
            assert await wire.ask("RESETCONF HiddenServiceDir") == OK
            shutil.rmtree(folder, ignore_errors=True)


async def test_newFolder(tor: Any) -> None:
    """
    It makes the folder, the key and all that goes with it.
    """
    async with clean(tor) as (wire, folder):
        given = f'SETCONF HiddenServiceDir="{folder}" HiddenServicePort="7 unix:/run/x"'
        assert await wire.ask(given) == OK
        names = ["authorized_clients", "hostname", "hs_ed25519_public_key", "hs_ed25519_secret_key"]
        assert sorted(os.listdir(folder)) == names
        modes = [os.stat(f"{folder}/{name}").st_mode & 0o777 for name in ["", *names]]
        assert modes == [0o700, 0o700, 0o600, 0o600, 0o600]
        with open(f"{folder}/hs_ed25519_secret_key", "rb") as file:
            assert (file.read(32), len(file.read())) == (SECRET, 64)
        with open(f"{folder}/hostname") as file:
            label = file.read().removesuffix(".onion\n")
        asked = "GETINFO onions/current onions/detached"
        assert await wire.ask(asked) == ["250-onions/current=", "250-onions/detached=", "250 OK"]
        assert await wire.ask(f"DEL_ONION {label}") == ["552 Unknown Onion Service id"]


async def test_oldKey(tor: Any) -> None:
    """
    It keeps a key that is there, and serves its address, which nobody else can have then.
    """
    async with clean(tor) as (wire, folder):
        os.mkdir(folder, 0o700)
        with open(f"{folder}/hs_ed25519_secret_key", "wb") as file:
            file.write(SECRET + b64decode(OURS.expanded()))
        given = f'SETCONF HiddenServiceDir="{folder}" HiddenServicePort="7 unix:/run/x"'
        assert await wire.ask(given) == OK
        with open(f"{folder}/hostname") as file:
            assert file.read() == f"{OURS.label}.onion\n"
        add = f"ADD_ONION ED25519-V3:{OURS.expanded()} Port=80"
        assert await wire.ask(add) == ["550 Onion address collision"]
        assert await wire.ask("SETCONF HiddenServiceDir") == OK
        assert (await wire.ask(add))[-1] == "250 OK"


TAKEN = [
    'HiddenServicePort="80"',
    'HiddenServicePort="80 81"',
    'HiddenServicePort="80 127.0.0.1:81"',
    'HiddenServicePort="80 8.8.8.8:53"',
    'HiddenServicePort="80 unix:relative"',
    'HiddenServicePort="80 unix:"',
    r'HiddenServicePort="80 unix:\"/tmp/a b\""',
    'HiddenServicePort="80" HiddenServicePort="81 unix:/run/x"',
    'HiddenServicePort="80" HiddenServiceVersion=3',
    'HiddenServicePort="80" HiddenServiceExportCircuitID=haproxy',
    'HiddenServicePort="80" HiddenServiceMaxStreams=65535 HiddenServiceMaxStreamsCloseCircuit=1',
    (
        'HiddenServicePort="80" HiddenServicePoWDefensesEnabled=1 HiddenServicePoWQueueRate=5'
        " HiddenServicePoWQueueBurst=6"
    ),
    (
        'HiddenServicePort="80" HiddenServiceNumIntroductionPoints=5'
        " HiddenServiceEnableIntroDoSDefense=1 HiddenServiceEnableIntroDoSRatePerSec=10"
        " HiddenServiceEnableIntroDoSBurstPerSec=20"
    ),
    'HiddenServicePort="80" HiddenServiceAllowUnknownPorts=1 HiddenServiceDirGroupReadable=1',
]
NOT_TAKEN = [
    "",
    'HiddenServicePort=""',
    'HiddenServicePort="0"',
    'HiddenServicePort="65536"',
    'HiddenServicePort="80 foo bar"',
    'HiddenServicePort="80" HiddenServiceVersion=2',
    'HiddenServicePort="80" HiddenServiceExportCircuitID=foo',
    'HiddenServicePort="80" HiddenServiceMaxStreams=65536',
    'HiddenServicePort="80" HiddenServiceMaxStreams=x',
    'HiddenServicePort="80" HiddenServiceMaxStreamsCloseCircuit=2',
    'HiddenServicePort="80" HiddenServicePoWDefensesEnabled=2',
    'HiddenServicePort="80" HiddenServiceNumIntroductionPoints=21',
    'HiddenServicePort="80" HiddenServiceOnionBalanceInstance=1',
    'HiddenServicePort="80" HiddenServiceDir="{0}" HiddenServicePort="80"',
]


@pytest.mark.parametrize("options", TAKEN)
async def test_taken(tor: Any, options: str) -> None:
    """
    It takes these options, and shows them, in their order, as they were given.
    """
    async with clean(tor) as (wire, folder):
        assert await wire.ask(f'SETCONF HiddenServiceDir="{folder}" {options}') == OK
        shown = await wire.ask("GETCONF HiddenServiceOptions")
        given = [f"HiddenServiceDir={folder}"]
        for option in options.split(" HiddenService"):
            name, _, value = option.removeprefix("HiddenService").partition("=")
            plain = value.removeprefix('"').removesuffix('"').replace("\\", "")
            given.append(f"HiddenService{name}={plain}")
        assert [line[4:] for line in shown] == given


@pytest.mark.parametrize("options", NOT_TAKEN)
async def test_notTaken(tor: Any, options: str) -> None:
    """
    It refuses these, and stays as it was.
    """
    async with clean(tor) as (wire, folder):
        given = f'SETCONF HiddenServiceDir="{folder}" {options.format(folder)}'
        assert await wire.ask(given) == REFUSED
        assert await wire.ask("GETCONF HiddenServiceOptions") == ["250 HiddenServiceOptions"]
        assert not os.path.exists(folder)


async def test_order(tor: Any) -> None:
    """
    Options come after their folder.
    """
    async with clean(tor) as (wire, folder):
        for options in (
            'HiddenServicePort="80"',
            'HiddenServiceDir="" HiddenServicePort="80"',
            f'HiddenServiceMaxStreams=3 HiddenServiceDir="{folder}" HiddenServicePort="80"',
        ):
            assert await wire.ask(f"SETCONF {options}") == REFUSED


async def test_frontend(tor: Any) -> None:
    """
    An instance of Onionbalance needs the address of its frontend in a file.
    """
    async with clean(tor) as (wire, folder):
        os.mkdir(folder, 0o700)
        given = (
            f'SETCONF HiddenServiceDir="{folder}" HiddenServicePort="80"'
            " HiddenServiceOnionBalanceInstance=1"
        )
        for text, answer in [
            (f"MasterOnionAddress {OURS.label}\n", REFUSED),
            (f"MasterOnionAddress {OURS.label}.onion\n", OK),
        ]:
            with open(f"{folder}/ob_config", "w") as file:
                file.write(text)
            assert await wire.ask(given) == answer, text


async def test_eachOption(tor: Any) -> None:
    """
    Of one option it shows the values in all services, and of some more than was asked for.
    """
    async with clean(tor) as (wire, folder):
        given = (
            f'SETCONF HiddenServiceDir="{folder}" HiddenServicePort="7 unix:/x"'
            ' HiddenServicePort="8" HiddenServiceMaxStreams=3 HiddenServiceMaxStreamsCloseCircuit=1'
        )
        assert await wire.ask(given) == OK
        for asked, shown in [
            ("HiddenServiceDir", [f"250 HiddenServiceDir={folder}"]),
            ("hiddenserviceport", ["250-HiddenServicePort=7 unix:/x", "250 HiddenServicePort=8"]),
            (
                "HiddenServiceMaxStreams",
                ["250-HiddenServiceMaxStreams=3", "250 HiddenServiceMaxStreamsCloseCircuit=1"],
            ),
            ("HiddenServiceVersion", ["250 HiddenServiceVersion"]),
        ]:
            assert await wire.ask(f"GETCONF {asked}") == shown


@pytest.mark.parametrize("broken", ["secret", "public", "parent", "file", "frontend"])
async def test_dies(mortal: Any, broken: str) -> None:
    """
    Of a key that is none, of a public key that is another's, of a folder that it can't make, and
    (in a testing network) of one that is none, it dies instead of answering; and so it does of a
    list of frontends that names none.
    """
    folder = f"{mortal.folder}/service"
    if broken == "parent":
        folder += "/below"
    elif broken == "file":
        folder = f"{mortal.folder}/control"
    elif broken == "frontend":
        os.mkdir(folder, 0o700)
        with open(f"{folder}/ob_config", "w") as file:
            file.write("nonsense\n")
    else:
        os.mkdir(folder, 0o700)
        key = b"x" * 96 if broken == "secret" else SECRET + b64decode(OURS.expanded())
        with open(f"{folder}/hs_ed25519_secret_key", "wb") as keyFile:
            keyFile.write(key)
        with open(f"{folder}/hs_ed25519_public_key", "wb") as keyFile:
            keyFile.write(PUBLIC + bytes(32))
    async with mortal.control() as wire:
        given = f'SETCONF HiddenServiceDir="{folder}" HiddenServicePort="80"'
        instance = int(broken == "frontend")
        given += f" HiddenServiceOnionBalanceInstance={instance}"
        assert await wire.ask(given) == [CLOSED]
