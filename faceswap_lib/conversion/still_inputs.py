"""Which files of a folder are pictures to convert, and what is said of the others."""

import dataclasses
import os
import pathlib

from faceswap_lib.media.picture_decoding import SUFFIXES

VIDEO_SUFFIXES = (".gif",)
"""A file of this kind that is named by itself is converted as a video, in a folder of pictures its first picture."""

SHOWN_NAMES = 5
"""Names of files that a message lists."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StillInputs:
    """What a folder holds.

    Attributes:
        stills: The pictures, sorted by name.
        others: Names of what is passed over: other kinds of files, folders, files that cannot be opened. Hidden files,
            unless they are named like pictures, are not among them.
    """

    stills: tuple[pathlib.Path, ...]
    others: tuple[str, ...]

    def describe_others(self) -> str:
        """Counts and names what is passed over, for a message; empty if there is nothing."""
        if not self.others:
            return ""
        shown = ", ".join(name.encode("utf-8", "replace").decode() for name in self.others[:SHOWN_NAMES])
        more = f" and {len(self.others) - SHOWN_NAMES} more" if len(self.others) > SHOWN_NAMES else ""
        is_heif = any(name.lower().endswith((".heic", ".heif")) for name in self.others)
        advice = "; save HEIC pictures as JPEG to have them converted" if is_heif else ""
        return f"{len(self.others)} passed over, since they are no pictures that can be read: {shown}{more}{advice}"


def find_stills(source: pathlib.Path) -> list[pathlib.Path]:
    """Lists the pictures that a path names: itself, or those in it by name; none if it is neither."""
    if source.is_dir():
        return list(list_folder(source).stills)
    suffix = source.suffix.lower()
    return [source] if suffix in SUFFIXES and suffix not in VIDEO_SUFFIXES else []


def list_folder(folder: pathlib.Path) -> StillInputs:
    """Sorts a folder's files into pictures, by what their names end in, and others.

    Args:
        folder: The folder; what lies in folders inside it is not looked at.
    """
    stills, others = [], []
    for path in sorted(folder.iterdir()):
        has_suffix = path.suffix.lower() in SUFFIXES
        if path.name.startswith("."):  # what systems keep beside files, as ._a.jpg on drives that Macs have written to
            if has_suffix:
                others.append(path.name)
        elif has_suffix and _is_readable_file(path):
            stills.append(path)
        else:
            others.append(path.name)
    return StillInputs(stills=tuple(stills), others=tuple(others))


def _is_readable_file(path: pathlib.Path) -> bool:
    try:
        return path.is_file() and os.access(path, os.R_OK)
    except OSError:  # a link into a folder that nobody may look into
        return False
