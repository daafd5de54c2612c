# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the page on security says, checked.
"""

from __future__ import annotations

import re

import pytest

from onionp2p.tor.torrc import renderTorrc
from tests.proofs import TEST_ID, TOP, unproven

PAGE = (TOP / "docs" / "security.md").read_text()
# Of each, in a paragraph of its own: what is promised; and then a list.
PROMISES = re.findall(
    r"^(\*\*[^\n]+(?:\n[^\n]+)*)\n\n((?:- [^\n]+\n(?:  [^\n]+\n)*)+)",
    PAGE.partition("## Promises")[2].partition("## What was tried")[0],
    re.MULTILINE,
)
ROOM = re.compile(r"`([a-z0-9]+(?:/[a-z0-9]+)+|transport)`")


@pytest.mark.parametrize(
    "proof", [proof for _, proof in PROMISES], ids=[promise for promise, _ in PROMISES]
)
def test_promisesAreProven(proof: str) -> None:
    """
    Every promise names tests that there are, one without real tors at least, and says what they
    can't show.
    """
    points = dict(point.split(": ", 1) for point in proof[2:].split("\n- "))
    assert unproven(proof) == []
    assert list(points) in [["here", "on real tors", "not shown"], ["here", "not shown"]]
    assert TEST_ID.findall(points["here"])
    assert "tests/network/" not in points["here"]
    assert all(
        test.startswith(("tests/network/", "tests/interop/"))
        for test in TEST_ID.findall(points.get("on real tors", ""))
    )


def test_allPromises() -> None:
    """
    The seven promises of the design are there, in their order, and others after them.
    """
    numbers = [found[1] for promise, _ in PROMISES if (found := re.match(r"\*\*(\d)\.", promise))]
    assert numbers == list("1234567")
    assert len(PROMISES) == 10


def test_roomsAreThere() -> None:
    """
    What does something about a danger is where the page says.
    """
    rooms = set(ROOM.findall(PAGE))
    assert len(rooms) > 15
    top = TOP / "onionp2p"
    missing = [each for each in rooms if not (top / each).exists()]
    assert [each for each in missing if not (top / f"{each}.py").exists()] == []


def test_torrcHoldsTheLines() -> None:
    """
    The lines that the page says our tor always has are among those that it is given.
    """
    told = PAGE.partition("Lines of our torrc")[2].partition("\n\n")[0]
    lines = re.findall(r"`([A-Z]\w+(?: \d)?)`", told)
    assert len(lines) == 11
    torrc = renderTorrc(stateDirectory="/s", socksPath="/r/socks", owningDescriptor=7)
    for line in lines:
        assert line in torrc if " " not in line else line in torrc.splitlines()
