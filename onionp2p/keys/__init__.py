# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Identities, the keys behind onion addresses, and the files that keep them.

L{Identity} is the key and the text of its file, L{SealedIdentity} the text of one that a
L{Passphrase} encrypts, L{KeyFile} the file while a listener uses it.  What is done to files by the
C{onionp2p key} command is in L{onionp2p.keys.files}; tor's own forms are in
L{onionp2p.keys.torforms}.
"""

from __future__ import annotations

from onionp2p.keys.files import KeyFile
from onionp2p.keys.identity import Identity
from onionp2p.keys.passphrase import Passphrase
from onionp2p.keys.sealed import SealedIdentity

__all__ = ["Identity", "KeyFile", "Passphrase", "SealedIdentity"]
