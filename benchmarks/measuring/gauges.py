# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What a process has used: CPU time, memory, file descriptors.  Linux only: memory is /proc's.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import time

__all__ = ["Meter", "descriptors", "forgetPeak", "peakMemory", "privateMemory"]

_KIB = 1024


class Meter:
    """
    Clock and CPU time (user's and system's, all threads) since it was made, in seconds.
    """

    def __init__(self) -> None:
        gc.collect()
        self._clock, self._cpu = time.perf_counter(), time.process_time()

    @property
    def clock(self) -> float:
        """
        Seconds that have passed.
        """
        return time.perf_counter() - self._clock

    @property
    def cpu(self) -> float:
        """
        Seconds of CPU time that this process has used.
        """
        return time.process_time() - self._cpu


def privateMemory() -> int:
    """
    Give the bytes of memory that are this process's alone, with nothing in them that could be
    given back: garbage is collected, and what malloc keeps is trimmed.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(kib) for kib in re.findall(r"Private_\w+: +(\d+) kB", file.read())) * _KIB


def peakMemory() -> int:
    """
    Give the most bytes that were in memory at any time since L{forgetPeak} (VmHWM).
    """
    with open("/proc/self/status") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    assert found is not None
    return int(found[1]) * _KIB


def forgetPeak() -> int:
    """
    Begin anew, and give the bytes in memory now.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return peakMemory()


def descriptors() -> int:
    """
    Count this process's open file descriptors.
    """
    return len(os.listdir("/proc/self/fd")) - 1  # the listing's own
