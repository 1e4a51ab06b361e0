"""Diagnostics of this machine: what is installed, and how fast it trains, converts and writes."""
