# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How we prove to a tor that we may control it (control-spec, sections 3.5, 3.21 and 3.24).

Theory of operation.  Whoever listens at a control port names the ways in, and the file of the
cookie; it may be no tor at all.  So a cookie is not shown, but proven known, and only to who has
proven to know it too (C{SAFECOOKIE}).  It is shown on a UNIX socket alone, to a tor that knows no
better: any user can take a TCP port, but not a path that this program's user trusts.  A password
can only be told, so it comes after the cookie.

txtorcon's own authentication shows a cookie to whoever asks, and reads any file without end.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from onionp2p.errors import (
    ControlAuthenticationFailed,
    ControlCookieUnreadable,
    ControlImpostor,
    ControlPasswordMissing,
    ControlPasswordWrong,
    NotAControlPort,
    TorRefusedCommand,
)
from onionp2p.local.files import UnfitFile, openRegular
from onionp2p.tor.access import whoMayRead
from onionp2p.tor.program import checkVersion
from onionp2p.tor.words import parseKeywords

__all__ = ["PASSWORD_VARIABLE", "Proof", "ProtocolInfo"]

PASSWORD_VARIABLE = "ONIONP2P_CONTROL_PASSWORD"  # noqa: S105 - its name

_SERVER = b"Tor safe cookie authentication server-to-controller hash"
_CLIENT = b"Tor safe cookie authentication controller-to-server hash"
_COOKIE_BYTES = 32
_HASH = re.compile(r"[0-9A-Fa-f]{64}", re.ASCII)

Command = Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class ProtocolInfo:
    """
    What a tor says of itself before it lets anybody in.

    @ivar methods: the ways in.
    @ivar cookieFile: where the cookie is; may be empty.
    @ivar version: tor's; may be empty.
    """

    methods: frozenset[str]
    cookieFile: str
    version: str

    @classmethod
    def fromReply(cls, text: str) -> ProtocolInfo:
        """
        Read the answer to C{PROTOCOLINFO}.

        @raise NotAControlPort: if it is none.
        """
        lines = text.splitlines()
        if not lines or lines[0].split()[:1] != ["PROTOCOLINFO"]:
            raise NotAControlPort
        words: dict[str, str] = {}
        for line in lines[1:]:
            words.update(parseKeywords(line))
        if "METHODS" not in words or "\0" in words.get("COOKIEFILE", ""):
            raise NotAControlPort
        return cls(
            methods=frozenset(words["METHODS"].split(",")),
            cookieFile=words.get("COOKIEFILE", ""),
            version=words.get("Tor", ""),
        )


class _Cookie:
    """
    A cookie, out of the sight of tracebacks.
    """

    def __init__(self, path: str) -> None:
        """
        Read it from its file.

        @raise UnfitFile: if there is none.
        """
        descriptor = openRegular(path) if os.path.isabs(path) else None
        if descriptor is None:
            raise UnfitFile("there is no such file")
        with open(descriptor, "rb") as file:
            self._bytes = file.read(_COOKIE_BYTES + 1)
        if len(self._bytes) != _COOKIE_BYTES:
            raise UnfitFile(f"it has not {_COOKIE_BYTES} bytes, as a cookie has")

    def shown(self) -> str:
        """
        Give the cookie itself.
        """
        return self._bytes.hex()

    def proven(self, whose: bytes, nonces: bytes) -> bytes:
        """
        Give what only those can compute who know the cookie.
        """
        return hmac.digest(whose, self._bytes + nonces, "sha256")


class Proof:
    """
    What we can prove ourselves by.

    @ivar introduced: whether what answers has said that it is a tor.
    """

    def __init__(self, password: bytes | None = None, *, showsCookie: bool = True) -> None:
        """
        @param password: what C{HashedControlPassword} is the hash of, if we know it.
        @param showsCookie: whether a cookie may be told to who has not proven to know it.
        """
        self._password = password
        self._showsCookie = showsCookie
        self.introduced = False

    @classmethod
    def fromEnvironment(cls, *, showsCookie: bool) -> Proof:
        """
        Take the password from C{$ONIONP2P_CONTROL_PASSWORD}, if it is there.
        """
        password = os.environ.get(PASSWORD_VARIABLE)
        return cls(os.fsencode(password) if password else None, showsCookie=showsCookie)

    async def show(self, command: Command) -> None:
        """
        Be let in.

        @param command: sends a command and gives the answer.

        @raise NotAControlPort: if what answers is no tor.
        @raise ControlAuthenticationFailed: if it does not let us in.
        @raise TorTooOld: if it is no tor for us.
        @raise ControlLost: if it closes the connection.
        @raise ControlTimeout: if it is silent.
        """
        try:
            info = ProtocolInfo.fromReply(await command("PROTOCOLINFO 1"))
        except TorRefusedCommand:
            raise NotAControlPort from None
        self.introduced = True
        checkVersion(f"Tor {info.version} ")
        try:
            await self._authenticate(info, command)
        except TorRefusedCommand as refused:
            raise ControlAuthenticationFailed(f"It says: {refused.detail}.") from None

    async def _authenticate(self, info: ProtocolInfo, command: Command) -> None:
        unreadable: ControlCookieUnreadable | None = None
        if info.methods & {"SAFECOOKIE", "COOKIE"}:
            try:
                await self._byCookie(info, command)
            except ControlCookieUnreadable as error:
                unreadable = error
            else:
                return
        if "HASHEDPASSWORD" in info.methods and self._password is not None:
            await self._byPassword(command)
        elif "NULL" in info.methods:
            await command("AUTHENTICATE")
        elif unreadable is not None:
            raise unreadable
        elif "HASHEDPASSWORD" in info.methods:
            raise ControlPasswordMissing
        else:
            raise ControlAuthenticationFailed("It offers no way that we know.")

    async def _byCookie(self, info: ProtocolInfo, command: Command) -> None:
        if "SAFECOOKIE" not in info.methods and not self._showsCookie:
            raise ControlCookieUnreadable(
                "It could only be shown (COOKIE), which any program on that port could ask for;"
                " every tor since 0.2.4 offers SAFECOOKIE."
            )
        try:
            cookie = _Cookie(info.cookieFile)
        except UnfitFile as unfit:
            raise _unreadable(info, str(unfit)) from None
        if "SAFECOOKIE" not in info.methods:
            await command(f"AUTHENTICATE {cookie.shown()}")
            return
        ours = secrets.token_bytes(32)
        words = parseKeywords(await command(f"AUTHCHALLENGE SAFECOOKIE {ours.hex()}"))
        theirs, proof = words.get("SERVERNONCE", ""), words.get("SERVERHASH", "")
        if not (_HASH.fullmatch(theirs) and _HASH.fullmatch(proof)):
            raise NotAControlPort
        nonces = ours + bytes.fromhex(theirs)
        if not hmac.compare_digest(cookie.proven(_SERVER, nonces), bytes.fromhex(proof)):
            raise ControlImpostor(f"The file is {info.cookieFile}.")
        await command(f"AUTHENTICATE {cookie.proven(_CLIENT, nonces).hex()}")

    async def _byPassword(self, command: Command) -> None:
        assert self._password is not None
        try:
            # In hexadecimal, a password needs no quotes and may hold anything.
            await command(f"AUTHENTICATE {self._password.hex()}")
        except TorRefusedCommand:
            raise ControlPasswordWrong from None


def _unreadable(info: ProtocolInfo, reason: str) -> ControlCookieUnreadable:
    if not info.cookieFile:
        return ControlCookieUnreadable("It does not say where its file is.")
    way = ""
    if "HASHEDPASSWORD" in info.methods:
        way = f"Or put its password into the environment variable {PASSWORD_VARIABLE}."
    return ControlCookieUnreadable(
        f"{info.cookieFile}: {reason}. {whoMayRead(info.cookieFile)} {way}"
    )
