"""
Tests on a private Tor network: for what only real tors show.
"""

from __future__ import annotations

import pytest

from tests.programs import start

__all__ = ["start"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Mark all tests here, and give them time.
    """
    for item in items:
        if item.path.parent.name == "network":
            item.add_marker(pytest.mark.network)
            if item.get_closest_marker("deadline") is None:
                item.add_marker(pytest.mark.deadline(60))


@pytest.fixture(autouse=True)
def onTheNetwork(tor_environment: dict[str, str]) -> dict[str, str]:
    """
    Have all tests here join the private network.
    """
    return tor_environment
