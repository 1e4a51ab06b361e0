"""Compares face detection and tracking with MTCNN on every frame, and the smoothing modes with each other.

Usage: python benchmarks/faces.py [--clips DIR] [--frames N] [--json]

Both sides read the same file, so both times include decoding. Jitter is the mean length of the second difference of the
five landmarks over time. The error is their mean distance from dlib's 68 landmarks, reduced to five and slightly
smoothed over time; the constant offset over the clip is removed first, because two detectors define each point slightly
differently. Both are in % of the distance between the eyes. Without dlib, the error is omitted.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
from harness import (
    cut_clip,
    find_clips,
    make_parser,
    own_peak_memory,
    print_json,
    print_table,
    repeat_video,
    time_matmul,
)
from motion import compare_modes, jitter, synthetic_modes

from faceswap_lib.errors import InputError
from faceswap_lib.faces import MTCNN, DetectConfig, Face, align_face
from faceswap_lib.faces.alignment import five_points, invert_affine, map_points
from faceswap_lib.faces.keyframe_detection import detect_keyframes
from faceswap_lib.faces.landmarks_dlib import DlibLandmarkDetector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import probe_video, read_frames

LARGE = (1920, 1080)
REPEATS = (1, 4, 16)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """Result of one detector on a video: seconds, and (N, 5, 2) landmarks, NaN in frames without a face."""

    seconds: float
    landmarks: np.ndarray


def run_mtcnn(video: pathlib.Path) -> Run:
    """Runs the package `mtcnn` alone, as in its documentation: every frame, the face with the highest confidence."""
    from mtcnn import MTCNN

    detector = MTCNN()
    names = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
    detector.detect_faces(next(iter(read_frames(video))))  # the first call compiles
    start, landmarks = time.perf_counter(), []
    for frame in read_frames(video):
        faces = detector.detect_faces(frame)
        points = max(faces, key=lambda face: face["confidence"])["keypoints"] if faces else {}
        landmarks.append([points.get(name, (np.nan, np.nan)) for name in names])
    return Run(seconds=time.perf_counter() - start, landmarks=np.array(landmarks, float))


def run_library(video: pathlib.Path) -> Run:
    """Runs this library with its default options."""
    detector = MTCNN()
    track_video(video, detector)  # the first call compiles
    start = time.perf_counter()
    tracks = track_video(video, detector)
    seconds = time.perf_counter() - start
    nothing = np.full((5, 2), np.nan)
    return Run(
        seconds=seconds,
        landmarks=np.array([next((f.landmarks for f in faces.values()), nothing) for faces in tracks.faces]),
    )


def dlib_landmarks(video: pathlib.Path, near: np.ndarray) -> np.ndarray | None:
    """Detects dlib's five points in every frame, near the given landmarks; returns None without dlib."""
    try:
        finder = DlibLandmarkDetector()
    except InputError as error:
        print(f"no error column: {error}")
        return None
    found = np.full_like(near, np.nan)
    for index, frame in enumerate(read_frames(video)):
        if np.isfinite(near[index]).all():
            box = [*near[index].min(0), *near[index].max(0)]
            crop = align_face(frame, Face(box_xyxy=box, score=1.0, landmarks=near[index]))
            points = five_points(finder.detect([crop])[0])
            found[index] = map_points(invert_affine(crop.crop_from_frame), points)
    return found


def landmark_error(landmarks: np.ndarray, reference: np.ndarray | None) -> float | None:
    """Computes the mean distance from the reference without the constant offset, in % of the eye distance."""
    if reference is None:
        return None
    kernel = np.array([0.25, 0.5, 0.25])
    smooth = np.apply_along_axis(lambda line: np.convolve(np.pad(line, 1, "edge"), kernel, "valid"), 0, reference)
    difference = landmarks - smooth
    difference -= np.nanmean(difference, axis=0)
    unit = np.nanmean(np.linalg.norm(reference[:, 0] - reference[:, 1], axis=1))
    return 100 * float(np.nanmean(np.linalg.norm(difference, axis=-1)) / unit)


def peak_memory(video: pathlib.Path) -> float:
    """Measures the peak resident memory in MB of a process that tracks the faces of a video."""
    command = [sys.executable, __file__, "--memory-of", str(video)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def compare_clip(name: str, video: pathlib.Path) -> dict[str, object]:
    """Measures one row of the table: speed and landmarks of both sides on one video."""
    alone, ours = run_mtcnn(video), run_library(video)
    reference = dlib_landmarks(video, ours.landmarks)
    count = len(ours.landmarks)
    return {
        "clip": name,
        "frames": count,
        "mtcnn_fps": count / alone.seconds,
        "fps": count / ours.seconds,
        "speedup": alone.seconds / ours.seconds,
        "mtcnn_jitter": jitter(alone.landmarks),
        "jitter": jitter(ours.landmarks),
        "jitter_ratio": jitter(ours.landmarks) / jitter(alone.landmarks),
        "mtcnn_error": landmark_error(alone.landmarks, reference),
        "error": landmark_error(ours.landmarks, reference),
        "mtcnn_missed": int(np.isnan(alone.landmarks[:, 0, 0]).sum()),
        "missed": int(np.isnan(ours.landmarks[:, 0, 0]).sum()),
    }


def main() -> None:
    """Runs all measurements and prints the results."""
    parser = make_parser(__doc__.split("\n", 1)[0])
    parser.add_argument("--frames", type=int, default=240, help="frames of each clip that are compared")
    parser.add_argument(
        "--memory-of", type=pathlib.Path, help="only track the faces of this video and print the peak memory"
    )
    options = parser.parse_args()
    if options.memory_of:
        track_video(options.memory_of, MTCNN())
        print(own_peak_memory())
        return
    clips = find_clips(options.clips)
    matmul = time_matmul()
    print(f"this machine: {matmul * 1e3:.0f} ms per matrix product of 2048 x 2048")
    with tempfile.TemporaryDirectory() as folder:
        cut, rows = pathlib.Path(folder) / "cut.mp4", []
        for clip in clips:
            cut_clip(clip, cut, options.frames)
            rows.append(compare_clip(clip.stem, cut))
        cut_clip(clips[0], cut, options.frames // 4, LARGE)
        rows.append(compare_clip(f"{clips[0].stem} at {LARGE[0]}x{LARGE[1]}", cut))
        print_table("MTCNN on every frame against this library; jitter and error in % of the eyes' distance", rows)

        sightings = {}
        for clip in clips:
            frames = read_frames(clip, stop=options.frames)
            sightings[clip.stem] = list(detect_keyframes(frames, MTCNN(), DetectConfig().detect_every))
        modes = compare_modes(sightings)
        print_table("Smoothing on real clips: jitter at rest in % of the eyes' distance, lag in frames", modes)
        synthetic = synthetic_modes()
        print_table("Smoothing of a known motion with noise: error and jitter in pixels, lag in frames", synthetic)

        memory = []
        shortest = min(clips, key=lambda clip: probe_video(clip).duration or 0)
        for times in REPEATS:
            long = pathlib.Path(folder) / f"{times}.mp4"
            repeat_video(shortest, times, long)
            memory.append({"repeats": times, "peak_rss_mb": peak_memory(long)})
        print_table(f"Memory while the faces of {shortest.name}, repeated several times, are tracked", memory)
    if options.json:
        rss = {row["repeats"]: row["peak_rss_mb"] for row in memory}
        print_json(
            {
                "matmul_s": matmul,
                "clips": {row.pop("clip"): row for row in rows},
                "modes": modes,
                "synthetic": synthetic,
                "rss_16x_over_1x": rss[16] / rss[1],
            }
        )


if __name__ == "__main__":
    main()
