# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
How soon an onion service is back after its tor was killed: the parts of benchmarks/recovery.py.

L{recovering.services} are the contenders, one of them L{recovering.baretor}; L{recovering.stranger}
is who dials them; L{recovering.round} has one of them killed, and takes the times.
"""
