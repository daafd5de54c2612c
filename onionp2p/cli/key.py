# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p key}: identities and their files (L{onionp2p.keys}).

No secret is ever an argument, or printed unasked.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from onionp2p.cli.explained import Group
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import FILE, jsonOption, qrOption
from onionp2p.cli.passphrases import passphraseNeeded, passphraseOption
from onionp2p.cli.qr import qrCode
from onionp2p.keys import Identity, Passphrase, SealedIdentity
from onionp2p.keys.files import (
    decryptKeyFile,
    encryptKeyFile,
    inspectIdentity,
    loadIdentity,
    saveIdentity,
)
from onionp2p.keys.torforms import (
    exportBlob,
    exportFolder,
    importBlob,
    importFolder,
    toBlob,
)

__all__ = ["key"]


@click.group(
    cls=Group,
    examples=[
        "onionp2p key new web.key",
        "twistd -n onionp2p ping --listen onionp2p:listen:port=80:key=web.key",
    ],
)
def key() -> None:
    """Identities: the keys behind onion addresses, for key=PATH.

    Where a passphrase is given, by --passphrase-fd or in the environment as
    ONIONP2P_KEY_PASSPHRASE, files that are made are encrypted by it. No file
    is ever overwritten.
    """


_pathArgument = click.argument("path", type=FILE)


def _save(path: str, identity: Identity, passphrase: Passphrase | None, *, asJSON: bool) -> None:
    saveIdentity(path, identity, passphrase)
    if asJSON:
        printObject(address=identity.hostname, encrypted=passphrase is not None, proven=True)
        return
    click.echo(identity.hostname)
    click.echo("encrypted" if passphrase else "not encrypted", err=True)


@key.command(
    examples=[
        "onionp2p key new web.key",
        "pass show web | onionp2p key new web.key --passphrase-fd 0",
    ]
)
@_pathArgument
@jsonOption
@passphraseOption
def new(path: str, *, asJSON: bool, passphrase: Passphrase | None) -> None:
    """Make a fresh identity at PATH, and print its address.

    With --json: {"address": "X.onion", "encrypted": false, "proven": true}
    """
    _save(path, Identity.generate(), passphrase, asJSON=asJSON)


@key.command(examples=["onionp2p key show web.key", "onionp2p key show web.key --qr"])
@_pathArgument
@qrOption("Show the address as a QR code, too.")
@jsonOption
@passphraseOption
def show(path: str, *, qr: bool, asJSON: bool, passphrase: Passphrase | None) -> None:
    """Print the address of the identity at PATH.

    An encrypted file tells it without the passphrase too, but does not prove it.

    With --json: {"address": "X.onion", "encrypted": true, "proven": false}
    """
    if qr and asJSON:
        raise click.UsageError("give one of --qr and --json")
    kept = inspectIdentity(path)
    encrypted = isinstance(kept, SealedIdentity)
    proven, state = True, "not encrypted"
    if encrypted:
        proven = passphrase is not None
        state = "encrypted; without the passphrase nothing proves this"
        if proven:
            loadIdentity(path, passphrase)
            state = "encrypted; the passphrase opens it"
    if asJSON:
        printObject(address=kept.hostname, encrypted=encrypted, proven=proven)
        return
    click.echo(kept.hostname)
    click.echo(state, err=True)
    if qr:
        click.echo(qrCode(kept.hostname))


def _torForms(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option(
            "--folder",
            type=click.Path(file_okay=False, readable=False),
            metavar="DIR",
            help="Tor's own: what HiddenServiceDir names.",
        ),
        click.option(
            "--blob",
            type=FILE,
            metavar="FILE",
            help="The line ED25519-V3:… of ADD_ONION, in FILE; - is standard input or output.",
        ),
    ):
        command = option(command)
    return command


def _oneOf(folder: str | None, blob: str | None) -> tuple[str, str]:
    if folder is not None and blob is None:
        return "folder", folder
    if blob is not None and folder is None:
        return "blob", blob
    raise click.UsageError("give one of --folder DIR and --blob FILE")


@key.command(
    "export",
    examples=[
        "onionp2p key export web.key --folder ./hidden_service",
        "onionp2p key export web.key --blob -",
    ],
)
@_pathArgument
@_torForms
@passphraseOption
def exportKey(
    path: str, folder: str | None, blob: str | None, passphrase: Passphrase | None
) -> None:
    """Write the identity at PATH in a form of tor's, unencrypted.

    For tor itself: put the folder where its user owns it, with its modes, and name
    it by HiddenServiceDir. Serve a key in one place at a time.
    """
    form, target = _oneOf(folder, blob)
    identity = loadIdentity(path, passphrase)
    if form == "folder":
        exportFolder(target, identity)
    elif target == "-":
        click.echo(toBlob(identity))
    else:
        exportBlob(target, identity)


@key.command(
    "import",
    examples=[
        "onionp2p key import web.key --folder /var/lib/tor/hidden_service",
        "onionp2p key import web.key --blob service.blob",
    ],
)
@_pathArgument
@_torForms
@jsonOption
@passphraseOption
def importKey(
    path: str,
    *,
    folder: str | None,
    blob: str | None,
    asJSON: bool,
    passphrase: Passphrase | None,
) -> None:
    """Make PATH of an identity in a form of tor's.

    With --json: {"address": "X.onion", "encrypted": false, "proven": true}
    """
    form, source = _oneOf(folder, blob)
    identity = importFolder(source) if form == "folder" else importBlob(source)
    _save(path, identity, passphrase, asJSON=asJSON)


@key.command(examples=["pass show web | onionp2p key encrypt web.key --passphrase-fd 0"])
@_pathArgument
@passphraseOption
def encrypt(path: str, passphrase: Passphrase | None) -> None:
    """Encrypt the identity at PATH, in its place.

    What it was in clear may stay readable on the disk, and in backups.
    """
    encryptKeyFile(path, passphraseNeeded(passphrase))


@key.command(examples=["pass show web | onionp2p key decrypt web.key --passphrase-fd 0"])
@_pathArgument
@passphraseOption
def decrypt(path: str, passphrase: Passphrase | None) -> None:
    """Put the identity at PATH in clear, in its place."""
    decryptKeyFile(path, passphraseNeeded(passphrase))
