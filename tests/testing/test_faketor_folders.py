# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services that a fake tor keeps in folders.
"""

from __future__ import annotations

import os
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from onionp2p.testing import FakeTor
from onionp2p.testing.wire import CLOSED, ControlWire


def line(folder: Path, *options: str, port: str = "80 unix:/target") -> str:
    """
    Give the options of a service.
    """
    return " ".join([f'HiddenServiceDir="{folder}" HiddenServicePort="{port}"', *options])


def keep(room: Any, folder: Path, label: str = "") -> None:
    """
    Put the key of our onion into a folder.
    """
    folder.mkdir(mode=0o700)
    key = b"== ed25519v1-secret: type0 ==\0\0\0" + b64decode(room.us.expanded())
    (folder / "hs_ed25519_secret_key").write_bytes(key)


def serve(room: Any, folder: Path, *options: str) -> ControlWire:
    """
    Serve our onion from a folder, with a program behind it.
    """
    room.listen()
    keep(room, folder)
    wire: ControlWire = room.control(room.listener)
    assert room.ask(wire, f"SETCONF {line(folder, *options)}") == ["250 OK"]
    room.reactor.advance(0)
    return wire


class TestFiles:
    """
    What is in the folder.
    """

    def test_new(self, room: Any, tmp_path: Path) -> None:
        """
        A folder that is not there is made, with a key and the address, for nobody else's eyes; the
        next time, the same key is used.
        """
        folder = tmp_path / "service"
        wire = room.control(room.listener)
        assert room.ask(wire, f"SETCONF {line(folder)}") == ["250 OK"]
        names = ["authorized_clients", "hostname", "hs_ed25519_public_key", "hs_ed25519_secret_key"]
        assert sorted(os.listdir(folder)) == names
        modes = [(folder / name).stat().st_mode & 0o777 for name in ["", *names]]
        assert modes == [0o700, 0o700, 0o600, 0o600, 0o600]
        hostname = (folder / "hostname").read_text()
        (label,) = room.listener.onions.services
        assert hostname == f"{label}.onion\n"
        room.ask(wire, "SETCONF HiddenServiceDir")
        assert room.listener.onions.services == {}
        room.ask(wire, f"SETCONF {line(folder)}")
        assert list(room.listener.onions.services) == [label]

    def test_ours(self, room: Any, tmp_path: Path) -> None:
        """
        A key that is there is used, and the onion is published and reached; it is no controller's.
        """
        wire = serve(room, tmp_path / "service")
        assert (tmp_path / "service" / "hostname").read_text() == f"{room.us.label}.onion\n"
        assert room.us.label in room.network.descriptors
        assert room.code() == 0
        asked = "GETINFO onions/current onions/detached"
        assert room.ask(wire, asked) == ["250-onions/current=", "250-onions/detached=", "250 OK"]
        delete = f"DEL_ONION {room.us.label}"
        assert room.ask(wire, delete) == ["552 Unknown Onion Service id"]
        assert room.ask(wire, room.addOnion()) == ["550 Onion address collision"]

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("hs_ed25519_secret_key", b"x" * 96),
            ("hs_ed25519_public_key", b"== ed25519v1-public: type0 ==\0\0\0" + bytes(32)),
        ],
    )
    def test_broken(self, room: Any, tmp_path: Path, name: str, content: bytes) -> None:
        """
        Of files that are not as they should be, tor dies instead of answering.
        """
        folder = tmp_path / "service"
        keep(room, folder)
        (folder / name).write_bytes(content)
        wire = room.control(room.listener)
        assert room.ask(wire, f"SETCONF {line(folder)}") == [CLOSED]
        assert not room.listener.alive

    def test_noParent(self, room: Any, tmp_path: Path) -> None:
        """
        So it does where the folder can't be made.
        """
        wire = room.control(room.listener)
        assert room.ask(wire, f"SETCONF {line(tmp_path / 'no' / 'where')}") == [CLOSED]
        assert not room.listener.alive

    def test_clients(self, room: Any, tmp_path: Path) -> None:
        """
        Whose key is in C{authorized_clients} may come in; the files are read again at SIGHUP.
        """
        folder = tmp_path / "service"
        room.listener.configuration.setConf("__ReloadTorrcOnSIGHUP=0")
        wire = serve(room, folder)
        stream = room.join()
        (folder / "authorized_clients" / "bob.auth").write_text(f"descriptor:x25519:{'A' * 52}\n")
        room.ask(wire, "SIGNAL HUP")
        room.reactor.advance(0)
        assert (room.code(token=b"fresh"), room.isOpen(stream)) == (0, True)
        room.ask(room.control(room.dialer), "SIGNAL NEWNYM")  # forgets the descriptor
        assert room.code(token=b"fresh") == 0xF4


class TestRefused:
    """
    What it does not take; then everything is as it was.
    """

    @pytest.mark.parametrize(
        "options",
        [
            'HiddenServicePort="80"',
            'HiddenServiceDir="{}"',
            'HiddenServiceDir="" HiddenServicePort="80"',
            'HiddenServiceDir="{}" HiddenServicePort="0"',
            'HiddenServiceDir="{}" HiddenServicePort="80 foo bar"',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServiceExportCircuitID=foo',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServiceMaxStreams=65536',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServiceMaxStreams=x',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServiceVersion=2',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServicePoWDefensesEnabled=2',
            'HiddenServiceDir="{}" HiddenServicePort="80" HiddenServiceOnionBalanceInstance=1',
            (
                'HiddenServiceDir="{0}" HiddenServicePort="80"'
                ' HiddenServiceDir="{0}" HiddenServicePort="80"'
            ),
            'HiddenServiceMaxStreams=3 HiddenServiceDir="{}" HiddenServicePort="80"',
        ],
    )
    def test_options(self, room: Any, tmp_path: Path, options: str) -> None:
        """
        Options that are wrong, or in the wrong order.
        """
        wire = serve(room, tmp_path / "service")
        answer = room.ask(wire, "SETCONF " + options.format(tmp_path / "another"))
        why = "Failed to configure rendezvous options. See logs for details."
        assert answer == [f"513 Unacceptable option value: {why}"]
        assert room.ask(wire, "GETCONF HiddenServiceDir") == [
            f"250 HiddenServiceDir={tmp_path}/service"
        ]
        assert room.code() == 0

    def test_folder(self, room: Any, tmp_path: Path) -> None:
        """
        A folder that others may enter, and what is none.
        """
        (tmp_path / "open").mkdir(mode=0o755)
        (tmp_path / "file").write_bytes(b"")
        wire = room.control(room.listener)
        for name in ("open", "file"):
            assert room.ask(wire, f"SETCONF {line(tmp_path / name)}")[0].startswith("513 ")
        assert room.listener.onions.services == {}


class TestServing:
    """
    What can't be had by ADD_ONION, and what happens when the set of services changes.
    """

    def test_circuits(self, room: Any, tmp_path: Path) -> None:
        """
        The program is told, in front of each stream, of its circuit: the same for those that share
        one.
        """
        wire = serve(room, tmp_path / "service", "HiddenServiceExportCircuitID=haproxy")
        for token in (b"one", b"one", b"two", b"three"):
            room.join(token=token)
        room.reactor.advance(0)
        assert [protocol.received for protocol in room.program.protocols] == [
            b"PROXY TCP6 fc00:dead:beef:4dad::%x:%x ::1 %d 80\r\n" % (high, low, low)
            for high, low in [(0, 0xFFFE), (0, 0xFFFE), (0, 0xFFFF), (1, 0)]
        ]
        assert room.ask(wire, f"CLOSECIRCUIT {1 << 16}") == ["250 OK"]
        room.reactor.advance(0)
        assert [bool(each.lost) for each in room.program.protocols] == [False, False, False, True]

    def test_maxStreams(self, room: Any, tmp_path: Path) -> None:
        """
        C{HiddenServiceMaxStreams}, and its C{CloseCircuit}.
        """
        serve(
            room,
            tmp_path / "service",
            "HiddenServiceMaxStreams=1 HiddenServiceMaxStreamsCloseCircuit=1",
        )
        stream = room.join()
        assert room.code() == 0x05
        assert not room.isOpen(stream)

    def test_replaced(self, room: Any, tmp_path: Path) -> None:
        """
        Each SETCONF names all of them: those that it names again go on, with their streams; the
        streams of others end at once.  What ADD_ONION made stays.
        """
        wire = serve(room, tmp_path / "service")
        answer = room.ask(wire, "ADD_ONION NEW:BEST Flags=DiscardPK Port=80")
        other = answer[0].removeprefix("250-ServiceID=")
        stream = room.join()
        both = f"{line(tmp_path / 'service')} {line(tmp_path / 'second', port='81')}"
        assert room.ask(wire, f"SETCONF {both}") == ["250 OK"]
        assert room.isOpen(stream)
        assert len(room.listener.onions.services) == 3
        assert room.ask(wire, f"SETCONF {line(tmp_path / 'second')}") == ["250 OK"]
        assert not room.isOpen(stream)
        assert room.code(token=b"fresh") == 0xF2
        room.ask(wire, "SETCONF HiddenServiceDir")
        assert list(room.listener.onions.services) == [other]

    def test_shown(self, room: Any, tmp_path: Path) -> None:
        """
        GETCONF tells of them, and of each of their options.
        """
        folder = tmp_path / "service"
        wire = serve(
            room, folder, "HiddenServiceMaxStreams=3 HiddenServiceMaxStreamsCloseCircuit=1"
        )
        lines = [
            f"HiddenServiceDir={folder}",
            "HiddenServicePort=80 unix:/target",
            "HiddenServiceMaxStreams=3",
            "HiddenServiceMaxStreamsCloseCircuit=1",
        ]
        assert room.ask(wire, "GETCONF HiddenServiceOptions") == [
            *(f"250-{each}" for each in lines[:-1]),
            f"250 {lines[-1]}",
        ]
        assert room.ask(wire, "GETCONF HiddenServicePort") == [f"250 {lines[1]}"]
        assert room.ask(wire, "GETCONF HiddenServiceMaxStreams") == [
            f"250-{lines[2]}",
            f"250 {lines[3]}",
        ]
        assert room.ask(wire, "GETCONF HiddenServiceVersion") == ["250 HiddenServiceVersion"]

    def test_fromTheStart(self, room: Any, tmp_path: Path) -> None:
        """
        A tor that somebody runs may have some in its torrc; SIGHUP brings them back, and drops
        what commands have set.  ADD_ONION's stay.
        """
        folder = tmp_path / "service"
        keep(room, folder)
        room.listen()
        options = [f"HiddenServiceDir {folder}", "HiddenServicePort 80 unix:/target"]
        tor: FakeTor = room.network.startTor(
            os.fspath(tmp_path), {"ControlPort": "unix:/c", "HiddenServiceOptions": options}
        )
        room.reactor.advance(0)
        assert room.code() == 0
        wire = room.control(tor)
        room.ask(wire, "ADD_ONION NEW:BEST Flags=DiscardPK Port=80")
        room.ask(wire, "SETCONF HiddenServiceDir ContactInfo=me")
        assert len(tor.onions.services) == 1
        room.ask(wire, "SIGNAL HUP")
        assert len(tor.onions.services) == 2
        assert room.ask(wire, "GETCONF ContactInfo HiddenServiceDir") == [
            "250-ContactInfo",
            f"250 HiddenServiceDir={folder}",
        ]
        tor.die()

    def test_fromStandardInput(self, room: Any) -> None:
        """
        What came from standard input can't be read again: SIGHUP ends such a tor, unless it was
        told not to read its torrc.
        """
        wire = room.control(room.listener)
        room.ask(wire, "SETCONF __ReloadTorrcOnSIGHUP=0 ContactInfo=me")
        assert room.ask(wire, "SIGNAL HUP") == ["250 OK"]
        assert room.ask(wire, "GETCONF ContactInfo") == ["250 ContactInfo=me"]
        room.ask(wire, "SETCONF __ReloadTorrcOnSIGHUP=1")
        room.ask(wire, "SIGNAL HUP")
        room.reactor.advance(0)
        assert not room.listener.alive

    def test_changesTold(self, room: Any) -> None:
        """
        Other controllers hear of each change.
        """
        one, other = room.control(room.listener), room.control(room.listener)
        room.ask(other, "SETEVENTS CONF_CHANGED")
        room.ask(one, "SETCONF ContactInfo=me SocksTimeout=5")
        room.ask(one, "SETCONF ContactInfo")
        room.ask(one, "SETCONF")
        room.ask(other, "GETINFO version")
        assert other.events == [
            "650-CONF_CHANGED",
            "650-ContactInfo=me",
            "650-SocksTimeout=5",
            "650 OK",
            "650-CONF_CHANGED",
            "650-ContactInfo",
            "650 OK",
        ]
