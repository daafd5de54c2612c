# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The names of libp2p's protocols.
"""

from __future__ import annotations

import pytest

from onionp2p.protocolname import checkProtocolName


@pytest.mark.parametrize("name", ["", "x", "/a\nb", "/" + "x" * 1023, "/multistream/1.0.0"])
def test_names(name: str) -> None:
    """
    What can't be a protocol's name is refused before it is proposed.
    """
    with pytest.raises(ValueError, match="name of a protocol"):
        checkProtocolName(name)
    assert checkProtocolName("/ipfs/ping/1.0.0") == "/ipfs/ping/1.0.0"
