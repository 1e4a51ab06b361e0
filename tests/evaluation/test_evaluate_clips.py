"""Evaluation on real clips: the ends of the scale, and each fault in the metric that names it."""

import pathlib
import typing

import cv2
import numpy as np
import pytest

from faceswap_lib.evaluation import EvaluateConfig, Report, evaluate_video
from faceswap_lib.faces import CROP_SIZE, Face, Part, align_face, crop_from_frame, part_mask
from faceswap_lib.faces.alignment import invert_affine
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.media import VideoWriter, read_frames

pytestmark = [
    pytest.mark.clips,
    pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed"),
]
START, STOP = 30, 75


def write(path: pathlib.Path, frames: typing.Iterable[np.ndarray]) -> pathlib.Path:
    frames = list(frames)
    with VideoWriter(path, width=frames[0].shape[1], height=frames[0].shape[0], fps=30) as writer:
        for frame in frames:
            writer.write(frame)
    return path


class Scene:
    """A stretch of one clip as the original and of another as the wanted person, and the faces of both."""

    def __init__(self, folder: pathlib.Path, detector, original: pathlib.Path, identity: pathlib.Path):
        self.folder = folder
        self.frames, wanted = (list(read_frames(clip, start=START, stop=STOP)) for clip in (original, identity))
        self.faces, wanted_faces = ([found[0] for found in detector.detect(f)] for f in (self.frames, wanted))
        self.crops = [align_face(frame, face).image for frame, face in zip(self.frames, self.faces, strict=True)]
        self.still = align_face(wanted[0], wanted_faces[0]).image
        self.original = write(folder / "original.mp4", self.frames)
        self.identity = write(folder / "identity.mp4", wanted)

    def evaluate(self, name: str, change, parts: Part = Part.FACE) -> Report:
        """Replaces parts of every face by `change(crop, index)`, a crop and by how many pixels to move it."""
        video = write(self.folder / f"{name}.mp4", [self._paste(i, parts, *change(i)) for i in range(len(self.frames))])
        config = EvaluateConfig(landmarks="dlib", baseline_frames=0)
        return evaluate_video(video, self.original, self.identity, config=config)

    def _paste(self, index: int, parts: Part, crop: np.ndarray, step=(0.0, 0.0)) -> np.ndarray:
        frame, face = self.frames[index], self.faces[index]
        mask = part_mask(align_face(frame, face).landmarks, CROP_SIZE, parts, feather=0.08).astype(np.float32) / 255
        moved = Face(box_xyxy=face.box_xyxy + np.tile(step, 2), score=1.0, landmarks=face.landmarks + step)
        matrix, size = invert_affine(crop_from_frame(moved)), frame.shape[1::-1]
        placed = cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        share = cv2.warpAffine(mask, matrix, size)[..., None]
        return np.round(frame + share * (placed - frame)).astype(np.uint8)


@pytest.fixture(scope="module", params=[("d6", "d14"), ("d9", "d10")], ids="-".join)
def scene(request, real_clips, detector, tmp_path_factory) -> Scene:
    original, identity = (real_clips / f"{name}.mp4" for name in request.param)
    return Scene(tmp_path_factory.mktemp("scene"), detector, original, identity)


@pytest.fixture(scope="module")
def copy(scene) -> Report:
    return scene.evaluate("copy", lambda index: (scene.crops[index],))


def test_the_input_copied_has_moved_nobody(copy):
    assert copy.summary.parts["identity"] < 0.05 and copy.summary.score < 25
    assert copy.values["identity_distance"] == pytest.approx(copy.values["before"], abs=0.03)
    assert copy.values["identity_transfer_rate"] == 0 and copy.values["landmark_error"] < 0.02


def test_the_wanted_persons_own_video_is_that_person(scene):
    size = scene.frames[0].shape[1::-1]
    fitted = write(scene.folder / "fitted.mp4", (cv2.resize(frame, size) for frame in read_frames(scene.identity)))
    config = EvaluateConfig(landmarks="dlib", baseline_frames=0)
    report = evaluate_video(fitted, scene.original, scene.identity, config=config)
    assert report.summary.parts["identity"] > 0.9 and report.values["identity_transfer_rate"] == 100


def test_noise_and_a_still_picture_of_the_wanted_person_are_no_swaps(scene):
    rng = np.random.default_rng(0)
    noise = scene.evaluate("noise", lambda index: (rng.integers(0, 256, (256, 256, 3)).astype(np.uint8),))
    assert noise.summary.score < 1 and noise.values["detection_rate"] < 20
    still = scene.evaluate("still", lambda index: (scene.still,))
    assert still.values["identity_transfer_rate"] == 100
    assert still.values["expression_agreement"] < 0.35 and still.summary.parts["expression"] < 0.2


def test_more_blur_is_less_sharp_and_nothing_else_moves_much(scene, copy):
    values = [
        scene.evaluate(f"blur{sigma}", lambda i, s=sigma: (cv2.GaussianBlur(scene.crops[i], (0, 0), s),)).values
        for sigma in (1, 2.5)
    ]
    assert values[1]["sharpness"] < 0.6 * values[0]["sharpness"] < 0.6 * 0.8 * copy.values["sharpness"]
    assert values[1]["landmark_error"] < 0.03 and values[1]["expression_agreement"] > 0.8


def test_shaking_is_jitter_and_a_shift_is_landmark_error(scene, copy):
    steps = np.random.default_rng(1).normal(0, 3, (len(scene.frames), 2))
    shaken = scene.evaluate("shaken", lambda i: (scene.crops[i], steps[i])).values
    assert shaken["jitter"] > 1.5 * copy.values["jitter"]
    shifted = scene.evaluate("shifted", lambda i: (scene.crops[i], np.array([9.0, 0.0]))).values
    assert shifted["landmark_error"] > 3 * copy.values["landmark_error"]
    assert shifted["jitter"] < 1.25 * copy.values["jitter"]


def test_a_mouth_that_does_not_move_is_a_mouth_error(scene, copy):
    frozen = scene.evaluate("frozen", lambda i: (scene.crops[0],), Part.MOUTH).values
    assert frozen["mouth_error"] > 2 * copy.values["mouth_error"]
    assert frozen["expression_agreement"] < copy.values["expression_agreement"] - 0.1
    assert frozen["eyes_error"] < 1.6 * copy.values["eyes_error"]
