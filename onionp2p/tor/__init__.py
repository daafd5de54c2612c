# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All that talks to tor.

L{onionp2p.tor.controlprotocol} alone imports txtorcon, and nothing imports that before tor is
needed.
"""
