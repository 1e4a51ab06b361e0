"""Changes the expression of photos: five images per photo, with consent, label and provenance.

Source: FaceApp, a program around the bilayer avatars, writes the same five images.
"""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from faceswap_lib.config_fields import options_to_dict
from faceswap_lib.errors import FaceswapError, InputError
from faceswap_lib.faces import MTCNN, DetectConfig
from faceswap_lib.faces.alignment import CROP_SIZE, invert_affine, map_points
from faceswap_lib.faces.detector import FaceDetector
from faceswap_lib.facesets.consent import check_statement, record_consent
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.facesets.writable import check_writable
from faceswap_lib.media import write_image
from faceswap_lib.pipeline.reenacting import LABEL
from faceswap_lib.pipeline.reenactment_networks import open_networks, state_claims
from faceswap_lib.progress import show_progress
from faceswap_lib.provenance.provenance import write_provenance
from faceswap_lib.provenance.visible_label import Label
from faceswap_lib.reenactment.changed_photo import PhotoChanger
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.expressions import (
    EXPRESSIONS,
    Expression,
    change_expression,
    find_expression,
    transfer_expression,
)
from faceswap_lib.reenactment.face_shape import FaceShape, ShapeDetector, open_shape_detector
from faceswap_lib.reenactment.frames import AnyNetworks
from faceswap_lib.reenactment.photo import Photo, read_photo
from faceswap_lib.reenactment.shape_pictures import stack_shapes, stick_figure

logger = logging.getLogger(__name__)

IMAGES = ("source", "hf", "target", "pred", "cropped")
"""The images of a photo, by the names that FaceApp gives them: its crop, the fine structure of the crop or the texture
that the networks move, the wanted shape, the crop with the new expression, and the photo with it, cut to what the crop
shows."""

FINE_SIGMA = 3.0
"""Standard deviation of the blur that separates coarse from fine structure, in pixels of the crop."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpressionReport:
    """Summary of changed photos.

    Attributes:
        written: Path of the final image of each photo.
        failed: Why a photo could not be changed, by its path.
    """

    written: tuple[pathlib.Path, ...]
    failed: dict[pathlib.Path, str]


def express(
    photos: Sequence[pathlib.Path],
    workspace: Workspace | None,
    out: pathlib.Path,
    *,
    expression: str | Expression | pathlib.Path = "smile",
    strength: float = 1.0,
    same_person: bool = False,
    run: str | None = "reenactment",
    bilayer_weights: pathlib.Path | None = None,
    frame_config: FrameConfig | None = None,
    largest: bool = False,
    label: bool = True,
    overwrite: bool = False,
    consent: str | None = None,
    progress: bool = False,
) -> ExpressionReport:
    """Gives the faces of photos another expression.

    Args:
        photos: The image files.
        workspace: Contains the trained run, and the consents; None without a run, if `consent` is given.
        out: Folder for the images `NAME_source.png` and so on, see `IMAGES`.
        expression: Name of an expression, its sliders, or a photo that shows it.
        strength: Share of the way from the photo's expression to the wanted one, 0 to 1.
        same_person: Whether the photo that shows the expression shows the same person as the others.
        run: Name of the run; None for the classical method alone, which needs no training.
        bilayer_weights: Folder with the published weights of the bilayer avatars, which are used instead of a run.
        frame_config: How the crop is made; None takes everything that is visible in the photo from the photo.
        largest: Whether to take the largest of several faces.
        label: Whether to draw a visible label on the generated images.
        overwrite: Whether existing images are replaced.
        consent: Who in the photos agreed; recorded in the workspace, if there is one, and stated in the output.
        progress: Whether to show a progress bar.

    Returns:
        What was written, and which photos could not be used.

    Raises:
        FaceswapError: If the run or the expression is not usable, `same_person` is given without a photo, an output
            exists, two photos have one name, or no photo could be changed.
    """
    if consent is not None:
        check_statement(consent)
    _check_names(photos, out, overwrite=overwrite)
    used = open_networks(workspace, run, bilayer_weights)
    detector, shapes = MTCNN(DetectConfig()), open_shape_detector()
    shown = _photo_of(expression)
    wanted = _read_expression(expression, detector, shapes)
    if same_person and isinstance(wanted, Expression):
        raise InputError("same_person: expected a photo that shows the expression; sliders belong to nobody")
    config, written, failed = frame_config or FrameConfig(fusion="photo"), [], {}
    for path in show_progress(photos, "express", len(photos), disable=not progress):
        try:
            photo = read_photo(path, detector, shapes, largest=largest)
        except FaceswapError as error:
            failed[path] = str(error)
            continue
        target = _find_target(photo.shape, wanted, strength, same_person=same_person)
        final = _write_images(photo, target, used.networks, config, out, label=label)
        stated = {"expression": _name(expression), "strength": strength} | options_to_dict(config)
        inputs = (path, *shown)
        write_provenance(final, state_claims(inputs, workspace, used, consent, stated, label=label))
        written.append(final)
    for reason in failed.values():
        logger.warning("%s", reason)
    if not written:
        first = next(iter(failed.values()), "there are none")
        raise InputError(f"none of {len(photos)} photos could be changed; {first}")
    if consent is not None and workspace is not None:
        record_consent(workspace, consent, [*(path for path in photos if path not in failed), *shown])
    return ExpressionReport(written=tuple(written), failed=failed)


def _read_expression(
    expression: str | Expression | pathlib.Path, detector: FaceDetector, shapes: ShapeDetector
) -> Expression | FaceShape:
    """Returns the sliders of an expression, or the shape of a photo that shows it."""
    if isinstance(expression, Expression):
        return expression
    for path in _photo_of(expression):
        return read_photo(path, detector, shapes).shape
    if pathlib.Path(expression).suffix:
        raise InputError(f"{expression}: no such file; expected {', '.join(EXPRESSIONS)}, sliders or a photo")
    return find_expression(str(expression))


def _photo_of(expression: str | Expression | pathlib.Path) -> tuple[pathlib.Path, ...]:
    """Returns the photo that shows an expression, if it is given by a photo."""
    if isinstance(expression, Expression) or str(expression) in EXPRESSIONS:
        return ()
    path = pathlib.Path(expression)
    return (path,) if path.is_file() else ()


def _name(expression: str | Expression | pathlib.Path) -> str:
    """Names an expression in the provenance; of a photo only the last part of the path."""
    if isinstance(expression, Expression):
        moved = {name: value for name, value in dataclasses.asdict(expression).items() if value}
        return ", ".join(f"{name} {value:g}" for name, value in moved.items()) or "neutral"
    return pathlib.Path(expression).name


def _find_target(shape: FaceShape, wanted: Expression | FaceShape, strength: float, *, same_person: bool) -> FaceShape:
    """Computes the wanted shape of a photo."""
    if isinstance(wanted, Expression):
        return change_expression(shape, wanted, strength=strength)
    return transfer_expression(shape, wanted, same_person=same_person, strength=strength)


def _write_images(
    photo: Photo,
    target: FaceShape,
    networks: AnyNetworks | None,
    config: FrameConfig,
    out: pathlib.Path,
    *,
    label: bool,
) -> pathlib.Path:
    """Writes the five images of a photo; returns the path of the final one."""
    changer = PhotoChanger(photo, networks, config)
    changed = changer.change(target)
    (figure,) = stick_figure(stack_shapes([target]), CROP_SIZE)
    images = {
        "source": photo.crop.image,
        "hf": fine_structure(photo.crop.image) if changer.texture is None else changer.texture,
        "target": np.round(figure * 255).astype(np.uint8),
        "pred": changed.crop,
        "cropped": cut_shown(changed.photo, photo.crop.crop_from_frame),
    }
    for name in IMAGES:
        image = np.ascontiguousarray(images[name]).copy()
        if label and name in ("pred", "cropped"):
            Label(image.shape[1], image.shape[0], LABEL).draw(image)
        write_image(out / f"{photo.path.stem}_{name}.png", image)
    return out / f"{photo.path.stem}_{IMAGES[-1]}.png"


def fine_structure(image: np.ndarray) -> np.ndarray:
    """Computes the difference of an image and its blurred copy around gray, (H, W, 3) uint8 RGB."""
    wide = image.astype(np.float32)
    return np.clip(np.round(wide - cv2.GaussianBlur(wide, (0, 0), FINE_SIGMA) + 128), 0, 255).astype(np.uint8)


def cut_shown(photo: np.ndarray, crop_from_photo: np.ndarray) -> np.ndarray:
    """Cuts the upright rectangle out of a photo that its crop shows; what is outside the photo is left out.

    Args:
        photo: (H, W, 3) uint8 RGB.
        crop_from_photo: (2, 3) matrix from the photo to the crop of side `CROP_SIZE`.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    corners = np.array([[0, 0], [CROP_SIZE - 1, 0], [0, CROP_SIZE - 1], [CROP_SIZE - 1, CROP_SIZE - 1]], float)
    places = map_points(invert_affine(crop_from_photo), corners)
    height, width = photo.shape[:2]
    left, top = np.floor(np.clip(places.min(axis=0), 0, [width - 1, height - 1])).astype(int)
    right, bottom = np.ceil(np.clip(places.max(axis=0), [left + 1, top + 1], [width, height])).astype(int)
    return photo[top:bottom, left:right]


def _check_names(photos: Sequence[pathlib.Path], out: pathlib.Path, *, overwrite: bool) -> None:
    """Checks that every photo has its own names of outputs, and that nothing is replaced unasked.

    Raises:
        InputError: If two photos have the same stem, an output exists or is one of the photos, or the folder is a file.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected a folder for the images, got a file; name another place")
    check_writable(out)
    stems: dict[str, pathlib.Path] = {}
    own = {path.resolve() for path in photos}
    for path in photos:
        if path.stem.casefold() in stems:
            raise InputError(f"{path} and {stems[path.stem.casefold()]} would be written under one name; rename one")
        stems[path.stem.casefold()] = path
        for name in IMAGES:
            image = out / f"{path.stem}_{name}.png"
            if image.resolve() in own:
                raise InputError(f"{image} is one of the photos; choose another folder")
            if image.exists() and not overwrite:
                raise InputError(f"{image} exists; choose another folder, or replace it with --overwrite")
