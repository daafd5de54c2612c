"""
What the documentation says, checked.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onionp2p import errors
from onionp2p.options import parseDial, parseListen

TOP = Path(__file__).parent.parent
PAGES = [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
README = PAGES[0].read_text()
EXAMPLE = re.compile(r"```(?:python|sh|ini)\n# (docs/\S+)\n(.*?)```", re.DOTALL)
EXAMPLES = [match for page in PAGES for match in EXAMPLE.findall(page.read_text())]


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examplesAreTheFiles(name: str, text: str) -> None:
    """
    An example on a page stands word for word in the file that it names, which other tests run.
    """
    assert text in (TOP / name).read_text()


def test_everyExampleIsOnAPage() -> None:
    """
    No example is left that no page shows.
    """
    files = {
        str(path.relative_to(TOP))
        for path in (TOP / "docs" / "examples").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == {name for name, _ in EXAMPLES}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_linksLeadSomewhere(page: Path) -> None:
    """
    What a page links to is there.
    """
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


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


def test_tableNamesTheErrors() -> None:
    """
    The table of errors holds every way in which a dial can fail.
    """
    table = (TOP / "docs" / "dialing.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = set(re.findall(r"`([A-Z]\w+)`", "".join(rows)))
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    ofDials = {kind.__name__ for kind in kinds if issubclass(kind, errors.DialError)}
    assert named == (ofDials - {"DialError"}) | {"DialTimeout", "DialCancelled"}
