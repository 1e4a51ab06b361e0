"""Reads the aligned faces of DeepFaceLab one by one, from a folder of JPEG files or from a packed faceset."""

import collections
import contextlib
import dataclasses
import hashlib
import pathlib
import typing

from faceswap_lib.atomic_io import file_digest
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.deepfacelab.jpeg_metadata import AlignedFace, read_face_file, read_metadata
from faceswap_lib.facesets.deepfacelab.packed_face import SUFFIX
from faceswap_lib.facesets.deepfacelab.pak import PACK_NAME, PackedFaceset
from faceswap_lib.limits import ARCHIVE_FILES

SHOWN_NAMES = 5
"""Maximum number of names in a message."""


class FaceSource(typing.Protocol):
    """Protocol of a faceset of DeepFaceLab.

    Attributes:
        path: The file or folder.
        labels: Name of each face, for messages; with the person's name in front of it if there is one.
        persons: Name of the person of each face; empty if it has none.
        other_files: Number of files that are not faces.
    """

    path: pathlib.Path
    labels: tuple[str, ...]
    persons: tuple[str, ...]
    other_files: int

    def read(self, index: int) -> bytes:
        """Reads the JPEG file of a face; raises `InputError` if it is too large."""
        ...

    def read_metadata(self, index: int, data: bytes) -> AlignedFace | None:
        """Reads the metadata of a face whose file was read; None if there are none.

        Raises:
            InputError: If they are damaged, or contain something that no faceset needs.
        """
        ...

    def digest(self, indices: typing.Sequence[int]) -> str:
        """Computes the SHA-256 that identifies these faces, in hexadecimal."""
        ...


class FolderSource:
    """Faces in a folder; people may have folders of their own in it. See `FaceSource`.

    Raises:
        InputError: If there are too many files.
    """

    def __init__(self, path: pathlib.Path):
        self.path, self.other_files = path, 0
        found: list[tuple[str, str]] = []
        for folder, person in [(path, ""), *((each, each.name) for each in sorted(path.iterdir()) if each.is_dir())]:
            for file in sorted(folder.iterdir()):
                if file.is_dir():
                    continue
                if file.suffix.lower() != SUFFIX or file.name.startswith("."):
                    self.other_files += 1
                    continue
                found.append((f"{person}/{file.name}" if person else file.name, person))
            ARCHIVE_FILES.check(len(found), path)
        self.labels = tuple(label for label, _ in found)
        self.persons = tuple(person for _, person in found)

    def read(self, index: int) -> bytes:
        """Reads the JPEG file of a face."""
        return read_face_file(self.path / self.labels[index])

    def read_metadata(self, index: int, data: bytes) -> AlignedFace | None:
        """Reads the metadata of a face."""
        return read_metadata(data, self.path / self.labels[index])

    def digest(self, indices: typing.Sequence[int]) -> str:
        """Computes the SHA-256 of the names and the contents of these files."""
        digest = hashlib.sha256()
        for index in indices:
            content = hashlib.sha256(self.read(index)).hexdigest()
            digest.update(f"{content} {self.labels[index]}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


class PackSource:
    """Faces in a packed faceset. See `FaceSource`."""

    def __init__(self, pack: PackedFaceset):
        self.path, self.other_files, self._pack = pack.path, 0, pack
        self.labels = tuple(face.label for face in pack.faces)
        self.persons = tuple(face.person_name for face in pack.faces)

    def read(self, index: int) -> bytes:
        """Reads the JPEG file of a face."""
        return self._pack.read(index)

    def read_metadata(self, index: int, data: bytes) -> AlignedFace | None:
        """Reads the metadata of a face from its JPEG file, or if it has none, from the index of the pack."""
        found, entry = read_metadata(data, f"{self.path}: {self.labels[index]}"), self._pack.faces[index]
        if found is not None:
            return found if found.xseg_mask else dataclasses.replace(found, xseg_mask=entry.xseg_mask)
        if entry.landmarks is None or entry.face_type is None:
            return None
        return AlignedFace(
            face_type=entry.face_type,
            landmarks=entry.landmarks,
            source_filename=entry.source_filename,
            eyebrows_expand_mod=entry.eyebrows_expand_mod,
            seg_ie_polys=entry.seg_ie_polys,
            xseg_mask=entry.xseg_mask,
        )

    def digest(self, indices: typing.Sequence[int]) -> str:
        """Computes the SHA-256 of the whole file."""
        return file_digest(self.path)


@contextlib.contextmanager
def open_source(path: pathlib.Path) -> typing.Iterator[FaceSource]:
    """Opens a faceset of DeepFaceLab.

    Args:
        path: A packed faceset, a folder that contains one as `faceset.pak`, or a folder of JPEG files.

    Yields:
        The faces.

    Raises:
        InputError: If there is nothing to read, or the folder contains both kinds.
    """
    if not path.is_dir():
        with PackedFaceset(path) as pack:
            yield PackSource(pack)
        return
    try:
        folder = FolderSource(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if not (path / PACK_NAME).is_file():
        if not folder.labels:
            raise InputError(f"{path}: expected aligned faces of DeepFaceLab (.jpg) or {PACK_NAME}, got neither")
        yield folder
        return
    if folder.labels:
        raise InputError(f"{path}: it contains {PACK_NAME} and {len(folder.labels):,} .jpg files; name the pack itself")
    with PackedFaceset(path / PACK_NAME) as pack:
        yield PackSource(pack)


def choose_person(source: FaceSource, person_name: str | None) -> list[int]:
    """Chooses the faces of one person.

    Args:
        source: The faces.
        person_name: Name of the person; None if there is only one.

    Returns:
        Indices of the faces.

    Raises:
        InputError: If no person is named and there are several, or the person does not exist.
    """
    counts = collections.Counter(source.persons)
    if person_name is None and len(counts) == 1:
        return list(range(len(source.persons)))
    if not person_name or person_name not in counts:
        names = [repr(name) for name in sorted(counts) if name]
        shown = ", ".join(names[:SHOWN_NAMES]) + (
            f" and {len(names) - SHOWN_NAMES} more" if names[SHOWN_NAMES:] else ""
        )
        got = "no name" if person_name is None else repr(person_name)
        raise InputError(f"{source.path}: expected the name of one person ({shown or 'there are none'}), got {got}")
    return [index for index, person in enumerate(source.persons) if person == person_name]
