"""Builds the documentation site.

    python tools/build_site.py                          runs the notebooks at full size first: half an hour or more
    python tools/build_site.py --smoke                  runs them in the smallest size
    python tools/build_site.py --notebooks plain        uses notebooks without outputs: a minute
    python tools/build_site.py --browser-lesson require  fails if Python for the lesson in the browser cannot be fetched

The outputs of a notebook are kept in build/notebooks and reused until its text changes; `--fresh` runs all notebooks.
The pages, the notebooks and the pages of the library are collected in build/site-pages. mkdocs builds the site from
them and treats every warning as an error. Then all links inside the site are checked. Needs the extra `docs`.
The site works from a server (`python -m http.server -d site`) or directly from the disk, and loads nothing from the
network. Only the lesson in the browser needs a server, and when the site is built, npm: its Python (Pyodide) is fetched
with `npm pack`, checked against a SHA-256, and kept in build/browser. Without it the page of the lesson only shows the
code, and the build says why.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.website import browser, check, execute, pages, polish  # noqa: E402  (from this checkout, not an installed package)


def main() -> int:
    """Builds the site; returns the exit code."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument(
        "--notebooks", choices=("executed", "plain"), default="executed", help="with or without outputs"
    )
    parser.add_argument("--smoke", action="store_true", help="run notebooks in the smallest size")
    parser.add_argument("--fresh", action="store_true", help="also run notebooks whose outputs are kept")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "site", help="output folder of the site")
    parser.add_argument(
        "--work", type=pathlib.Path, default=ROOT / "build", help="folder of the kept outputs and pages"
    )
    parser.add_argument(
        "--browser-lesson",
        choices=("auto", "require", "off"),
        default="auto",
        help="Python for the lesson in the browser; auto: left out, with a message, if it cannot be fetched",
    )
    options = parser.parse_args()
    texts = sorted((ROOT / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
    if options.notebooks == "executed":
        notebooks = execute.run_all(texts, options.work / "notebooks", smoke=options.smoke, fresh=options.fresh)
    else:
        notebooks = execute.read_all(texts)
    staged = options.work / "site-pages"
    try:
        outputs = pages.stage(
            ROOT,
            staged,
            notebooks,
            executed=options.notebooks == "executed",
            browser_lesson=options.browser_lesson,
            kept=options.work / "browser",
        )
    except browser.DownloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    polish.build(ROOT / "mkdocs.yml", staged, options.out, outputs)
    dead = check.find_dead_links(options.out)
    for page, link in dead:
        print(f"{page}: {link} leads nowhere", file=sys.stderr)
    print(f"{options.out}: {len(list(options.out.rglob('*.html')))} pages, {len(dead)} dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
