# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our keys to onions that let in only whom they know: given to tor while they are needed
(control-spec, C{ONION_CLIENT_AUTH_ADD}).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from twisted.internet.defer import Deferred, DeferredList, DeferredLock

from onionp2p.clients.keys import ClientKey
from onionp2p.errors import ClientKeyConflict, TorError, TorShutDown
from onionp2p.tor.control import TorControl

__all__ = ["ClientAuthorizations"]

_SECONDS_TO_FORGET = 2.0
_VIEWED = re.compile(r"^CLIENT \S+ x25519:(\S+)", re.MULTILINE | re.ASCII)


class _Authorization:
    """
    The key to one onion, and how many need it.

    @ivar ours: whether tor has it from us, so that we take it back.
    """

    def __init__(self, key: ClientKey) -> None:
        self.key = key
        self.needed = 0
        self.ours = False


class ClientAuthorizations:
    """
    The keys that one tor has from us.

    A tor that others use too may have a key to the same onion already.  That one stays as it is.
    And tor forgets the keys of controllers when an option is set, whoever does that; so who needs
    one has tor asked for it first.
    """

    def __init__(self, control: TorControl) -> None:
        self._control = control
        self._held: dict[str, _Authorization] = {}
        # Whoever adds a key that another is taking back does so after that.
        self._turns = DeferredLock()
        self._over = False

    async def hold(self, label: str, key: ClientKey) -> Callable[[], None]:
        """
        Have tor use a key.

        @param label: the onion's 56 characters.

        @return: a callable that ends this; with the last one, tor forgets the key.

        @raise ClientKeyConflict: if another key is in use for the same onion.
        @raise TorError: if tor refuses, or is gone.
        """
        held = self._held.setdefault(label, _Authorization(key))
        if held.key != key:
            raise ClientKeyConflict
        held.needed += 1
        try:
            await self._ensure(label, held)
        except BaseException:
            self._release(label, held)
            raise
        return lambda: self._release(label, held)

    async def revokeAll(self) -> None:
        """
        Have tor forget all of them, and take no more: it would remember them when the control
        connection has ended.
        """
        self._over = True
        held, self._held = self._held, {}
        await DeferredList(
            [Deferred.fromCoroutine(self._forget(label, each)) for label, each in held.items()]
        )

    async def _ensure(self, label: str, held: _Authorization) -> None:
        async with self._turns:
            equal = _isPresent(
                await self._control.command(f"ONION_CLIENT_AUTH_VIEW {label}"), held.key
            )
            if self._over:
                raise TorShutDown
            if equal is False:
                raise ClientKeyConflict
            if equal is None:
                held.ours = True
                await self._control.command(
                    f"ONION_CLIENT_AUTH_ADD {label} x25519:{held.key.forTor()}"
                )

    def _release(self, label: str, held: _Authorization) -> None:
        held.needed -= 1
        if not held.needed and self._held.get(label) is held:
            del self._held[label]
            Deferred.fromCoroutine(self._remove(label, held))

    async def _remove(self, label: str, held: _Authorization) -> None:
        async with self._turns:
            await self._forget(label, held)

    async def _forget(self, label: str, held: _Authorization) -> None:
        if held.ours:
            with suppress(TorError):  # where tor is gone, so is the key
                await self._control.command(f"ONION_CLIENT_AUTH_REMOVE {label}", _SECONDS_TO_FORGET)


def _isPresent(answer: str, key: ClientKey) -> bool | None:
    """
    Tell from what C{ONION_CLIENT_AUTH_VIEW} says of one onion whether tor has C{key}; L{None} if it
    has none at all.
    """
    found = _VIEWED.search(answer)
    return None if found is None else found[1] == key.forTor()
