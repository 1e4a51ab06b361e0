"""Detail from the wanted person's own crops: the right crop, in the face's pose and contrast, steady, and not where no
crop has it."""

import dataclasses
import types

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.compositor import Compositor, SwappedFace
from faceswap_lib.conversion.detail.soft_view import standardize, to_thumbnail
from faceswap_lib.conversion.detail.sources import BARE_INSETS, DetailSources, _shrink_face, collect_detail
from faceswap_lib.conversion.detail.transfer import FADE, DetailTransfer
from faceswap_lib.demo.animate import PortraitAnimator
from faceswap_lib.demo.motion import Pose
from faceswap_lib.faces import CROP_SIZE, FaceCrop, align_face, crop_from_frame, points_in_crop
from faceswap_lib.faces.alignment import VIEW_COVERAGE, view_matrix, warp_frame
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline import open_swapper
from faceswap_lib.training import load_run
from tests.conftest import annotated_face
from tests.fakes import make_face
from tests.videos import psnr

POSES = [Pose(), Pose(mouth=0.8), Pose(lids=0.9), Pose(smile=0.8), Pose(gaze_x=0.8, brows=0.6)]


class Softener:
    """Stands for a network that draws every crop as it was, but soft; code n is that of view n."""

    resolution, coverage, face_region = 128, VIEW_COVERAGE, "ellipse"

    def __init__(self, views: list[np.ndarray]):
        self.written = np.stack([soften(view) for view in views])

    def with_latent_map(self, latent_map):
        assert latent_map is None
        return self

    def decode(self, codes, tones):
        return np.ones(self.written.shape[:3], np.float32), self.written


def soften(view: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(cv2.resize(view, (128, 128), interpolation=cv2.INTER_AREA), (0, 0), 4)


def cut(crop: FaceCrop) -> np.ndarray:
    return warp_frame(crop.image, view_matrix(np.eye(2, 3), len(crop.image), 256, VIEW_COVERAGE), 256)


@pytest.fixture(scope="module")
def crops(portraits) -> list[FaceCrop]:
    """Faces of one portrait."""
    animator, face = PortraitAnimator(portraits[1]), annotated_face(portraits[1])
    return [align_face(animator.render(pose), face) for pose in POSES]


@pytest.fixture(scope="module")
def views(crops) -> list[np.ndarray]:
    """The same as (256, 256, 3) views."""
    return [cut(crop) for crop in crops]


def collect(crops: list[FaceCrop], face_region: str = "ellipse") -> DetailSources:
    """Takes detail of crops whose reconstructions are soft copies of them."""
    views = [cut(crop) for crop in crops]
    both = [*views, *(view[:, ::-1] for view in views)]
    swapper = Softener(both)
    swapper.face_region = face_region
    sample = types.SimpleNamespace(
        codes=np.arange(len(both)), crops=types.SimpleNamespace(read_crops=lambda **_: crops), motion=None
    )
    return collect_detail(swapper, sample)


@pytest.fixture(scope="module")
def sources(crops) -> DetailSources:
    return collect(crops)


def test_what_is_behind_a_face_is_known_where_outlines_are(crops):
    if lack := MeshLandmarkDetector.unavailable_reason():
        pytest.skip(lack)
    bare = collect(crops, "outline").bare
    assert bare.shape == (len(crops), 128, 128) and bare.dtype == np.uint8
    assert (bare[:, 50:80, 55:75] == 255).all(), "nose and cheeks"
    assert (bare[:, :, :8] == 0).all() and (bare[:, 100:, :20] == 0).all(), "hair and wall"


def test_a_face_ends_before_hair_and_backdrop_and_goes_down_to_the_chin():
    face = np.zeros((128, 128), np.uint8)
    face[10:118, 20:108] = 255
    shrunk = _shrink_face(face, VIEW_COVERAGE)
    (top, wide), (low, beside) = BARE_INSETS
    assert (shrunk[: 10 + top] == 0).all() and (shrunk[10 + top : 50, 64] == 255).all()
    assert (shrunk[:40, : 20 + wide] == 0).all() and (shrunk[20:40, 20 + wide] == 255).all()
    assert (shrunk[110 : 118 - low, 64] == 255).all() and (shrunk[110, 20 + beside : 108 - beside] == 255).all()
    assert (shrunk[100, : 20 + beside] == 0).all(), "a wall beside the jaw"


def transfer_detail(
    soft: np.ndarray, sources: DetailSources, transfer: DetailTransfer | None = None, **options
) -> np.ndarray:
    """The face with detail, (256, 256, 3) uint8."""
    return (transfer or DetailTransfer()).transfer(soft, sources, **options).draw_alone(256)


def enlarge(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (256, 256), interpolation=cv2.INTER_CUBIC)


def test_a_soft_face_gets_the_detail_of_the_crop_that_is_like_it(views, sources):
    for view in views:
        for real in (view, np.ascontiguousarray(view[:, ::-1])):
            soft = soften(real)
            before, after = psnr(enlarge(soft), real), psnr(transfer_detail(soft, sources), real)
            assert after > before + 5


def test_the_mouths_detail_is_of_a_crop_whose_mouth_does_the_same(views, sources):
    count = len(views)
    doing = np.zeros((2 * count, 3))
    doing[[1, count + 1], 0] = 4.0  # the open mouth
    known = dataclasses.replace(sources, mouths=doing)
    between = (soften(views[0]) / 2 + soften(views[1]) / 2).astype(np.uint8)  # soft, it may be open or shut
    thumbnail = to_thumbnail(standardize(between, VIEW_COVERAGE)[0])
    shut, gaping, beyond = (known.compare(thumbnail, np.array([gap, 0, 0])) for gap in (0.0, 4.0, 9.0))
    assert shut[1].argmin() % count != 1 and gaping[1].argmin() % count == 1
    np.testing.assert_array_equal(beyond, gaping, err_msg="further than the person ever goes is as far as she goes")
    for row in (0, 2):
        np.testing.assert_array_equal(shut[row], sources.compare(thumbnail)[row], err_msg="eyes and the rest")


def test_detail_is_bent_to_where_the_face_has_it(views, sources):
    """A face a hundredth of the view larger, turned by three degrees and moved by two pixels, as no crop is."""
    matrix = cv2.getRotationMatrix2D((127.5, 127.5), 3, 1.01) + [[0, 0, 2], [0, 0, -1]]
    real = cv2.warpAffine(views[1], matrix, (256, 256), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    soft = soften(real)
    result = transfer_detail(soft, sources)
    middle = np.s_[60:200, 60:200]
    assert psnr(result[middle], real[middle]) > psnr(enlarge(soft)[middle], real[middle]) + 4


def test_light_and_contrast_stay_the_new_faces(views, sources):
    """In a quarter of the light, detail is a quarter as strong, and the light itself is unchanged."""
    dim = np.round(views[0] / 4).astype(np.uint8)
    soft = soften(dim)
    result = transfer_detail(soft, sources)
    assert psnr(result, dim) > psnr(enlarge(soft), dim) + 4
    assert np.abs(result.mean((0, 1)) - dim.mean((0, 1))).max() < 0.5


def test_where_no_crop_is_like_the_face_it_keeps_its_own_detail(views, sources):
    """A negative has nothing of the crops; a mouth wider open than any shows no teeth, and the eyes are as ever."""
    negative = soften(255 - views[0])
    result = transfer_detail(negative, sources)
    assert psnr(result, enlarge(negative)) > 30
    gaping = cv2.ellipse(views[0].copy(), (128, 200), (44, 40), 0, 0, 360, (40, 10, 10), cv2.FILLED)
    result = transfer_detail(soften(gaping), sources)
    mouth, eyes = np.s_[180:220, 105:150], np.s_[80:120, 70:190]
    assert psnr(result[mouth], gaping[mouth]) > 30
    assert psnr(result[eyes], views[0][eyes]) > psnr(enlarge(soften(gaping))[eyes], views[0][eyes]) + 4


def test_along_a_track_the_crop_changes_only_for_a_better_one_and_slowly(views, sources):
    transfer = DetailTransfer()
    shut, opened = soften(views[0]), soften(views[1])
    first = transfer_detail(shut, sources, transfer, track=7)
    between = cv2.addWeighted(shut, 0.55, opened, 0.45, 0)  # hardly nearer to either
    transfer.transfer(between, sources, track=7)
    chosen = transfer.state()["detail/7"]
    assert (chosen[:, 2] >= FADE).all(), "no crop was exchanged"
    results = [transfer_detail(opened, sources, transfer, track=7) for _ in range(FADE + 1)]
    changes = [np.abs(one.astype(int) - other).max() for one, other in zip(results, results[1:], strict=False)]
    assert changes[-1] == 0 < changes[0]
    alone = transfer_detail(opened, sources)
    assert np.array_equal(results[-1], alone) and not np.array_equal(results[0], alone)
    assert np.array_equal(first, transfer_detail(shut, sources))


def test_going_on_gives_the_same_as_not_having_stopped(views, sources):
    faces = [soften(view) for view in (views[0], views[1], views[1], views[2], views[2])]
    whole = DetailTransfer()
    expected = [transfer_detail(face, sources, whole, track=0) for face in faces]
    begun = DetailTransfer()
    for face in faces[:2]:
        begun.transfer(face, sources, track=0)
    resumed = DetailTransfer()
    resumed.restore(begun.state() | {"seen/0": np.int64(1), "average/0": np.zeros(3)})  # others' state is left alone
    for face, one in zip(faces[2:], expected[2:], strict=True):
        assert np.array_equal(transfer_detail(face, sources, resumed, track=0), one)


def test_hair_over_the_wanted_persons_face_is_known_where_the_new_face_has_it(views, sources):
    bare = np.full((len(views), 128, 128), 255, np.uint8)
    bare[:, :, :30] = 0
    covered = dataclasses.replace(sources, bare=bare)
    share = DetailTransfer().transfer(soften(views[0]), covered).bare
    assert share.shape == (128, 128) and share[:, :20].max() < 0.1 and share[:, 45:].min() > 0.95
    share = DetailTransfer().transfer(soften(np.ascontiguousarray(views[3][:, ::-1])), covered).bare
    assert share[:, :75].min() > 0.5 and share[50:75, 110:].max() < 0.1, "of a mirrored crop it is on the other side"
    assert (DetailTransfer().transfer(soften(views[0]), sources).bare == 1).all()


@pytest.mark.parametrize(("inside", "least", "most"), [(-2, 0, 7), (2, 0, 35), (35, 60, 100)])
def test_a_sharp_edge_at_the_border_of_the_wanted_persons_face_is_no_detail(views, sources, inside, least, most):
    bare = np.full((len(views), 128, 128), 255, np.uint8)
    bare[:, :, :30] = 0
    detail, border = sources.detail.copy(), round(30 / 128 * sources.detail.shape[2])
    column = border + inside
    detail[:, :, column : column + 2] = 250
    plain, lined = (
        transfer_detail(soften(views[0]), dataclasses.replace(sources, bare=bare, detail=one)).astype(float)
        for one in (sources.detail, detail)
    )
    change = np.abs(lined - plain)[80:200].mean(axis=(0, 2)).max()
    assert least <= change <= most


@pytest.mark.parametrize(("blend", "shows"), [("attention", False), ("seamless", False), ("overlay", True)])
def test_the_original_stays_where_the_wanted_persons_face_is_not_bare(views, sources, blend, shows):
    """Overlay alone shows whatever the network wrote."""
    nowhere = dataclasses.replace(sources, bare=np.zeros((len(views), 128, 128), np.uint8))
    frame, face = np.full((300, 300, 3), 90, np.uint8), make_face(150, 120, 60)
    matrix = view_matrix(crop_from_frame(face), CROP_SIZE, 128, VIEW_COVERAGE)
    swapped = SwappedFace(
        target=warp_frame(frame, matrix, 128),
        swapped=soften(views[0]),
        mask=np.ones((128, 128), np.float32),
        landmarks=points_in_crop(face, matrix),
        view_from_frame=matrix,
        detail=nowhere,
    )
    config = ConvertConfig(color_transfer="none", blend=blend)
    assert (Compositor(config, VIEW_COVERAGE).composite(frame, swapped).frame != frame).any() == shows
    everywhere = dataclasses.replace(swapped, detail=sources)
    assert (Compositor(config, VIEW_COVERAGE).composite(frame, everywhere).frame != frame).any()


def test_a_conversion_opens_the_wanted_persons_crops(tiny_run, tmp_path, caplog):
    networks, _ = load_run(tiny_run.workspace)
    plain = ConvertConfig(latent_map="none")
    opened = open_swapper(networks, tiny_run.workspace, plain)
    count = len(opened.detail.detail)
    assert opened.detail.soft.shape == (2 * count, 128, 128) and opened.detail.detail.shape[::3] == (count, 3)
    for other in ("none", "original"):
        config = dataclasses.replace(plain, detail_transfer=other)
        assert open_swapper(networks, tiny_run.workspace, config).detail is None
    assert open_swapper(networks, Workspace(tmp_path), plain).detail is None
    assert "has no detail transfer" in caplog.text


def test_detail_is_as_fine_as_the_crops_are_stored(crops, views):
    """Grain that only crops of 512 pixels can hold shows in a face that is drawn as large."""
    grain = 12 * np.random.default_rng(5).standard_normal((512, 512, 1))
    large = [
        FaceCrop(
            image=(cv2.resize(crop.image, (512, 512), interpolation=cv2.INTER_CUBIC) + grain).clip(0, 255).astype("u1"),
            landmarks=2 * crop.landmarks + 0.5,
            crop_from_frame=crop.crop_from_frame,
        )
        for crop in crops
    ]
    small = [dataclasses.replace(crop, image=cv2.resize(crop.image, (256, 256), interpolation=cv2.INTER_AREA))
             for crop in large]  # fmt: skip
    spreads = []
    for these in (large, small):
        sources = collect(these)
        side = sources.detail.shape[1]
        face = DetailTransfer().transfer(soften(views[0]), sources).draw_alone(410)[120:290, 120:290].astype(np.float32)
        spreads.append(cv2.Laplacian(face, cv2.CV_32F).std())
        assert side == {512: 410, 256: 206}[len(these[0].image)]
    assert spreads[0] > 2.5 * spreads[1]


def test_an_eye_that_is_not_quite_right_is_better_than_one_without_an_iris(views, sources):
    """Where a soft face is as dark as no crop, an eye takes a crop's detail nevertheless, and a mouth does not."""
    kept = []
    for place in (np.s_[44:60, 40:92], np.s_[92:108, 48:84]):
        strengths = []
        for darker in (0, 70):
            soft = soften(views[0])
            soft[place] = np.clip(soft[place].astype(int) - darker, 0, 255).astype(np.uint8)
            pieces = DetailTransfer().transfer(soft, sources).pieces
            strengths.append(np.sum([piece.strength for piece in pieces], axis=0)[place].mean())
        kept.append(strengths[1] / strengths[0])
    assert kept[0] > 0.25 > 0.1 > kept[1], kept


def test_a_small_face_is_not_sprinkled_with_every_other_pixel_of_a_large_crop(views, sources):
    """A checkerboard of two pixels a square is gray from afar."""
    board = (np.indices(sources.detail.shape[1:3]) // 2).sum(axis=0) % 2
    boards = np.broadcast_to(np.where(board, 168, 88).astype(np.uint8)[None, ..., None], sources.detail.shape)
    checkered = dataclasses.replace(sources, detail=np.ascontiguousarray(boards))
    plain = dataclasses.replace(sources, detail=np.full_like(sources.detail, 128))
    spreads = {}
    for size in (32, 64, 205):
        ours, theirs = (
            DetailTransfer().transfer(soften(views[0]), these).draw_alone(size).astype(float)
            for these in (checkered, plain)
        )
        spreads[size] = (ours - theirs).std()
    assert max(spreads[32], spreads[64]) < 2 and spreads[205] > 10, spreads
