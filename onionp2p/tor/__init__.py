# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
All that talks to tor.

Only L{onionp2p.tor.control} imports txtorcon, and nothing imports that before tor is needed.
"""
