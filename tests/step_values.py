"""A few training steps from the same weights, pictures and draws on whichever Keras backend runs.

Usage: KERAS_BACKEND=jax python -m tests.step_values VALUES.npz [DEVICES]
"""

import contextlib
import dataclasses
import pathlib
import sys
import types
import typing
import warnings

import keras
import numpy as np
from keras import ops

from faceswap_lib.errors import InputError
from faceswap_lib.facesets import FacesetArrays
from faceswap_lib.networks import NetworkConfig, build_networks
from faceswap_lib.training import losses
from faceswap_lib.training.augmentation import to_device
from faceswap_lib.training.backends import build_step, distribute
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.loss_model import Batch, Objective
from faceswap_lib.training.schedule import Phase
from tests.layer_values import fill_weights

BACKENDS = ("tensorflow", "jax", "torch")
ADVERSARIAL = frozenset({"adversarial"})
TINY = NetworkConfig(capacity="tiny", resolution=64, attention="none")
PHASE = Phase(start=0, name="all", adversarial=1, composite=1, mask_prior=1, mask_hinge=1, mask_level=0.7)
STEPS = 3

EPSILON = 1e-3
"""Adam's, larger than usual: it divides a gradient by its own size, and of one that is rounding error alone, that makes
a step as long as any other, in a direction that chance decides."""


# By hand -----------------------------------------------------------------------------------------------------------


class Numbers(keras.layers.Layer):
    """A network of one number, one that no loss reads, and one that counts how often the network was used."""

    def __init__(self, number: float, **kwargs):
        super().__init__(**kwargs)
        self.number = self.add_weight(shape=(), initializer=keras.initializers.Constant(number))
        self.idle = self.add_weight(shape=(), initializer=keras.initializers.Constant(7))
        self.uses = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, factor):
        self.uses.assign(self.uses + 1)
        return self.number * factor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Players:
    """What a step reads of `Networks`."""

    generators: tuple
    discriminators: tuple = ()


@dataclasses.dataclass(kw_only=True)
class WorkedObjective:
    """Losses that are products of four numbers."""

    networks: Players
    seed: keras.random.SeedGenerator
    calls: int = 0

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        self.calls += 1
        mean_a, mean_b = (ops.mean(ops.cast(index, "float32")) for index in (batch.index_a, batch.index_b))
        made, judged = (player[0](ops.ones(())) for player in (self.networks.generators, self.networks.discriminators))
        loss = weights["pull"] * mean_a * made * judged
        against = ops.stop_gradient(made) * judged * mean_b if "adversarial" in active else None
        return loss, against, {"loss": loss, "drawn": keras.random.uniform((), seed=self.seed)}


def worked_values(micro_batches: int = 1, xla: str = "auto") -> dict[str, typing.Any]:
    """Two steps of both players and one of the generators alone.

    `tests/training/test_backends_step.py` has them by hand.
    """
    networks = Players(generators=(Numbers(2.0),), discriminators=(Numbers(3.0),))
    averaged = Players(generators=(Numbers(10.0),))
    optimizers = [keras.optimizers.SGD(0.1) for _ in range(2)]
    for optimizer, (player,) in zip(optimizers, (networks.generators, networks.discriminators), strict=True):
        optimizer.build(player.trainable_variables)
    state = TrainingState(networks, averaged, *optimizers)
    objective = WorkedObjective(networks=networks, seed=keras.random.SeedGenerator(5))
    step = build_step(objective, state, micro_batches=micro_batches, xla=xla)
    batch = Batch(index_a=np.array([1, 3]), index_b=np.array([4, 6]))
    (made,), (judged,), (average,) = networks.generators, networks.discriminators, averaged.generators
    rows, drawn = [], []
    for pull, active in ((0.5, ADVERSARIAL), (0.25, ADVERSARIAL), (1.0, frozenset())):
        terms = step(batch, {"pull": pull}, 0.75, active=active)
        followed = (made.number, judged.number, average.number, made.uses, average.uses)
        rows.append([terms["loss"], *(float(variable.numpy()) for variable in followed)])
        drawn.append(terms["drawn"])
    idle = [float(player.idle.numpy()) for player in (made, judged, average)]
    return {"rows": np.array(rows), "idle": idle, "drawn": drawn, "calls": objective.calls}


# Whole networks ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def fixed_draws() -> typing.Iterator[None]:
    """Replaces random numbers by ones that are the same on every backend and for every picture of a batch."""

    def fixed(draw: typing.Callable) -> typing.Callable:
        def drawn(shape, *args, seed, **kwargs):
            rng = np.random.default_rng([len(shape), int(np.prod(shape[1:]))])
            values = np.broadcast_to(draw(rng, tuple(shape[1:]), *args, **kwargs), shape)
            return ops.convert_to_tensor(values.astype(np.float32))

        return drawn

    draws = {
        "uniform": lambda rng, size, minval=0.0, maxval=1.0: rng.uniform(minval, maxval, size),
        "normal": lambda rng, size, mean=0.0, stddev=1.0: rng.normal(mean, stddev, size),
    }
    before = {name: getattr(keras.random, name) for name in draws}
    try:
        for name, draw in draws.items():
            setattr(keras.random, name, fixed(draw))
        yield
    finally:
        for name, draw in before.items():
            setattr(keras.random, name, draw)


def make_arrays(seed: int, size: int) -> FacesetArrays:
    """Six smooth pictures with eyes, mouth and face at made-up places."""
    rng = np.random.default_rng(seed)
    images = np.kron(rng.integers(0, 256, (6, size // 8, size // 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    masks = np.zeros((3, 6, size, size), np.uint8)
    masks[0, :, size // 4 : size // 3, size // 4 : -size // 4] = 255
    masks[1, :, -size // 3 : -size // 4, size // 3 : -size // 3] = 255
    masks[2, :, size // 8 : -size // 8, size // 8 : -size // 8] = 255
    return FacesetArrays(images=images, eyes=masks[0], mouth=masks[1], face=masks[2], rarity=np.ones(len(images)))


def make_state(optimizers: typing.Sequence[keras.Optimizer]) -> TrainingState:
    """Tiny networks whose weights NumPy drew, and averages that begin as they do."""
    networks, averaged = build_networks(TINY), build_networks(TINY)
    for network in (*networks.generators, *networks.discriminators, *averaged.generators):
        fill_weights(network)
    for optimizer, players in zip(optimizers, (networks.generators, networks.discriminators), strict=True):
        optimizer.build([variable for network in players for variable in network.trainable_variables])
    return TrainingState(networks, averaged, *optimizers)


def read_weights(state: TrainingState) -> dict[str, np.ndarray]:
    """The first and the last trained weight of every network and average."""
    networks = {network.name: network for network in (*state.networks.generators, *state.networks.discriminators)}
    networks |= {f"averaged_{network.name}": network for network in state.averaged.generators}
    return {
        f"{name}/{place}": network.trainable_variables[place].numpy()
        for name, network in networks.items()
        for place in (0, -1)
    }


def make_step() -> tuple[typing.Callable[[int], dict[str, float]], TrainingState]:
    """The real objective on made-up pictures: a function that takes the step of a number, and what it changes."""
    adams = [keras.optimizers.Adam(1e-3, beta_2=0.99, epsilon=EPSILON, global_clipnorm=1.0) for _ in range(2)]
    state = make_state(adams)
    config = TrainConfig(batch_size=2)
    faces_a, faces_b = (to_device(make_arrays(seed, TINY.stored_size)) for seed in (1, 2))
    seed = keras.random.SeedGenerator(config.seed)
    objective = Objective(networks=state.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
    step = build_step(objective, state)

    def take(number: int) -> dict[str, float]:
        batch = Batch(index_a=np.array([number, 5 - number]), index_b=np.array([number + 1, 4 - number]))
        return step(batch, PHASE.weights(config), 0.9, active=PHASE.active(config))

    return take, state


def training_values(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Terms of each of a few steps, and how far they moved the weights."""
    take, state = make_step()
    before = read_weights(state)
    terms = [take(number) for number in range(steps)]
    return {f"term/{name}": np.array([found[name] for found in terms]) for name in terms[0]} | changes(before, state)


def changes(before: dict[str, np.ndarray], state: TrainingState) -> dict[str, np.ndarray]:
    return {f"change/{name}": weight - before[name] for name, weight in read_weights(state).items()}


class MeanObjective:
    """Losses of one person that are plain means over the pictures of a batch, so that parts of it add up."""

    def __init__(self, state: TrainingState):
        self.networks, self.seed = state.networks, keras.random.SeedGenerator(0)
        rng = np.random.default_rng(3)
        self.pictures = ops.convert_to_tensor(rng.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32))

    def __call__(self, batch: Batch, weights: typing.Mapping, *, active: frozenset[str]):
        networks = self.networks
        real = ops.take(self.pictures, batch.index_a, axis=0)
        mask, raw, *_ = networks.decoder_a(networks.encoder(real, training=True), training=True)
        score = networks.discriminator_a(ops.concatenate([raw, real], axis=-1), training=True)
        loss = ops.mean(ops.square(mask * raw - real)) + weights["adversarial"] * ops.mean(ops.square(score - 1))
        against = ops.mean(ops.square(score))
        return loss, against, {"loss": loss, "against": against}


def parts_values(micro_batches: int) -> dict[str, np.ndarray]:
    """How weights change in a step of four pictures that is taken in so many parts."""
    state = make_state([keras.optimizers.SGD(1.0) for _ in range(2)])
    before = read_weights(state)
    step = build_step(MeanObjective(state), state, micro_batches=micro_batches)
    batch = Batch(index_a=np.array([0, 1, 2, 3]), index_b=np.array([0, 0, 0, 0]))
    terms = step(batch, {"adversarial": 0.1}, 0.5, active=ADVERSARIAL)
    return {f"term/{name}": np.array(value) for name, value in terms.items()} | changes(before, state)


def likeness_values() -> dict[str, np.ndarray]:
    """The terms of likeness of pictures at 128 pixels, where decoders write a coarse picture at 64, too."""
    rng = np.random.default_rng(5)

    def draw(side: int, channels: int = 3):
        return ops.convert_to_tensor(rng.uniform(-1, 1, (2, side, side, channels)).astype(np.float32))

    masks = {name: (draw(128, 1) + 1) / 2 for name in ("eyes", "mouth", "face")}
    real, tones = draw(128), ops.convert_to_tensor(np.ones((2, 2, 3), np.float32))
    sample = losses.LossInputs(warped=draw(128), encoder_input=draw(128), real=real, tones=tones, **masks)
    objective = types.SimpleNamespace(config=TrainConfig())
    terms = Objective._reconstruction_losses(objective, sample, draw(128), [draw(64)])
    return {name: ops.convert_to_numpy(value) for name, value in terms.items()}


def half_values() -> dict[str, np.ndarray]:
    """One step with networks that compute in bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return training_values(1)
    finally:
        keras.config.set_dtype_policy(before)


def all_values() -> dict[str, typing.Any]:
    """The numbers of every case on this backend."""
    cases = {
        "worked": worked_values(),
        "worked_parts": worked_values(micro_batches=2),
        "likeness": likeness_values(),
        "whole": parts_values(1),
        "parts": parts_values(2),
    }
    with fixed_draws():
        cases |= {"float32": training_values(), "bfloat16": half_values()}
    return {f"{case}/{name}": value for case, values in cases.items() for name, value in values.items()}


def device_values(devices: int) -> dict[str, typing.Any]:
    """The training on several devices, how many of them hold a weight, what is said to a batch they cannot share."""
    distribute(devices)
    with fixed_draws():
        values = {f"float32/{name}": value for name, value in training_values().items()}
        _, state = make_step()
    weight = state.networks.encoder.trainable_variables[0].value
    step_of_three = Batch(index_a=np.array([0, 1, 2]), index_b=np.array([0, 1, 2]))
    try:
        build_step(MeanObjective(state), state)(step_of_three, {"adversarial": 0.1}, 0.5, active=ADVERSARIAL)
        refusal = ""
    except InputError as error:
        refusal = str(error)
    return values | {"holders": len(weight.sharding.device_set), "refusal": refusal}


if __name__ == "__main__":
    warnings.filterwarnings("error", message=".*donated")
    found = device_values(int(sys.argv[2])) if len(sys.argv) > 2 else all_values()
    np.savez(pathlib.Path(sys.argv[1]), backend=keras.backend.backend(), **found)
