# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What errors say.
"""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from onionp2p import errors
from onionp2p.errors import OnionError, OnionTermsDiffer, TorRefusedCommand

CLASSES = [getattr(errors, name) for name in errors.__all__]
# Behind what happened, a colon and what to do: something in the imperative.
REMEDY = re.compile(
    r": .*\b(ask|become|change|check|close|dial|end|give|install|listen|look|make|mend|name|put"
    r"|raise|restart|says|see|start|stop|try|wait)\b"
)


def instance(kind: type[OnionError]) -> OnionError:
    """
    Make an error of a kind, with nothing in particular.
    """
    return TorRefusedCommand(510, "") if kind is TorRefusedCommand else kind()


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_remedies(kind: type[OnionError]) -> None:
    """
    Every error says what happened and what to do, in words of its own.
    """
    said = str(instance(kind))
    assert said.rstrip("510 ").endswith((".", ")"))
    assert REMEDY.search(said), said
    assert "__doc__" in vars(kind)


def test_withoutDocstrings() -> None:
    """
    They say so under C{python -OO}, too, which drops docstrings: those of every room.
    """
    program = """
import onionp2p.forwarding, onionp2p.libp2p.errors, onionp2p.ping.errors
from onionp2p.errors import OnionError, OnionTermsDiffer

def mute(kind):
    if kind.__str__ is OnionError.__str__ and not vars(kind).get("__doc__"):
        print(kind.__qualname__)
    for each in kind.__subclasses__():
        mute(each)

mute(OnionError)
print(OnionTermsDiffer())
"""
    said = subprocess.run(
        [sys.executable, "-OO", "-B", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert said.stdout.splitlines() == [str(OnionTermsDiffer())]
