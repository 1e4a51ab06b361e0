"""Random views: what moves, how far, and that training sees the picture that conversion sees."""

import keras
import numpy as np
import pytest
from keras import ops

from faceswap_lib.faces import CROP_SIZE, Face, crop_from_frame, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE, stored_size
from faceswap_lib.facesets import Faceset, FacesetArrays
from faceswap_lib.media import read_frames
from faceswap_lib.training import TrainConfig
from faceswap_lib.training.augmentation import augment_colors, motion_blur, random_warp_grid, sample, to_device

RESOLUTION = 64
SIZE = stored_size(RESOLUTION, VIEW_COVERAGE)
BATCH = 48
STILL = {"rotation_range": 0.0, "zoom_range": 0.0, "shift_range": 0.0, "random_warp": 0.0, "elastic_deformation": 0.0}
LIVELY = {
    "rotation_range": 12.0,
    "zoom_range": 0.1,
    "shift_range": 0.05,
    "random_warp": 0.03,
    "elastic_deformation": 0.03,
}


def draw_maps(seed: int = 1, **options) -> tuple[np.ndarray, np.ndarray]:
    """Plain and warped map of a batch."""
    config = TrainConfig(batch_size=BATCH, **(STILL | options))
    maps = random_warp_grid(config, RESOLUTION, SIZE, keras.random.SeedGenerator(seed))
    return tuple(ops.convert_to_numpy(m) for m in maps)


def view_grid() -> np.ndarray:
    """(R * R, 3): x, y of a view's pixels from -1 to 1 between its edges, and 1."""
    line = (np.arange(RESOLUTION) + 0.5) / RESOLUTION * 2 - 1
    x, y = np.meshgrid(line, line)
    return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3)


def fit_affine(coordinates: np.ndarray) -> np.ndarray:
    """The (2, 3) matrix of a map without warp, in half sides of the view; checks that it is one."""
    seen = (coordinates.reshape(-1, 2) - (SIZE - 1) / 2) / (VIEW_COVERAGE * SIZE / 2)
    matrix, *_ = np.linalg.lstsq(view_grid(), seen, rcond=None)
    assert np.abs(view_grid() @ matrix - seen).max() < 1e-4
    return matrix.T


def make_arrays(count: int = 3, seed: int = 0) -> FacesetArrays:
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
    eyes, mouth = rng.integers(0, 256, (2, count, SIZE, SIZE)).astype(np.uint8)
    face = np.zeros((count, SIZE, SIZE), np.uint8)
    face[:, 20:60, 25:55] = 255
    return FacesetArrays(images=images, eyes=eyes, mouth=mouth, face=face, rarity=np.ones(len(images)))


def test_one_pixel_of_the_view_is_one_stored_pixel():
    """Without any change the map hits pixel centers, and half of the views are mirrored."""
    plain, warped = draw_maps()
    assert np.array_equal(plain, warped)
    margin = (SIZE - RESOLUTION) / 2
    rows, columns = np.mgrid[:RESOLUTION, :RESOLUTION] + margin
    straight = np.stack([columns, rows], axis=-1)
    mirrored = straight[:, ::-1]
    kinds = [np.allclose(m, straight, atol=1e-4) + 2 * np.allclose(m, mirrored, atol=1e-4) for m in plain]
    assert set(kinds) == {1, 2}
    assert 0.25 * BATCH < kinds.count(2) < 0.75 * BATCH


def test_sampling_at_pixel_centers_gives_the_stored_pixels():
    arrays = make_arrays()
    faces = to_device(arrays)
    assert (faces.size, faces.count) == (SIZE, 3)
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    grid = np.broadcast_to(np.stack([columns, rows], axis=-1), (3, SIZE, SIZE, 2))
    index = np.array([2, 0, 2], np.int32)
    got = ops.convert_to_numpy(sample(faces, ops.convert_to_tensor(index), ops.convert_to_tensor(grid)))
    assert np.array_equal(got[..., :3], arrays.images[index])
    for channel, masks in enumerate((arrays.eyes, arrays.mouth, arrays.face), 3):
        assert np.array_equal(got[..., channel], masks[index])


def test_sampling_between_pixels_is_bilinear_and_repeats_the_border():
    arrays = make_arrays(1)
    red = arrays.images[0, ..., 0].astype(float)
    points = np.array([[10.25, 7.5], [-5.0, 3.0], [SIZE + 40.0, SIZE + 40.0], [3.0, SIZE - 0.5]], np.float32)
    got = sample(to_device(arrays), ops.convert_to_tensor([0]), ops.convert_to_tensor(points[None, None]))
    expected = [
        0.5 * (0.75 * red[7, 10] + 0.25 * red[7, 11]) + 0.5 * (0.75 * red[8, 10] + 0.25 * red[8, 11]),
        red[3, 0],
        red[-1, -1],
        red[-1, 3],
    ]
    assert ops.convert_to_numpy(got)[0, 0, :, 0] == pytest.approx(np.array(expected), abs=1e-3)


@pytest.mark.parametrize(
    ("option", "limit"),
    [("rotation_range", 15.0), ("zoom_range", 0.2), ("shift_range", 0.1)],
    ids=["rotation_range", "zoom_range", "shift_range"],
)
def test_each_movement_keeps_to_its_limit_and_uses_it(option, limit):
    plain, _ = draw_maps(**{option: limit})
    values = {"rotation_range": [], "zoom_range": [], "shift_range": []}
    for coordinates in plain:
        matrix = fit_affine(coordinates)
        assert abs(np.linalg.det(matrix[:, :2])) == pytest.approx((matrix[:, 1] ** 2).sum(), rel=1e-3)  # a similarity
        values["rotation_range"].append(np.degrees(np.arctan2(-matrix[0, 1], matrix[1, 1])))
        values["zoom_range"].append(np.hypot(*matrix[:, 1]) - 1)
        values["shift_range"] += list(matrix[:, 2] / 2)  # in sides of the view
    for name, seen in values.items():
        largest = np.abs(seen).max()
        if name == option:
            assert 0.8 * limit < largest <= limit * 1.001
            assert abs(np.mean(seen)) < 0.35 * limit
        else:
            assert largest < 1e-3


def test_the_warped_map_differs_from_the_plain_one_by_the_warp_alone():
    movements = {key: value for key, value in LIVELY.items() if key != "random_warp"}
    without, same = draw_maps(**movements)
    plain, warped = draw_maps(**LIVELY)
    assert np.array_equal(without, same)
    assert np.array_equal(plain, without)
    bends = warped - plain
    assert np.abs(bends).max() > 1
    twice = draw_maps(**(LIVELY | {"random_warp": 2 * LIVELY["random_warp"]}))[1] - plain
    assert twice == pytest.approx(2 * bends, abs=1e-3)


def test_the_warp_is_smooth_and_as_strong_as_asked():
    """At the corners of the view, which are control points, its spread is the strength itself."""
    strength = 0.03
    bends = np.subtract(*reversed(draw_maps(random_warp=strength))) / (VIEW_COVERAGE * SIZE)  # in sides of the view
    corners = bends[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.std() == pytest.approx(strength, rel=0.15)
    assert abs(corners.mean()) < 0.3 * strength
    second = np.diff(bends, 2, axis=1)
    kinks = np.abs(second).max(axis=(0, 2, 3)) > 1e-5
    assert kinks.sum() <= 2 * 3  # straight lines between five control points


def test_masks_move_with_the_picture():
    arrays = make_arrays()
    arrays.images[..., 0], arrays.images[..., 1], arrays.images[..., 2] = arrays.eyes, arrays.mouth, arrays.face
    plain, _ = draw_maps(**LIVELY)
    index = ops.convert_to_tensor(np.arange(BATCH, dtype=np.int32) % 3)
    got = ops.convert_to_numpy(sample(to_device(arrays), index, ops.convert_to_tensor(plain)))
    assert np.array_equal(got[..., :3], got[..., 3:])
    assert got[..., 3].std() > 10


def test_same_seed_same_bytes_and_another_seed_others():
    first, again, other = (draw_maps(seed, **LIVELY) for seed in (5, 5, 6))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert len({m.tobytes() for m in first[1]}) == BATCH


def test_tones_are_those_inside_the_face():
    arrays = make_arrays(2)
    arrays.images[:] = 250
    arrays.images[0, 20:60, 25:55] = [10, 20, 30]
    arrays.images[0, 20:60, 25:40] = [30, 40, 50]
    tones = ops.convert_to_numpy(to_device(arrays).tones)
    assert tones.shape == (2, 2, 3)
    assert tones[0, 0] == pytest.approx([20, 30, 40], abs=0.1)
    assert tones[0, 1] == pytest.approx([10, 10, 10], abs=1.5)
    assert np.all(tones[1, 1] > 0)  # it is divided by


@pytest.mark.parametrize("side", ["src", "dst"])
def test_training_sees_the_picture_that_conversion_sees(small_workspace, portrait_clips, side):
    """The unchanged view of a stored crop is the view conversion cuts out of the frame."""
    faceset = Faceset.open(small_workspace, side)
    video = portrait_clips[0 if side == "src" else 1]
    resolution = 128  # shrinks the crop, as the stored side does
    size = stored_size(resolution, VIEW_COVERAGE)
    images = faceset.load(size).images
    margin = (size - resolution) // 2
    for record, frame in zip(faceset.records, read_frames(video), strict=True):
        if record.frame % 12:
            continue
        face = Face(box_xyxy=record.box_xyxy, score=record.score, landmarks=record.landmarks)
        view = warp_frame(
            frame, view_matrix(crop_from_frame(face), CROP_SIZE, resolution, VIEW_COVERAGE), resolution
        ).astype(float)
        stored = images[record.frame].astype(float)

        def difference(dx: int, dy: int, stored=stored, view=view) -> float:
            cut = stored[margin + dy : margin + dy + resolution, margin + dx : margin + dx + resolution]
            return float(np.abs(cut - view).mean())

        here = difference(0, 0)
        around = [difference(dx, dy) for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        assert here < 3
        assert here < 0.7 * min(around)
        assert max(around) < 2 * min(around)  # a shift of half a pixel would favor one side


@pytest.mark.parametrize("side", ["src", "dst"])
def test_the_encoder_reads_the_same_numbers_in_training_and_conversion(small_workspace, portrait_clips, side):
    """Tone and cut-out included: from stored crops through the losses, and from frames through `preprocess_views`."""
    from faceswap_lib.faces import face_mask, points_in_crop
    from faceswap_lib.networks import PRESETS, build_networks
    from faceswap_lib.networks.preprocessing import preprocess_views
    from faceswap_lib.training.loss_model import Objective

    networks = build_networks(PRESETS["tiny"])
    resolution = networks.config.resolution
    faceset = Faceset.open(small_workspace, side)
    faces = to_device(faceset.load(stored_size(resolution, VIEW_COVERAGE)))
    frames = list(read_frames(portrait_clips[0 if side == "src" else 1]))
    config = TrainConfig(batch_size=6, **STILL)
    seed = keras.random.SeedGenerator(1)
    objective = Objective(networks=networks, faces_a=faces, faces_b=faces, config=config, seed=seed)
    index = np.arange(0, 36, 6)
    trained = ops.convert_to_numpy(objective.view(faces, ops.convert_to_tensor(index.astype(np.int32))).encoder_input)
    for number, picture in zip(index, trained, strict=True):
        record = faceset.records[number]
        face = Face(box_xyxy=record.box_xyxy, score=record.score, landmarks=record.landmarks)
        matrix = view_matrix(crop_from_frame(face), CROP_SIZE, resolution, VIEW_COVERAGE)
        mask = face_mask(points_in_crop(face, matrix), resolution, coverage=VIEW_COVERAGE)
        converted = preprocess_views(warp_frame(frames[number], matrix, resolution)[None], mask[None])[0][0]
        errors = [float(np.abs(picture - other).mean()) for other in (converted, converted[:, ::-1])]
        moved = float(np.abs(picture - np.roll(converted[:, :: np.argmin(errors) * -2 + 1], 1, axis=1)).mean())
        assert min(errors) < 0.03 and min(errors) < 0.6 * moved
        assert picture.min() >= -1 and picture.max() <= 1 and picture.std() > 0.1


def test_colors_are_matched_to_another_crops_for_a_share_of_the_pictures():
    tones = ops.convert_to_tensor(np.arange(20 * 6, dtype=np.float32).reshape(20, 2, 3))
    index = np.arange(BATCH, dtype=np.int32) % 20

    def matched(share: float) -> np.ndarray:
        config = TrainConfig(batch_size=BATCH, color_augmentation_prob=share)
        drawn = augment_colors(tones, config, ops.convert_to_tensor(index), 20, keras.random.SeedGenerator(5))
        return ops.convert_to_numpy(drawn)[:, 0, 0] / 6

    assert np.array_equal(matched(0.0), index)
    always = matched(1.0)
    assert np.all((always >= 0) & (always < 20)) and len(set(always)) > 12
    assert 0.25 < (matched(0.5) != index).mean() < 0.75


def test_motion_blur_spreads_a_point_along_one_line():
    picture = np.zeros((BATCH, 64, 64, 1), np.float32)
    picture[:, 30, 20] = 1

    def blurred(share: float) -> np.ndarray:
        config = TrainConfig(batch_size=BATCH, motion_blur_prob=share)
        return ops.convert_to_numpy(motion_blur(picture, config, keras.random.SeedGenerator(7)))[..., 0]

    assert blurred(0.0) == pytest.approx(picture[..., 0])
    lengths = set()
    for view in blurred(1.0):
        rows, columns = np.nonzero(view)
        assert view.sum() == pytest.approx(1) and view[30, 20] == view.max()
        assert len(set(rows)) == 1 or len(set(columns)) == 1
        assert (rows.min() + rows.max(), columns.min() + columns.max()) == (60, 40)
        lengths.add(len(rows))
    assert lengths == {5, 7, 9, 11}
    assert 0.25 < np.mean([np.count_nonzero(view) > 1 for view in blurred(0.5)]) < 0.75


def test_the_change_of_shape_is_in_both_views_smooth_and_as_strong_as_asked():
    strength = 0.03
    still, _ = draw_maps()
    plain, warped = draw_maps(elastic_deformation=strength)
    assert np.array_equal(plain, warped)
    bends = (plain - still) / (VIEW_COVERAGE * SIZE)  # in sides of the view
    points = np.arange(8, RESOLUTION, RESOLUTION // 4)  # the four control points, to half a pixel
    assert bends[:, points][:, :, points].std() == pytest.approx(strength, rel=0.1)
    assert np.abs(np.diff(bends, 2, axis=1)).max() < 0.12 * strength  # straight lines between points would bend by 0.3
