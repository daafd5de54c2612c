# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The site that C{nox -s docs} makes.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit
from zlib import decompress

import pytest

from onionp2p.operating.verdict import Level

TOP = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Build the site; every warning is an error, all of them are shown.
    """
    out = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [
            *(sys.executable, "-Im", "sphinx", "--builder", "html", "--fail-on-warning"),
            *("--fresh-env", "--quiet", "--no-color", "--doctree-dir", out / "doctrees"),
            *(TOP / "docs", out / "html"),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return out / "html"


class Page(HTMLParser):
    """
    What a page loads, where it leads, and which places it has.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places = {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.places.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and "href" in given and given.get("rel") != "canonical":
            self.loads.append(given["href"])
        elif "src" in given:
            self.loads.append(given["src"])


@pytest.mark.deadline(180)
def test_siteIsWhole(site: Path) -> None:
    """
    The site builds without a warning, nothing in it is loaded from elsewhere, and every link within
    it leads to a page and a place on it.
    """
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken, foreign = [], []
    for path, page in pages.items():
        name = str(path.relative_to(site))
        foreign += [(name, load) for load in page.loads if urlsplit(load).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = pages.get(target)
            if not target.exists() or (there and unquote(parts.fragment) not in there.places):
                broken.append((name, link))
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert broken == []
    assert foreign == []
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)]*", styles) == []


@pytest.mark.deadline(180)
def test_examplesCanBeHadWhole(site: Path) -> None:
    """
    Below an example that is a part of its file, without the imports for example, is a link to the
    whole, which is on the site; below one that is all of it there is none.
    """
    for name in ("howto/embedding", "index", "howto/keep-an-address", "tutorial"):
        text = (site / f"{name}.html").read_text(encoding="utf-8")
        links = re.findall(r'href="([^"]*)">the whole file</a>', text)
        files = [Path(unquote(link)).with_suffix("").name for link in links]
        parts = {
            "howto/embedding": ["strings.py", "endpoints.py", "watching.py", "on_asyncio.py"],
            "index": ["server.py"],
        }
        assert files == parts.get(name, [])
    whole = (site / "source" / "docs" / "examples" / "server.py.html").read_text(encoding="utf-8")
    assert "serverFromString</span>" in whole.partition("Protocol")[0]


def docstrings() -> Iterator[tuple[str, str]]:
    """
    Give the docstrings of the package, public or not, with their places.  Those of commands are
    what click prints.
    """
    for path in sorted((TOP / "onionp2p").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            if isinstance(node, ast.FunctionDef) and path.parent.name == "cli":
                continue
            text = ast.get_docstring(node)
            if text is not None:
                line = getattr(node, "lineno", 1)
                yield f"{path.relative_to(TOP)}:{line}", text


def test_docstringsAreEpytext(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Every docstring has marks and fields alone that the documentation's build understands.
    """
    monkeypatch.syspath_prepend(TOP / "docs" / "_ext")
    toRest = import_module("epytext").toRest
    wrong = []
    for place, text in docstrings():
        try:
            toRest(text, str)
        except (ValueError, KeyError) as error:
            wrong.append(f"{place}: {error}")
    assert wrong == []


@pytest.mark.deadline(180)
def test_everythingIsOnIt(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The reference holds every public name and every command.
    """
    from onionp2p.cli import COMMANDS

    monkeypatch.syspath_prepend(TOP / "docs" / "_ext")
    public = set(import_module("publicnames").PUBLIC_NAMES.values())
    content = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    named = {line.split()[0] for line in decompress(content).decode().splitlines()}
    assert public - named == set()
    shown = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f'id="onionp2p-{name}"' not in shown] == []


def test_statusesAreNamed() -> None:
    """
    The page about exit codes names those of C{onionp2p status}.
    """
    page = (TOP / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    named = re.findall(r"(\d) for\s`([A-Z]+)`", page)
    assert named == [(str(level.value), level.name) for level in Level]
