import socket

import pytest

from onionp2p.leaks import LeakError, LeakGuard, loopback


def isUp(host):
    try:
        socket.create_connection((host, 80), timeout=1).close()  # the line that is named
    except OSError:
        return False
    return True


def test_leaks():
    with pytest.raises(LeakError, match=r"test_strict.py:\d+ in isUp"), LeakGuard():
        isUp("example.com")


def test_doesNotLeak(leak_guard):
    left, right = socket.socketpair()
    with left, right:
        left.send(b"hello")


@pytest.mark.allow_loopback
def test_localServer(leak_guard):
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_oneServer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with LeakGuard(allow=lambda host, port: loopback(host, port) and port == address[1]):
            socket.create_connection(address).close()
