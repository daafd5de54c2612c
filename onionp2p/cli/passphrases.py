# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command is told the passphrase of a key file.
"""

from __future__ import annotations

import click

from onionp2p.cli.checked import checkedBy
from onionp2p.keys.passphrase import VARIABLE, Passphrase

__all__ = ["passphraseNeeded", "passphraseOption"]


def _read(text: str) -> Passphrase:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5:
        raise ValueError(f"{text!a} is not the number of a file descriptor")
    return Passphrase.fromDescriptor(int(text))


passphraseOption = click.option(
    "--passphrase-fd",
    "passphrase",
    callback=checkedBy(_read),
    metavar="N",
    help=f"Read the passphrase from file descriptor N, one line; else it is ${VARIABLE}.",
)


def passphraseNeeded(given: Passphrase | None) -> Passphrase:
    """
    Give the passphrase, from wherever it comes.

    @raise click.UsageError: if there is none.
    """
    try:
        passphrase = given or Passphrase.fromEnvironment()
    except ValueError as problem:
        raise click.UsageError(str(problem)) from None
    if passphrase is None:
        raise click.UsageError(
            f"give the passphrase in the environment, as {VARIABLE}, or by --passphrase-fd N"
        )
    return passphrase
