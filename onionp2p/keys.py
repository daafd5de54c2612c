# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities, the keys behind onion addresses, and the files that keep them.

A key file is text, private to its owner, and never changed once it exists::

    onionp2p identity 1
    # Keep this file secret: who has it can be this onion.
    address <56 characters>.onion
    seed <base64 of 32 bytes>

The number in the first line is the version of the format.  The address is there
to be checked against the key at every load.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from base64 import b64decode, b64encode
from hashlib import sha512

from onionp2p.address import labelFromPublicKey
from onionp2p.errors import KeyFileError, KeyInUse
from onionp2p.folders import expandHome
from onionp2p.locks import FileLock, Locked

__all__ = ["Identity", "KeyFile"]

_SEED_LENGTH = 32
_HEADER = "onionp2p identity 1"
_WARNING = "# Keep this file secret: who has it can be this onion."
_LONGEST_FILE = 1024


class Identity:
    """
    The ed25519 key behind an onion address.

    @ivar label: the 56 characters of the address.
    """

    def __init__(self, seed: bytes) -> None:
        """
        @param seed: the 32 bytes that the key grows from (RFC 8032, section 5.1.5).
        """
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._seed = seed
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.label = labelFromPublicKey(private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls) -> Identity:
        """
        Make a fresh one.
        """
        return cls(secrets.token_bytes(_SEED_LENGTH))

    def __repr__(self) -> str:
        return f"<Identity {self.label}>"

    def expanded(self) -> str:
        """
        Give the key as C{ADD_ONION ED25519-V3:} takes it: base64 of the 64 bytes of its
        expanded form (control-spec, section 3.27).  A secret: don't keep it.
        """
        key = bytearray(sha512(self._seed).digest())
        key[0] &= 248
        key[31] &= 63
        key[31] |= 64
        return b64encode(key).decode("ascii")

    def toFileContent(self) -> bytes:
        """
        Give what a key file of this identity holds.  A secret: don't keep it.
        """
        seed = b64encode(self._seed).decode("ascii")
        lines = [_HEADER, _WARNING, f"address {self.label}.onion", f"seed {seed}", ""]
        return "\n".join(lines).encode("ascii")

    @classmethod
    def fromFileContent(cls, content: bytes) -> Identity:
        """
        Read what a key file holds.  No byte of it may differ from what was written.

        @raise ValueError: says what is wrong; holds nothing of C{content}.
        """
        lines = content.split(b"\n")
        if not content.startswith(b"onionp2p identity "):
            raise ValueError("it is not an onionp2p key file")
        if lines[0] != _HEADER.encode("ascii"):
            raise ValueError("its format is of another version of onionp2p")
        identity = cls._fromSeedLine(lines[-2]) if len(lines) > 1 else None
        if identity is None or identity.toFileContent() != content:
            raise ValueError("it is damaged: its key and its address do not belong together")
        return identity

    @classmethod
    def _fromSeedLine(cls, line: bytes) -> Identity | None:
        try:
            seed = b64decode(line.removeprefix(b"seed "), validate=True)
        except ValueError:
            return None
        return cls(seed) if len(seed) == _SEED_LENGTH else None


class KeyFile:
    """
    An identity's file, locked against a second use for as long as this object is open.

    @ivar identity: what it holds; made and saved if there was no file.

    @raise KeyInUse: if a listener has it already; says which process.
    @raise KeyFileError: if it can't be read, made or trusted.
    """

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(expandHome(path))
        try:
            self._lock = FileLock(self._path + ".lock")
        except Locked as busy:
            raise KeyInUse(f"{self._path}: {busy}.") from None
        except OSError as problem:
            raise KeyFileError(f"{self._path}.lock: {problem.strerror}.") from None
        try:
            self.identity = self._loadOrCreate()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """
        Let others use the file.
        """
        self._lock.release()

    def _loadOrCreate(self) -> Identity:
        # Raised apart from what they handle, whose frames hold the secret.
        try:
            identity, wrong = self._load()
        except OSError as problem:
            identity, wrong = None, str(problem.strerror)
        if identity is not None:
            return identity
        raise KeyFileError(f"{self._path}: {wrong}.")

    def _load(self) -> tuple[Identity | None, str]:
        content = _readPrivate(self._path)
        try:
            if content is not None:
                return Identity.fromFileContent(content), ""
        except ValueError as problem:
            return None, str(problem)
        identity = Identity.generate()
        _createPrivate(self._path, identity.toFileContent())
        return identity, ""


def _readPrivate(path: str) -> bytes | None:
    """
    Read a file that is its owner's alone, or give L{None} if there is none.
    """
    # O_NONBLOCK: opening a fifo must not wait for its writer.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise KeyFileError(f"{path}: it is a link; name the file itself.") from None
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise KeyFileError(f"{path}: it is not a regular file.")
        if status.st_uid != os.geteuid():
            raise KeyFileError(f"{path}: it belongs to another user.")
        if status.st_mode & 0o077:
            raise KeyFileError(f"{path}: others can read it; if they did not, chmod 600 it.")
        return os.read(descriptor, _LONGEST_FILE)
    finally:
        os.close(descriptor)


def _createPrivate(path: str, content: bytes) -> None:
    """
    Make a file of mode 0600 that holds C{content}, wholly or not at all; on disk when this
    returns.  Never overwrites.
    """
    folder = os.path.dirname(path)
    draft = f"{path}.{secrets.token_hex(4)}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600)
    try:
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask was
            if os.write(descriptor, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.link(draft, path)  # unlike rename(), it fails if there is one
    finally:
        os.unlink(draft)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
