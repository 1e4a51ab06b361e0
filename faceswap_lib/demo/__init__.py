"""The offline demo's material: short talking-head clips made from two public-domain portraits."""
