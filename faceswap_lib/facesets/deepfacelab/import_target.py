"""The faceset that an import writes: checks what is there, and writes the crops."""

import dataclasses
import logging
import typing

from faceswap_lib.atomic_io import read_json, write_json
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import decode_face
from faceswap_lib.facesets.deepfacelab.mask_transfer import (
    note_masks,
    open_masks,
    put_occlusion_masks_aside,
    remove_masks,
    warp_mask_to_crop,
)
from faceswap_lib.facesets.deepfacelab.placement import cut_crop
from faceswap_lib.facesets.deepfacelab.source_faces import FaceSource
from faceswap_lib.facesets.deepfacelab.survey import SurveyedFace
from faceswap_lib.facesets.extraction_log import LOG, ExtractionLog
from faceswap_lib.facesets.file_names import check_inside
from faceswap_lib.facesets.manifest import MANIFEST, read_manifest, write_manifest
from faceswap_lib.facesets.occlusion_masks import OcclusionMasks
from faceswap_lib.facesets.removal import (
    REMOVED,
    check_drawn,
    check_foreign,
    check_places,
    put_masks_aside,
    remove_extraction,
)
from faceswap_lib.facesets.source import SOURCE
from faceswap_lib.facesets.workspace import Side, Workspace
from faceswap_lib.media import write_image
from faceswap_lib.progress import show_progress
from faceswap_lib.signals import Stopped, defer_stop

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportTarget:
    """Faceset that an import writes.

    Attributes:
        workspace, side: The faceset.
        source: What is stored in `source.json`: name and SHA-256 of the source, and the options of the import.
        crop_size: Side of the crops in pixels.
        fps: Frames per second of the source video.
        with_masks: Whether the masks of the faces are written, too.
    """

    workspace: Workspace
    side: Side
    source: dict[str, object]
    crop_size: int
    fps: float
    with_masks: bool = True

    @property
    def masks(self) -> OcclusionMasks:
        """The occlusion masks of the faceset."""
        return open_masks(self.workspace, self.side)

    def prepare(self, *, overwrite: bool) -> bool:
        """Makes room for the crops.

        Args:
            overwrite: Remove the files of another extraction or import.

        Returns:
            Whether the same import is already finished.

        Raises:
            WorkspaceError: If the folder contains faces of something else and `overwrite` is False, files that no
                extraction wrote, or masks drawn by hand; or a folder is a link.
        """
        folder = self.workspace.faces(self.side)
        check_places(self.workspace, self.side, saves=False)
        check_inside(self.masks.folder, self.workspace.root)
        put_masks_aside(self.workspace, self.side)
        check_foreign(self.workspace, self.side, saves=False)
        if not any((folder / name).is_file() for name in (MANIFEST, LOG, SOURCE, REMOVED)):
            self._put_occlusion_masks_aside()
            return False
        stored = read_json(folder / SOURCE) if (folder / SOURCE).is_file() else {}
        if {name: stored.get(name) for name in self.source} == self.source:
            return (folder / MANIFEST).is_file()
        if not overwrite:
            raise WorkspaceError(
                f"{folder} holds faces of something else ({stored.get('video', 'unknown')!r:.100}); choose another "
                "workspace, or import with overwrite"
            )
        check_drawn(self.workspace, self.side)
        remove_extraction(self.workspace, self.side, masks=True, saves=False)
        self._put_occlusion_masks_aside()
        return False

    def write_crops(
        self, source: FaceSource, faces: typing.Sequence[SurveyedFace], *, skip_damaged: bool, progress: bool
    ) -> tuple[int, int]:
        """Writes the crops that are not there yet, and the manifest.

        Args:
            source: Where the faces come from.
            faces: The faces to convert.
            skip_damaged: Count faces whose image is damaged instead of raising an error.
            progress: Show a progress bar.

        Returns:
            Number of crops written, and number of damaged faces.

        Raises:
            InputError: If an image is damaged and `skip_damaged` is False. No crops are left behind.
            Stopped: If the process was asked to stop. The next call continues.
        """
        folder = self.workspace.faces(self.side)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / SOURCE, self.source)
        log = ExtractionLog(folder)
        done = {record.crop for record in log.crops()}
        missing = [face for face in faces if face.crop not in done]
        damaged = 0
        with defer_stop() as stop:
            for face in show_progress(missing, "convert faces", disable=not progress):
                if stop.is_asked:
                    stop.saved = f"{len(log.crops())} crops are kept; the same command continues there"
                    raise Stopped(typing.cast(int, stop.number), stop.saved)
                try:
                    self._write_crop(source, face, log)
                except InputError as error:
                    if not skip_damaged:
                        self._remove(faces)
                        raise
                    damaged += 1
                    logger.warning("skipped: %s", error)
        records = sorted(log.crops(), key=lambda record: (record.frame, record.crop))
        if not records:
            self._remove(faces)
            raise InputError(f"{source.path}: expected faces, got only damaged images; get the faceset again")
        if self.with_masks and any(face.has_mask for face in faces):
            note_masks(self.masks, records)
        write_manifest(folder, records)
        log.remove()
        return len(records) - len(done), damaged

    def count_crops(self) -> tuple[int, int]:
        """Counts the crops of the finished faceset, and those with an occlusion mask."""
        records = read_manifest(self.workspace.faces(self.side))
        return len(records), sum(self.masks.path(record).is_file() for record in records)

    def _write_crop(self, source: FaceSource, face: SurveyedFace, log: ExtractionLog) -> None:
        """Writes one crop, and its record to the log."""
        origin, data = f"{source.path}: {face.label}", source.read(face.index)
        decoded = decode_face(data, origin)
        image, record = cut_crop(
            decoded,
            face.place,
            name=face.crop,
            frame=face.frame,
            fps=self.fps,
            crop_size=self.crop_size,
            origin=origin,
        )
        metadata = source.read_metadata(face.index, data) if self.with_masks and face.has_mask else None
        size = decoded.shape[1], decoded.shape[0]
        mask = None if metadata is None else warp_mask_to_crop(metadata, face.place, size, origin)
        if mask is not None:
            write_image(self.masks.folder / face.mask, mask)
        write_image(self.workspace.faces(self.side) / face.crop, image)
        log.add(record)

    def _put_occlusion_masks_aside(self) -> None:
        """Renames the folder of the occlusion masks of an earlier faceset, if masks are written."""
        if self.with_masks:
            put_occlusion_masks_aside(self.masks)

    def _remove(self, faces: typing.Sequence[SurveyedFace]) -> None:
        """Removes all files of this import."""
        remove_extraction(self.workspace, self.side, masks=True, saves=False)
        if self.with_masks:
            remove_masks(self.masks, [face.mask for face in faces if face.has_mask])
