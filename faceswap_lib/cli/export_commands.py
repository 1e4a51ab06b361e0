"""Subcommand that exports a trained run as a model file for live programs, and checks such files."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.cli.arguments import Consent, Overwrite, RunName, load_keras
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline.export_preflight import check_export, require_export_consent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export:
    """Export a trained run as a model for live programs (.dfm) or as plain ONNX, or check a .dfm file."""

    workspace: Annotated[pathlib.Path | None, Doc("the workspace: the folder of the project, with the trained run")] = (
        None
    )
    run: RunName = "default"
    direction: Annotated[Literal["a2b", "b2a"], Doc("a2b: A gets B's face; b2a: the other way round")] = "a2b"
    format: Annotated[
        Literal["dfm", "onnx"], Doc("dfm: for DeepFaceLive and FaceFusion; onnx: for your own programs")
    ] = "dfm"
    size: Annotated[
        int | None,
        Doc("side in pixels of the crop that a .dfm file reads, a multiple of 16; by default 224 or more"),
    ] = None
    out: Annotated[pathlib.Path | None, Doc("the .dfm or .onnx file to write, with a model card beside it")] = None
    check: Annotated[
        pathlib.Path | None,
        Doc("only check this .dfm file against the rules of both programs; exit code 1 if it fails"),
    ] = None
    overwrite: Overwrite = False
    consent: Consent = None

    def __call__(self) -> None:
        """Exports the run and prints what was written, or prints the results of the check."""
        if self.check is not None:
            if self.workspace is not None or self.out is not None:
                raise InputError("--check: a file is either checked or written; leave --workspace and --out out")
            return print_check(self.check)
        if self.workspace is None or self.out is None:
            raise InputError("export: expected --workspace and --out, or --check with a file")
        workspace = Workspace(self.workspace)
        check_export(workspace, self.out, run=self.run, format=self.format, size=self.size, overwrite=self.overwrite)
        require_export_consent(workspace, self.consent, self.run)
        load_keras()
        from faceswap_lib.pipeline.exporting import export_model

        exported = export_model(
            workspace,
            self.out,
            run=self.run,
            direction=self.direction,
            format=self.format,
            size=self.size,
            consent=self.consent,
            overwrite=self.overwrite,
        )
        megabytes = exported.path.stat().st_size / 1e6
        side = exported.size
        print(f"{exported.path}: step {exported.step}, reads {side} x {side} pixels, {megabytes:.0f} MB")
        print(f"card: {exported.card}")
        print("a live picture has no label and no credentials: tell your viewers that the face is swapped")
        return None


def print_check(path: pathlib.Path) -> None:
    """Prints the result of every rule for a .dfm file.

    Args:
        path: The file.

    Raises:
        FaceswapError: If the file breaks a rule.
        InputError: If the file is missing, or the extra `export` is not installed.
    """
    from faceswap_lib.export.dfm_check import check_dfm

    words = {True: "ok  ", False: "FAIL", None: "-   "}
    results = check_dfm(path)
    for result in results:
        expected = f"; expected {result.expected}" if result.passed is False else ""
        print(f"{words[result.passed]}  {result.rule:<13}  {result.found}{expected}")
    broken = [result.rule for result in results if result.passed is False]
    if broken:
        raise FaceswapError(f"{path}: breaks {', '.join(broken)}; DeepFaceLive or FaceFusion cannot use it")
    print(f"{path}: DeepFaceLive and FaceFusion can load and run it")
