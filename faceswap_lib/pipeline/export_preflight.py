"""Checks before an export: all errors that can be detected in advance are detected before Keras is loaded."""

import pathlib
import typing

from faceswap_lib.conversion.output_paths import check_names, check_no_link, check_paths
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.export.onnx_runtime import unavailable_reason
from faceswap_lib.export.whole_face import check_size
from faceswap_lib.facesets import Workspace
from faceswap_lib.facesets.consent import CONSENT, require_swap_consent
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.pipeline.model_card import card_path
from faceswap_lib.training.run_metadata import CONFIG, learnt_videos

ExportFormat = typing.Literal["dfm", "onnx"]
"""`dfm` for DeepFaceLive and FaceFusion, `onnx` for other programs."""


def check_export(
    workspace: Workspace,
    out: pathlib.Path,
    *,
    run: str = "default",
    format: ExportFormat = "dfm",
    size: int | None = None,
    overwrite: bool = False,
) -> None:
    """Checks, before any work, that the run exists and that the file and its card can be written.

    Args:
        workspace: Contains the run; none of its files may be replaced.
        out: The file to write.
        run: Name of the run.
        format: Format of the file.
        size: Side of the crop in pixels; None for the default.
        overwrite: Whether an existing file and its card may be replaced.

    Raises:
        InputError: If the output cannot be written, the size is not allowed, or the extra `export` is not installed.
        WorkspaceError: If the run is missing.
    """
    if format not in typing.get_args(ExportFormat):
        raise InputError(f"format: expected {' or '.join(typing.get_args(ExportFormat))}, got {format!r:.40}")
    if out.suffix != f".{format}":
        raise InputError(f"{out}: expected a file name that ends in .{format}; programs look for it")
    if not (workspace.run(run) / CONFIG).is_file():
        raise WorkspaceError(f"no run '{run}' in {workspace.root}; run 'faceswap train' first")
    if reason := unavailable_reason():
        raise InputError(reason)
    if size is not None:
        if format != "dfm":
            raise InputError("size: an .onnx file reads the view of the networks; leave the size out")
        check_size(size)
    written = {"the model": out, "its card": card_path(out)}
    sides: dict[str, pathlib.Path] = {
        "the folder of A's faces": workspace.faces("src"),
        "the folder of B's faces": workspace.faces("dst"),
        "the folder of masks": workspace.root / "binary_masks",
        "the file of consents": workspace.root / CONSENT,
        "the run's checkpoints": workspace.run(run) / "checkpoints",
    }
    check_paths(written, sides)
    check_names(out.parent, [f".{path.stem}.partial{path.suffix}" for path in written.values()])
    for label, path in written.items():
        check_no_link(path, label)
        if path.exists() and not (overwrite and path.is_file()):
            raise InputError(f"{path} is already there; pass --overwrite or name another output")
    check_writable(out.parent)


def require_export_consent(workspace: Workspace, statement: str | None, run: str) -> None:
    """Checks that all videos that a run was trained on have consent; records nothing.

    Args:
        workspace: The workspace with the run and the consents.
        statement: Consent that is given now for all of them, or None.
        run: Name of the run.

    Raises:
        InputError: If a video has no consent, or the statement is empty.
        WorkspaceError: If the file of consents cannot be read.
    """
    require_swap_consent(workspace, statement, (), learnt_videos(workspace.run(run)))
