"""The description of the package is the README without what leads nowhere outside of the repository: pictures, and links to its files."""

import re
from pathlib import Path

from setuptools import setup

PICTURE = re.compile(r"!\[[^\]]*\]\((?!http)[^)]*\)\n\n\*[^*]*\*\n\n")  # with its caption
LINK = re.compile(r"\[([^\]]*)\]\((?!http)[^)]*\)")

readme = Path(__file__).with_name("README.md").read_text()
setup(long_description=LINK.sub(r"\1", PICTURE.sub("", readme)), long_description_content_type="text/markdown")
