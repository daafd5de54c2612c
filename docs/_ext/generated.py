# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the code itself knows, on pages: each command's C{--help}, and the exit codes.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from twisted.python import usage

from onionp2p.cli import main
from onionp2p.cli.exitcodes import ExitCode
from onionp2p.tap import Options

WIDTH = 80


def clickCommands() -> Iterator[tuple[str, click.Context]]:
    """
    Give all of C{onionp2p}'s commands, groups before what is in them, and how each was called.
    """
    yield from _under(main, None, "onionp2p")


def _under(
    command: click.Command, parent: click.Context | None, name: str
) -> Iterator[tuple[str, click.Context]]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        resilient_parsing=True,
        **(command.context_settings if parent is None else {}),
    )
    yield context.command_path, context
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from _under(found, context, each)


def twistdCommands() -> Iterator[tuple[str, usage.Options]]:
    """
    Give all of C{twistd onionp2p}'s commands.
    """
    options = Options()
    yield "twistd onionp2p", options
    for name, _, kind, _ in Options.subCommands:
        command = kind()
        command.parent = options
        yield f"twistd onionp2p {name}", command


def helpTexts(program: str) -> Iterator[tuple[str, str]]:
    """
    Give the commands of a program, and what C{--help} prints of each.
    """
    if program == "onionp2p":
        for name, context in clickCommands():
            yield name, context.command.get_help(context)
    else:
        for name, options in twistdCommands():
            yield name, options.getUsage(width=WIDTH)


class CommandsDirective(SphinxDirective):
    """
    C{{commands} onionp2p}, or C{twistd}: a section for each command.
    """

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return [self._section(*each) for each in helpTexts(self.arguments[0])]

    def _section(self, name: str, text: str) -> nodes.section:
        anchor = nodes.make_id(name)
        section = nodes.section(ids=[anchor], names=[anchor])
        section += nodes.title(name, "", nodes.literal(name, name))
        # Explicit: so pages may link to it, as commands.md#onionp2p-ping.
        self.state.document.note_explicit_target(section, section)
        section += nodes.literal_block(text, text.strip("\n"), language="text")
        return section


class ExitCodesDirective(SphinxDirective):
    """
    C{{exit-codes}}: what programs of ours end with.
    """

    def run(self) -> list[nodes.Node]:
        rows = [(str(code.value), code.meaning) for code in ExitCode]
        return [_table(("code", "when"), rows)]


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> nodes.table:
    """
    Make a table of plain text.
    """

    def row(cells: tuple[str, ...]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))

    group = nodes.tgroup(
        "", *(nodes.colspec(colwidth=width) for width in (15, 85)), cols=len(heads)
    )
    group += nodes.thead("", row(heads))
    group += nodes.tbody("", *map(row, rows))
    return nodes.table("", group)


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Sphinx asks for this.
    """
    app.add_directive("commands", CommandsDirective)
    app.add_directive("exit-codes", ExitCodesDirective)
    return {"parallel_read_safe": True}
