"""Checks every link inside a built site."""

import os
import pathlib
import urllib.parse

import bs4


def find_dead_links(site: pathlib.Path) -> list[tuple[str, str]]:
    """Finds links to missing files or anchors, and everything that a page would load from another site.

    Args:
        site: The folder of the built site.

    Returns:
        A pair of page and link for each of them.
    """
    soups = {path: bs4.BeautifulSoup(path.read_bytes(), "html.parser") for path in sorted(site.rglob("*.html"))}
    anchors = {path: {tag["id"] for tag in soup.find_all(id=True)} for path, soup in soups.items()}
    dead = []
    for path, soup in soups.items():
        if path.name == "404.html":  # its links are relative to a server's root
            continue
        for tag in soup.find_all(["a", "img", "script", "link", "video", "source", "iframe"]):
            link = tag.get("href") or tag.get("src")
            if link and not _is_alive(link, tag.name, path, site, anchors):
                dead.append((path.relative_to(site).as_posix(), link))
    return dead


def _is_alive(link: str, tag: str, page: pathlib.Path, site: pathlib.Path, anchors: dict) -> bool:
    parts = urllib.parse.urlsplit(link)
    if parts.scheme == "data":
        return True
    if parts.scheme or parts.netloc:
        return tag == "a"  # links to other sites are allowed, but nothing may be loaded from there
    target = page
    if parts.path:
        target = pathlib.Path(os.path.normpath(page.parent / urllib.parse.unquote(parts.path)))
    if target.is_dir():
        target /= "index.html"
    if not (target.is_file() and target.is_relative_to(site)):
        return False
    anchor = urllib.parse.unquote(parts.fragment)
    return not anchor or anchor.startswith("__") or target.suffix != ".html" or anchor in anchors[target]
