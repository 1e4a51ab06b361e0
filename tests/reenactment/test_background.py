"""A reenacted crop comes back into the photo's frame: the photo moves, or the person in it."""

import cv2
import numpy as np
import pytest

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, align_face
from faceswap_lib.faces.alignment import invert_affine, resize_matrix, warp_frame
from faceswap_lib.reenactment.background import (
    PhotoBackground,
    matting_and_fill,
    paste_window,
    shift_and_scale,
    soft_paste,
)
from faceswap_lib.reenactment.hole_filling import fill_hole
from faceswap_lib.reenactment.matting import cut_out_person
from tests.conftest import annotated_face
from tests.reenactment.faces import smooth_texture

SIZE = 320
CROP_FROM_PHOTO = np.array([[1.6, 0.0, -128.0], [0.0, 1.6, -80.0]])
"""A crop of 160 pixels whose upper left corner is at 80, 50 of the photo."""


def person_in_a_room() -> tuple[np.ndarray, np.ndarray]:
    """A reddish head and body in front of a room whose colors change slowly; and where the person is."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    room = np.stack([40 + 0.1 * columns, 150 + 0.2 * rows, 120 + 0.2 * columns], axis=-1)
    head = np.hypot((columns - 160) / 50, (rows - 125) / 68) < 1
    body = (rows > 185) & (np.abs(columns - 160) < 25 + 1.8 * np.maximum(rows - 205, 0))
    photo = np.where((head | body)[..., None], [215, 120, 90], room)
    noise = np.random.default_rng(0).normal(0, 3, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8), head | body


def shifted(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """The matrix of a crop whose head is moved by x, y pixels of the frame."""
    return matrix @ np.array([[1, 0, -x], [0, 1, -y], [0, 0, 1]])


def test_a_pasted_crop_changes_nothing_outside_its_alpha():
    frame, crop = smooth_texture(200, 1), smooth_texture(128, 2)
    matrix = np.array([[1.5, 0.3, -90.0], [-0.3, 1.5, -20.0]])
    pasted = soft_paste(frame, crop, matrix)
    # Independently: every pixel whose position in the crop is outside of it.
    rows, columns = np.mgrid[0:200, 0:200]
    x, y = (matrix[i, 0] * columns + matrix[i, 1] * rows + matrix[i, 2] for i in (0, 1))
    outside = (x < -1) | (y < -1) | (x > CROP_SIZE) | (y > CROP_SIZE)
    assert outside.any() and np.array_equal(pasted[outside], frame[outside])
    inside = (np.minimum(x, y) > 0.2 * CROP_SIZE) & (np.maximum(x, y) < 0.8 * CROP_SIZE)
    expected = cv2.warpAffine(crop, invert_affine(resize_matrix(matrix, 0.5)), (200, 200), flags=cv2.INTER_LINEAR)
    assert np.abs(pasted[inside].astype(int) - expected[inside]).max() <= 2


@pytest.mark.parametrize("side", [96, 256, 512])
def test_a_crop_pasted_where_it_was_cut_gives_the_frame_again(side):
    frame = smooth_texture(300)
    crop = warp_frame(frame, resize_matrix(CROP_FROM_PHOTO, side / CROP_SIZE), side)
    pasted = soft_paste(frame, crop, CROP_FROM_PHOTO)
    assert np.abs(pasted.astype(int) - frame).max() <= 4


def test_an_own_mask_and_a_crop_outside_the_frame():
    frame, crop = smooth_texture(100, 1), smooth_texture(64, 2)
    matrix = np.array([[2.56, 0, 0], [0, 2.56, 0]])
    assert np.array_equal(soft_paste(frame, crop, matrix, np.zeros((64, 64), np.float32)), frame)
    assert np.array_equal(soft_paste(frame, crop, shifted(matrix, 500, 0)), frame)
    whole = soft_paste(frame, crop, matrix, np.ones((64, 64), np.float32))
    enlarged = cv2.resize(crop, (100, 100), interpolation=cv2.INTER_LINEAR)
    assert np.abs(whole[5:-5, 5:-5].astype(int) - enlarged[5:-5, 5:-5]).max() <= 25
    window = paste_window(50)
    assert window[0].max() < 0.05 and window[25, 25] == 1 and np.array_equal(window, window[::-1, ::-1])


def test_shift_and_scale_moves_every_pixel_and_continues_the_edges():
    photo, _ = person_in_a_room()
    crop = warp_frame(photo, CROP_FROM_PHOTO, CROP_SIZE)
    output = shift_and_scale(photo, CROP_FROM_PHOTO, crop, shifted(CROP_FROM_PHOTO, 30, -20))
    expected = np.pad(photo, ((0, 20), (30, 0), (0, 0)), mode="edge")[20:, :SIZE]
    difference = np.abs(output.astype(int) - expected)
    assert difference[:30].max() <= 1 and difference[:, :60].max() <= 1, "away from the crop"
    assert difference.mean() < 2


def test_without_a_move_both_methods_give_the_photo():
    photo, _ = person_in_a_room()
    crop = warp_frame(photo, CROP_FROM_PHOTO, CROP_SIZE)
    background = PhotoBackground(photo=photo, crop_from_photo=CROP_FROM_PHOTO)
    for output in (
        shift_and_scale(photo, CROP_FROM_PHOTO, crop, CROP_FROM_PHOTO),
        matting_and_fill(background, crop, CROP_FROM_PHOTO),
    ):
        assert np.abs(output.astype(int) - photo).mean() < 2
    assert np.array_equal(background.photo, person_in_a_room()[0])


def test_inpainting_fills_only_what_the_photo_does_not_show():
    photo, _ = person_in_a_room()
    crop, moved = warp_frame(photo, CROP_FROM_PHOTO, CROP_SIZE), shifted(CROP_FROM_PHOTO, 25, 0)
    plain, painted = (
        shift_and_scale(photo, CROP_FROM_PHOTO, crop, moved, edges=mode) for mode in ("replicate", "inpaint")
    )
    assert np.array_equal(plain[:, 25:], painted[:, 25:])
    assert np.abs(painted[:, :24].astype(int) - plain[:, :24]).max() > 0
    assert np.abs(painted[:, :24].astype(int) - plain[:, :24]).mean() < 12, "like the colors beside it"


def test_the_person_is_cut_out():
    photo, person = person_in_a_room()
    matte = cut_out_person(photo, CROP_FROM_PHOTO)
    assert matte.shape == photo.shape[:2] and matte.dtype == np.float32
    found = matte > 0.5
    assert (found & person).sum() / (found | person).sum() > 0.95
    assert np.array_equal(matte, cut_out_person(photo, CROP_FROM_PHOTO)), "the same matte every time"


def test_a_photo_without_background_is_all_person():
    photo, _ = person_in_a_room()
    closeup = np.array([[1.0, 0, 70], [0, 1.0, 90]])
    matte = cut_out_person(photo[100:150, 120:200], closeup)
    assert matte.shape == (50, 80) and (matte == 1).all()


def test_only_the_person_moves():
    photo, person = person_in_a_room()
    crop = warp_frame(photo, CROP_FROM_PHOTO, CROP_SIZE)
    background = PhotoBackground(photo=photo, crop_from_photo=CROP_FROM_PHOTO)
    output = matting_and_fill(background, crop, shifted(CROP_FROM_PHOTO, 40, 0))
    moved = np.pad(person, ((0, 0), (40, 0)), mode="edge")[:, :SIZE]
    away = cv2.dilate((person | moved).astype(np.uint8), np.ones((31, 31))) == 0
    assert np.abs(output[away].astype(int) - photo[away]).max() <= 1, "the room stays"
    inside = cv2.erode(moved.astype(np.uint8), np.ones((15, 15))) > 0
    assert np.abs(output[inside].astype(int) - (215, 120, 90)).mean() < 5
    left = cv2.erode((person & ~moved).astype(np.uint8), np.ones((15, 15))) > 0
    rows, columns = np.nonzero(left)
    room = np.stack([40 + 0.1 * columns, 150 + 0.2 * rows, 120 + 0.2 * columns], axis=-1)
    assert left.any() and np.abs(output[left] - room).mean() < 20, "the place behind is filled by the room"


def test_a_hole_is_filled_by_its_neighbors():
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :80], image[:, 80:] = (200, 50, 0), (0, 50, 200)
    hole = np.zeros((120, 160), bool)
    hole[30:90, 30:130] = True
    damaged = np.where(hole[..., None], np.uint8(255), image)
    filled = fill_hole(damaged, hole)
    assert np.array_equal(filled[~hole], image[~hole])
    assert np.abs(filled[40:80, 32:45].astype(int) - (200, 50, 0)).mean() < 10
    assert np.abs(filled[40:80, 115:128].astype(int) - (0, 50, 200)).mean() < 10
    assert filled[..., 0].max() <= 201, "no color of the hole itself"
    assert np.array_equal(fill_hole(image, np.zeros_like(hole)), image)
    assert np.array_equal(fill_hole(image, np.ones_like(hole)), image)


def test_a_portrait_survives_both_ways(portraits):
    portrait = portraits[0]
    crop = align_face(portrait.image, annotated_face(portrait))
    background = PhotoBackground(photo=portrait.image, crop_from_photo=crop.crop_from_frame)
    face = cut_out_person(portrait.image, crop.crop_from_frame)
    x, y = np.round(portrait.nose_tip).astype(int)
    assert face[y, x] == 1 and face[:5, :5].max() < 0.2
    scaled = resize_matrix(crop.crop_from_frame, 1.2)
    for output in (
        shift_and_scale(portrait.image, crop.crop_from_frame, crop.image, scaled),
        matting_and_fill(background, crop.image, scaled),
    ):
        assert output.shape == portrait.image.shape and output.dtype == np.uint8


def test_wrong_arguments_are_an_error():
    photo, crop = smooth_texture(64), smooth_texture(32)
    with pytest.raises(InputError, match="crop_from_output: .*inverse"):
        shift_and_scale(photo, CROP_FROM_PHOTO, crop, np.zeros((2, 3)))
    with pytest.raises(InputError, match="edges: expected one of replicate, inpaint"):
        shift_and_scale(photo, CROP_FROM_PHOTO, crop, CROP_FROM_PHOTO, edges="mirror")  # type: ignore
    with pytest.raises(ValueError, match="mask"):
        soft_paste(photo, crop, CROP_FROM_PHOTO, np.ones((5, 5), np.float32))
    with pytest.raises(ValueError, match="uint8"):
        PhotoBackground(photo=photo.astype(float), crop_from_photo=CROP_FROM_PHOTO)
    with pytest.raises(ValueError, match=r"crop_from_photo: expected \(2, 3\)"):
        PhotoBackground(photo=photo, crop_from_photo=np.eye(3))
