# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The keys by which a client enters onions that let only some in: C{ONION_CLIENT_AUTH_ADD},
C{_REMOVE} and C{_VIEW} (control-spec, sections 3.30 to 3.32).
"""

from __future__ import annotations

from base64 import b32encode, b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from onionp2p.testing.faketor.replies import Refused
from onionp2p.testing.faketor.services import checkLabel

if TYPE_CHECKING:
    from onionp2p.testing.faketor.publishing import Descriptor

__all__ = ["ClientKeys"]


@dataclass(frozen=True)
class _Key:
    private: str
    name: str

    def toLine(self, label: str) -> str:
        """
        Give what C{ONION_CLIENT_AUTH_VIEW} shows of it.
        """
        name = f" ClientName={self.name}" if self.name else ""
        return f"250-CLIENT {label} x25519:{self.private}{name}"


class ClientKeys:
    """
    A tor's keys, by the onions they open.
    """

    def __init__(self) -> None:
        self._keys: dict[str, _Key] = {}

    def publicKey(self, label: str) -> str | None:
        """
        Give the public half of the key to an onion, in base32 as the onion's owner knows it.
        """
        key = self._keys.get(label)
        if key is None:
            return None
        private = X25519PrivateKey.from_private_bytes(b64decode(key.private))
        return b32encode(private.public_key().public_bytes_raw()).decode("ascii").rstrip("=")

    def add(self, text: str, known: Mapping[str, Descriptor]) -> list[str]:
        """
        Answer C{ONION_CLIENT_AUTH_ADD}.

        @param known: the descriptors that tor has, by label.
        """
        words = text.split()
        if len(words) < 2:
            raise Refused(512, "Incomplete ONION_CLIENT_AUTH_ADD command")
        label = _label(words[0])
        private = _private(words[1])
        options = {
            name.lower(): value for name, _, value in (word.partition("=") for word in words[2:])
        }
        for flag in filter(None, options.get("flags", "").split(",")):
            if flag.lower() != "permanent":
                raise Refused(512, f"Invalid 'Flags' argument: \"{flag}\"")
            # It has no ClientOnionAuthDir to keep them in.
            raise Refused(553, f'Unable to store creds for "{label}"')
        existed = label in self._keys
        readers = known[label].clients if label in known else frozenset()
        couldRead = self.publicKey(label) in readers
        self._keys[label] = _Key(private, options.get("clientname", ""))
        if not couldRead and self.publicKey(label) in readers:
            return ["252 Registered client and decrypted desc"]
        return ["251 Client for onion existed and replaced" if existed else "250 OK"]

    def remove(self, text: str) -> list[str]:
        """
        Answer C{ONION_CLIENT_AUTH_REMOVE}.
        """
        if not text.split():
            raise Refused(512, "Incomplete ONION_CLIENT_AUTH_REMOVE command")
        label = _label(text.split(maxsplit=1)[0])
        if self._keys.pop(label, None) is None:
            return [f'251 No credentials for "{label}"']
        return ["250 OK"]

    def view(self, text: str) -> list[str]:
        """
        Answer C{ONION_CLIENT_AUTH_VIEW}.
        """
        label = _label(text.split(maxsplit=1)[0]) if text.split() else None
        suffix = f" {label}" if label else ""
        shown = [key.toLine(its) for its, key in self._keys.items() if label in {None, its}]
        return [f"250-ONION_CLIENT_AUTH_VIEW{suffix}", *shown, "250 OK"]


def _private(text: str) -> str:
    kind, _, private = text.partition(":")
    if not kind or not private:
        raise Refused(512, "Invalid key type/blob")
    if kind.lower() != "x25519":
        raise Refused(552, f'Unrecognized key type "{kind}"')
    try:
        raw = b64decode(private, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 32:
        raise Refused(512, "Failed to decode x25519 private key")
    return private


def _label(text: str) -> str:
    if not checkLabel(text):
        raise Refused(512, f'Invalid v3 address "{text}"')
    return text
