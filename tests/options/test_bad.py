# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Bad values, for every option of both endpoint strings: one error that names the option, and nothing
else happens.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.endpoints import clientFromString, quoteStringArgument, serverFromString
from twisted.internet.testing import MemoryReactorClock

from onionp2p.options import parseDial, parseListen

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"

GOOD = {
    "listen": {
        "port": "7777",
        "key": "k",
        "addr": f"{LABEL}.onion:7777",
        "target": "tcp:127.0.0.1:8080",
        "clients": "c",
        "pow": "yes",
        "powrate": "5",
        "powburst": "6",
        "introrate": "7",
        "introburst": "8",
        "maxstreams": "9",
        "maxconnections": "10",
        "circuits": "yes",
        "frontend": f"{LABEL}.onion",
        "wait": "address",
        "watch": "60",
        "timeout": "1.5",
        "protocol": "/my/app/1.0",
        "identity": "i",
        "control": "9051",
        "torrc": "t",
        "defaultstorrc": "d",
        "state": "s",
        "tor": "tor",
    },
    "dial": {
        "addr": f"{LABEL}.onion:7777",
        "port": "7777",
        "auth": "a",
        "isolate": "someone",
        "socks": "9050",
        "timeout": "1.5",
        "protocol": "/my/app/1.0",
        "identity": "i",
        "control": "9051",
        "torrc": "t",
        "defaultstorrc": "d",
        "state": "s",
        "tor": "tor",
    },
}
"""A value of each option."""

NEEDED = {
    "listen": {
        "": {"port": "1"},
        "port": {},
        "addr": {"target": "unix:/s"},
        "target": {"port": "1", "control": "1"},
        "powburst": {"port": "1", "powrate": "5"},
        "introrate": {"port": "1", "circuits": "yes"},
        "introburst": {"port": "1", "circuits": "yes", "introrate": "1"},
        "identity": {"port": "1", "protocol": "/x"},
    },
    "dial": {
        "": {"addr": f"{LABEL}.onion:1"},
        "addr": {},
        "port": {"addr": f"{LABEL}.onion"},
        "identity": {"addr": f"{LABEL}.onion:1", "protocol": "/x"},
    },
}
"""The other options that an option needs; "" for those that have no line."""

PATHS = set("key identity clients auth torrc defaultstorrc state tor".split())
WORDS = {"isolate"}
MIXED = {"control", "socks"}

BAD = {
    "empty": "",
    "huge": "x" * 100_000,
    "huge number": "9" * 100_000,
    "NUL": "a\0b",
    "escape": "\x1b[2J",
    "delete": "\x7f",
    "C1": "a\x85b",
    "tab": "a\tb",
    "newline": "a\nb",
    "CR LF": "a\r\nSETCONF SocksPort=0",
    "line separator": "a\u2028b",
    "right to left": "\u202egnorw",
    "surrogate": "\udc80",
}
"""What no option takes."""

ILL_TYPED = {
    "word": "maybe",
    "negative": "-1",
    "signed": "+1",
    "hexadecimal": "0x10",
    "exponent": "1e3",
    "underscore": "1_0",
    "space": " 1",
    "not a number": "nan",
    "infinite": "inf",
    "Arabic digits": "\u0663",
    "superscript": "\u00b2",
    "full-width": "\uff11",
    "not ASCII": "\u00fc",
    "too large": "4294967296",
}
"""What could be the name of a file, and is nothing else that an option takes."""

BEHIND = ["\n", "\r\n", "\0", "\x1b", "\u2028"]
"""What spoils a good value behind which it stands."""


def known(mode: str) -> set[str]:
    """
    Give the options of a string, as its parser tells them.
    """
    parse = parseListen if mode == "listen" else parseDial
    with pytest.raises(ValueError, match="it takes") as caught:
        parse([mode], {"nonsense": "x"})
    return set(str(caught.value).partition("it takes ")[2].split(", "))


def badValues(name: str, good: str) -> dict[str, str]:
    """
    Give the values that an option must not take.
    """
    values = {**BAD, **{f"good and {end!a}": good + end for end in BEHIND}}
    if name not in PATHS | WORDS | MIXED:
        values.update(ILL_TYPED)
    return values


def parse(mode: str, options: dict[str, str], reactor: Any = None) -> object:
    """
    Parse an endpoint string, as any program of Twisted's does.
    """
    fromString: Callable[..., object] = {"listen": serverFromString, "dial": clientFromString}[mode]
    words = [f"{name}={quoteStringArgument(value)}" for name, value in options.items()]
    return fromString(reactor or MemoryReactorClock(), ":".join(["onionp2p", mode, *words]))


def needed(mode: str, name: str) -> dict[str, str]:
    """
    Give what must stand beside an option.
    """
    others = NEEDED[mode]
    return others.get(name, others[""])


@pytest.mark.parametrize("mode", GOOD)
def test_everyOptionIsHere(mode: str) -> None:
    """
    No option of the parsers is left out below; and each takes its good value.
    """
    assert set(GOOD[mode]) == known(mode)
    for name, good in GOOD[mode].items():
        parse(mode, {**needed(mode, name), name: good})


@pytest.mark.parametrize(
    ("mode", "name"), [(mode, name) for mode, options in GOOD.items() for name in options]
)
def test_badValues(mode: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    There is one ValueError, one printable line that names the option and does not repeat what is
    long; no file is made, nothing is connected or begun.
    """
    monkeypatch.chdir(tmp_path)
    reactor = MemoryReactorClock()
    for kind, value in badValues(name, GOOD[mode][name]).items():
        message = complaint(mode, {**needed(mode, name), name: value}, reactor)
        assert message.startswith(f"onionp2p:{mode}: {name}= "), kind
        assert message.isprintable(), kind
        assert len(message) < 300, kind
    assert os.listdir(tmp_path) == []
    assert not reactor.hasInstalled
    assert reactor.getDelayedCalls() == []
    for made in ("tcpServers", "tcpClients", "unixServers", "unixClients", "whenRunningHooks"):
        assert getattr(reactor, made) == []


def complaint(mode: str, options: dict[str, str], reactor: Any) -> str:
    """
    Give what is said of a string that is wrong; nothing if nothing is.
    """
    try:
        parse(mode, options, reactor)
    except ValueError as error:
        return str(error) if type(error) is ValueError else repr(error)
    return ""


@pytest.mark.parametrize("mode", GOOD)
@given(name=st.text(st.characters(max_codepoint=127), min_size=1), value=st.text())
def test_unknownOption(mode: str, name: str, value: str) -> None:
    """
    An option that there is not is named, and the others are listed: in one printable line.
    """
    if name in {*GOOD[mode], "protocol", "identity"} or re.search("[:=\\\\]", name):
        return
    with pytest.raises(ValueError, match="onionp2p") as caught:
        parse(mode, {**NEEDED[mode][""], name: value})
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("mode", GOOD)
@given(data=st.data())
def test_anything(mode: str, data: st.DataObject) -> None:
    """
    Whatever stands in a string, it is parsed or there is a ValueError of ours.
    """
    name = data.draw(st.sampled_from(sorted(GOOD[mode])))
    text = st.one_of(st.text(), st.from_regex(r"[a-z0-9./:~ -]*"), st.binary().map(os.fsdecode))
    try:
        parse(mode, {**needed(mode, name), name: data.draw(text)})
    except ValueError as error:
        if not str(error).startswith(f"onionp2p:{mode}: "):
            raise


@pytest.mark.parametrize("mode", GOOD)
@pytest.mark.parametrize("value", [None, True, [], {}, ("tuple",), b"\xff"], ids=repr)
def test_wrongType(mode: str, value: object) -> None:
    """
    So it is with values that no string can hold, given to the parsers by a program.
    """
    parseThem = parseListen if mode == "listen" else parseDial
    for name in GOOD[mode]:
        if name in PATHS | WORDS | MIXED:  # each is text then, and some file's name
            continue
        with pytest.raises(ValueError, match="onionp2p"):
            parseThem([mode], {**needed(mode, name), name: value})
