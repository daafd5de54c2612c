# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The public key of an expanded ed25519 key (RFC 8032, section 5.1).

Libraries take the seed alone; tor keeps and takes the expanded key, from which no seed can be had
back, and makes an address of any 64 bytes.  So must who reads tor's keys, and who stands in for it.

One multiplication takes 3 ms, and how long exactly depends on the key: for what is done once, where
nobody measures.  Nothing here signs.
"""

from __future__ import annotations

from hashlib import sha512

__all__ = ["expand", "publicKey"]

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_BASE_Y = 4 * pow(5, -1, _P) % _P
_BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202

# Extended homogeneous coordinates: x = X/Z, y = Y/Z, x*y = T/Z.
Point = tuple[int, int, int, int]
_NEUTRAL: Point = (0, 1, 1, 0)
_BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)


def _add(left: Point, right: Point) -> Point:
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * t1 * t2 * _D % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def expand(seed: bytes) -> bytes:
    """
    Grow the 64 bytes that tor calls a key from a seed of 32.
    """
    key = bytearray(sha512(seed).digest())
    key[0] &= 248
    key[31] &= 63
    key[31] |= 64
    return bytes(key)


def publicKey(expanded: bytes) -> bytes:
    """
    Give the 32 bytes of the public key.
    """
    scalar = int.from_bytes(expanded[:32], "little")
    point, power = _NEUTRAL, _BASE
    while scalar:
        if scalar & 1:
            point = _add(point, power)
        power = _add(power, power)
        scalar >>= 1
    x, y, z, _ = point
    inverse = pow(z, -1, _P)
    x, y = x * inverse % _P, y * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")
