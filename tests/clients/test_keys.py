# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Client keys, invitations and their files.
"""

from __future__ import annotations

import base64
import io
import os
import stat
import sys
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectError

from onionp2p.address import OnionAddress
from onionp2p.clients.keys import ClientKey, ClientKeyFile, loadClientKey, readInvitation
from onionp2p.clients.x25519 import checkPublicKey
from onionp2p.errors import ClientKeyError
from onionp2p.keys import Identity
from onionp2p.keys.ed25519 import publicKey

KEY = ClientKey(bytes(range(32)))
ADDRESS = OnionAddress(Identity(bytes(range(32))).label, 7777)
OTHER = OnionAddress(Identity(bytes(range(1, 33))).label, 7777)
INVITATION = ClientKeyFile.invitation(ADDRESS, KEY).toContent()
SECRETS = (KEY.toBase32()[:10], KEY.forTor()[:10], repr(bytes(range(32)))[2:20])

privateKeys = st.binary(min_size=32, max_size=32).filter(any)


def write(path: Path, content: bytes, mode: int = 0o600) -> str:
    """
    Make a file.
    """
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


@given(privateKeys)
def test_publicHalfIsCurve25519s(private: bytes) -> None:
    """
    The public half is the same point of the curve that an ed25519 key of that number has, written
    as RFC 7748, section 4.1, translates it.
    """
    scalar = bytearray(private)
    scalar[0] &= 248
    scalar[31] = scalar[31] & 63 | 64
    prime = 2**255 - 19
    y = int.from_bytes(publicKey(bytes(scalar)), "little") & ~(1 << 255)
    u = (1 + y) * pow(1 - y, -1, prime) % prime
    text = ClientKey(private).public
    assert len(text) == 52
    assert base64.b32decode(text + "====") == u.to_bytes(32, "little")


def test_zeroIsNoKey() -> None:
    """
    An invitation with the key that is nobody's is refused, before tor meets it.
    """
    with pytest.raises(ValueError, match="nobody's key"):
        ClientKeyFile.fromContent(f"{ADDRESS.label}:descriptor:x25519:{'A' * 52}".encode())


@given(privateKeys)
def test_forms(private: bytes) -> None:
    """
    Tor's command takes base64, files take base32; a key is read back in either case of letters.
    """
    key = ClientKey(private)
    assert base64.b64decode(key.forTor()) == base64.b32decode(key.toBase32() + "====")
    assert ClientKey.fromBase32(key.toBase32().lower()).forTor() == key.forTor()


def test_equality() -> None:
    """
    Keys are equal that open the same.
    """
    assert ClientKey(bytes(range(32))) == KEY
    assert len({KEY, ClientKey(bytes(range(32))), ClientKey.generate()}) == 2
    assert KEY.public != KEY


def test_reprKeepsTheSecret() -> None:
    """
    What is shown of a key is its public half, of a file and an error too.
    """
    shown = repr(KEY) + repr(ClientKeyFile.fromContent(INVITATION))
    assert KEY.public in shown
    assert [secret for secret in SECRETS if secret in shown] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "52 characters, not 0"),
        ("A" * 51, "52 characters, not 51"),
        ("A" * 10_000, "52 characters, not 10000"),
        ("1" + KEY.public[1:], "only the letters A-Z and the digits 2-7"),
        ("\N{KELVIN SIGN}" + KEY.public[1:], "only the letters A-Z and the digits 2-7"),
        ("\u0131" + KEY.public[1:], "only the letters A-Z and the digits 2-7"),
        (KEY.public[:-1] + "B", "no key ends so"),
        (" " + KEY.public[1:], "only the letters"),
        ("descriptor:rsa:" + KEY.public, "52 characters"),
        ("A" * 52, "nobody's key"),
        ("AEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "nobody's key"),
    ],
)
def test_publicKeysAreChecked(text: str, complaint: str) -> None:
    """
    What is no public key says why; the points that make every secret known are none.
    """
    with pytest.raises(ValueError, match=complaint):
        checkPublicKey(text)


def test_publicKeysInAllForms() -> None:
    """
    Tor's prefix may stand before a public key, and its letters be small.
    """
    for text in (KEY.public, KEY.public.lower(), f"descriptor:x25519:{KEY.public}"):
        assert checkPublicKey(text) == KEY.public


def test_savedAndLoaded(tmp_path: Path) -> None:
    """
    A file is its owner's alone, and gives back what it was made of.
    """
    path = tmp_path / "key"
    umask = os.umask(0)
    try:
        ClientKeyFile.invitation(ADDRESS, KEY).save(str(path))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert loadClientKey(str(path), ADDRESS) == KEY
    assert readInvitation(str(path)) == (ADDRESS, KEY)
    with pytest.raises(ClientKeyError, match="it exists already"):
        ClientKeyFile(ClientKey.generate()).save(str(path))
    assert readInvitation(str(path)) == (ADDRESS, KEY)
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(
    "content",
    [
        INVITATION,
        INVITATION.replace(b"\n", b"\r\n"),
        INVITATION[:-1],
        b"\n".join([INVITATION.splitlines()[0], *reversed(INVITATION.splitlines()[1:])]),
        INVITATION.replace(b"/onion3/", b"").replace(b":7777", b".onion:7777"),
        INVITATION.replace(b"\n", b"\n\n  "),
        INVITATION.replace(KEY.public.encode(), KEY.public.lower().encode()),
        ClientKeyFile(KEY).toContent(),
        f"{ADDRESS.label}:descriptor:x25519:{KEY.toBase32()}".encode(),
        f"\n{ADDRESS.label}:descriptor:x25519:{KEY.toBase32().lower()}\r\n".encode(),
        f"{ADDRESS.label.upper()}:descriptor:x25519:{KEY.toBase32()}\n".encode(),
    ],
)
def test_formats(tmp_path: Path, content: bytes) -> None:
    """
    Invitations that went through the mail, keys without an address and tor's own files are read.
    """
    path = write(tmp_path / "key", content)
    assert loadClientKey(path, ADDRESS) == KEY


@pytest.mark.parametrize(
    "content", [INVITATION, f"{ADDRESS.label}:descriptor:x25519:{KEY.toBase32()}".encode()]
)
def test_keysAreForOneOnion(tmp_path: Path, content: bytes) -> None:
    """
    The key to another onion is refused, and neither address is told in full.
    """
    path = write(tmp_path / "key", content)
    other = OnionAddress(ADDRESS.label, 80)  # another port is the same onion
    assert loadClientKey(path, other) == KEY
    with pytest.raises(
        ClientKeyError, match=r"key: it is the key to aoqq.*, not to .*\."
    ) as caught:
        loadClientKey(path, OTHER)
    assert isinstance(caught.value, ConnectError)
    assert ADDRESS.label not in str(caught.value)
    assert OTHER.label not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "it is not a client key file"),
        (b"\0" * 100, "it is not a client key file"),
        (b"my thesis", "it is not a client key file"),
        (INVITATION.replace(b"key 1", b"key 2"), "another version of onionp2p"),
        (INVITATION + b"\xc3\xa4", "more than plain text"),
        (INVITATION.replace(b"#", b"\0#"), "more than plain text"),
        (INVITATION + b"port 80\n", "a line that does not belong there"),
        (INVITATION + b"address x\n", "two lines for address"),
        (INVITATION.partition(b"private")[0], "lacks a key"),
        (INVITATION.replace(b"public ", b"#"), "lacks a key"),
        (INVITATION.replace(KEY.public.encode(), ClientKey.generate().public.encode()), "together"),
        (INVITATION.replace(b":7777", b":77777"), "its address is none: a port"),
        (INVITATION.replace(b"/onion3/a", b"/onion3/b"), "its address is none: .* checksum"),
        (INVITATION + b"#" * 4096, "it is too long"),
        (b"x:descriptor:x25519:" + KEY.toBase32().encode(), "its address is none"),
        (ADDRESS.label.encode() + b":descriptor:x448:AAAA", "of a kind that tor does not use"),
        (ADDRESS.label.encode() + b":descriptor:x25519:AAAA", "52 characters, not 4"),
        (INVITATION.replace(b"\n", b"\r"), "it is not a client key file|another version"),
    ],
)
def test_damagedFiles(tmp_path: Path, content: bytes, complaint: str) -> None:
    """
    A file that can't be understood says why, without its secret: from a file and from a stream.
    """
    path = write(tmp_path / "key", content)
    with pytest.raises(ClientKeyError, match=f"another. {path}: .*({complaint})") as caught:
        loadClientKey(path, ADDRESS)
    text = str(caught.value)
    with pytest.raises(ClientKeyError, match=f"standard input: .*({complaint})") as caught:
        readInvitation("-", io.BytesIO(content))
    assert [secret for secret in SECRETS if secret in text + str(caught.value)] == []


@given(st.integers(0, len(INVITATION) - 1), st.integers(1, 127))
def test_anyFlippedByteIsFoundOrHarmless(index: int, flip: int) -> None:
    """
    A changed invitation never holds another key, nor another onion.
    """
    damaged = bytearray(INVITATION)
    damaged[index] ^= flip
    complaint = ""
    try:
        file = ClientKeyFile.fromContent(bytes(damaged))
    except ValueError as problem:
        complaint = str(problem)
    else:
        assert file.key == KEY
        assert file.label in {None, ADDRESS.label}
    assert [secret for secret in SECRETS if secret in complaint] == []


@given(st.binary(max_size=300))
def test_readingIsTotal(content: bytes) -> None:
    """
    Any content is a key or a ValueError.
    """
    for each in (content, b"onionp2p client key 1\n" + content, b"x:descriptor:x25519:" + content):
        with pytest.raises(ValueError, match="it"):
            ClientKeyFile.fromContent(each)


def test_unfitFiles(tmp_path: Path) -> None:
    """
    What is no private file of ours is refused, and nothing made.
    """
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("readable")
    os.mkfifo(tmp_path / "fifo", 0o600)
    write(tmp_path / "readable", INVITATION, 0o640)
    before = sorted(tmp_path.iterdir())
    for name, complaint in [
        ("folder", "not a regular file"),
        ("fifo", "not a regular file"),
        ("link", "it is a link"),
        ("readable", "others can read it"),
        ("missing", "there is no such file"),
        ("missing/key", "there is no such file"),
        ("readable/key", "Not a directory"),
        ("n\0l", "no file can have such a name"),
        ("k" * 256, "name too long"),
    ]:
        for load in (readInvitation, lambda path: loadClientKey(path, ADDRESS)):
            with pytest.raises(ClientKeyError, match=complaint):
                load(str(tmp_path / name))
    assert sorted(tmp_path.iterdir()) == before


def test_invitationFromStandardInput(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A dash is standard input, which may be closed, or never end.
    """
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(INVITATION)))
    assert readInvitation("-") == (ADDRESS, KEY)
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ClientKeyError, match="standard input: it is closed"):
        readInvitation("-")
    closed = io.BytesIO(INVITATION)
    closed.close()
    with pytest.raises(ClientKeyError, match="standard input: it is closed"):
        readInvitation("-", closed)
    with open("/dev/zero", "rb") as endless, pytest.raises(ClientKeyError, match="too long"):
        readInvitation("-", endless)


@pytest.mark.parametrize(
    "content",
    [ClientKeyFile(KEY).toContent(), f"{ADDRESS.label}:descriptor:x25519:{KEY.public}".encode()],
)
def test_keysAreNoInvitations(tmp_path: Path, content: bytes) -> None:
    """
    A key that does not say where to go is no invitation.
    """
    path = write(tmp_path / "key", content)
    with pytest.raises(ClientKeyError, match="key: it holds a key and no address with its port"):
        readInvitation(path)


def test_tracebacksKeepTheSecret(tmp_path: Path) -> None:
    """
    Not even a traceback that shows variables holds the key.
    """
    path = write(tmp_path / "key", INVITATION + b"port 80\n")
    text = ""
    for load in (
        lambda: loadClientKey(path, ADDRESS),
        lambda: readInvitation("-", io.BytesIO(INVITATION + b"port 80\n")),
        lambda: ClientKeyFile(KEY).save(path),
    ):
        try:
            load()
        except ClientKeyError as error:
            shown: BaseException | None = error
            while shown is not None:
                captured = traceback.TracebackException.from_exception(shown, capture_locals=True)
                text += "".join(captured.format())
                shown = shown.__context__
    assert text.count("ClientKeyError: ") >= 3
    assert [secret for secret in SECRETS if secret in text] == []
