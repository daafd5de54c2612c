# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Two ends agree on a protocol, or fail to.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import MultistreamError, ProtocolUnsupported
from onionp2p.libp2p.multistream import Chooser, Proposer

HEADER = b"\x13/multistream/1.0.0\n"


def line(text: str) -> bytes:
    """Write a message."""
    data = text.encode() + b"\n"
    return varint.encode(len(data)) + data


def test_oneFlightEach() -> None:
    """
    Where the first proposal is good, each end speaks once: these very bytes.
    """
    proposer, chooser = Proposer(["/noise"]), Chooser(["/noise"])
    proposal = proposer.start()
    assert proposal == HEADER + b"\x07/noise\n"
    answer = chooser.receive(proposal)
    assert answer == HEADER + b"\x07/noise\n"
    assert proposer.receive(answer) == b""
    assert (proposer.protocol, chooser.protocol) == ("/noise", "/noise")


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20).map(
    lambda text: "/" + text
)


@given(
    proposals=st.lists(NAMES, min_size=1, max_size=8, unique=True),
    known=st.sets(NAMES, max_size=4),
    index=st.integers(0, 100),
    cut=st.integers(1, 30),
    rest=st.binary(max_size=30),
)
def test_agreement(
    proposals: list[str], known: set[str], index: int, cut: int, rest: bytes
) -> None:
    """
    They agree on the first proposal that both know, in whatever pieces the bytes come, and what
    follows is kept.
    """
    known.add(proposals[index % len(proposals)])
    proposer, chooser = Proposer(proposals), Chooser(known)
    toChooser, toProposer = proposer.start(), b""
    while proposer.protocol is None:
        for start in range(0, len(toChooser), cut):
            toProposer += chooser.receive(toChooser[start : start + cut])
        toChooser = b""
        if chooser.protocol:
            toProposer += rest
        toChooser = proposer.receive(toProposer)
        toProposer = b""
    expected = next(name for name in proposals if name in known)
    assert proposer.protocol == chooser.protocol == expected
    assert (proposer.rest, chooser.rest) == (rest, b"")


def test_dataAtOnce() -> None:
    """
    An end that is sure may send its data with the proposal: it is kept, and not read.
    """
    chooser = Chooser(["/x"])
    chooser.receive(HEADER + line("/x") + b"\xff\xff")
    assert (chooser.protocol, chooser.rest) == ("/x", b"\xff\xff")


def test_noAgreement() -> None:
    """
    Where no proposal is good, the proposer says what it was last refused.
    """
    proposer, chooser = Proposer(["/a", "/b"]), Chooser(["/c"])
    again = proposer.receive(chooser.receive(proposer.start()))
    assert again == line("/b")
    answer = chooser.receive(again)
    assert answer == line("na")
    with pytest.raises(ProtocolUnsupported, match="/b"):
        proposer.receive(answer)


def test_headerAlone() -> None:
    """
    A cautious peer sends its name and waits for ours.
    """
    chooser = Chooser(["/x"])
    assert chooser.receive(HEADER) == HEADER
    assert chooser.receive(line("/x")) == line("/x")


def test_list() -> None:
    """
    Who asks for all the names gets none, and may go on.
    """
    chooser = Chooser(["/x"])
    assert chooser.receive(HEADER + line("ls") + line("na")) == HEADER + line("na") * 2
    assert chooser.receive(line("/x")) == line("/x")


def test_endlessProposals() -> None:
    """
    Who has asked in vain 32 times is not answered any more.
    """
    chooser = Chooser(["/x"])
    assert chooser.receive(HEADER + line("/y") * 31).count(line("na")) == 31
    with pytest.raises(ProtocolUnsupported, match="32 others"):
        chooser.receive(line("/y"))


BAD = {
    "another version": (line("/multistream/2.0.0"), "begin"),
    "another protocol": (b"GET / HTTP/1.1", "begin"),
    "another byte": (b"\x14", "begin"),
    "no name": (line("/x"), "begin"),
    "nothing": (HEADER + b"\x00", "0 bytes"),
    "too long": (HEADER + varint.encode(1025), "1025 bytes"),
    "far too long": (HEADER + b"\xff" * 8 + b"\x7f", "bytes"),
    "an endless length": (HEADER + b"\xff" * 9, "9 bytes"),
    "a length longer than needed": (HEADER + b"\x93\x00", "longer than needed"),
    "no line": (HEADER + b"\x03abc", "no line"),
    "no text": (HEADER + b"\x02\xff\n", "no text"),
}


@pytest.mark.parametrize(("data", "reason"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("proposes", [True, False])
def test_malformed(data: bytes, reason: str, proposes: bool) -> None:
    """
    What is no message is refused as soon as that can be told.
    """
    end = Proposer(["/x"]) if proposes else Chooser(["/x"])
    with pytest.raises(MultistreamError, match=reason):
        end.receive(data)


@pytest.mark.parametrize("answer", ["/y", "ls", "", "/multistream/1.0.0"])
def test_answersToOtherQuestions(answer: str) -> None:
    """
    A proposer takes yes and no for an answer, and nothing else.
    """
    with pytest.raises(MultistreamError, match="not asked"):
        Proposer(["/x"]).receive(HEADER + line(answer))


def test_longestName() -> None:
    """
    A name may fill a message.
    """
    name = "/" + "x" * 1022
    proposer, chooser = Proposer([name]), Chooser([name])
    proposer.receive(chooser.receive(proposer.start()))
    assert proposer.protocol == name


@given(data=st.binary())
def test_anything(data: bytes) -> None:
    """
    Any bytes give an agreement, a wait, or an error of ours.
    """
    for end in (Proposer(["/x"]), Chooser(["/x"])):
        try:
            end.receive(data)
        except (MultistreamError, ProtocolUnsupported):
            continue
        assert end.protocol is None
        assert len(end._buffer) <= 1024 + 2
