"""Occlusion: which pixels of an aligned face are visible, and which are covered by a hand, a cup or another object."""
