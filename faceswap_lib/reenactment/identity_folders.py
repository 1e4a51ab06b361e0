"""A folder of many people, one folder per person, with images or clips below: the layout of VoxCeleb.

    FOLDER/id10001/VIDEO_ID/0000001.jpg          VoxCeleb1, images
    FOLDER/id00012/VIDEO_ID/UTTERANCE/00001.jpg  images of every utterance
    FOLDER/id00012/VIDEO_ID/00001.mp4            VoxCeleb2, clips

A folder that itself contains images or clips is that of one person, for example one's own photos.

Source of the layout: https://www.robots.ox.ac.uk/~vgg/data/voxceleb/.
"""

import dataclasses
import hashlib
import os
import pathlib

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.consent_file import ConsentVideo, valid_text
from faceswap_lib.facesets.file_names import check_file_name
from faceswap_lib.media.picture_decoding import SUFFIXES

CLIP_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".gif")
"""Suffixes of files that are read as clips."""

IMAGE_SUFFIXES = tuple(suffix for suffix in SUFFIXES if suffix not in CLIP_SUFFIXES)
"""Suffixes of files that are read as images."""

DEEPEST = 8
"""Largest depth of folders below a person; VoxCeleb has two."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """One person of a folder of people.

    Attributes:
        name: Name of the person's folder.
        folder: The folder.
        images: Number of images.
        clips: Number of clips.
        digest: SHA-256 of the names and sizes of these files.
    """

    name: str
    folder: pathlib.Path
    images: int
    clips: int
    digest: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class IdentityFolder:
    """A folder of people.

    Attributes:
        folder: The folder.
        people: The people who have at least one file, sorted by name.
    """

    folder: pathlib.Path
    people: tuple[Identity, ...]

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def digest(self) -> str:
        """SHA-256 of the names and sizes of all files; other files give another digest."""
        lines = "".join(f"{person.name}\0{person.digest}\n" for person in self.people)
        return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()

    def as_source(self) -> ConsentVideo:
        """Returns the folder as one entry of consents and of the sources of a run; the digest identifies it."""
        return ConsentVideo(name=valid_text(self.name), sha256=self.digest)


def open_identities(folder: pathlib.Path | str) -> IdentityFolder:
    """Lists the people of a folder; opens none of their files.

    Args:
        folder: The folder of people, or of the images or clips of one person.

    Raises:
        InputError: If it does not exist, contains no images and no clips in this layout, or the name of a person cannot
            be a file name.
        OSError: If a folder cannot be read.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder with one folder per person, got no folder")
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    if any(_kind_of(entry.name) and entry.is_file() for entry in visible):
        folders = {folder.resolve().name: folder}
    else:
        folders = {entry.name: pathlib.Path(entry.path) for entry in visible if entry.is_dir()}
    people = [_describe(name, folders[name]) for name in sorted(folders)]
    found = tuple(person for person in people if person.images or person.clips)
    _check_name(folder.resolve().name, folder)
    if not found:
        raise InputError(
            f"{folder}: expected one folder per person with images or clips, as in PERSON/VIDEO/0001.jpg, got none"
        )
    return IdentityFolder(folder=folder, people=found)


def list_files(folder: pathlib.Path) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
    """Lists the images and the clips below a folder, each sorted by path.

    Hidden entries, other files, links to folders, and folders deeper than `DEEPEST` are ignored.

    Raises:
        OSError: If a folder cannot be read.
    """
    found: dict[str, list[pathlib.Path]] = {"image": [], "clip": []}
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                kind = _kind_of(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    if depth < DEEPEST:
                        waiting.append((pathlib.Path(entry.path), depth + 1))
                elif kind and entry.is_file():
                    found[kind].append(pathlib.Path(entry.path))
    return sorted(found["image"]), sorted(found["clip"])


def _kind_of(name: str) -> str:
    """Returns what a file is by its suffix: "image", "clip", or "" for another file."""
    suffix = os.path.splitext(name)[1].lower()
    return "image" if suffix in IMAGE_SUFFIXES else "clip" if suffix in CLIP_SUFFIXES else ""


def _describe(name: str, folder: pathlib.Path) -> Identity:
    """Counts the files of a person and computes their digest."""
    _check_name(name, folder)
    images, clips = list_files(folder)
    digest = hashlib.sha256()
    for path in (*images, *clips):
        line = f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return Identity(name=name, folder=folder, images=len(images), clips=len(clips), digest=digest.hexdigest())


def _check_name(name: str, folder: pathlib.Path) -> None:
    """Checks that the name of a folder can be part of the name of a file."""
    try:
        check_file_name(name)
    except ValueError as error:
        raise InputError(f"{folder}: rename this folder: {error}") from error
