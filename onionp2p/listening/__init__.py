# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From C{listen()} to its port: where tor delivers, who comes in, what is told of it, and whether
strangers can reach it.  The way in is L{onionp2p.endpoints}.
"""
