# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Our multiaddrs beside those of js-libp2p (npm's @multiformats/multiaddr) and of py-libp2p (PyPI's
multiaddr): the same bytes for what is valid, and stricter about what is not.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.address import AddressError, OnionAddress, labelFromPublicKey
from onionp2p.peerid import decodePeerID, encodePeerID
from tests.interop.installed import HERE, pythonWith
from tests.interop.jsnodes import nodeCommand

LABEL = "vww6ybal4bd7szmgncyruucpgfkqahzddi37ktceo3ah7ngmcopnpyyd"
NAME = f"/onion3/{LABEL}"
QM = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
CID = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"
BINARY = OnionAddress(LABEL, 7777).toBytes()

multihashes = st.one_of(
    st.binary(min_size=36, max_size=36).map(lambda key: b"\x00\x24" + key),  # ed25519
    st.binary(min_size=32, max_size=32).map(lambda digest: b"\x12\x20" + digest),  # RSA
)
addresses = st.builds(
    OnionAddress,
    st.binary(min_size=32, max_size=32).map(labelFromPublicKey),
    st.integers(1, 65535),
    st.one_of(st.none(), multihashes.map(encodePeerID)),
)


class Oracle:
    """
    Another implementation of multiaddrs, in a process of its own.
    """

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def says(self, spelling: str | bytes) -> tuple[str, bytes] | None:
        """
        Give an address as text and as bytes; L{None} if this is none.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"text": spelling} if isinstance(spelling, str) else {"bytes": spelling.hex()}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return None if "error" in answer else (answer["text"], bytes.fromhex(answer["bytes"]))

    def close(self) -> None:
        """
        End it.
        """
        with self._process:
            pass


@pytest.fixture(scope="module", params=["js", pytest.param("py", marks=pytest.mark.slow)])
def nameOfOracle(request: pytest.FixtureRequest) -> str:
    """
    Which of the two.
    """
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def oracle(nameOfOracle: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """
    The other implementation.
    """
    command: tuple[str, ...]
    if nameOfOracle == "js":
        command = nodeCommand(tmp_path_factory.mktemp("js"), "multiaddrs.mjs")
    else:
        command = (pythonWith("multiaddr.txt"), "-I", str(HERE / "py" / "multiaddrs.py"))
    oracle = Oracle(*command)
    yield oracle
    oracle.close()


@given(address=addresses)
def test_sameBytes(oracle: Oracle, address: OnionAddress) -> None:
    """
    A valid address is the same bytes there, and the same text again.
    """
    assert oracle.says(str(address)) == (str(address), address.toBytes())
    assert oracle.says(address.toBytes()) == (str(address), address.toBytes())


def test_peerAsCID(oracle: Oracle, nameOfOracle: str) -> None:
    """
    In bytes a peer is its multihash, however it was written; py keeps what makes a CID of it.
    """
    address = OnionAddress.fromString(f"{NAME}:7777/p2p/{CID}")
    answer = oracle.says(f"{NAME}:7777/p2p/{CID}")
    assert answer is not None
    _, data = answer
    if nameOfOracle == "py":
        multihash = decodePeerID(QM)
        data = data.replace(b"\x24\x01\x72" + multihash, b"\x22" + multihash)
    assert data == address.toBytes() == OnionAddress(LABEL, 7777, QM).toBytes()


@given(data=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(BINARY.__add__)))
def test_noMoreThanTheyTake(oracle: Oracle, data: bytes) -> None:
    """
    Bytes that we take, they take for the same address.
    """
    try:
        address = OnionAddress.fromBytes(data)
    except AddressError:
        return
    assert oracle.says(data) == (str(address), data)


BOTH, JS, PY, NEITHER = {"js", "py"}, {"js"}, {"py"}, set[str]()


@pytest.mark.parametrize(
    ("spelling", "takenBy"),
    [
        pytest.param(spelling, takenBy, id=what)
        for what, spelling, takenBy in [
            ("wrong checksum", f"/onion3/a{LABEL[1:]}:7777", BOTH),
            ("version 0", f"/onion3/{'a' * 56}:7777", BOTH),
            ("zeros before the port", f"{NAME}:007777", BOTH),
            ("digits of another script", f"{NAME}:７７", BOTH),
            ("slash at the end", f"{NAME}:7777/", BOTH),
            ("two slashes at the end", f"{NAME}:7777//", BOTH),
            ("two slashes at the start", f"/{NAME}:7777", BOTH),
            ("something after it", f"{NAME}:77/tcp/80", BOTH),
            (".onion", f"{NAME}.onion:7777", PY),
            ("no slash at the start", f"{NAME[1:]}:7777", PY),
            ("port of 17 bits, taken for 0", f"{NAME}:65536", JS),
            ("blank before the port", f"{NAME}: 77", JS),
            ("sign before the port", f"{NAME}:+77", JS),
            ("_ in the port, taken for 7", f"{NAME}:7_7", JS),
            ("letter after the port", f"{NAME}:77x", JS),
            ("peer id cut off", f"{NAME}:77/p2p/Qm", JS),
            ("former name of /p2p", f"{NAME}:77/ipfs/{QM}", JS),
            ("port 0", f"{NAME}:0", NEITHER),
            ("no port", NAME, NEITHER),
            ("character lost", f"{NAME[:-1]}:77", NEITHER),
            ("bytes: wrong checksum", BINARY[:2] + b"\0" + BINARY[3:], BOTH),
            ("bytes: something after it", BINARY + BINARY, BOTH),
            ("bytes: code longer than needed", b"\xbd\x83\0" + BINARY[2:], PY),
            ("bytes: port 0", BINARY[:-2] + b"\0\0", JS),
            ("bytes: cut off", BINARY[:-1], JS),
        ]
    ],
)
def test_stricterThanThey(
    oracle: Oracle, nameOfOracle: str, spelling: str | bytes, takenBy: set[str]
) -> None:
    """
    What we refuse, they often take, and not the same.
    """
    read: Any = OnionAddress.fromString if isinstance(spelling, str) else OnionAddress.fromBytes
    with pytest.raises(AddressError):
        read(spelling)
    assert (oracle.says(spelling) is not None) == (nameOfOracle in takenBy)
