"""A photo gets another expression: eyes and mouth open, close and move, and everything else stays the photo's."""

import dataclasses
import pathlib

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.reenactment.changed_photo import PhotoChanger, changed_share, head_alpha
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.expression_fusion import expression_map, fuse_expression
from faceswap_lib.reenactment.eye_layers import fill_from, move_eyes
from faceswap_lib.reenactment.eye_transfer import eye_openness
from faceswap_lib.reenactment.face_shape import FaceShape
from faceswap_lib.reenactment.lid_layers import keep_closed
from faceswap_lib.reenactment.mouth_layers import mouth_share, true_lips
from faceswap_lib.reenactment.photo import Photo
from tests.reenactment.faces import between, irises_of, open_mouth, points_68, portrait_crop, smooth_texture

SKIN_COLOR, WHITE, IRIS, LIP, INSIDE = (200, 150, 120), (235, 235, 235), (60, 40, 20), (180, 70, 80), (40, 10, 10)


def eyes_with(points: np.ndarray, openness: float) -> np.ndarray:
    """Sets the height of both eyes over their width."""
    moved = points.copy()
    for corners, upper, lower in (((36, 39), (37, 38), (41, 40)), ((42, 45), (43, 44), (47, 46))):
        width = moved[corners[1], 0] - moved[corners[0], 0]
        for above, below in zip(upper, lower, strict=True):
            middle = moved[corners[0], 1]
            moved[above, 1], moved[below, 1] = middle - 0.5 * openness * width, middle + 0.5 * openness * width
    return moved


def drawn(points: np.ndarray, irises: np.ndarray) -> np.ndarray:
    """A plain face: skin, white eyes with dark irises behind the lids, lips, and a dark inner mouth."""
    image = np.full((256, 256, 3), SKIN_COLOR, np.uint8)
    rows, columns = np.mgrid[0:256, 0:256]
    for eye, (x, y, radius) in zip((points[36:42], points[42:48]), irises, strict=True):
        inside = between(eye)
        image[inside] = WHITE
        image[inside & (np.hypot(columns - x, rows - y) < 1.25 * radius)] = IRIS
    image[between(points[48:60])] = LIP
    image[between(points[60:68])] = INSIDE
    return image


def face(openness: float = 0.34, gap: float = 0.0, aside: float = 0.0) -> FaceShape:
    points = eyes_with(points_68(), openness)
    points[[48, 60]] += [5, 2]  # the average face smiles
    points[[54, 64]] += [-5, 2]
    irises = irises_of(points, to_the_right=aside)
    return FaceShape(points=open_mouth(points, gap) if gap else points, irises=irises)


def image_of(shape: FaceShape) -> np.ndarray:
    assert shape.irises is not None
    return drawn(shape.points, shape.irises)


def is_near(image: np.ndarray, color: tuple, most: float = 45) -> np.ndarray:
    return np.abs(image.astype(int) - color).max(axis=2) < most


def test_the_same_shape_is_the_photo(portraits):
    photo, shape = portrait_crop(portraits[0])
    made = fuse_expression(photo, shape, shape)
    assert np.abs(made.astype(int) - photo).mean() < 0.6
    outside = np.ones((256, 256), bool)
    outside[90:205, 60:196] = False
    assert np.abs(made.astype(int) - photo)[outside].max() <= 1


def test_an_iris_moves_as_a_whole_disk_and_the_white_behind_it_is_white():
    before, after = face(), face(aside=0.18)
    made = fuse_expression(image_of(before), before, after)
    truth = image_of(after)
    for eye in (after.points[36:42], after.points[42:48]):
        inside = cv2.erode(between(eye).astype(np.uint8), np.ones((3, 3))) > 0
        iris, wanted = (np.argwhere(inside & is_near(image, IRIS, 70)) for image in (made, truth))
        assert np.abs(iris.mean(axis=0) - wanted.mean(axis=0)).max() < 0.7
        assert len(iris) == pytest.approx(len(wanted), rel=0.25)
        white = inside & is_near(truth, WHITE)
        assert np.median(np.abs(made.astype(int) - truth)[white]) < 15


def test_what_a_lid_hides_of_an_iris_is_completed():
    """The photo's lids cover the upper part of the irises; wide open eyes show all of them."""
    before, after = face(openness=0.26), face(openness=0.44)
    made, truth = fuse_expression(image_of(before), before, after), image_of(after)
    inside = between(after.points[36:42])
    iris = cv2.erode((inside & is_near(truth, IRIS)).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.mean(is_near(made, IRIS, 60)[iris]) > 0.9


def test_eyes_that_are_half_closed_still_show_the_eyeball():
    before, after = face(openness=0.34), face(openness=0.16)
    made, truth = fuse_expression(image_of(before), before, after), image_of(after)
    for eye in (after.points[36:42], after.points[42:48]):
        inside = cv2.erode(between(eye).astype(np.uint8), np.ones((3, 3))) > 0
        assert np.mean(is_near(made, IRIS, 70)[inside & is_near(truth, IRIS)]) > 0.7
        above = eye[1:3].mean(axis=0).round().astype(int) - [0, 4]
        assert np.abs(made[above[1], above[0]].astype(int) - SKIN_COLOR).max() < 25, "the lid came down"


def test_closed_eyes_are_skin_and_a_line_of_lashes():
    before, after = face(openness=0.34), face(openness=0.02)
    made = fuse_expression(image_of(before), before, after)
    for was, now in ((before.points[36:42], after.points[36:42]), (before.points[42:48], after.points[42:48])):
        was_open = cv2.dilate(between(was).astype(np.uint8), np.ones((3, 3))) > 0
        rows, columns = np.mgrid[0:256, 0:256]
        away = np.abs(rows - now[0, 1]) > 4
        assert np.abs(made.astype(int) - SKIN_COLOR)[was_open & away].max() < 25, "no white and no iris is left"
        middle = made[round(now[0, 1]) - 1 : round(now[0, 1]) + 2, round(now[:, 0].mean())]
        assert middle.astype(int).sum(axis=1).min() < 330, "the line of the lashes"


def test_eyes_that_are_closed_in_the_photo_stay_closed_unless_a_network_opens_them():
    before, after = face(openness=0.05), face(openness=0.34)
    kept = keep_closed(before.points, after.points)
    assert np.allclose(eye_openness(kept), eye_openness(before.points), atol=0.01)
    assert np.array_equal(keep_closed(after.points, before.points), before.points), "closing is no opening"
    photo = image_of(before)
    alone = fuse_expression(photo, before, after)
    middle = after.points[36:42].mean(axis=0).round().astype(int)
    above = np.s_[middle[1] - 4, middle[0]]
    assert np.abs(alone[above].astype(int) - SKIN_COLOR).max() < 40
    generated = image_of(after)
    assert np.abs(fuse_expression(photo, before, after, generated)[above].astype(int) - generated[above]).max() < 60


def test_lips_part_and_meet_again():
    opened, points = face(gap=26), face().points.copy()
    points[[65, 66, 67]] = points[[63, 62, 61]]
    closed = dataclasses.replace(face(), points=points)
    made = fuse_expression(image_of(closed), closed, opened)
    inner = cv2.erode(between(opened.points[60:68]).astype(np.uint8), np.ones((5, 5))) > 0
    assert made[inner].astype(int).sum(axis=1).max() < 330, "a dark inner mouth, without lips across it"
    lower = opened.points[[56, 57, 58]].mean(axis=0) - [0, 3]
    assert np.abs(made[tuple(lower.round().astype(int)[::-1])].astype(int) - LIP).max() < 40, (
        "the lower lip moved along"
    )
    photo = image_of(dataclasses.replace(opened, points=true_lips(opened.points)))
    back = fuse_expression(photo, opened, closed)
    lips = cv2.erode(between(closed.points[48:60]).astype(np.uint8), np.ones((3, 3))) > 0
    assert np.mean(is_near(back, INSIDE, 60)[lips]) < 0.1, "hardly a trace of the inner mouth"


def test_a_generated_mouth_is_shown_only_if_it_has_contrast():
    opened = face(gap=26)
    inner = between(opened.points[60:68])
    plain, striped = image_of(opened), image_of(opened)
    plain[inner] = (170, 70, 80)
    striped[inner] = (30, 10, 10)
    striped[inner & (np.arange(256)[:, None] % 10 < 4)] = (220, 210, 200)
    assert mouth_share(plain, opened.points) == 0 and mouth_share(striped, opened.points) == 1
    closed = face()
    made = fuse_expression(image_of(closed), closed, opened, striped)
    eroded = cv2.erode(inner.astype(np.uint8), np.ones((5, 5))) > 0
    assert np.abs(made[eroded].astype(int) - striped[eroded]).mean() < 25


def test_a_smile_with_parted_lips_shows_upper_teeth_and_another_mouth_does_not():
    closed, opened = face(), face(gap=7)
    wide = opened.points.copy()
    wide[[48, 60]] -= [12, 6]
    wide[[54, 64]] -= [-12, 6]
    middle = opened.points[62].round().astype(int) + [0, 2]
    for points, bright in ((opened.points, False), (wide, True)):
        made = fuse_expression(image_of(closed), closed, dataclasses.replace(opened, points=points))
        assert (made[middle[1], middle[0]].min() > 120) == bright
        assert made[opened.points[66].round().astype(int)[1] - 2, middle[0]].max() < 130, "dark below the teeth"


def test_detectors_read_wide_lips_too_narrow():
    opened = open_mouth(points_68(), 20)
    moved = true_lips(opened)
    before, after = (points[66, 1] - points[62, 1] for points in (opened, moved))
    assert after == pytest.approx(1.3 * before)
    same = [index for index in range(68) if index not in (61, 62, 63, 65, 66, 67)]
    assert np.array_equal(moved[same], opened[same])


def test_hair_stays_and_the_collar_follows_the_jaw_a_part_of_the_way():
    closed, opened = points_68(), open_mouth(points_68(), 24)
    field = expression_map(closed, opened, 256) - np.stack(np.meshgrid(np.arange(256), np.arange(256)), -1)
    assert np.abs(field[:50]).max() < 0.5
    chin, collar = opened[8].round().astype(int), [128, 250]
    assert field[chin[1] - 2, chin[0], 1] == pytest.approx(-0.7 * 24, abs=3)
    assert 0.9 * field[chin[1] - 2, chin[0], 1] < field[collar[1], collar[0], 1] < 0


def test_filling_keeps_what_is_known_and_continues_it():
    image = np.full((40, 40, 3), 100, np.float32)
    image[:, 20:] = 200
    known = np.zeros((40, 40), np.float32)
    known[:, :8] = known[:, 32:] = 1
    filled = fill_from(image * known[..., None], known, 60.0)
    assert np.allclose(filled[:, :8], 100) and np.allclose(filled[:, 32:], 200)
    row = filled[20, :, 0]
    assert (np.diff(row) >= -1e-3).all() and row.min() >= 100 and row.max() <= 200.01


def test_the_side_of_the_image_is_free(portraits):
    photo, shape = portrait_crop(portraits[0])
    target = FaceShape(points=open_mouth(shape.points, 10), irises=shape.irises)
    large = fuse_expression(cv2.resize(photo, (512, 512), interpolation=cv2.INTER_CUBIC), shape, target)
    small = fuse_expression(photo, shape, target)
    assert np.abs(cv2.resize(large, (256, 256), interpolation=cv2.INTER_AREA).astype(int) - small).mean() < 2


def test_wrong_arguments_are_an_error():
    shape = face()
    photo = smooth_texture(64)
    with pytest.raises(ValueError, match="generated: expected the photo's shape"):
        fuse_expression(photo, shape, shape, smooth_texture(32))
    with pytest.raises(ValueError, match="photo: expected square"):
        fuse_expression(photo[:20], shape, shape)
    with pytest.raises(InputError, match="target_shape: .*all in one place"):
        fuse_expression(photo, shape, FaceShape(points=np.ones((68, 2))))
    assert move_eyes(photo, FaceShape(points=shape.points), shape) is None, "without irises nothing is moved"


def photo_of(image: np.ndarray, shape: FaceShape, angle: float, scale: float) -> Photo:
    """A photo in which an aligned crop is turned, enlarged and surrounded by noise."""
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), angle, scale)  # from the crop to the photo
    side = int(256 * scale * 1.5)
    matrix[:, 2] += side / 2 - 127.5
    canvas = np.random.default_rng(0).integers(0, 255, (side, side, 3), np.uint8)
    inside = cv2.warpAffine(np.full((256, 256), 255, np.uint8), matrix, (side, side)) > 200
    canvas[inside] = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC)[inside]
    crop_from_photo = cv2.invertAffineTransform(matrix)
    crop = FaceCrop(image=image, landmarks=np.zeros((5, 2)), crop_from_frame=crop_from_photo)
    return Photo(path=pathlib.Path("photo.png"), image=canvas, crop=crop, shape=shape)


def test_only_the_head_of_a_tilted_photo_changes(portraits):
    image, shape = portrait_crop(portraits[0])
    target = FaceShape(points=open_mouth(shape.points, 20), irises=shape.irises)
    for angle in (0, 30, -30):
        photo = photo_of(image, shape, angle, 1.3)
        changed = PhotoChanger(photo, None, FrameConfig()).change(target)
        difference = np.abs(changed.photo.astype(int) - photo.image).max(axis=2)
        back = cv2.warpAffine(difference.astype(np.float32), photo.crop.crop_from_frame, (256, 256))
        assert back[195:215, 110:146].max() > 30, "the chin moved, in the tilted photo"
        edge = np.ones((256, 256), bool)
        edge[4:-4, 4:-4] = False
        assert back[edge].max() == 0 and difference[:20].max() == 0
        assert changed.crop.shape == (256, 256, 3)


def test_nothing_changes_where_the_expression_does_not(portraits):
    """A look aside changes the eyes alone: the photo's other pixels are kept bit by bit, at its own resolution."""
    image, shape = portrait_crop(portraits[0])
    assert shape.irises is not None
    moved = shape.irises + [5.0, 0, 0]
    photo = photo_of(image, shape, 0, 2.0)
    changed = PhotoChanger(photo, None, FrameConfig()).change(dataclasses.replace(shape, irises=moved))
    difference = np.abs(changed.photo.astype(int) - photo.image).max(axis=2)
    assert difference.max() > 20
    shown = cv2.warpAffine((difference > 0).astype(np.float32), photo.crop.crop_from_frame, (256, 256))
    rows = np.flatnonzero(shown.max(axis=1) > 0)
    eyes = shape.points[36:48, 1]
    assert eyes.min() - 35 < rows.min() and rows.max() < eyes.max() + 35


def test_the_alpha_covers_head_and_moved_chin_and_ends():
    shape = face()
    opened = face(gap=12)
    head = between(cv2.convexHull(shape.points.astype(np.float32))[:, 0]).astype(np.float32)
    alpha = head_alpha(head, shape, opened)
    chin = opened.points[8].round().astype(int)
    assert alpha[chin[1] - 1, chin[0]] > 0.9 and alpha[min(chin[1] + 20, 255), chin[0]] == 0
    assert alpha[head > 0.5].min() > 0.9
    image = smooth_texture(256)
    assert changed_share(image, image).max() == 0
    assert changed_share(image, 255 - image).mean() > 0.7


def test_the_texture_of_an_avatar_is_shown_as_it_is_used(portraits):
    pytest.importorskip("keras")
    from faceswap_lib.reenactment.config import ReenactmentNetworkConfig
    from faceswap_lib.reenactment.systems.avatar_networks import build_networks
    from faceswap_lib.reenactment.systems.avatar_renderer import AvatarRenderer

    image, shape = portrait_crop(portraits[0])
    networks = build_networks(ReenactmentNetworkConfig(system="avatar", resolution=64, capacity="tiny"))
    changer = PhotoChanger(photo_of(image, shape, 0, 1.0), networks, FrameConfig(fusion="photo"))
    own = AvatarRenderer(networks, cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA), shape).texture
    assert changer.texture is not None and changer.texture.shape == (256, 256, 3)
    assert np.abs(cv2.resize(changer.texture, (64, 64), interpolation=cv2.INTER_AREA).astype(int) - own).mean() < 3
    assert PhotoChanger(photo_of(image, shape, 0, 1.0), None, FrameConfig()).texture is None
