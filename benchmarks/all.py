# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Run all benchmarks, one after the other, and make docs/benchmarks.md of what they give.

    python benchmarks/all.py [--quick] [--out FOLDER] [BENCHMARK …]

It takes 40 minutes; let nothing else go on meanwhile.  C{--quick} takes 5, shows that all of it
works, and leaves the page as it is: its own goes to a new folder, or to that of C{--out}.  Those
benchmarks that are not named keep the results that they have.  One that fails does not keep the
others from being run; the page says so, and this ends with 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from dataclasses import replace
from pathlib import Path

from measuring.runs import Recorder, Run
from presenting.page import BENCHMARKS, FIGURES, PAGE, write

_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs"
_SECONDS, _SECONDS_QUICK = 1800.0, 240.0
_LAST_LINES = 20


def main() -> None:
    """
    Run them.
    """
    options = _options()
    figures = options.out / FIGURES
    figures.mkdir(parents=True, exist_ok=True)
    problems = {}
    for name in options.benchmarks:
        print(f"== {name}", flush=True)
        problem = _run(name, figures / f"{name}.json", quick=options.quick)
        if problem:
            problems[name] = problem
    write(options.out)
    print(f"== {options.out / PAGE}")
    for name, problem in problems.items():
        print(f"{name}: {problem}", file=sys.stderr)
    sys.exit(bool(problems))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run all benchmarks, and make their page.")
    parser.add_argument(
        "benchmarks", nargs="*", metavar="BENCHMARK", help=f"of {', '.join(BENCHMARKS)}; all"
    )
    parser.add_argument("--quick", action="store_true", help="only see that all works")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where the page goes; docs, if not quick"
    )
    options = parser.parse_args()
    for name in options.benchmarks:
        if name not in BENCHMARKS:
            parser.error(f"there is no benchmark {name}: take some of {', '.join(BENCHMARKS)}")
    options.benchmarks = options.benchmarks or BENCHMARKS
    if options.out is None:
        quick = options.quick
        options.out = Path(tempfile.mkdtemp(prefix="onionp2p-bench-")) if quick else _DOCS
    return options


def _run(name: str, results: Path, *, quick: bool) -> str:
    """
    Run a benchmark.

    @param results: where it is to keep what it finds.

    @return: what went wrong, if anything.
    """
    results.unlink(missing_ok=True)  # they were of another run
    # Should it end before it has found anything, this is where it would have.
    recorder = Recorder(name, None)
    command = [sys.executable, str(_HERE / f"{name}.py"), "--json", str(results)]
    seconds = _SECONDS_QUICK if quick else _SECONDS
    problem = _problem([*command, *(["--quick"] if quick else [])], seconds)
    if problem:
        run = Run.load(results) if results.exists() else recorder.run()
        replace(run, problem=problem).save(results)
    return problem


def _problem(command: list[str], seconds: float) -> str:
    """
    Run a command, show what it says, and tell how it failed, if so.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    # In a session of its own, it is ended together with what it has started.
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        deadline = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
        deadline.start()
        try:
            assert process.stderr is not None
            for line in process.stderr:
                print(line, end="", file=sys.stderr, flush=True)
                last.append(line.strip())
        except KeyboardInterrupt:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            deadline.cancel()
    if process.returncode == 0:
        return ""
    if process.returncode < 0:
        return f"it was ended after {seconds:g} s"
    words = [line for line in last if line]
    return f"it ended with {process.returncode}" + (f": {words[-1]}" if words else "")


if __name__ == "__main__":
    main()
