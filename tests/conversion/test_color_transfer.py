"""Color matches: what each promises about the colors under the weights, and what all of them share."""

import cv2
import numpy as np
import pytest
import scipy.linalg
import skimage.color

from faceswap_lib.conversion.color_transfer.affine import XYZ_FROM_RGB
from faceswap_lib.conversion.color_transfer.registry import MATCHES, find_match, transfer_color
from faceswap_lib.errors import InputError

CHANGING = [mode for mode in MATCHES if mode != "none"]


def correlated(rng, mean, deviations, share: float) -> np.ndarray:
    """(64, 64, 3) normally distributed colors whose channels have a common part."""
    common, own = rng.normal(size=(64, 64, 1)), rng.normal(size=(64, 64, 3))
    return np.array(mean) + (share * common + np.sqrt(1 - share**2) * own) * deviations


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A new face, an old one of other colors, and a mask of the middle; both have a loud background."""
    rng = np.random.default_rng(1)
    new = correlated(rng, [110, 110, 120], [10, 15, 20], 0.9)
    old = correlated(rng, [150, 120, 100], [22, 14, 9], 0.5)
    mask = np.zeros((64, 64), np.float32)
    mask[8:56, 8:56] = 1
    for picture, value in ((new, 255), (old, 0)):
        picture[mask == 0] = value
    return *(np.clip(np.round(p), 0, 255).astype(np.uint8) for p in (new, old)), mask


def inside(picture: np.ndarray) -> np.ndarray:
    return picture[8:56, 8:56].reshape(-1, 3).astype(float)


# Single matches --------------------------------------------------------------------------------------------------


def test_adain_by_hand():
    """New has mean 110 and deviation 10, old 70 and 20; both deviations count one more."""
    new = np.tile(np.array([100, 120], np.uint8)[None, :, None], (2, 1, 3))
    old = np.tile(np.array([50, 90], np.uint8)[None, :, None], (2, 1, 3))
    matrix = find_match("adain").fit(new, old, np.ones((2, 2), np.float32))
    gain = 21 / 11
    assert matrix == pytest.approx(np.hstack([gain * np.eye(3), np.full((3, 1), 70 - gain * 110)]), rel=1e-5, abs=1e-4)
    matched = transfer_color("adain", new, old, np.ones((2, 2), np.float32))
    assert matched[0, :, 0].tolist() == [round(70 - 10 * gain), round(70 + 10 * gain)]


def test_adain_gives_mean_and_spread_of_every_channel(pair):
    new, old, matched = (inside(picture) for picture in (*pair[:2], transfer_color("adain", *pair)))
    assert matched.mean(axis=0) == pytest.approx(old.mean(axis=0), abs=0.5)
    gain = (old.std(axis=0) + 1) / (new.std(axis=0) + 1)
    assert matched.std(axis=0) == pytest.approx(gain * new.std(axis=0), rel=0.01)


def test_adain_xyz_gives_mean_and_spread_of_x_y_and_z(pair):
    new, old, mask = pair
    match = find_match("adain-xyz")
    matched = inside(match.apply(new, match.fit(new, old, mask))) @ XYZ_FROM_RGB.T
    before, wanted = (inside(picture) @ XYZ_FROM_RGB.T for picture in (new, old))
    assert matched.mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=0.1)
    gain = (wanted.std(axis=0) + 1) / (before.std(axis=0) + 1)
    assert matched.std(axis=0) == pytest.approx(gain * before.std(axis=0), rel=0.01)
    red = cv2.cvtColor(np.eye(3, dtype=np.float32)[None], cv2.COLOR_RGB2XYZ)[0]
    assert pytest.approx(XYZ_FROM_RGB.T, abs=1e-5) == red


def test_reinhard_gives_mean_and_spread_in_cielab(pair):
    new, old, mask = pair
    match = find_match("reinhard")
    matched = skimage.color.rgb2lab(inside(match.apply(new, match.fit(new, old, mask))) / 255)
    wanted = skimage.color.rgb2lab(inside(old) / 255)
    assert matched.mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=0.3)
    assert matched.std(axis=0) == pytest.approx(wanted.std(axis=0), rel=0.1)


@pytest.mark.parametrize("mode", ["linear", "mkl"])
def test_linear_and_mkl_give_mean_and_covariance(pair, mode):
    new, old, mask = pair
    match = find_match(mode)
    matrix = match.fit(new, old, mask)
    matched = inside(match.apply(new, matrix))
    assert matched.mean(axis=0) == pytest.approx(inside(old).mean(axis=0), abs=0.1)
    floor = matrix[:, :3] @ matrix[:, :3].T  # variances of both count one more, which the map carries along
    assert np.cov(matched.T) + floor == pytest.approx(np.cov(inside(old).T) + np.eye(3), abs=1.5)
    adain = np.cov(inside(transfer_color("adain", *pair)).T)
    assert np.abs(adain - np.cov(inside(old).T)).max() > 30  # which it leaves as they are, the correlations of new


def test_linear_and_mkl_are_the_maps_of_their_papers(pair):
    new, old, mask = pair
    spreads = [np.cov(inside(picture).T, bias=True) + np.eye(3) for picture in (new, old)]
    new_root, old_root = (scipy.linalg.sqrtm(spread) for spread in spreads)
    linear = find_match("linear").fit(new, old, mask)[:, :3]
    assert linear == pytest.approx(old_root @ np.linalg.inv(new_root), abs=1e-3)
    middle = scipy.linalg.sqrtm(new_root @ (spreads[1] - np.eye(3)) @ new_root + np.eye(3))
    mkl = find_match("mkl").fit(new, old, mask)[:, :3]
    assert mkl == pytest.approx(np.linalg.inv(new_root) @ middle @ np.linalg.inv(new_root), abs=1e-3)
    assert mkl == pytest.approx(mkl.T, abs=1e-5) and np.linalg.eigvalsh(mkl.astype(float)).min() > 0
    away = [np.square(inside(transfer_color(mode, *pair)) - inside(new)).sum(1).mean() for mode in ("linear", "mkl")]
    assert away[1] < away[0]


def test_histogram_gives_the_distribution_of_every_channel(pair):
    matched = inside(transfer_color("histogram", *pair))
    for share in (5, 25, 50, 75, 95):
        wanted = np.percentile(inside(pair[1]), share, axis=0)
        assert np.percentile(matched, share, axis=0) == pytest.approx(wanted, abs=3)


def test_histogram_keeps_the_order_of_brightness_and_shifts_what_it_does_not_know(pair):
    table = find_match("histogram").fit(*pair)
    assert table.shape == (3, 256)
    assert np.diff(table, axis=1).min() >= 0
    new = np.random.default_rng(2).normal(100, 8, (64, 64, 3)).astype(np.uint8)
    table = find_match("histogram").fit(new, new + 30, np.ones((64, 64), np.float32))
    assert table == pytest.approx(np.tile(np.arange(256) + 30, (3, 1)), abs=1e-3)


def test_sliced_transport_gives_the_joint_distribution():
    """Two clusters of colors go to two others; no match of means and spreads can do that."""
    rng = np.random.default_rng(3)
    which = rng.uniform(size=(64, 64, 1))
    new = np.where(which < 0.5, [100, 100, 100], [140, 140, 140]) + rng.normal(0, 4, (64, 64, 3))
    old = np.where(which < 0.8, [100, 120, 90], [160, 110, 130]) + rng.normal(0, 4, (64, 64, 3))
    new, old = new.astype(np.uint8), old.astype(np.uint8)
    weights = np.ones((64, 64), np.float32)
    wrong = {}
    for mode in ("none", "mkl", "sot"):
        colors = transfer_color(mode, new, old, weights).reshape(-1, 3).astype(float)
        directions = rng.normal(size=(3, 50))
        directions /= np.linalg.norm(directions, axis=0)
        sides = (np.sort(x @ directions, axis=0) for x in (colors, old.reshape(-1, 3).astype(float)))
        wrong[mode] = np.abs(np.subtract(*sides)).mean()
    assert wrong["sot"] < 0.35 * wrong["mkl"] < 0.35 * wrong["none"]


def test_none_keeps(pair):
    assert np.array_equal(transfer_color("none", *pair), pair[0])


# What all share --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MATCHES)
def test_parameters_have_one_shape_and_are_all_that_is_needed(pair, mode):
    new, old, mask = pair
    match = find_match(mode)
    first, second = match.fit(new, old, mask), match.fit(old[:32, :32], new[:32, :32], mask[:32, :32])
    assert first.dtype == second.dtype == np.float32 and first.shape == second.shape
    matched = match.apply(new[:20, :20], first)
    assert matched.dtype == np.float32
    assert matched == pytest.approx(match.apply(new, first)[:20, :20], abs=1e-3)
    assert np.array_equal(match.fit(new, old, mask), first)  # sliced transport has random directions: always the same


@pytest.mark.parametrize("mode", CHANGING)
def test_what_has_no_weight_does_not_count(pair, mode):
    new, old, mask = pair
    outside = mask == 0
    other_new, other_old = new.copy(), old.copy()
    other_new[outside], other_old[outside] = [0, 255, 0], [255, 0, 255]
    match = find_match(mode)
    assert match.fit(other_new, other_old, mask) == pytest.approx(match.fit(new, old, mask), abs=2e-3)


@pytest.mark.parametrize("mode", MATCHES)
@pytest.mark.parametrize("low", [0, 100, 244])
def test_a_face_matched_to_itself_stays_as_it_is(mode, low):
    """Dark and bright pixels, too."""
    face = np.random.default_rng(2).integers(low, low + 12, (32, 32, 3)).astype(np.uint8)
    weights = np.random.default_rng(3).uniform(0, 1, (32, 32)).astype(np.float32)
    assert np.abs(transfer_color(mode, face, face, weights).astype(int) - face).max() <= 1


@pytest.mark.parametrize("mode", MATCHES)
def test_no_weight_and_flat_pictures_do_no_harm(mode):
    flat, other = np.full((16, 16, 3), 80, np.uint8), np.full((16, 16, 3), 120, np.uint8)
    assert np.array_equal(transfer_color(mode, flat, other, np.zeros((16, 16), np.float32)), flat)
    matched = transfer_color(mode, flat, other, np.ones((16, 16), np.float32)).astype(int)
    assert np.abs(matched - (80 if mode == "none" else 120)).max() <= 1


@pytest.mark.parametrize("mode", CHANGING)
@pytest.mark.parametrize("light", [0.6, 1.3])
def test_light_that_changes_on_both_hardly_changes_the_transfer(mode, light):
    """The same two faces in other light, matched with the shape from before and the level of now."""
    rng = np.random.default_rng(4)
    new, old = correlated(rng, [110, 95, 85], [12, 12, 12], 0.95), correlated(rng, [120, 90, 75], [15, 14, 14], 0.95)
    before = [np.round(picture).astype(np.uint8) for picture in (new, old)]
    after = [np.round(picture * light).astype(np.uint8) for picture in (new, old)]
    weights = np.ones((64, 64), np.float32)
    match = find_match(mode)
    matched = match.apply(after[0], match.fit(*before, weights))
    off = np.abs(matched.mean((0, 1)) - after[1].mean((0, 1))).max()
    changed = np.abs(after[1].mean((0, 1)) - before[1].mean((0, 1))).max()
    assert off < 0.25 * changed  # parameters that held the old face's own colors would be off by all of it
    matched += after[1].mean((0, 1)) - matched.mean((0, 1))
    own = match.apply(after[0], match.fit(*after, weights))
    assert np.abs(matched - own).mean() < 2


def test_an_unknown_match_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="unknown color transfer 'histogramm'; did you mean 'histogram'"):
        find_match("histogramm")
