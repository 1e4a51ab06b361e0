"""Checks of a finished swap: whether new faces are plausible, and if not, why."""
