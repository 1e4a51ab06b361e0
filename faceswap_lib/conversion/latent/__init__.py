"""Latent maps: latent codes of the original person are mapped to codes that the wanted person's decoder knows."""
