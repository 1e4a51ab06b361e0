"""Checks before a conversion: all errors that can be detected in advance are detected before Keras is loaded."""

import os
import pathlib
import typing
from collections.abc import Sequence

from faceswap_lib.conversion.image_outputs import ImageOutputs
from faceswap_lib.conversion.output_config import OutputConfig
from faceswap_lib.conversion.output_formats import check_outputs
from faceswap_lib.conversion.output_paths import check_paths
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.selection import RULES
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import CONSENT, read_consent
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.provenance.signing_key import check_signing_key, config_folder


def check_conversion(
    source: pathlib.Path | int,
    stills: Sequence[pathlib.Path],
    workspace: Workspace,
    out: pathlib.Path,
    *,
    run: str,
    output_config: OutputConfig,
    who: str,
    overwrite: bool,
) -> None:
    """Checks that the run exists, and that the outputs can be written and do not replace what is read.

    Args:
        source: The video, image or folder of images; or the number of a webcam.
        stills: The images, if the source is an image or a folder of images.
        workspace: Contains the run, the facesets and the consents; no output may replace these.
        out: The output path.
        run: Name of the run.
        output_config: Its mask path is checked as well.
        who: Which person is swapped: a rule, or the path of an image.
        overwrite: Whether existing outputs are replaced.

    Raises:
        InputError: If an output cannot be written; the message says what to do.
        FaceswapError: If the run is missing, or the file of consents or the signing key cannot be read.
    """
    if not (workspace.run(run) / "config.json").is_file():
        raise WorkspaceError(f"no run '{run}' in {workspace.root}; run 'faceswap train' first")
    read_consent(workspace)
    check_writable(workspace.root)
    read = {
        "the folder of A's faces": workspace.faces("src"),
        "the folder of B's faces": workspace.faces("dst"),
        "the workspace's folder of masks": workspace.root / "binary_masks",
        "the workspace's folder of saved faces": workspace.root / "faces",
        "the workspace's folder of runs": workspace.root / "models",
        "the file of consents": workspace.root / CONSENT,
        "the folder of the signing key": config_folder(),
    }
    if who not in RULES and os.path.exists(who):
        read["the picture of the wanted person"] = pathlib.Path(who)
    outs = {"the output": out}
    if output_config.mask_path is not None:
        outs["the mask"] = output_config.mask_path
    if stills:
        check_paths(outs, read)
        source = typing.cast(pathlib.Path, source)  # a webcam has no stills
        may_replace = overwrite or pathlib.Path(source).is_dir()  # in a folder, existing outputs are compared later
        ImageOutputs(source, stills, out, output_config.mask_path, overwrite=may_replace)
    elif isinstance(source, int):
        recording = recording_path(out)
        check_outputs(out, output_config.mask_path, read, overwrite=overwrite, also={"the recording": recording})
        if os.path.lexists(recording) and not (overwrite and recording.is_file()):
            raise InputError(f"{recording} is already there; pass --overwrite or name another output")
    else:
        check_outputs(out, output_config.mask_path, read | {"the input": source}, overwrite=overwrite)
    check_signing_key()


def recording_path(out: pathlib.Path) -> pathlib.Path:
    """Returns the path of a webcam recording: beside the output, so that it can be converted again."""
    return out.with_name(f"{out.stem}.webcam.mp4")
