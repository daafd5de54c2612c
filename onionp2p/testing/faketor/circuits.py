# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Circuits between two fake tors: what a dial's streams share with those of the same isolation, and
with no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.delivery import deliver
from onionp2p.testing.faketor.socks import SocksRefused, failure

if TYPE_CHECKING:
    from onionp2p.testing.faketor.streams import Stream, StreamEnd
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["Circuit", "Circuits"]

_UNREACHABLE, _REFUSED = 0x01, 0x05
# Soon beyond 16 bits, which is where the mistakes are.
_FIRST_ID = 0xFFFE


class Circuit:
    """
    Leads from a tor that dials to the one that serves the onion.

    @ivar dialer: the tor that dials.
    @ivar listener: the tor that serves.
    @ivar label: the onion.
    @ivar token: the SOCKS user and password of the dials that share it.
    @ivar streams: what it carries.
    @ivar begun: when it was made, in the reactor's seconds.
    """

    def __init__(self, dialer: FakeTor, listener: FakeTor, label: str, token: bytes) -> None:
        self.dialer = dialer
        self.listener = listener
        self.label = label
        self.token = token
        self.streams: list[Stream] = []
        self.begun = float(dialer.reactor.seconds())
        self._opening = 0
        self.dialerId = dialer.circuits.add(self)
        self.listenerId = listener.circuits.add(self)

    async def open(self, host: str, port: int) -> StreamEnd:
        """
        Begin a stream.

        @return: the connection to the program behind the onion.

        @raise SocksRefused: says why not.
        """
        service = self.listener.onions.services.get(self.label)
        if service is None:
            self.close()
            raise SocksRefused(failure(_UNREACHABLE))
        if service.maxStreams and len(self.streams) + self._opening >= service.maxStreams:
            if service.closesCircuits:
                self.close()
            raise SocksRefused(failure(_REFUSED))
        self._opening += 1
        try:
            return await deliver(self.listener, service, host, port, self.listenerId)
        finally:
            self._opening -= 1

    def carry(self, stream: Stream) -> None:
        """
        Have a stream on it.
        """
        stream.number = self.dialer.circuits.newStreamNumber()
        self.streams.append(stream)
        stream.closed.wait().addCallback(lambda _: self.streams.remove(stream))

    def close(self) -> None:
        """
        End it and its streams.
        """
        self._forget()
        for stream in list(self.streams):
            stream.close()

    def abort(self) -> None:
        """
        The same, and lose what is under way.
        """
        self._forget()
        for stream in list(self.streams):
            stream.abort()

    def _forget(self) -> None:
        for tor in {self.dialer, self.listener}:
            tor.circuits.forget(self)


class Circuits:
    """
    Those that begin or end at a tor.
    """

    def __init__(self) -> None:
        self._ids = count(_FIRST_ID)
        self._streamNumbers = count(1)
        self._byId: dict[int, Circuit] = {}
        self._dirty: set[Circuit] = set()

    def __iter__(self) -> Iterator[Circuit]:
        return iter(dict.fromkeys(self._byId.values()))

    @property
    def numbered(self) -> list[tuple[int, Circuit]]:
        """
        Those with their numbers here: one that begins and ends here has two.
        """
        return list(self._byId.items())

    def newStreamNumber(self) -> int:
        """
        Give one that no stream had.
        """
        return next(self._streamNumbers)

    @property
    def streams(self) -> list[Stream]:
        """
        What they carry.
        """
        return [stream for circuit in self for stream in circuit.streams]

    def add(self, circuit: Circuit) -> int:
        """
        Know one more.

        @return: its number, which is only this tor's.
        """
        number = next(self._ids)
        self._byId[number] = circuit
        return number

    def forget(self, circuit: Circuit) -> None:
        """
        Know one less.
        """
        self._byId = {number: its for number, its in self._byId.items() if its is not circuit}
        self._dirty.discard(circuit)

    def get(self, number: int) -> Circuit | None:
        """
        Give the one of a number.
        """
        return self._byId.get(number)

    def find(self, dialer: FakeTor, label: str, token: bytes) -> Circuit | None:
        """
        Give the one that a new stream may use.
        """
        for circuit in self:
            its = (circuit.dialer, circuit.label, circuit.token)
            if its == (dialer, label, token) and circuit not in self._dirty:
                return circuit
        return None

    def retire(self) -> None:
        """
        Have new streams use new ones.
        """
        self._dirty.update(self)

    def closeAll(self, *, aborting: bool = False) -> None:
        """
        End all.
        """
        for circuit in self:
            if aborting:
                circuit.abort()
            else:
                circuit.close()
