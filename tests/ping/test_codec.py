# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The bytes of ping and echo, in chunks of any size.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onionp2p.ping.codec import UNANSWERED_LIMIT, Echo, InitiatorCodec, ResponderCodec
from onionp2p.ping.errors import TooManyUnanswered, WrongEcho

payloads = st.lists(st.binary(min_size=1, max_size=100), max_size=20)
cuts = st.lists(st.integers(min_value=0, max_value=2000))


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    """
    Cut C{data} at the given positions.
    """
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places)]


@given(data=st.binary(max_size=500), cuts=cuts)
def test_responderEchoesWholePayloads(data: bytes, cuts: list[int]) -> None:
    """
    What is echoed is what came, without an unfinished payload, however the network cut it; and
    every answer is of whole payloads.
    """
    codec = ResponderCodec()
    answers = [codec.receive(chunk) for chunk in chunks(data, cuts)]
    assert b"".join(answers) == data[: len(data) // 32 * 32]
    assert all(len(answer) % 32 == 0 for answer in answers)


@given(payloads=payloads, cuts=cuts)
def test_rightEchoes(payloads: list[bytes], cuts: list[int]) -> None:
    """
    Every question is answered once, in order, however the network cut the echoes.
    """
    codec = InitiatorCodec()
    numbers = [codec.ask(payload) for payload in payloads]
    echoes = [e for chunk in chunks(b"".join(payloads), cuts) for e in codec.receive(chunk)]
    assert echoes == [Echo(number, None) for number in numbers]
    assert numbers == list(range(1, len(payloads) + 1))


@given(payloads=payloads.filter(bool), cuts=cuts, data=st.data())
def test_wrongEcho(payloads: list[bytes], cuts: list[int], data: st.DataObject) -> None:
    """
    One wrong bit fails the question that it answers, with a L{WrongEcho}, and no other.
    """
    stream = bytearray(b"".join(payloads))
    position = data.draw(st.integers(min_value=0, max_value=len(stream) - 1))
    stream[position] ^= 1 << data.draw(st.integers(min_value=0, max_value=7))
    codec = InitiatorCodec()
    for payload in payloads:
        codec.ask(payload)
    echoes = [e for chunk in chunks(bytes(stream), cuts) for e in codec.receive(chunk)]
    wrong = [echo for echo in echoes if isinstance(echo.error, WrongEcho)]
    assert len(echoes) == len(payloads)
    before = sum(len(payload) for payload in payloads[: wrong[0].number - 1])
    assert [echo.number for echo in wrong] == [wrong[0].number]
    assert before <= position < before + len(payloads[wrong[0].number - 1])


def test_unrequestedBytes() -> None:
    """
    Bytes that nobody asked for are dropped, and a later question is answered by what comes then.
    """
    codec = InitiatorCodec()
    assert codec.receive(b"SSH-2.0-hello\r\n" * 100) == []
    number = codec.ask(b"question")
    assert codec.receive(b"question" + b"and more") == [Echo(number, None)]
    number = codec.ask(b"another!")
    assert codec.receive(b"another!") == [Echo(number, None)]


def test_backInStep() -> None:
    """
    After a peer sent one byte too many, one answer is wrong and the next is right again.
    """
    codec = InitiatorCodec()
    codec.ask(b"aaaa")
    codec.receive(b"aaa")
    codec.ask(b"bbbb")
    (first, second) = codec.receive(b"a!bbbb")
    assert first.error is None
    assert second.error is not None
    codec.ask(b"cccc")
    (third,) = codec.receive(b"cccc")
    assert third.error is None


@given(stream=st.lists(st.binary(max_size=80)), questions=payloads)
def test_total(stream: list[bytes], questions: list[bytes]) -> None:
    """
    Whatever a peer sends, the codec answers with at most one echo a question, and raises nothing.
    """
    codec = InitiatorCodec()
    for question in questions:
        codec.ask(question)
    assert sum(len(codec.receive(chunk)) for chunk in stream) <= len(questions)


def test_bounded() -> None:
    """
    A peer that never answers is asked a limited number of questions; an answer makes room.
    """
    codec = InitiatorCodec()
    for _ in range(UNANSWERED_LIMIT):
        codec.ask(b"x")
    with pytest.raises(TooManyUnanswered, match="64"):
        codec.ask(b"x")
    codec.receive(b"x")
    assert codec.ask(b"x") == UNANSWERED_LIMIT + 1


def test_emptyQuestion() -> None:
    """
    A question without bytes could never be answered, and is refused.
    """
    with pytest.raises(ValueError, match="at least one byte"):
        InitiatorCodec().ask(b"")
