# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The build backend (PEP 517, PEP 660): setuptools, and then the same bytes for the same sources.

What setuptools packs depends on the clock, on the umask and on who builds: wheels only partly heed
C{SOURCE_DATE_EPOCH}, source distributions not at all (setuptools issue 2133). So both are packed
again, without any of that: the date is that of the last release in CHANGELOG.md, or what
C{SOURCE_DATE_EPOCH} says. A constant would do, but what unpacks a new version over an old one with
the same dates may go on running the old byte code.

What is left to compare by are setuptools' version (it is in C{WHEEL}) and zlib's.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import tarfile
import time
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from setuptools import build_meta

# These are setuptools' own, as is what pip asks for editable installs.
build_editable = build_meta.build_editable
get_requires_for_build_editable = build_meta.get_requires_for_build_editable
get_requires_for_build_sdist = build_meta.get_requires_for_build_sdist
get_requires_for_build_wheel = build_meta.get_requires_for_build_wheel
prepare_metadata_for_build_editable = build_meta.prepare_metadata_for_build_editable
prepare_metadata_for_build_wheel = build_meta.prepare_metadata_for_build_wheel

RELEASE = re.compile(r"^## \S+ \((\d{4}-\d\d-\d\d)\)$", re.MULTILINE)

# The first date that a zip file can hold: before the first release there is no better one.
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)


def sourceDate() -> int:
    """When all files in the archives were changed last: seconds since 1970, at least 1980's."""
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said:
        date = int(said)
    else:
        last = RELEASE.search(Path("CHANGELOG.md").read_text(encoding="utf-8"))
        day = datetime.fromisoformat(last[1]).replace(tzinfo=UTC) if last else EARLIEST
        date = int(day.timestamp())
    return max(date, int(EARLIEST.timestamp()))


def mode(of: int) -> int:
    """The permissions of a file, whatever the umask of who has cloned: may it be run, or not."""
    return 0o755 if of & 0o100 else 0o644


def build_sdist(sdist_directory: str, config_settings: Mapping[str, Any] | None = None) -> str:
    """Build the source distribution in this folder; return its name."""
    date = sourceDate()
    name: str = build_meta.build_sdist(sdist_directory, config_settings)
    path = Path(sdist_directory, name)
    packed = path.with_suffix(".packed")
    with (
        tarfile.open(path) as old,
        open(packed, "wb") as to,
        gzip.GzipFile("", "wb", 9, to, mtime=date) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old, key=lambda member: member.name):
            # Files alone, with no owner and nothing of PAX, such as fractions of a second.
            if file := old.extractfile(member):
                content = file.read()
                info = tarfile.TarInfo(member.name)
                info.size, info.mode, info.mtime = len(content), mode(member.mode), date
                new.addfile(info, io.BytesIO(content))
    packed.replace(path)
    return name


def build_wheel(
    wheel_directory: str,
    config_settings: Mapping[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build the wheel in this folder; return its name."""
    date = time.gmtime(sourceDate())[:6]
    # Modules that an earlier build left here, and that are gone since, would come along.
    shutil.rmtree("build/lib", ignore_errors=True)
    name: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    path = Path(wheel_directory, name)
    packed = path.with_suffix(".packed")
    with (
        zipfile.ZipFile(path) as old,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        # setuptools' order: metadata last, as the format advises.
        for member in old.infolist():
            info = zipfile.ZipInfo(member.filename, date)
            info.external_attr = (0o100000 | mode(member.external_attr >> 16)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, old.read(member))
    packed.replace(path)
    return name
