"""The small swap detector: numbers with known values, a line between two kinds, a network that finds a mark."""

import cv2
import numpy as np
import pytest

from faceswap_lib.course.deepfake_detector import (
    CROP_SIDE,
    FEATURES,
    FeatureDetector,
    fit_detector,
    outline_areas,
    read_crops,
    split_by_time,
    swap_features,
)
from faceswap_lib.evaluation.roc import auc, roc_curve
from faceswap_lib.faces import VideoTracks, align_face
from faceswap_lib.faces.track_video import track_video


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Eight pictures of noise, as sharp as a picture can be."""
    return np.random.default_rng(0).integers(60, 200, (8, CROP_SIDE, CROP_SIDE, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def smoothed(noise: np.ndarray) -> np.ndarray:
    """The same, blurred inside the face only."""
    inside, edge, _ = outline_areas(CROP_SIDE)
    copies = noise.copy()
    for copy in copies:
        copy[inside | edge] = cv2.GaussianBlur(copy, (0, 0), 3)[inside | edge]
    return copies


@pytest.fixture(scope="module")
def clip_tracks(portrait_clips, detector) -> VideoTracks:
    return track_video(portrait_clips[0], detector)


def test_the_areas_are_apart_and_in_order_from_the_middle():
    inside, edge, around = outline_areas(64)
    assert inside[32, 32] and not (inside & edge).any() and not (edge & around).any() and not (inside & around).any()
    row = [("i" if inside[32, x] else "e" if edge[32, x] else "a" if around[32, x] else "") for x in range(32, 64)]
    assert "".join(row).replace("i", "", row.count("i") - 1).startswith("ie")
    assert [kind for kind, before in zip(row, ["", *row], strict=False) if kind and kind != before] == ["i", "e", "a"]


def test_smoothing_the_inside_moves_every_feature_the_way_its_name_says(noise, smoothed):
    change = swap_features(smoothed).mean(axis=0) - swap_features(noise).mean(axis=0)
    change = dict(zip(FEATURES, change, strict=True))
    assert change["detail"] < -2 and change["detail against surroundings"] == pytest.approx(change["detail"], abs=0.1)
    assert change["finest waves"] < -1
    sharp_edge = smoothed.copy()
    inside, edge, _ = outline_areas(CROP_SIDE)
    sharp_edge[:, edge] = noise[:, edge]
    assert (swap_features(sharp_edge)[:, 2] > swap_features(smoothed)[:, 2] + 0.5).all()


def test_detail_is_the_laplacian_inside_the_face(noise):
    inside, _, around = outline_areas(CROP_SIDE)
    gray = cv2.cvtColor(noise[0], cv2.COLOR_RGB2GRAY).astype(float)
    padded = np.pad(gray, 1, mode="reflect")
    neighbors = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    laplacian = neighbors - 4 * gray
    detail, surroundings = (np.log(laplacian[area].var() + 1) for area in (inside, around))
    assert np.allclose(swap_features(noise[:1])[0, :2], [detail, detail - surroundings])


def test_a_flat_picture_has_features_too(noise):
    assert np.isfinite(swap_features(np.full_like(noise[:1], 90))).all()
    assert swap_features(noise[:0]).shape == (0, len(FEATURES))


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 64, 48, 3), (1, 16, 16, 3)])
def test_features_want_square_crops(shape):
    with pytest.raises(ValueError, match=r"expected \(N, S, S, 3\)"):
        swap_features(np.zeros(shape, np.uint8))


def test_the_fit_is_where_the_slope_of_the_loss_is_zero():
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 40)
    features = random.normal(size=(80, 3)) * [1, 5, 0.1] + labels[:, None] * [1, 0, 0.1] + [3, 0, -2]
    detector = fit_detector(features, labels, strength=0.05)
    inputs = (features - features.mean(axis=0)) / features.std(axis=0)
    chance = 1 / (1 + np.exp(-detector.score(features)))
    assert np.allclose(inputs.T @ (chance - labels) / 80 + 0.05 * detector.weights, 0, atol=1e-6)
    assert chance.mean() == pytest.approx(0.5, abs=1e-4)
    assert detector.weights[0] > 0.3 and detector.weights[2] > 0.3 and abs(detector.weights[1]) < 0.3


def test_kinds_that_can_be_told_apart_without_error_have_finite_weights():
    detector = fit_detector(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1]))
    assert 0 < detector.weights[0] < 20
    assert (detector.score(np.array([[0.5], [10.5]])) > 0).tolist() == [False, True]


def test_a_score_is_the_weighted_sum():
    detector = FeatureDetector(mean=np.array([1.0]), spread=np.array([2.0]), weights=np.array([3.0]), bias=0.5)
    assert detector.score(np.array([[5.0]])) == pytest.approx([6.5])


@pytest.mark.parametrize(
    ("labels", "strength", "message"),
    [([0, 0, 0], 0.1, "both 0 and 1"), ([0, 1], 0.1, "N labels"), ([0, 1, 1], 0.0, "strength above 0")],
)
def test_a_fit_needs_two_kinds_and_a_penalty(labels, strength, message):
    with pytest.raises(ValueError, match=message):
        fit_detector(np.zeros((3, 2)), np.array(labels), strength=strength)


def test_a_split_leaves_a_gap_and_shares_no_frame():
    learnt, judged = split_by_time(100)
    assert learnt.tolist() == list(range(60)) and judged.tolist() == list(range(70, 100))
    for count in (4, 5, 20):
        learnt, judged = split_by_time(count)
        assert len(learnt) and len(judged) and learnt[-1] < judged[0] and judged[-1] == count - 1
    with pytest.raises(ValueError, match="at least 4"):
        split_by_time(3)
    with pytest.raises(ValueError, match="share"):
        split_by_time(50, share=0.9, gap=0.1)
    learnt, judged = split_by_time(50, share=0.5, gap=0.0)
    assert learnt[-1] + 1 == judged[0] == 25


def test_crops_are_those_of_the_first_track(portrait_clips, clip_frames, clip_tracks):
    crops = read_crops(portrait_clips[0], clip_tracks)
    assert crops.shape == (38, CROP_SIDE, CROP_SIDE, 3)
    face = clip_tracks.faces[7][min(clip_tracks.faces[7])]
    assert np.array_equal(crops[7], align_face(clip_frames[7], face, CROP_SIDE).image)


def test_tracks_of_another_length_are_refused(portrait_clips, clip_tracks):
    for length in (37, 39):
        tracks = VideoTracks(length=length, tracks=() if length == 37 else clip_tracks.tracks)
        with pytest.raises(ValueError, match=f"tracks of the 38 frames of .*, got tracks of {length} frames"):
            read_crops(portrait_clips[0], tracks)


def test_the_curve_of_a_case_worked_by_hand():
    labels, scores = np.array([0, 1, 0, 1]), np.array([1.0, 3.0, 2.0, 2.0])
    false_alarms, hits = roc_curve(labels, scores)
    assert false_alarms.tolist() == [0, 0, 0.5, 1] and hits.tolist() == [0, 0.5, 1, 1]
    assert auc(labels, scores) == pytest.approx((1 + 1 + 1 + 0.5) / 4)  # four pairs, one of them a tie


def test_the_area_counts_pairs_in_the_right_order():
    random = np.random.default_rng(2)
    labels, scores = random.integers(0, 2, 60), random.integers(0, 9, 60).astype(float)
    pairs = scores[labels == 1][:, None] - scores[labels == 0][None]
    assert auc(labels, scores) == pytest.approx((pairs > 0).mean() + (pairs == 0).mean() / 2)
    assert auc(labels, -scores) == pytest.approx(1 - auc(labels, scores))
    assert auc(np.array([0, 1]), np.array([5.0, 5.0])) == 0.5


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 1], [1.0], "of one shape"),
        ([0, 0], [1.0, 2.0], "both labels 0 and 1"),
        ([0, 2], [1.0, 2.0], "and no others"),
        ([0, 1], [1.0, float("nan")], "1 NaN or infinite"),
    ],
)
def test_a_curve_needs_labels_and_scores(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        roc_curve(np.array(labels), np.array(scores))


def test_a_network_learns_a_mark_and_the_map_shows_where_it_is():
    from faceswap_lib.course.deepfake_cnn import network_scores, occlusion_map, train_detector_network

    crops = np.random.default_rng(3).integers(90, 130, (48, 32, 32, 3)).astype(np.uint8)
    labels = np.repeat([0, 1], 24)
    crops[24:, 20:28, 4:28] = 250  # symmetric enough for mirrored copies
    learnt = np.arange(48) % 4 != 0
    network = train_detector_network(crops[learnt], labels[learnt], passes=20)
    scores = network_scores(network, crops[~learnt])
    assert auc(labels[~learnt], scores) == 1
    looked = occlusion_map(lambda pictures: network_scores(network, pictures), crops[-4], cells=8)
    assert looked.shape == (8, 8)
    assert looked[5:7].mean() > 4 * abs(looked[:4]).mean()


def test_a_network_wants_a_label_per_crop_and_a_map_room_for_its_cells():
    from faceswap_lib.course.deepfake_cnn import occlusion_map, train_detector_network

    with pytest.raises(ValueError, match="N labels"):
        train_detector_network(np.zeros((4, 32, 32, 3), np.uint8), np.zeros(3))
    with pytest.raises(ValueError, match="at least 32 pixels"):
        occlusion_map(lambda pictures: np.zeros(len(pictures)), np.zeros((20, 20, 3), np.uint8))


def test_the_map_is_what_a_patch_takes_away():
    from faceswap_lib.course.deepfake_cnn import occlusion_map

    crop = np.zeros((32, 32, 3), np.uint8)
    crop[12:16, 12:16] = 255
    looked = occlusion_map(lambda pictures: pictures[:, 13, 13, 0].astype(float), crop, cells=8)
    rows, columns = np.nonzero(looked)
    assert set(rows) == set(columns) == {2, 3, 4}  # a patch covers one cell and its neighbors
    assert looked.max() <= 255 and (looked[2:5, 2:5] > 200).all()
