# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Why a ping got no right answer.

Their texts are parts of a sentence: they follow C{seq=3: } or C{no answer from …: }.
"""

from __future__ import annotations

from onionp2p.errors import OnionError

__all__ = [
    "ConnectionEnded",
    "NoEcho",
    "PingError",
    "PingUnsupported",
    "TooManyUnanswered",
    "WrongEcho",
]


class PingError(OnionError):
    """
    A ping got no right answer.
    """

    def __str__(self) -> str:
        return self.detail


class NoEcho(PingError):
    """
    The echo did not come in time.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no echo within {seconds:g} s")


class WrongEcho(PingError):
    """
    The peer answered with other bytes than it was sent.
    """

    def __init__(self) -> None:
        super().__init__("the peer answered with other bytes than it was sent")


class TooManyUnanswered(PingError):
    """
    The ping was not sent, for the peer has not answered many earlier ones.
    """

    def __init__(self, count: int) -> None:
        super().__init__(f"not sent, for {count} earlier ones are still unanswered")


class ConnectionEnded(PingError):
    """
    The connection ended before the echo came.
    """

    def __init__(self, reason: BaseException) -> None:
        super().__init__(f"connection lost: {reason}")


class PingUnsupported(PingError):
    """
    The peer does not speak ping: to ask it again is of no use.
    """

    def __init__(self) -> None:
        super().__init__("the peer speaks libp2p, but not its ping")
