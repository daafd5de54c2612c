# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Who may enter an onion that lets in only whom it knows: their keys, invitations, the list.
"""
