"""Evaluating whole videos: what must lose to a swap does, and each fault shows in the metric that names it."""

import fractions
import itertools
import pathlib

import cv2
import numpy as np
import pytest

from faceswap_lib.conversion.color_transfer.registry import transfer_color
from faceswap_lib.demo.animate import animate_portrait
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation import frame_metrics
from faceswap_lib.evaluation.config import EvaluateConfig
from faceswap_lib.evaluation.evaluate import evaluate_video
from faceswap_lib.evaluation.report import Report, check_limits
from faceswap_lib.faces import CROP_SIZE, Face, FaceCrop, Part, align_face, crop_from_frame, part_mask
from faceswap_lib.faces.alignment import invert_affine
from faceswap_lib.faces.recognition import DlibEmbedder
from faceswap_lib.media import VideoWriter, read_frames

needs_dlib = pytest.mark.skipif(DlibEmbedder.unavailable_reason() is not None, reason="dlib is not installed")
FRAMES = 40
SIZE = 320


def lay_over(frame: np.ndarray, face: Face, crop: np.ndarray, softness: float = 0.12) -> np.ndarray:
    """A crop put where a face is."""
    mask = part_mask(align_face(frame, face).landmarks, CROP_SIZE, Part.FACE, feather=softness).astype(np.float32) / 255
    matrix, size = invert_affine(crop_from_frame(face)), frame.shape[1::-1]
    placed = cv2.warpAffine(crop, matrix, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    share = cv2.warpAffine(mask, matrix, size)[..., None]
    return np.round(frame + share * (placed - frame)).astype(np.uint8)


class Stage:
    """Hopper as the original, Collins as the wanted person, and Collins moving as Hopper does."""

    def __init__(self, portraits, detector, folder: pathlib.Path):
        self.folder = folder
        self.hopper, same, other = (
            list(animate_portrait(portraits[who], frame_count=FRAMES, fps=fractions.Fraction(25), seed=seed, size=SIZE))
            for who, seed in ((0, 5), (1, 5), (1, 6))
        )
        self.faces = [faces[0] for faces in detector.detect(self.hopper)]
        self.crops = [
            align_face(frame, faces[0]).image for frame, faces in zip(same, detector.detect(same), strict=True)
        ]
        self.original, self.identity = self.write("hopper", self.hopper), self.write("collins", other)

    def write(self, name: str, frames) -> pathlib.Path:
        path = self.folder / f"{name}.mp4"
        with VideoWriter(path, width=SIZE, height=SIZE, fps=25) as writer:
            for frame in frames:
                writer.write(frame)
        return path

    def swap(self, change=None, *, still: bool = False, shift: float = 0.0):
        """Frames of a good swap; `change` spoils each new face, (crop, index) to crop."""
        for index, (frame, face) in enumerate(zip(self.hopper, self.faces, strict=True)):
            crop = self.crops[0 if still else index]
            own = align_face(frame, face).image
            crop = transfer_color("adain", crop, own, np.ones((CROP_SIZE, CROP_SIZE), np.float32))
            if change:
                crop = change(crop, index)
            moved = Face(box_xyxy=face.box_xyxy + shift, score=face.score, landmarks=face.landmarks + shift)
            yield lay_over(frame, moved, crop)

    def on_the_face(self, change):
        """The original's frames with something else in place of the face."""
        for index, (frame, face) in enumerate(zip(self.hopper, self.faces, strict=True)):
            yield lay_over(frame, face, change(align_face(frame, face).image, index))

    def evaluate(self, name: str, frames, **options) -> Report:
        config = EvaluateConfig(**{"landmarks": "auto", "baseline_frames": 0, "identity_stride": 4} | options)
        return evaluate_video(self.write(name, frames), self.original, self.identity, config=config)


@pytest.fixture(scope="module")
def stage(portraits, detector, tmp_path_factory) -> Stage:
    return Stage(portraits, detector, tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def good(stage) -> Report:
    return stage.evaluate("good", stage.swap(), landmarks="dlib")


def noise(crop: np.ndarray, index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, crop.shape).astype(np.uint8)


def gray(crop: np.ndarray, index: int) -> np.ndarray:
    return np.full_like(crop, 128)


def blurred(crop: np.ndarray, index: int) -> np.ndarray:
    return cv2.GaussianBlur(crop, (0, 0), 6)


def tinted(crop: np.ndarray, index: int) -> np.ndarray:
    return np.clip(crop * [1.25, 0.95, 0.7], 0, 255).astype(np.uint8)


@needs_dlib
def test_a_good_swap_is_called_one(good):
    assert good.summary.verdict.startswith("A swap") and good.summary.score > 30
    assert good.values["identity_transfer_rate"] == good.values["detection_rate"] == 100
    assert good.values["identity_distance"] < 0.6 < good.values["before"]
    assert good.values["background_psnr"] > 30 and 60 < good.values["coverage"] <= 100


@needs_dlib
@pytest.mark.parametrize("fault", [noise, gray, blurred, tinted])
def test_what_is_no_swap_loses_clearly_to_one(stage, good, fault):
    report = stage.evaluate(fault.__name__, stage.on_the_face(fault), landmarks="dlib")
    assert report.summary.score < 0.33 * good.summary.score
    assert report.summary.verdict.startswith("Not a swap")


@needs_dlib
def test_the_wanted_persons_still_picture_pasted_flat_loses_to_a_swap(stage, good):
    still = stage.evaluate("still", stage.swap(still=True), landmarks="dlib")
    assert still.values["identity_distance"] < 0.6
    assert still.summary.score < 0.5 * good.summary.score
    assert still.values["expression_agreement"] < 0.4 < good.values["expression_agreement"]
    like_a_still = "Not a swap: like a still picture of the wanted person, it does not move as the original does."
    assert still.summary.verdict == like_a_still


@needs_dlib
def test_the_input_itself_has_moved_nobody(stage, good):
    report = stage.evaluate("copy", stage.hopper, landmarks="dlib")
    assert report.summary.score < 1 and report.summary.verdict.startswith("Nothing was swapped")
    assert report.values["identity_distance"] == pytest.approx(report.values["before"], abs=0.03)
    assert report.values["landmark_error"] < 0.02 and report.values["coverage"] < 1


@needs_dlib
def test_the_wanted_persons_own_video_scores_as_that_person(stage):
    report = evaluate_video(
        stage.identity, stage.original, stage.identity, config=EvaluateConfig(landmarks="dlib", baseline_frames=0)
    )
    assert report.summary.parts["identity"] > 0.9
    assert report.values["same_person"] == 100 and report.summary.parts["untouched"] < 0.1


def shaken(stage: Stage):
    rng = np.random.default_rng(0)
    for frame, face, crop in zip(stage.hopper, stage.faces, stage.crops, strict=True):
        step = rng.normal(0, 2.5, 2)
        moved = Face(box_xyxy=face.box_xyxy + np.tile(step, 2), score=face.score, landmarks=face.landmarks + step)
        yield lay_over(frame, moved, crop)


@needs_dlib
def test_each_fault_worsens_the_metric_that_names_it(stage, good):
    """Also that the metrics of other faults stay about where they are."""

    def measured(name, frames):
        return stage.evaluate(name, frames, landmarks="dlib").values

    soft = measured("soft", stage.swap(lambda crop, index: cv2.GaussianBlur(crop, (0, 0), 2.5)))
    assert soft["sharpness"] < 0.6 * good.values["sharpness"]
    assert soft["landmark_error"] < 1.5 * good.values["landmark_error"]
    assert measured("shaken", shaken(stage))["jitter"] > 1.5 * good.values["jitter"]
    shifted = measured("shifted", stage.swap(shift=8))
    assert shifted["landmark_error"] > 1.5 * good.values["landmark_error"]
    assert shifted["jitter"] < 1.3 * good.values["jitter"]
    flickering = measured("flicker", stage.swap(lambda c, i: np.clip(c + 14.0 * (i % 2), 0, 255).astype(np.uint8)))
    assert flickering["flicker"] > 2 * good.values["flicker"]
    assert flickering["landmark_error"] < 1.3 * good.values["landmark_error"]


def test_without_extras_there_is_a_score_and_it_says_what_is_not_measured(stage):
    report = stage.evaluate("five", stage.swap(), landmarks="five", embedder="none")
    assert report.summary.verdict.startswith("A swap") and report.summary.score > 30
    assert report.networks["identity"].startswith("likeness of regions") and report.values["more_like_wanted"] == 100
    assert report.skipped["identity"] == "left out by --embedder none"
    assert "faceswap_lib[dlib]" in report.skipped["expression"]
    assert report.values["identity_distance"] is None and report.values["expression_agreement"] is None
    for name in (
        "landmark_error",
        "jitter",
        "flicker",
        "background_psnr",
        "seam",
        "coverage",
        "sharpness",
        "perceptual",
    ):
        assert report.values[name] is not None, name


@pytest.mark.parametrize("still", [False, True], ids=["blurred", "still"])
def test_without_extras_a_blur_and_a_still_are_no_swaps(stage, still):
    frames = stage.swap(still=True) if still else stage.swap(blurred)
    report = stage.evaluate(f"five-{still}", frames, landmarks="five", embedder="none")
    assert report.summary.verdict.startswith("Not a swap")
    assert ("does not move" in report.summary.verdict) is still
    assert ("unlike the wanted person's own" in report.summary.verdict) is not still


def test_the_baselines_stand_beside_the_result(stage):
    options = {"landmarks": "five", "embedder": "none", "baseline_frames": 8}
    report = stage.evaluate("beside", stage.swap(), **options)
    assert list(report.baselines) == ["swap", "input copied", "colors only", "nearest crop pasted"]
    assert report.baselines["input copied"]["landmark_error"] == 0
    assert report.baselines["input copied"]["coverage"] == 0 < report.baselines["nearest crop pasted"]["coverage"]


def test_a_report_comes_back_from_disk_as_it_was(stage, tmp_path):
    report = stage.evaluate("disk", itertools.islice(stage.swap(), FRAMES), landmarks="five", embedder="none")
    report.write(tmp_path / "report.json")
    again = Report.read(tmp_path / "report.json")
    assert again.values == report.values and again.summary == report.summary and again.skipped == report.skipped
    for name, numbers in report.series.items():
        assert again.series[name] == pytest.approx(numbers, rel=1e-5, nan_ok=True)
    (tmp_path / "other.json").write_text('{"schema": 99}')
    with pytest.raises(InputError, match="expected a report with schema 1"):
        Report.read(tmp_path / "other.json")


def test_limits_are_held_in_the_direction_that_is_better():
    values = {"identity_distance": 0.5, "background_psnr": 40.0, "seam": None, "score": 20.0}
    assert check_limits(values, {"identity_distance": 0.6, "background_psnr": 35, "score": 10}) == []
    assert check_limits(values, {"identity_distance": 0.4}) == ["identity_distance is 0.5, expected at most 0.4"]
    assert check_limits(values, {"score": 30, "background_psnr": 45}) == [
        "score is 20, expected at least 30",
        "background_psnr is 40, expected at least 45",
    ]
    assert check_limits(values, {"seam": 2}) == ["seam was not measured, expected at most 2"]
    ratios = {"sharpness": 0.4, "jitter": 1.3}  # near 1 is better: below it a limit is the least, above it the most
    assert check_limits(ratios, {"sharpness": 0.3, "jitter": 1.5}) == []
    assert check_limits(ratios, {"sharpness": 0.5, "jitter": 1.2}) == [
        "sharpness is 0.4, expected at least 0.5",
        "jitter is 1.3, expected at most 1.2",
    ]
    with pytest.raises(InputError, match="did you mean 'identity_distance'"):
        check_limits(values, {"identity_distanc": 1})
    with pytest.raises(InputError, match="neither a higher nor a lower value is better"):
        check_limits(values, {"psnr": 1})


def test_a_result_of_another_size_or_length_is_refused(stage, portrait_clips):
    with pytest.raises(InputError, match="is 224x224, expected 320x320"):
        evaluate_video(portrait_clips[0], stage.original, stage.identity)
    short, long = stage.write("short", stage.hopper[:10]), stage.write("long", [*stage.hopper, stage.hopper[0]])
    for video, seen in ((short, 10), (long, 41)):
        with pytest.raises(InputError, match=f"has {seen} frames, the original 40"):
            evaluate_video(video, stage.original, stage.identity)


def test_of_panels_side_by_side_the_last_one_counts(stage):
    wide = stage.folder / "wide.mp4"
    with VideoWriter(wide, width=2 * SIZE, height=SIZE, fps=25) as writer:
        for frame, new in zip(stage.hopper, stage.swap(), strict=True):
            writer.write(np.concatenate([frame, new], axis=1))
    config = EvaluateConfig(landmarks="five", embedder="none", baseline_frames=0)
    report = evaluate_video(wide, stage.original, stage.identity, config=config)
    assert report.frames == len(list(read_frames(wide))) == FRAMES and report.values["coverage"] > 50


def test_a_recognition_file_without_its_network_is_refused():
    with pytest.raises(InputError, match="embedder_file is for the embedders onnx and vggface, got auto"):
        EvaluateConfig(embedder_file="net.onnx")


def test_a_face_that_the_landmark_finder_does_not_see_has_none():
    """A finder of 68 gives the crop's own five then; the two do not compare."""
    crop = FaceCrop(image=np.zeros((256, 256, 3), np.uint8), landmarks=np.zeros((5, 2)), crop_from_frame=np.eye(2, 3))
    five, many, none = (
        frame_metrics.FrameObservation(crop=crop, face=None, landmarks=points)
        for points in (np.zeros((5, 2)), np.zeros((68, 2)), None)
    )
    for pair, kept in (((many, five), (68, None)), ((five, many), (None, 68)), ((five, five), (5, 5))):
        found = frame_metrics._pair(*pair)
        assert tuple(None if look.landmarks is None else len(look.landmarks) for look in found) == kept
    assert frame_metrics._pair(many, none) == (many, none)
