# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The circuits of the tor that C{onionp2p testnet run --client} has for programs, asked of itself.

Two circuits of one tor to one onion can differ fourfold in what they carry, so that whoever is
compared with somebody else must go by the same.
"""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

__all__ = ["circuitsTo", "commonPort"]

_SECONDS = 20.0


def commonPort() -> str:
    """
    Have it open one more SOCKS port of 127.0.0.1, at which all share circuits, whatever they say
    of themselves; and give its number.
    """
    own = f"127.0.0.1:{os.environ['TOR_SOCKS_PORT']} ExtendedErrors"
    common = "127.0.0.1:auto ExtendedErrors NoIsolateSOCKSAuth"
    _, _, listeners = _ask(
        f'SETCONF SocksPort="{own}" SocksPort="{common}"', "GETINFO net/listeners/socks"
    )
    (port,) = set(re.findall(r':(\d+)"', listeners)) - {os.environ["TOR_SOCKS_PORT"]}
    return port


def circuitsTo(label: str) -> list[str]:
    """
    Give the numbers of its circuits to an onion.

    @param label: the onion's 56 characters.
    """
    _, circuits = _ask("GETINFO circuit-status")
    ours = rf"^(\d+) BUILT .* PURPOSE=HS_CLIENT_REND .*HS_STATE=HSCR_JOINED .*REND_QUERY={label}\b"
    return re.findall(ours, circuits, re.MULTILINE)


def _ask(*commands: str) -> list[str]:
    """
    Give what it answers to the cookie, and to each command.
    """
    place = os.environ["TOR_CONTROL_HOST"], int(os.environ["TOR_CONTROL_PORT"])
    cookie = Path(os.environ["TOR_CONTROL_COOKIE_AUTH_FILE"]).read_bytes().hex()
    answers = []
    with socket.socket() as connection, connection.makefile("rw", newline="") as stream:
        connection.settimeout(_SECONDS)
        connection.connect(place)
        for command in (f"AUTHENTICATE {cookie}", *commands):
            stream.write(f"{command}\r\n")
            stream.flush()
            answer = ""
            while not answer.endswith("250 OK\n"):
                line = stream.readline()
                if not (answer and line) and not line.startswith("250"):
                    raise RuntimeError(f"tor's answer: {line.strip()}")
                answer += line.rstrip("\r\n") + "\n"
            answers.append(answer)
    return answers
