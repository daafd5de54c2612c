# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
C{onionp2p doctor}: what is here, what is missing, and what to do about it.

Each module has checks of one kind.  A check gives L{Finding}s, and changes nothing: what is wrong
with the machine is something found, never an error.  L{examine} runs them all.
"""

from __future__ import annotations

from onionp2p.doctor.checkup import Questions, examine
from onionp2p.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "Questions", "examine"]
