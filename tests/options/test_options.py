# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Endpoint strings, from what Twisted's parser makes of them to records.
"""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import IPlugin
from zope.interface.verify import verifyObject

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
from onionp2p.parsers import OnionClientParser, OnionServerParser

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
PEER = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

ATTACH = {"addr": f"{LABEL}.onion", "target": "unix:/s"}


@pytest.mark.parametrize(
    ("args", "keywords"),
    [
        # addr=X.onion:7777, which Twisted splits
        (["dial", "7777"], {"addr": f"{LABEL}.onion"}),
        # addr=X.onion\:7777
        (["dial"], {"addr": f"{LABEL}.onion:7777"}),
        (["dial"], {"addr": f"{LABEL}.onion", "port": "7777"}),
        (["dial", "7777"], {"addr": f"/onion3/{LABEL}"}),
        (["dial"], {"addr": f"/onion3/{LABEL}:7777"}),
        (["dial"], {"addr": f"/onion3/{LABEL}", "port": "7777"}),
        ([b"dial", b"7777"], {"addr": f"{LABEL}.onion".encode()}),
    ],
)
def test_everySpellingOfADial(args: list[object], keywords: dict[str, object]) -> None:
    """
    All spellings of an address in a string mean the same, in text and in bytes.
    """
    assert str(parseDial(args, keywords).address) == f"/onion3/{LABEL}:7777"


@pytest.mark.parametrize("positional", ["7777/p2p/" + PEER, None])
def test_peerIDIsRefusedByARawDial(positional: str | None) -> None:
    """
    A raw dial can't prove a libp2p peer, and says so rather than promise it.
    """
    if positional:
        args, address = ["dial", positional], f"/onion3/{LABEL}"
    else:
        args, address = ["dial"], f"/onion3/{LABEL}:7777/p2p/{PEER}"
    with pytest.raises(ValueError, match="say what to speak with it, protocol=NAME"):
        parseDial(args, {"addr": address})


@pytest.mark.parametrize("positional", ["7777/p2p/" + PEER, None])
def test_peerIDWithProtocol(positional: str | None) -> None:
    """
    A dial of a libp2p protocol takes the peer that must answer, however the address is written.
    """
    if positional:
        args, address = ["dial", positional], f"/onion3/{LABEL}"
    else:
        args, address = ["dial"], f"/onion3/{LABEL}:7777/p2p/{PEER}"
    options = parseDial(args, {"addr": address, "protocol": "/my/app/1.0", "identity": "me"})
    assert (options.address.peerID, options.protocol) == (PEER, "/my/app/1.0")
    assert options.identity == f"{os.getcwd()}/me"


def test_identityOfAListener() -> None:
    """
    It is a file, or the word for the onion's own key; a file of that name can be written too.
    """
    listen = {"port": "1", "protocol": "/x", "key": "k"}
    identities = [
        parseListen(["listen"], {**listen, "identity": text}).identity
        for text in ("onion", "./onion", "~/me")
    ]
    assert identities == [ONION_IDENTITY, f"{os.getcwd()}/onion", "~/me"]


def test_defaults() -> None:
    """
    What is not said is as the table of endpoint strings has it.
    """
    assert parseListen(["listen"], {"port": "7777"}) == ListenOptions(
        port=7777, key=None, wait=Wait.PUBLISHED, timeout=300.0, tor=TorOptions()
    )
    dial = parseDial(["dial"], {"addr": f"{LABEL}.onion:1"})
    assert isinstance(dial, DialOptions)
    assert (dial.timeout, dial.tor) == (120.0, TorOptions())


def test_everyOption() -> None:
    """
    Every option of a listener has its place; relative paths are taken from the present folder,
    and ~ is left for the user that the program will run as.
    """
    options = parseListen(
        ["listen"],
        {
            "port": "1",
            "key": "k",
            "clients": "c",
            "pow": "yes",
            "powrate": "5",
            "powburst": "6",
            "maxstreams": "7",
            "maxconnections": "8",
            "introrate": "300",
            "circuits": "yes",
            "frontend": f"{LABEL}.onion",
            "wait": "address",
            "timeout": "1.5",
            "torrc": "/t",
            "defaultstorrc": "d",
            "state": "~/s",
            "tor": "tor",
        },
    )
    here = os.getcwd()
    assert options == ListenOptions(
        port=1,
        key=f"{here}/k",
        admission=Admission(f"{here}/c", ProofOfWork.YES, 5, 6, 7, 300, 300),
        maxConnections=8,
        circuits=True,
        frontend=LABEL,
        wait=Wait.ADDRESS,
        timeout=1.5,
        tor=TorOptions(torrc="/t", defaultsTorrc=f"{here}/d", state="~/s", program=f"{here}/tor"),
    )


@pytest.mark.parametrize(
    ("args", "keywords", "complaint"),
    [
        ([], {}, "expected onionp2p:listen"),
        (["lisen"], {"port": "1"}, "expected onionp2p:listen"),
        (["dial"], {"addr": "x"}, "clientFromString"),
        (["listen"], {}, "port= is missing"),
        (["listen"], {"port": "0"}, "port="),
        (["listen"], {"port": "x"}, "port="),
        (["listen"], {"port": "٣"}, "port="),
        (["listen", "7777"], {"port": "1"}, "7777"),
        (["listen"], {"port": "1", "prot": "2"}, "prot"),
        (["listen"], {" port": "1"}, "' port'"),
        (["listen"], {"port": "1", "reactor": "2"}, "reactor"),
        (["listen"], {"port": "1", "key": ""}, "key="),
        (["listen"], {"port": "1", "key": "a\nb"}, "key="),
        (["listen"], {"port": "1", "key": "a\0b"}, "key="),
        (["listen"], {"port": "1", "key": "x" * 5000}, "key="),
        (["listen"], {"port": "1", "wait": "forever"}, "wait="),
        (["listen"], {"port": "1", "timeout": "0"}, "timeout="),
        (["listen"], {"port": "1", "timeout": "-1"}, "timeout="),
        (["listen"], {"port": "1", "timeout": "nan"}, "timeout="),
        (["listen"], {"port": "1", "timeout": "1e3"}, "timeout="),
        (["listen"], {"port": "1", "timeout": "99999999"}, "timeout="),
        (["listen"], {"port": b"\xff"}, "UTF-8"),
        (["listen"], {"port": "1", "clients": ""}, "clients="),
        (["listen"], {"port": "1", "clients": "a\r\nb"}, "clients="),
        (["listen"], {"port": "1", "pow": "maybe"}, "pow= takes auto or yes or no"),
        (["listen"], {"port": "1", "pow": "no", "powrate": "1"}, "pow= no leaves"),
        (["listen"], {"port": "1", "powrate": "-1"}, "powrate="),
        (["listen"], {"port": "1", "powburst": "9" * 10}, "powburst="),
        (["listen"], {"port": "1", "powburst": "10"}, "powburst= .10. can't be less than powrate="),
        (["listen"], {"port": "1", "powrate": "2501"}, "powburst= .2500. can't be less"),
        (["listen"], {"port": "1", "key": None}, "an option is text or a number, not NoneType"),
        (["listen"], {"port": "1", "maxstreams": "65536"}, "maxstreams= takes a number"),
        (["listen"], {"port": "1", "maxconnections": "many"}, "maxconnections="),
        (["listen"], {"port": "1", "maxconnections": "٣"}, "maxconnections="),
        (["listen"], {"port": "1", "circuits": "true"}, "circuits= takes yes or no"),
        (["listen"], {"port": "1", "frontend": "x.onion"}, "frontend="),
        (["listen"], {"port": "1", "introrate": "5"}, "introrate= needs circuits=yes"),
        (["listen"], {"port": "1", "circuits": "yes", "introburst": "5"}, "introburst="),
        (
            ["listen"],
            {"port": "1", "circuits": "yes", "introrate": "5", "introburst": "4"},
            "introburst=",
        ),
        (["listen"], {"port": "1", "introrate": "0", "circuits": "yes"}, "introrate="),
        (["listen"], {"port": "1", "control": "tcp:9051"}, "control= takes a port"),
        (["listen"], {"port": "1", "control": "/" + "x" * 200}, "control= takes a port"),
        (["listen"], {"port": "1", "control": "9051", "state": "s"}, "state= has no use with"),
        (["listen"], {"port": "1", "control": "9051", "circuits": "yes"}, "circuits= has no use"),
        (["listen"], {"port": "1", "control": "9051", "frontend": LABEL}, "frontend= has no use"),
        (["listen"], {"port": "1", "target": "unix:/s"}, "target= needs addr= or control="),
        (["listen"], {"port": "1", "control": "1", "target": "/s"}, "target= takes unix"),
        (["listen"], {"port": "1", "control": "1", "target": "tcp:x:1"}, "target= takes unix"),
        (["listen", "1"], {"addr": f"{LABEL}.onion"}, "addr= needs target="),
        (["listen", "1"], {**ATTACH, "key": "k"}, "key= has no use with addr="),
        (["listen", "1"], {**ATTACH, "control": "1"}, "control= has no use with target="),
        (["listen", "1"], {**ATTACH, "torrc": "t"}, "torrc= has no use with target="),
        (["listen", f"1/p2p/{PEER}"], {**ATTACH, "addr": f"/onion3/{LABEL}"}, "takes no /p2p/"),
        (["listen"], {"port": "1", "singlehop": "yes"}, "singlehop= is refused"),
        (["listen"], {"port": "1", "protocol": "echo"}, "protocol= is none, as /my/app/1.0"),
        (["listen"], {"port": "1", "protocol": ""}, "protocol= is none"),
        (["listen"], {"port": "1", "protocol": "/a\nb"}, "protocol= is none"),
        (["listen"], {"port": "1", "protocol": "/" + "x" * 1023}, "at most 1023 bytes"),
        (["listen"], {"port": "1", "protocol": "/\ud800"}, "protocol= is none"),
        (["listen"], {"port": "1", "protocol": "/multistream/1.0.0"}, "protocol= is none"),
        (["listen"], {"port": "1", "identity": "me"}, "identity= needs protocol="),
        (
            ["listen"],
            {"port": "1", "protocol": "/x", "identity": "onion"},
            "identity= onion needs key=",
        ),
        (
            ["listen"],
            {"port": "1", "protocol": "/x", "identity": "./k", "key": "k"},
            "say identity=onion",
        ),
        (["listen"], {"port": "1", "protocol": "/x", "identity": ""}, "takes the path"),
    ],
)
def test_badListens(args: list[object], keywords: dict[str, object], complaint: str) -> None:
    """
    A wrong option is named, with what was expected.
    """
    with pytest.raises(ValueError, match=complaint):
        parseListen(args, keywords)


@pytest.mark.parametrize(
    ("args", "keywords", "complaint"),
    [
        (["listen"], {"port": "1"}, "serverFromString"),
        (["dial"], {}, "addr= is missing"),
        (["dial"], {"addr": f"{LABEL}.onion"}, "port"),
        (["dial", "80", "81"], {"addr": f"{LABEL}.onion"}, "81"),
        (["dial", "80"], {"addr": f"{LABEL}.onion", "port": "81"}, "another"),
        (["dial"], {"addr": "example.com:80"}, "addr="),
        (["dial"], {"addr": f"{'a' + LABEL[1:]}.onion:80"}, "checksum"),
        (["dial"], {"addr": f"{LABEL}.onion:80", "key": "x"}, "unknown option 'key'"),
        (["dial", "80"], {"addr": f"{LABEL}.onion", "protocol": "x"}, "protocol= is none"),
        (["dial", "80"], {"addr": f"{LABEL}.onion", "identity": "x"}, "identity= needs protocol="),
        (
            ["dial", "80"],
            {"addr": f"{LABEL}.onion", "protocol": "/x", "identity": "onion"},
            "onion is for listeners",
        ),
    ],
)
def test_badDials(args: list[object], keywords: dict[str, object], complaint: str) -> None:
    """
    A wrong option is named, with what was expected.
    """
    with pytest.raises(ValueError, match=complaint):
        parseDial(args, keywords)


@pytest.mark.parametrize(
    ("keywords", "target", "control"),
    [
        ({"target": "unix:/run/app.sock"}, "/run/app.sock", None),
        ({"target": "unix:app.sock"}, f"{os.getcwd()}/app.sock", None),
        ({"target": "tcp:127.0.0.1:8080"}, 8080, None),
        ({"control": "9051"}, None, 9051),
        ({"control": "/run/tor/control"}, None, "/run/tor/control"),
        ({"control": "~/control"}, None, "~/control"),
    ],
)
def test_attach(
    keywords: dict[str, str], target: int | str | None, control: int | str | None
) -> None:
    """
    An onion that exists is named as in a dial; where its tor delivers is named too, or asked.
    """
    options = parseListen(["listen", "7777"], {"addr": f"/onion3/{LABEL}", **keywords})
    assert options == ListenOptions(
        7777, attach=OnionAddress(LABEL, 7777), target=target, tor=TorOptions(control=control)
    )


def test_control() -> None:
    """
    A running tor is named by a port or a path, in both strings; a target beside it is where our own
    onion shall lead.
    """
    dial = parseDial(["dial", "1"], {"addr": f"{LABEL}.onion", "control": "9051"})
    assert dial.tor == TorOptions(control=9051)
    listen = parseListen(["listen"], {"port": "1", "control": "9051", "target": "unix:/s"})
    assert (listen.target, listen.tor) == ("/s", TorOptions(control=9051))


words = st.one_of(st.text(max_size=80), st.binary(max_size=80))


@given(
    st.lists(words, max_size=4).map(lambda rest: ["listen", *rest])
    | st.lists(words, max_size=4).map(lambda rest: ["dial", *rest]),
    st.dictionaries(
        st.sampled_from("port addr key wait timeout torrc state tor".split()) | st.text(max_size=9),
        words,
        max_size=6,
    ),
)
def test_parsingIsTotal(args: list[object], keywords: dict[str, object]) -> None:
    """
    Any string gives a record or a ValueError.
    """
    for parse in (parseListen, parseDial):
        with suppress(ValueError):
            parse(args, keywords)


def test_parsersAreWhatTwistedLooksFor() -> None:
    """
    The parsers provide the interfaces by which Twisted's plugin system finds them.
    """
    server, client = OnionServerParser(), OnionClientParser()
    assert verifyObject(IPlugin, server)
    assert verifyObject(IPlugin, client)
    assert verifyObject(IStreamServerEndpointStringParser, server)
    assert verifyObject(IStreamClientEndpointStringParserWithReactor, client)


def test_parsersMakeEndpoints() -> None:
    """
    Parsing gives an endpoint and does nothing to the reactor.
    """
    reactor = MemoryReactorClock()
    server = OnionServerParser().parseStreamServer(reactor, "listen", port="7777")
    client = OnionClientParser().parseStreamClient(reactor, "dial", "1", addr=f"{LABEL}.onion")
    assert verifyObject(IStreamServerEndpoint, server)
    assert verifyObject(IStreamClientEndpoint, client)
    assert not reactor.getDelayedCalls()


def test_anOptionMayBeCalledAnything() -> None:
    """
    An option with the name of a Python argument is an unknown option like any other.
    """
    with pytest.raises(ValueError, match="unknown option"):
        OnionServerParser().parseStreamServer(
            MemoryReactorClock(), "listen", port="1", reactor="x", self="y"
        )
