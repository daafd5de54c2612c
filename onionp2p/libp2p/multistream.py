# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
multistream-select 1.0 (libp2p specs, C{connections/README.md}): two ends agree on what they speak.

Sans-I/O: bytes in, bytes out.  A message is a line with its length before it.  Both begin with the
protocol's own name; then one proposes, until the other echoes a proposal instead of C{na}.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from onionp2p.libp2p import varint
from onionp2p.libp2p.errors import MultistreamError, ProtocolUnsupported, WireError
from onionp2p.protocolname import LONGEST_NAME, MULTISTREAM

__all__ = ["Chooser", "Proposer"]

_NOT_AVAILABLE = "na"
_MOST_PROPOSALS = 32
_LONGEST = LONGEST_NAME + 1


def _line(text: str) -> bytes:
    data = text.encode("utf-8") + b"\n"
    return varint.encode(len(data)) + data


_HELLO = _line(MULTISTREAM)


class _Negotiation:
    """
    What both ends do: read and write messages.

    @ivar protocol: what was agreed on; L{None} before.
    @ivar rest: what followed: bytes of that protocol.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._greeted = False
        self.protocol: str | None = None
        self.rest = b""

    def receive(self, data: bytes) -> bytes:
        """
        Take bytes of the peer, in pieces of any size.

        @return: what to write now; may be empty.

        @raise MultistreamError: the peer speaks something else; nothing more may be passed in.
        @raise ProtocolUnsupported: no agreement is possible; nothing more may be passed in.
        """
        self._buffer += data
        written = b""
        while self.protocol is None:
            if not self._greeted and not _HELLO.startswith(self._buffer[: len(_HELLO)]):
                # At once: others may send less than the length that their bytes seem to be.
                raise MultistreamError("It does not begin as that does.")
            message = self._next()
            if message is None:
                return written
            if not self._greeted:
                self._greeted = True
                written += self._greet()
            else:
                written += self._answer(message)
        self.rest, self._buffer = self._buffer, b""
        return written

    def _next(self) -> str | None:
        try:
            found = varint.decode(self._buffer)
        except WireError as problem:
            raise MultistreamError(problem.detail) from None
        if found is None:
            return None
        size, start = found
        if not 1 <= size <= _LONGEST:
            raise MultistreamError(f"A message of it has {size} bytes.")
        line = self._buffer[start : start + size]
        if len(line) < size:
            return None
        if not line.endswith(b"\n"):
            raise MultistreamError("A message of it is no line.")
        self._buffer = self._buffer[start + size :]
        try:
            return line[:-1].decode("utf-8")
        except UnicodeDecodeError:
            raise MultistreamError("A message of it is no text.") from None

    def _greet(self) -> bytes:
        raise NotImplementedError

    def _answer(self, message: str) -> bytes:
        raise NotImplementedError


class Proposer(_Negotiation):
    """
    The end that proposes: the dialer, or who opened the stream.
    """

    def __init__(self, protocols: Sequence[str]) -> None:
        """
        @param protocols: names, the best first; one at least.
        """
        super().__init__()
        self._protocols = [*protocols]

    def start(self) -> bytes:
        """
        Give what to write first.
        """
        return _HELLO + _line(self._protocols[0])

    def _greet(self) -> bytes:
        return b""

    def _answer(self, message: str) -> bytes:
        if message == self._protocols[0]:
            self.protocol = message
            return b""
        if message != _NOT_AVAILABLE:
            raise MultistreamError("It answers what was not asked.")
        refused = self._protocols.pop(0)
        if not self._protocols:
            raise ProtocolUnsupported(refused)
        return _line(self._protocols[0])


class Chooser(_Negotiation):
    """
    The end that says yes or no.
    """

    def __init__(self, protocols: Container[str]) -> None:
        """
        @param protocols: the names to say yes to.
        """
        super().__init__()
        self._protocols = protocols
        self._proposals = 0

    def _greet(self) -> bytes:
        return _HELLO

    def _answer(self, message: str) -> bytes:
        if message in self._protocols:
            self.protocol = message
            return _line(message)
        self._proposals += 1
        if self._proposals == _MOST_PROPOSALS:
            raise ProtocolUnsupported(f"The peer asked for {_MOST_PROPOSALS} others.")
        # "ls", which asks for all the names, is answered so as well.
        return _line(_NOT_AVAILABLE)
