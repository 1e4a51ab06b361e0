"""Metrics of the motion of a track: jitter, lag, and the error from a known motion."""

import numpy as np

from faceswap_lib.faces import Face, TrackConfig, track_faces
from faceswap_lib.faces.alignment import MEAN_FACE
from faceswap_lib.faces.keyframe_detection import FrameDetections

MODES = ("none", "ema", "kalman", "rts")
REST = 0.5
"""Fraction of the frames, those with the slowest head motion, in which jitter at rest is measured."""

LAGS = np.arange(-4, 9)


def jitter(landmarks: np.ndarray) -> float:
    """Computes the mean length of the second difference over time of (N, 5, 2) landmarks, in % of the eye distance."""
    unit = np.nanmean(np.linalg.norm(landmarks[:, 0] - landmarks[:, 1], axis=1))
    return 100 * float(np.nanmean(np.linalg.norm(np.diff(landmarks, 2, axis=0), axis=-1)) / unit)


def measure_lag(landmarks: np.ndarray, truth: np.ndarray) -> float:
    """Computes by how many frames (N, 5, 2) landmarks lag behind the truth: the minimum of the interpolated error."""
    errors = []
    for lag in LAGS:
        late = landmarks[max(0, lag) : len(landmarks) + min(0, lag)]
        early = truth[max(0, -lag) : len(truth) - max(0, lag)]
        difference = late - early
        errors.append(float(np.var(difference, axis=0).sum()))
    best = int(np.clip(np.argmin(errors), 1, len(errors) - 2))
    before, at, after = errors[best - 1 : best + 2]
    return float(LAGS[best] + 0.5 * (before - after) / (before - 2 * at + after))


def smooth_symmetrically(landmarks: np.ndarray, sigma: float) -> np.ndarray:
    """Smooths with a Gaussian over time, which is symmetric and therefore does not lag."""
    reach = int(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    return np.apply_along_axis(lambda line: np.convolve(np.pad(line, reach, "edge"), kernel, "valid"), 0, landmarks)


def follow(sightings: list[FrameDetections], mode: str) -> np.ndarray:
    """Tracks the faces with a smoothing mode; returns the (N, 5, 2) landmarks of the longest track."""
    tracks = track_faces(sightings, TrackConfig(smoothing=mode)).tracks
    longest = max(tracks, key=lambda track: track.found)
    return np.array([face.landmarks for _, face in longest.items()])


def compare_modes(sightings: dict[str, list[FrameDetections]]) -> list[dict[str, object]]:
    """Measures jitter at rest and lag of every mode on every clip; the smoothed raw motion is taken as the truth."""
    rows = []
    for clip, seen in sightings.items():
        raw = follow(seen, "none")
        truth = smooth_symmetrically(raw, 2)
        speed = np.linalg.norm(np.gradient(smooth_symmetrically(raw, 4), axis=0), axis=-1).mean(axis=1)
        unit = np.linalg.norm(raw[:, 0] - raw[:, 1], axis=1).mean()
        at_rest = speed[1:-1] <= np.quantile(speed, REST)
        for mode in MODES:
            landmarks = follow(seen, mode)
            shake = np.linalg.norm(np.diff(landmarks, 2, axis=0), axis=-1).mean(axis=1)
            row = {"clip": clip, "mode": mode, "jitter_at_rest": 100 * float(shake[at_rest].mean() / unit)}
            rows.append(row | {"lag": measure_lag(landmarks, truth)})
    return rows


def synthetic_modes(frames: int = 600, noise: float = 0.8, seed: int = 0) -> list[dict[str, object]]:
    """Measures every mode on a head with known sinusoidal motion and Gaussian noise in pixels on every coordinate."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)
    sway = np.stack([40 * np.sin(2 * np.pi * time / 47), 14 * np.sin(2 * np.pi * time / 71 + 1)], axis=1)
    truth = MEAN_FACE * 50 + 200 + sway[:, None]
    sightings = []
    for points in truth:
        low, high = points.min(0) - [30, 50], points.max(0) + [30, 40]
        box = np.concatenate([low, high]) + rng.normal(0, noise, 4)
        face = Face(box_xyxy=box, score=0.9, landmarks=points + rng.normal(0, noise, (5, 2)))
        sightings.append(FrameDetections(faces=(face,), descriptors=(np.zeros((1, 3), np.float32),)))
    rows = []
    for mode in MODES:
        landmarks = follow(sightings, mode)
        shake = np.linalg.norm(np.diff(landmarks, 2, axis=0), axis=-1).mean()
        error = np.linalg.norm(landmarks - truth, axis=-1).mean()
        rows.append({"mode": mode, "error": float(error), "jitter": float(shake), "lag": measure_lag(landmarks, truth)})
    return rows
