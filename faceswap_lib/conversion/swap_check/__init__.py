"""Check of a finished swap: whether the swapped faces are plausible, and if not, why."""
