# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a process of the soak holds.
"""

from __future__ import annotations

import gc
import os
import re
import threading
from typing import Any

from measuring.gauges import descriptors, privateMemory

__all__ = ["read"]


def read(reactor: Any) -> dict[str, float]:
    """
    Read all gauges: bytes of memory, and counts.
    """
    private = privateMemory()  # first: it collects garbage
    return {
        "private memory": private,
        "resident memory": _resident(),
        "descriptors": descriptors(),
        "delayed calls": len(reactor.getDelayedCalls()),
        "threads": threading.active_count(),
        "children": _children(),
        "objects": len(gc.get_objects()),
    }


def _resident() -> int:
    with open("/proc/self/status") as file:
        found = re.search(r"VmRSS:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * 1024


def _children() -> int:
    """
    Count child processes, those that nobody has waited for included.
    """
    count = 0
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/children") as file:
            count += len(file.read().split())
    return count
