# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From the arguments of an endpoint string to a frozen record.

Pure: nothing is opened or started here, and every input gives a record or a C{ValueError} which
names the option and says what was expected.
"""

from __future__ import annotations

from onionp2p.options.dial import parseDial
from onionp2p.options.listen import parseListen
from onionp2p.options.paths import ONION_IDENTITY
from onionp2p.options.records import Admission, DialOptions, ListenOptions, TorOptions
from onionp2p.options.table import ProofOfWork, Wait

__all__ = [
    "ONION_IDENTITY",
    "Admission",
    "DialOptions",
    "ListenOptions",
    "ProofOfWork",
    "TorOptions",
    "Wait",
    "parseDial",
    "parseListen",
]
