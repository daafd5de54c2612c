# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The shell's Tab key.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from onionp2p.cli import COMMANDS, main


def complete(line: str, shell: str = "bash") -> list[str]:
    """
    Have a program of its own complete the last word of a line, as the script asks for it.
    """
    words = line.split(" ")
    result = subprocess.run(
        [sys.executable, "-m", "onionp2p"],
        env={
            **os.environ,
            "_ONIONP2P_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


@pytest.mark.deadline(60)
def test_protocol() -> None:
    """
    Commands, options, choices and files are completed.
    """
    assert complete("onionp2p ") == [f"plain,{name}" for name in sorted(COMMANDS)]
    assert complete("onionp2p pu") == ["plain,publish"]
    assert complete("onionp2p --v") == ["plain,--version"]
    assert complete("onionp2p key s") == ["plain,show"]
    assert complete("onionp2p key show ") == ["file,"]
    assert complete("onionp2p key show --passphrase-fd 0 web") == ["file,web"]
    assert complete("onionp2p client invite friends alice --key ") == ["file,"]
    assert complete("onionp2p publish unix:/s --wait p") == ["plain,published"]
    assert "plain,--json" in complete("onionp2p ping --")
    assert complete("onionp2p completion ") == ["plain,bash", "plain,zsh", "plain,fish"]
    assert "plain" in complete("onionp2p ", "zsh")
    assert "plain" in complete("onionp2p ke", "fish")[0]


def test_light() -> None:
    """
    Neither the script nor the names of the commands import Twisted or another command.
    """
    program = (
        "import sys; from onionp2p.cli import COMMANDS, main\n"
        "from click.shell_completion import BashComplete\n"
        "main(['completion', 'fish'], standalone_mode=False)\n"
        "found = BashComplete(main, {}, 'onionp2p', 'X').get_completions([], '')\n"
        "print(len(found) == len(COMMANDS), [m for m in sys.modules if m.startswith('twisted')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=10
    )
    assert result.stdout.endswith("True []\n")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str) -> None:
    """
    There is a script for each shell.
    """
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_ONIONP2P_COMPLETE={shell}_complete" in result.stdout
    assert CliRunner().invoke(main, ["completion", "cmd"]).exit_code == 2


@pytest.mark.deadline(30)
def test_bash(tmp_path: Path) -> None:
    """
    In a real bash, Tab completes a command and then a file.
    """
    (tmp_path / "onionp2p").write_text(f'#!/bin/sh\nexec {sys.executable} -m onionp2p "$@"\n')
    (tmp_path / "onionp2p").chmod(0o700)
    (tmp_path / "my-web.key").touch()
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.environ.update(PATH=f"{tmp_path}:{os.environ['PATH']}", PS1="ready> ", TERM="dumb")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])  # noqa: S606 - on its terminal
    try:
        _expect(terminal, "ready> ")
        os.write(terminal, b'eval "$(onionp2p completion bash)"; echo loa""ded\n')
        _expect(terminal, "loaded")
        os.write(terminal, b"echo onionp2p; onionp2p ke\t")
        _expect(terminal, "onionp2p key ")
        os.write(terminal, b"sho\t")
        _expect(terminal, "show ")
        os.write(terminal, b"my-w\t")
        _expect(terminal, "my-web.key ")
    finally:
        os.close(terminal)  # SIGHUP, to the shell
        os.waitpid(process, 0)


def _expect(terminal: int, text: str) -> None:
    seen = ""
    end = time.monotonic() + 10
    while text not in seen:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, seen
        seen += os.read(terminal, 4096).decode("utf-8", "replace")
