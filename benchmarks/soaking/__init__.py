# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
An onion service and its dialer under faults, for as long as asked: the parts of benchmarks/soak.py.

In the planning process, which holds the private network: L{soaking.faults} is what will happen,
L{soaking.run} has it happen, L{soaking.subjects} are the two processes it happens to.
L{soaking.history} is what was seen, and L{soaking.trends} what has grown; L{soaking.report} tells
of both.  In the two processes, L{soaking.listener} and L{soaking.dialer}: L{soaking.orders} are
taken and answered, a tor is harmed by L{soaking.harm}, L{soaking.gauges} are read, and
L{soaking.visits} are made.
"""
