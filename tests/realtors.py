# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the folders have in common whose tests run on a private network of real tors.
"""

from __future__ import annotations

import pytest

__all__ = ["markNetwork", "onTheNetwork"]


def markNetwork(items: list[pytest.Item], folder: str) -> None:
    """
    Mark all tests of a folder, and give them time.
    """
    for item in items:
        if item.path.parent.name == folder:
            item.add_marker(pytest.mark.network)
            if item.get_closest_marker("deadline") is None:
                item.add_marker(pytest.mark.deadline(60))


@pytest.fixture(autouse=True)
def onTheNetwork(tor_environment: dict[str, str]) -> dict[str, str]:
    """
    Have all tests here, and the programs that they start, join the private network.
    """
    return tor_environment
