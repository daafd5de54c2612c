# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p key}: identities and their files (L{onionp2p.keys}).

No secret is ever an argument, or printed unasked.
"""

from __future__ import annotations

from collections.abc import Callable

import click

from onionp2p.cli.passphrases import passphraseNeeded, passphraseOption
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


@click.group()
def key() -> None:
    """Identities: the keys behind onion addresses, for key=PATH.

    \b
    onionp2p key new web.key
    twistd -n web --listen onionp2p:listen:port=80:key=web.key --path .

    Where a passphrase is given, by --passphrase-fd or in the environment as
    ONIONP2P_KEY_PASSPHRASE, files that are made are encrypted by it. No file
    is ever overwritten.
    """  # noqa: D301 - click wants the control character


def _save(path: str, identity: Identity, passphrase: Passphrase | None) -> None:
    passphrase = passphrase or Passphrase.fromEnvironment()
    saveIdentity(path, identity, passphrase)
    click.echo(identity.hostname)
    click.echo("encrypted" if passphrase else "not encrypted", err=True)


@key.command()
@click.argument("path")
@passphraseOption
def new(path: str, passphrase: Passphrase | None) -> None:
    """Make a fresh identity at PATH, and print its address."""
    _save(path, Identity.generate(), passphrase)


@key.command()
@click.argument("path")
@passphraseOption
def show(path: str, passphrase: Passphrase | None) -> None:
    """Print the address of the identity at PATH.

    An encrypted file tells it without the passphrase too, but does not prove it.
    """
    kept = inspectIdentity(path)
    state = "not encrypted"
    if isinstance(kept, SealedIdentity):
        state = "encrypted; without the passphrase nothing proves this"
        if passphrase or Passphrase.fromEnvironment():
            loadIdentity(path, passphrase)
            state = "encrypted; the passphrase opens it"
    click.echo(kept.hostname)
    click.echo(state, err=True)


def _torForms(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--folder", metavar="DIR", help="Tor's own: what HiddenServiceDir names."),
        click.option(
            "--blob",
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


@key.command("export")
@click.argument("path")
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


@key.command("import")
@click.argument("path")
@_torForms
@passphraseOption
def importKey(
    path: str, folder: str | None, blob: str | None, passphrase: Passphrase | None
) -> None:
    """Make PATH of an identity in a form of tor's."""
    form, source = _oneOf(folder, blob)
    identity = importFolder(source) if form == "folder" else importBlob(source)
    _save(path, identity, passphrase)


@key.command()
@click.argument("path")
@passphraseOption
def encrypt(path: str, passphrase: Passphrase | None) -> None:
    """Encrypt the identity at PATH, in its place.

    What it was in clear may stay readable on the disk, and in backups.
    """
    encryptKeyFile(path, passphraseNeeded(passphrase))


@key.command()
@click.argument("path")
@passphraseOption
def decrypt(path: str, passphrase: Passphrase | None) -> None:
    """Put the identity at PATH in clear, in its place."""
    decryptKeyFile(path, passphraseNeeded(passphrase))
