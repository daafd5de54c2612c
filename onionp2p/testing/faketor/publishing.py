# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Bringing an onion's descriptor to the directories, where dialers look for it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha3_256
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from onionp2p.testing.faketor.faults import Fail, Ignore

if TYPE_CHECKING:
    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["DIRECTORIES", "Descriptor", "descriptorId", "directoryIndex", "publish"]

DIRECTORIES = [f"${number:040X}~directory{number}" for number in range(1, 7)]
"""The HSDirs of a fake network, as control events name them."""


@dataclass(frozen=True)
class Descriptor:
    """
    What the directories know of an onion.

    @ivar tor: the tor that published it.
    @ivar service: the onion.
    @ivar clients: who can read it (see L{Service}).
    """

    tor: FakeTor
    service: Service
    clients: frozenset[str]

    @property
    def content(self) -> str:
        """
        The beginning of it, as it is written.
        """
        return "hs-descriptor 3\ndescriptor-lifetime 180"


def descriptorId(label: str) -> str:
    """
    Name an onion's descriptor.
    """
    digest = sha3_256(label.encode("ascii")).digest()
    return b64encode(digest).decode("ascii").rstrip("=")  # as tor writes it


def directoryIndex(directory: str, label: str) -> str:
    """
    Say where among all directories an onion's descriptor has its place.
    """
    return sha3_256(f"{directory} {label}".encode("ascii")).hexdigest().upper()


async def publish(tor: FakeTor, service: Service) -> None:
    """
    Upload a service's descriptor, and tell of it (control-spec, section 4.1.25).
    """
    await tor.bootstrap.whenDone()
    if not service.served:
        return
    label, descriptor = service.label, descriptorId(service.label)
    tor.onions.published[label] = Descriptor(tor, service, service.clients)
    tor.controllers.tell("HS_DESC", f"CREATED {label} UNKNOWN UNKNOWN {descriptor}")
    if isinstance(await tor.at(f"PUBLISH {label}"), Ignore):
        return
    await tor.network.whenUp()
    for directory in DIRECTORIES:
        index = directoryIndex(directory, label)
        upload = f"{label} UNKNOWN {directory} {descriptor} HSDIR_INDEX={index}"
        tor.controllers.tell("HS_DESC", f"UPLOAD {upload}")
    uploads = [
        Deferred.fromCoroutine(_upload(tor, service, directory)) for directory in DIRECTORIES
    ]
    answers: list[tuple[bool, Any]] = await DeferredList(uploads, consumeErrors=True)
    for _, failure in answers:
        if isinstance(failure, Failure):  # this tor has ended in the middle of it
            failure.trap(CancelledError)


async def _upload(tor: FakeTor, service: Service, directory: str) -> None:
    label = service.label
    action = await tor.at(f"UPLOAD {label}")
    await tor.network.whenUp()
    if isinstance(action, Ignore) or not service.served:
        return
    if isinstance(action, Fail):
        tor.controllers.tell(
            "HS_DESC",
            f"FAILED {label} UNKNOWN {directory} {descriptorId(label)} REASON={action.reason}",
        )
        return
    tor.network.descriptors[label] = Descriptor(tor, service, service.clients)
    tor.controllers.tell("HS_DESC", f"UPLOADED {label} UNKNOWN {directory}")
