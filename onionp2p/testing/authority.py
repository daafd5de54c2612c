# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The keys of a directory authority of a private Tor network.

What C{tor-gencert} and C{tor --list-fingerprint} do in two processes and a second, here in one
function and a tenth: the keys live for one test run, so they are short.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha1

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

__all__ = ["AuthorityKeys"]

# The shortest that tor takes; it wants just this for a relay's identity.
_BITS = 1024
_CERTIFICATE_SECONDS = 30 * 86400


class _Key:
    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
        self.public = self._private.public_key()

    @property
    def privatePEM(self) -> str:
        return self._private.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ).decode("ascii")

    @property
    def publicPEM(self) -> str:
        return self.public.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode("ascii")

    @property
    def fingerprint(self) -> str:
        return self.digest.hex().upper()

    @property
    def digest(self) -> bytes:
        return _sha1(self.public.public_bytes(Encoding.DER, PublicFormat.PKCS1))

    def sign(self, digest: bytes) -> bytes:
        """
        Sign as tor does: PKCS#1 padding around the bare digest, without naming its algorithm
        (dir-spec, section 1.3), which cryptography does not offer.
        """
        numbers = self._private.private_numbers()
        length = _BITS // 8
        padded = b"\0\1" + b"\xff" * (length - 3 - len(digest)) + b"\0" + digest
        signature = pow(int.from_bytes(padded, "big"), numbers.d, numbers.public_numbers.n)
        return signature.to_bytes(length, "big")


def _sha1(data: bytes) -> bytes:
    return sha1(data, usedforsecurity=False).digest()


def _pem(kind: str, data: bytes) -> str:
    text = b64encode(data).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""])


@dataclass
class AuthorityKeys:
    """
    An authority that is going to be.

    @ivar nickname: its name.
    @ivar orPort: where it takes circuits, on 127.0.0.1.
    @ivar dirPort: where it serves the directory, on 127.0.0.1.
    """

    nickname: str
    orPort: int
    dirPort: int

    def __post_init__(self) -> None:
        self._relay, self._identity, self._signing = _Key(), _Key(), _Key()

    @property
    def torrcLine(self) -> str:
        """
        The line by which nodes and clients know it.
        """
        return (
            f"DirAuthority {self.nickname} orport={self.orPort}"
            f" v3ident={self._identity.fingerprint}"
            f" 127.0.0.1:{self.dirPort} {self._relay.fingerprint}"
        )

    def save(self, folder: str) -> None:
        """
        Write the keys where a tor with this DataDirectory looks for them.
        """
        keys = os.path.join(folder, "keys")
        os.mkdir(keys, 0o700)
        for name, text in [
            ("secret_id_key", self._relay.privatePEM),
            ("authority_signing_key", self._signing.privatePEM),
            ("authority_certificate", self._certificate()),
        ]:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(os.path.join(keys, name), flags, 0o600), "w") as file:
                file.write(text)

    def _certificate(self) -> str:
        """
        A key certificate (dir-spec, section 3.1).
        """

        def when(seconds: float) -> str:
            return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + seconds))

        text = (
            "dir-key-certificate-version 3\n"
            f"dir-address 127.0.0.1:{self.dirPort}\n"
            f"fingerprint {self._identity.fingerprint}\n"
            f"dir-key-published {when(-3600)}\n"
            f"dir-key-expires {when(_CERTIFICATE_SECONDS)}\n"
            f"dir-identity-key\n{self._identity.publicPEM}"
            f"dir-signing-key\n{self._signing.publicPEM}"
            f"dir-key-crosscert\n{_pem('ID SIGNATURE', self._signing.sign(self._identity.digest))}"
            "dir-key-certification\n"
        )
        return text + _pem("SIGNATURE", self._identity.sign(_sha1(text.encode("ascii"))))
