# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The files that keep the keys by which we enter onions that let in only some.

A client key file is text, private to its owner::

    onionp2p client key 1
    # Keep this file secret: who has it can enter in your place.
    address /onion3/<56 characters>:<port>
    public <base32 of 32 bytes, 52 characters>
    private <base32 of 32 bytes, 52 characters>

The number in the first line is the version of the format.  With its address, which may be
missing, it is an invitation.  The public half, which the onion's owner knows, is there to be
checked against the private one at every load.  The lines may end as those of other systems do,
and come in any order: invitations are sent by mail, and pasted.

Tor's own files for this, one line C{<56 characters>:descriptor:x25519:<52 characters>}, are read
as well.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import BinaryIO

from onionp2p.address import AddressError, OnionAddress
from onionp2p.clients.x25519 import ClientKey
from onionp2p.errors import ClientKeyError
from onionp2p.local.files import UnfitFile, createPrivate, readPrivate, readStream, withoutFrames
from onionp2p.local.folders import expandHome

__all__ = [
    "ClientKey",
    "ClientKeyFile",
    "loadClientKey",
    "readInvitation",
]

_HEADER = "onionp2p client key 1"
_WARNING = "# Keep this file secret: who has it can enter in your place."
_WORDS = ("address", "public", "private")
_LONGEST_FILE = 4096


@dataclass(frozen=True)
class ClientKeyFile:
    """
    What a client key file holds.

    @ivar key: the key.
    @ivar label: the 56 characters of the onion that it is for, or L{None} where the file does not
        say.
    @ivar address: the onion and its port, or L{None}; with it, this is an invitation.
    """

    key: ClientKey
    label: str | None = None
    address: OnionAddress | None = None

    @classmethod
    def invitation(cls, address: OnionAddress, key: ClientKey) -> ClientKeyFile:
        """
        Make one that says where to go.
        """
        return cls(key, address.label, address)

    def toContent(self) -> bytes:
        """
        Give the text of the file.  A secret: don't keep it.
        """
        lines = [_HEADER, _WARNING]
        if self.address is not None:
            lines.append(f"address {self.address}")
        lines += [f"public {self.key.public}", f"private {self.key.toBase32()}", ""]
        return "\n".join(lines).encode("ascii")

    @classmethod
    def fromContent(cls, content: bytes) -> ClientKeyFile:
        """
        Read our files, and tor's.

        @raise ValueError: says what is wrong; holds nothing of C{content}.
        """
        if not content.isascii() or b"\0" in content:
            raise ValueError("it is not a client key file: it holds more than plain text")
        lines = [line.strip() for line in content.decode("ascii").split("\n")]
        lines = [line for line in lines if line and not line.startswith("#")]
        if len(lines) == 1 and lines[0].count(":") == 3:
            return cls._fromTorsLine(lines[0])
        if not lines or not lines[0].startswith("onionp2p client key "):
            raise ValueError("it is not a client key file")
        if lines[0] != _HEADER:
            raise ValueError("its format is of another version of onionp2p")
        return cls._fromLines(lines[1:])

    @classmethod
    def _fromTorsLine(cls, line: str) -> ClientKeyFile:
        """
        Read C{<56>:descriptor:x25519:<52>} (rend-spec-v3, appendix G.1).
        """
        label, descriptor, kind, private = line.split(":")
        if (descriptor, kind) != ("descriptor", "x25519"):
            raise ValueError("its key is of a kind that tor does not use today")
        try:
            label = OnionAddress(label, 1).label
        except AddressError as problem:
            raise ValueError(f"its address is none: {problem}") from None
        return cls(ClientKey.fromBase32(private), label)

    @classmethod
    def _fromLines(cls, lines: list[str]) -> ClientKeyFile:
        values: dict[str, str] = {}
        for line in lines:
            word, _, value = line.partition(" ")
            if word not in _WORDS:
                raise ValueError("it is damaged: it holds a line that does not belong there")
            if word in values:
                raise ValueError(f"it is damaged: it holds two lines for {word}")
            values[word] = value.strip()
        if "private" not in values or "public" not in values:
            raise ValueError("it is damaged: it lacks a key")
        key = ClientKey.fromBase32(values["private"])
        if key.public != values["public"].upper():
            raise ValueError("it is damaged: its private and its public key do not belong together")
        if "address" not in values:
            return cls(key)
        try:
            return cls.invitation(OnionAddress.fromString(values["address"]), key)
        except AddressError as problem:
            raise ValueError(f"its address is none: {problem}") from None

    @classmethod
    def load(cls, path: str) -> ClientKeyFile:
        """
        Read the file at C{path}, which is never created here.

        @raise ClientKeyError: if it can't be read or trusted.
        """
        path = os.path.abspath(expandHome(path))

        def read() -> ClientKeyFile:
            content = readPrivate(path, _LONGEST_FILE)
            if content is None:
                raise UnfitFile("there is no such file")
            return cls.fromContent(content)

        return withoutFrames(read, lambda reason: ClientKeyError(f"{path}: {reason}."))

    def save(self, path: str) -> None:
        """
        Make the file at C{path}, of mode 0600; on disk when this returns.

        @raise ClientKeyError: if it can't be made, or there is one.
        """
        path = os.path.abspath(expandHome(path))
        withoutFrames(
            lambda: createPrivate(path, self.toContent()),
            lambda reason: ClientKeyError(f"{path}: {reason}."),
        )


def loadClientKey(path: str, address: OnionAddress) -> ClientKey:
    """
    Give the key by which to enter an onion.

    @param path: a client key file, an invitation, or tor's own C{.auth_private} file; private to
        its owner.
    @param address: the onion.

    @raise ClientKeyError: if the file can't be read or trusted, or is for another onion.
    """
    file = ClientKeyFile.load(path)
    if file.label not in {None, address.label}:
        its = OnionAddress(str(file.label), address.port).shortened
        raise ClientKeyError(
            f"{os.path.abspath(expandHome(path))}: it is the key to {_onion(its)},"
            f" not to {_onion(address.shortened)}."
        )
    return file.key


def _onion(shortened: str) -> str:
    return shortened.partition(":")[0]


def readInvitation(path: str, stdin: BinaryIO | None = None) -> tuple[OnionAddress, ClientKey]:
    """
    Read an invitation: where to go, and the key to enter by.

    @param path: the file, private to its owner; or C{-} for standard input.
    @param stdin: what to read in place of standard input.

    @raise ClientKeyError: if it can't be read or trusted, or names no onion.
    """
    if path == "-":
        name = "standard input"
        stream = stdin or getattr(sys.stdin, "buffer", None)
        file = withoutFrames(
            lambda: ClientKeyFile.fromContent(readStream(stream, _LONGEST_FILE)),
            lambda reason: ClientKeyError(f"{name}: {reason}."),
        )
    else:
        name, file = os.path.abspath(expandHome(path)), ClientKeyFile.load(path)
    if file.address is None:
        raise ClientKeyError(
            f"{name}: it holds a key and no address with its port, so it is no invitation:"
            " give the address beside it."
        )
    return file.address, file.key
