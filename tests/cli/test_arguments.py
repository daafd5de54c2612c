# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What commands say of arguments that are wrong, of each kind at each place.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from click.testing import CliRunner
from twisted.internet.testing import MemoryReactor

from onionp2p.cli import main
from onionp2p.operating.verdict import Level

UNKNOWN = Level.UNKNOWN.value
LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
LONG = "a" * 200

STRINGS = ["", ":", "=", "bogus:1", "tcp", "tcp:h:99999", "tcp:h:x", "unix:", f"unix:{LONG}"]
STRINGS += ["unix:a\\", "tls:h:443:trustRoots=/nonexistent/r", "autobahn:x", "stdio:"]
STRINGS += ["onionp2p:listen:port=1", "onionp2p:dial", "onionp2p:dial:addr=x.onion:1"]
NUMBERS = ["x", "0", "-1", "99999", "", "1e3", "nan", "inf", "1" * 400]
PLACES = ["", "x", "tcp:", "tcp:127.0.0.1", "tcp:h:1", "tcp:127.0.0.1:99999", "tcp:8.8.8.8:1"]
PLACES += ["unix:", f"unix:{LONG}", "unix:a\0b", "tcp:127.0.0.1:x", "/run/s"]
PATHS = ["", "/nonexistent/x", "/nonexistent/x/y", ".", "/", __file__, f"{__file__}/x", LONG * 2]
ADDRESSES = ["", "x", f"{LABEL}.onion", *(f"{LABEL}.onion:{port}" for port in ["0", "x", "99999"])]
ADDRESSES += ["x.onion:1", f"/onion3/{LABEL}", f"/onion3/{LABEL}:1/p2p/x"]
ONION = f"{LABEL}.onion:1"

COMMANDS: list[tuple[list[str], list[str]]] = [
    (["ping"], [*STRINGS, *ADDRESSES]),
    (["ping", "--libp2p"], [*STRINGS, *ADDRESSES]),
    (["ping", ONION, "-c"], ["x", "0", "-1", "", "1e3", "nan", "inf"]),
    (["ping", ONION, "-i"], ["x", "-1", "", "nan", "inf"]),
    (["ping", ONION, "--timeout"], ["x", "-1", "0", "", "nan", "inf"]),
    (["ping", "--invitation"], PATHS),
    (["publish", "--port=1"], PLACES),
    (["publish", "unix:/s", "--port"], NUMBERS),
    (["publish", "unix:/s", "--port=1", "--timeout"], NUMBERS),
    (["publish", "unix:/s", "--port=1", "--control"], ["", "0", "99999", "tcp:1", LONG]),
    (["publish", "unix:/s", "--port=1", "--state"], [""]),
    (["publish", "unix:/s", "--port=1", "--key"], [""]),
    (["reach", "--at=unix:/s"], ADDRESSES),
    (["reach", ONION, "--at"], PLACES),
    (["reach", "--at=unix:/s", "--invitation"], PATHS),
    (["reach", ONION, "--at=unix:/s", "--socks"], ["", "0", "99999", "tcp:1", LONG]),
    (["reach", ONION, "--at=unix:/s", "--connections"], ["x", "0", "-1", "", "1e3"]),
    (["reach", ONION, "--at=unix:/s", "--warm"], ["x", "-1", "", "nan", "inf"]),
    (["doctor", "--control"], ["", "0", "99999", "tcp:1", LONG]),
    (["doctor", "--timeout"], ["x", "-1", "0", "", "nan", "inf"]),
    (["client", "new"], PATHS),
    (["client", "list"], PATHS),
    (["client", "invite", "friends", "alice", "--port=1", "--key"], PATHS),
    (["client", "invite", "friends", "alice", f"--address={ONION}", "--output"], PATHS),
    (["client", "invite", "friends", "alice", "--address"], ADDRESSES),
    (["client", "invite", "friends", "alice", "--key=k", "--port"], NUMBERS),
    (["client", "invite", "friends", "alice", "--public"], ["", "x", "A" * 52]),
    (["key", "new"], PATHS),
    (["key", "show"], PATHS),
    (["key", "encrypt"], PATHS),
    (["key", "decrypt"], PATHS),
    (["key", "export", "--blob=-"], PATHS),
    (["key", "import", "new.key", "--blob"], PATHS),
    (["key", "import", "new.key", "--folder"], PATHS),
    (["key", "show", "k", "--passphrase-fd"], ["x", "-1", "99999", "", "1" * 400]),
    (["status"], PATHS),
    (["demo", "-c"], NUMBERS),
    (["testnet", "up", "--relays"], ["x", "-1", "99999", "", "1e3"]),
    (["testnet", "up", "--folder"], ["/nonexistent/x", __file__]),
    (["testnet", "run", "--"], ["", "/nonexistent/x", "."]),
    (["completion"], ["", "x"]),
]


def readAddress(main: Callable[[object], Coroutine[object, object, int]]) -> None:
    """
    Begin to ping, in as far as that reads whom.
    """
    pinging = main(MemoryReactor())
    try:
        pinging.send(None)
    finally:
        pinging.close()


def begin(main: object) -> None:
    """
    Be called by a command that takes what it was given.
    """
    pytest.fail("it was begun")


@pytest.mark.parametrize(
    ("command", "values"), COMMANDS, ids=[" ".join(command) for command, _ in COMMANDS]
)
def test_commands(
    command: list[str], values: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A bad one ends in a sentence and a status, not in a traceback or in what is called a bug.
    """
    monkeypatch.chdir(tmp_path)
    if command[-1].endswith("crypt"):
        monkeypatch.setenv("ONIONP2P_KEY_PASSPHRASE", "secret")
    for name in ("demo", "doctor", "publish", "reach", "testnet"):
        monkeypatch.setattr(f"onionp2p.cli.{name}.run", begin)
    monkeypatch.setattr("onionp2p.cli.ping.run", readAddress)
    for value in values:
        result = CliRunner().invoke(main, [*command, value])
        assert result.exit_code in {1, 2, 3, 126, 127}, value
        assert isinstance(result.exception, SystemExit), value
        assert "bug" not in result.stderr
        assert "Traceback" not in result.output
        if result.exit_code != UNKNOWN:
            said = result.stderr.partition("Error: ")[2].rstrip()
            assert said, value
            assert "\n" not in said


@pytest.mark.parametrize("address", ADDRESSES[1:], ids=ascii)
def test_bareAddress(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of an onion's address alone nothing is said as if it stood in an endpoint string.
    """
    monkeypatch.setattr("onionp2p.cli.ping.run", readAddress)
    result = CliRunner().invoke(main, ["ping", address])
    assert "Invalid value for ADDRESS: " in result.stderr
    assert "addr= is" not in result.stderr
