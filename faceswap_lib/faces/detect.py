"""Finding faces in frames: MTCNN behind one protocol.

Source: Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", 2016, as
packaged by `mtcnn` (its weights are inside its wheel).
"""

import dataclasses
import typing
from typing import Annotated

import cv2
import numpy as np

from faceswap_lib.faces.face import Face
from faceswap_lib.options import Doc, check_range

P_NET_FACE = 20
"""Side in pixels of the smallest face that MTCNN's first network proposes."""

O_NET_FACE = 48
"""Side in pixels at which MTCNN's last network reads a face; more pixels than that add nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DetectConfig:
    """How faces are found."""

    min_face: Annotated[float, Doc("smallest face looked for, as a share of the frame's shorter side")] = 0.1
    threshold: Annotated[float, Doc("confidence below which a detection is no face, 0 to 1")] = 0.8

    def __post_init__(self):
        check_range("min_face", self.min_face, 0.01, 1)
        check_range("threshold", self.threshold, 0, 1)


class FaceDetector(typing.Protocol):
    """Anything that finds faces in a batch of frames."""

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Finds the faces of each frame.

        Args:
            frames: (H, W, 3) uint8 RGB pictures of one size.

        Returns:
            One tuple per frame, best score first; empty where there is no face.
        """
        ...


class MtcnnDetector:
    """MTCNN with every stage at the scale it needs.

    The first network searches a picture shrunk until the smallest wanted face is `P_NET_FACE` pixels; the other two
    refine what it proposes on a picture in which that face still has `O_NET_FACE` pixels. The package's own
    `detect_faces` works at one scale, and with a larger `min_face_size` its pyramid runs out of pixels, which it
    reports as "no face"; so its stages are called one by one.
    """

    def __init__(self, config: DetectConfig | None = None):
        from mtcnn import MTCNN

        self._config = config or DetectConfig()
        self._propose, self._refine, self._locate = MTCNN().stages

    def detect(self, frames: typing.Sequence[np.ndarray]) -> list[tuple[Face, ...]]:
        """Finds the faces of each frame; see `FaceDetector.detect`."""
        if not frames:
            return []
        min_face = self._config.min_face * min(frames[0].shape[:2])
        small, small_scale = _shrink(frames, P_NET_FACE / min_face)
        large, large_scale = _shrink(frames, O_NET_FACE / min_face)
        # 1. Propose squares on the small pictures. A row is [picture, left, top, right, bottom, score].
        boxes = self._propose(images_normalized=small, images_oshapes=_shapes(small))
        boxes[:, 1:5] *= np.tile(small_scale / large_scale, 2)
        # 2. Keep and correct the good ones, 3. once more, with five landmarks: [..., 5 x, 5 y].
        large_shapes = _shapes(large)
        if len(boxes):
            boxes = self._refine(bboxes_batch=boxes, images_normalized=large, images_oshapes=large_shapes)
        if len(boxes):
            boxes = self._locate(
                bboxes_batch=boxes,
                images_normalized=large,
                images_oshapes=large_shapes,
                threshold_onet=self._config.threshold,
            )
        faces = [[] for _ in frames]
        for row in boxes:
            faces[int(row[0])].append(_to_face(row, large_scale))
        return [tuple(sorted(found, key=lambda face: -face.score)) for found in faces]


def _shrink(frames: typing.Sequence[np.ndarray], factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Shrinks frames, never enlarging, to the [-1, 1] floats MTCNN reads; also gives (2,) full pixels per small one."""
    height, width = frames[0].shape[:2]
    factor = min(1.0, factor)
    size = (round(width * factor), round(height * factor))
    # Area averaging keeps the landmarks steady where plain interpolation would alias.
    small = frames if factor == 1 else [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    batch = (np.stack(small).astype(np.float32) - 127.5) / 128
    return batch, np.array([width / size[0], height / size[1]])


def _shapes(batch: np.ndarray) -> np.ndarray:
    return np.array([picture.shape for picture in batch])


def _to_face(row: np.ndarray, scale: np.ndarray) -> Face:
    landmarks = np.stack([row[6:11], row[11:16]], axis=1)
    return Face(box_xyxy=row[1:5] * np.tile(scale, 2), score=float(np.clip(row[5], 0, 1)), landmarks=landmarks * scale)
