# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What is waited for, how long, by how many, and how one gives it up.
"""
