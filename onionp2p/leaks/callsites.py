# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Which line of a program is behind what happens now.

Between that line and the system call are frames of Python's, Twisted's and other libraries, and a
reader wants to know none of them.  Where a reactor's turn or a thread began, the search ends: what
is further out in the stack waits for the reactor, and has nothing to do with it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from traceback import StackSummary, walk_stack
from types import FrameType

__all__ = ["CallSite"]

_LIBRARIES = frozenset({*sys.stdlib_module_names, "twisted", "zope"})
_OURS = "onionp2p.leaks."
_INSTALLED = ("site-packages", "dist-packages")
# What calls those who wait for the reactor: the library, and the function's name there.
_TURNS = {("asyncio", "_run"), ("twisted", "_doReadOrWrite"), ("twisted", "runUntilCurrent")}


@dataclass(frozen=True)
class CallSite:
    """
    Where something was called.

    @ivar line: the line of the program, C{/app/main.py:12 in connect}; of an installed library,
        where no line of the program is there; empty, where there is neither.
    @ivar caller: the innermost line, whosever it is.
    @ivar stack: the frames, outermost first.
    """

    line: str
    caller: str
    stack: StackSummary

    @classmethod
    def of(cls, frame: FrameType | None) -> CallSite:
        """
        Look outwards from a frame.
        """
        # Source lines are read when somebody wants to see them.
        stack = StackSummary.extract(walk_stack(frame), lookup_lines=False)
        stack.reverse()
        return cls(_line(frame), "" if frame is None else _place(frame), stack)

    def __str__(self) -> str:
        return "".join(self.stack.format()).rstrip("\n")


def _line(frame: FrameType | None) -> str:
    libraries = ""
    for each in _turn(frame):
        if _library(each) in _LIBRARIES or _module(each).startswith(_OURS):
            continue
        if not any(name in each.f_code.co_filename for name in _INSTALLED):
            return _place(each)
        libraries = libraries or _place(each)
    return libraries


def _turn(frame: FrameType | None) -> Iterator[FrameType]:
    """
    Give the frames from this one to the one that the reactor called.
    """
    while frame is not None and (_library(frame), frame.f_code.co_name) not in _TURNS:
        yield frame
        frame = frame.f_back


def _library(frame: FrameType) -> str:
    return _module(frame).partition(".")[0]


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
