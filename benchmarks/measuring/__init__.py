# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What dialing costs, measured: the parts of benchmarks/dialing.py, and what all benchmarks share.

One process plans and reports, and does nothing but wait while others work:

  - L{measuring.standin}: a server of our own, in place of tor and all behind it;
  - L{measuring.network}: a private network of real tors, with an onion service;
  - L{measuring.worker}: the client whose time and memory count; one for each contender, fresh ones
    in each round.

They are told what to do in lines on their standard input, answer in lines on their standard
output, and end with their input (L{measuring.processes}).  Wherever a client has got through, it
finds the same server, which does as it is asked (L{measuring.requests}).

Each file is for one side of this.  In a worker: L{measuring.contenders} get connections,
L{measuring.rawsocket} too, L{measuring.protocols} use them, L{measuring.figures} and
L{measuring.growing} measure that by L{measuring.gauges}.  In the planning process:
L{measuring.datapath}, L{measuring.onions}, L{measuring.growth} and L{measuring.integrity} are the
parts.

What all other benchmarks use too: L{measuring.results}, made of L{measuring.samples}, are what they
give, L{measuring.runs} keep it with its L{measuring.conditions}, and L{measuring.report} prints it.
"""
