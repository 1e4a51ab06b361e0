"""Crops of several people, the pairs that a training draws, and their views."""

import numpy as np
import pytest

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.crops import hold_out
from faceswap_lib.reenactment.pair_sampling import draw_pairs
from faceswap_lib.reenactment.people import ReenactmentDataset, load_people, open_people
from faceswap_lib.reenactment.shape_pictures import keypoint_picture, stack_shapes
from tests.reenactment.test_shapes import CountingDetector, make_shape


def make_people(counts: tuple[int, ...] = (6, 30), size: int = 40) -> ReenactmentDataset:
    """Crops that show a number, of people with so many crops."""
    total = sum(counts)
    return ReenactmentDataset(
        names=tuple(f"person {number}" for number in range(len(counts))),
        images=np.broadcast_to(np.arange(total, dtype=np.uint8)[:, None, None, None], (total, size, size, 3)).copy(),
        shapes=stack_shapes([make_shape()] * total),
        person=np.repeat(np.arange(len(counts)), counts).astype(np.int32),
        frames=np.concatenate([np.arange(count) for count in counts]),
        rarity=np.concatenate([np.linspace(0.5, 1.5, count) for count in counts]),
    )


def test_pairs_are_of_one_person_and_every_person_is_drawn_alike():
    people = make_people()
    sources, targets = draw_pairs(people, 4000, rarity_exponent=0, seed=(1, 2))
    assert (people.person[sources] == people.person[targets]).all()
    assert (people.person[sources] == 0).mean() == pytest.approx(0.5, abs=0.03)


def test_pairs_depend_only_on_the_seed():
    people = make_people()
    one, other, different = (draw_pairs(people, 8, rarity_exponent=1, seed=seed) for seed in ((1, 2), (1, 2), (1, 3)))
    assert (np.array(one) == np.array(other)).all() and (np.array(one) != np.array(different)).any()


def test_rare_shapes_are_drawn_more_often_as_targets_only():
    people = make_people((50,))
    sources, targets = draw_pairs(people, 20_000, rarity_exponent=2, seed=(0,))
    assert people.rarity[sources].mean() == pytest.approx(1.0, abs=0.02)
    expected = (people.rarity**3).sum() / (people.rarity**2).sum()
    assert people.rarity[targets].mean() == pytest.approx(expected, abs=0.02)


def test_the_end_of_every_video_is_held_out():
    trained, held = hold_out(make_people((10, 30)), 0.2)
    assert trained.frames.tolist() == [*range(8), *range(24)]
    assert held.frames.tolist() == [8, 9, *range(24, 30)]
    assert held.person.tolist() == [0, 0, *[1] * 6]
    with pytest.raises(WorkspaceError, match="person 0: 10 crops are too few"):
        hold_out(make_people((10, 30)), 0.9)


def test_people_of_workspaces_are_loaded_without_crops_that_have_no_shape(small_workspace, workspace_copy, caplog):
    facesets = open_people([small_workspace, workspace_copy])
    assert len(facesets) == 4
    one = dict(list(facesets.items())[-2:-1])  # the workspace that may be written to
    people = load_people(one, 80, detector=CountingDetector())
    (faceset,) = one.values()
    assert people.images.shape == (len(faceset) - 1, 80, 80, 3)
    assert faceset.records[1].frame not in people.frames
    assert "1 of" in caplog.text


def test_workspaces_without_faces_or_of_one_name_are_refused(small_workspace, tmp_path):
    with pytest.raises(WorkspaceError, match="no faces in"):
        open_people([Workspace(tmp_path)])
    with pytest.raises(WorkspaceError, match="two people are called"):
        open_people([small_workspace, small_workspace])


def test_views_move_picture_and_points_together():
    """A dot that is drawn into the crop at a landmark is in the view where the view's shape says."""
    import keras

    from faceswap_lib.reenactment.pair_views import to_device, view_pairs

    people, size, resolution = make_people((6,), 160), 160, 128
    dots = keypoint_picture(people.shapes, size)
    people = ReenactmentDataset(**(vars(people) | {"images": np.round(dots * 255).astype(np.uint8)}))
    config = ReenactmentTrainConfig(batch_size=4, rotation_range=25, zoom_range=0.1, shift_range=0.05)
    seed = keras.random.SeedGenerator(3)
    pairs = view_pairs(to_device(people), np.arange(4), np.arange(1, 5), config, resolution, seed)
    seen = (keras.ops.convert_to_numpy(pairs.source) + 1) / 2
    points = keras.ops.convert_to_numpy(pairs.source_shapes.points)
    assert (points == keras.ops.convert_to_numpy(pairs.target_shapes.points)).all(), "one motion for both"
    assert np.ptp(points[:, 0], axis=0).min() > 2, "another motion for every pair"
    for picture, own in zip(seen, points, strict=True):
        for x, y in (own + 0.5) * resolution / 256 - 0.5:
            if 2 < x < resolution - 3 and 2 < y < resolution - 3:
                assert picture[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2, 1].max() > 0.4


def test_views_without_augmentation_are_the_crops():
    import keras

    from faceswap_lib.reenactment.pair_views import to_device, view_pairs

    people = make_people((6,))
    config = ReenactmentTrainConfig(batch_size=2, rotation_range=0, zoom_range=0, shift_range=0)
    pairs = view_pairs(to_device(people), np.array([1, 2]), np.array([3, 4]), config, 32, keras.random.SeedGenerator(0))
    assert keras.ops.convert_to_numpy(pairs.target)[:, 5, 5, 0] * 127.5 + 127.5 == pytest.approx([3, 4], abs=1e-3)
    assert keras.ops.convert_to_numpy(pairs.target_shapes.points) == pytest.approx(people.shapes.points[:2], abs=1e-3)
