"""Animates a portrait into a talking-head clip, and writes the demo's two clips with a hum as the voice."""

import fractions
import pathlib
import tempfile
import typing
import wave

import cv2
import numpy as np

from faceswap_lib.demo.eyes import EyeAnimator
from faceswap_lib.demo.head import HeadMover
from faceswap_lib.demo.motion import Pose, smooth_step, talking_poses
from faceswap_lib.demo.mouth import MouthAnimator
from faceswap_lib.demo.points import Portrait, resize_portrait, scale_mouth
from faceswap_lib.demo.portraits import PORTRAIT_SIZE, load_portraits
from faceswap_lib.media import VideoWriter

_SAMPLE_RATE = 44100

Motion = typing.Callable[[int, fractions.Fraction, int], list[Pose]]
"""Generates the poses of a clip from its number of frames, its frames per second and a seed."""


def animate_portrait(
    portrait: Portrait,
    *,
    frame_count: int,
    fps: fractions.Fraction,
    seed: int,
    size: int = PORTRAIT_SIZE,
    motion: Motion = talking_poses,
) -> typing.Iterator[np.ndarray]:
    """Renders the frames of a clip in which the portrait talks, blinks and moves its head.

    Args:
        portrait: One of `load_portraits()`.
        frame_count: Number of frames, at least 0.
        fps: Frames per second, above 0.
        seed: Seed of the motion and the noise; the same seed returns the same bytes on the same machine.
        size: Side of the square frames in pixels, at least 64.
        motion: Generates the poses.

    Returns:
        An iterator over (size, size, 3) RGB uint8 frames.

    Raises:
        ValueError: If `frame_count`, `fps` or `size` is out of range.
    """
    poses = motion(frame_count, fps, seed)
    return _frames(PortraitAnimator(resize_portrait(portrait, size)), poses, np.random.default_rng([seed, 1]))


class PortraitAnimator:
    """Renderer of one portrait in any pose, without noise; what does not depend on the pose is computed once."""

    def __init__(self, portrait: Portrait):
        """Prepares the renderer for frames of the size of the portrait's image."""
        self._portrait = portrait
        self._eyes = [EyeAnimator(portrait.image, eye, portrait.eye_distance) for eye in portrait.eyes]
        self._mouth = MouthAnimator(portrait)
        self._head = HeadMover(portrait)
        self._brow_area, self._brow_field = _brow_field(portrait)

    def render(self, pose: Pose) -> np.ndarray:
        """Renders one frame.

        Args:
            pose: Pose of the head and of the face.

        Returns:
            (H, W, 3) RGB uint8.
        """
        return self._head.render(self.render_face(pose), pose)

    def render_face(self, pose: Pose) -> np.ndarray:
        """Renders the movements of the face without those of the head; returns (H, W, 3) RGB uint8."""
        image = self._portrait.image.copy()
        image[self._mouth.area] = self._mouth.render(pose.mouth, pose.smile)
        if pose.brows > 0:
            image[self._brow_area] = self._raise_brows(pose.brows)
        for eye in self._eyes:
            eye.render(image, pose.lids, pose.gaze_x, pose.gaze_y)
        return image

    def _raise_brows(self, amount: float) -> np.ndarray:
        """Renders the area of the brows, raised by `amount` in [0, 1]."""
        rows, columns = self._brow_area
        y, x = np.mgrid[rows, columns].astype(np.float32)
        y = y + np.float32(amount) * self._brow_field
        return cv2.remap(self._portrait.image, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def write_demo_clips(
    folder: pathlib.Path,
    *,
    seconds: float = 6,
    fps: fractions.Fraction = fractions.Fraction(25),
    size: int = PORTRAIT_SIZE,
    seed: int = 0,
    motion: Motion = talking_poses,
    mouth_scale: float = 1.0,
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes the two clips of the demo, `hopper.mp4` and `collins.mp4`, each with sound.

    Args:
        folder: Output folder; created if it does not exist.
        seconds: Length of each clip in seconds, above 0.
        fps: Frames per second.
        size: Side of the square frames in pixels, even, at least 64.
        seed: Seed of the motion and the noise in both clips.
        motion: Generates the poses.
        mouth_scale: Factor of how far the mouths open; above 2.5 they look unnatural.

    Returns:
        The paths of Hopper's clip and of Collins's clip.

    Raises:
        ValueError: If a number is out of range.
    """
    frame_count = round(seconds * fps)
    if frame_count < 1:
        raise ValueError(f"seconds must give at least one frame, got {seconds} at {fps} frames per second")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, unscaled in enumerate(load_portraits()):
        portrait, clip_seed = scale_mouth(unscaled, mouth_scale), 2 * seed + index
        path = folder / f"{portrait.name}.mp4"
        with tempfile.TemporaryDirectory() as scratch:
            sound = pathlib.Path(scratch) / "voice.wav"
            openings = [pose.mouth for pose in motion(frame_count, fps, clip_seed)]
            _write_hum(sound, openings, fps, 150 + 45 * index)
            with VideoWriter(path, width=size, height=size, fps=fps, audio_from=sound) as writer:
                numbers = {"frame_count": frame_count, "fps": fps, "seed": clip_seed, "size": size}
                for frame in animate_portrait(portrait, **numbers, motion=motion):
                    writer.write(frame)
        paths.append(path)
    return paths[0], paths[1]


def _frames(animator: PortraitAnimator, poses: list[Pose], rng: np.random.Generator) -> typing.Iterator[np.ndarray]:
    """Renders the poses and simulates a camera: slowly varying brightness, and noise."""
    noise = None
    for pose in poses:
        frame = animator.render(pose)
        if noise is None:
            height, width = frame.shape[:2]
            grain = rng.normal(128.0, 1.0, (height + 64, width + 64, 3))
            noise = np.round(grain).astype(np.uint8)
        top, left = rng.integers(0, 64, 2)
        grain = noise[top : top + frame.shape[0], left : left + frame.shape[1]]
        yield cv2.addWeighted(frame, pose.gain, grain, 1.0, -128.0)


def _brow_field(portrait: Portrait) -> tuple[tuple[slice, slice], np.ndarray]:
    """Computes the area that moves with the brows, and how many pixels each of its points rises at most."""
    unit, size = portrait.eye_distance, portrait.image.shape[0]
    points = np.concatenate(portrait.brows)
    low = np.maximum(np.floor(points.min(axis=0) - [0.35 * unit, 0.45 * unit]), 0).astype(int)
    high = np.minimum(np.ceil([points[:, 0].max() + 0.35 * unit, max(portrait.brow_floors) + 1]), size).astype(int)
    area = (slice(low[1], high[1]), slice(low[0], high[0]))
    y, x = np.mgrid[area].astype(np.float32)
    field = np.zeros_like(y)
    for brow, floor in zip(portrait.brows, portrait.brow_floors, strict=True):
        center, height = brow[:, 0].mean(), brow[:, 1].min()
        half = (brow[-1, 0] - brow[0, 0]) / 2
        across = np.exp(-(((x - center) / (1.15 * half)) ** 4))
        below = np.clip((floor - y) / max(floor - height, 1.0), 0, 1)
        above = np.clip(1 - (height - y) / (0.4 * unit), 0, 1)
        field = np.maximum(field, portrait.brow_travel * across * smooth_step(below) * smooth_step(above))
    return area, field.astype(np.float32)


def _write_hum(path: pathlib.Path, openings: list[float], fps: fractions.Fraction, pitch: float) -> None:
    """Writes a soft vowel-like hum as 16-bit mono WAV; the wider the mouth is open, the louder it is."""
    count = round(len(openings) / fps * _SAMPLE_RATE)
    seconds = np.arange(count) / _SAMPLE_RATE
    loudness = np.interp(seconds, np.arange(len(openings)) / float(fps), openings)
    phase = 2 * np.pi * pitch * (seconds + 0.0006 * np.sin(2 * np.pi * 4.7 * seconds))
    overtones = np.arange(1, 12)
    formants = (
        sum(np.exp(-(((overtones * pitch - center) / 220.0) ** 2)) for center in (650.0, 1100.0)) + 0.25 / overtones
    )
    hum = np.sin(np.outer(overtones, phase)).T @ formants
    samples = 0.25 * hum / np.abs(formants).sum() * (0.03 + loudness)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_SAMPLE_RATE)
        sound.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
