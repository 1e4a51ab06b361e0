"""Two public-domain portraits that come with dependencies of this package."""

import typing

import matplotlib.cbook
import matplotlib.image
import numpy as np
import skimage.data


def load_sample_portraits() -> tuple[np.ndarray, np.ndarray]:
    """Loads the US Navy's portrait of Grace Hopper (in matplotlib) and NASA's of Eileen Collins (in scikit-image).

    Returns:
        (600, 512, 3) and (512, 512, 3) uint8 RGB.
    """
    with typing.cast(typing.BinaryIO, matplotlib.cbook.get_sample_data("grace_hopper.jpg")) as file:
        hopper = matplotlib.image.imread(file, format="jpg")
    return np.ascontiguousarray(hopper), skimage.data.astronaut()
