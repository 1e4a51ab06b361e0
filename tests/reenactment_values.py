"""Two training steps of every reenactment system from the same weights and draws on whichever Keras backend runs.

Usage: KERAS_BACKEND=jax python -m tests.reenactment_values VALUES.npz
"""

import dataclasses
import pathlib
import sys

import keras
import numpy as np

from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.pair_views import to_device
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.system import MODULES, open_system
from faceswap_lib.training.backends import build_step
from faceswap_lib.training.checkpoint import TrainingState
from faceswap_lib.training.loss_model import Batch
from tests.faces68 import template_points_68
from tests.layer_values import fill_weights
from tests.step_values import EPSILON, fixed_draws

CONFIG = ReenactmentTrainConfig(batch_size=2, perceptual="onet")


def make_people(size: int) -> ReenactmentDataset:
    """Six smooth pictures of two people, with average faces that look this way and that."""
    from faceswap_lib.reenactment.face_shape import FaceShape

    rng = np.random.default_rng(0)
    images = np.kron(rng.integers(0, 256, (6, size // 8, size // 8, 3)), np.ones((1, 8, 8, 1))).astype(np.uint8)
    points = template_points_68(256)
    irises = np.array([[*points[36:42].mean(axis=0), 5.0], [*points[42:48].mean(axis=0), 5.0]])
    shapes = [
        FaceShape(points=points + rng.normal(0, 3, points.shape), irises=irises, yaw=yaw)
        for yaw in (0, 5, -5, 20, -20, 3)
    ]
    people = ReenactmentDataset(
        names=("one", "other"),
        images=images,
        shapes=stack_shapes(shapes),
        person=np.array([0, 0, 0, 1, 1, 1], np.int32),
        frames=np.arange(6),
        rarity=np.ones(6),
    )
    if any(field.name == "heads" for field in dataclasses.fields(ReenactmentDataset)):
        heads = np.zeros((6, size, size), np.uint8)
        heads[:, size // 8 : -size // 8, size // 6 : -size // 6] = 255
        people = dataclasses.replace(people, heads=heads)
    return people


def system_values(name: str) -> dict[str, np.ndarray]:
    """Terms of two steps of one system, and how far they moved the first and the last weight of its networks."""
    system, network_config = open_system(name), ReenactmentNetworkConfig(system=name, resolution=64, capacity="tiny")
    networks, averaged = system.build_networks(network_config), system.build_networks(network_config)
    for network in (*networks.generators, *networks.discriminators, *averaged.generators):
        fill_weights(network)
    adams = [keras.optimizers.Adam(1e-3, beta_2=0.99, epsilon=EPSILON, global_clipnorm=1.0) for _ in range(2)]
    for adam, players in zip(adams, (networks.generators, networks.discriminators), strict=True):
        adam.build([variable for network in players for variable in network.trainable_variables])
    state = TrainingState(networks, averaged, *adams)
    people = to_device(make_people(network_config.stored_size))
    objective = system.build_objective(
        networks=networks, people=people, config=CONFIG, seed=keras.random.SeedGenerator(0)
    )
    step = build_step(objective, state)

    def read() -> dict[str, np.ndarray]:
        return {
            f"{network.name}/{place}": network.trainable_variables[place].numpy()
            for network in (*networks.generators, *networks.discriminators)
            for place in (0, -1)
        }

    before, terms = read(), []
    for number in range(2):
        batch = Batch(index_a=np.array([number, 3]), index_b=np.array([number + 1, 4 + number]))
        terms.append(step(batch, system.loss_weights, 0.9, active=frozenset({"adversarial"})))
    values = {f"term/{term}": np.array([found[term] for found in terms]) for term in terms[0]}
    return values | {f"change/{place}": weight - before[place] for place, weight in read().items()}


def all_values() -> dict[str, np.ndarray]:
    """The numbers of all systems on this backend."""
    with fixed_draws():
        return {f"{name}/{key}": value for name in MODULES for key, value in system_values(name).items()}


if __name__ == "__main__":
    np.savez(pathlib.Path(sys.argv[1]), backend=keras.backend.backend(), **all_values())
