# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
Make the page of the figures again, without measuring anything.

    python benchmarks/page.py [FOLDER]

The folder, docs if it isn't said, holds figures/*.json, which benchmarks/all.py has written there;
it gets benchmarks.md and figures/*.svg.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from presenting.page import write

_DOCS = Path(__file__).parent.parent / "docs"


def main() -> None:
    """
    Make it.
    """
    parser = argparse.ArgumentParser(description="Make the page of the figures again.")
    parser.add_argument("folder", nargs="?", type=Path, default=_DOCS, help="docs, if not said")
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
