# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a check has found, as it may be shown.
"""

from __future__ import annotations

from onionp2p.doctor.finding import Finding, Level, problem, warning, well

ONION = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd"


def test_levels() -> None:
    """
    Only what is not well has a remedy.
    """
    assert well("a", "b") == Finding("a", Level.OK, "b")
    assert warning("a", "b", "c").level is Level.WARNING
    assert problem("a", "b", "c") == Finding("a", Level.PROBLEM, "b", "c")


def test_oneLine() -> None:
    """
    Whatever a machine says becomes a line that a terminal shows, and does not obey.
    """
    said = problem("a", "x\n\ty\x1b]0;z\x07 ", "rm\r\nthis")
    assert (said.found, said.remedy) == ("x y\ufffd]0;z\ufffd", "rm this")
    endless = well("a", "x" * 100_000).found
    assert len(endless) == 500
    assert endless.endswith("…")


def test_noAddress() -> None:
    """
    No onion's address is shown.
    """
    for text in (f"dialled {ONION}.onion:80", f"/onion3/{ONION.upper()}:80"):
        assert ONION not in well("a", text).found.lower()
        assert "(an onion)" in well("a", text).found
