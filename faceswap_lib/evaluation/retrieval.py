"""Identity metrics as papers report them: ID retrieval, cosine similarity, and stability over time.

Source: the protocol that most papers since Li et al., "FaceShifter", 2019, follow: every swapped face is looked up
among the faces of all people at hand by cosine similarity of a recognition network, and counts if the nearest is the
wanted person. Numbers of different networks and galleries are not comparable; papers use CosFace and 1,000 people or
more.
"""

import pathlib
import typing

import numpy as np

from faceswap_lib.errors import InputError
from faceswap_lib.faces import CROP_SIZE, MTCNN, FaceCrop, warp_frame
from faceswap_lib.faces.alignment import map_points, similarity_transform, template_points
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.faces.selection import embed_samples
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets.manifest import read_manifest
from faceswap_lib.media import read_image
from faceswap_lib.media.sample_images import load_sample_portraits

SAMPLES = 25
"""Number of faces per person whose embeddings are averaged."""

PORTRAIT_POINTS = {
    "Grace Hopper": np.array([[220.4, 189.1], [304.1, 186.9], [266.1, 224.4], [226.6, 280.6], [306.6, 278.8]]),
    "Eileen Collins": np.array([[202.6, 100.6], [246.4, 102.7], [222.8, 127.0], [201.8, 138.6], [244.4, 139.6]]),
}
"""(5, 2) x, y of the eyes, the nose tip and the mouth corners in the two portraits, annotated by hand."""


def cosine_similarity(embeddings: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Computes the cosine similarity of every row of one array with every row of another.

    Args:
        embeddings: (N, D).
        others: (M, D).

    Returns:
        (N, M), -1 (opposite) to 1 (the same direction).
    """
    a, b = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12) for rows in (embeddings, others))
    return a @ b.T


def retrieval_rate(embeddings: np.ndarray, gallery: np.ndarray, wanted: int) -> float:
    """Computes ID retrieval: the percentage of faces whose most similar person in a gallery is the wanted person.

    Args:
        embeddings: (N, D) embeddings of the swapped faces.
        gallery: (M, D) embeddings, one row per person.
        wanted: Index of the wanted person's row.

    Returns:
        Percent, 0 to 100; higher is better. NaN without faces.
    """
    if not len(embeddings):
        return float("nan")
    return 100 * float((cosine_similarity(embeddings, gallery).argmax(axis=1) == wanted).mean())


def embedding_change(embeddings: typing.Sequence[np.ndarray | None]) -> float:
    """Computes the mean change of the embedding from one measured frame to the next.

    Args:
        embeddings: Embeddings (D,) of the frames in temporal order; frames with None are skipped.

    Returns:
        Mean Euclidean distance of consecutive embeddings, from 0 (no change). NaN for fewer than two faces.
    """
    known = np.array([one for one in embeddings if one is not None])
    return float(np.linalg.norm(np.diff(known, axis=0), axis=1).mean()) if len(known) > 1 else float("nan")


def embed_others(paths: typing.Sequence[str], detector: MTCNN, embedder: FaceEmbedder) -> dict[str, np.ndarray]:
    """Computes the mean face embeddings of further people for the gallery.

    Args:
        paths: Videos that show one person each, or folders of one person's crops with a manifest.
        detector: Detects the faces.
        embedder: Computes the embeddings.

    Returns:
        Mean embedding (D,) of each person, by path. The people of the two portraits that come with this package's
        dependencies are added by name.

    Raises:
        InputError: If a video or folder has no face.
    """
    found = {}
    for name in paths:
        path = pathlib.Path(name)
        rows = _embed_folder(path, embedder) if path.is_dir() else _embed_video(path, detector, embedder)
        if not len(rows):
            raise InputError(f"{path}: expected the face of another person for the gallery, got none")
        found[name] = rows.mean(axis=0)
    portraits = zip(load_sample_portraits(), PORTRAIT_POINTS.values(), strict=True)
    crops = [_align(portrait, points) for portrait, points in portraits]
    return found | dict(zip(PORTRAIT_POINTS, embedder.embed(crops), strict=True))


def _embed_video(path: pathlib.Path, detector: MTCNN, embedder: FaceEmbedder) -> np.ndarray:
    """Computes embeddings (N, D) of faces sampled from a video."""
    rows = embed_samples(track_video(path, detector), path, embedder, SAMPLES)
    return np.concatenate(rows) if rows else np.empty((0, 1))


def _embed_folder(path: pathlib.Path, embedder: FaceEmbedder) -> np.ndarray:
    """Computes embeddings (N, D) of crops sampled from a folder."""
    records = list(read_manifest(path))
    records = [records[i] for i in np.linspace(0, len(records) - 1, min(SAMPLES, len(records))).astype(int)]
    return embedder.embed([record.to_crop(read_image(path / record.crop)) for record in records])


def _align(image: np.ndarray, points: np.ndarray) -> FaceCrop:
    """Warps an image into an aligned crop by its five points."""
    matrix = similarity_transform(points, template_points(CROP_SIZE))
    return FaceCrop(
        image=warp_frame(image, matrix, CROP_SIZE), landmarks=map_points(matrix, points), crop_from_frame=matrix
    )
