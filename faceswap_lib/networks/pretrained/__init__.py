"""Trained weights of others: where they come from, how they are read, the networks they belong to."""
