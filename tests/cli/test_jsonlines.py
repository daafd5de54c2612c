# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Events as JSON.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from onionp2p import OnionAddress, events
from onionp2p.cli.jsonlines import eventObject, printEvent
from onionp2p.errors import TorDied
from onionp2p.events import Event
from onionp2p.local.places import Place

ADDRESS = OnionAddress("vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd", 80)
DIED = TorDied("It was ended by signal 9.")

EXAMPLES: list[tuple[Event, dict[str, Any]]] = [
    (
        events.Unreachable(ADDRESS, events.Cause.TOR_DOWN, "so"),
        {"event": "unreachable", "address": str(ADDRESS), "cause": "tor is down", "detail": "so"},
    ),
    (events.TorEnded(DIED, 1.5), {"event": "tor_ended", "why": str(DIED), "pause": 1.5}),
    (
        events.Progress(5, "conn", "Connecting"),
        {"event": "progress", "percent": 5, "tag": "conn", "summary": "Connecting", "warning": ""},
    ),
    (
        events.Shut(Place.fromString("tcp:127.0.0.1:8080"), ""),
        {"event": "shut", "place": "tcp:127.0.0.1:8080", "why": ""},
    ),
    (
        events.NotCarried(DIED),
        {"event": "not_carried", "error": str(DIED)},
    ),
]


@pytest.mark.parametrize(("event", "expected"), EXAMPLES, ids=lambda each: type(each).__name__)
def test_objects(
    event: Event, expected: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    An event's object has its name and its fields, as what JSON knows; it is printed on one line.
    """
    assert eventObject(event) == expected
    printEvent(event)
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == expected
