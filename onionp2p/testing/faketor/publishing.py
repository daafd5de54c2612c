# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Bringing an onion's descriptor to the directories, where dialers look for it.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha3_256
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults

from onionp2p.testing.faketor.faults import Fail, Ignore

if TYPE_CHECKING:
    from onionp2p.testing.faketor.services import Service
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["DIRECTORIES", "Descriptor", "publish"]

DIRECTORIES = [f"${number:040X}~directory{number}" for number in range(1, 7)]
"""The HSDirs of a fake network, as control events name them."""


@dataclass(frozen=True)
class Descriptor:
    """
    What the directories know of an onion.

    @ivar tor: the tor that published it.
    @ivar service: the onion.
    """

    tor: FakeTor
    service: Service


async def publish(tor: FakeTor, service: Service) -> None:
    """
    Upload a service's descriptor, and tell of it (control-spec, section 4.1.25).
    """
    await tor.bootstrap.whenDone()
    identifier = b64encode(sha3_256(service.label.encode("ascii")).digest()).decode("ascii")
    descriptor = identifier.rstrip("=")  # as tor writes it
    tor.tell("HS_DESC", f"CREATED {service.label} UNKNOWN UNKNOWN {descriptor}")
    if isinstance(await tor.at(f"PUBLISH {service.label}"), Ignore):
        return
    for directory in DIRECTORIES:
        index = sha3_256(f"{directory} {descriptor}".encode("ascii")).hexdigest().upper()
        upload = f"{service.label} UNKNOWN {directory} {descriptor} HSDIR_INDEX={index}"
        tor.tell("HS_DESC", f"UPLOAD {upload}")
    answers = [
        Deferred.fromCoroutine(_upload(tor, service, directory, descriptor))
        for directory in DIRECTORIES
    ]
    await gatherResults(answers, consumeErrors=True)


async def _upload(tor: FakeTor, service: Service, directory: str, descriptor: str) -> None:
    action = await tor.at(f"UPLOAD {service.label}")
    if isinstance(action, Ignore) or not service.served:
        return
    if isinstance(action, Fail):
        tor.tell(
            "HS_DESC",
            f"FAILED {service.label} UNKNOWN {directory} {descriptor} REASON={action.reason}",
        )
        return
    tor.network.descriptors[service.label] = Descriptor(tor, service)
    tor.tell("HS_DESC", f"UPLOADED {service.label} UNKNOWN {directory}")
