"""Builds the documentation site.

    python tools/build_site.py                          notebooks run at their own size first: half an hour or more
    python tools/build_site.py --smoke                  the same in the smallest size
    python tools/build_site.py --notebooks plain        notebooks without outputs: a minute

What a notebook showed is kept in build/notebooks and used again until its text changes; `--fresh` runs all of them.
The pages, the notebooks and the pages of the library are put together in build/site-pages; mkdocs makes the site of
them, with every warning an error; then all links inside the site are followed. Needs the extra `docs`.
The site is read from a server (`python -m http.server -d site`) or straight from the disk, and fetches nothing.
"""

import argparse
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.website import check, execute, pages, polish  # noqa: E402  (this checkout's, whatever is installed)


def main() -> int:
    """Builds; gives the exit code."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument(
        "--notebooks", choices=("executed", "plain"), default="executed", help="with or without outputs"
    )
    parser.add_argument("--smoke", action="store_true", help="run notebooks in the smallest size")
    parser.add_argument("--fresh", action="store_true", help="run notebooks again whose outputs are kept")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "site", help="where the site goes")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build", help="where kept outputs and pages lie")
    options = parser.parse_args()
    texts = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if options.notebooks == "executed":
        notebooks = execute.run_all(texts, options.work / "notebooks", smoke=options.smoke, fresh=options.fresh)
    else:
        notebooks = execute.read_all(texts)
    staged = options.work / "site-pages"
    outputs = pages.stage(ROOT, staged, notebooks, executed=options.notebooks == "executed")
    polish.build(ROOT / "mkdocs.yml", staged, options.out, outputs)
    dead = check.find_dead_links(options.out)
    for page, link in dead:
        print(f"{page}: {link} leads nowhere", file=sys.stderr)
    print(f"{options.out}: {len(list(options.out.rglob('*.html')))} pages, {len(dead)} dead links")
    return 1 if dead else 0


if __name__ == "__main__":
    sys.exit(main())
