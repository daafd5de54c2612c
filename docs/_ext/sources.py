# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What our pages link to outside of C{docs/}: files of the source get a page each, which shows them;
and those of the top folder that people read become pages like any other.  Examples of which a page
shows but a part get such a link.

So the same Markdown works here and where the repository is looked at.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.highlighting import PygmentsBridge

TOP = Path(__file__).parent.parent.parent

PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/reporting.md",
    "CHANGELOG.md": "project/changes.md",
}
"""
Which page of the site stands for a Markdown file of the top folder.
"""

_LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^)#\s]+)(#[^)\s]*)?(?=\))")
_INCLUDE = re.compile(r"^```\{top\} (\S+)\n```$", re.MULTILINE)
_EXAMPLE = re.compile(r"(?:#|//) (docs/examples/\S+)\n")
_SCHEME = "source:"
_TEST = re.compile(r"tests/\S+\.py::\w+(?:::\w+)*")
_LONG = 32
_LANGUAGES = {".py": "python", ".json": "json", ".md": "markdown", ".mjs": "js", ".sh": "sh"}


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """
    Put a file of the top folder in the place of a page that names it, and give links out of
    C{docs/} another form.
    """
    here = posixpath.dirname(posixpath.join("docs", page))

    def included(match: re.Match[str]) -> str:
        name = match[1]
        text = (TOP / name).read_text(encoding="utf-8")
        return _linked(text, posixpath.dirname(name), here)

    source[0] = _INCLUDE.sub(included, _linked(source[0], here, here))


def _linked(text: str, base: str, here: str) -> str:
    """
    Rewrite the links in a text.

    @param base: the folder, from the top, that they are relative to.
    @param here: the folder of the page that shows them.
    """

    def moved(match: re.Match[str]) -> str:
        target, anchor = match.group(1), match.group(2) or ""
        whole = posixpath.normpath(posixpath.join(base, target))
        whole = posixpath.join("docs", PAGES[whole]) if whole in PAGES else whole
        if whole.startswith("docs/") and whole.endswith((".md", ".svg")):
            return posixpath.relpath(whole, here) + anchor
        return _SCHEME + whole if (TOP / whole).exists() else match.group()

    return _LINK.sub(moved, text)


def resolve(app: Sphinx, tree: nodes.document, page: str) -> None:
    """
    Lead each link to a file of the source to its page, have the names of tests be such links, and
    let long code in tables wrap.
    """
    for literal in list(tree.findall(nodes.literal)):
        if _TEST.fullmatch(literal.astext()) and not isinstance(literal.parent, nodes.reference):
            literal.replace_self(_linkToTest(literal.astext()))
    for block in list(tree.findall(nodes.literal_block)):
        if example := _EXAMPLE.match(block.astext()):
            _linkToWhole(block, example[1])
    for row in tree.findall(nodes.entry):
        for literal in row.findall(nodes.literal):
            if len(literal.astext()) > _LONG:
                literal["classes"].append("long")
    for link in tree.findall(nodes.reference):
        target: str = link.get("refuri", "")
        if target.startswith(_SCHEME):
            name = target.removeprefix(_SCHEME)
            name, mark, line = name.partition("#")
            link["refuri"] = app.builder.get_relative_uri(page, _pageOf(name)) + mark + line
            _linkedFiles(app.env).add(name)


def _linkToTest(test: str) -> nodes.reference:
    """
    Give a link to a test, by its node id, with nothing but its own name to be read.
    """
    name, *_, own = test.split("::")
    lines = (TOP / name).read_text(encoding="utf-8").splitlines()
    numbers = [n for n, line in enumerate(lines, 1) if re.match(rf"\s*(async )?def {own}\(", line)]
    link = nodes.reference("", "", refuri=f"{_SCHEME}{name}#line-{numbers[0]}", reftitle=test)
    link += nodes.literal(own, own)
    return link


def _linkToWhole(block: nodes.literal_block, name: str) -> None:
    """
    Put behind an example a link to the whole of its file, if that has more: its imports, say.
    """
    _, _, shown = block.astext().partition("\n")
    if shown.strip() != (TOP / name).read_text(encoding="utf-8").strip():
        link = nodes.reference("", "the whole file", refuri=f"{_SCHEME}{name}")
        block.parent.insert(block.parent.index(block) + 1, nodes.paragraph("", "", link))
        link.parent["classes"].append("whole")


def _pageOf(name: str) -> str:
    return f"source/{name}"


def _linkedFiles(env: BuildEnvironment) -> set[str]:
    """
    Give the names of the files that some page links to.
    """
    if not hasattr(env, "onionp2p_sources"):
        env.onionp2p_sources = set()  # type: ignore[attr-defined]
    files: set[str] = env.onionp2p_sources
    return files


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """
    Make the pages of the files.
    """
    bridge: PygmentsBridge = app.builder.highlighter  # type: ignore[attr-defined]
    for name in sorted(_linkedFiles(app.env)):
        path = TOP / name
        if path.is_dir():
            text = "\n".join(
                sorted(each.name for each in path.iterdir() if each.name[0] not in "._")
            )
            language = "text"
        else:
            text = path.read_text(encoding="utf-8")
            language = _LANGUAGES.get(path.suffix, "text")
        shown = bridge.highlight_block(text, language, lineanchors="line")
        yield _pageOf(name), {"title": name, "body": f"<h1>{name}</h1>{shown}"}, "page.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """
    Sphinx asks for this.
    """
    app.connect("source-read", read)
    app.connect("doctree-resolved", resolve)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": False}
