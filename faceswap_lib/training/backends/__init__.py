"""How one step takes gradients and applies them: the one thing each Keras backend does its own way.

`tensorflow.py`, `jax.py` and `torch.py` each make two programs of an objective. The first takes the gradients of both
players from one forward pass; of the networks it changes only what they change themselves when used, such as means of
batch normalization. The second applies the gradients and moves the averages. A large batch is the first program run on
each of its parts, then the second one once. Where XLA compiles there is a third program, both in one, for a batch that
is taken whole.
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
from faceswap_lib.training.loss_model import Batch, Objective
from faceswap_lib.training.run_config import Xla

logger = logging.getLogger(__name__)

BACKENDS = ("tensorflow", "jax", "torch")
"""Keras backends that have a step."""


class Step(typing.Protocol):
    """One training step; what `build_step` gives."""

    def __call__(
        self, batch: Batch, weights: dict[str, float], decay: float, *, active: frozenset[str]
    ) -> dict[str, float]:
        """Changes networks, averages and optimizers once.

        Args:
            batch: Which crops, (B,) of each person.
            weights: What each scheduled loss weighs. They are inputs of the compiled program: new values compile
                nothing.
            decay: How much of the averages stays, 0 to 1.
            active: Groups of losses that take part; with "adversarial" the discriminators do. A new set compiles once.

        Returns:
            The objective's named terms, each the mean over the batch's parts.

        Raises:
            InputError: If the batch cannot be divided into its parts, or a part among the devices.
        """


def build_step(objective: Objective, state: TrainingState, *, micro_batches: int = 1, xla: Xla = "auto") -> Step:
    """Compiles a training step for the backend Keras runs on.

    Args:
        objective: The losses.
        state: Its networks, averages and optimizers are changed by every step.
        micro_batches: Equal parts that a batch is taken in, one after the other, with the memory of one part. The mean
            of their gradients is applied: that of the whole batch where losses are means over pictures and nothing
            normalizes over the batch.
        xla: Whether XLA compiles it.

    Returns:
        The step.

    Raises:
        InputError: If this backend has no step, or none with or without XLA as asked, or there is less than one part.
    """
    name = keras.backend.backend()
    if name not in BACKENDS:
        raise InputError(f"training needs Keras on {', '.join(BACKENDS)}; it runs on {name}: set KERAS_BACKEND")
    if micro_batches < 1:
        raise InputError(f"micro_batches: expected at least 1, got {micro_batches}")
    backend, objective = importlib.import_module(f"{__name__}.{name}"), StackedTerms(objective)
    compiled = resolve_xla(xla)
    programs = backend.build_programs(objective, state, xla=compiled)
    in_one = programs.step is not None and micro_batches == 1

    def step(batch, weights, decay, *, active):
        weights = {key: np.float32(value) for key, value in weights.items()}
        if compiled and active not in objective.names:
            kind = " and ".join(sorted(active)) or "reconstruction alone"
            logger.info("compiling the step with %s; once per kind of phase, up to minutes", kind)
        decay, parts, total = np.float32(decay), _divide(batch, micro_batches), None
        if in_one:
            terms = programs.step(*parts, weights, decay, active)
        else:
            for part in parts:
                found = programs.take_gradients(part, weights, active)
                total = found if total is None else keras.tree.map_structure(operator.add, total, found)
            if micro_batches > 1:
                total = keras.tree.map_structure(lambda value: value / micro_batches, total)
            gradients, terms = total
            programs.update(gradients, decay)
        numbers = keras.ops.convert_to_numpy(terms).tolist()
        return dict(zip(objective.names[active], numbers, strict=True))

    return step


class StackedTerms:
    """An objective whose terms leave the program as one tensor, which is one transfer instead of some twenty.

    Args:
        objective: The losses.

    Attributes:
        names: The terms' names for each set of active losses, in order.
        seed: The objective's source of randomness.
    """

    def __init__(self, objective: Objective):
        self._objective, self.seed = objective, objective.seed
        self.names: dict[frozenset[str], tuple[str, ...]] = {}

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        """As `Objective` does, with the terms as a (T,) tensor."""
        generator_loss, discriminator_loss, terms = self._objective(batch, weights, active=active)
        self.names[active] = tuple(terms)
        return generator_loss, discriminator_loss, keras.ops.stack(list(terms.values()))


def resolve_xla(asked: Xla) -> bool:
    """Says whether XLA compiles the step on this backend and machine.

    Args:
        asked: As in `build_step`.

    Raises:
        InputError: If the backend cannot do what was asked.
    """
    name = keras.backend.backend()
    if name == "jax" and asked == "off":
        raise InputError("xla: JAX always compiles with XLA, got off; leave it at auto or set KERAS_BACKEND")
    if name == "torch" and asked == "on":
        raise InputError("xla: PyTorch does not use XLA, got on; leave it at auto or set KERAS_BACKEND")
    return compiles_with_xla() if asked == "auto" else asked == "on"  # on a CPU XLA makes these networks slower


def device_count() -> int:
    """How many devices one training can use here: all that JAX sees, 1 on the other backends."""
    return len(keras.distribution.list_devices()) if keras.backend.backend() == "jax" else 1


def distribute(devices: int) -> None:
    """Lets everything built from now on live on several devices, each of which takes its share of every batch.

    Args:
        devices: How many; 1 undoes it.

    Raises:
        InputError: If there are not as many, or this backend trains on one only.
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
    index_a, index_b = (np.asarray(index, np.int32) for index in (batch.index_a, batch.index_b))
    if len(index_a) % parts or len(index_b) % parts:
        raise InputError(f"a batch of {len(index_a)} cannot be taken in {parts} equal parts; choose a divisor")
    pairs = zip(np.split(index_a, parts), np.split(index_b, parts), strict=True)
    return [Batch(index_a=part_a, index_b=part_b) for part_a, part_b in pairs]
