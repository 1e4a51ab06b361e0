"""Reenactment: one photo of a person moves like the face of somebody else in a video."""
