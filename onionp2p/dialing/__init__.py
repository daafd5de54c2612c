# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From C{connect()} to its protocol: the dial's turn, its circuits, its attempts, SOCKS.  The way in
is L{onionp2p.endpoints}.
"""
