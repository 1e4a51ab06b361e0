"""What may be wrong with two facesets, told before training on them; nothing here stops it."""

import logging
import pathlib
import typing

import cv2
import numpy as np

from faceswap_lib.atomic_io import read_json
from faceswap_lib.errors import WorkspaceError
from faceswap_lib.faces.recognition import DlibEmbedder, FaceEmbedder
from faceswap_lib.facesets import Faceset, FacesetArrays
from faceswap_lib.facesets.pose_coverage import FEW_CROPS, FacesetPoses, compare_poses
from faceswap_lib.facesets.source import SOURCE

logger = logging.getLogger(__name__)

FEW = FEW_CROPS

LITTLE_TURN = 0.04
"""Spread of the nose's place between the eyes, in eye distances, below which a head hardly turns; clips of people who
talk to the camera have 0.09 to 0.16, a second and a half of one 0.05."""

THUMBNAIL = 16
ALIKE = 3.0
"""Mean difference in levels of two thumbnails below which they are of one picture saved twice."""

COMPARED = 300
"""Crops of each person whose thumbnails are compared."""

AVERAGES_APART = 0.75
"""Distance of two people's average embeddings, as a share of what makes two single faces those of two people: averages
scatter less. On eight clips the thirds of one are up to 0.27 apart to dlib, two alike people from 0.56 on."""

EMBEDDED = 12

MOST_GAPS = 3
"""Kinds of poses and expressions that one person lacks, told for each direction; the largest of them."""


def check_facesets(
    facesets: typing.Sequence[Faceset],
    arrays: typing.Sequence[FacesetArrays],
    embedder: FaceEmbedder | None = None,
) -> list[str]:
    """Looks for what would spoil a training.

    Args:
        facesets: Of A and of B.
        arrays: Their crops, or `COMPARED` of them.
        embedder: Tells people apart; None takes dlib's where it is installed, and else goes without.

    Returns:
        One line for each concern, with what to do about it.
    """
    concerns = []
    for faceset in facesets:
        concerns += [concern for concern in (_say_few(faceset), _say_alike(faceset)) if concern]
    if same := _say_same(facesets, arrays):
        return [*concerns, same]
    if embedder is None and DlibEmbedder.unavailable_reason() is None:
        embedder = DlibEmbedder()
    if embedder is not None and (same := say_same_person(facesets, embedder)):
        concerns.append(same)
    return [*concerns, *say_uncovered(facesets)]


def _say_few(faceset: Faceset) -> str | None:
    if len(faceset) >= FEW:
        return None
    return (
        f"{faceset.folder.name} has {len(faceset)} crops, fewer than {FEW}: the result will know few looks of this "
        "person; take a longer video, or extract with --frame-stride 1"
    )


def _say_alike(faceset: Faceset) -> str | None:
    turn = measure_turn(np.stack([record.points_in_crop() for record in faceset.records]))
    if turn >= LITTLE_TURN:
        return None
    return (
        f"{faceset.folder.name} shows one pose nearly all the time (the nose moves by {turn:.2f} eye distances): other "
        "poses will look wrong; add a video in which this person turns the head"
    )


def measure_turn(landmarks: np.ndarray) -> float:
    """How much a head turns and nods.

    Args:
        landmarks: (N, 5, 2) x, y.

    Returns:
        The larger of the spreads, from the 5th to the 95th percentile, of the nose's place between the eyes and below
        them, in eye distances.
    """
    eyes = landmarks[:, 1] - landmarks[:, 0]
    distance = np.maximum(np.linalg.norm(eyes, axis=1, keepdims=True), 1e-6)
    along = eyes / distance
    nose = (landmarks[:, 2] - (landmarks[:, 0] + landmarks[:, 1]) / 2) / distance
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    places = np.stack([np.sum(nose * along, axis=1), np.sum(nose * across, axis=1)])
    low, high = np.percentile(places, [5, 95], axis=1)
    return float((high - low).max())


def say_uncovered(facesets: typing.Sequence[Faceset]) -> list[str]:
    """Says which poses and expressions of A the faceset of B never shows, and the other way round.

    Mirrored pictures of B count, for training mirrors every second crop.
    """
    a, b = (FacesetPoses.of(faceset) for faceset in facesets)
    for_b2a = [f"if you convert b2a: {said}" for said in compare_poses(b, a).sentences()[:MOST_GAPS]]
    return [*compare_poses(a, b).sentences()[:MOST_GAPS], *for_b2a]


def _say_same(facesets: typing.Sequence[Faceset], arrays: typing.Sequence[FacesetArrays]) -> str | None:
    names = " and ".join(faceset.folder.name for faceset in facesets)
    hashes = [_read_source(faceset.folder) for faceset in facesets]
    if hashes[0] is not None and hashes[0] == hashes[1]:
        return f"{names} come from the same video: a swap needs two people, extract the other one's video"
    share = share_alike(arrays[0].images, arrays[1].images)
    if share > 0.1:
        return f"{names} share pictures ({share:.0%} of them): a swap needs two people, extract one of them again"
    return None


def _read_source(folder: pathlib.Path) -> str | None:
    """The sum of the video a faceset was cut from, where its extraction has noted it."""
    try:
        return read_json(folder / SOURCE).get("sha256")
    except WorkspaceError as error:
        logger.debug("%s", error)
        return None


def share_alike(images: np.ndarray, others: np.ndarray) -> float:
    """The share of pictures that are also, but for their coding, among others.

    Args:
        images: (N, S, S, 3) uint8.
        others: (M, S, S, 3) uint8.

    Returns:
        0 to 1, of at most 300 pictures spread over each.
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


def say_same_person(facesets: typing.Sequence[Faceset], embedder: FaceEmbedder) -> str | None:
    """Says whether two facesets seem to be of one person, by the distance between their mean embeddings."""
    means = [embedder.embed(faceset.sample(EMBEDDED).read_crops()).mean(axis=0) for faceset in facesets]
    distance = float(np.linalg.norm(means[0] - means[1]))
    limit = AVERAGES_APART * embedder.same_person
    if distance >= limit:
        return None
    names = " and ".join(faceset.folder.name for faceset in facesets)
    return (
        f"{names} seem to show the same person (their averages are {distance:.2f} apart to {embedder.name}, those of "
        f"two people more than {limit:g}); look at both folders, and extract the other person's video"
    )
