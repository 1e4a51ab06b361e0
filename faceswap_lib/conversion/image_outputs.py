"""Outputs of converted images: their names, and which of them an earlier conversion has finished.

How `conversion/image_conversion.py` uses this module:

    outputs = ImageOutputs(source, stills, out, mask_path, fingerprint=fingerprint)  # raises InputError before any work
    for still in outputs.todo:                                                      # images that are not finished
        ...
        with outputs.writing(still) as unfinished:
            write_image(unfinished.picture, task.output)
            if unfinished.mask is not None:
                write_image(unfinished.mask, task.mask)
            if job.on_written is not None:
                job.on_written(unfinished.picture)                                  # signs the image

The files get their final names when that block ends without an error, so an image under its final name is complete and
signed. The list `written.WrittenFiles` stores what each image was made from: the bytes of the input, the run and its
step, and the options.
"""

import collections
import contextlib
import dataclasses
import os
import pathlib
import typing
from collections.abc import Sequence

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.conversion.output_paths import check_names, check_no_link, check_paths, names_made
from faceswap_lib.conversion.written import WrittenFiles, digest_of, name_some
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.upgrades import downgrade_json

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")
"""Suffixes of images that can be written."""

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".gif")
"""Suffixes that are refused as names of a folder of images, since they are most likely a mistake."""

MARK = ".unfinished"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageNames:
    """Output paths of one image; `mask` is None if no mask is written."""

    picture: pathlib.Path
    mask: pathlib.Path | None


class ImageOutputs:
    """Outputs of the conversion of an image or of a folder of images.

    Attributes:
        names: Output paths of each image.
        todo: Images that must be converted, in order.
        finished: Images that an earlier call has finished from the same bytes with the same fingerprint.
    """

    def __init__(
        self,
        source: pathlib.Path,
        stills: Sequence[pathlib.Path],
        out: pathlib.Path,
        mask_path: pathlib.Path | None = None,
        *,
        fingerprint: dict | None = None,
        overwrite: bool = False,
    ):
        """Chooses the names of the outputs, and checks that they can be written and replace no other files.

        For a folder of images, `out` and `mask_path` are folders. They may have a suffix, for example `out.v2`, that is
        not the suffix of an image or video. Images in them that no conversion wrote, or that were changed since, are
        never replaced.

        Args:
            source: The image, or the folder of images.
            stills: The images: `source` itself, or those in the folder.
            out: Output path.
            mask_path: Output path of the masks; None if no masks are written.
            fingerprint: Plain JSON that identifies this conversion, without the image itself.
            overwrite: Whether images of an earlier conversion are replaced; for a single image, any file.

        Raises:
            InputError: If an output cannot be written; the message says what to do.
        """
        self._folders = [folder for folder in (out, mask_path) if folder is not None] if source.is_dir() else []
        self._fingerprint, self._is_folder = fingerprint, source.is_dir()
        self.names = _name_folder(stills, out, mask_path) if self._is_folder else _name_one(source, out, mask_path)
        self._check_places(source, out, mask_path)
        self._lists = {folder: WrittenFiles(folder) for folder in self._folders}
        if not self._is_folder:
            self._check_single(overwrite)
        self._digests: dict[pathlib.Path, str] = {}
        self.finished = tuple(still for still in stills if self._is_finished(still) and not overwrite)
        self.todo = tuple(still for still in stills if still not in set(self.finished))
        if self._is_folder:
            self._check_present(overwrite)

    @contextlib.contextmanager
    def writing(self, still: pathlib.Path) -> typing.Iterator[ImageNames]:
        """Yields temporary output paths of an image; the files get their final names if the block raises no error.

        After an error, the temporary files are removed.
        """
        final = self.names[still]
        unfinished = dataclasses.replace(
            final, picture=unfinished_path(final.picture), mask=final.mask and unfinished_path(final.mask)
        )
        # The image is last, because its presence means that everything is complete.
        named = [(unfinished.mask, final.mask), (unfinished.picture, final.picture)]
        pairs = [(path, target) for path, target in named if path is not None and target is not None]
        try:
            for path, target in pairs:
                target.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)  # left by a kill, or a link
            yield unfinished
            for path, target in pairs:
                if target.parent in self._lists:
                    self._lists[target.parent].add(path, target.name, self._made_of(still))
            for path, target in pairs:
                path.replace(target)
        finally:
            for path, _ in pairs:
                path.unlink(missing_ok=True)

    def _made_of(self, still: pathlib.Path) -> str:
        if still not in self._digests:
            self._digests[still] = digest_of([file_digest(still), self._fingerprint])
        return self._digests[still]

    def _is_made_of(self, path: pathlib.Path, still: pathlib.Path) -> bool:
        """Returns whether this conversion wrote an output, even if it ran in the previous version of this library."""
        written = self._lists[path.parent]
        if written.is_made_of(path, self._made_of(still)):
            return True
        return written.is_made_of(path, digest_of([file_digest(still), downgrade_json(self._fingerprint)]))

    def _outputs(self, still: pathlib.Path) -> list[pathlib.Path]:
        names = self.names[still]
        return [names.picture] if names.mask is None else [names.picture, names.mask]

    def _is_finished(self, still: pathlib.Path) -> bool:
        return self._is_folder and all(path.exists() and self._is_made_of(path, still) for path in self._outputs(still))

    def _check_places(self, source: pathlib.Path, out: pathlib.Path, mask_path: pathlib.Path | None) -> None:
        roots = {"the output": out}
        if mask_path is not None:
            roots["the folder of masks" if self._is_folder else "the mask"] = mask_path
        check_paths(roots, {"the input": source})
        for label, path in roots.items():
            check_no_link(path, label)
        written = {}
        for still in self.names:
            for path in self._outputs(still):
                kind = "the mask" if path != self.names[still].picture else "the picture"
                written[f"{kind} of {still.name}"] = path
                written[f"{kind} of {still.name}, unfinished"] = unfinished_path(path)
        check_paths(written, {f"the picture {still.name}": still for still in self.names})
        folders = collections.defaultdict(list)
        for path in written.values():
            folders[path.parent] += names_made(path)
        for folder, names in folders.items():
            check_names(folder, names)
            check_writable(folder)

    def _check_single(self, overwrite: bool) -> None:
        for path in (path for still in self.names for path in self._outputs(still)):
            if os.path.isdir(path):
                raise InputError(f"{path} is a folder; name the file to write")
            if os.path.lexists(path) and not (overwrite and path.is_file()):
                raise InputError(f"{path} is already there; pass --overwrite or name another file")

    def _check_present(self, overwrite: bool) -> None:
        """Refuses outputs whose names are taken by other files, and earlier results unless they may be replaced.

        A mask that this same conversion wrote is not a conflict: the process was killed after the mask got its final
        name and before the image did.
        """
        present = [
            path
            for still in self.todo
            for path in self._outputs(still)
            if os.path.lexists(path) and not self._is_made_of(path, still)
        ]
        if foreign := [path for path in present if not self._lists[path.parent].is_ours(path)]:
            raise InputError(
                f"{foreign[0].parent} holds {name_some(foreign)}, which no conversion wrote, or which was changed "
                "since; it is not replaced: name another folder, or move it elsewhere"
            )
        if present and not overwrite:
            raise InputError(
                f"{present[0].parent} holds {name_some(present)}, already there from another run, with other options "
                "or of another input; pass --overwrite or name another folder"
            )


def unfinished_path(path: pathlib.Path) -> pathlib.Path:
    """Returns the name of an output while it is not finished; the suffix stays the same."""
    return path.with_name(f".{path.stem}{MARK}{path.suffix}")


def finished_name(path: pathlib.Path) -> str:
    """Returns the final name of an output, from its temporary or its final path."""
    stem = path.stem
    return f"{stem[1:].removesuffix(MARK)}{path.suffix}" if stem.startswith(".") and stem.endswith(MARK) else path.name


def _name_folder(
    stills: Sequence[pathlib.Path], out: pathlib.Path, mask_path: pathlib.Path | None
) -> dict[pathlib.Path, ImageNames]:
    for folder in (out, mask_path):
        if folder is None or os.path.isdir(folder):
            continue
        if os.path.lexists(folder) or folder.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES):
            raise InputError(f"expected a folder to write pictures to, got {folder}; name a folder")
    names = {still: still.name if still.suffix.lower() in PICTURE_SUFFIXES else f"{still.name}.png" for still in stills}
    stems = collections.Counter(pathlib.PurePath(name).stem.casefold() for name in names.values())

    def mask_name(name: str) -> str:
        stem = pathlib.PurePath(name).stem
        return f"{stem if stems[stem.casefold()] == 1 else name}.png"

    return {
        still: ImageNames(picture=out / name, mask=None if mask_path is None else mask_path / mask_name(name))
        for still, name in names.items()
    }


def _name_one(
    source: pathlib.Path, out: pathlib.Path, mask_path: pathlib.Path | None
) -> dict[pathlib.Path, ImageNames]:
    for path in (out, mask_path):
        if path is not None and path.suffix.lower() not in PICTURE_SUFFIXES:
            raise InputError(f"expected an output named {', '.join(PICTURE_SUFFIXES)}, got {path}")
    return {source: ImageNames(picture=out, mask=mask_path)}
