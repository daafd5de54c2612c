# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is of this machine: folders, private files, locks, and the ways to programs that run here.
"""
