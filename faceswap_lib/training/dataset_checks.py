"""Checks of two facesets before training; they produce warnings and never stop the training."""

import logging
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.recognition import DlibEmbedder, FaceEmbedder
from faceswap_lib.facesets import Faceset, FacesetArrays
from faceswap_lib.facesets.pose_coverage import FEW_CROPS, FacesetPoses, compare_poses
from faceswap_lib.facesets.source import read_source

logger = logging.getLogger(__name__)

FEW = FEW_CROPS
"""Number of crops below which a faceset is reported as small."""

LITTLE_TURN = 0.04
"""Spread of the position of the nose relative to the eyes, in eye distances, below which a head hardly turns. Videos of
people who talk to the camera have 0.09 to 0.16; 1.5 seconds of such a video have 0.05."""

THUMBNAIL = 16
"""Side of the thumbnails in pixels."""

ALIKE = 3.0
"""Mean absolute difference of two thumbnails, 0 to 255, below which they show the same image, encoded twice."""

COMPARED = 300
"""Number of crops of each person whose thumbnails are compared."""

AVERAGES_APART = 0.75
"""Factor of the distance limit for mean embeddings relative to the limit for single faces, because means vary less. On
eight videos, thirds of the same video are up to 0.27 apart with dlib; two similar people are at least 0.56 apart."""

EMBEDDED = 12
"""Number of crops of each person whose embeddings are averaged."""

MOST_GAPS = 3
"""Number of missing poses and expressions that are reported for each direction, largest gaps first."""


def check_facesets(
    facesets: typing.Sequence[Faceset],
    arrays: typing.Sequence[FacesetArrays],
    embedder: FaceEmbedder | None = None,
) -> list[str]:
    """Checks two facesets for problems that would harm a training.

    Args:
        facesets: The facesets of A and of B.
        arrays: Their crops, or `COMPARED` of them.
        embedder: Face recognition network; None uses dlib if it is installed, and otherwise skips this check.

    Returns:
        One line for each problem, with advice.
    """
    concerns = []
    for faceset in facesets:
        concerns += [concern for concern in (_check_count(faceset), _check_poses(faceset)) if concern]
    if same := _check_same_images(facesets, arrays):
        return [*concerns, same]
    if embedder is None and DlibEmbedder.unavailable_reason() is None:
        embedder = DlibEmbedder()
    if embedder is not None and (same := describe_same_person(facesets, embedder)):
        concerns.append(same)
    return [*concerns, *describe_uncovered(facesets)]


def _check_count(faceset: Faceset) -> str | None:
    if len(faceset) >= FEW:
        return None
    return (
        f"{faceset.folder.name} has {len(faceset)} crops, fewer than {FEW}: the networks will learn only few poses and "
        "expressions of this person; use a longer video, or extract with --frame-stride 1"
    )


def _check_poses(faceset: Faceset) -> str | None:
    turn = measure_turn(np.stack([record.points_in_crop() for record in faceset.records]))
    if turn >= LITTLE_TURN:
        return None
    return (
        f"{faceset.folder.name} shows one pose nearly all the time (the nose moves by {turn:.2f} eye distances): other "
        "poses will look wrong; add a video in which this person turns the head"
    )


def measure_turn(landmarks: np.ndarray) -> float:
    """Measures how much a head turns and nods.

    Args:
        landmarks: (N, 5, 2) x, y in any unit.

    Returns:
        The spread of the position of the nose relative to the eyes, in eye distances: the range from the 5th to the
        95th percentile, along the line between the eyes or perpendicular to it, whichever is larger.
    """
    eyes = landmarks[:, 1] - landmarks[:, 0]
    distance = np.maximum(np.linalg.norm(eyes, axis=1, keepdims=True), 1e-6)
    along = eyes / distance
    nose = (landmarks[:, 2] - (landmarks[:, 0] + landmarks[:, 1]) / 2) / distance
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    places = np.stack([np.sum(nose * along, axis=1), np.sum(nose * across, axis=1)])
    low, high = np.percentile(places, [5, 95], axis=1)
    return float((high - low).max())


def describe_uncovered(facesets: typing.Sequence[Faceset]) -> list[str]:
    """Describes poses and expressions of A that the faceset of B does not contain, and vice versa.

    Mirrored crops count too, because training mirrors half of the crops.
    """
    a, b = (FacesetPoses.of(faceset) for faceset in facesets)
    for_b2a = [f"if you convert b2a: {sentence}" for sentence in compare_poses(b, a).sentences()[:MOST_GAPS]]
    return [*compare_poses(a, b).sentences()[:MOST_GAPS], *for_b2a]


def _check_same_images(facesets: typing.Sequence[Faceset], arrays: typing.Sequence[FacesetArrays]) -> str | None:
    names = " and ".join(faceset.folder.name for faceset in facesets)
    hashes = [_read_source(faceset.folder) for faceset in facesets]
    if hashes[0] is not None and hashes[0] == hashes[1]:
        return f"{names} come from the same video: a swap needs two people, extract the video of the other person"
    fraction = share_alike(arrays[0].images, arrays[1].images)
    if fraction > 0.1:
        return f"{names} share images ({fraction:.0%} of them): a swap needs two people, extract one of them again"
    return None


def _read_source(folder: pathlib.Path) -> str | None:
    """Reads the SHA-256 of the source video of a faceset; None if the extraction did not store it."""
    try:
        return read_source(folder).get("sha256")
    except WorkspaceError as error:
        logger.debug("%s", error)
        return None


def share_alike(images: np.ndarray, others: np.ndarray) -> float:
    """Computes the fraction of images that are also in another set; small differences of the encoding are ignored.

    Args:
        images: (N, S, S, 3) uint8 RGB.
        others: (M, S, S, 3) uint8 RGB.

    Returns:
        The fraction, 0 to 1, computed from at most 300 evenly spaced images of each set.
    """
    small, other = (_thumbnails(pictures) for pictures in (images, others))
    nearest = [np.abs(other - thumbnail).mean(axis=1).min() for thumbnail in small]
    return float(np.mean(np.array(nearest) < ALIKE))


def _thumbnails(images: np.ndarray) -> np.ndarray:
    picked = images[np.linspace(0, len(images) - 1, min(len(images), COMPARED)).round().astype(int)]
    size = (THUMBNAIL, THUMBNAIL)
    return np.stack([cv2.resize(image, size, interpolation=cv2.INTER_AREA).ravel() for image in picked]).astype(
        np.float32
    )


def describe_same_person(facesets: typing.Sequence[Faceset], embedder: FaceEmbedder) -> str | None:
    """Checks whether two facesets seem to show the same person, by the distance between their mean embeddings.

    Args:
        facesets: The facesets of A and of B.
        embedder: Face recognition network.

    Returns:
        A warning, or None if the people differ.
    """
    means = [embedder.embed(faceset.sample(EMBEDDED).read_crops()).mean(axis=0) for faceset in facesets]
    distance = float(np.linalg.norm(means[0] - means[1]))
    limit = AVERAGES_APART * embedder.same_person
    if distance >= limit:
        return None
    names = " and ".join(faceset.folder.name for faceset in facesets)
    return (
        f"{names} seem to show the same person (the distance of their mean embeddings by {embedder.name} is "
        f"{distance:.2f}, of two people it is above {limit:g}); look at both folders, and extract the video of the "
        "other person"
    )
