# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Being another user for a while.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

_NOBODY = 65534


@contextmanager
def _as(groups: tuple[int, ...]) -> Iterator[None]:
    before = os.getgroups()
    os.setgroups(groups)
    os.setegid(_NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


@pytest.fixture
def asNobody() -> Callable[..., AbstractContextManager[None]]:
    """
    Be a user who is in some groups and has nothing.
    """

    def become(*groups: int) -> AbstractContextManager[None]:
        return _as(groups)

    return become
