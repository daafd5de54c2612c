# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
From the results of all benchmarks to docs/benchmarks.md and its pictures.

L{presenting.page} fills in benchmarks/page.md, where the prose is: with L{presenting.tables}, and
with L{presenting.pictures}, each of them a few L{presenting.charts} on a L{presenting.canvas}.
"""
