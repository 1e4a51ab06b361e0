"""Color transfer: the new face takes on the colors of the frame."""
