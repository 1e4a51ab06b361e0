"""Every sort mode against a slow recomputation, and what no mode may do."""

import colorsys
import math

import cv2
import numpy as np
import pytest
import scipy.ndimage
import scipy.spatial.transform

from faceswap_lib.curation import SortedFaceset, sort_faceset
from faceswap_lib.curation.sorting import MODES
from faceswap_lib.errors import InputError
from faceswap_lib.faces.head_pose import HEAD_68, RIGID
from faceswap_lib.faces.hull import face_hull
from faceswap_lib.facesets import Faceset
from faceswap_lib.media import read_image
from tests.conftest import contents

SIDE = 128


def images_of(faceset: Faceset) -> list[np.ndarray]:
    return [read_image(faceset.folder / record.crop) for record in faceset.records]


def small_gray(image: np.ndarray) -> np.ndarray:
    return cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def small_hull(record) -> np.ndarray:
    return face_hull(record.landmarks_in_crop() / 2, SIDE) > 0


def slow_cpbd(gray: np.ndarray, inside: np.ndarray) -> float:
    """The paper's definition, pixel by pixel."""
    gray = gray.astype(int)
    across, down = (scipy.ndimage.sobel(gray, axis, mode="mirror") for axis in (1, 0))
    strength = np.hypot(across, down)
    high = np.quantile(strength.astype(np.float32), 0.7)
    canny = cv2.Canny(across.astype(np.int16), down.astype(np.int16), 0.4 * high, high, L2gradient=True)
    threshold = max(24, 2 * math.sqrt(np.mean(across.astype(float) ** 2)))
    seen = count = 0
    for y in range(SIDE):
        for x in range(SIDE):
            here = abs(across[y, x])
            left, right = (abs(across[y, n]) if 0 <= n < SIDE else 0 for n in (x - 1, x + 1))
            if not inside[y, x] or here <= threshold or here <= left or here < right or here < abs(down[y, x]):
                continue
            block = slice(y // 32 * 32, y // 32 * 32 + 32), slice(x // 32 * 32, x // 32 * 32 + 32)
            if np.count_nonzero(canny[block]) <= 0.002 * 32 * 32:
                continue
            sign, begin, end = np.sign(across[y, x]), x, x
            while begin > 0 and np.sign(gray[y, begin] - gray[y, begin - 1]) == sign:
                begin -= 1
            while end < SIDE - 1 and np.sign(gray[y, end + 1] - gray[y, end]) == sign:
                end += 1
            if not 0 < end - begin <= 100:
                continue
            just = 5 if np.ptp(gray[block]) <= 50 else 3
            count += 1
            seen += 1 - math.exp(-(((end - begin) / just) ** 3.6)) <= 1 - math.exp(-1) + 1e-9
    return seen / count if count else math.nan


def slow_laplacian(gray: np.ndarray, inside: np.ndarray) -> float:
    second, smooth = (k.ravel() for k in cv2.getDerivKernels(2, 0, 11, ktype=cv2.CV_64F))
    kernel = np.outer(smooth, second) + np.outer(second, smooth)
    return float(scipy.ndimage.correlate(gray.astype(float), kernel, mode="mirror")[inside].var())


def slow_hue(image: np.ndarray) -> float:
    """By the standard library's HSV, in degrees."""
    total = 0j
    for red, green, blue in image.reshape(-1, 3) / 255:
        hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
        total += saturation * complex(math.cos(2 * math.pi * hue), math.sin(2 * math.pi * hue))
    return math.degrees(math.atan2(total.imag, total.real)) % 360


def bhattacharyya(one: np.ndarray, two: np.ndarray) -> float:
    one, two = one / one.sum(), two / two.sum()
    return math.sqrt(max(0.0, 1 - sum(math.sqrt(a * b) for a, b in zip(one, two, strict=True))))


def channel_counts(values: np.ndarray) -> np.ndarray:
    return np.array([np.count_nonzero(values == level) for level in range(256)], float)


def greedy(count: int, distance, pick) -> list[int]:
    left, chain = list(range(1, count)), [0]
    while left:
        chain.append(pick(left, key=lambda other: distance(chain[-1], other)))
        left.remove(chain[-1])
    return chain


def slow_pose(record) -> tuple[float, float]:
    """Yaw to the right and pitch upwards of the rotation that projects the average head onto the landmarks."""
    seen = record.landmarks_in_crop()[RIGID]
    camera = np.array([[256, 0, 127.5], [0, 256, 127.5], [0, 0, 1.0]])
    best = None
    for start in ((0.0, 0.0, 0.0), (0.1, 0.1, 0.0), (-0.1, -0.1, 0.0)):
        guess = np.array(start), np.array([0.0, 0.0, 4.0])
        _, turn, shift = cv2.solvePnP(HEAD_68, seen, camera, None, *(g.copy() for g in guess), True)
        error = np.linalg.norm(cv2.projectPoints(HEAD_68, turn, shift, camera, None)[0][:, 0] - seen)
        best = min(best or (math.inf, None), (error, turn.ravel().tolist()))
    about_x, about_y, _ = scipy.spatial.transform.Rotation.from_rotvec(best[1]).as_euler("xyz", degrees=True)
    return -about_y, -about_x


def check_order(found: SortedFaceset, expected: list[float], *, descending: bool = False, tolerance: float = 1e-6):
    """The values equal the expected ones, and the order is that of the expected values, apart from rounding."""
    assert found.values == pytest.approx(np.array(expected), abs=tolerance)
    ordered = np.array(expected)[found.order]
    steps = np.diff(-ordered if descending else ordered)
    assert (steps >= -tolerance * 2).all()
    assert sorted(found.order.tolist()) == list(range(len(expected))) and np.ptp(expected) > 10 * tolerance


def test_blur_is_the_fraction_of_sharp_edges(varied):
    expected = [slow_cpbd(small_gray(i), small_hull(r)) for i, r in zip(images_of(varied), varied.records, strict=True)]
    found = sort_faceset(varied, "blur")
    assert found.values == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)
    assert np.nanmax(expected) > 0.05
    ordered = np.array(expected)[found.order]
    assert (np.diff(ordered[np.isfinite(ordered)]) <= 1e-9).all()


def test_faces_without_a_sharp_edge_are_sorted_by_their_laplacian(varied):
    for record in varied.records[:6]:
        path = varied.folder / record.crop
        cv2.imwrite(str(path), cv2.GaussianBlur(cv2.imread(str(path)), (0, 0), 6 + int(record.crop[:3])))
    found = sort_faceset(varied, "blur")
    zeros = [index for index in found.order if found.values[index] == 0]
    laplacian = sort_faceset(varied, "motion-blur").values
    assert len(zeros) >= 4 and [laplacian[i] for i in zeros] == sorted((laplacian[i] for i in zeros), reverse=True)


def test_a_dark_crop_is_not_the_sharpest(varied):
    path = varied.folder / varied.records[3].crop
    cv2.imwrite(str(path), cv2.imread(str(path)) // 40)
    found = sort_faceset(varied, "blur")
    assert np.isnan(found.values[3]) and found.order[-1] == 3


def test_motion_blur_is_the_variance_of_the_laplacian(varied):
    pairs = zip(images_of(varied), varied.records, strict=True)
    expected = [math.log10(slow_laplacian(small_gray(image), small_hull(record))) for image, record in pairs]
    check_order(sort_faceset(varied, "motion-blur"), expected, descending=True)


@pytest.mark.parametrize(("mode", "place", "descending"), [("yaw", 0, False), ("pitch", 1, True)])
def test_poses_are_those_of_the_average_head(varied, mode, place, descending):
    expected = [slow_pose(record)[place] for record in varied.records]
    check_order(sort_faceset(varied, mode), expected, descending=descending, tolerance=0.1)


def test_sizes_are_areas_of_the_boxes(varied):
    expected = [(r.box_xyxy[2] - r.box_xyxy[0]) * (r.box_xyxy[3] - r.box_xyxy[1]) for r in varied.records]
    check_order(sort_faceset(varied, "source-size"), expected, descending=True)


def test_similar_histograms_follow_each_other(varied):
    counts = [[channel_counts(image[..., channel]) for channel in range(3)] for image in images_of(varied)]

    def distance(one: int, two: int) -> float:
        return sum(bhattacharyya(a, b) for a, b in zip(counts[one], counts[two], strict=True))

    assert sort_faceset(varied, "hist-similarity").order.tolist() == greedy(len(varied), distance, min)


def test_the_histogram_that_differs_most_is_first(varied):
    faces = []
    for image, record in zip(images_of(varied), varied.records, strict=True):
        faces.append(
            channel_counts(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[face_hull(record.landmarks_in_crop(), 256) > 0])
        )
    expected = [sum(bhattacharyya(one, two) for two in faces) / (len(faces) - 1) for one in faces]
    check_order(sort_faceset(varied, "hist-dissimilarity"), expected, descending=True, tolerance=1e-4)


def test_brightness_is_the_mean_value(varied):
    expected = [float(np.mean([max(pixel) for pixel in image.reshape(-1, 3)])) for image in images_of(varied)]
    check_order(sort_faceset(varied, "brightness"), expected, descending=True)


def test_hue_is_a_mean_on_the_circle(varied):
    expected = [slow_hue(image) for image in images_of(varied)]
    found = sort_faceset(varied, "hue")
    assert np.abs((found.values - expected + 180) % 360 - 180).max() < 2  # OpenCV's hues are two degrees wide
    middle = np.degrees(np.angle(np.exp(1j * np.radians(expected)).sum()))
    steps = np.diff((np.array(expected)[found.order] - middle + 180) % 360)
    assert (steps > -4).all()


def test_reds_on_both_sides_of_zero_stay_together(varied):
    for record, hue in zip(varied.records, np.linspace(-40, 40, len(varied)), strict=True):
        red, green, blue = (round(255 * value) for value in colorsys.hsv_to_rgb(hue % 360 / 360, 0.6, 0.7))
        cv2.imwrite(str(varied.folder / record.crop), np.full((256, 256, 3), (blue, green, red), np.uint8))
    found = sort_faceset(varied, "hue")
    assert found.order.tolist() == list(range(len(varied)))  # an arithmetic mean would put 320 to 360 after 0 to 40


def test_black_pixels_are_counted(varied):
    expected = [float(sum(int(value == 0) for value in image.ravel())) for image in images_of(varied)]
    check_order(sort_faceset(varied, "black-pixels"), expected)


def test_original_names_are_in_the_order_of_the_video(varied):
    check_order(sort_faceset(varied, "original-name"), [float(record.frame) for record in varied.records])


def test_faces_that_are_alone_in_their_frame_are_first_and_none_is_lost(varied):
    frames = [record.frame for record in varied.records]
    found = sort_faceset(varied, "one-face")
    check_order(found, [float(frames.count(frame)) for frame in frames])
    assert len(found.names) == len(varied)  # the original moves every face of a shared frame to the trash


@pytest.mark.parametrize(("mode", "pick"), [("pixel-similarity", min), ("pixel-dissimilarity", max)])
def test_pixels_decide_which_crop_follows(varied, mode, pick):
    small = [cv2.resize(i, (64, 64), interpolation=cv2.INTER_AREA).astype(int) for i in images_of(varied)]

    def distance(one: int, two: int) -> int:
        return int(np.abs(small[one] - small[two]).sum())

    assert sort_faceset(varied, mode).order.tolist() == greedy(len(varied), distance, pick)


def slow_best(yaw, pitch, quality, difference, target: int) -> list[int]:
    """One face at a time: quotas by dealing out to bins in turn, then pitch bins in turn."""
    bins = {}
    for index, angle in enumerate(yaw):
        place = min(127, max(0, int((math.radians(angle) + 1.2) / 2.4 * 128)))
        bins.setdefault(place, []).append(index)
    quota = dict.fromkeys(bins, 0)
    while sum(quota.values()) < min(target, len(yaw)):
        for place in sorted(bins):
            if quota[place] < len(bins[place]) and sum(quota.values()) < target:
                quota[place] += 1
    chosen = []
    for place in sorted(bins):
        best = sorted(bins[place], key=lambda index: -quality[index])[: 10 * quota[place]]
        rows = {}
        for index in sorted(best, key=lambda index: -difference[index]):
            row = min(
                quota[place] - 1, max(0, int((math.radians(pitch[index]) + math.pi / 2) / math.pi * quota[place]))
            )
            rows.setdefault(row, []).append(index)
        taken = []
        while len(taken) < quota[place]:
            for row in sorted(rows):
                if rows[row] and len(taken) < quota[place]:
                    taken.append(rows[row].pop(0))
        chosen += taken
    return chosen


@pytest.mark.parametrize(("mode", "column"), [("best", "blur"), ("best-fast", "source-size")])
def test_best_faces_are_spread_over_the_poses(varied, mode, column):
    yaw, pitch = sort_faceset(varied, "yaw").values, sort_faceset(varied, "pitch").values
    quality = np.nan_to_num(sort_faceset(varied, column).values, nan=-np.inf)
    difference = sort_faceset(varied, "hist-dissimilarity").values
    found = sort_faceset(varied, mode, target=10)
    assert found.selected == 10 and len(found.names) == len(varied)
    chosen = found.order[:10].tolist()
    everything = sort_faceset(varied, mode, target=500)
    assert everything.selected == len(varied)
    whole = slow_best(yaw, pitch, quality, difference, 500)
    assert everything.order.tolist() == whole
    assert len({min(127, int((math.radians(yaw[i]) + 1.2) / 2.4 * 128)) for i in chosen}) >= min(
        10, len({min(127, int((math.radians(a) + 1.2) / 2.4 * 128)) for a in yaw})
    )


def test_roll_is_the_angle_of_the_face_in_the_frame(varied):
    expected = []
    for record in varied.records:
        left, right = np.array(record.landmarks)[:2]
        template = record.points_in_crop()
        in_crop = math.atan2(*(template[1] - template[0])[::-1])
        expected.append(math.degrees(math.atan2(*(right - left)[::-1]) - in_crop))
    check_order(sort_faceset(varied, "roll"), expected, tolerance=1e-3)


class ListedEmbedder:
    """Gives the first crops one embedding and the last crop another."""

    name, same_person = "listed", 0.6

    def __init__(self, count: int):
        self._rows = iter(np.vstack([np.random.default_rng(0).normal(0, 0.05, (count - 1, 8)), np.full((1, 8), 0.5)]))

    def embed(self, crops):
        return np.array([next(self._rows) for _ in crops])


def test_the_face_least_like_the_others_is_first(varied):
    found = sort_faceset(varied, "embedding", embedder=ListedEmbedder(len(varied)))
    assert found.order[0] == len(varied) - 1 and found.values[found.order[0]] > 2 * found.values[found.order[1]]


def test_closed_eyes_and_open_mouths_are_first(varied):
    points = [record.landmarks_in_crop() for record in varied.records]
    unit = [math.dist(p[36:42].mean(0), p[42:48].mean(0)) for p in points]
    lids = [sum(math.dist(p[a], p[b]) for a, b in ((37, 41), (38, 40), (43, 47), (44, 46))) / 4 for p in points]
    check_order(sort_faceset(varied, "eyes"), [100 * a / u for a, u in zip(lids, unit, strict=True)])
    lips = [100 * math.dist(p[62], p[66]) / u for p, u in zip(points, unit, strict=True)]
    check_order(sort_faceset(varied, "mouth"), lips, descending=True)


def test_covered_faces_are_first(varied, monkeypatch):
    hidden = np.linspace(0, 0.6, len(varied))

    class Masks:
        def exist(self):
            return True

        def is_of(self, record):
            return record.crop != "000.png"

        def read(self, record, size):
            mask = np.full((size, size), 255, np.uint8)
            mask[: round(size * hidden[int(record.crop[:3])])] = 0
            return mask

    object.__setattr__(varied, "occlusion", Masks())
    found = sort_faceset(varied, "occluded")
    expected = []
    for record in varied.records[1:]:
        face, rows = small_hull(record), round(SIDE * hidden[int(record.crop[:3])])
        expected.append(float(face[:rows].sum() / face.sum()))
    assert np.isnan(found.values[0]) and found.order[-1] == 0
    assert found.values[1:] == pytest.approx(expected) and found.order[0] == len(varied) - 1


def test_every_mode_can_be_asked_for_and_changes_no_crop(varied):
    before = contents(varied.folder)
    for mode in MODES:
        if mode == "occluded":
            continue
        found = sort_faceset(varied, mode, embedder=ListedEmbedder(len(varied)), target=5)
        assert sorted(found.names) == [record.crop for record in varied.records]
    after = contents(varied.folder)
    assert {name: data for name, data in after.items() if name != "scores.jsonl"} == before


@pytest.mark.parametrize(
    ("mode", "options", "message"),
    [
        ("final-by-blur", {}, "by: expected blur, motion-blur"),
        ("best", {"target": 0}, "target: expected at least 1"),
        ("embedding", {}, "expected a face recognition network"),
        ("occluded", {}, "run 'faceswap mask --train' first"),
    ],
)
def test_what_cannot_be_sorted_is_said(varied, mode, options, message):
    with pytest.raises(InputError, match=message):
        sort_faceset(varied, mode, **options)


def test_a_value_that_no_crop_has_is_said_with_its_own_reason(workspace_copy):
    faceset = Faceset.open(workspace_copy, "src")
    for record in faceset.records:
        path = str(faceset.folder / record.crop)
        cv2.imwrite(path, cv2.imread(path, cv2.IMREAD_GRAYSCALE))
    with pytest.raises(InputError, match="hue: expected a value for at least one crop, got none; all crops are gray"):
        sort_faceset(faceset, "hue")
    with pytest.raises(InputError, match="eyes: expected .*; extract with --landmarks dlib or mesh"):
        sort_faceset(faceset, "eyes")
