"""How one step takes gradients and applies them: the one thing each Keras backend does its own way."""

import importlib
import typing

import keras

from faceswap_lib.errors import InputError
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.objective import Objective


def build_step(objective: Objective, state: TrainingState) -> typing.Callable:
    """Compiles a training step for the backend Keras runs on.

    Args:
        objective: The losses.
        state: Its networks, averages and optimisers are changed by every step.

    Returns:
        A function `step(batch, weights, decay, *, adversarial)` of a `Batch`, the phase's four loss weights, the decay
        of the averages and whether the discriminators take part; it gives the named terms as numbers.

    Raises:
        InputError: If this backend has no step.
    """
    name = keras.backend.backend()
    if name != "tensorflow":
        raise InputError(f"training needs Keras on tensorflow, it runs on {name}; set KERAS_BACKEND=tensorflow")
    return importlib.import_module(f"{__name__}.{name}").build_step(objective, state)
