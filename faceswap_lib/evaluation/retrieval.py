"""Identity in the terms of the field's papers: retrieval, cosine similarity, and steadiness over time.

Source: the protocol that most papers since Li et al., "FaceShifter", 2019, follow: every swapped face is looked up
among the faces of all people at hand by cosine similarity of a recognition network, and counts if the nearest is the
wanted person. Numbers of different networks and galleries do not compare; papers use CosFace and 1,000 people and more.
"""

import pathlib
import typing

import matplotlib.cbook
import matplotlib.image
import numpy as np
import skimage.data

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, MTCNN, FaceCrop, warp_frame
from faceswap_lib.faces.alignment import map_points, similarity_transform, template_points
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.faces.selection import embed_samples
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.media import read_image

SAMPLES = 25
"""Faces of a person that are averaged."""

PORTRAIT_POINTS = {
    "Grace Hopper": np.array([[220.4, 189.1], [304.1, 186.9], [266.1, 224.4], [226.6, 280.6], [306.6, 278.8]]),
    "Eileen Collins": np.array([[202.6, 100.6], [246.4, 102.7], [222.8, 127.0], [201.8, 138.6], [244.4, 139.6]]),
}
"""(5, 2) x, y of eyes, nose tip and mouth corners, read off the pictures."""


def cosine_similarity(embeddings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Computes the cosine similarity of every row with every other row.

    Args:
        embeddings: (N, D).
        others: (M, D).

    Returns:
        (N, M), -1 (opposite) to 1 (the same direction).
    """
    a, b = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (embeddings, others))
    return a @ b.T


def retrieval_rate(embeddings: np.ndarray, gallery: np.ndarray, wanted: int) -> float:
    """Computes ID retrieval: the share of faces whose most similar person in a gallery is the wanted one.

    Args:
        embeddings: (N, D) of the swapped faces.
        gallery: (M, D), one row per person.
        wanted: Row of the wanted person.

    Returns:
        Percent, 0 to 100; higher is better. NaN without faces.
    """
    if not len(embeddings):
        return float("nan")
    return 100 * float((cosine_similarity(embeddings, gallery).argmax(axis=1) == wanted).mean())


def embedding_change(embeddings: typing.Sequence[np.ndarray | None]) -> float:
    """Measures how much identity changes from one measured frame to the next.

    Args:
        embeddings: (D,) of frames in the order of time; None where none was measured, which does not break the series.

    Returns:
        Mean Euclidean distance of neighbors, from 0 (steady). NaN without two faces.
    """
    known = np.array([one for one in embeddings if one is not None])
    return float(np.linalg.norm(np.diff(known, axis=0), axis=1).mean()) if len(known) > 1 else float("nan")


def embed_others(paths: typing.Sequence[str], detector: MTCNN, embedder: FaceEmbedder) -> dict[str, np.ndarray]:
    """Averages other people's faces, for the gallery.

    Args:
        paths: Videos that show one person each, or folders of one person's crops with their manifest.
        detector: Finds the faces.
        embedder: Gives the numbers.

    Returns:
        By path (D,); and by name those of the two portraits that dependencies of this package bring along.

    Raises:
        InputError: If one shows no face.
    """
    found = {}
    for name in paths:
        path = pathlib.Path(name)
        rows = _embed_folder(path, embedder) if path.is_dir() else _embed_video(path, detector, embedder)
        if not len(rows):
            raise InputError(f"{path}: expected the face of another person for the gallery, got none")
        found[name] = rows.mean(axis=0)
    crops = [_cut(picture, PORTRAIT_POINTS[name]) for name, picture in _load_portraits().items()]
    return found | dict(zip(PORTRAIT_POINTS, embedder.embed(crops), strict=True))


def _embed_video(path: pathlib.Path, detector: MTCNN, embedder: FaceEmbedder) -> np.ndarray:
    rows = embed_samples(track_video(path, detector), path, embedder, SAMPLES)
    return np.concatenate(rows) if rows else np.empty((0, 1))


def _embed_folder(path: pathlib.Path, embedder: FaceEmbedder) -> np.ndarray:
    records = list(read_manifest(path))
    records = [records[i] for i in np.linspace(0, len(records) - 1, min(SAMPLES, len(records))).astype(int)]
    return embedder.embed([record.to_crop(read_image(path / record.crop)) for record in records])


def _cut(picture: np.ndarray, points: np.ndarray) -> FaceCrop:
    matrix = similarity_transform(points, template_points(CROP_SIZE))
    return FaceCrop(
        image=warp_frame(picture, matrix, CROP_SIZE), landmarks=map_points(matrix, points), crop_from_frame=matrix
    )


def _load_portraits() -> dict[str, np.ndarray]:
    """NASA's portrait of Eileen Collins and the US Navy's of Grace Hopper, RGB."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        hopper = matplotlib.image.imread(file, format="jpg")
    return {"Grace Hopper": np.ascontiguousarray(hopper), "Eileen Collins": skimage.data.astronaut()}
