"""Check the links of the built documentation and of the README: python .ci/links.py.

Pages, files and anchors within the site must exist. The README's links are checked as a
package index shows them, with those to the documentation followed into the built site.
Links to other sites are not opened; "sphinx-build -b linkcheck" does that.
"""

import html.parser
import pathlib
import re
import sys
import tomllib
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = "https://skae.readthedocs.io/page/"


class Page(html.parser.HTMLParser):
    """Links and anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes.get("id"), attributes.get("name")}
        self.links += [attributes[key] for key in ("href", "src") if attributes.get(key)]


def is_broken(link, page, site, pages):
    """Return whether a link of a page leads to a missing file or anchor of the site."""
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return False
    path = page
    if parts.path:
        path = (page.parent / urllib.parse.unquote(parts.path)).resolve()
    if path.is_dir():
        path /= "index.html"
    if not path.is_relative_to(site) or not path.is_file():
        return True
    anchor = urllib.parse.unquote(parts.fragment)
    return bool(anchor) and path in pages and anchor not in pages[path].anchors


def readme_of_the_package():
    """Return the README with its links as on a package index."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    text = (ROOT / "README.md").read_text()
    for change in hook["substitutions"]:
        text = re.sub(change["pattern"], change["replacement"], text)
    return text


def readme_links():
    """Return the links of the README on a package index."""
    return re.findall(r"\]\(([^)\s]+)\)", readme_of_the_package())


def broken_links(site):
    """Yield the broken links, with the page that has them."""
    site = site.resolve()
    found = sorted(site.rglob("*.html"))
    templates = site / "_static"  # of the theme, not pages
    pages = {path: Page(path) for path in found if templates not in path.parents}
    for path, page in pages.items():
        for link in page.links:
            if is_broken(link, path, site, pages):
                yield f"{path.relative_to(site)}: {link}"
    for link in readme_links():
        inside = link.removeprefix(PAGES)
        is_outside = inside == link and link.startswith("https://")
        if not is_outside and is_broken(inside, site / "index.html", site, pages):
            yield f"README.md: {link}"


if __name__ == "__main__":
    built = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/_build/html"
    if not (built / "index.html").is_file():
        sys.exit(f"{built} has no index.html: build the documentation first.")
    broken = list(broken_links(built))
    print("\n".join(broken) or f"No broken links in {built} and the README.")
    sys.exit(bool(broken))
