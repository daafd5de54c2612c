# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A fixture for pytest that fails a test which goes past Tor.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from onionp2p.leaks import LeakGuard, loopback

__all__ = ["leak_guard", "pytest_configure"]


def pytest_configure(config: pytest.Config) -> None:
    """
    Declare the marker.
    """
    config.addinivalue_line(
        "markers", "allow_loopback: leak_guard lets this test use TCP and UDP inside this machine"
    )


@pytest.fixture
def leak_guard(request: pytest.FixtureRequest) -> Iterator[LeakGuard]:
    """
    Fails the test if something in this process goes past Tor while it runs, or makes a socket that
    others can reach; what was caught is in C{leak_guard.leaks}, and a test that expects it clears
    that.  A test about TCP is marked C{@pytest.mark.allow_loopback}.
    """
    if request.node.get_closest_marker("allow_loopback"):
        guard = LeakGuard(allow=loopback)
    else:
        guard = LeakGuard()
    guard.start()
    yield guard
    guard.stop()
    if guard.leaks:
        text = "\n".join(f"{leak}\n{leak.stack}" for leak in guard.leaks)
        pytest.fail(f"leaked:\n{text}", pytrace=False)
