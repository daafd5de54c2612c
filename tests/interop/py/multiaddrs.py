# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Tells of each line of JSON, C{{"text": …}} or C{{"bytes": hexadecimal}}, what PyPI's multiaddr makes
of it.  Run by a Python that has that package.
"""

import json
import sys
from importlib import import_module

Multiaddr = import_module("multiaddr").Multiaddr

for line in sys.stdin:
    asked = json.loads(line)
    try:
        address = Multiaddr(asked.get("text") or bytes.fromhex(asked["bytes"]))
        answer = {"text": str(address), "bytes": address.to_bytes().hex()}
    except Exception as error:  # noqa: BLE001 - of many kinds
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
