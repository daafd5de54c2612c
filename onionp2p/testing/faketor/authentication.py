# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How controllers prove that they may give commands (control-spec, sections 3.5, 3.21 and 3.24).
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import sha1, sha256
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.replies import CloseAfter, Refused

if TYPE_CHECKING:
    from onionp2p.testing.faketor.configuration import Configuration

__all__ = ["Authentication", "hashPassword"]

_SERVER = b"Tor safe cookie authentication server-to-controller hash"
_CLIENT = b"Tor safe cookie authentication controller-to-server hash"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_FAILED = "Authentication failed: "
_NO_COOKIE = _FAILED + "Wrong length on authentication cookie."
_WRONG_COOKIE = _FAILED + "Authentication cookie did not match expected value."
_WRONG_PASSWORD = _FAILED + "Password did not match HashedControlPassword value from configuration"
_PLAIN = (
    "Maybe you tried a plain text password?"
    "{} If so, the standard requires that you put it in double quotes."
)


def hashPassword(password: bytes, salt: bytes = b"saltsalt", indicator: int = 96) -> str:
    """
    Give what goes into a torrc's C{HashedControlPassword} (control-spec, section 5.1).

    @param salt: 8 bytes.
    @param indicator: how much is hashed (RFC 2440, section 3.6.1.3).
    """
    count = (16 + (indicator & 15)) << ((indicator >> 4) + 6)
    once = salt + password
    digest = sha1((once * (count // len(once) + 1))[:count]).digest()  # noqa: S324 - tor's choice
    return "16:" + (salt + bytes([indicator]) + digest).hex().upper()


class Authentication:
    """
    One controller's way in.

    @ivar passed: whether it is in.
    """

    def __init__(self, configuration: Configuration, version: str, *, owner: bool = False) -> None:
        """
        @param owner: whether it came by C{__OwningControllerFD}, which needs no proof.
        """
        self._configuration = configuration
        self._version = version
        self._asked = False
        self._expected: bytes | None = None
        self._wrongCookie = b""
        self.passed = owner

    @property
    def _methods(self) -> list[str]:
        methods = []
        if self._configuration.first("CookieAuthentication") == "1":
            methods += ["COOKIE", "SAFECOOKIE"]
        if self._configuration.first("HashedControlPassword"):
            methods.append("HASHEDPASSWORD")
        return methods or ["NULL"]

    def protocolInfo(self, text: str) -> list[str]:
        """
        Answer C{PROTOCOLINFO}, once before they are let in.
        """
        for version in text.split():
            if not version.isdecimal():
                raise CloseAfter(513, f'No such version "{version}"')
        if self._asked and not self.passed:
            raise CloseAfter(514, "Authentication required.")
        self._asked = True
        methods = "METHODS=" + ",".join(self._methods)
        if "COOKIE" in self._methods:
            methods += f' COOKIEFILE="{self._configuration.cookiePath}"'
        return [
            "250-PROTOCOLINFO 1",
            f"250-AUTH {methods}",
            f'250-VERSION Tor="{self._version}"',
            "250 OK",
        ]

    def forgetCookie(self) -> None:
        """
        Do as who does not know the cookie.
        """
        self._wrongCookie = secrets.token_bytes(32)

    def challenge(self, text: str) -> list[str]:
        """
        Answer C{AUTHCHALLENGE}.
        """
        if "SAFECOOKIE" not in self._methods:
            raise CloseAfter(515, "Cookie authentication is disabled")
        if self._expected is not None and not self.passed:
            raise CloseAfter(514, "Authentication required.")
        words = text.split()
        if not words:
            raise Refused(512, "Bad arguments to AUTHCHALLENGE: Need at least 1 argument(s)")
        if words[0].upper() != "SAFECOOKIE":
            raise CloseAfter(513, "AUTHCHALLENGE only supports SAFECOOKIE authentication")
        if len(words) != 2:
            raise CloseAfter(512, "Wrong number of arguments for AUTHCHALLENGE")
        try:
            theirs = bytes.fromhex(words[1].strip('"'))
        except ValueError:
            raise CloseAfter(513, "Invalid base16 client nonce") from None
        ours, cookie = secrets.token_bytes(32), self._wrongCookie or self._configuration.cookie()
        message = cookie + theirs + ours
        self._expected = hmac.digest(_CLIENT, message, sha256)
        proof = hmac.digest(_SERVER, message, sha256).hex().upper()
        return [f"250 AUTHCHALLENGE SERVERHASH={proof} SERVERNONCE={ours.hex().upper()}"]

    def authenticate(self, text: str) -> list[str]:
        """
        Answer C{AUTHENTICATE}.
        """
        secret = self._secret(text.strip())
        quoted = text.strip().startswith('"')
        methods = self._methods
        wrong = ""
        if methods == ["NULL"] or self.passed:
            pass
        elif self._expected is not None:
            if len(secret) != len(self._expected):
                wrong = _FAILED + "Wrong length for safe cookie response."
            elif not hmac.compare_digest(secret, self._expected):
                wrong = _FAILED + "Safe cookie response did not match expected value."
        elif "HASHEDPASSWORD" in methods and self._isPassword(secret):
            pass
        elif "COOKIE" in methods:
            if len(secret) != len(self._configuration.cookie()):
                wrong = _NO_COOKIE
            elif not hmac.compare_digest(secret, self._configuration.cookie()):
                wrong = _WRONG_COOKIE
        else:
            wrong = _WRONG_PASSWORD + ("" if quoted else ". " + _PLAIN.format(""))
        if wrong:
            raise CloseAfter(515, wrong)
        self.passed = True
        return ["250 OK"]

    @staticmethod
    def _secret(text: str) -> bytes:
        if text.startswith('"'):
            match = _QUOTED.fullmatch(text)
            if match is None:
                raise Refused(
                    512, "Bad arguments to AUTHENTICATE: Cannot parse keyword argument(s)"
                )
            return re.sub(r"\\(.)", r"\1", match[1]).encode("latin-1")
        try:
            return bytes.fromhex(text)
        except ValueError:
            raise CloseAfter(551, "Invalid hexadecimal encoding.  " + _PLAIN.format(" ")) from None

    def _isPassword(self, secret: bytes) -> bool:
        for hashed in self._configuration.all("HashedControlPassword"):
            raw = bytes.fromhex(hashed.removeprefix("16:"))
            if hmac.compare_digest(hashPassword(secret, raw[:8], raw[8]), hashed.upper()):
                return True
        return False
