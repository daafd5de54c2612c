# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What operators see of a program: a status file, metrics, and what systemd is told.

Each is a service of Twisted's that follows the events of its process (L{onionp2p.events}), so any
program can have it::

    StatusFile(reactor, "/run/app/status.json", listeners=1).setServiceParent(application)

L{Operated} starts them before what they watch and stops them after it, as C{twistd onionp2p} does.
"""

from __future__ import annotations

from onionp2p.operating.metrics import Metrics
from onionp2p.operating.operated import Operated
from onionp2p.operating.statusfile import StatusFile
from onionp2p.operating.systemd import SystemdNotifier

__all__ = ["Metrics", "Operated", "StatusFile", "SystemdNotifier"]
