# Copyright (c) The onionp2p developers.
# See LICENSE for details.

"""
The one piece of metadata that setup.cfg can't say; all others are there.

README.md links to other files of the repository. Where it is read without them, on PyPI for
instance, such links would be dead: there they are plain text.
"""

import re
from pathlib import Path

from setuptools import setup

README = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

# [text](target) or ![text](target), where the target is neither elsewhere nor on the same page.
RELATIVE_LINK = re.compile(r"!?\[([^\[\]]+)\]\((?![a-z]+:|#)[^()\s]+\)")

setup(
    long_description=RELATIVE_LINK.sub(r"\1", README),
    long_description_content_type="text/markdown",
)
