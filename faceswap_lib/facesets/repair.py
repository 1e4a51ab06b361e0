"""Repairs a faceset: makes the crop of a face that was missed, or replaces a wrong crop.

The new crop gets a name that no other crop has, and a replaced crop is excluded (see `exclusion`), so nothing is lost.
A kill at any moment leaves a valid faceset: the log of unfinished work names the new crop before its files are written,
one write of the manifest adds it, and the next repair removes files that a killed one left.
"""

import dataclasses
import itertools
import logging
import os
import pathlib
import tempfile
import typing
from collections.abc import Sequence

import numpy as np

from faceswap_lib.atomic_io import copy_whole, file_digest
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import CROP_SIZE, Face, FaceCrop, FaceRefiner, VideoTracks, box_iou, eye_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE, five_points
from faceswap_lib.faces.drawn_face import ProposedFace, face_from_landmarks, propose_face
from faceswap_lib.faces.landmarks import LandmarkBackend, LandmarkDetector, open_landmark_detector
from faceswap_lib.facesets.crop_files import check_unpacked
from faceswap_lib.facesets.crop_writer import CropCutter
from faceswap_lib.facesets.exclusion import SET_ASIDE, list_excluded, replace_crops, restore_crops
from faceswap_lib.facesets.extraction_log import ExtractionLog
from faceswap_lib.facesets.frame_cursor import FrameCursor
from faceswap_lib.facesets.manifest import CropRecord, read_manifest, write_manifest
from faceswap_lib.facesets.missed_faces import face_near, nearest_track
from faceswap_lib.facesets.removal import check_places, crop_name
from faceswap_lib.facesets.source import read_source
from faceswap_lib.facesets.track_io import TRACKS, read_tracks
from faceswap_lib.facesets.unfinished_repair import remove_crop_files, remove_unfinished
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.locks import hold
from faceswap_lib.media import read_image, write_image

logger = logging.getLogger(__name__)

SAME_FACE = 0.3
"""Intersection over union of a drawn face's box with the box of a track from which they are the same face."""

AGREEMENT = 0.2
"""Largest mean distance, in eye distances, of the landmark network's points from the drawn ones. Beyond it, the network
has found something else, and the crop keeps the five drawn points."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RepairReport:
    """Result of a repair.

    Attributes:
        record: Record of the new crop.
        replaced: File name of the crop that was excluded; None if none was replaced.
        is_detected: Whether the detector found the landmarks; False for drawn ones and those of an average face.
    """

    record: CropRecord
    replaced: str | None
    is_detected: bool


class FacesetRepair:
    """Repair of one person's faceset, with its video open.

    Args:
        workspace: The workspace of the faceset.
        side: The person's side.
        video: The video from which the faceset was extracted.
        refiner: Detector that proposes landmarks in a box; None proposes those of an average face.
        landmarks: Name of the network that finds 68 landmarks in a crop.

    Raises:
        InputError: If the video is another one than that of the faceset, or the landmark network does not work here.
        VideoError: If the video cannot be read.
        WorkspaceError: If there is no faceset, or a folder of it is a link.
    """

    def __init__(
        self,
        workspace: Workspace,
        side: Side,
        video: pathlib.Path | str,
        *,
        refiner: FaceRefiner | None = None,
        landmarks: LandmarkBackend = "auto",
    ):
        self._workspace: Workspace = workspace
        self._side: Side = side
        self._video, self._refiner = pathlib.Path(video), refiner
        self._folder = workspace.faces(side)
        read_manifest(self._folder)
        check_places(workspace, side, saves=False)
        self._cursor = FrameCursor(self._video)
        _check_video(self._video, self._folder)
        self._detector = _AgreeingDetector(open_landmark_detector(landmarks))

    def read_frame(self, frame: int) -> np.ndarray:
        """Reads a frame of the video, (H, W, 3) uint8 RGB.

        Raises:
            InputError: If the video has no such frame.
        """
        return self._cursor.read(frame)[1]

    def propose(self, frame: int, box_xyxy: np.ndarray | Sequence[float]) -> ProposedFace:
        """Proposes the landmarks of the face in a box; see `faces.drawn_face.propose_face`."""
        return propose_face(box_xyxy, frame=self.read_frame(frame), refiner=self._refiner)

    def take(
        self,
        frame: int,
        landmarks: np.ndarray | Sequence[Sequence[float]] | None = None,
        *,
        box_xyxy: np.ndarray | Sequence[float] | None = None,
        replace: str | None = None,
    ) -> RepairReport:
        """Makes the crop of a face and adds it to the faceset, with its eye mask.

        Blurred faces are taken, too: a person who draws a face wants it.

        Args:
            frame: Index of the frame.
            landmarks: (5, 2) x, y in pixels of the frame, in the order of `Face.landmarks`.
            box_xyxy: Without landmarks, the box in which they are proposed.
            replace: File name of the crop that is excluded because the new one replaces it.

        Returns:
            What was written.

        Raises:
            InputError: If neither or both of landmarks and box are given, they are not those of a face in the frame, or
                the video has no such frame.
            WorkspaceError: If there is no crop to replace, the crops are only in a pack, or another process changes the
                faceset.
        """
        if (landmarks is None) == (box_xyxy is None):
            given = "neither" if landmarks is None else "both"
            raise InputError(f"expected either five landmarks or a box, got {given}")
        time, image = self._cursor.read(frame)
        if landmarks is not None:
            face, is_detected = face_from_landmarks(landmarks, frame=image), False
        else:
            face, is_detected = self.propose(frame, typing.cast(Sequence[float], box_xyxy))
        with hold(self._folder, what=f"a repair of {self._folder}"):
            remove_unfinished(self._workspace, self._side)
            record = self._add(image, face, frame, time, replace)
        return RepairReport(record=record, replaced=replace, is_detected=is_detected)

    def undo(self, report: RepairReport) -> None:
        """Undoes a repair: removes the crop that it made, and restores the one that it replaced.

        Raises:
            WorkspaceError: If the new crop is not in the faceset any more, or is its only one.
        """
        workspace, side, made = self._workspace, self._side, report.record
        with hold(self._folder, what=f"a repair of {self._folder}"):
            remove_unfinished(workspace, side)
            records = read_manifest(self._folder)
            check_unpacked(workspace, side, records)
            if made.crop not in {record.crop for record in records}:
                raise WorkspaceError(f"expected {made.crop} in {self._folder}, got none; it was set aside or removed")
            if report.replaced in {record.crop for record in list_excluded(workspace, side)}:
                restore_crops(workspace, side, [report.replaced])
            rest = [record for record in read_manifest(self._folder) if record.crop != made.crop]
            if not rest:
                raise WorkspaceError(f"{made.crop} is the only crop of {self._folder}; leave it")
            log = ExtractionLog(self._folder)
            log.add(made)
            write_manifest(self._folder, rest)
            remove_crop_files(workspace, side, made)
            log.remove()

    def _add(self, image: np.ndarray, face: Face, frame: int, time: float, replace: str | None) -> CropRecord:
        """Writes the files of a face, then the manifest."""
        workspace, side, folder = self._workspace, self._side, self._folder
        records = read_manifest(folder)
        check_unpacked(workspace, side, records)
        old = next((record for record in records if record.crop == replace), None)
        if replace is not None and old is None:
            raise WorkspaceError(f"replace: expected a crop of {folder}, got {replace!r:.80}")
        name = self._free_name(frame, [*records, *list_excluded(workspace, side)])
        track = old.track if old is not None else self._track_of(frame, face)
        sizes = [len(read_image(folder / record.crop)) for record in [old or (records or [None])[0]] if record]
        with tempfile.TemporaryDirectory(prefix=".faceswap-repair-", dir=workspace.root) as scratch:
            place = pathlib.Path(scratch)
            cutter = CropCutter(place, self._detector, min_sharpness=0, size=max(sizes, default=CROP_SIZE))
            outcome = cutter.cut(image, face, index=frame, track=track, time=time, name=name)
            record = typing.cast(CropRecord, outcome)  # no face is less sharp than 0
            log = ExtractionLog(folder)
            log.add(record)
            copy_whole(place / name, folder / name)
        write_image(workspace.eye_masks(side) / record.mask, eye_mask(record.landmarks_in_crop(), CROP_SIZE))
        replace_crops(workspace, side, [] if replace is None else [replace], [record])
        log.remove()
        logger.info("%s: %s%s", folder, name, f" in place of {replace}" if replace else "")
        return record

    def _free_name(self, frame: int, records: list[CropRecord]) -> str:
        """Returns the first name of a crop of this frame that no crop and no file has."""
        used = {record.mask.casefold() for record in records}
        folders = (self._folder, self._workspace.eye_masks(self._side))
        for rank in itertools.count():
            name = crop_name(frame, rank)
            mask = pathlib.PurePath(name).with_suffix(".png").name
            paths = [place / part / file for place in folders for part in ("", SET_ASIDE) for file in (name, mask)]
            if mask not in used and not any(os.path.lexists(path) for path in paths):
                return name
        raise AssertionError("unreachable: the counter does not end")

    def _track_of(self, frame: int, face: Face) -> int:
        """Returns the index of the track to which a face belongs; 0 if the faceset has no tracks."""
        if not (self._folder / TRACKS).is_file():
            return 0
        tracks: VideoTracks = read_tracks(self._folder)
        spanning = [number for number, track in enumerate(tracks.tracks) if track.start <= frame < track.stop]
        overlaps = {n: box_iou(face.box_xyxy, face_near(tracks.tracks[n], frame).box_xyxy) for n in spanning}
        best = max(overlaps, key=lambda number: overlaps[number], default=None)
        if best is not None and overlaps[best] >= SAME_FACE:
            return best
        return nearest_track(tracks, frame) or 0


def repair_crop(
    workspace: Workspace,
    side: Side,
    video: pathlib.Path | str,
    frame: int,
    landmarks: np.ndarray | Sequence[Sequence[float]] | None = None,
    *,
    box_xyxy: np.ndarray | Sequence[float] | None = None,
    replace: str | None = None,
    refiner: FaceRefiner | None = None,
    landmark_backend: LandmarkBackend = "auto",
) -> RepairReport:
    """Makes the crop of one face of a video and adds it to the faceset; see `FacesetRepair.take`.

    Args:
        workspace: The workspace of the faceset.
        side: The person's side.
        video: The video from which the faceset was extracted.
        frame: Index of the frame.
        landmarks: (5, 2) x, y in pixels of the frame: left eye, right eye, nose tip, left and right mouth corner.
        box_xyxy: Without landmarks, the box in which they are proposed.
        replace: File name of the crop that is excluded because the new one replaces it.
        refiner: Detector that proposes landmarks in the box; None proposes those of an average face.
        landmark_backend: Name of the network that finds 68 landmarks in the crop.

    Returns:
        What was written.

    Raises:
        InputError: If the face or the frame is not valid, or the video is another one than that of the faceset.
        VideoError: If the video cannot be read.
        WorkspaceError: If there is no faceset or no crop to replace.
    """
    repair = FacesetRepair(workspace, side, video, refiner=refiner, landmarks=landmark_backend)
    return repair.take(frame, landmarks, box_xyxy=box_xyxy, replace=replace)


def _check_video(video: pathlib.Path, folder: pathlib.Path) -> None:
    """Checks that a video is the one from which a faceset was extracted, if the faceset says which."""
    source = read_source(folder)
    if "sha256" in source and file_digest(video) != source["sha256"]:
        name = source.get("video", "another video")
        raise InputError(f"{video}: expected the video of {folder}, which is {name}, got a file with other contents")


class _AgreeingDetector:
    """Landmark detector that returns 68 landmarks only where they agree with the five of the crop.

    Args:
        detector: The detector.
    """

    def __init__(self, detector: LandmarkDetector):
        self.name = detector.name
        self._detector = detector

    def detect(self, crops: Sequence[FaceCrop]) -> list[np.ndarray]:
        """Detects the landmarks of each crop; see `LandmarkDetector.detect`."""
        found = self._detector.detect(crops)
        return [
            points if _measure_disagreement(points, crop) <= AGREEMENT else crop.landmarks.copy()
            for points, crop in zip(found, crops, strict=True)
        ]


def _measure_disagreement(points: np.ndarray, crop: FaceCrop) -> float:
    """Measures the mean distance of landmarks from the five of a crop, in eye distances."""
    distances = np.linalg.norm(five_points(points) - crop.landmarks, axis=1)
    return float(distances.mean()) / (EYE_DISTANCE * len(crop.image))
