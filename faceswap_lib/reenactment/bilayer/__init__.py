"""The published networks of the bilayer avatars in Keras, with their PyTorch weights."""
