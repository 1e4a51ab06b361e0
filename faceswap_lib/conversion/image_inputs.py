"""Input images: lists which files of a folder are images to convert, and describes the other files."""

import dataclasses
import os
import pathlib

from faceswap_lib.media.picture_decoding import SUFFIXES

VIDEO_SUFFIXES = (".gif",)
"""A single file of this kind is converted as a video; in a folder of images only its first frame is converted."""

SHOWN_NAMES = 5
"""Maximum number of file names in a message."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageInputs:
    """Images and other files of a folder.

    Attributes:
        stills: The images, sorted by name.
        others: Names of skipped entries: other kinds of files, folders, and files that cannot be opened. Hidden files
            are listed only if they have the suffix of an image.
    """

    stills: tuple[pathlib.Path, ...]
    others: tuple[str, ...]

    def describe_others(self) -> str:
        """Describes the skipped entries for a message; returns an empty string if there are none."""
        if not self.others:
            return ""
        shown = ", ".join(name.encode("utf-8", "replace").decode() for name in self.others[:SHOWN_NAMES])
        more = f" and {len(self.others) - SHOWN_NAMES} more" if len(self.others) > SHOWN_NAMES else ""
        is_heif = any(name.lower().endswith((".heic", ".heif")) for name in self.others)
        advice = "; save HEIC pictures as JPEG to have them converted" if is_heif else ""
        return f"{len(self.others)} skipped, because they are not pictures that can be read: {shown}{more}{advice}"


def find_images(source: pathlib.Path) -> list[pathlib.Path]:
    """Lists the images of a path: the path itself, or the images in a folder; empty for other files such as videos."""
    if source.is_dir():
        return list(list_folder(source).stills)
    suffix = source.suffix.lower()
    return [source] if suffix in SUFFIXES and suffix not in VIDEO_SUFFIXES else []


def list_folder(folder: pathlib.Path) -> ImageInputs:
    """Lists the images and the other files of a folder; an image is a readable file with the suffix of an image.

    Args:
        folder: The folder; its subfolders are not searched.
    """
    stills, others = [], []
    for path in sorted(folder.iterdir()):
        has_suffix = path.suffix.lower() in SUFFIXES
        if path.name.startswith("."):  # metadata of operating systems, such as ._a.jpg on drives used by macOS
            if has_suffix:
                others.append(path.name)
        elif has_suffix and _is_readable_file(path):
            stills.append(path)
        else:
            others.append(path.name)
    return ImageInputs(stills=tuple(stills), others=tuple(others))


def _is_readable_file(path: pathlib.Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a link into a folder without read permission
        return False
