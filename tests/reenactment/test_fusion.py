"""The fusion takes skin from the photo, and what the photo hides from the generated picture."""

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.reenactment.eye_layers import move_eyes
from faceswap_lib.reenactment.eye_transfer import match_brightness
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.fusion import fuse, fuse_without_network, match_colors
from faceswap_lib.reenactment.skin_alpha import skin_alpha, trust_map, yaw_share
from faceswap_lib.reenactment.warping import pixel_grid
from tests.reenactment.faces import between, irises_of, open_mouth, points_68, portrait_crop, smooth_texture

SKIN = np.s_[138:150, 76:90]
"""Pixels of a cheek."""


def shape(points: np.ndarray, **more) -> FaceShape:
    return FaceShape(points=points, **more)


def drawn_face(points: np.ndarray, irises: np.ndarray, *, iris=(60, 40, 20)) -> np.ndarray:
    """A plain face: skin, white eyes with dark irises."""
    image = np.full((256, 256, 3), (200, 150, 120), np.uint8)
    image += np.random.default_rng(0).integers(0, 6, image.shape, np.uint8)
    for eye, (x, y, radius) in zip((points[36:42], points[42:48]), irises, strict=True):
        inside = between(eye)
        rows, columns = np.mgrid[0:256, 0:256]
        image[inside] = 235
        image[inside & (np.hypot(columns - x, rows - y) < 1.1 * radius)] = iris
    return image


def wide_eyes(points: np.ndarray) -> np.ndarray:
    """Opens the eyes, so that whole irises are visible."""
    wide = points.copy()
    wide[[37, 38, 43, 44]] -= [0, 4]
    wide[[40, 41, 46, 47]] += [0, 4]
    return wide


def iris_centers(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The middle of the dark pixels between the lids of each eye, (2,) x."""
    centers = []
    for eye in (points[36:42], points[42:48]):
        dark = between(eye) & (image.max(axis=2) < 110)
        centers.append(np.argwhere(dark)[:, 1].mean())
    return np.array(centers)


def test_with_equal_shapes_skin_is_the_photos_and_the_outside_is_generated(portraits):
    photo, face = portrait_crop(portraits[0])
    generated = smooth_texture(256)
    fused = fuse(photo, face, generated, face)
    assert np.abs(fused[SKIN].astype(int) - photo[SKIN]).max() <= 2
    colored = match_colors(generated, photo, skin_alpha(face.points, face.points, pixel_grid(256)))
    assert np.array_equal(fused[:10], colored[:10])


def test_the_inner_mouth_of_closed_lips_is_generated():
    closed = points_68()
    opened = open_mouth(closed, 25)
    photo = np.full((256, 256, 3), (190, 140, 120), np.uint8)
    generated = photo.copy()
    inner = between(opened[60:68])
    generated[inner] = (20, 10, 240)
    fused = fuse(photo, shape(closed), generated, shape(opened))
    middle = cv2.erode(inner.astype(np.uint8), np.ones((3, 3))) > 0
    assert np.abs(fused[middle].astype(int) - generated[middle]).max() <= 12
    assert np.abs(fused[SKIN].astype(int) - photo[SKIN]).max() <= 2


def test_teeth_of_an_open_mouth_are_not_drawn_on_closed_lips():
    closed, opened = points_68(), open_mouth(points_68(), 25)
    photo = np.full((256, 256, 3), (190, 140, 120), np.uint8)
    photo[between(opened[60:68])] = (250, 255, 250)
    generated = np.full_like(photo, (190, 140, 120))
    fused = fuse(photo, shape(opened), generated, shape(closed))
    alone = fuse_without_network(photo, shape(opened), shape(closed))
    lips = between(closed[48:60])
    assert fused[lips].max(axis=1).max() <= 205
    assert alone[lips].min(axis=1).mean() < 140 and np.percentile(alone[lips].min(axis=1), 95) < 190


def test_without_a_network_an_opened_mouth_is_dark_and_an_open_one_is_kept():
    closed = points_68()
    closed[[48, 60, 54, 64]] += [[5, 2], [5, 2], [-5, 2], [-5, 2]]  # the average face smiles, and a smile shows teeth
    opened = open_mouth(closed, 25)
    photo = np.full((256, 256, 3), (190, 140, 120), np.uint8)
    middle = cv2.erode(between(opened[60:68]).astype(np.uint8), np.ones((5, 5))) > 0
    alone = fuse_without_network(photo, shape(closed), shape(opened))
    assert alone[middle].max() < 110 and np.array_equal(alone[SKIN], photo[SKIN])
    photo[between(opened[60:68])] = (250, 255, 250)
    kept = fuse_without_network(photo, shape(opened), shape(open_mouth(closed, 27)))
    assert kept[middle].mean() > 240


def test_irises_move_to_the_targets_gaze_and_lids_stay():
    points = wide_eyes(points_68())
    ahead, aside = irises_of(points), irises_of(points, to_the_right=0.15)
    photo = drawn_face(points, ahead)
    generated = drawn_face(points, aside, iris=(90, 80, 70))
    before, after = shape(points, irises=ahead), shape(points, irises=aside)
    for fused in (fuse(photo, before, generated, after), fuse_without_network(photo, before, after)):
        assert np.abs(iris_centers(fused, points) - aside[:, 0]).max() < 1.5
        around = between(points[36:42] * [1, 1] + [0, 22])
        assert np.abs(fused[around].astype(int) - photo[around]).max() <= 8
    fused = fuse(photo, before, generated, after)
    iris = [fused[round(y), round(x)] for x, y, _ in aside]
    assert np.abs(np.array(iris, int) - (60, 40, 20)).max() < 15, "the photo's own irises"


def test_nothing_is_transferred_into_closed_eyes_or_without_irises():
    points = wide_eyes(points_68())
    shut = points.copy()
    shut[[37, 38, 43, 44]] = shut[[41, 40, 47, 46]]
    irises = irises_of(points)
    photo = drawn_face(points, irises)
    for source, target in (
        (shape(points), shape(points, irises=irises)),
        (shape(points, irises=irises), shape(points)),
    ):
        assert move_eyes(photo, source, target) is None
    for source, target in ((points, shut), (shut, points)):
        assert move_eyes(photo, shape(source, irises=irises), shape(target, irises=irises)) is None
    wink = points.copy()
    wink[[37, 38]] = wink[[41, 40]]
    found = move_eyes(photo, shape(points, irises=irises), shape(wink, irises=irises))
    assert found is not None and not found.weight[:, :120].any() and found.weight[:, 140:].max() > 0.8


def test_generated_eyes_get_the_brightness_of_the_photos():
    points = wide_eyes(points_68())
    photo = drawn_face(points, irises_of(points))
    dark = (photo * 0.85).astype(np.uint8)
    matched = match_brightness(dark, photo, points, points)
    eyes = between(points[36:42]) | between(points[42:48])
    inside = cv2.erode(eyes.astype(np.uint8), np.ones((5, 5))) > 0
    assert abs(matched[inside].mean() - photo[inside].mean()) < 4
    assert np.array_equal(matched[SKIN], dark[SKIN])


def test_colors_of_the_generated_picture_become_those_of_the_photo(portraits):
    photo, face = portrait_crop(portraits[0])
    cast = np.clip(photo * [0.85, 1.0, 1.15], 0, 255).astype(np.uint8)
    weights = skin_alpha(face.points, face.points, pixel_grid(256))
    matched = match_colors(cast, photo, weights)
    skin = weights > 0.9
    before, after = (np.abs(image[skin].mean(0) - photo[skin].mean(0)).max() for image in (cast, matched))
    assert after < 4 < 15 < before
    black = cast.copy()
    black[:20] = 0
    assert match_colors(black, photo, weights)[:18].max() <= 2, "black stays black"
    assert match_colors(cast, photo, np.zeros_like(weights)) is cast


def test_a_head_that_turns_away_is_generated(portraits):
    photo, face = portrait_crop(portraits[0])
    generated = smooth_texture(256)
    turned = FaceShape(points=face.points, irises=face.irises, yaw=40)
    assert yaw_share(0, 10) == 1 and 0.3 < yaw_share(-10, 15) < 0.7 and yaw_share(-20, 20) == 0
    fused = fuse(photo, face, generated, turned)
    far = np.abs(fused.astype(int) - photo)[SKIN].mean()
    near = np.abs(fuse(photo, face, generated, face).astype(int) - photo)[SKIN].mean()
    assert near < 2 and far > 20


def test_maps_that_stretch_or_turn_over_are_not_trusted():
    grid = pixel_grid(64)
    for scale, expected in (((1, 1), 1), ((3, 1), 1), ((0.2, 1), 0), ((1, 0.2), 0), ((-1, 1), 0), ((0.7, 0.7), 1)):
        found = trust_map(grid * np.array(scale, np.float32))
        assert np.allclose(found[8:-8, 8:-8], expected, atol=1e-3), scale


def test_a_hidden_cheek_is_generated():
    """The left half of the face is narrow in the photo and wide in the target."""
    target = points_68()
    source = target.copy()
    left = source[:, 0] < 127
    source[left, 0] = 127 + 0.2 * (source[left, 0] - 127)
    photo = np.full((256, 256, 3), (190, 140, 120), np.uint8)
    photo[:, :110] = (0, 255, 0)
    fused = fuse(photo, shape(source), np.full_like(photo, (190, 140, 120)), shape(target))
    assert np.abs(fused[130:190, 60:200].astype(int) - (190, 140, 120)).max() < 40


def test_the_side_of_the_images_is_free(portraits):
    photo, face = portrait_crop(portraits[0])
    moved = FaceShape(points=open_mouth(face.points, 8), irises=face.irises)
    large = fuse_without_network(photo, face, moved)
    small = fuse_without_network(cv2.resize(photo, (128, 128), interpolation=cv2.INTER_AREA), face, moved)
    difference = np.abs(cv2.resize(large, (128, 128), interpolation=cv2.INTER_AREA).astype(int) - small)
    assert difference.mean() < 4


def test_wrong_arguments_are_an_error():
    points, photo = points_68(), smooth_texture(64)
    face = shape(points)
    with pytest.raises(ValueError, match="generated: expected the photo's shape"):
        fuse(photo, face, smooth_texture(32), face)
    with pytest.raises(ValueError, match="photo: expected square"):
        fuse_without_network(photo[:20], face, face)
    with pytest.raises(InputError, match="target_shape: .*all in one place"):
        fuse(photo, face, photo, shape(np.ones((68, 2))))
