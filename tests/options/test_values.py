# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What an option does not take is refused alike in an endpoint string and in a record of a program's
own, when that is made.
"""

from __future__ import annotations

import math
import os
import pathlib
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.address import OnionAddress
from onionp2p.clients.x25519 import ClientKey
from onionp2p.options import (
    Admission,
    DialOptions,
    ListenOptions,
    ProofOfWork,
    TorOptions,
    Wait,
    parseDial,
    parseListen,
)
from onionp2p.options.table import OPTIONS, optionOf

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PEER = "12D3KooWGpHTmDPEHN8RfohuRi6Sh7YJEuCRd5QwMinR3qS9fgQ6"
ONION = OnionAddress(LABEL, 7777)
SECRET = "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPJQWEY3EMVTA"

MODES: dict[str, tuple[type[Any], dict[str, Any], dict[str, str]]] = {
    "listen": (ListenOptions, {"port": 1}, {"port": "1"}),
    "dial": (DialOptions, {"address": ONION}, {"addr": str(ONION)}),
}
"""Of each mode: its record, and what that needs; in a string too."""

NEEDED: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "target": ({"tor": TorOptions(control=1)}, {"control": "1"}),
    "attach": ({"target": "/s"}, {}),
    "identity": ({"protocol": "/x"}, {"protocol": "/x"}),
    "introBurst": ({}, {"circuits": "yes", "introrate": "1"}),
    "introRate": ({}, {"circuits": "yes"}),
    "powRate": ({"powBurst": 999_999_999}, {"powburst": "999999999"}),
    "powBurst": ({"powRate": 1}, {"powrate": "1"}),
}
"""What must stand beside an option, by its field."""

FIELDS = [
    (mode, record, field)
    for mode, records in {
        "listen": (ListenOptions, Admission, TorOptions),
        "dial": (DialOptions, TorOptions),
    }.items()
    for record in records
    for field in fields(record)
    if field.default_factory is MISSING
]
each = pytest.mark.parametrize(
    ("mode", "record", "field"), FIELDS, ids=[f"{mode}-{field.name}" for mode, _, field in FIELDS]
)


def make(mode: str, record: type[Any], name: str, value: object) -> Any:
    """
    Make a record with a value in one field; give the value that it then has.
    """
    others = MODES[mode][1] if record is MODES[mode][0] else {}
    return getattr(record(**{**others, **NEEDED.get(name, ({}, {}))[0], name: value}), name)


def parse(mode: str, option: str, name: str, text: str) -> None:
    """
    Parse a string with one option.
    """
    parser: Callable[..., Any] = {"listen": parseListen, "dial": parseDial}[mode]
    parser([mode], {**MODES[mode][2], **NEEDED.get(name, ({}, {}))[1], option: text})


def complaint(do: Callable[..., Any], *arguments: Any) -> str:
    """
    Give what is said of a value, without the mode; nothing if it is taken.
    """
    text = f"onionp2p:{arguments[0]}: "
    try:
        do(*arguments)
    except ValueError as error:
        text = str(error) if type(error) is ValueError else repr(error)
    mode, _, said = text.partition(": ")
    assert mode in {"onionp2p", f"onionp2p:{arguments[0]}"}
    assert said.isprintable()
    assert len(said) < 300
    return said


@each
def test_wrongTypes(mode: str, record: type[Any], field: Any) -> None:
    """
    A value of a wrong type is refused when the record is made: by one printable line that names the
    option and the type, and repeats no text.
    """
    option = optionOf(field)
    values: list[object] = [object(), b"/x", [], {}, 1j, pathlib.Path("/x"), str, "", "\n", "\0"]
    values += [10**5000, -(10**5000), -1, math.nan, math.inf, -math.inf, SECRET + "\n", Wait]
    values += [] if field.name == "circuits" else [True, False]
    values += [] if option in {"timeout", "watch"} else [1.5]
    values += [] if field.default is None or option == "watch" else [None]
    values += [] if field.name == "wait" else [Wait.ADDRESS]
    values += [] if field.name == "proofOfWork" else [ProofOfWork.NO]
    values += [] if option == "addr" else [ONION]
    values += [] if option == "auth" else [ClientKey.fromBase32(SECRET), SECRET.encode()]
    for value in values:
        said = complaint(make, mode, record, field.name, value)
        assert said.startswith(f"{option}= "), value
        assert f"({field.type}), not " in said
        assert SECRET not in said


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (lambda: ListenOptions(1, tor="/tor"), "listen: tor= takes a record (TorOptions), not "),  # type: ignore[arg-type]
        (lambda: ListenOptions(1, tor=None), "listen: tor= takes a record (TorOptions), not None"),  # type: ignore[arg-type]
        (lambda: DialOptions(ONION, tor=Admission()), "TorOptions), not this Admission"),  # type: ignore[arg-type]
        (lambda: ListenOptions(1, admission={}), "admission= takes a record (Admission), not "),  # type: ignore[arg-type]
        (lambda: DialOptions(str(ONION)), "dial: addr= takes the address of an onion (OnionAdd"),  # type: ignore[arg-type]
        (lambda: ListenOptions(0), "listen: port= is no port: a port is a number from 1 to 65535"),
        (lambda: ListenOptions(1, wait="published"), "wait= takes address or published or reacha"),  # type: ignore[arg-type]
        (lambda: DialOptions(ONION, timeout=math.nan), "(float), not nan"),
        (lambda: TorOptions(control=70000), "control= is no port: a port is a number from 1 to"),
        (lambda: TorOptions(control=70000), "not 70000"),
        (lambda: ListenOptions(1, key=pathlib.Path("/k")), "not this PosixPath"),  # type: ignore[arg-type]
        (lambda: ListenOptions(1, frontend=f"{LABEL}.onion"), "frontend= is no address: the 56 "),
        (lambda: ListenOptions(1, frontend=LABEL.upper()), "in lower case"),
        (lambda: ListenOptions(1, peerID="12D3"), "peerID= takes a libp2p peer id"),
    ],
)
def test_words(record: Callable[[], object], said: str) -> None:
    """
    What is said names the option, what it takes, and what came.
    """
    with pytest.raises(ValueError, match="onionp2p") as caught:
        record()
    assert said in str(caught.value)


RANGES = {
    "port": (1, 65535),
    "control": (1, 65535),
    "socks": (1, 65535),
    "powrate": (0, 999_999_999),
    "powburst": (1, 999_999_999),  # less than powrate=1 it can't be, though 0 is read
    "maxstreams": (0, 65535),
    "maxconnections": (0, 999_999_999),
    "introrate": (1, 200),  # above, introburst= must be given
    "introburst": (1, 2**31 - 1),
    "timeout": (1, 86400),
    "watch": (1, 86400),
}


@each
def test_ranges(mode: str, record: type[Any], field: Any) -> None:
    """
    The smallest and the largest number are taken; those beyond are refused by the string, and by
    the record in the same words.
    """
    option = optionOf(field)
    if option not in RANGES:
        assert not isinstance(field.default, int | float) or field.name == "circuits"
        return
    least, most = RANGES[option]
    for number in (least, most):
        assert make(mode, record, field.name, number) == number
        parse(mode, option, field.name, str(number))
    beyond = [0] if least == 1 and option != "powburst" else []
    beyond += [] if option == "introrate" else [most + 1]
    for number in beyond:
        ofString = complaint(parse, mode, option, field.name, str(number))
        ofRecord = complaint(make, mode, record, field.name, number)
        assert ofString.startswith(f"{option}= ")
        assert ofRecord == f"{ofString} ({field.type}), not {number}"


def test_introRates() -> None:
    """
    How many callers introduction points pass on has tor's own largest number.
    """
    most = 2**31 - 1
    assert Admission(introRate=most, introBurst=most).introRate == most
    words = {"port": "1", "circuits": "yes", "introrate": str(most)}
    assert parseListen(["listen"], words).admission.introBurst == most
    for rate in (0, most + 1):
        with pytest.raises(ValueError, match=f"introrate= takes a number, 1 to {most}"):
            Admission(introRate=rate, introBurst=most)


@given(st.floats() | st.integers())
def test_seconds(value: float) -> None:
    """
    A time is a number of seconds that comes to an end, within a day.
    """
    for mode, record, name in (
        ("listen", ListenOptions, "timeout"),
        ("listen", ListenOptions, "watch"),
        ("dial", DialOptions, "timeout"),
    ):
        said = complaint(make, mode, record, name, value)
        assert (said == "") == (0 < value <= 86400)


@each
@given(data=st.data())
def test_texts(mode: str, record: type[Any], field: Any, data: st.DataObject) -> None:
    """
    Of any text, the string and the record say the same.
    """
    option = optionOf(field)
    if option not in set("auth clients defaultstorrc isolate key protocol state tor torrc".split()):
        return
    text = data.draw(st.text(max_size=80) | st.from_regex("[a-z0-9./:~ -]{1,70}", fullmatch=True))
    ofString = complaint(parse, mode, option, field.name, text)
    ofRecord = complaint(make, mode, record, field.name, text)
    assert ofRecord == (f"{ofString} ({field.type}), not this str" if ofString else "")


@pytest.mark.parametrize("mode", ["listen", "dial"])
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("9051", None),  # of which a string makes a port
        ("tcp:127.0.0.1:9051", "tcp:127.0.0.1:9051"),
        ("unix:/s", "unix:/s"),
        ("/" + "x" * 107, "/" + "x" * 107),
        ("", ""),
        (65536, "65536"),
        (0, "0"),
    ],
)
def test_sockets(mode: str, value: object, text: str | None) -> None:
    """
    What would not be understood as a socket is none in a record either.
    """
    ofRecord = complaint(make, mode, TorOptions, "control", value)
    assert ofRecord.startswith("control= ")
    if text is not None:
        assert ofRecord.startswith(complaint(parse, mode, "control", "control", text) + " (")


def test_taken() -> None:
    """
    A record takes values that no string can write: paths from the present folder, a client's key, a
    UNIX path as it is, whole seconds; it keeps them as they are.
    """
    key = ClientKey.generate()
    dial = DialOptions(ONION, auth=key, timeout=1)
    assert (dial.auth, dial.timeout) == (key, 1)
    listen = ListenOptions(1, key="k", watch=None, target="s", tor=TorOptions(control="c"))
    assert (listen.key, listen.watch, listen.target, listen.tor.control) == ("k", None, "s", "c")
    assert replace(listen, peerID=PEER).peerID == PEER


def test_everyOptionIsOfARecord() -> None:
    """
    There is a field for each option that there is.
    """
    assert {optionOf(field) for _, _, field in FIELDS} == set(OPTIONS)


def test_unprintableFolder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A path that can't be told to tor because of the present folder is the option's fault too.
    """
    folder = tmp_path / "a\nb"
    os.mkdir(folder)
    monkeypatch.chdir(folder)
    with pytest.raises(ValueError, match="onionp2p:listen: state= takes the path"):
        parseListen(["listen"], {"port": "1", "state": "s"})
