# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p client}: who may enter an onion (L{onionp2p.clients.listfile}, L{onionp2p.clients.keys}).

Public keys are arguments, private ones never.
"""

from __future__ import annotations

import io
import os
from typing import Any

import click

from onionp2p.address import OnionAddress, parsePort
from onionp2p.cli.checked import checkedBy
from onionp2p.clients.keys import ClientKey, ClientKeyFile
from onionp2p.clients.listfile import ClientsFile, checkName
from onionp2p.clients.x25519 import checkPublicKey
from onionp2p.keys.files import inspectIdentity
from onionp2p.local.folders import expandHome

__all__ = ["client"]


@click.group()
def client() -> None:
    """Who may enter an onion: keys, invitations, and the list of clients.

    \b
    The owner of an onion, who listens with clients=friends:
      onionp2p client invite friends alice --key web.key --port 80
    sends alice.invitation to Alice, who keeps it secret:
      onionp2p ping --invitation alice.invitation

    \b
    Or Alice makes the key, so that nothing secret is ever sent:
      onionp2p client new my.key
    and sends the public half that it prints to the owner:
      onionp2p client invite friends alice --public KEY
    """  # noqa: D301 - click wants the control character


_addressOption = click.option(
    "--address",
    callback=checkedBy(OnionAddress.fromString),
    metavar="ADDR",
    help="The onion, X.onion:PORT.",
)
_nameArgument = click.argument("name", callback=checkedBy(checkName))


@client.command()
@click.argument("path")
@_addressOption
def new(path: str, address: OnionAddress | None) -> None:
    """Make a key at PATH by which to enter an onion.

    Its public half is printed, for the onion's owner. Where --address says which
    onion it is for, it is refused for others.
    """
    key = ClientKey.generate()
    file = ClientKeyFile(key) if address is None else ClientKeyFile.invitation(address, key)
    file.save(path)
    click.echo(key.public)
    click.echo(
        f"Keep {path} secret. Send the owner of the onion this line, for the list of clients,"
        " with a name for you in the place of NAME:",
        err=True,
    )
    click.echo(f"NAME {key.public}", err=True)


@client.command()
@click.argument("clients")
@_nameArgument
@_addressOption
@click.option("--key", metavar="IDENTITY", help="Or the onion's key file,")
@click.option("--port", callback=checkedBy(parsePort), metavar="N", help="and its port.")
@click.option(
    "--output",
    metavar="FILE",
    help="Where to write the invitation; - is standard output.  [default: NAME.invitation]",
)
@click.option("--qr", is_flag=True, help="Print it as a QR code, and to FILE only where given.")
@click.option(
    "--public",
    callback=checkedBy(checkPublicKey),
    metavar="KEY",
    help="The friend's own public key.",
)
def invite(clients: str, name: str, **options: Any) -> None:
    """Let a friend in: add NAME to the list CLIENTS.

    With the onion's address, or its key and port, a key is made for the friend,
    and an invitation that holds both: a secret, so send it safely. With --public,
    the friend has made the key, and nothing is written but the list.
    """
    if options["public"] is not None:
        others = [other for other in options if other != "public" and options[other]]
        if others:
            raise click.UsageError(f"--{others[0]} is of no use with --public")
        ClientsFile(clients).add(name, options["public"])
        return
    address = _address(options["address"], options["key"], options["port"])
    invitation = ClientKeyFile.invitation(address, ClientKey.generate())
    code = _qrCode(invitation) if options["qr"] else None
    output = options["output"] or (None if code else f"{name}.invitation")
    _add(clients, name, invitation, None if output == "-" else output)
    if output == "-":
        click.echo(invitation.toContent(), nl=False)
    elif output is not None:
        click.echo(f"{output} is for {name} alone: send it safely, then remove it.", err=True)
    if code is not None:
        click.echo(code)


def _address(address: OnionAddress | None, key: str | None, port: int | None) -> OnionAddress:
    """
    Tell which onion is meant.
    """
    if address is not None:
        if key is not None or port is not None:
            raise click.UsageError("give --address, or --key and --port")
        return address
    if key is None or port is None:
        raise click.UsageError("give --address ADDR, or --key IDENTITY and --port N, or --public")
    return OnionAddress(inspectIdentity(key).label, port)


def _add(clients: str, name: str, invitation: ClientKeyFile, path: str | None) -> None:
    """
    Write an invitation and add it to the list, or do neither.
    """
    if path is not None:
        invitation.save(path)  # first: a name in the list whose key is lost would be a riddle
    try:
        ClientsFile(clients).add(name, invitation.key.public)
    except BaseException:
        if path is not None:
            os.unlink(expandHome(path))
        raise


def _qrCode(invitation: ClientKeyFile) -> str:
    try:
        import segno
    except ImportError:
        raise click.ClickException("QR codes need segno: pip install 'onionp2p[qr]'") from None
    lines = invitation.toContent().decode("ascii").split("\n")
    text = "\n".join(line for line in lines if not line.startswith("#"))
    out = io.StringIO()
    # The least correction makes the least code, which still fills most of a terminal.
    segno.make(text, error="l", micro=False).terminal(out, compact=True)
    return out.getvalue().rstrip("\n")


@client.command()
@click.argument("clients")
@_nameArgument
def revoke(clients: str, name: str) -> None:
    """Let a friend in no more: take NAME from the list CLIENTS.

    A running onion notices, and the friend can make no new circuit to it. One that
    is up lives on until it ends, unless the onion listens with circuits=yes.
    """
    ClientsFile(clients).remove(name)


@client.command("list")
@click.argument("clients")
def listClients(clients: str) -> None:
    """Print the names and public keys in the list CLIENTS."""
    for name, key in ClientsFile(clients).read().items():
        click.echo(f"{name} {key}")
