"""Export of a trained run as one model file for live programs (`.dfm`) or for other runtimes (ONNX), with a card."""

import dataclasses
import logging
import pathlib
import typing

from faceswap_lib.atomic_io import replacing
from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.errors import FaceswapError, InputError, WorkspaceError
from faceswap_lib.export.dfm_check import check_dfm
from faceswap_lib.export.onnx_runtime import unavailable_reason
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.consent import (
    ConsentVideo,
    check_statement,
    cover_videos,
    faceset_videos,
    record_consent,
)
from faceswap_lib.networks import Networks
from faceswap_lib.pipeline.export_preflight import ExportFormat, check_export
from faceswap_lib.pipeline.load_swapper import load_identities, open_swapper
from faceswap_lib.pipeline.model_card import CardFacts, card_path, write_model_card
from faceswap_lib.training import load_run
from faceswap_lib.training.periodic_export import WriteModel
from faceswap_lib.training.run_metadata import learnt_videos, run_id

if typing.TYPE_CHECKING:
    import onnx

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelExport:
    """Result of an export.

    Attributes:
        path: The model file.
        card: The model card beside it.
        step: Step of the checkpoint that was exported.
        size: Side in pixels of the image that the model reads.
    """

    path: pathlib.Path
    card: pathlib.Path
    step: int
    size: int


def export_model(
    workspace: Workspace,
    out: pathlib.Path | str,
    *,
    run: str = "default",
    direction: typing.Literal["a2b", "b2a"] = "a2b",
    format: ExportFormat = "dfm",
    size: int | None = None,
    config: ConvertConfig | None = None,
    consent: str | None = None,
    overwrite: bool = False,
) -> ModelExport:
    """Exports a trained run as one model file, with a model card beside it.

    Takes about a minute, because both facesets are analyzed as for a conversion. The user is not asked for
    consent; the card states the recorded consents.

    Args:
        workspace: Contains the run and both facesets.
        out: The file to write, with the suffix .dfm or .onnx.
        run: Name of the run.
        direction: "a2b" shows B's face on A, "b2a" shows A's face on B.
        format: "dfm" for DeepFaceLive and FaceFusion, "onnx" for other programs.
        size: Side in pixels of the crop that a .dfm file reads; None chooses it for the networks.
        config: How faces are swapped. Its direction is not used; detail transfer, parts, color smoothing and blends
            other than the attention mask are not possible in a model file.
        consent: Who agreed to the swap; recorded in the workspace, and stated in the card.
        overwrite: Whether an existing file and its card are replaced.

    Returns:
        What was written.

    Raises:
        InputError: If the output cannot be written, the size is not allowed, the consent is empty, or the extra
            `export` is not installed.
        WorkspaceError: If the run or a faceset is missing.
        CheckpointError: If no checkpoint of the run is intact.
    """
    out = pathlib.Path(out)
    if consent is not None:
        check_statement(consent)
    check_export(workspace, out, run=run, format=format, size=size, overwrite=overwrite)
    networks, step = load_run(workspace, run)
    config = dataclasses.replace(config or ConvertConfig(), direction=direction)
    return export_networks(
        workspace, out, networks, step, run=run, config=config, format=format, size=size, consent=consent
    )


def export_networks(
    workspace: Workspace,
    out: pathlib.Path,
    networks: Networks,
    step: int,
    *,
    run: str,
    config: ConvertConfig,
    format: ExportFormat = "dfm",
    size: int | None = None,
    consent: str | None = None,
) -> ModelExport:
    """Exports networks that are loaded already; replaces an existing file.

    Args:
        workspace: Contains both facesets.
        out: The file to write.
        networks: The networks of the run.
        step: Their step.
        run: Name of the run.
        config: How faces are swapped.
        format: Format of the file.
        size: Side in pixels of the crop that a .dfm file reads; None for the default.
        consent: Who agreed to the swap; recorded when the model is written.

    Returns:
        What was written.

    Raises:
        FaceswapError: As in `export_model`.
    """
    config = dataclasses.replace(config, detail_transfer="none", occlusion="none")
    is_searched = config.latent_map not in ("none", "shift") and config.latent_shift is None
    people = load_identities(workspace, config.direction) if is_searched else None
    swapper = typing.cast(GeneratorSwapper, open_swapper(networks, workspace, config, people=people))
    if format == "dfm":
        model, read = _build_dfm(workspace, networks, swapper, config, size)
    else:
        model, read = _build_onnx(workspace, networks, swapper, config, run, step), swapper.resolution
    with replacing(out) as temporary:
        temporary.write_bytes(model.SerializeToString())
        if format == "dfm":
            _check_written(temporary, out)
    if consent is not None:
        record_consent(workspace, consent, [video for video in _all_videos(workspace, run) if video.sha256])
    exported = ModelExport(path=out, card=card_path(out), step=step, size=read)
    _write_card(workspace, exported, run, config, format)
    return exported


def model_writer(workspace: Workspace, run: str = "default", *, direction: str = "a2b") -> WriteModel:
    """Returns the function that exports a run during its training; see `LoopConfig.export_every`.

    Args:
        workspace: Contains the run and both facesets.
        run: Name of the run.
        direction: "a2b" shows B's face on A, "b2a" shows A's face on B.

    Raises:
        InputError: If the extra `export` is not installed.
    """
    if reason := unavailable_reason():
        raise InputError(f"export_every: {reason}")
    config = dataclasses.replace(ConvertConfig(), direction=direction)

    def write(path: pathlib.Path, networks: Networks, step: int) -> None:
        export_networks(workspace, path, networks, step, run=run, config=config)

    return write


def _build_dfm(
    workspace: Workspace, networks: Networks, swapper: GeneratorSwapper, config: ConvertConfig, size: int | None
) -> tuple["onnx.ModelProto", int]:
    """Builds the model of a .dfm file; also returns the side of the crop."""
    from faceswap_lib.conversion.live_model import build_live_model
    from faceswap_lib.export.dfm import build_dfm

    try:
        original = Faceset.open(workspace, "src" if config.direction == "a2b" else "dst")
    except WorkspaceError as error:
        logger.warning("the face region in the model is that of an average face: %s", error)
        original = None
    live = build_live_model(networks, swapper, config, original, size=size)
    return build_dfm(live), live.size


def _build_onnx(
    workspace: Workspace, networks: Networks, swapper: GeneratorSwapper, config: ConvertConfig, run: str, step: int
) -> "onnx.ModelProto":
    """Builds the model of a plain ONNX file."""
    from faceswap_lib.conversion.live_model import build_generator
    from faceswap_lib.export.onnx_swap import build_onnx_swap

    facts = {
        "run": run,
        "run_id": run_id(workspace.run(run)),
        "step": step,
        "direction": config.direction,
        "face_region": swapper.face_region,
        "input_mode": networks.config.input_mode,
    }
    return build_onnx_swap(build_generator(networks, swapper, config), swapper.coverage, facts)


def _check_written(file: pathlib.Path, out: pathlib.Path) -> None:
    """Checks a written .dfm file by the rules of the programs that read it.

    Raises:
        FaceswapError: If it breaks a rule.
    """
    broken = [result for result in check_dfm(file) if result.passed is False]
    if broken:
        found = "; ".join(f"{result.rule}: expected {result.expected}, found {result.found}" for result in broken)
        raise FaceswapError(f"{out}: the exported model cannot be used and was not written ({found})")


def _write_card(
    workspace: Workspace, exported: ModelExport, run: str, config: ConvertConfig, format: ExportFormat
) -> pathlib.Path:
    """Writes the model card."""
    coverage = cover_videos(workspace, _all_videos(workspace, run))
    if format == "dfm":
        layout = (
            f"For DeepFaceLive and FaceFusion. Reads the whole-face crop of {exported.size} x {exported.size} pixels, "
            "BGR from 0 to 1, and returns the mask of the original face, the new face, and the mask of the new face."
        )
    else:
        layout = (
            f"An ONNX model. Reads views of {exported.size} x {exported.size} pixels and masks of the face region, and "
            "returns attention masks and new faces; the metadata of the file describe the crop."
        )
    facts = CardFacts(
        path=exported.path,
        direction=config.direction,
        run=run,
        step=exported.step,
        layout=layout,
        parts=_describe_parts(format, config),
        consent=coverage.statements,
        uncovered=tuple(dict.fromkeys(video.name for video in coverage.uncovered)),
    )
    return write_model_card(workspace, facts)


def _describe_parts(format: ExportFormat, config: ConvertConfig) -> str:
    """Describes what a model contains besides the networks, and what it does not contain."""
    if format == "onnx":
        return (
            "The file contains the networks with color normalization, latent map, contrast and sharpening. Alignment, "
            "face region, color transfer, placement and blending are left to the program that uses it."
        )
    colors = "no color transfer" if config.color_transfer == "none" else "color transfer"
    return (
        f"The file contains the networks with latent map, contrast, {colors}, sharpening, placement and a soft border. "
        "It does not contain detail transfer, smoothing of colors over time, and a face region that follows the head: "
        "the region is the median over the original person's faces."
    )


def _all_videos(workspace: Workspace, run: str) -> list[ConsentVideo]:
    """Lists the videos of both facesets and all others that the run was trained on."""
    return [*faceset_videos(workspace), *learnt_videos(workspace.run(run))]
