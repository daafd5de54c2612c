# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Whether Twisted finds our plugins: a string that it does not know is all that it says otherwise.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType

from twisted.application.service import IServiceMaker
from twisted.internet.interfaces import (
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import getPlugins

from onionp2p.doctor.finding import Finding, problem, warning, well

__all__ = ["checkPlugin"]

_NAME = "onionp2p"
_MODULE = "onionp2p_plugin"


def checkPlugin(package: ModuleType | None = None) -> list[Finding]:
    """
    Whether it finds the two parsers and the service maker.

    @param package: whose plugins, by default those of Twisted.
    """
    package = package or import_module("twisted.plugins")
    folders = [
        folder
        for folder in package.__path__
        if os.path.isfile(os.path.join(folder, f"{_MODULE}.py"))
    ]
    again = f"{sys.executable} -m pip install --force-reinstall --no-deps onionp2p"
    if not folders:
        found = f"Twisted does not see {package.__name__.replace('.', '/')}/{_MODULE}.py"
        return [problem("plugin", found, again)]
    cache = os.path.join(folders[0], "dropin.cache")
    missing = _missing(package)
    if not missing:
        return [_judgeCache(folders[0], cache)]
    try:
        import_module(f"{package.__name__}.{_MODULE}")
    except Exception as error:  # noqa: BLE001 - whatever is broken in there
        return [problem("plugin", f"Twisted can't import it: {error}", again)]
    found = f"Twisted does not know {' and '.join(missing)}, for {cache} is out of date"
    return [problem("plugin", found, f"rm {cache}")]


def _missing(package: ModuleType) -> list[str]:
    """
    Name what Twisted does not find.
    """
    listen = {each.prefix for each in getPlugins(IStreamServerEndpointStringParser, package)}
    dial = {
        each.prefix for each in getPlugins(IStreamClientEndpointStringParserWithReactor, package)
    }
    makers = {each.tapname for each in getPlugins(IServiceMaker, package)}
    named = [
        ("onionp2p:listen:", listen),
        ("onionp2p:dial:", dial),
        ("twistd onionp2p", makers),
    ]
    return [what for what, known in named if _NAME not in known]


def _judgeCache(folder: str, cache: str) -> Finding:
    """
    Say whether the cache of plugins, which Twisted writes where it may, will do.
    """
    found = f"Twisted finds it in {folder}"
    plugin = os.path.join(folder, f"{_MODULE}.py")
    try:
        isCurrent = os.stat(cache).st_mtime > os.stat(plugin).st_mtime
    except OSError:
        isCurrent = False
    if isCurrent and os.access(cache, os.R_OK):
        return well("plugin", found)
    # What Twisted's own documentation says to run after each installation.
    refresh = f"{sys.executable} -c 'from twisted.plugin import *; list(getPlugins(IPlugin))'"
    return warning(
        "plugin",
        f"{found}, but {cache} can't be used, so each start imports the plugins of all programs",
        f"as the owner of that folder: chmod a+r {cache}; {refresh}",
    )
