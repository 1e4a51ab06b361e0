"""Offline demo: short talking-head clips made from two public-domain portraits."""
