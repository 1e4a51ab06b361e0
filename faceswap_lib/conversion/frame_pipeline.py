"""The stages a frame goes through: read, swapped, painted; each works ahead of the next in a thread of its own.

Frames travel in batches of a fixed size, and a fixed number of batches is on its way, so memory does not grow with the
length of the video.
"""

import dataclasses
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.conversion.compositor import CompositeResult, Compositor, SwappedFace
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.latent.expression import describe_mouth
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.resume import ChunkStats
from faceswap_lib.conversion.swapper import ViewSwapper
from faceswap_lib.faces import (
    CROP_SIZE,
    Face,
    align_face,
    crop_from_frame,
    points_in_crop,
    view_matrix,
    warp_frame,
)
from faceswap_lib.faces.alignment import invert_affine, map_points
from faceswap_lib.faces.landmarks import LandmarkDetector
from faceswap_lib.faces.region import Contours, FaceRegion, open_outline_detector, region_mask
from faceswap_lib.media import read_timed_frames
from faceswap_lib.prefetch import ahead
from faceswap_lib.provenance.visible_label import Label

MEMORY = 2**26
"""Bytes of frames in a batch; large frames travel in smaller ones."""

SAMPLES = 48
"""Faces of a video that are looked at afterwards, at most about so many."""


@dataclasses.dataclass(eq=False)
class FrameTask:
    """A frame on its way.

    Attributes:
        index: Its number, from 0 at the start of the stretch that is converted.
        seconds: When it is shown, from the first picture of the file.
        frame: (H, W, 3) uint8 RGB as read.
        faces: The faces to swap, by the number of their track.
        swapped: What the network made of each of them.
        shown: What is written.
        mask: (H, W) uint8, 255 where the new face shows alone; None if nobody asked.
        notes: What is known about it.
    """

    index: int
    seconds: float
    frame: np.ndarray
    faces: dict[int, Face]
    swapped: dict[int, SwappedFace] = dataclasses.field(default_factory=dict)
    shown: np.ndarray | None = None
    mask: np.ndarray | None = None
    notes: ChunkStats = dataclasses.field(default_factory=lambda: ChunkStats(frames=1))


Batches = typing.Iterator[list[FrameTask]]


def read_batches(
    video: pathlib.Path,
    faces: typing.Sequence[dict[int, Face]],
    *,
    start: int,
    skip: int,
    size: int,
    every: int,
) -> Batches:
    """Reads frames in batches of `size`, smaller ones of large frames; none reaches over a multiple of `every`.

    Args:
        video: The file.
        faces: The faces of the stretch that is converted, frame by frame.
        start: Index of the first frame of the stretch.
        skip: How many frames of the stretch are done already.
        size: Frames in a batch.
        every: Batches end at multiples of this.
    """
    batch: list[FrameTask] = []
    frames = read_timed_frames(video, start=start + skip, stop=start + len(faces))
    for index, (seconds, frame) in enumerate(frames, skip):
        batch.append(FrameTask(index=index, seconds=seconds, frame=frame, faces=faces[index]))
        if len(batch) >= min(size, max(1, MEMORY // frame.nbytes)) or (index + 1) % every == 0:
            yield batch
            batch = []
    if batch:
        yield batch


def swap_batches(batches: Batches, swapper: ViewSwapper, finder: LandmarkDetector | None = None) -> Batches:
    """Lets the network write the new faces of a batch, all at once."""
    for batch in batches:
        places = [(shot, track) for shot in batch for track in shot.faces]
        found = swap_faces([(shot.frame, shot.faces[track]) for shot, track in places], swapper, finder)
        for (shot, track), swapped in zip(places, found, strict=True):
            shot.swapped[track] = swapped
        yield batch


def swap_faces(
    faces: typing.Sequence[tuple[np.ndarray, Face]], swapper: ViewSwapper, finder: LandmarkDetector | None = None
) -> list[SwappedFace]:
    """Writes new faces.

    Args:
        faces: Frames, (H, W, 3) uint8 RGB, each with the face in it to swap.
        swapper: Writes them.
        finder: Finds 68 landmarks, where parts of the face want them.

    Returns:
        The new faces in order.
    """
    if not faces:
        return []
    size, coverage = swapper.resolution, swapper.coverage
    matrices = [view_matrix(crop_from_frame(face), CROP_SIZE, size, coverage) for _, face in faces]
    points = [points_in_crop(face, matrix) for (_, face), matrix in zip(faces, matrices, strict=True)]
    views = np.stack([warp_frame(frame, matrix, size) for (frame, _), matrix in zip(faces, matrices, strict=True)])
    contours = _find_contours(faces, matrices, swapper)
    outlines = [None if found is None else found.outline for found in contours]
    regions = [region_mask(*one, size, coverage=coverage) for one in zip(points, outlines, strict=True)]
    masks, new = swapper.swap(views, np.stack(regions))
    parts = [_find_parts(frame, face, matrix, finder) for (frame, face), matrix in zip(faces, matrices, strict=True)]
    placement, detail = getattr(swapper, "placement", None), getattr(swapper, "detail", None)
    rows = zip(views, new, masks, points, matrices, parts, contours, _find_mouths(contours), strict=True)
    return [
        SwappedFace(
            target=view,
            swapped=face,
            mask=mask,
            landmarks=five,
            view_from_frame=matrix,
            landmarks_68=found,
            outline=None if lines is None else lines.outline,
            brows=None if lines is None else lines.brows,
            mouth=mouth,
            placement=placement,
            detail=detail,
        )
        for view, face, mask, five, matrix, found, lines, mouth in rows
    ]


def composite_batches(
    batches: Batches, compositor: Compositor, config: OutputConfig, label: Label | None, *, sample_every: int
) -> Batches:
    """Puts the new faces into their frames, labels them, and lays out what is shown.

    Args:
        batches: From `swap_batches`.
        compositor: Paints; its state goes on from frame to frame.
        config: What is shown.
        label: Drawn on every result.
        sample_every: Of every so many-th frame a face is kept, before and after.
    """
    wants_mask = config.mask_path is not None or config.layout == "triple"
    for batch in batches:
        for shot in batch:
            result, painted = shot.frame, []
            # A frame with several faces takes them one after the other, each onto the picture with those before.
            for track, swapped in shot.swapped.items():
                painted.append(compositor.composite(result, swapped, track=track))
                result = painted[-1].frame
            _note(shot, result, is_sampled=shot.index % sample_every == 0)
            if wants_mask:
                shot.mask = _mask_of(shot.frame.shape[:2], painted)
            if label is not None:
                result = result.copy() if result is shot.frame else result
                label.draw(result)
            shot.shown = tile_panels(shot.frame, result, shot.mask, config.layout)
        batch[-1].notes.state = compositor.state()
        for shot in batch:
            shot.swapped = {}
        yield batch


def run_stages(
    batches: Batches,
    swapper: ViewSwapper,
    compositor: Compositor,
    config: OutputConfig,
    label: Label | None,
    *,
    finder: LandmarkDetector | None,
    sample_every: int,
) -> typing.Generator[FrameTask, None, None]:
    """Yields every shot, painted; reading, the network and painting go on at the same time."""
    swapped = ahead(swap_batches(ahead(batches), swapper, finder))
    painted = ahead(composite_batches(swapped, compositor, config, label, sample_every=sample_every))
    try:
        for batch in painted:
            yield from batch
    finally:
        painted.close()


def tile_panels(original: np.ndarray, result: np.ndarray, mask: np.ndarray | None, show: str) -> np.ndarray:
    """Puts pictures side by side.

    Args:
        original: (H, W, 3) uint8 RGB.
        result: The same with the new face.
        mask: (H, W) uint8; needed for "triple".
        show: As in `OutputConfig`.

    Returns:
        (H, W, 3), (H, 2 W, 3) or (H, 3 W, 3) uint8 RGB.
    """
    if show == "result":
        return result
    pictures = [original, result]
    if show == "triple":
        pictures.append(np.repeat(mask[..., None], 3, axis=2))
    return np.hstack(pictures)


def num_panels(show: str) -> int:
    """How many pictures lie side by side."""
    return {"result": 1, "pair": 2, "triple": 3}[show]


def _find_parts(
    frame: np.ndarray, face: Face, view_from_frame: np.ndarray, finder: LandmarkDetector | None
) -> np.ndarray | None:
    """68 landmarks in the view, or None where nobody finds them."""
    if finder is None:
        return None
    crop = align_face(frame, face)
    (points,) = finder.detect([crop])
    if len(points) != 68:
        return None
    frame_from_crop = cv2.invertAffineTransform(crop.crop_from_frame)
    in_frame = points @ frame_from_crop[:, :2].T + frame_from_crop[:, 2]
    return in_frame @ view_from_frame[:, :2].T + view_from_frame[:, 2]


def region_of(swapper: ViewSwapper) -> FaceRegion:
    """Says what a swapper takes for the inside of a face."""
    return getattr(swapper, "face_region", "ellipse")


def _find_contours(
    faces: typing.Sequence[tuple[np.ndarray, Face]], matrices: list[np.ndarray], swapper: ViewSwapper
) -> list[Contours | None]:
    """The contours of each face in pixels of its view; None for the ellipse."""
    finder = open_outline_detector(region_of(swapper), getattr(swapper, "hairline", None))
    if finder is None:
        return [None] * len(faces)
    crops = [align_face(frame, face) for frame, face in faces]
    contours: list[Contours | None] = []
    for found, crop, matrix in zip(finder.find_contours(crops), crops, matrices, strict=True):
        if found is not None:
            frame_from_crop = invert_affine(crop.crop_from_frame)
            moved = [map_points(matrix, map_points(frame_from_crop, line.reshape(-1, 2))) for line in found]
            found = Contours(moved[0], moved[1].reshape(found.brows.shape), moved[2])
        contours.append(found)
    return contours


def _find_mouths(contours: list[Contours | None]) -> list[np.ndarray | None]:
    """What each face's mouth does, where its landmarks are known."""
    known = [found.landmarks for found in contours if found is not None]
    described = iter(describe_mouth(np.stack(known)) if known else ())
    return [None if found is None else next(described) for found in contours]


def _note(shot: FrameTask, result: np.ndarray, *, is_sampled: bool) -> None:
    shot.notes.swapped = int(bool(shot.swapped))
    shot.notes.masks = [float(swapped.mask.mean()) for swapped in shot.swapped.values()]
    if is_sampled and shot.faces:
        face = next(iter(shot.faces.values()))
        before, after = align_face(shot.frame, face), align_face(result, face)
        shot.notes.samples = [np.stack([before.image, after.image])]
        shot.notes.points = [before.landmarks]
        shot.notes.seconds = [shot.seconds]


def _mask_of(shape: tuple[int, int], painted: list[CompositeResult]) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    for one in painted:
        (x, y), (height, width) = one.corner, one.weight.shape
        region = mask[y : y + height, x : x + width]
        np.maximum(region, np.round(255 * np.clip(one.weight, 0, 1)).astype(np.uint8), out=region)
    return mask


def sample_interval(length: int) -> int:
    """Of every so many-th frame of a video a face is kept for looking at."""
    return max(8, length // SAMPLES)


def uses_parts(config: ConvertConfig) -> bool:
    """Whether 68 landmarks are of use."""
    return "face" not in config.parts
