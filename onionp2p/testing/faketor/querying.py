# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Asking the directories for an onion's descriptor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from onionp2p.testing.faketor.faults import Fail, Ignore
from onionp2p.testing.faketor.publishing import (
    DIRECTORIES,
    Descriptor,
    descriptorId,
    directoryIndex,
)

if TYPE_CHECKING:
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["query"]


async def query(tor: FakeTor, label: str) -> Descriptor | None:
    """
    Ask one directory after the other, and tell of it (control-spec, section 4.1.25).

    @return: L{None} if none of them has it.
    """
    await tor.network.whenUp()
    named = descriptorId(label)
    for directory in DIRECTORIES:
        about = f"{label} NO_AUTH {directory} {named}"
        tor.controllers.tell(
            "HS_DESC", f"REQUESTED {about} HSDIR_INDEX={directoryIndex(directory, label)}"
        )
        action = await tor.at(f"FETCH {label}")
        if isinstance(action, Ignore):
            await Deferred()
        descriptor = None if isinstance(action, Fail) else tor.network.descriptors.get(label)
        content = f"{label} {named} {directory}"
        if descriptor is not None:
            tor.controllers.tell("HS_DESC", f"RECEIVED {about}")
            tor.controllers.tell("HS_DESC_CONTENT", content, block=descriptor.content)
            return descriptor
        reason = action.reason if isinstance(action, Fail) else "NOT_FOUND"
        tor.controllers.tell("HS_DESC", f"FAILED {about} REASON={reason}")
        tor.controllers.tell("HS_DESC_CONTENT", content, block="")
    return None
