"""Constants of an exported model: what a live program cannot detect in each frame is measured once on a faceset.

A live program gives the exported graph a crop and nothing else. So the face region and the placement of the new face
are the same in every frame. They are measured on the original person's faceset; without one, they are those of an
average face.
"""

import dataclasses
import typing

import cv2
import numpy as np

from faceswap_lib.conversion.blending import DETAIL_SIGMAS
from faceswap_lib.conversion.color_transfer.skin_mask import LIGHT_SIGMA, SKIN_SIZE
from faceswap_lib.conversion.compositor import BORDER, PAINT_SIZE, border_window
from faceswap_lib.conversion.config import ConvertConfig
from faceswap_lib.conversion.latent.onnx_maps import map_writer
from faceswap_lib.conversion.placement import GRID, NO_MAP, Placement
from faceswap_lib.conversion.region_masks import draw_region_mask
from faceswap_lib.conversion.swapper import GeneratorSwapper
from faceswap_lib.export.color_graph import ColorTransfer
from faceswap_lib.export.dfm import LiveModel, crop_alpha, default_size
from faceswap_lib.export.generator_graph import Generator
from faceswap_lib.export.whole_face import check_size, view_from_whole_face
from faceswap_lib.faces.alignment import CROP_SIZE, map_points, template_points, view_matrix
from faceswap_lib.faces.masks import eye_mask, mouth_mask
from faceswap_lib.faces.region import open_outline_detector, region_mask
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import Networks

SAMPLED = 96
"""Crops of the original person on which the constants are measured."""

NARROW = 20
"""Percentile of the distance of the outline from the middle of the face, up to which the new face is shown."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class FaceConstants:
    """Median geometry of a person's face.

    Attributes:
        landmarks: (5, 2) median x, y of the landmarks, in pixels of a crop of side `CROP_SIZE`.
        outline: (N, 2) median x, y of the outline, in pixels of the crop; None for the ellipse.
        inner_outline: (N, 2) outline inside which the new face is shown; None for the ellipse.
    """

    landmarks: np.ndarray
    outline: np.ndarray | None = None
    inner_outline: np.ndarray | None = None

    @classmethod
    def measure(cls, faceset: Faceset | None, swapper: GeneratorSwapper) -> "FaceConstants":
        """Measures the median over crops of the original person.

        Args:
            faceset: Faces of the original person; None takes those of an average face.
            swapper: The generator; its face region says whether outlines are detected.

        Raises:
            InputError: If the region is the outline and outlines cannot be detected on this machine.
        """
        if faceset is None:
            return cls(landmarks=template_points(CROP_SIZE))
        sampled = faceset.sample(SAMPLED)
        detector = open_outline_detector(swapper.face_region, swapper.hairline)
        found = [] if detector is None else detector.detect(sampled.read_crops())
        outlines = [outline for outline in found if outline is not None]
        return cls(
            landmarks=np.median([record.points_in_crop() for record in sampled.records], axis=0),
            outline=np.median(outlines, axis=0) if outlines else None,
            inner_outline=_shrink_outline(outlines) if outlines else None,
        )


def _shrink_outline(outlines: list[np.ndarray]) -> np.ndarray:
    """Computes the outline inside which most outlines of a person are, (N, 2).

    A new face that is shown beyond the jaw covers the background, which is more visible than skin of the original.
    """
    middles = np.stack([outline.mean(axis=0) for outline in outlines])
    rays = np.stack(outlines) - middles[:, None]
    middle, ray = np.median(middles, axis=0), np.median(rays, axis=0)
    lengths = np.percentile(np.linalg.norm(rays, axis=2), NARROW, axis=0)
    return middle + ray * (lengths / np.maximum(np.linalg.norm(ray, axis=1), 1e-6))[:, None]


def build_generator(networks: Networks, swapper: GeneratorSwapper, config: ConvertConfig) -> Generator:
    """Collects the networks of a swapper and the constants of the steps around them.

    Args:
        networks: Networks of the run.
        swapper: The generator with its latent map and contrast.
        config: The direction, and how strongly faces are sharpened.
    """
    return Generator(
        encoder=networks.encoder,
        decoder=networks.decoder_b if config.direction == "a2b" else networks.decoder_a,
        input_mode=networks.config.input_mode,
        write_map=map_writer(swapper.latent_map),
        contrast=swapper.contrast,
        color_spread=swapper.color_spread,
        sharpness=config.sharpen,
        sigmas=DETAIL_SIGMAS,
    )


def build_live_model(
    networks: Networks,
    swapper: GeneratorSwapper,
    config: ConvertConfig,
    original: Faceset | None,
    *,
    size: int | None = None,
) -> LiveModel:
    """Collects everything that a `.dfm` file contains.

    Args:
        networks: Networks of the run.
        swapper: The generator with its latent map, contrast and placement.
        config: How faces are swapped; detail transfer, parts and blends other than the attention mask are not used.
        original: Faces of the original person; None takes an average face.
        size: Side of the whole-face crop in pixels; None chooses it so that the view has the networks' pixels.

    Raises:
        InputError: If the size is not allowed, or outlines cannot be detected on this machine.
    """
    resolution, coverage = swapper.resolution, swapper.coverage
    constants = FaceConstants.measure(original, swapper)
    if size is None:
        size = default_size(resolution, _view_share(coverage))
    check_size(size)
    matrix = view_from_whole_face(size, resolution, coverage)
    shown = crop_alpha(_draw_shown(constants, coverage, config), matrix, resolution, size)
    placement = swapper.placement
    view_from_new, bend = np.eye(2, 3), None
    if placement is not None:
        view_from_new = _in_pixels(placement.view_from_new, resolution)
        bend = _bend_in_crop(placement, matrix, resolution, size)
    generator = build_generator(networks, swapper, config)
    if config.color_transfer != "none":
        generator = dataclasses.replace(generator, color=_draw_color(constants, coverage))
    return LiveModel(
        generator=generator,
        size=size,
        view_from_whole=matrix,
        region=_draw_region(constants, resolution, coverage),
        shown=shown,
        view_from_new=view_from_new,
        bend=bend,
    )


def _view_share(coverage: float) -> float:
    """Computes the side of the view as a fraction of the side of the whole-face crop."""
    size = 256  # the fraction does not depend on it
    return 1 / view_from_whole_face(size, size, coverage)[0, 0]


def _in_view(points: np.ndarray, size: int, coverage: float) -> np.ndarray:
    """Maps points of a crop of side `CROP_SIZE` to its view of side `size`."""
    return map_points(view_matrix(np.eye(2, 3), CROP_SIZE, size, coverage), points)


def _draw_region(constants: FaceConstants, resolution: int, coverage: float) -> np.ndarray:
    """Draws the face region that the encoder reads, (R, R) uint8."""
    outline = None if constants.outline is None else _in_view(constants.outline, resolution, coverage)
    landmarks = _in_view(constants.landmarks, resolution, coverage)
    return region_mask(landmarks, outline, resolution, coverage=coverage)


def _draw_color(constants: FaceConstants, coverage: float) -> ColorTransfer:
    """Draws the face region and its skin, in which colors are compared."""
    landmarks = _in_view(constants.landmarks, SKIN_SIZE, coverage)
    features = np.maximum(*(draw(landmarks, SKIN_SIZE, coverage=coverage) for draw in (eye_mask, mouth_mask)))
    inside = _draw_region(constants, SKIN_SIZE, coverage) / np.float32(255)
    return ColorTransfer(inside=inside, bare=1 - features / np.float32(255), sigma=LIGHT_SIGMA)


def _draw_shown(constants: FaceConstants, coverage: float, config: ConvertConfig) -> np.ndarray:
    """Draws where the new face may be shown in the view, (S, S) float32 at `PAINT_SIZE`."""
    outline = None if constants.inner_outline is None else _in_view(constants.inner_outline, PAINT_SIZE, coverage)
    landmarks = _in_view(constants.landmarks, PAINT_SIZE, coverage)
    whole = dataclasses.replace(config, parts=("face",))
    return draw_region_mask(landmarks, None, PAINT_SIZE, coverage, whole, outline=outline) * border_window(BORDER, 0)


def _in_pixels(matrix: np.ndarray, size: int) -> np.ndarray:
    """Converts a (2, 3) matrix in sides of the view to one in its pixels."""
    pixels = np.array(matrix, float)
    pixels[:, 2] = size * matrix[:, 2] + 0.5 * matrix[:, :2].sum(axis=1) - 0.5
    return pixels


def _bend_in_crop(placement: Placement, matrix: np.ndarray, resolution: int, size: int) -> np.ndarray | None:
    """Samples the offsets of a placement at every pixel of the whole-face crop, (S, S, 2) in pixels of the crop."""
    if placement.bend is None:
        return None
    y, x = np.mgrid[0:size, 0:size]
    places = (map_points(matrix, np.stack([x, y], axis=-1).reshape(-1, 2)) + 0.5) / resolution
    cells = (GRID * places - 0.5).astype(np.float32).reshape(size, size, 2)
    bend = typing.cast(np.ndarray, placement.bend)
    offsets = cv2.remap(bend, cells, NO_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return (offsets * (resolution / matrix[0, 0])).astype(np.float32)
