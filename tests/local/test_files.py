# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Reading and writing files that are not to be trusted, or nobody else's.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onionp2p.local.files import UnfitFile, readText


def test_text(tmp_path: Path) -> None:
    """
    A text is read to the length that is allowed, through a link too.
    """
    (tmp_path / "file").write_text("é")
    (tmp_path / "link").symlink_to("file")
    assert readText(str(tmp_path / "link"), 2) == "é"
    with pytest.raises(UnfitFile, match="it is too long"):
        readText(str(tmp_path / "link"), 1)


@pytest.mark.deadline(10)
def test_noText(tmp_path: Path) -> None:
    """
    What is no text is refused at once, and never waited for.
    """
    (tmp_path / "latin").write_bytes(b"\xe9")
    os.mkfifo(tmp_path / "fifo")
    for path, reason in [
        (tmp_path / "latin", "it is not UTF-8"),
        (tmp_path / "fifo", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "gone", "No such file or directory"),
        ("/tmp/\0", "no file can have such a name"),
    ]:
        with pytest.raises(UnfitFile, match=reason):
            readText(str(path), 100)
