"""Painting a face into its frame: only where it belongs, softly, and unchanged when nothing changed."""

import dataclasses

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.blending import TEXTURE_LIMIT, sharpen
from faceswap_lib.conversion.color_transfer.registry import MATCHES
from faceswap_lib.conversion.compositor import BLENDS, CompositeResult, Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, crop_from_frame, points_in_crop, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE, map_points
from tests.conftest import annotated_face
from tests.fakes import make_face
from tests.videos import psnr

PLAIN = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")


def paint(frame, face, *, new=None, mask=1.0, size=128, config=PLAIN) -> CompositeResult:
    """Paints a face (by default the old one) over itself."""
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, size, VIEW_COVERAGE)
    old = warp_frame(frame, matrix, size)
    new = old if new is None else np.broadcast_to(np.array(new, np.uint8), old.shape).copy()
    share = np.full((size, size), mask, np.float32)
    points = points_in_crop(face, matrix)
    swapped = SwappedFace(target=old, swapped=new, mask=share, landmarks=points, view_from_frame=matrix)
    return Compositor(config, VIEW_COVERAGE).composite(frame, swapped)


def paste(frame, face, **options) -> np.ndarray:
    """The frame that `paint` gives."""
    return paint(frame, face, **options).frame


def inside_view(frame: np.ndarray, face, margin: float = 0.0) -> np.ndarray:
    """Which pixels of a frame lie in the face's view, enlarged by a margin in pixels of the frame; (H, W) bool."""
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 128, VIEW_COVERAGE)
    rows, columns = np.mgrid[: frame.shape[0], : frame.shape[1]]
    points = map_points(matrix, np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float))
    edge = margin * np.sqrt(np.linalg.det(matrix[:, :2]))
    hit = np.all((points > -0.5 - edge) & (points < 127.5 + edge), axis=1)
    return hit.reshape(frame.shape[:2])


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (300, 400, 3)).astype(np.uint8)


@pytest.mark.parametrize("angle", [0, 30])
@pytest.mark.parametrize("center", [(200, 130), (20, 40), (390, 290), (-300, -300)])
def test_outside_the_view_every_pixel_is_the_frames_own(noise, angle, center):
    face = make_face(*center, 45, angle=angle)
    before = noise.copy()
    result = paste(noise, face, new=[255, 0, 0])
    assert np.array_equal(noise, before)
    assert result.shape == noise.shape and result.dtype == np.uint8
    outside = ~inside_view(noise, face, margin=1)
    assert np.array_equal(result[outside], noise[outside])
    if center == (-300, -300):
        assert np.array_equal(result, noise)
    else:
        assert not np.array_equal(result, noise)


def test_the_face_is_painted_where_it_is_and_fades_towards_its_border():
    frame = np.zeros((300, 400, 3), np.uint8)
    face = make_face(200, 120, 45)
    result = paste(frame, face, new=[200, 100, 50]).astype(int)
    for x, y in np.round(face.landmarks).astype(int):
        assert np.abs(result[y, x] - [200, 100, 50]).max() <= 2
    painted = result[..., 0] > 0
    rows, columns = np.nonzero(painted)
    center = [columns.mean(), rows.mean()]
    assert center == pytest.approx([200, 120 + 0.42 * 45], abs=4)
    assert 3 * 45**2 < painted.sum() < 9 * 45**2
    steps = np.abs(np.diff(result[..., 0], axis=1)).max()
    assert steps < 60  # no hard border


def test_a_wider_feather_is_softer():
    frame, face = np.zeros((300, 400, 3), np.uint8), make_face(200, 120, 45)
    steps = []
    for feather in (0.03, 0.15, 0.4):
        result = paste(frame, face, new=[200, 200, 200], config=dataclasses.replace(PLAIN, feather=feather))
        steps.append(int(np.abs(np.diff(result[120, :, 0].astype(int))).max()))
    assert steps[0] > 1.5 * steps[1] > 1.5 * steps[2]


def test_the_attention_mask_says_how_much_shows():
    frame, face = np.zeros((300, 400, 3), np.uint8), make_face(200, 120, 45)
    nose = tuple(np.round(face.landmarks[2]).astype(int)[::-1])
    shown = [paste(frame, face, new=[200, 200, 200], mask=mask)[nose][0] for mask in (0.0, 0.25, 0.5, 1.0)]
    assert shown == pytest.approx([0, 50, 100, 200], abs=2)
    assert np.array_equal(paste(frame, face, new=[200, 200, 200], mask=0.0), frame)


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("color", MATCHES)
def test_the_old_face_pasted_over_itself_changes_little(portraits, size, color):
    """Two bilinear warps and a smaller size in between cost detail; the place and the colors stay."""
    portrait = portraits[1]
    face = annotated_face(portrait)
    config = dataclasses.replace(PLAIN, color_transfer=color)
    result = paste(portrait.image, face, size=size, config=config)
    region = inside_view(portrait.image, face)
    assert psnr(result[region], portrait.image[region]) > {64: 28, 128: 33, 256: 38}[size]
    assert (result[region].mean(axis=0) - portrait.image[region].mean(axis=0)) == pytest.approx(0, abs=0.7)


@pytest.mark.parametrize("color", MATCHES)
def test_dark_pixels_stay_as_dark_as_they_are(color):
    rng = np.random.default_rng(2)
    frame = rng.integers(0, 11, (30, 40, 3)).astype(np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    result = paste(frame, make_face(200, 120, 45), size=256, config=dataclasses.replace(PLAIN, color_transfer=color))
    assert np.abs(result.astype(int) - frame).mean() < 0.6
    assert result.max() <= 11


@pytest.mark.parametrize("size", [64, 128, 256])
def test_a_face_comes_back_to_where_it_was_taken_from(portraits, size):
    """To a fraction of a pixel: moved by one pixel in any direction it would fit far worse."""
    image = cv2.GaussianBlur(portraits[1].image, (0, 0), 3)  # no detail that a small view would lose
    result = paste(image, annotated_face(portraits[1]), size=size).astype(int)
    middle = (slice(110, 220), slice(110, 210))
    here = np.abs(result[middle] - image[middle]).mean()
    for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        assert np.abs(np.roll(result, (dy, dx), (0, 1))[middle] - image[middle]).mean() > 3 * here


def test_color_correction_brings_the_light_of_the_frame(portraits):
    image = portraits[1].image
    face = annotated_face(portraits[1])
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 128, VIEW_COVERAGE)
    darker = (warp_frame(image, matrix, 128) * 0.5).astype(np.uint8)
    errors = {}
    for color in MATCHES:
        result = paste(image, face, new=darker, config=dataclasses.replace(PLAIN, color_transfer=color))
        errors[color] = float(np.abs(result.astype(int) - image).mean())
    untouched = errors.pop("none")
    assert max(errors.values()) < 0.2 * untouched and errors["adain"] < 0.1 * untouched


def test_sharpening_lifts_edges_and_nothing_else():
    picture = np.full((40, 40, 3), 100, np.uint8)
    assert np.array_equal(sharpen(picture, 2.0), picture)
    picture[:, 20:] = 150
    assert sharpen(picture, 0) is picture
    assert np.array_equal(sharpen(picture, 1.0)[:, [0, -1]], picture[:, [0, -1]])
    contrasts = [int(np.ptp(sharpen(picture, amount))) for amount in (0, 0.5, 1.0)]
    assert contrasts[0] < contrasts[1] < contrasts[2]


def test_detail_of_the_original_is_what_the_networks_pixels_cannot_show():
    """Fine grain on gray: a small view loses it, its transfer brings it back; steps beyond the limit stay out."""
    grain = np.random.default_rng(3).integers(-10, 11, (300, 400, 1))
    face = make_face(200, 130, 90)
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 64, VIEW_COVERAGE)
    middle = np.s_[110:150, 180:220]

    def detail(frame, transfer: str) -> float:
        config = dataclasses.replace(PLAIN, detail_transfer=transfer)
        frame = np.broadcast_to(frame, (300, 400, 3)).astype(np.uint8)
        gray = [128, 128, 128]
        return float(paste(frame, face, new=gray, size=64, config=config)[middle].astype(float).std())

    assert np.linalg.norm(matrix[:, 0]) < 0.4, "a pixel of the view spans several of the frame"
    assert detail(128 + grain, "none") == pytest.approx(0, abs=0.1)
    assert detail(128 + grain, "wanted") == pytest.approx(0, abs=0.1)  # nobody's crops are given
    assert detail(128 + grain, "original") > 0.8 * grain.std()
    loud = detail(128 + 10 * grain, "original")
    assert loud < TEXTURE_LIMIT < 0.5 * (10 * grain).std()


@pytest.mark.parametrize("parts", [("face",), ("eyes",), ("eyebrows",), ("nose",), ("mouth",), ("eyes", "mouth")])
@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("size", [64, 128])
def test_nothing_changes_when_the_network_changes_nothing(portraits, parts, blend, size):
    """For every color match. What is lost are edges finer than a pixel of the view and higher than `TEXTURE_LIMIT`."""
    for portrait in portraits:
        for color in MATCHES:
            config = ConvertConfig(
                color_transfer=color, blend=blend, parts=parts, sharpen=0, detail_transfer="original"
            )
            result = paste(portrait.image, annotated_face(portrait), size=size, config=config)
            assert psnr(result, portrait.image) > 40, color


@pytest.mark.parametrize("center", [(200, 130), (20, 40), (390, 290)])
def test_the_weight_says_where_the_frame_was_changed(noise, center):
    painted = paint(noise, make_face(*center, 45), new=[255, 0, 0])
    height, width = painted.weight.shape
    x, y = painted.corner
    region = np.s_[y : y + height, x : x + width]
    assert painted.weight.dtype == np.float32 and painted.weight.max() == pytest.approx(1, abs=1e-3)
    expected = noise[region] + painted.weight[..., None] * (np.array([255, 0, 0]) - noise[region])
    assert painted.frame[region] == pytest.approx(expected, abs=0.51)
    outside = np.ones(noise.shape[:2], bool)
    outside[region] = False
    assert np.array_equal(painted.frame[outside], noise[outside])


def test_a_face_outside_the_frame_changes_nothing_and_has_no_weight(noise):
    painted = paint(noise, make_face(-300, -300, 45), new=[255, 0, 0])
    assert np.array_equal(painted.frame, noise) and painted.frame is not noise
    assert painted.weight.shape == (0, 0) and painted.corner == (0, 0)


def shown_area(config: ConvertConfig, mask: float = 1.0) -> float:
    """Sum of the weights in squares of the eye distance."""
    frame = np.zeros((300, 400, 3), np.uint8)
    return float(paint(frame, make_face(200, 120, 45), new=[200] * 3, mask=mask, config=config).weight.sum()) / 45**2


def test_eroding_takes_a_ring_away_and_less_than_nothing_adds_one():
    """The face is an ellipse with half axes of 1.02 and 1.36 eye distances."""
    for erode in (0.2, 0.0, -0.1):
        config = dataclasses.replace(PLAIN, erode=erode, feather=0.05)
        assert shown_area(config) == pytest.approx(np.pi * (1.02 - erode) * (1.36 - erode), rel=0.03)


def test_the_face_is_scaled_about_its_middle(portraits):
    image, face = cv2.GaussianBlur(portraits[1].image, (0, 0), 3), annotated_face(portraits[1])
    middle = face.landmarks.mean(axis=0)
    for scale in (0.85, 1.15):
        config = dataclasses.replace(PLAIN, face_scale=scale, blend="face")
        result = paste(image, face, config=config)
        matrix = np.array([[scale, 0, (1 - scale) * middle[0]], [0, scale, (1 - scale) * middle[1]]])
        scaled = cv2.warpAffine(image, matrix, image.shape[1::-1]).astype(int)
        for x, y in np.round(middle + scale * (face.landmarks - middle)).astype(int):
            here = np.s_[y - 8 : y + 9, x - 8 : x + 9]
            assert np.abs(result[here] - scaled[here]).mean() < 1.5
            assert np.abs(image[here].astype(int) - scaled[here]).mean() > 4


def test_blends_differ_in_what_limits_the_face():
    """A mask of a half: everywhere half of the new face, the whole of it where the mask is not asked."""
    whole = shown_area(PLAIN)
    areas = {blend: shown_area(dataclasses.replace(PLAIN, blend=blend), mask=0.5) for blend in BLENDS}
    assert areas["face"] == pytest.approx(whole, rel=1e-3)
    assert areas["attention"] == pytest.approx(whole / 2, rel=1e-3)
    assert areas["seamless"] == pytest.approx(whole / 2, rel=0.05)
    assert areas["overlay"] > 1.2 * whole / 2


def test_a_seamless_face_takes_gradients_and_not_colors():
    """A flat face on a flat frame has no gradients, so nothing is left of it; a spot in it stays."""
    frame = np.full((300, 400, 3), (90, 110, 130), np.uint8)
    config = dataclasses.replace(PLAIN, blend="seamless")
    assert (
        np.abs(paste(frame, make_face(200, 120, 45), new=[200, 20, 20], config=config).astype(int) - frame).max() <= 1
    )
    spotted = np.full((128, 128, 3), 100, np.uint8)
    cv2.circle(spotted, (64, 50), 6, (130, 130, 130), cv2.FILLED)
    result = paste(frame, make_face(200, 120, 45), new=spotted, config=config).astype(int) - frame
    assert result.max() == pytest.approx(30, abs=6) and (result > 10).any(axis=2).mean() < 0.01


@pytest.mark.parametrize("center", [(200, 130), (0, 0), (20, 40), (399, 299), (200, 299)])
@pytest.mark.parametrize("blend", BLENDS)
def test_every_blend_works_at_the_frames_border(portraits, blend, center):
    smooth = cv2.GaussianBlur(np.random.default_rng(1).integers(60, 200, (300, 400, 3)).astype(np.uint8), (0, 0), 25)
    face = make_face(*center, 45)
    result = paste(smooth, face, config=dataclasses.replace(PLAIN, blend=blend))
    assert np.abs(result.astype(int) - smooth).max() <= 2
    changed = paste(smooth, face, new=np.arange(128)[:, None, None] + np.zeros((1, 128, 3)), config=PLAIN)
    assert not np.array_equal(changed, smooth)


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="unknown blend 'seemless'; did you mean 'seamless'"):
        Compositor(dataclasses.replace(PLAIN, blend="seemless"), VIEW_COVERAGE)
    with pytest.raises(InputError, match="unknown color transfer 'reinhart'; did you mean 'reinhard'"):
        Compositor(dataclasses.replace(PLAIN, color_transfer="reinhart"), VIEW_COVERAGE)
    with pytest.raises(InputError, match="parts: expected face, or at least one"):
        ConvertConfig(parts=())
