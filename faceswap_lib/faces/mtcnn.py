"""MTCNN as face detector.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016. The
weights are those inside the wheel of the package `mtcnn`, whose code is not used.
"""

import typing

import cv2
import numpy as np

from faceswap_lib.faces.alignment import invert_affine, warp_frame
from faceswap_lib.faces.boxes import nms_faces, quarter_turns, upright_angle
from faceswap_lib.faces.detector import DetectConfig
from faceswap_lib.faces.mtcnn_boxes import (
    build_pyramid,
    crop_and_resize,
    non_max_suppression,
    place_landmarks,
    pyramid_scales,
    regress_boxes,
    sort_by_score,
    square_boxes,
    window_boxes,
)
from faceswap_lib.faces.mtcnn_networks import (
    O_NET_SIDE,
    R_NET_SIDE,
    CpuNetwork,
    build_onet,
    build_pnet,
    build_rnet,
    preprocess,
)
from faceswap_lib.faces.mtcnn_trace import P_NET_FACE, DetectionStages
from faceswap_lib.faces.types import Face

P_NET_THRESHOLD = 0.6
"""Face probability above which P-Net proposes a window."""

R_NET_THRESHOLD = 0.7
"""Face probability above which R-Net keeps a proposal."""

PICTURE_OVERLAP = 0.5
"""Largest intersection over union of two proposals in one image of the pyramid."""

STAGE_OVERLAP = 0.7
"""Largest overlap of two boxes that a stage keeps."""

TTA_VIEWS = ((1.04, False), (0.96, True))
"""Views of each face for test-time augmentation in O-Net: size of the square relative to the box, and whether it is
mirrored. The average of two different views has less noise than one view: 20 % less, measured against dlib's landmarks
on real clips."""

MIRRORED_POINTS = [1, 0, 2, 4, 3]

NEARLY_LEVEL = np.radians(9)
"""Largest tilt, relative to a quarter turn, at which O-Net reads a face without rotation. A face with a larger tilt is
rotated upright first. For a head tilted by 40 degrees, the landmark error is then 1 % of the eye distance, and 4 to 9 %
without rotation."""


class MTCNN:
    """Face detector that runs each stage of MTCNN at the smallest sufficient scale.

    P-Net searches a frame that is shrunk until the smallest face to detect is `P_NET_FACE` pixels. R-Net and O-Net
    filter and correct its proposals on an image in which that face still has `O_NET_SIDE` pixels. O-Net then reads
    every face again from the full frame.

    All networks run on the processor, with every backend of Keras.

    Args:
        config: Options of face detection; None for the defaults.

    Raises:
        CheckpointError: If the weights are missing or are not the known ones.
    """

    def __init__(self, config: DetectConfig | None = None):
        self._config = config or DetectConfig()
        self._pnet = CpuNetwork(build_pnet, singly=True)
        self._rnet, self._onet = CpuNetwork(build_rnet), CpuNetwork(build_onet)

    @typing.overload
    def detect(self, frames: np.ndarray) -> tuple[Face, ...]: ...

    @typing.overload
    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]: ...

    def detect(self, frames):
        """Detects the faces of one frame or of several.

        Args:
            frames: (H, W, 3) uint8 RGB, or a sequence of such frames; frames of the same size are processed together.

        Returns:
            For one frame its faces, best score first, empty where there is none; for a sequence one tuple per frame.
        """
        if isinstance(frames, np.ndarray) and frames.ndim == 3:
            return self._detect([frames])[0]
        found: list[tuple[Face, ...]] = [()] * len(frames)
        sizes = {frame.shape for frame in frames}
        for size in sizes:
            places = [place for place, frame in enumerate(frames) if frame.shape == size]
            for place, faces in zip(places, self._detect([frames[place] for place in places]), strict=True):
                found[place] = faces
        return found

    def _detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Detects the faces of frames of one size."""
        turns = range(4) if self._config.detect_rotated else (0,)
        found = [[] for _ in frames]
        for turn in turns:
            turned = [np.ascontiguousarray(np.rot90(frame, turn)) for frame in frames]
            for faces, seen in zip(found, self._search(turned), strict=True):
                faces.extend(_rotate_back(face, turn, turned[0].shape) for face in seen)
        read = self._read(frames, found)
        if self._config.detect_rotated:
            # Refine again, now upright: the score of a real face rises, that of a false positive does not.
            read = self._read(frames, read)
        return [nms_faces(faces) for faces in read]

    def _read(
        self, frames: typing.Sequence[np.ndarray], found: typing.Sequence[typing.Sequence[Face]]
    ) -> list[list[Face]]:
        """Refines faces from approximate boxes and discards those that are not confirmed."""
        return [[face for face in faces if face is not None] for faces in self.refine(frames, found)]

    def refine(
        self, frames: typing.Sequence[np.ndarray], guesses: typing.Sequence[typing.Sequence[Face]]
    ) -> list[tuple[Face | None, ...]]:
        """Refines faces from approximate boxes with O-Net alone; see `FaceRefiner.refine`."""
        pairs = [(frame, guess) for frame, faces in zip(frames, guesses, strict=True) for guess in faces]
        if not pairs:
            return [() for _ in frames]
        views = [_TtaView(frame, guess, *options) for options in TTA_VIEWS for frame, guess in pairs]
        outputs = self._onet(preprocess(np.stack([view.patch for view in views]).astype(np.float32)))
        reads = [view.to_frame(*output) for view, output in zip(views, zip(*outputs, strict=True), strict=True)]
        faces = iter([self._accept(reads[index :: len(pairs)]) for index in range(len(pairs))])
        return [tuple(next(faces) for _ in row) for row in guesses]

    def detect_with_trace(self, frame: np.ndarray) -> DetectionStages:
        """Detects the faces of one frame and returns the output of every stage, for teaching and debugging.

        Args:
            frame: (H, W, 3) uint8 RGB; the stages do not search for rotated faces.

        Returns:
            The stages in order.
        """
        small, small_scale = _shrink([frame], self._factor(frame))
        scales = pyramid_scales(*small.shape[1:3])
        pictures = build_pyramid(small, scales)
        proposed, kept, located, scale = self._run_stages([frame])
        return DetectionStages(
            pyramid=tuple((picture[0] * 128 + 127.5).round().clip(0, 255).astype(np.uint8) for picture in pictures),
            scales=tuple(float(value) for value in scales / small_scale[0]),
            heat=tuple(self._pnet(picture)[1][0, :, :, 1] for picture in pictures),
            proposed=_to_boxes(proposed, scale),
            kept=_to_boxes(kept, scale),
            located=tuple(_to_face(row, scale) for row in located),
            faces=self.detect([frame])[0],
        )

    def _search(self, frames: list[np.ndarray]) -> list[list[Face]]:
        """Runs all three stages on whole frames, for upright faces."""
        _, _, rows, scale = self._run_stages(frames)
        found = [[] for _ in frames]
        for row in rows:
            found[int(row[0])].append(_to_face(row, scale))
        return found

    def _run_stages(self, frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Runs the three stages.

        Each stage returns rows [image, left, top, right, bottom, score]; the last stage adds [5 x, 5 y].

        Returns:
            The rows of each stage, and `scale`, (2,): pixels of the frame per pixel of the image to which the rows
            refer.
        """
        small, small_scale = _shrink(frames, self._factor(frames[0]))
        large, large_scale = _shrink(frames, self._factor(frames[0]) * O_NET_SIDE / P_NET_FACE)
        # Stage 1 proposes squares on the small images.
        proposed = self._run_pnet(small)
        proposed[:, 1:5] *= np.tile(small_scale / large_scale, 2)
        # Stages 2 and 3 filter and correct them; stage 3 also predicts five landmarks.
        kept = self._run_rnet(large, proposed)
        return proposed, kept, self._run_onet(large, kept), large_scale

    def _run_pnet(self, pictures: np.ndarray) -> np.ndarray:
        """Proposes squares with P-Net."""
        scales = pyramid_scales(*pictures.shape[1:3])
        proposed = [np.empty((0, 6))]
        for scale, picture in zip(scales, build_pyramid(pictures, scales), strict=True):
            offsets, scores = self._pnet(picture)
            rows = window_boxes(offsets, scores[..., 1], P_NET_THRESHOLD)
            rows[:, 1:5] /= scale
            proposed.append(non_max_suppression(rows, PICTURE_OVERLAP))
        return square_boxes(non_max_suppression(sort_by_score(np.concatenate(proposed)), STAGE_OVERLAP))

    def _run_rnet(self, pictures: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Filters and corrects proposals with R-Net."""
        if not len(rows):
            return rows
        offsets, scores = self._rnet(crop_and_resize(pictures, rows, R_NET_SIDE))
        rows = regress_boxes(np.column_stack([rows[:, :5], scores[:, 1]]), offsets)
        rows = sort_by_score(rows[rows[:, 5] > R_NET_THRESHOLD])
        return square_boxes(non_max_suppression(rows, STAGE_OVERLAP))

    def _run_onet(self, pictures: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Filters and corrects boxes with O-Net, and predicts their landmarks."""
        if not len(rows):
            return rows
        offsets, landmarks, scores = self._onet(crop_and_resize(pictures, rows, O_NET_SIDE))
        boxes = regress_boxes(np.column_stack([rows[:, :5], scores[:, 1]]), offsets)
        rows = np.column_stack([boxes, place_landmarks(rows, landmarks)])
        rows = sort_by_score(rows[rows[:, 5] > self._config.threshold])
        return non_max_suppression(rows, STAGE_OVERLAP, overlap="min")

    def _factor(self, frame: np.ndarray) -> float:
        """Computes the scale of P-Net's image relative to the frame."""
        min_face_size = self._config.min_face_size * min(frame.shape[:2])
        return P_NET_FACE / min_face_size if self._config.auto_downscaling else 1.0

    def _accept(self, reads: list[tuple[np.ndarray, np.ndarray, float]]) -> Face | None:
        """Averages several views of a face; returns None if the average is not accepted as a face."""
        box, points, score = (np.mean(values, axis=0) for values in zip(*reads, strict=True))
        width, height = box[2:] - box[:2]
        if score < self._config.threshold or min(width, height) <= 0 or width * height < self._config.min_face_area:
            return None
        return Face(box_xyxy=box, score=float(min(score, 1)), landmarks=points)


class _TtaView:
    """One square of a frame as O-Net reads it: scaled slightly up or down, upright, and mirrored if requested."""

    def __init__(self, frame: np.ndarray, guess: Face, size: float, mirrored: bool):
        low, high = guess.box_xyxy[:2], guess.box_xyxy[2:]
        side, angle = (high - low).max() * size, upright_angle(guess, NEARLY_LEVEL)
        to_the_right = side * np.array([np.cos(angle), np.sin(angle)])  # from the left edge to the right one
        self._axes = np.column_stack([to_the_right, [-to_the_right[1], to_the_right[0]]])
        self._corner = (low + high) / 2 - self._axes @ [0.5, 0.5]
        self._side, self._mirrored, self._lies = side, mirrored, quarter_turns(guess) % 2 == 1
        pixel = self._axes / O_NET_SIDE
        frame_from_patch = np.column_stack([pixel, self._corner + pixel @ [0.5, 0.5]])
        patch = warp_frame(frame, invert_affine(frame_from_patch), O_NET_SIDE)
        self.patch = patch[:, ::-1] if mirrored else patch

    def to_frame(
        self, offsets: np.ndarray, landmarks: np.ndarray, scores: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Maps the network's output, in sides of the patch, to pixels of the frame.

        If the patch was rotated, the box keeps the side lengths that it would have after whole quarter turns.

        Returns:
            Box (4,), landmarks (5, 2) and score.
        """
        points = np.concatenate([(offsets + [0, 0, 1, 1]).reshape(2, 2), landmarks.reshape(2, 5).T])
        if self._mirrored:
            points = np.concatenate([points[:2], points[2:][MIRRORED_POINTS]]) * [-1, 1] + [1, 0]
        half = np.abs(points[1] - points[0])[:: -1 if self._lies else 1] * self._side / 2
        points = points @ self._axes.T + self._corner
        middle = points[:2].mean(axis=0)
        return np.concatenate([middle - half, middle + half]), points[2:], scores[1]


def _shrink(frames: list[np.ndarray], factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Shrinks frames, never enlarging them, and normalizes them to the range [-1, 1] that MTCNN reads.

    Returns:
        The images, and (2,) pixels of the frame per pixel of the images.
    """
    height, width = frames[0].shape[:2]
    factor = min(1.0, factor)
    size = (round(width * factor), round(height * factor))
    small = frames if factor == 1 else [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    batch = preprocess(np.stack(small).astype(np.float32))
    return batch, np.array([width / size[0], height / size[1]])


def _to_boxes(rows: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Converts the rows of a stage to (N, 5): left, top, right, bottom in pixels of the frame, score; best first."""
    boxes = np.concatenate([rows[:, 1:5] * np.tile(scale, 2), rows[:, 5:6]], axis=1)
    return boxes[np.argsort(-boxes[:, 4], kind="stable")]


def _to_face(row: np.ndarray, scale: np.ndarray) -> Face:
    """Converts a row of the last stage to a face."""
    points = np.stack([row[6:11], row[11:16]], axis=1) * scale
    return Face(box_xyxy=row[1:5] * np.tile(scale, 2), score=float(np.clip(row[5], 0, 1)), landmarks=points)


def _rotate_back(face: Face, turn: int, turned_shape: tuple[int, ...]) -> Face:
    """Maps a face of `np.rot90(frame, turn)` back to the frame."""
    if not turn:
        return face
    points = np.concatenate([face.box_xyxy.reshape(2, 2), face.landmarks])
    height, width = turned_shape[:2]
    for _ in range(turn):
        points = np.stack([height - 1 - points[:, 1], points[:, 0]], axis=1)
        height, width = width, height
    low, high = points[:2].min(axis=0), points[:2].max(axis=0)
    return Face(box_xyxy=np.concatenate([low, high]), score=face.score, landmarks=points[2:])
