"""
What the README says, checked.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onionp2p.options import parseDial, parseListen

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()


@pytest.mark.parametrize(
    "block", re.findall(r"```python\n# (\S+)\n(.*?)```", README, re.DOTALL), ids=lambda b: b[:20]
)
def test_examplesAreTheFiles(block: tuple[str, str]) -> None:
    """
    An example in the README stands word for word in the file that it names, which other tests run.
    """
    name, text = block
    assert text in (TOP / name).read_text()


def test_linksLeadSomewhere() -> None:
    """
    What the README links to is there.
    """
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(links) > 3
    assert [link for link in links if not (TOP / link).exists()] == []


def test_tablesNameTheOptions() -> None:
    """
    The tables of the README hold the options that the parsers know, no more and no fewer.
    """
    rows = re.findall(r"^\| (`[a-z]+=.*?) \|", README, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`([a-z]+)=", row)}
    known = set()
    for parse, mode, needed in [
        (parseListen, "listen", {"port": "1"}),
        (parseDial, "dial", {"addr": "x"}),
    ]:
        with pytest.raises(ValueError, match="it takes") as caught:
            parse([mode], {**needed, "nonsense": "x"})
        known.update(str(caught.value).partition("it takes ")[2].split(", "))
    assert documented == known
