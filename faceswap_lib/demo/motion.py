"""Motion of a talking head: smooth signals over time, different for every seed."""

import dataclasses
import fractions

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pose:
    """Pose of the head and of the face in one frame.

    Attributes:
        yaw: Rotation in radians, positive to the right of the image.
        pitch: Nod in radians, positive upwards.
        roll: Tilt in radians, positive clockwise.
        shift_x: Horizontal shift in eye distances, positive to the right of the image.
        shift_y: Vertical shift in eye distances, positive downwards.
        zoom: Scale of the head, near 1.
        breath: Rise of the shoulders in [-1, 1].
        lids: Closing of the eyelids, from 0 (open) to 1 (closed).
        gaze_x: Horizontal gaze in [-1, 1], positive to the right of the image.
        gaze_y: Vertical gaze in [-1, 1], positive downwards.
        mouth: Opening of the mouth, from 0 (closed) to 1 (wide open).
        smile: Widening of the mouth in [-1, 1]; negative values make it narrower.
        brows: Raise of the brows in [0, 1].
        gain: Brightness factor, near 1.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    zoom: float = 1.0
    breath: float = 0.0
    lids: float = 0.0
    gaze_x: float = 0.0
    gaze_y: float = 0.0
    mouth: float = 0.0
    smile: float = 0.0
    brows: float = 0.0
    gain: float = 1.0


def talking_poses(frame_count: int, fps: fractions.Fraction, seed: int) -> list[Pose]:
    """Generates the poses of a person who talks, looks around and blinks.

    Args:
        frame_count: Number of frames, at least 0.
        fps: Frames per second, above 0.
        seed: Seed of the motion; the same seed returns the same poses.

    Returns:
        One `Pose` per frame.

    Raises:
        ValueError: If `frame_count` is negative or `fps` is not positive.
    """
    if frame_count < 0 or fps <= 0:
        raise ValueError(f"expected frame_count >= 0 and fps > 0, got {frame_count} and {fps}")
    rng = np.random.default_rng(seed)
    seconds = np.arange(frame_count) / float(fps)
    degree = np.pi / 180
    yaw = _drift(seconds, rng, 0.21)
    signals = {
        "yaw": 12 * degree * yaw,
        "pitch": 7 * degree * _drift(seconds, rng, 0.27),
        "roll": 5 * degree * _drift(seconds, rng, 0.19),
        "shift_x": 0.05 * _drift(seconds, rng, 0.15),
        "shift_y": 0.03 * _drift(seconds, rng, 0.23),
        "zoom": 1 + 0.02 * _drift(seconds, rng, 0.12),
        "breath": np.sin(2 * np.pi * (0.27 * seconds + rng.random())),
        "lids": _blinks(seconds, rng),
        "gaze_x": _glances(seconds, rng) - 0.35 * yaw,
        "gaze_y": 0.6 * _glances(seconds, rng),
        "mouth": _speech(seconds, rng),
        "smile": _drift(seconds, rng, 0.33),
        "brows": np.clip(1.4 * _drift(seconds, rng, 0.3), 0, 1),
        "gain": 1 + 0.03 * _drift(seconds, rng, 0.11),
    }
    columns = {name: np.asarray(values).tolist() for name, values in signals.items()}
    return [Pose(**{name: values[i] for name, values in columns.items()}) for i in range(frame_count)]


def lively_poses(frame_count: int, fps: fractions.Fraction, seed: int) -> list[Pose]:
    """Generates the same motion with larger movements, for reenactment: the head turns by up to 34 degrees.

    The brightness is constant, because it does not follow from the shape of the face.
    Arguments, result and errors are those of `talking_poses`.
    """
    return [
        dataclasses.replace(
            pose,
            yaw=2.8 * pose.yaw,
            pitch=1.3 * pose.pitch,
            gaze_x=min(max(1.3 * pose.gaze_x, -1.0), 1.0),
            mouth=min(1.3 * pose.mouth**0.8, 1.0),
            gain=1.0,
        )
        for pose in talking_poses(frame_count, fps, seed)
    ]


def _drift(seconds: np.ndarray, rng: np.random.Generator, hertz: float) -> np.ndarray:
    """Generates a slow irregular signal, the sum of three sine waves without a common period; (T,) in [-1, 1]."""
    phases = rng.random(3)
    rates = hertz * np.array([1.0, 1.71, 2.93]) * rng.uniform(0.9, 1.1, 3)
    waves = np.sin(2 * np.pi * (np.outer(seconds, rates) + phases))
    return np.clip(waves @ [0.7, 0.35, 0.12], -1, 1) if len(seconds) else seconds


def _blinks(seconds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Generates blinks of about a quarter of a second, one every two to four seconds; (T,) in [0, 1], 1 is closed."""
    lids = np.zeros_like(seconds)
    end = seconds[-1] if len(seconds) else 0.0
    start = rng.uniform(0.5, 1.5)
    while start < end:
        t = seconds - start
        closing = smooth_step(t / 0.09)
        opening = 1 - smooth_step((t - 0.13) / 0.15)
        lids = np.maximum(lids, np.where(t < 0.13, closing, opening))
        start += rng.uniform(2, 4)
    return lids


def _glances(seconds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Generates a gaze that rests for a while, then moves within a tenth of a second; (T,) in [-1, 1]."""
    gaze = np.zeros_like(seconds)
    end = seconds[-1] if len(seconds) else 0.0
    start, level = rng.uniform(0.3, 1.0), 0.0
    while start < end:
        target = 0.0 if rng.random() < 0.4 else rng.uniform(-1, 1)
        gaze += (target - level) * smooth_step((seconds - start) / 0.1)
        level = target
        start += rng.uniform(0.7, 1.8)
    return gaze


def _speech(seconds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Generates mouth openings of about three syllables per second, with pauses between phrases; (T,) in [0, 1]."""
    phase = 2 * np.pi * (2.9 * seconds + rng.random()) + 2.0 * _drift(seconds, rng, 0.6)
    syllables = (0.5 - 0.5 * np.cos(phase)) ** 1.3
    loudness = 0.65 + 0.35 * _drift(seconds, rng, 0.9)
    phrases = smooth_step(0.5 + 1.6 * (np.sin(2 * np.pi * (0.31 * seconds + rng.random())) + 0.55))
    return syllables * loudness * phrases


def smooth_step(x: np.ndarray) -> np.ndarray:
    """Computes the smoothstep function of each element; it rises smoothly from 0 for x <= 0 to 1 for x >= 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
