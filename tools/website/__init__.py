"""Parts of `tools/build_site.py`: pages, notebooks, drawings, links."""
