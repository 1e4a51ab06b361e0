"""Measures changed expressions against real frames of the same person: one frame is the photo, another is the truth.

Usage: python benchmarks/expressions.py [--clips DIR] [--names NAME ...] [--workspace DIR] [--runs NAME ...] [--tilt 30]
           [--sheet FILE] [--json]

In every clip, pairs of frames with nearly the same head pose are chosen by their landmarks: neutral to a smile, to an
open mouth, to a look aside and to closed eyes, and back to neutral. The photo gets the expression of the true frame
in three ways, see `METHODS`. The table compares the result with the true frame and
with the photo itself. With `--tilt`, the photo is also turned before, both ways; "lost" is the share of the gain that
this costs. The last table shows what changes outside the face, and how sharp the outline of the head is.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import pathlib
import tempfile

import cv2
import numpy as np
import scipy.optimize
from harness import find_clips, make_parser, print_json, print_table, time_matmul
from reenactment import extract
from skimage.metrics import structural_similarity

from faceswap_lib.evaluation.landmark_metrics import landmark_error
from faceswap_lib.evaluation.reenactment import to_crops
from faceswap_lib.faces import MTCNN, align_face
from faceswap_lib.faces.alignment import CROP_SIZE, EYE_DISTANCE, invert_affine, map_points, similarity_transform
from faceswap_lib.faces.detector import FaceDetector
from faceswap_lib.faces.head_pose import eye_distance, head_pose
from faceswap_lib.faces.landmarks_68 import LEFT_EYE, RIGHT_EYE
from faceswap_lib.faces.types import FaceCrop
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment.changed_photo import PhotoChanger
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.control_points import fill_polygons
from faceswap_lib.reenactment.expressions import (
    Expression,
    change_expression,
    measure_openness,
    measure_smile,
    transfer_expression,
)
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector, open_shape_detector
from faceswap_lib.reenactment.head_masks import segment_head
from faceswap_lib.reenactment.networks import ReenactmentNetworks
from faceswap_lib.reenactment.photo import Photo
from faceswap_lib.reenactment.shape_cache import read_shapes
from faceswap_lib.reenactment.skin_alpha import face_mask
from faceswap_lib.reenactment.training import load_reenactment

NAMES = ("d3", "d6", "d9", "d10", "d14", "d18")
METHODS = ("same person", "photo", "sliders")
"""How the expression is given: by the true frame as a photo of the same person, by the same frame as if it could show
anybody, and by sliders that are fitted to it. Turned photos are changed in the first way only."""

NEAR = (4.0, 4.0)
"""Largest differences of yaw and pitch between the frames of a pair, in degrees."""

CHANGES = {"mouth open": 0.12, "smile": 0.08, "gaze": 0.05, "eyes closed": 0.15}
"""Smallest change of a measure from the neutral frame to the frame that shows most of it: gap of the lips, smile and
shift of the irises in eye distances, and openness of the eyes. A clip without such a frame has no such pair."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """Two frames of one person: the photo, and the frame with the wanted expression; indices of the faceset."""

    clip: str
    kind: str
    photo: int
    truth: int


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Clip:
    """The crops of a clip, and their shapes; None where none was found."""

    name: str
    path: pathlib.Path
    faceset: Faceset
    shapes: list[FaceShape | None]


def measure(shape: FaceShape) -> np.ndarray:
    """Measures lip gap, smile, iris shift and closed eyes in one direction each, (4,), as `CHANGES` names them."""
    points, unit = shape.points, eye_distance(shape.points)
    gap = float(np.linalg.norm(points[61:64] - points[[67, 66, 65]], axis=1).mean()) / unit
    gaze = 0.0
    if shape.irises is not None:
        middles = np.stack([points[[36, 39]].mean(axis=0), points[[42, 45]].mean(axis=0)])
        gaze = float((shape.irises[:, 0] - middles[:, 0]).mean()) / unit
    return np.array([gap, measure_smile(shape), gaze, -measure_openness(shape)])


def choose_pairs(clip: str, shapes: list[FaceShape | None]) -> list[Pair]:
    """Chooses the pairs of a clip by a fixed rule; see the description of the module."""
    known = [index for index, shape in enumerate(shapes) if shape is not None]
    found = [shape for shape in shapes if shape is not None]
    values = np.stack([measure(shape) for shape in found])
    poses = np.array([[shape.yaw, head_pose(shape.points, CROP_SIZE).pitch] for shape in found])
    usual = (np.abs(poses - np.median(poses, axis=0)) < NEAR).all(axis=1)
    # Neutral: a closed mouth with the smile of most closed mouths, the usual gaze and usually open eyes.
    spread = np.ptp(np.percentile(values, [5, 95], axis=0), axis=0) + 1e-6
    rest = np.median(values[values[:, 0] <= np.percentile(values[:, 0], 25)], axis=0)
    rest[3] = np.percentile(values[:, 3], 25)
    away = (np.abs(values - rest) / spread).sum(axis=1) + 100 * ~usual
    neutral = int(np.argmin(away))
    near = (np.abs(poses - poses[neutral]) < NEAR).all(axis=1)
    changes = values - values[neutral]
    changes[:, 2] = np.abs(changes[:, 2])
    # A frame shows one expression: a smile with a closed mouth, a gaze with open eyes.
    changes[values[:, 0] > values[neutral, 0] + 0.1, 1] = -1
    changes[changes[:, 3] > 0.1, 2] = -1
    pairs = []
    for column, (kind, least) in enumerate(CHANGES.items()):
        shown = int(np.argmax(np.where(near, changes[:, column], -1)))
        if changes[shown, column] < least:
            continue
        pairs.append(Pair(clip=clip, kind=kind, photo=known[neutral], truth=known[shown]))
        if kind != "eyes closed":
            pairs.append(Pair(clip=clip, kind=f"{kind}, back", photo=known[shown], truth=known[neutral]))
    return pairs


def read_clip(path: pathlib.Path, workspace: Workspace, detector: ShapeDetector) -> Clip:
    """Reads the faceset of a clip."""
    faceset = Faceset.open(workspace, "src")
    return Clip(name=path.stem, path=path, faceset=faceset, shapes=read_shapes(faceset, detector))


def read_frame(clip: Clip, index: int) -> tuple[np.ndarray, FaceCrop]:
    """Reads the frame of a crop, (H, W, 3) uint8 RGB, and the crop."""
    record = clip.faceset.records[index]
    frame, matrix = next(iter(read_frames(clip.path, start=record.frame))), np.array(record.crop_from_frame)
    landmarks = map_points(matrix, np.array(record.landmarks))
    return frame, FaceCrop(image=see(frame, matrix), landmarks=landmarks, crop_from_frame=matrix)


def see(image: np.ndarray, crop_from_image: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """Cuts a crop of side `CROP_SIZE` out of an image."""
    size = (CROP_SIZE, CROP_SIZE)
    return cv2.warpAffine(image, crop_from_image, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE)


def tilt(image: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Turns an image inside a canvas that holds all of it; returns it and the (2, 3) matrix `tilted_from_image`."""
    height, width = image.shape[:2]
    side = int(np.ceil(np.hypot(height, width)))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    matrix[:, 2] += [(side - width) / 2, (side - height) / 2]
    turned = cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    return turned, matrix


def find_photo(image: np.ndarray, detector: FaceDetector, shapes: ShapeDetector, path: pathlib.Path) -> Photo | None:
    """Detects the largest face of an image and its shape; None if there is none."""
    (faces,) = detector.detect([image])
    if not faces:
        return None
    crop = align_face(image, max(faces, key=lambda face: face.size))
    (shape,) = shapes.detect([crop])
    return None if shape is None else Photo(path=path, image=image, crop=crop, shape=shape)


def fit_sliders(photo: FaceShape, wanted: FaceShape) -> Expression:
    """Fits the sliders of an expression to a shape by least squares."""
    names = [field.name for field in dataclasses.fields(Expression)]
    if photo.irises is None:
        names = [name for name in names if not name.startswith("gaze")]
    low = [0.0 if name == "mouth_open" else -1.0 for name in names]

    def misses(values: np.ndarray) -> np.ndarray:
        sliders = Expression(**dict(zip(names, (float(v) for v in np.clip(values, low, 1)), strict=True)))
        made = change_expression(photo, sliders)
        errors = [(made.points - wanted.points).ravel()]
        if made.irises is not None and wanted.irises is not None:
            errors.append(2 * (made.irises - wanted.irises)[:, :2].ravel())
        return np.concatenate(errors)

    start = np.full(len(names), 0.05)
    found = scipy.optimize.least_squares(misses, start, bounds=(low, 1.0), diff_step=1e-2, max_nfev=40).x
    return Expression(**dict(zip(names, (float(value) for value in found), strict=True)))


def move_shape(shape: FaceShape, matrix: np.ndarray) -> FaceShape:
    """Maps a shape by a similarity."""
    irises = None
    if shape.irises is not None:
        scale = np.sqrt(np.linalg.det(matrix[:, :2]))
        irises = np.column_stack([map_points(matrix, shape.irises[:, :2]), scale * shape.irises[:, 2]])
    return FaceShape(points=map_points(matrix, shape.points), irises=irises, yaw=shape.yaw)


def eye_corners(shape: FaceShape) -> np.ndarray:
    """Returns the corners of both eyes, (4, 2): they move with the head, not with the expression."""
    return shape.points[[LEFT_EYE.start, LEFT_EYE.start + 3, RIGHT_EYE.start, RIGHT_EYE.start + 3]]


def face_ssim(made: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Computes the mean SSIM over the pixels of a mask; constants and window as in `image_metrics.ssim`."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    found = structural_similarity(
        made.astype(np.float32), truth.astype(np.float32), channel_axis=-1, full=True, **options
    )
    return float(found[1].mean(axis=2)[mask].mean())


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The true frame of a pair in the coordinates of the photo's crop.

    Attributes:
        image: (`CROP_SIZE`, `CROP_SIZE`, 3) uint8 RGB.
        shape: Its shape.
        crop_from_frame: (2, 3) matrix from the photo's upright frame to these coordinates.
    """

    image: np.ndarray
    shape: FaceShape
    crop_from_frame: np.ndarray

    def score(self, made: np.ndarray, detector: ShapeDetector) -> dict[str, float]:
        """Measures a crop: landmarks and irises in percent of the eye distance, and SSIM of the face."""
        (shape,) = detector.detect(to_crops(made[None]))
        ssim = face_ssim(made, self.image, face_mask(self.shape.points, CROP_SIZE) > 0.5)
        if shape is None:
            return {"landmarks": np.nan, "irises": np.nan, "ssim": ssim}
        irises = np.nan
        if shape.irises is not None and self.shape.irises is not None:
            offset = np.linalg.norm((shape.irises - self.shape.irises)[:, :2], axis=1).mean()
            irises = 100 * float(offset) / eye_distance(self.shape.points)
        return {"landmarks": 100 * landmark_error(shape.points, self.shape.points), "irises": irises, "ssim": ssim}


def find_truth(clip: Clip, pair: Pair) -> tuple[Photo, Truth]:
    """Returns the photo of a pair, and its truth."""
    frame, crop = read_frame(clip, pair.photo)
    other, other_crop = read_frame(clip, pair.truth)
    shape, true_shape = clip.shapes[pair.photo], clip.shapes[pair.truth]
    assert shape is not None and true_shape is not None
    matrix = similarity_transform(eye_corners(true_shape), eye_corners(shape))
    chained = matrix @ np.vstack([other_crop.crop_from_frame, [0, 0, 1]])
    image = see(other, chained)
    photo = Photo(path=pathlib.Path(f"{clip.name}.png"), image=frame, crop=crop, shape=shape)
    return photo, Truth(image=image, shape=move_shape(true_shape, matrix), crop_from_frame=crop.crop_from_frame)


def wish(method: str, photo: FaceShape, wanted: FaceShape) -> FaceShape:
    """Returns the shape that a method asks for."""
    if method == "same person":
        return transfer_expression(photo, wanted, same_person=True)
    if method == "sliders":
        similar = move_shape(wanted, similarity_transform(eye_corners(wanted), eye_corners(photo)))
        return change_expression(photo, fit_sliders(photo, similar))
    return transfer_expression(photo, wanted)


def run_pair(
    photo: Photo, truth: Truth, changer: PhotoChanger, target: FaceShape, upright: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Changes a photo; returns the crop of the upright result, and what changed around the head.

    Args:
        photo: The photo, perhaps tilted.
        truth: The true frame.
        changer: Changes it.
        target: The wanted shape.
        upright: (2, 3) matrix from the photo to the upright frame.
    """
    made = changer.change(target)
    matrix = truth.crop_from_frame @ np.vstack([upright, [0, 0, 1]])
    crop, before = (see(image, matrix, cv2.INTER_CUBIC) for image in (made.photo, photo.image))
    return crop, measure_surroundings(before, crop, photo, target, upright, truth)


def measure_surroundings(
    before: np.ndarray, after: np.ndarray, photo: Photo, target: FaceShape, upright: np.ndarray, truth: Truth
) -> dict[str, float]:
    """Measures what changed outside of head and neck, and the gradients on the outline of the head.

    The head and its outline are segmented before and after.
    """
    matrix = (
        truth.crop_from_frame
        @ np.vstack([upright, [0, 0, 1]])
        @ np.vstack([invert_affine(photo.crop.crop_from_frame), [0, 0, 1]])
    )
    shape, moved = (move_shape(each, matrix) for each in (photo.shape, target))
    head = segment_head(before, shape) > 127
    unit = EYE_DISTANCE * CROP_SIZE
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * round(0.2 * unit) + 1,) * 2)
    face = fill_polygons(CROP_SIZE, cv2.convexHull(moved.points.astype(np.float32))[:, 0])
    outside = cv2.dilate((head | (face > 0)).astype(np.uint8), near) == 0
    change = np.abs(after.astype(float) - before).max(axis=2)
    energy = [outline_energy(image, own) for image, own in ((before, shape), (after, moved))]
    return {
        "outside_mean": float(change[outside].mean()),
        "outside_p99": float(np.percentile(change[outside], 99)),
        "outside_darker": float((before.mean(axis=2) - after.mean(axis=2))[outside].max()),
        "outline": energy[1] / max(energy[0], 1e-6),
    }


def outline_energy(image: np.ndarray, shape: FaceShape) -> float:
    """Measures the mean square of the gradients on the outline of the head, above the tip of the nose."""
    head = (segment_head(image, shape) > 127).astype(np.uint8)
    ring = cv2.morphologyEx(head, cv2.MORPH_GRADIENT, np.ones((9, 9), np.uint8)) > 0
    ring[int(shape.points[30, 1]) :] = False
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    across, down = (cv2.Sobel(gray, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    return float((across**2 + down**2)[ring].mean())


def summarize(rows: list[dict], names: tuple[str, ...], keys: tuple[str, ...]) -> list[dict]:
    """Averages rows that agree in the given keys."""
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return [
        dict(zip(keys, group, strict=True))
        | {"pairs": len(members)}
        | {name: float(np.nanmean([row[name] for row in members])) for name in names}
        for group, members in groups.items()
    ]


def main() -> None:
    """Runs the benchmark."""
    parser = make_parser(str(__doc__).split("\n")[0])
    parser.add_argument("--names", nargs="*", default=list(NAMES), help="clips")
    parser.add_argument("--workspace", type=pathlib.Path, help="folder that keeps facesets")
    parser.add_argument("--runs", nargs="*", default=[], help="trained runs, as WORKSPACE:RUN")
    parser.add_argument("--tilt", type=float, default=0.0, help="degrees by which photos are also turned, both ways")
    parser.add_argument("--sheet", type=pathlib.Path, help="write photo, truth and results of every pair to this PNG")
    options = parser.parse_args()
    clips = {clip.stem: clip for clip in find_clips(options.clips)}
    renderers: dict[str, ReenactmentNetworks | None] = {"none": None}
    for text in options.runs:
        folder, _, run = text.rpartition(":")
        renderers[run], _ = load_reenactment(Workspace(folder), run)
    with tempfile.TemporaryDirectory() as temporary:
        workspaces = extract([clips[name] for name in options.names], options.workspace or pathlib.Path(temporary))
        shapes, faces = open_shape_detector(), MTCNN()
        rows, sheet = [], []
        for name, workspace in zip(options.names, workspaces, strict=True):
            clip = read_clip(clips[name], workspace, shapes)
            for pair in choose_pairs(name, clip.shapes):
                made, images = run_all(clip, pair, renderers, options.tilt, faces, shapes)
                rows += made
                sheet.append(np.hstack(images))
                print(pair, flush=True)
    if options.sheet is not None:
        write_image(options.sheet, np.vstack(sheet))
    scores = ("landmarks", "irises", "ssim")
    print_table("By kind of pair", summarize(rows, scores, ("kind", "network", "expression", "tilt")))
    total = summarize(rows, scores, ("network", "expression", "tilt"))
    print_table("All pairs", total)
    around = ("outside_mean", "outside_p99", "outside_darker", "outline")
    changed = [row for row in rows if row["network"] != "copied"]
    print_table("Around the head, in gray levels; gradient energy", summarize(changed, around, ("network", "tilt")))
    if options.tilt:
        print_table("Share of the gain that a tilt costs", lost_by_tilt(rows))
    print(f"\nOne matrix product of 2048: {time_matmul():.3f} s")
    if options.json:
        print_json({"rows": rows})


def run_all(
    clip: Clip,
    pair: Pair,
    renderers: dict[str, ReenactmentNetworks | None],
    degrees: float,
    faces: FaceDetector,
    shapes: ShapeDetector,
) -> tuple[list[dict], list[np.ndarray]]:
    """Runs all methods on a pair; returns the rows of the table, and images for the sheet."""
    photo, truth = find_truth(clip, pair)
    common = {"clip": clip.name, "kind": pair.kind}
    rows = [common | {"network": "copied", "expression": "-", "tilt": "0"} | truth.score(photo.crop.image, shapes)]
    images = [photo.crop.image, truth.image]
    for name, (turned, upright) in turn_photo(photo, degrees, faces, shapes).items():
        targets = {method: wish(method, turned.shape, truth.shape) for method in METHODS[: None if name == "0" else 1]}
        for network, networks in renderers.items():
            changer = PhotoChanger(turned, networks, FrameConfig(fusion="photo"))
            for method, target in targets.items():
                crop, around = run_pair(turned, truth, changer, target, upright)
                row = {"network": network, "expression": method, "tilt": name}
                rows.append(common | row | truth.score(crop, shapes) | around)
                if method == METHODS[0]:
                    images.append(crop)
    return rows, images


def turn_photo(
    photo: Photo, degrees: float, faces: FaceDetector, shapes: ShapeDetector
) -> dict[str, tuple[Photo, np.ndarray]]:
    """Turns a photo both ways; returns it, what it became, and the (2, 3) matrices to the upright frame, by name.

    A photo that is turned and turned back is as blurred by interpolation as the results of the turned ones.
    """
    turned = {"0": (photo, np.eye(2, 3))}
    for angle in (degrees, -degrees) if degrees else ():
        image, matrix = tilt(photo.image, angle)
        found = find_photo(image, faces, shapes, photo.path)
        if found is None:
            print(f"no face in {photo.path.stem} tilted by {angle}")
            continue
        turned[f"{angle:g}"] = found, invert_affine(matrix)
        size = (photo.image.shape[1], photo.image.shape[0])
        back = cv2.warpAffine(image, invert_affine(matrix), size, flags=cv2.INTER_CUBIC)
        crop = dataclasses.replace(photo.crop, image=see(back, photo.crop.crop_from_frame))
        turned["turned back"] = dataclasses.replace(photo, image=back, crop=crop), np.eye(2, 3)
    return turned


def lost_by_tilt(rows: list[dict]) -> list[dict]:
    """Computes which share of the gain over the copied photo a tilt costs, over all pairs."""
    keys = [(row["network"], row["expression"]) for row in rows if row["network"] != "copied"]
    result = []
    for network, expression in dict.fromkeys(keys):
        line: dict[str, object] = {"network": network, "expression": expression}
        own = [row for row in rows if (row["network"], row["expression"]) == (network, expression)]
        if expression != METHODS[0]:
            continue
        for score in ("landmarks", "irises", "ssim"):
            copied = np.nanmean([row[score] for row in rows if row["network"] == "copied"])
            level = np.nanmean([row[score] for row in own if row["tilt"] == "turned back"])
            tilted = np.nanmean([row[score] for row in own if row["tilt"] not in ("0", "turned back")])
            line[score] = float((tilted - level) / (copied - level))
        result.append(line)
    return result


if __name__ == "__main__":
    main()
