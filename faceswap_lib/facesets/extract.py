"""From a video to a faceset: follow the face through the clip, then cut it out of every frame."""

import dataclasses
import logging
import pathlib
import shutil
from typing import Annotated

import cv2
import numpy as np
from tqdm.auto import tqdm

from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces import DetectConfig, Face, FaceDetector, FaceTrack, TrackConfig, align_face
from faceswap_lib.faces.scan import track_video
from faceswap_lib.facesets.manifest import MANIFEST, CropRecord, read_manifest, write_manifest
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.files import file_digest, read_json, write_json
from faceswap_lib.media import probe_video, read_frames, write_image
from faceswap_lib.options import Doc, check_range, options_to_dict

logger = logging.getLogger(__name__)

SOURCE = "source.json"
"""Beside the manifest: which video the crops came from and with which options."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExtractConfig:
    """Which faces of a video are kept."""

    every: Annotated[int, Doc("keep the face of every n-th frame")] = 1
    min_crops: Annotated[int, Doc("fewer faces than this in the whole video are too few to learn from")] = 8

    def __post_init__(self):
        check_range("every", self.every, 1, 10_000)
        check_range("min_crops", self.min_crops, 1, 1_000_000)


def extract_faces(
    video: pathlib.Path,
    workspace: Workspace,
    side: Side,
    detector: FaceDetector,
    *,
    config: ExtractConfig | None = None,
    detect_config: DetectConfig | None = None,
    track_config: TrackConfig | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> FaceTrack | None:
    """Writes the aligned crops of a video's main face and their manifest into the workspace.

    Args:
        video: The video of one person.
        workspace: Where to write.
        side: Whose face it is.
        detector: Finds the faces.
        config: Which faces to keep.
        detect_config: How the detector was made; only noted, to tell this extraction from others.
        track_config: How the face is followed.
        overwrite: Replace the faces of another video or of other options.
        progress: Show progress bars.

    Returns:
        The face's track, or None when the same extraction was already there and nothing was done.

    Raises:
        InputError: If the video cannot be read or shows too few faces; nothing is left behind then.
        WorkspaceError: If the folder holds faces of something else and `overwrite` is not given.
    """
    config, track_config = config or ExtractConfig(), track_config or TrackConfig()
    info = probe_video(video)
    folder = workspace.faces(side)
    source = {
        "video": info.path.name,
        "sha256": file_digest(info.path),
        "detect": options_to_dict(detect_config or DetectConfig()),
        "extract": options_to_dict(config),
        "track": options_to_dict(track_config),
    }
    if _is_finished(folder, source, overwrite=overwrite):
        return None
    track = track_video(video, detector, track_config, progress=progress)
    kept = [index for index in range(0, len(track.faces), config.every) if track.faces[index] is not None]
    if len(kept) < config.min_crops:
        raise InputError(
            f"{video}: a face in {len(kept)} of {len(track.faces)} frames, at least {config.min_crops} are needed; "
            "choose a longer clip, or one in which the face is larger and turned towards the camera"
        )
    _remove(folder, workspace.eye_masks(side))
    write_json(folder / SOURCE, source)
    records = _write_crops(video, folder, track, set(kept), float(info.fps), progress=progress)
    write_manifest(folder, records)
    logger.info("%s: %d crops from %d frames", folder, len(records), len(track.faces))
    return track


def _is_finished(folder: pathlib.Path, source: dict, *, overwrite: bool) -> bool:
    """Whether this very extraction is there already; refuses to touch anything else that is."""
    if overwrite or not folder.exists() or not any(folder.iterdir()):
        return False
    advice = "choose another workspace, or extract with --overwrite"
    if not (folder / SOURCE).is_file():
        raise WorkspaceError(f"{folder} holds files that no extraction wrote; {advice}")
    if not (folder / MANIFEST).is_file():
        return False
    before = read_json(folder / SOURCE)
    if before == source:
        logger.info("%s: %d crops of this video are already there", folder, len(read_manifest(folder)))
        return True
    if before.get("sha256") != source["sha256"]:
        raise WorkspaceError(f"{folder} holds faces of another video ({before.get('video')}); {advice}")
    raise WorkspaceError(f"{folder} holds faces of this video taken with other options; {advice}")


def _remove(*folders: pathlib.Path) -> None:
    """Removes extractions in an order that a kill cannot spoil.

    The manifest goes first, so that what is left is not taken for a faceset, and the note of the source last, so that
    it is not taken for somebody else's files.
    """
    for folder in folders:
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in folder.glob("*"):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != SOURCE:
                path.unlink()
        if folder.exists():
            shutil.rmtree(folder)


def _write_crops(
    video: pathlib.Path, folder: pathlib.Path, track: FaceTrack, kept: set[int], fps: float, *, progress: bool
) -> list[CropRecord]:
    records = []
    frames = zip(read_frames(video), track.faces, strict=True)
    for index, (frame, face) in enumerate(tqdm(frames, "crops", len(track.faces), disable=not progress)):
        if index not in kept:
            continue
        name = f"{index:06d}.jpg"
        crop = align_face(frame, face)
        write_image(folder / name, crop.image)
        records.append(_record(name, index, index / fps, face, crop.image, crop.crop_from_frame))
    return records


def _record(name: str, index: int, time: float, face: Face, crop: np.ndarray, matrix: np.ndarray) -> CropRecord:
    return CropRecord(
        crop=name,
        frame=index,
        time=round(time, 6),
        box_xyxy=np.round(face.box_xyxy, 4).tolist(),
        landmarks=np.round(face.landmarks, 4).tolist(),
        crop_from_frame=np.asarray(matrix).tolist(),
        score=round(face.score, 4),
        sharpness=round(float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var()), 3),
    )
