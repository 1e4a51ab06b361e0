"""Identity embeddings of the two people of a workspace."""

import dataclasses

import numpy as np

from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Workspace

SAMPLED = 60
"""Crops of each person that are embedded, spread evenly over the faceset."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityPair:
    """Identity embeddings of the original person and of the wanted person.

    Attributes:
        embedder: Face recognition network that computes embeddings.
        crops: Some faces of the original person.
        original: (D,) mean embedding of the original person.
        wanted: (D,) mean embedding of the wanted person.
    """

    embedder: FaceEmbedder
    crops: tuple[FaceCrop, ...]
    original: np.ndarray
    wanted: np.ndarray

    @classmethod
    def measure(cls, workspace: Workspace, direction: str, embedder: FaceEmbedder) -> "IdentityPair":
        """Computes the mean embeddings of both facesets.

        Args:
            workspace: Contains both facesets.
            direction: "a2b" or "b2a".
            embedder: Face recognition network that computes embeddings.

        Raises:
            WorkspaceError: If a faceset is missing.
        """
        sides = ("src", "dst") if direction == "a2b" else ("dst", "src")
        crops, others = (Faceset.open(workspace, side).sample(SAMPLED).read_crops() for side in sides)
        original, wanted = (embedder.embed(sample).mean(axis=0) for sample in (crops, others))
        return cls(embedder=embedder, crops=tuple(crops), original=original, wanted=wanted)

    @property
    def distance(self) -> float:
        """Euclidean distance between the mean embeddings of the two people."""
        return float(np.linalg.norm(self.wanted - self.original))

    def distances(self, crops: list[FaceCrop]) -> tuple[np.ndarray, np.ndarray]:
        """Computes the distances of faces from the original person and from the wanted person.

        Args:
            crops: N aligned faces.

        Returns:
            Euclidean distances of the N embeddings from `original` and from `wanted`, (N,) float64 each.
        """
        embeddings = self.embedder.embed(crops)
        people = (self.original, self.wanted)
        to_original, to_wanted = (np.linalg.norm(embeddings - person, axis=1) for person in people)
        return to_original, to_wanted
