# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tests on a private Tor network: for what only real tors show.
"""

from __future__ import annotations

import pytest

from tests.programs import start
from tests.realtors import markNetwork, onTheNetwork

__all__ = ["onTheNetwork", "start"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark all tests here.
    """
    markNetwork(items, "network")
