# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the tutorial says of mistakes; tests/network/test_tutorial.py walks it.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from twisted.internet.error import ConnectionRefusedError

from onionp2p import AddressError, OnionAddress
from onionp2p.errors import (
    ConnectionRefused,
    DialTimeout,
    KeyInUse,
    TooFewDescriptors,
    TorNotFound,
)
from onionp2p.ping.errors import WrongEcho

PAGE = (Path(__file__).parent.parent / "docs" / "tutorial.md").read_text()
TABLE = PAGE.partition("## If it doesn't")[2].partition("\n## ")[0]
SHOWN = re.findall(r"^\| `(.*?)` \|", TABLE, re.MULTILINE)


def test_mistakes() -> None:
    """
    What the page shows is what is said.
    """
    with pytest.raises(AddressError) as mistyped:
        OnionAddress.fromString(
            "/onion3/vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyad:7777"
        )
    said = [
        str(TorNotFound()),
        os.strerror(errno.EADDRINUSE),
        str(ConnectionRefusedError()),
        str(mistyped.value),
        str(ConnectionRefused()),
        str(TooFewDescriptors()),
        str(DialTimeout()),
        str(WrongEcho()),
        str(KeyInUse()),
    ]
    assert len(SHOWN) == len(said)
    assert [shown for shown, each in zip(SHOWN, said, strict=True) if shown not in each] == []
