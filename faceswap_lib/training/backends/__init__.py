"""The training step for each Keras backend: computes gradients and applies them.

`tensorflow.py`, `jax.py` and `torch.py` each build two programs from an objective. The first program computes the
gradients of the generators and of the discriminators in one forward pass. It changes only variables that the networks
update in a forward pass, such as the means of batch normalization. The second program applies the gradients and updates
the averaged weights. With gradient accumulation, the first program runs on each part of the batch, then the second
program runs once. With XLA there is a third program, which combines both for a batch that is not divided.
"""

import importlib
import logging
import operator
import typing

import keras
import numpy as np

from faceswap_lib.devices import compiles_with_xla
from faceswap_lib.errors import InputError
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import AnyObjective, Batch
from faceswap_lib.training.run_config import Xla

logger = logging.getLogger(__name__)

BACKENDS = ("tensorflow", "jax", "torch")
"""Keras backends with a training step."""


class Step(typing.Protocol):
    """Training step, the result of `build_step`."""

    def __call__(
        self, batch: Batch, weights: dict[str, float], decay: float, *, active: frozenset[str]
    ) -> dict[str, float]:
        """Updates networks, averaged weights and optimizers once.

        Args:
            batch: Indices of the crops, (B,) int32 for each person.
            weights: Weight of each scheduled loss. They are inputs of the compiled program, so new values cause no
                compilation.
            decay: Decay of the averaged weights, 0 to 1.
            active: Active groups of losses; "adversarial" includes the discriminators. A new set causes one
                compilation.

        Returns:
            The loss terms by name, each the mean over the parts of the batch.

        Raises:
            InputError: If the batch cannot be divided into equal parts, or a part cannot be divided among the devices.
        """
        ...


def build_step(objective: AnyObjective, state: TrainingState, *, micro_batches: int = 1, xla: Xla = "auto") -> Step:
    """Builds a training step for the current Keras backend.

    Args:
        objective: The losses.
        state: The state; every step changes its networks, averaged weights and optimizers.
        micro_batches: Number of equal parts of a batch, which are processed one after the other with the memory of one
            part. The mean of their gradients is applied. It equals the gradient of the whole batch if losses are means
            over images and nothing normalizes over the batch.
        xla: Whether XLA compiles the step.

    Returns:
        The step.

    Raises:
        InputError: If there is no step for this backend, if the backend does not support the value of `xla`, or if
            `micro_batches` is below 1.
    """
    name = keras.backend.backend()
    if name not in BACKENDS:
        raise InputError(f"training needs Keras on {', '.join(BACKENDS)}; it runs on {name}: set KERAS_BACKEND")
    if micro_batches < 1:
        raise InputError(f"micro_batches: expected at least 1, got {micro_batches}")
    backend, stacked = importlib.import_module(f"{__name__}.{name}"), StackedTerms(objective)
    compiled = resolve_xla(xla)
    programs = backend.build_programs(stacked, state, xla=compiled)
    in_one = programs.step is not None and micro_batches == 1

    def step(batch, weights, decay, *, active):
        weights = {key: np.float32(value) for key, value in weights.items()}
        if compiled and active not in stacked.names:
            kind = " and ".join(sorted(active)) or "reconstruction alone"
            logger.info("compiling the step with %s; this can take minutes, once per kind of phase", kind)
        decay, parts, total = np.float32(decay), _divide(batch, micro_batches), None
        if in_one:
            terms = programs.step(*parts, weights, decay, active)
        else:
            for part in parts:
                found = programs.take_gradients(part, weights, active)
                total = found if total is None else keras.tree.map_structure(operator.add, total, found)
            if micro_batches > 1:
                total = keras.tree.map_structure(lambda value: value / micro_batches, total)
            gradients, terms = typing.cast(tuple, total)
            programs.update(gradients, decay)
        numbers = typing.cast(np.ndarray, keras.ops.convert_to_numpy(terms)).tolist()
        return dict(zip(stacked.names[active], numbers, strict=True))

    return step


class StackedTerms:
    """Objective that returns its terms as one tensor, so that one transfer from the device replaces about twenty.

    Args:
        objective: The losses.

    Attributes:
        names: Names of the terms in order, for each set of active groups of losses.
        seed: Random seed generator of the objective.
    """

    def __init__(self, objective: AnyObjective):
        self._objective, self.seed = objective, objective.seed
        self.names: dict[frozenset[str], tuple[str, ...]] = {}

    def __call__(
        self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]
    ) -> tuple[typing.Any, typing.Any, typing.Any]:
        """Computes the losses of a batch like `Objective`, but returns the terms as a (T,) tensor."""
        generator_loss, discriminator_loss, terms = self._objective(batch, weights, active=active)
        self.names[active] = tuple(terms)
        return generator_loss, discriminator_loss, keras.ops.stack(list(terms.values()))


def resolve_xla(asked: Xla) -> bool:
    """Decides whether XLA compiles the step on this backend and machine.

    Args:
        asked: The argument `xla` of `build_step`.

    Returns:
        Whether XLA compiles it; for "auto", always with JAX, with TensorFlow on a GPU, never with PyTorch.

    Raises:
        InputError: If the backend does not support the requested value.
    """
    name = keras.backend.backend()
    if name == "jax" and asked == "off":
        raise InputError("xla: JAX always compiles with XLA, got off; leave it at auto or set KERAS_BACKEND")
    if name == "torch" and asked == "on":
        raise InputError("xla: PyTorch does not use XLA, got on; leave it at auto or set KERAS_BACKEND")
    return compiles_with_xla() if asked == "auto" else asked == "on"  # on a CPU XLA makes these networks slower


def device_count() -> int:
    """Counts the devices that one training can use: all devices of JAX, 1 on the other backends."""
    return len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1


def distribute(devices: int) -> None:
    """Enables data parallelism over several devices for all networks that are built afterwards.

    Args:
        devices: Number of devices; 1 disables data parallelism.

    Raises:
        InputError: If there are fewer devices, or this backend supports only one device.
    """
    name = keras.backend.backend()
    if devices < 1:
        raise InputError(f"devices: expected at least 1, got {devices}")
    if devices > 1 and name != "jax":
        raise InputError(f"{devices} devices need Keras on jax, it runs on {name}; set KERAS_BACKEND=jax or ask for 1")
    if devices > device_count():
        raise InputError(f"devices: expected at most {device_count()}, which this machine has, got {devices}")
    used = keras.distribution.list_devices()[:devices] if devices > 1 else None
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=used) if used else None)


def _divide(batch: Batch, parts: int) -> list[Batch]:
    indices = {name: np.asarray(getattr(batch, name), np.int32) for name in ("index_a", "index_b")}
    if any(len(index) % parts for index in indices.values()):
        size = len(batch.index_a)
        raise InputError(f"a batch of {size} cannot be taken in {parts} equal parts; choose a divisor of {size}")
    split = {name: np.split(array, parts) for name, array in (batch.arrays() | indices).items()}
    return [Batch(**{name: pieces[part] for name, pieces in split.items()}) for part in range(parts)]
