# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Bytes become a session, in whatever pieces they come.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.libp2p.errors import Libp2pError
from onionp2p.libp2p.identity import Identity
from onionp2p.libp2p.upgrade import Upgrade

ALICE, BOB = Identity.generate(), Identity.generate()


def pair(*, early: bool) -> tuple[Upgrade, Upgrade]:
    """Make both ends; C{early} is whether the handshake names the multiplexer."""
    ends = Upgrade(ALICE, dialer=True), Upgrade(BOB, dialer=False)
    if not early:
        ends[1].channel._ourMuxers = ()
    return ends


def fed(end: Upgrade, data: bytes, cut: int) -> bytes:
    """Feed an end in pieces, and give what it writes."""
    written = b""
    for start in range(0, len(data), cut):
        piece = data[start : start + cut]
        if end.done:
            end.rest += end.channel.decrypt(piece)
        else:
            written += end.receive(piece)
    return written


@given(early=st.booleans(), cut=st.integers(1, 300), rest=st.binary(max_size=100))
def test_anyPieces(early: bool, cut: int, rest: bytes) -> None:
    """
    Both ends come to a session with the other; what follows its beginning at once belongs to it.
    """
    dialer, listener = pair(early=early)
    toListener, toDialer = dialer.start(), listener.start()
    roundTrips = 0
    while not (dialer.done and listener.done):
        done = dialer.done
        roundTrips += not done
        toDialer += fed(listener, toListener, cut)
        toListener = fed(dialer, toDialer, cut)
        if dialer.done and not done:
            toListener += dialer.channel.encrypt(rest)
        toDialer = b""
    assert listener.rest + listener.channel.decrypt(toListener) == rest
    assert (dialer.channel.peer, listener.channel.peer) == (BOB.publicKey, ALICE.publicKey)
    # For Noise, for the handshake, and for the multiplexer unless the handshake named it.
    assert roundTrips == (2 if early else 3)


@given(data=st.binary(max_size=200), after=st.integers(0, 2))
def test_anything(data: bytes, after: int) -> None:
    """
    Whatever comes instead of what should, at any time, is an error of ours or is waited for.
    """
    dialer, listener = pair(early=False)
    message = dialer.start()
    ends = [listener, dialer, listener]
    for each in ends[:after]:
        message = each.receive(message)
    victim = ends[after]
    try:
        victim.receive(data)
    except Libp2pError:
        return
    assert not victim.done


def test_phases() -> None:
    """
    It can be told how far it came.
    """
    dialer, listener = pair(early=True)
    assert dialer.phase == "agreeing on Noise"
    first = dialer.receive(listener.receive(dialer.start()))
    assert dialer.phase == "shaking hands"
    listener.receive(dialer.receive(listener.receive(first)))
    assert dialer.phase == listener.phase == "done"


def test_wrongPeer() -> None:
    """
    The peer must be the one that is expected.
    """
    expecting = Upgrade(ALICE, dialer=True, expected=ALICE.publicKey.multihash)
    listener = Upgrade(BOB, dialer=False)
    first = expecting.receive(listener.receive(expecting.start()))
    with pytest.raises(Libp2pError):
        expecting.receive(listener.receive(first))
