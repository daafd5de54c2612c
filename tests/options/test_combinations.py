# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What does not go together is refused alike in an endpoint string and in a record of a program's own.
"""

from __future__ import annotations

from typing import Any

import pytest

from onionp2p.address import OnionAddress
from onionp2p.options import (
    ONION_IDENTITY,
    Admission,
    DialOptions,
    ListenOptions,
    ProofOfWork,
    TorOptions,
    Wait,
    parseDial,
    parseListen,
)
from onionp2p.options.combinations import optionsOf

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PEER = "12D3KooWGpHTmDPEHN8RfohuRi6Sh7YJEuCRd5QwMinR3qS9fgQ6"
ONION = OnionAddress(LABEL, 7777)
ATTACHED: dict[str, Any] = {"attach": ONION, "target": "/s"}
NO_WORK = Admission(proofOfWork=ProofOfWork.NO)
SYSTEM = TorOptions(control=9051)


@pytest.mark.parametrize(
    ("string", "record"),
    [
        ("wait=reachable watch=no", {"wait": Wait.REACHABLE, "watch": None}),
        (
            "addr=/onion3/X:7777 target=unix:/s wait=reachable",
            {**ATTACHED, "wait": Wait.REACHABLE},
        ),
        ("addr=/onion3/X:7777 target=unix:/s watch=60", {**ATTACHED, "watch": 60.0}),
        ("addr=/onion3/X:7777 target=unix:/s key=/k", {**ATTACHED, "key": "/k"}),
        ("addr=/onion3/X:7777 target=unix:/s pow=no", {**ATTACHED, "admission": NO_WORK}),
        (
            "addr=/onion3/X:7777 target=unix:/s tor=/t",
            {**ATTACHED, "tor": TorOptions(program="/t")},
        ),
        ("addr=/onion3/X:7777", {"attach": ONION}),
        ("target=unix:/s", {"target": "/s"}),
        ("control=9051 circuits=yes", {"tor": SYSTEM, "circuits": True}),
        ("control=9051 frontend=X.onion", {"tor": SYSTEM, "frontend": LABEL}),
        ("control=9051 defaultstorrc=/t", {"tor": TorOptions(control=9051, defaultsTorrc="/t")}),
        ("introrate=5", {"admission": Admission(introRate=5)}),
        ("circuits=yes introburst=5", {"circuits": True, "admission": Admission(introBurst=5)}),
        ("key=/k protocol=/x identity=/k", {"key": "/k", "protocol": "/x", "identity": "/k"}),
        ("protocol=/x identity=onion", {"protocol": "/x", "identity": ONION_IDENTITY}),
        ("identity=/i", {"identity": "/i"}),
    ],
)
def test_listening(string: str, record: dict[str, Any]) -> None:
    """
    A listener's options give the same sentence, which names one of them, both ways.
    """
    words = dict(word.split("=", 1) for word in string.replace("X", LABEL).split())
    if "addr" not in words:
        words["port"] = "7777"
    with pytest.raises(ValueError, match="onionp2p:listen: ") as ofString:
        parseListen(["listen"], words)
    with pytest.raises(ValueError, match="onionp2p:listen: ") as ofRecord:
        ListenOptions(7777, **record)
    assert str(ofRecord.value) == str(ofString.value)


@pytest.mark.parametrize(
    ("string", "record"),
    [
        ("pow=no powrate=1", {"proofOfWork": ProofOfWork.NO, "powRate": 1}),
        ("powburst=10", {"powBurst": 10}),
        ("powrate=2501", {"powRate": 2501}),
        (
            "circuits=yes introrate=5 introburst=4",
            {"introRate": 5, "introBurst": 4},
        ),
    ],
)
def test_admission(string: str, record: dict[str, Any]) -> None:
    """
    So do those of who may come in.
    """
    words = dict(word.split("=", 1) for word in string.split())
    with pytest.raises(ValueError, match="onionp2p:listen: ") as ofString:
        parseListen(["listen"], {"port": "7777", **words})
    with pytest.raises(ValueError, match="onionp2p:listen: ") as ofRecord:
        Admission(**record)
    assert str(ofRecord.value) == str(ofString.value)


@pytest.mark.parametrize(
    ("string", "record"),
    [
        ("", {"address": OnionAddress(LABEL, 7777, PEER)}),
        ("socks=9050 state=/s", {"socks": 9050, "tor": TorOptions(state="/s")}),
        ("socks=9050 auth=/a", {"socks": 9050, "auth": "/a"}),
        ("control=9051 state=/s", {"tor": TorOptions(control=9051, state="/s")}),
        ("protocol=/x identity=onion", {"protocol": "/x", "identity": ONION_IDENTITY}),
        ("identity=/i", {"identity": "/i"}),
    ],
)
def test_dialing(string: str, record: dict[str, Any]) -> None:
    """
    So do those of a dial.
    """
    words = dict(word.split("=", 1) for word in string.split())
    address = record.pop("address", ONION)
    with pytest.raises(ValueError, match="onionp2p:dial: ") as ofString:
        parseDial(["dial"], {"addr": str(address), **words})
    with pytest.raises(ValueError, match="onionp2p:dial: ") as ofRecord:
        DialOptions(address, **record)
    assert str(ofRecord.value) == str(ofString.value)


def test_uselessDefault() -> None:
    """
    In a string an option is refused also where what it says is the default; a record can't tell.
    """
    words = {"addr": str(ONION), "target": "unix:/s", "circuits": "no"}
    with pytest.raises(ValueError, match="circuits= has no use with addr="):
        parseListen(["listen"], words)
    assert ListenOptions(7777, **ATTACHED, circuits=False).circuits is False


def test_fields() -> None:
    """
    What a record has otherwise than by default is known by the names of the options.
    """
    common = {"key": "k", "maxconnections": "8", "wait": "address", "watch": "9", "timeout": "1"}
    work = {"pow": "yes", "powrate": "5", "powburst": "6", "maxstreams": "7", "clients": "c"}
    introductions = {"introrate": "3", "introburst": "4"}
    folder = {"circuits": "yes", "frontend": f"{LABEL}.onion"}
    tor = {"torrc": "t", "defaultstorrc": "d", "state": "s", "tor": "tor"}
    libp2p = {"protocol": "/x", "identity": "i"}
    for words in (
        {**common, **work, **introductions, **folder, **tor, **libp2p, "port": "1"},
        {"addr": str(ONION), "target": "unix:/s"},
        {"port": "1", "control": "9051"},
    ):
        assert optionsOf(parseListen(["listen"], words)) == {*words, "port"}
    words = {"auth": "a", "isolate": "x", "timeout": "1", **libp2p, **tor}
    assert optionsOf(parseDial(["dial"], {"addr": str(ONION), **words})) == {*words, "addr"}
    assert "socks" in optionsOf(DialOptions(ONION, socks=9050))
