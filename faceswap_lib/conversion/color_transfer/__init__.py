"""Color transfer: matches the colors of the swapped face to those of the frame."""
