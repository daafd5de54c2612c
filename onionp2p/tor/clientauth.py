# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our keys to onions that let in only whom they know: given to tor while they are needed
(control-spec, C{ONION_CLIENT_AUTH_ADD}).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import Deferred

from onionp2p.clientkeys import ClientKey
from onionp2p.errors import ClientKeyConflict, TorError
from onionp2p.outcome import Outcome
from onionp2p.tor.control import TorControl

__all__ = ["ClientAuthorizations"]


class _Authorization:
    """
    The key to one onion, and how many need it.
    """

    def __init__(self, key: ClientKey) -> None:
        self.key = key
        self.needed = 0
        self.added: Outcome[None] = Outcome()


class ClientAuthorizations:
    """
    The keys that one tor has from us.
    """

    def __init__(self, control: TorControl) -> None:
        self._control = control
        self._held: dict[str, _Authorization] = {}

    async def hold(self, label: str, key: ClientKey) -> Callable[[], None]:
        """
        Have tor use a key.

        @param label: the onion's 56 characters.

        @return: a callable that ends this; with the last one, tor forgets the key.

        @raise ClientKeyConflict: if another key is in use for the same onion.
        @raise TorError: if tor refuses, or is gone.
        """
        held = self._held.get(label)
        if held is None:
            held = self._held[label] = _Authorization(key)
            self._add(label, held)
        elif held.key != key:
            raise ClientKeyConflict
        held.needed += 1
        try:
            await held.added.wait()
        except BaseException:
            self._release(label, held)
            raise
        return lambda: self._release(label, held)

    def _add(self, label: str, held: _Authorization) -> None:
        command = f"ONION_CLIENT_AUTH_ADD {label} x25519:{held.key.forTor()}"
        added = Deferred.fromCoroutine(self._control.command(command))
        added.addCallbacks(
            lambda _: held.added.succeed(None), lambda failure: held.added.fail(failure.value)
        )

    def _release(self, label: str, held: _Authorization) -> None:
        held.needed -= 1
        if not held.needed:
            del self._held[label]
            # In the order of commands: whoever adds the key again does so after this.
            Deferred.fromCoroutine(self._remove(label))

    async def _remove(self, label: str) -> None:
        with suppress(TorError):  # where tor is gone, so is the key
            await self._control.command(f"ONION_CLIENT_AUTH_REMOVE {label}")
