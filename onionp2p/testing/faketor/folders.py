# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Onion services that are kept in folders: C{HiddenServiceDir} and the options that follow it (tor's
manual, "HIDDEN SERVICE OPTIONS").

The folders are real ones: keys, C{hostname} and C{authorized_clients} are files as tor's are.
"""

from __future__ import annotations

import os
import re
import secrets
from base64 import b32decode
from collections.abc import Sequence
from dataclasses import dataclass, field

from onionp2p.address import labelFromPublicKey
from onionp2p.keys.ed25519 import expand, publicKey
from onionp2p.testing.faketor.replies import Refused
from onionp2p.testing.faketor.services import Service, parsePort

__all__ = ["BrokenFolder", "ServiceFolder", "readServiceOptions"]

_SECRET = b"== ed25519v1-secret: type0 ==\0\0\0"
_PUBLIC = b"== ed25519v1-public: type0 ==\0\0\0"
_MOST = 2**31 - 1
_NUMBERS = {
    "HiddenServiceAllowUnknownPorts": (0, 1),
    "HiddenServiceDirGroupReadable": (0, 1),
    "HiddenServiceEnableIntroDoSBurstPerSec": (0, _MOST),
    "HiddenServiceEnableIntroDoSDefense": (0, 1),
    "HiddenServiceEnableIntroDoSRatePerSec": (0, _MOST),
    "HiddenServiceMaxStreams": (0, 65535),
    "HiddenServiceMaxStreamsCloseCircuit": (0, 1),
    "HiddenServiceNumIntroductionPoints": (3, 20),
    "HiddenServiceOnionBalanceInstance": (0, 1),
    "HiddenServicePoWDefensesEnabled": (0, 1),
    "HiddenServicePoWQueueBurst": (0, _MOST),
    "HiddenServicePoWQueueRate": (0, _MOST),
    "HiddenServiceVersion": (3, 3),
}
_PORT = re.compile(r'(\S+)(?:\s+(unix:)?(?:"([^"]*)"|(\S+)))?')
_CLIENT = re.compile(r"descriptor:x25519:([A-Za-z2-7]{52})\s*")
_ADDRESS = re.compile(r"[a-z2-7]{56}\.onion")


class BrokenFolder(Exception):
    """
    Of a folder whose files are not as they should be, tor dies.
    """


@dataclass
class ServiceFolder:
    """
    What the options say of one service.

    @ivar path: its folder.
    @ivar targets: see L{Service}.
    @ivar options: the others, by name.
    """

    path: str
    targets: dict[int, str] = field(default_factory=dict)
    options: dict[str, int] = field(default_factory=dict)

    def check(self, *, strictly: bool) -> None:
        """
        @param strictly: whether the folder is looked at: that it is one, and only for us.

        @raise ValueError: if tor would not take it.
        @raise BrokenFolder: as it says.
        """
        if not self.path or not self.targets:
            raise ValueError(self.path)
        private = 0o027 if self.options.get("HiddenServiceDirGroupReadable") else 0o077
        isThere = strictly and os.path.exists(self.path)
        if isThere and (not os.path.isdir(self.path) or os.stat(self.path).st_mode & private):
            raise ValueError(self.path)
        if self.options.get("HiddenServiceOnionBalanceInstance"):
            self._checkFrontends()

    def _checkFrontends(self) -> None:
        try:
            lines = self._read("ob_config").decode("ascii").splitlines()
        except OSError as problem:
            raise ValueError(str(problem)) from None
        addresses = [line.split()[1:] for line in lines if line.startswith("MasterOnionAddress ")]
        if not addresses:
            raise BrokenFolder("Caught signal 11")  # a fault of tor 0.4.9.11
        if not all(_ADDRESS.fullmatch(" ".join(words)) for words in addresses):
            raise ValueError("no address of an onion")

    def open(self) -> Service:
        """
        Read the key, or make it; write what tor writes.

        @raise BrokenFolder: as it says.
        """
        try:
            if not os.path.isdir(self.path):
                os.mkdir(self.path, 0o700)
            label = labelFromPublicKey(self._publicKey())
            self._write("hostname", f"{label}.onion\n".encode("ascii"))
            os.makedirs(self._file("authorized_clients"), 0o700, exist_ok=True)
            clients = self._clients()
        except OSError as problem:
            raise BrokenFolder(str(problem)) from None
        closes = self.options.get("HiddenServiceMaxStreamsCloseCircuit")
        return Service(
            label,
            self.targets,
            clients,
            flags=frozenset({"MaxStreamsCloseCircuit"} if closes else ()),
            maxStreams=self.options.get("HiddenServiceMaxStreams", 0),
            pow={name: value for name, value in self.options.items() if "PoW" in name},
            exportsCircuits=bool(self.options.get("HiddenServiceExportCircuitID")),
            folder=self.path,
        )

    def _publicKey(self) -> bytes:
        if not os.path.exists(self._file("hs_ed25519_secret_key")):
            self._write("hs_ed25519_secret_key", _SECRET + expand(secrets.token_bytes(32)))
        private = self._read("hs_ed25519_secret_key")
        if not private.startswith(_SECRET) or len(private) != len(_SECRET) + 64:
            raise BrokenFolder("Error loading rendezvous service keys")
        public = publicKey(private.removeprefix(_SECRET))
        if not os.path.exists(self._file("hs_ed25519_public_key")):
            self._write("hs_ed25519_public_key", _PUBLIC + public)
        if self._read("hs_ed25519_public_key") != _PUBLIC + public:
            raise BrokenFolder("The public key is another's")
        return public

    def _clients(self) -> frozenset[str]:
        keys = set()
        for name in sorted(os.listdir(self._file("authorized_clients"))):
            match = _CLIENT.fullmatch(self._read(f"authorized_clients/{name}").decode("latin-1"))
            if name.endswith(".auth") and match and b32decode(match[1].upper() + "===="):
                keys.add(match[1].upper())
        return frozenset(keys)

    def _file(self, name: str) -> str:
        return os.path.join(self.path, name)

    def _read(self, name: str) -> bytes:
        with open(self._file(name), "rb") as file:
            return file.read()

    def _write(self, name: str, data: bytes) -> None:
        descriptor = os.open(self._file(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)


def readServiceOptions(lines: Sequence[tuple[str, str]], *, strictly: bool) -> list[ServiceFolder]:
    """
    Read the options of services in folders, in their order.

    @param strictly: see L{ServiceFolder.check}.

    @raise Refused: as tor does, for whatever reason.
    """
    found: list[ServiceFolder] = []
    try:
        for name, value in lines:
            if name == "HiddenServiceDir":
                found.append(ServiceFolder(value))
            else:
                _take(found[-1], name, value)
        _check(found, strictly=strictly)
    except (ValueError, IndexError):
        raise Refused(
            513,
            "Unacceptable option value: Failed to configure rendezvous options. See logs for"
            " details.",
        ) from None
    return found


def _check(folders: list[ServiceFolder], *, strictly: bool) -> None:
    if len({folder.path for folder in folders}) < len(folders):
        raise ValueError("the same folder twice")
    for folder in folders:
        folder.check(strictly=strictly)


def _take(folder: ServiceFolder, name: str, value: str) -> None:
    if name == "HiddenServicePort":
        match = _PORT.fullmatch(value)
        if match is None:
            raise ValueError(value)
        virtual, unix, quoted, plain = match.groups("")
        port, target = parsePort(virtual, unix + (quoted or plain))
        folder.targets[port] = target
    elif name == "HiddenServiceExportCircuitID":
        if value not in {"none", "haproxy"}:
            raise ValueError(value)
        folder.options[name] = value == "haproxy"
    else:
        least, most = _NUMBERS[name]
        if not value.isdecimal() or not least <= int(value) <= most:
            raise ValueError(value)
        folder.options[name] = int(value)
