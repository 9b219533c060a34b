"""Check the built documentation: every link within it leads somewhere, and no page needs a network to be read.

Links to other sites are counted, not followed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
_FROM_ELSEWHERE = {"canonical", "next", "prev", "search", "index", "author"}  # links that a browser does not load


@dataclass
class Page(HTMLParser):
    """What one page has: anchors, links, and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if (name := _LOADED.get(tag)) in given and given.get("rel", "") not in _FROM_ELSEWHERE:
            self.loaded.append(given[name or ""])


def faults(site: Path) -> tuple[list[str], int, int]:
    """Return what is wrong with a site, and how many links within and out of it there are."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.resolve()] = page = Page()
        page.feed(path.read_text(encoding="utf-8"))
    found: list[str] = []
    inside = outside = 0
    for path, page in pages.items():
        where = path.relative_to(site.resolve())
        found += [f"{where} loads {address}" for address in page.loaded if _is_out_of_reach(path, address)]
        for address in page.links:
            if _is_elsewhere(address):
                outside += 1
                continue
            inside += 1
            if not _leads_somewhere(path, address, pages):
                found.append(f"{where} links to {address}, which is not there")
    return found, inside, outside


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def _is_out_of_reach(path: Path, address: str) -> bool:
    """Tell whether something that a page loads lies elsewhere, or is not there."""
    if address.startswith("data:"):
        return False
    return _is_elsewhere(address) or not (path.parent / unquote(urlsplit(address).path)).exists()


def _leads_somewhere(path: Path, address: str, pages: dict[Path, Page]) -> bool:
    """Tell whether a link within the site leads to a file, and to a place on it that exists."""
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not parts.fragment or target not in pages:
        return target.exists()
    return unquote(parts.fragment) in pages[target].anchors


def main() -> int:
    """Check the site in the folder that is given, and say what is wrong."""
    found, inside, outside = faults(Path(sys.argv[1]))
    print("\n".join([*found, f"{inside} links within the site, {outside} out of it, {len(found)} faults"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
