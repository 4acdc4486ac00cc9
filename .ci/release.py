"""Check a release before it is built: python .ci/release.py.

The version has a dated section in CHANGELOG.md. In a workflow, the repository must be the
one that pyproject.toml names, and the tag must be that of the version.
"""

import os
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def faults(environment):
    """Return what keeps this version from being released."""
    source = (ROOT / "skae" / "_version.py").read_text()
    version = re.search(r'__version__ = "(.+)"', source).group(1)
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
    dated = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    if not re.search(dated, (ROOT / "CHANGELOG.md").read_text(), re.M):
        yield f'CHANGELOG.md has no section "## [{version}] - year-month-day".'
    if "GITHUB_REPOSITORY" in environment:
        server, name = environment["GITHUB_SERVER_URL"], environment["GITHUB_REPOSITORY"]
        if f"{server}/{name}" != urls["Repository"]:
            yield (
                f"This is {server}/{name}, but project.urls in pyproject.toml names "
                f"{urls['Repository']}. Change the address there and in the files that a "
                "test compares with it."
            )
    if environment.get("GITHUB_REF_TYPE") == "tag":
        tag = environment["GITHUB_REF_NAME"]
        if tag != f"v{version}":
            yield f"The tag is {tag}, but the version is {version}; must be v{version}."


if __name__ == "__main__":
    sys.exit("\n".join(faults(os.environ)) or None)
