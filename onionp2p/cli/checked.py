# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Arguments and options whose text the library's own functions check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["checkedBy"]


def checkedBy(read: Callable[[str], Any]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """
    Give the C{callback} of a parameter that is what C{read} makes of its text.

    @param read: raises L{ValueError}, for the user to read beside the parameter's name.
    """

    def callback(ctx: click.Context, parameter: click.Parameter, text: str | None) -> Any:
        if text is None:  # an option that is not given
            return None
        try:
            return read(text)
        except ValueError as problem:
            raise click.BadParameter(str(problem), ctx, parameter) from None

    return callback
