import pytest_twisted

from onionp2p.testing import RecordingFactory


@pytest_twisted.ensureDeferred
async def test_echo(tor_listen, tor_dial):
    port = await tor_listen(RecordingFactory(echoes=True))
    caller = await tor_dial(port.getHost(), RecordingFactory())
    caller.transport.write(b"hello")
    assert await caller.receives(5) == b"hello"
