"""Provenance of an output: the visible label, Content Credentials and signed sidecars, and their verification."""
