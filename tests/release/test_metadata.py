# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
What PyPI and pip read of a release.
"""

from __future__ import annotations

import re
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from trove_classifiers import classifiers, deprecated_classifiers

from tests.release.sources import TOP

RELATIVE_LINK = re.compile(r"\]\((?!https?:|#)[^)]*\)")


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Metadata:
    """
    The wheel's, every field of which is valid, or this raises.
    """
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return Metadata.from_email(wheel.read(name), validate=True)


def test_fields(metadata: Metadata) -> None:
    """
    It says what it is, under which licence, and for which Python.
    """
    setup = ConfigParser()
    setup.read(TOP / "setup.cfg", encoding="utf-8")
    assert (metadata.name, str(metadata.version)) == ("onionp2p", setup["metadata"]["version"])
    assert (metadata.license_expression, metadata.license) == ("MIT", None)
    assert metadata.license_files == ["LICENSE"]
    assert str(metadata.requires_python) == ">=3.11"
    assert metadata.description_content_type == "text/markdown"


def test_classifiers(metadata: Metadata) -> None:
    """
    PyPI refuses a release with a classifier that it does not know.
    """
    ours = set(metadata.classifiers or ())
    assert ours
    assert ours - classifiers == set()
    assert ours & deprecated_classifiers.keys() == set()


def test_description(metadata: Metadata) -> None:
    """
    The description is README.md. On PyPI its links to other files would lead nowhere: these are
    plain text there.
    """
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    description = metadata.description
    assert description is not None
    assert RELATIVE_LINK.findall(description) == []
    # Without the brackets and targets of links, both are the same.
    unlinked = [re.sub(r"!?\[|\](\([^)]*\))?", "", text).strip() for text in (readme, description)]
    assert unlinked[0] == unlinked[1]


def test_changelog(metadata: Metadata) -> None:
    """
    A version is in CHANGELOG.md once, and where it is there it is the last one.
    """
    changelog = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\S+) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    assert len(set(released)) == len(released)
    assert str(metadata.version) not in released[1:]
