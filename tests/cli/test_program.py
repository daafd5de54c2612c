# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The program C{onionp2p}, as a process.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "onionp2p"]

# As most users have it: what is printed is kept for a while, and may fail to be written at the end.
ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """
    Run a line of shell, in which C{$O} is the program.
    """
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
        cwd=folder,
        env={**ENVIRONMENT, "O": " ".join(PROGRAM)},
    )


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """
    Make a key, and give its folder.
    """
    assert shell("$O key new web.key", tmp_path).returncode == 0
    return tmp_path


@pytest.mark.deadline(60)
@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("$O key --help | head -1; exit ${PIPESTATUS[0]}", 0, ""),
        ("$O key show web.key >/dev/full", 1, "No space left on device: free some space"),
        ("$O key --help >/dev/full", 1, "No space left on device: free some space"),
        ("$O key show web.key >&-", 0, "not encrypted"),
        ("$O key show nothing 2>/dev/full", 1, ""),
        ("$O key show nothing 2>&-", 1, ""),
        ("$O key new other <&- >&- 2>&- && $O key show other", 0, "not encrypted"),
        ("$O key show $'\\xff\\xfe'", 1, "there is no such file"),
        ("$O key new $'\\xff' && $O key show $'\\xff'", 0, "not encrypted"),
        ("PYTHONIOENCODING=iso-8859-1 $O publish --help", 0, ""),
        ("env -u HOME $O key show web.key", 0, "not encrypted"),
        ("LC_ALL=C TERM=dumb COLUMNS=20 $O key show web.key", 0, "not encrypted"),
        ("ulimit -n 32; $O key show web.key", 0, "not encrypted"),
        ("$O key shwo 2>/dev/full", 2, ""),
        ("$O publish tcp:127.0.0.1:1 --port 80 --tor false", 1, "is not a program"),
        ("$O publish tcp:127.0.0.1:1 --port 80 --tor /bin/false", 1, "doctor --tor /bin/false."),
        ("$O testnet run --relay 9 -- true", 2, "No such option"),
        ("ONIONP2P_KEY_PASSPHRASE=$(printf %02000d 1) $O key show web.key", 2, "at most 1024"),
    ],
)
def test_streams(key: Path, command: str, status: int, said: str) -> None:
    """
    Whatever the streams, names and environment are, it ends as it should, and never by a traceback.
    """
    result = shell(command, key)
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


DESCRIPTORS = """
import os
import onionp2p.cli
from onionp2p.__main__ import main

def command(**_):
    opened = os.open("/", os.O_RDONLY)
    print("lost")
    with open("out", "w") as file:
        print(opened > 2, *(os.readlink(f"/proc/self/fd/{n}") for n in range(3)), file=file)

onionp2p.cli.main = command
main()
"""


@pytest.mark.deadline(20)
@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="reads Linux's /proc")
def test_closedStreams(tmp_path: Path) -> None:
    """
    What is opened later does not become standard output where that was closed.
    """
    result = shell(f"{sys.executable} -c '{DESCRIPTORS}' <&- >&- 2>&-", tmp_path)
    assert result.returncode == 0
    assert (tmp_path / "out").read_text() == "True /dev/null /dev/null /dev/null\n"


@pytest.mark.deadline(20)
def test_noDevices(tmp_path: Path) -> None:
    """
    Without /dev, as in a bare chroot, it does what it can.
    """
    code = "import os; os.devnull = '/nonexistent'; from onionp2p.__main__ import main; main()"
    result = shell(f'{sys.executable} -c "{code}" --version', tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.deadline(20)
@pytest.mark.parametrize("arguments", [["completion", "fish"], ["--help"], ["key", "--help"]])
def test_readerGone(arguments: list[str]) -> None:
    """
    When nobody reads the output any more, it ends silently, as by SIGPIPE.
    """
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [*PROGRAM, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


EARLY = """
import os, signal, sys
import onionp2p.__main__

class Interrupting:
    def find_spec(self, name, *others):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
module = sys.argv.pop(1)
onionp2p.__main__.main()
"""


def interrupted(module: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """
    Have Ctrl-C pressed when the program comes to import a module.
    """
    arguments = [sys.executable, "-c", EARLY, module, "key", "show", "web.key"]
    return subprocess.run(
        arguments, capture_output=True, text=True, check=False, timeout=10, cwd=folder
    )


@pytest.mark.deadline(20)
@pytest.mark.parametrize("module", ["click", "onionp2p.cli", "onionp2p.cli.key", "cryptography"])
def test_earlyInterrupt(key: Path, module: str) -> None:
    """
    Ctrl-C amid imports ends it at once, and silently.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = interrupted(module, key)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.returncode, result.stderr) == (-signal.SIGINT, "")


@pytest.mark.deadline(20)
def test_ignoredInterrupt(key: Path) -> None:
    """
    Who ignores Ctrl-C, as what runs in the background of a shell, goes on to.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert interrupted("click", key).returncode == 0
    finally:
        signal.signal(signal.SIGINT, before)
