# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The commands that a fake tor knows (control-spec, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from onionp2p.testing.faketor.arguments import parseArguments
from onionp2p.testing.faketor.information import EVENTS, FEATURES, SIGNALS, getInfo
from onionp2p.testing.faketor.reconfiguring import reload, setConf
from onionp2p.testing.faketor.replies import CloseAfter, Refused
from onionp2p.testing.faketor.services import ServiceRequest, checkLabel

if TYPE_CHECKING:
    from onionp2p.testing.faketor.control import ControlSession
    from onionp2p.testing.faketor.tor import FakeTor

__all__ = ["answer"]

_BEFORE_AUTHENTICATION = {"PROTOCOLINFO", "AUTHENTICATE", "AUTHCHALLENGE", "QUIT"}
_ENDING = {"SHUTDOWN", "HALT"}
_ALIASES = {"HUP": "RELOAD", "INT": "SHUTDOWN", "TERM": "HALT", "USR1": "DUMP", "USR2": "DEBUG"}
_OK = ["250 OK"]


def answer(tor: FakeTor, session: ControlSession, word: str, text: str) -> list[str]:
    """
    Do what a command says.

    @param word: the command.
    @param text: its arguments.

    @return: the lines of the answer.

    @raise Refused: holds the answer.
    @raise CloseAfter: holds the answer, after which tor closes the connection.
    """
    name = word.upper()
    if not session.authentication.passed and name not in _BEFORE_AUTHENTICATION:
        raise CloseAfter(514, "Authentication required.")
    command = _COMMANDS.get(name)
    if command is None:
        raise Refused(510, f'Unrecognized command "{word}"')
    return command(tor, session, text)


def _addOnion(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    request = ServiceRequest(text, hasPow=tor.hasPow)
    service = request.service
    if service.label in tor.onions.services:
        raise Refused(550, "Onion address collision")
    tor.onions.serve(service)
    if "Detach" not in service.flags:
        session.services.append(service)
    return request.reply if request.answered else []


def _delOnion(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    (label,), _ = parseArguments("DEL_ONION", text, (1, 1))
    if not checkLabel(label):
        raise Refused(512, "Malformed Onion Service id")
    service = tor.onions.services.get(label)
    if service is None or not (service in session.onions or "Detach" in service.flags):
        raise Refused(552, "Unknown Onion Service id")
    tor.onions.withdraw(label)
    return _OK


def _setEvents(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    names = [name.upper() for name in text.split() if name.upper() != "EXTENDED"]
    for name in names:
        if name not in EVENTS.split():
            raise Refused(552, f'Unrecognized event "{name}"')
    session.events = frozenset(names)
    return _OK


def _useFeature(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    for name in text.split():
        if name.upper() not in FEATURES.split():
            raise Refused(552, f'Unrecognized feature "{name}"')
    return _OK


def _signal(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    (name,), _ = parseArguments("SIGNAL", text, (1, 1))
    if name.upper() not in SIGNALS.split():
        raise Refused(552, f'Unrecognized signal code "{name}"')
    meant = _ALIASES.get(name.upper(), name.upper())
    tor.controllers.tell("SIGNAL", meant)
    if meant in _ENDING:
        tor.exitSoon()
    elif meant == "RELOAD":
        reload(tor)
    elif meant == "NEWNYM":
        tor.circuits.retire()
        tor.onions.known.clear()
    return _OK


def _own(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    session.owner = True
    return _OK


def _disown(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    session.owner = False
    return _OK


def _fetch(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    (label, *_), _ = parseArguments("HSFETCH", text, (1, 1), {"server"})
    if not checkLabel(label):
        raise Refused(513, f'Invalid argument "{label}"')
    if tor.bootstrap.done:
        tor.work.begin(tor.onions.fetch, label)
    return _OK


def _quit(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    return ["250 closing connection"]


def _closeCircuit(tor: FakeTor, session: ControlSession, text: str) -> list[str]:
    (number, *_), _ = parseArguments("CLOSECIRCUIT", text, (1, 2))
    circuit = tor.circuits.get(int(number)) if number.isdecimal() else None
    if circuit is None:
        raise Refused(552, f'Unknown circuit "{number}"')
    circuit.close()
    return _OK


_COMMANDS: dict[str, Callable[[FakeTor, ControlSession, str], list[str]]] = {
    "ADD_ONION": _addOnion,
    "AUTHCHALLENGE": lambda tor, session, text: session.authentication.challenge(text),
    "AUTHENTICATE": lambda tor, session, text: session.authentication.authenticate(text),
    "CLOSECIRCUIT": _closeCircuit,
    "DEL_ONION": _delOnion,
    "DROPOWNERSHIP": _disown,
    "GETCONF": lambda tor, session, text: tor.configuration.getConf(text),
    "GETINFO": getInfo,
    "HSFETCH": _fetch,
    "ONION_CLIENT_AUTH_ADD": lambda tor, session, text: tor.clientKeys.add(text, tor.onions.known),
    "ONION_CLIENT_AUTH_REMOVE": lambda tor, session, text: tor.clientKeys.remove(text),
    "ONION_CLIENT_AUTH_VIEW": lambda tor, session, text: tor.clientKeys.view(text),
    "PROTOCOLINFO": lambda tor, session, text: session.authentication.protocolInfo(text),
    "QUIT": _quit,
    "RESETCONF": lambda tor, session, text: setConf(tor, text, reset=True),
    "SETCONF": lambda tor, session, text: setConf(tor, text, reset=False),
    "SETEVENTS": _setEvents,
    "SIGNAL": _signal,
    "TAKEOWNERSHIP": _own,
    "USEFEATURE": _useFeature,
}
