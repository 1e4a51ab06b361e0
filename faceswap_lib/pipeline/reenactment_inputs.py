"""Checks of a reenactment's inputs and outputs before any work, so that a wrong name does not cost a minute."""

import pathlib
from collections.abc import Sequence

from faceswap_lib.config_fields import check_range
from faceswap_lib.conversion.output_paths import check_no_link, check_paths
from faceswap_lib.errors import InputError
from faceswap_lib.facesets.consent import check_statement, require_consent
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.media.picture_decoding import SUFFIXES
from faceswap_lib.media.writer import check_video_name

MOTIONS = (".npz",)
"""Suffixes of a stored motion; any other driver is a video."""

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv")
"""Suffixes of files that are certainly videos and no photos."""

MOVING = (".gif", ".apng", ".webp", ".avif")
"""Suffixes of images that may be videos, too."""


def check_reenactment(
    photo: pathlib.Path,
    driver: pathlib.Path,
    out: pathlib.Path,
    save_motion: pathlib.Path | None,
    *,
    crf: int,
    overwrite: bool,
) -> None:
    """Checks the files of a reenactment.

    Args:
        photo: The photo.
        driver: The video, or a stored motion.
        out: The video to write.
        save_motion: The motion to write; None for none.
        crf: Quality of the video.
        overwrite: Whether existing outputs are replaced.

    Raises:
        InputError: If an input is missing or of another kind, or an output cannot be written there.
    """
    check_range("crf", crf, 0, 51)
    check_photo(photo)
    if not driver.is_file():
        raise InputError(_missing(driver, "the driver", "a video, or a motion (.npz)"))
    if driver.suffix.lower() in SUFFIXES and driver.suffix.lower() not in MOVING:
        raise InputError(
            f"{driver}: expected a video or a motion (.npz) as driver, got an image; a photo gives its expression with "
            "'faceswap express --expression PHOTO'"
        )
    check_video_name(out)
    written = {"the output": out}
    if save_motion is not None:
        if save_motion.suffix.lower() not in MOTIONS:
            raise InputError(f"save_motion: expected a name that ends in .npz, got {save_motion}")
        written["the motion"] = save_motion
    check_paths(written, {"the photo": photo, "the driver": driver})
    for label, path in written.items():
        check_no_link(path, label)
        if path.is_dir():
            raise InputError(f"{path} is a folder; name a file for {label}")
        if path.exists() and not overwrite:
            raise InputError(f"{path} exists; choose another name, or replace it with --overwrite")
        check_writable(path.parent)


def require_input_consent(workspace: Workspace | None, statement: str | None, inputs: Sequence[pathlib.Path]) -> None:
    """Checks that the people in the inputs consented, and records a given statement in the workspace.

    Args:
        workspace: Contains the recorded consents; None if there is none, and the output alone states the statement.
        statement: The value of `--consent`; None for what is recorded.
        inputs: The files.

    Raises:
        InputError: If there is no consent, the statement is empty, or an input is not a file.
        WorkspaceError: If the existing file of consents cannot be read.
    """
    if workspace is not None:
        return require_consent(workspace, statement, inputs)
    if statement is None:
        raise InputError(
            'without --workspace there is no recorded consent; say who agreed to what with --consent "...", or name a '
            "workspace"
        )
    return check_statement(statement)


def check_photo(photo: pathlib.Path) -> None:
    """Checks that a photo is there, and is not a video.

    Raises:
        InputError: If not.
    """
    if not photo.is_file():
        raise InputError(_missing(photo, "the photo", "an image"))
    if photo.suffix.lower() in VIDEOS:
        raise InputError(f"{photo}: expected a photo, got a video; save one frame of it as an image")


def _missing(path: pathlib.Path, label: str, expected: str) -> str:
    """Describes an input that is no file."""
    if path.is_dir():
        return f"{path}: expected {expected} as {label}, got a folder; name one file in it"
    return f"{path}: no such file; check the name of {label}"
