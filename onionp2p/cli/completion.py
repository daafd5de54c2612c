# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p completion}: the shell's Tab key.
"""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from onionp2p.cli.explained import Command

__all__ = ["completion"]

_VARIABLE = "_ONIONP2P_COMPLETE"


@click.command(
    cls=Command,
    examples=[
        "onionp2p completion bash > ~/.local/share/bash-completion/completions/onionp2p",
        "onionp2p completion zsh >> ~/.zshrc",
        "onionp2p completion fish > ~/.config/fish/completions/onionp2p.fish",
    ],
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the script by which SHELL completes commands, options and files.

    Put it where the shell reads it when it starts: the examples say where. To try
    it in the shell that runs: eval "$(onionp2p completion bash)". Needs bash 4.4,
    with its package bash-completion for the first example.
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(ctx.find_root().command, {}, "onionp2p", _VARIABLE).source())
