# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p client}: who may enter an onion (L{onionp2p.clients.listfile}, L{onionp2p.clients.keys}).

Public keys are arguments, private ones never.
"""

from __future__ import annotations

import os
from typing import Any

import click

from onionp2p.address import OnionAddress, parsePort
from onionp2p.cli.explained import Group
from onionp2p.cli.jsonlines import printObject
from onionp2p.cli.parameters import FILE, checkedBy, jsonOption, qrOption
from onionp2p.cli.qr import qrCode
from onionp2p.clients.keys import ClientKey, ClientKeyFile
from onionp2p.clients.listfile import ClientsFile, checkName
from onionp2p.clients.x25519 import checkPublicKey
from onionp2p.keys.files import inspectIdentity
from onionp2p.local.folders import expandHome

__all__ = ["client"]


@click.group(
    cls=Group,
    examples=[
        "onionp2p client invite friends alice --key web.key --port 80",
        "onionp2p ping --invitation alice.invitation",
        "onionp2p client list friends",
    ],
)
def client() -> None:
    """Who may enter an onion: keys, invitations, and the list of clients.

    The owner of an onion, who listens with clients=friends, invites Alice and
    sends her alice.invitation, which she keeps secret. Or Alice makes the key by
    `client new`, so that nothing secret is ever sent, and the owner takes the
    public half that it prints: `client invite friends alice --public KEY`.
    """


_clientsArgument = click.argument("clients", type=FILE)
_nameArgument = click.argument("name", callback=checkedBy(checkName))
_addressOption = click.option(
    "--address",
    callback=checkedBy(OnionAddress.fromString),
    metavar="ADDR",
    help="The onion, X.onion:PORT.",
)


@client.command(
    examples=["onionp2p client new my.key", "onionp2p client new my.key --address X.onion:80"]
)
@click.argument("path", type=FILE)
@_addressOption
@jsonOption
def new(path: str, *, address: OnionAddress | None, asJSON: bool) -> None:
    """Make a key at PATH by which to enter an onion.

    Its public half is printed, for the onion's owner. Where --address says which
    onion it is for, it is refused for others.

    With --json: {"file": "my.key", "public": "KEY"}
    """
    key = ClientKey.generate()
    file = ClientKeyFile(key) if address is None else ClientKeyFile.invitation(address, key)
    file.save(path)
    if asJSON:
        printObject(file=path, public=key.public)
        return
    click.echo(key.public)
    click.echo(
        f"Keep {click.format_filename(path)} secret. Send the owner of the onion this line, for the"
        " list of clients, with a name for you in the place of NAME:",
        err=True,
    )
    click.echo(f"NAME {key.public}", err=True)


@client.command(
    examples=[
        "onionp2p client invite friends alice --key web.key --port 80",
        "onionp2p client invite friends bob --address X.onion:80 --qr",
        "onionp2p client invite friends carol --public KEY",
    ]
)
@_clientsArgument
@_nameArgument
@_addressOption
@click.option("--key", type=FILE, metavar="IDENTITY", help="Or the onion's key file,")
@click.option("--port", callback=checkedBy(parsePort), metavar="N", help="and its port.")
@click.option(
    "--output",
    type=FILE,
    metavar="FILE",
    help="Where to write the invitation; - is standard output.  [default: NAME.invitation]",
)
@qrOption("Show it as a QR code, for a camera near by; a file is written only with --output.")
@click.option(
    "--public",
    callback=checkedBy(checkPublicKey),
    metavar="KEY",
    help="The friend's own public key.",
)
@jsonOption
def invite(clients: str, name: str, *, asJSON: bool, **options: Any) -> None:
    """Let a friend in: add NAME to the list CLIENTS.

    With the onion's address, or its key and port, a key is made for the friend,
    and an invitation that holds both: a secret, so send it safely. With --public,
    the friend has made the key, and nothing is written but the list.

    \b
    With --json (address and file are null with --public):
      {"name": "alice", "public": "KEY", "address": "/onion3/X:80",
       "file": "alice.invitation"}
    on one line.
    """  # noqa: D301 - click wants the control character
    if asJSON and (options["qr"] or options["output"] == "-"):
        raise click.UsageError("--json is of no use where the invitation itself is printed")
    if options["public"] is not None:
        others = [other for other in options if other != "public" and options[other]]
        if others:
            raise click.UsageError(f"--{others[0]} is of no use with --public")
        ClientsFile(clients).add(name, options["public"])
        if asJSON:
            printObject(name=name, public=options["public"], address=None, file=None)
        return
    address = _address(options["address"], options["key"], options["port"])
    invitation = ClientKeyFile.invitation(address, ClientKey.generate())
    code = _qrCode(invitation) if options["qr"] else None
    output = options["output"]
    if output is None and code is None:
        output = f"{name}.invitation"
    _add(clients, name, invitation, None if output == "-" else output)
    if asJSON:
        printObject(name=name, public=invitation.key.public, address=str(address), file=output)
    elif output == "-":
        click.echo(invitation.toContent(), nl=False)
    elif output is not None:
        shown = click.format_filename(output)
        click.echo(f"{shown} is for {name} alone: send it safely, then remove it.", err=True)
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
    lines = invitation.toContent().decode("ascii").split("\n")
    text = "\n".join(line for line in lines if not line.startswith("#"))
    # The least correction makes the least code, which still fills most of a terminal.
    return qrCode(text, correction="l")


@client.command(examples=["onionp2p client revoke friends alice"])
@_clientsArgument
@_nameArgument
def revoke(clients: str, name: str) -> None:
    """Let a friend in no more: take NAME from the list CLIENTS.

    A running onion notices, and the friend can make no new circuit to it. One that
    is up lives on until it ends, unless the onion listens with circuits=yes.
    """
    ClientsFile(clients).remove(name)


@client.command(
    "list", examples=["onionp2p client list friends", "onionp2p client list friends --json"]
)
@_clientsArgument
@jsonOption
def listClients(clients: str, *, asJSON: bool) -> None:
    """Print the names and public keys in the list CLIENTS.

    With --json, for each: {"name": "alice", "public": "KEY"}
    """
    for name, key in ClientsFile(clients).read().items():
        if asJSON:
            printObject(name=name, public=key)
        else:
            click.echo(f"{name} {key}")
