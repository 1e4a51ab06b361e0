"""Where converted pictures go: each under its own name, finished ones told from unfinished and from other people's.

How `conversion/image_conversion.py` uses it:

    outputs = StillOutputs(source, stills, out, mask_path, plan=plan, overwrite=overwrite)   # refuses, before any work
    for still in outputs.todo:                                                              # those not finished yet
        ...
        with outputs.writing(still) as unfinished:
            write_image(unfinished.picture, shot.shown)
            if unfinished.mask is not None:
                write_image(unfinished.mask, shot.mask)
            if finish is not None:
                finish(unfinished.picture)                                                  # signs it

The files get their names when that block ends without an error, so a picture under its final name is whole and signed.
What a picture was made of (its bytes, the run and its step, the options) is kept in a list; see `written.WrittenFiles`.
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
"""What can be written."""

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".gif")
"""No folder of pictures is named like this by intent."""

MARK = ".unfinished"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StillNames:
    """What is written for one picture; `mask` is None if nobody asked for it."""

    picture: pathlib.Path
    mask: pathlib.Path | None


class StillOutputs:
    """The outputs of a conversion of one picture, or of a folder of them.

    Attributes:
        names: What is written for each picture.
        todo: The pictures that are to be converted, in order.
        finished: Those that an earlier call has finished, from the same bytes and by the same plan.
    """

    def __init__(
        self,
        source: pathlib.Path,
        stills: Sequence[pathlib.Path],
        out: pathlib.Path,
        mask_path: pathlib.Path | None = None,
        *,
        plan: dict | None = None,
        overwrite: bool = False,
    ):
        """Names the outputs, and refuses those that cannot be written or would replace what was not written here.

        For a folder of pictures, `out` and `mask_path` are folders: also names such as `out.v2`, whose suffix is no
        picture's or video's. Pictures in them that no conversion wrote, or that were changed since, are never replaced.

        Args:
            source: The picture, or the folder.
            stills: The pictures: `source` itself, or those in it.
            out: Where to.
            mask_path: Where to write masks; None for none.
            plan: Plain JSON that tells this conversion from all others, the picture itself left out.
            overwrite: Replace pictures that an earlier conversion wrote; of a single picture, any file.

        Raises:
            InputError: With what to do.
        """
        self._folders = [folder for folder in (out, mask_path) if folder is not None] if source.is_dir() else []
        self._plan, self._is_folder = plan, source.is_dir()
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
    def writing(self, still: pathlib.Path) -> typing.Iterator[StillNames]:
        """Gives unfinished names for the outputs of a picture; they get their own when the block ends without an error.

        After an error, what was written under the unfinished names is removed.
        """
        final = self.names[still]
        unfinished = dataclasses.replace(
            final, picture=unfinished_path(final.picture), mask=final.mask and unfinished_path(final.mask)
        )
        pairs = [(unfinished.mask, final.mask), (unfinished.picture, final.picture)]  # the picture says all is there
        try:
            for path, target in pairs:
                if target is not None:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    path.unlink(missing_ok=True)  # left by a kill, or a link
            yield unfinished
            for path, target in pairs:
                if target is not None and target.parent in self._lists:
                    self._lists[target.parent].add(path, target.name, self._made_of(still))
            for path, target in pairs:
                if target is not None:
                    path.replace(target)
        finally:
            for path, _ in pairs:
                if path is not None:
                    path.unlink(missing_ok=True)

    def _made_of(self, still: pathlib.Path) -> str:
        if still not in self._digests:
            self._digests[still] = digest_of([file_digest(still), self._plan])
        return self._digests[still]

    def _is_made_of(self, path: pathlib.Path, still: pathlib.Path) -> bool:
        """Whether an output is this conversion's, also if the version before wrote it."""
        written = self._lists[path.parent]
        if written.is_made_of(path, self._made_of(still)):
            return True
        return written.is_made_of(path, digest_of([file_digest(still), downgrade_json(self._plan)]))

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
        """Refuses where another file has the name of an output, and where earlier results would be replaced unasked.

        A mask that is this conversion's own got its name before a kill, and its picture did not.
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
    """Names an output while it is not finished; the suffix stays."""
    return path.with_name(f".{path.stem}{MARK}{path.suffix}")


def finished_name(path: pathlib.Path) -> str:
    """Gives the name that an output will have; that of a finished one is its own."""
    stem = path.stem
    return f"{stem[1:].removesuffix(MARK)}{path.suffix}" if stem.startswith(".") and stem.endswith(MARK) else path.name


def _name_folder(
    stills: Sequence[pathlib.Path], out: pathlib.Path, mask_path: pathlib.Path | None
) -> dict[pathlib.Path, StillNames]:
    for folder in (out, mask_path):
        is_file = folder is not None and (
            os.path.lexists(folder) or folder.suffix.lower() in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES)
        )
        if is_file and not os.path.isdir(folder):
            raise InputError(f"expected a folder to write pictures to, got {folder}; name a folder")
    names = {still: still.name if still.suffix.lower() in PICTURE_SUFFIXES else f"{still.name}.png" for still in stills}
    stems = collections.Counter(pathlib.PurePath(name).stem.casefold() for name in names.values())

    def mask_name(name: str) -> str:
        stem = pathlib.PurePath(name).stem
        return f"{stem if stems[stem.casefold()] == 1 else name}.png"

    return {
        still: StillNames(picture=out / name, mask=None if mask_path is None else mask_path / mask_name(name))
        for still, name in names.items()
    }


def _name_one(
    source: pathlib.Path, out: pathlib.Path, mask_path: pathlib.Path | None
) -> dict[pathlib.Path, StillNames]:
    for path in (out, mask_path):
        if path is not None and path.suffix.lower() not in PICTURE_SUFFIXES:
            raise InputError(f"expected an output named {', '.join(PICTURE_SUFFIXES)}, got {path}")
    return {source: StillNames(picture=out, mask=mask_path)}
