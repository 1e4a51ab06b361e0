"""Code that only the notebooks use: a small deepfake detector and ablations of the losses."""
