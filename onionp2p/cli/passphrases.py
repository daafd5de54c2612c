# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How a command is told the passphrase of a key file.
"""

from __future__ import annotations

import click

from onionp2p.keys.passphrase import VARIABLE, Passphrase

__all__ = ["passphraseNeeded", "passphraseOption"]


def _read(ctx: click.Context, option: click.Parameter, text: str | None) -> Passphrase | None:
    if ctx.resilient_parsing:  # the Tab key
        return None
    try:
        if text is None:
            return Passphrase.fromEnvironment()
        return Passphrase.fromDescriptor(_number(text))
    except ValueError as problem:
        if text is None:  # it names the variable
            raise click.UsageError(str(problem), ctx) from None
        raise click.BadParameter(str(problem), ctx, option) from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5:
        raise ValueError(f"{text!a} is not the number of a file descriptor")
    return int(text)


passphraseOption = click.option(
    "--passphrase-fd",
    "passphrase",
    callback=_read,
    metavar="N",
    help=f"Read the passphrase from file descriptor N, one line; else it is ${VARIABLE}.",
)


def passphraseNeeded(given: Passphrase | None) -> Passphrase:
    """
    Give the passphrase.

    @raise click.UsageError: if there is none.
    """
    if given is None:
        raise click.UsageError(
            f"give the passphrase in the environment, as {VARIABLE}, or by --passphrase-fd N"
        )
    return given
