"""What `tools/build_site.py` is made of: pages, notebooks, drawings, links."""
