# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
A guard against leaks.

While it is active, whatever in this process goes past Tor fails, and says which line did it::

    with LeakGuard():
        socket.getaddrinfo("example.com", 80)  # raises LeakError

Theory of operation.  Python tells its audit hooks (PEP 578) of each connection, datagram, bind and
look-up before it makes the system call, and an exception of the hook's takes the call's place.  All
of Python's ways to the network come by there: blocking calls and C{connect_ex}, Twisted's reactors
and asyncio's, the threads in which they look up names.

  - A hook can't be removed.  So there is one, installed when the first guard starts, and it does
    nothing while no guard is active.
  - Leaks come from any thread, so guards are the process's, not a thread's or a context's.  Of
    nested ones the innermost decides and remembers: it may allow what the outer one does not.
  - The error is a C{gaierror}, hence an C{OSError}: at others, resolvers and transports hang rather
    than fail.  But code that expects those tries again, or gives up in silence.  So each leak is
    logged too (critical, with its stack), kept in L{LeakGuard.leaks}, and raised once more when the
    C{with} block ends.
  - A reactor connects in a turn of its own, and looks up names in a thread of its pool, when the
    line that asked for it has left the stack.  So while a guard is active, it is remembered where
    each Internet socket was made, and where each job was handed to a pool.

What reaches nobody and lets nobody in is no leak: UNIX sockets, an Internet socket as such, a bind
to a loopback address (free ports are found so).  A bind to any other address is: whoever reaches
that door knows who serves the onion.  Nor is our own way to a tor on this machine, by TCP where
need be: see L{onionp2p.leaks.passage}.

What it does not see: programs that this one starts, tor among them (forked children are guarded,
but tell nobody); libraries that make system calls without Python (libcurl, uvloop, C{ctypes});
connections that were there before.  And a I{name} that is handed straight to C{socket.connect},
C{sendto} or C{bind} is resolved before Python tells: that fails too, but somebody was asked.
C{LeakGuard(sockets=False)} closes that gap.
"""

from __future__ import annotations

from onionp2p.leaks.guard import Allow, LeakError, LeakGuard, loopback

__all__ = ["Allow", "LeakError", "LeakGuard", "loopback"]
