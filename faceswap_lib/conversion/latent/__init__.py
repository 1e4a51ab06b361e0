"""Latent codes: brought from what one person does to what the other person's decoder knows."""
