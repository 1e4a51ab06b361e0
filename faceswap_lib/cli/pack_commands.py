"""Subcommands that put a faceset into one file and bring it back."""

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from faceswap_lib.cli.arguments import Consent, Folder, Overwrite, Project
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Workspace, pack_faceset, unpack_faceset
from faceswap_lib.facesets.deepfacelab.face_types import FaceType
from faceswap_lib.facesets.pack_format import SUFFIX, unpack_command
from faceswap_lib.facesets.workspace import Person, side_of

if TYPE_CHECKING:
    from faceswap_lib.facesets.deepfacelab import ExportReport, ImportReport

Packed = Annotated[
    tyro.conf.Positional[pathlib.Path],
    Doc("a pack; or of DeepFaceLab: faceset.pak, or a folder of aligned faces"),
    tyro.conf.arg(metavar="FILE"),
]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pack:
    """Pack a person's faceset into one file: crops, masks, manifest and consents, for a backup or another machine."""

    workspace: Project
    person: Annotated[Person, Doc("person whose faceset is packed: a or b")]
    format: Annotated[
        Literal["faceswap", "deepfacelab"],
        Doc("faceswap: all files without any loss; deepfacelab: a faceset.pak or a folder of aligned JPEG files"),
    ] = "faceswap"
    out: Annotated[
        pathlib.Path | None,
        Doc(
            "the file to write; by default face_src.fspack or face_dst.fspack in the workspace, where trainings read it"
        ),
    ] = None
    remove_originals: Annotated[
        bool,
        Doc(
            "remove the files that are in the pack now, after a comparison of every byte; trainings read the pack in "
            "the workspace"
        ),
    ] = False
    face_type: Annotated[FaceType, Doc("with format deepfacelab: how much around the face the images show")] = (
        "whole_face"
    )
    person_name: Annotated[
        str | None, Doc("with format deepfacelab: name of the person, for facesets of several people")
    ] = None
    overwrite: Overwrite = False

    def __call__(self) -> None:
        """Packs the faceset and prints what is in the file."""
        workspace = Workspace(self.workspace)
        if self.format == "deepfacelab":
            return self._export(workspace)
        from faceswap_lib.facesets.pack import remove_packed

        report = pack_faceset(workspace, self.person, self.out, overwrite=self.overwrite, progress=True)
        aside = f", {report.set_aside} set aside" if report.set_aside else ""
        print(f"{report.path}: {report.crops} crops{aside}, {report.files} files, {report.bytes / 1e6:.1f} MB")
        for statement in report.consents:
            print(f"with the consent: {statement}")
        if self.remove_originals:
            removed = remove_packed(workspace, self.person, report.path, progress=True)
            back = unpack_command(report.path, workspace.root, side_of(self.person))
            print(f"{removed} files removed; '{back}' brings them back")
        return None

    def _export(self, workspace: Workspace) -> None:
        """Exports the faceset for DeepFaceLab."""
        from faceswap_lib.facesets.deepfacelab import export_faceset

        if self.remove_originals:
            raise InputError(
                "--remove-originals: a faceset for DeepFaceLab is encoded again and lacks tracks, scores and set-aside "
                "crops; use --format faceswap for it"
            )
        if self.out is None:
            raise InputError("--out: expected faceset.pak or a folder with --format deepfacelab, got nothing")
        print_export(
            export_faceset(
                workspace,
                self.person,
                self.out,
                face_type=self.face_type,
                person_name=self.person_name,
                overwrite=self.overwrite,
                progress=True,
            )
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unpack:
    """Unpack a person's faceset: from a pack, or from DeepFaceLab's faceset.pak or folder of aligned faces."""

    file: Packed
    workspace: Folder
    person: Annotated[Person, Doc("person whose faceset it becomes: a or b")]
    keep_packed: Annotated[
        bool, Doc("leave crops and masks in the pack, which is copied to the workspace; trainings read them there")
    ] = False
    remove_originals: Annotated[bool, Doc("remove the pack afterwards; packs of DeepFaceLab are never removed")] = False
    person_name: Annotated[
        str | None, Doc("of DeepFaceLab: name of the person, if the faceset contains several people")
    ] = None
    fps: Annotated[float, Doc("of DeepFaceLab: frames per second of the video that the faces come from")] = 25.0
    skip_damaged: Annotated[
        bool, Doc("of DeepFaceLab: skip and count damaged faces, instead of refusing the whole faceset")
    ] = False
    overwrite: Overwrite = False
    consent: Consent = None

    def __call__(self) -> None:
        """Unpacks the faceset and prints what it contains."""
        workspace = Workspace(self.workspace)
        if not is_own_pack(self.file):
            return self._import(workspace)
        if self.person_name is not None or self.skip_damaged:
            raise InputError(f"{self.file} is a pack of this program; --person-name and --skip-damaged are not for it")
        report = unpack_faceset(
            self.file,
            workspace,
            self.person,
            keep_packed=self.keep_packed,
            overwrite=self.overwrite,
            progress=True,
        )
        for folder in report.renamed:
            print(f"the earlier faceset is in {folder}")
        aside = f", {report.set_aside} set aside" if report.set_aside else ""
        where = f", images in {workspace.pack(side_of(self.person))}" if self.keep_packed else ""
        print(f"{report.path}: {report.crops} crops{aside}, {report.files} new files{where}")
        for statement in report.consents:
            print(f"with the consent: {statement}")
        self._record_consent(workspace)
        if self.remove_originals:
            self._remove(workspace)
        return None

    def _record_consent(self, workspace: Workspace) -> None:
        """Records the option `--consent` for the video of the unpacked faceset."""
        if self.consent is not None:
            from faceswap_lib.facesets.consent import faceset_videos, record_consent

            videos = dict(zip("ab", faceset_videos(workspace), strict=True))
            record_consent(workspace, self.consent, [videos[self.person]])

    def _remove(self, workspace: Workspace) -> None:
        """Removes the unpacked file."""
        place = workspace.pack(side_of(self.person))
        if self.keep_packed and place.exists() and place.samefile(self.file):
            raise InputError(f"--remove-originals: crops and masks are read from {self.file}; it stays")
        self.file.unlink()
        print(f"{self.file} removed")

    def _import(self, workspace: Workspace) -> None:
        """Imports a faceset of DeepFaceLab."""
        from faceswap_lib.facesets.deepfacelab import import_faceset

        if self.keep_packed or self.remove_originals:
            raise InputError(
                f"{self.file}: --keep-packed and --remove-originals are for packs with the suffix {SUFFIX}; faces of "
                "DeepFaceLab are cut and encoded again, so the original is kept"
            )
        print_import(
            import_faceset(
                self.file,
                workspace,
                self.person,
                person_name=self.person_name,
                fps=self.fps,
                skip_damaged=self.skip_damaged,
                overwrite=self.overwrite,
                consent=self.consent,
                progress=True,
            )
        )


def is_own_pack(path: pathlib.Path) -> bool:
    """Checks whether a file is a pack of this program, by its suffix or its first bytes; a folder never is.

    A missing file counts as such a pack unless its suffix is .pak, so that the error is about a missing pack.

    Raises:
        OSError: If the file cannot be read.
    """
    if path.is_dir():
        return False
    if not path.is_file():
        return path.suffix.lower() != ".pak"
    with path.open("rb") as file:
        return file.read(2) == b"PK" or path.suffix.lower() == SUFFIX


def print_export(report: "ExportReport") -> None:
    """Prints what was exported for DeepFaceLab."""
    lacking = len(report.without_landmarks)
    left_out = f"; {lacking} crops have no 68 landmarks and are left out" if lacking else ""
    masks = f", {report.masks} with an XSeg mask" if report.masks else ""
    print(f"{report.out}: {report.faces} faces of {report.size} x {report.size} pixels{masks}{left_out}")


def print_import(report: "ImportReport") -> None:
    """Prints what was imported from DeepFaceLab."""
    types = ", ".join(f"{count} {name}" for name, count in report.face_types.items())
    print(f"{report.folder}: {report.crops} crops ({types}), {report.written} new; {report.masks} occlusion masks")
    for reason, count in report.skipped.items():
        print(f"skipped: {count} {reason}")
    if report.narrow:
        print(f"{report.narrow} crops show repeated border pixels, because the face images end there")
    if report.without_frame:
        print(f"{report.without_frame} crops have no known place in a frame")
