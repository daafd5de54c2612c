# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a release uploads, built once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.release.sources import buildBoth, copySources


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """
    The wheel and the source distribution.
    """
    wheel, sdist = buildBoth(copySources(tmp_path_factory.mktemp("release") / "here"))
    return wheel, sdist
