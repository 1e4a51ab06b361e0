"""Compares landmark detectors with dlib on real clips: error, jitter, milliseconds; fits the correction of the mesh.

Usage: python benchmarks/landmarks.py [--clips DIR] [--frames N] [--fit] [--json]

Every detector reads the same aligned crops of the same frames. Errors are mean distances from dlib's points in % of the
distance between the eyes: with and without the constant offset over a clip (two annotators define each point slightly
differently). Trembling is the mean length of the second difference over time, including real motion. `held out` is the
mesh with the correction of `faces/mesh_landmarks.py` fitted to the other clips only; `plain` is the mesh without
correction. Groups with "wide" contain only frames in which the mouth is open by more than a quarter of the eye
distance; "raised" only the tenth of the frames with the highest brows. dlib is the reference because it is available,
not because it is correct.
"""

import dataclasses
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from harness import find_clips, make_parser, print_json, print_table, time_matmul

from faceswap_lib.faces import MTCNN, FaceCrop, align_face
from faceswap_lib.faces.landmarks_68 import MIRRORED
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.faces.landmarks_mesh import MeshLandmarkDetector
from faceswap_lib.faces.mesh_landmarks import correct_68, face_axes, mouth_gap, nearest_68
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames

GROUPS = {
    "jaw": range(17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "mouth": range(48, 68),
}
OUTLINE = 17
WIDE_MOUTH = 0.25
RAISED_BROWS = 90
FINE = 1e-3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip: (N, 478, 3) meshes, (N, 68, 2) points of dlib, eye distance in pixels, seconds per face of both."""

    meshes: np.ndarray
    reference: np.ndarray
    unit: float
    mesh_seconds: float
    dlib_seconds: float


def read_clip(
    video: pathlib.Path, detector: MTCNN, dlib: DlibLandmarkDetector, mesh: MeshLandmarkDetector, frames: int
) -> Clip:
    """Runs both detectors on the crops of a clip's first frames."""
    tracks = track_video(video, detector, stop=frames) if frames else track_video(video, detector)
    crops = [
        align_face(frame, max(faces.values(), key=lambda face: face.size))
        for frame, faces in zip(read_frames(video), tracks.faces, strict=False)
        if faces
    ]
    reference, dlib_seconds = _timed(dlib.detect, crops)
    meshes, mesh_seconds = _timed(mesh.find_meshes, crops)
    return Clip(
        meshes=np.array([mesh.points for mesh in meshes]),
        reference=np.array(reference),
        unit=float(np.mean([np.linalg.norm(crop.landmarks[0] - crop.landmarks[1]) for crop in crops])),
        mesh_seconds=mesh_seconds / len(crops),
        dlib_seconds=dlib_seconds / len(crops),
    )


def fit_correction(clips: list[Clip]) -> tuple[np.ndarray, np.ndarray]:
    """Fits by least squares a fixed correction of all points, and one of the outline proportional to the mouth's gap.

    Every clip has the same weight. The slope is fitted to the changes within clips. Left and right are made symmetric.

    Returns:
        The fixed correction: (68, 2) along the eye line and down, in eye distances. The slope of the outline: (17,)
        downwards, in eye distances per eye distance of the gap.
    """
    products, squares, mean_gaps, mean_offsets = 0.0, 0.0, [], []
    for clip in clips:
        steps, _ = face_axes(clip.meshes)
        offsets = np.einsum("nkj,nji->nki", clip.reference - nearest_68(clip.meshes), np.linalg.inv(steps))
        offsets = (offsets + offsets[:, MIRRORED] * [-1, 1]) / 2
        gaps = mouth_gap(clip.meshes)
        centered = gaps - gaps.mean()
        squares += np.mean(centered**2)
        products += np.mean(centered[:, None] * offsets[:, :OUTLINE, 1], axis=0)
        mean_gaps.append(gaps.mean())
        mean_offsets.append(offsets.mean(axis=0))
    slope = products / (squares + FINE)
    fixed = np.mean(mean_offsets, axis=0)
    fixed[:OUTLINE, 1] -= slope * np.mean(mean_gaps)
    return fixed, slope


def measure_errors(clip: Clip, points: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Computes per group: error, error without the constant offset, and trembling, all in % of the eye distance."""
    off = points - clip.reference
    moving = off - off.mean(axis=0)
    second = points[2:] - 2 * points[1:-1] + points[:-2]
    raw, rest, shake = (100 / clip.unit * np.linalg.norm(values, axis=-1) for values in (off, moving, second))
    brows = clip.reference[:, 36:48, 1].mean(1) - clip.reference[:, 17:27, 1].mean(1)
    wide = np.linalg.norm(clip.reference[:, 62] - clip.reference[:, 66], axis=-1) > WIDE_MOUTH * clip.unit
    picked = {name: (np.ones(len(points), bool), list(group)) for name, group in GROUPS.items()}
    if wide.any():
        picked |= {f"{name}, wide": (wide, list(GROUPS[name])) for name in ("jaw", "mouth")}
    picked["brows, raised"] = (brows >= np.percentile(brows, RAISED_BROWS), list(GROUPS["brows"]))
    return {
        name: (raw[rows][:, group].mean(), rest[rows][:, group].mean(), shake[:, group].mean())
        for name, (rows, group) in picked.items()
    }


def compare(clips: dict[str, Clip]) -> list[dict[str, object]]:
    """Computes one row per group and clip, and one row per group with the mean over the clips."""
    rows: dict[str, list[dict[str, object]]] = {}
    for name, clip in clips.items():
        others = [other for other in clips.values() if other is not clip]
        plain = measure_errors(clip, nearest_68(clip.meshes))
        held_out = measure_errors(clip, correct_68(clip.meshes, *fit_correction(others))) if others else plain
        shipped = measure_errors(clip, correct_68(clip.meshes))
        reference = measure_errors(clip, clip.reference)
        for group in plain:
            rows.setdefault(group, []).append(
                {
                    "group": group,
                    "clip": name,
                    "plain": plain[group][0],
                    "held_out": held_out[group][0],
                    "mesh": shipped[group][0],
                    "plain_moving": plain[group][1],
                    "held_out_moving": held_out[group][1],
                    "mesh_moving": shipped[group][1],
                    "dlib_trembling": reference[group][2],
                    "mesh_trembling": shipped[group][2],
                }
            )
    for group, found in rows.items():
        means = {key: float(np.mean([row[key] for row in found])) for key in list(found[0])[2:]}
        found.append({"group": group, "clip": "mean", **means})
    return [row for found in rows.values() for row in found]


def print_fit(clips: list[Clip]) -> None:
    """Prints the fit as in `faces/mesh_landmarks.py`: left half and middle, in hundredths of the eye distance."""
    fixed, slope = fit_correction(clips)
    print("\nCORRECTION, x 100: point: (along, down)")
    print(", ".join(f"{i}: ({x:.1f}, {y:.1f})" for i, (x, y) in enumerate(100 * fixed) if i <= MIRRORED[i]))
    print("OUTLINE_PER_GAP, x 100:", ", ".join(f"{value:.0f}" for value in 100 * slope[:9]))


def main() -> None:
    """Runs all measurements and prints the results."""
    parser = make_parser(__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=300, help="frames of each clip that are compared; 0 for all")
    parser.add_argument("--fit", action="store_true", help="fit the correction to all clips and print it")
    options = parser.parse_args()
    matmul = time_matmul()
    print(f"this machine: {matmul * 1e3:.0f} ms per matrix product of 2048 x 2048")
    detector, dlib, mesh = MTCNN(), DlibLandmarkDetector(), MeshLandmarkDetector()
    videos = find_clips(options.clips)
    clips = {video.stem: read_clip(video, detector, dlib, mesh, options.frames) for video in videos}
    rows = compare(clips)
    print_table("Points against dlib's, in % of the eye distance", rows)
    speeds = [
        {"clip": name, "dlib_ms": 1e3 * clip.dlib_seconds, "mesh_ms": 1e3 * clip.mesh_seconds}
        for name, clip in clips.items()
    ]
    print_table("Milliseconds per face", speeds)
    if options.fit:
        print_fit(list(clips.values()))
    if options.json:
        print_json({"matmul_s": matmul, "errors": rows, "speeds": speeds})


def _timed(find, crops: list[FaceCrop]) -> tuple[list, float]:
    """Runs a detector on the crops after a warm-up; returns its result and its duration in seconds."""
    find(crops[:2])
    start = time.perf_counter()
    found = find(crops)
    return found, time.perf_counter() - start


if __name__ == "__main__":
    main()
