"""Trainings of a reenactment system in memory: nothing on disk, one entry per step, other losses if asked."""

import dataclasses

import numpy as np
import pytest

from faceswap_lib.course.pair_training import PairVariant, train_pairs
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.people import ReenactmentDataset
from faceswap_lib.reenactment.shape_pictures import stack_shapes
from faceswap_lib.reenactment.systems.landmark_gan import SYSTEM, Objective
from tests.reenactment.faces import open_mouth, points_68, smooth_texture

TINY = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny")


def made_people() -> ReenactmentDataset:
    """Two people of three crops each."""
    shapes = [FaceShape(points=open_mouth(points_68(), gap)) for gap in (0.0, 6.0, 12.0)] * 2
    return ReenactmentDataset(
        names=("one", "other"),
        images=np.stack([smooth_texture(80, seed) for seed in range(6)]),
        shapes=stack_shapes(shapes),
        person=np.repeat(np.int32([0, 1]), 3),
        frames=np.arange(6),
        rarity=np.ones(6),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Doubled(Objective):
    """The same losses, and one more term."""

    def __call__(self, batch, weights, *, active):
        loss, critics, terms = super().__call__(batch, weights, active=active)
        return loss, critics, terms | {"twice": 2 * terms["reconstruction"]}


def test_a_training_with_other_losses_logs_them_at_every_step_and_changes_the_averages():
    system = dataclasses.replace(SYSTEM, build_objective=Doubled)
    found = train_pairs(made_people(), TINY, ReenactmentTrainConfig(steps=2, batch_size=2), system=system)
    assert [entry["step"] for entry in found.history] == [1, 2]
    assert all(np.isclose(entry["twice"], 2 * entry["reconstruction"]) for entry in found.history)
    trained, averaged = (networks["generator"].get_weights() for networks in (found.networks, found.averaged))
    assert any(not np.array_equal(one, other) for one, other in zip(trained, averaged, strict=True))


def test_a_variant_has_at_least_one_step():
    with pytest.raises(ValueError, match="empty history"):
        PairVariant(networks=None, averaged=None, history=[])
