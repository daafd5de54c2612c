# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What the documentation says, checked.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from onionp2p import OnionAddress, errors, options
from onionp2p.keys import Identity
from onionp2p.options import parseDial, parseListen
from tests.proofs import TEST_ID, TOP, namesOf, unproven

PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
EXAMPLE = re.compile(r"```(?:python|sh|ini|js)\n(?:#|//) (docs/\S+)\n(.*?)```", re.DOTALL)
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_linksLeadSomewhere(page: Path) -> None:
    """
    What a page links to is there.
    """
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_tablesNameTheOptions() -> None:
    """
    The tables of the strings hold the options that the parsers know, no more and no fewer.
    """
    tables = (TOP / "docs" / "reference" / "strings.md").read_text()
    rows = re.findall(r"^\| (`[a-z]+=.*?) \|", tables, re.MULTILINE)
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


RECORD = re.compile(r"`((?:Listen|Dial|Tor)Options\([^`…]*\))`")
RECORDS = [match for page in PAGES for match in RECORD.findall(page.read_text())]


@pytest.mark.parametrize("record", RECORDS)
def test_recordsAreMade(record: str) -> None:
    """
    Options that a sentence makes in code have such fields.
    """
    address = OnionAddress(Identity.generate().label, 80)
    eval(record, vars(options), {"address": address, "PATH": "alice.key"})  # noqa: S307 - ours


def test_tableNamesTheErrors() -> None:
    """
    The table of errors holds every way in which a dial can fail.
    """
    table = (TOP / "docs" / "reference/dialing.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = set(re.findall(r"`([A-Z]\w+)`", "".join(rows)))
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    ofDials = {kind.__name__ for kind in kinds if issubclass(kind, errors.DialError)}
    assert named == (ofDials - {"DialError"}) | {"DialTimeout", "DialCancelled"}


FAULTS = [
    line
    for line in (TOP / "docs" / "reference/faults.md").read_text().splitlines()
    if line.startswith("| ")
][1:]


@pytest.mark.parametrize("row", FAULTS, ids=[row.split("|")[1].strip() for row in FAULTS])
def test_faultsAreProven(row: str) -> None:
    """
    Every fault in the table names tests that there are, one without real tors at least; and those
    with them are where it says.
    """
    inMemory, real = (TEST_ID.findall(cell) for cell in row.split("|")[4:6])
    assert unproven(row) == []
    assert inMemory
    assert not any(test.startswith("tests/network/") for test in inMemory)
    assert all(test.startswith("tests/network/") for test in real)


def test_everyTestOfAFaultIsInTheTable() -> None:
    """
    No fault is tried that the table does not tell of.
    """
    tried = set().union(*map(namesOf, (TOP / "tests" / "faults").glob("test_*.py")))
    assert tried - set(TEST_ID.findall("\n".join(FAULTS))) == set()
