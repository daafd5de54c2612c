# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Passphrases of key files: from the environment or a file descriptor, never from a command line,
which every user of the machine can see.
"""

from __future__ import annotations

import os

__all__ = ["VARIABLE", "Passphrase"]

VARIABLE = "ONIONP2P_KEY_PASSPHRASE"
_LONGEST = 1024


class Passphrase:
    """
    What encrypts a key file.
    """

    def __init__(self, raw: bytes) -> None:
        """
        @param raw: 1 to 1024 bytes.

        @raise ValueError: if there are fewer or more.
        """
        if not raw:
            raise ValueError("the passphrase is empty")
        if len(raw) > _LONGEST:
            raise ValueError(f"a passphrase has at most {_LONGEST} bytes")
        self._raw = raw

    def __repr__(self) -> str:
        return "<Passphrase>"

    @classmethod
    def fromEnvironment(cls) -> Passphrase | None:
        """
        Give the one in C{$ONIONP2P_KEY_PASSPHRASE}, or L{None} where that is not set or empty.

        @raise ValueError: names the variable.
        """
        text = os.environ.get(VARIABLE)
        if not text:
            return None
        try:
            return cls(os.fsencode(text))
        except ValueError as problem:
            raise ValueError(f"${VARIABLE}: {problem}") from None

    @classmethod
    def fromDescriptor(cls, descriptor: int) -> Passphrase:
        """
        Read one from a file descriptor: all up to the end of the first line.

        @raise ValueError: if nothing can be read from it, or it holds no passphrase.
        """
        raw = b""
        try:
            # A byte at a time: what follows the line may be meant for somebody else.
            while len(raw) <= _LONGEST and (byte := os.read(descriptor, 1)) not in {b"", b"\n"}:
                raw += byte
        except OSError as problem:
            raise ValueError(str(problem.strerror)) from None
        return cls(raw)

    def derive(self, salt: bytes, logN: int) -> bytes:
        """
        Give 32 bytes that who does not know the passphrase can guess only slowly: by scrypt
        (RFC 7914) with r = 8, p = 1.

        @param salt: different for each use.
        @param logN: the cost is C{2 ** logN}, and takes as many KiB of memory.

        @raise ValueError: if there is not enough memory.
        """
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        try:
            return Scrypt(salt=salt, length=32, n=2**logN, r=8, p=1).derive(self._raw)
        except MemoryError:
            raise ValueError(f"decrypting takes {2**logN // 1024} MiB of memory") from None
