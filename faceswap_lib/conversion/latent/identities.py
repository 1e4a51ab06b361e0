"""The two people of a workspace as a network that tells people apart sees them."""

import dataclasses

import numpy as np

from faceswap_lib.faces import FaceCrop
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Workspace

SAMPLED = 60
"""Crops of each person that are looked at, spread evenly over the faceset."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class IdentityPair:
    """Whom a conversion replaces, and by whom.

    Attributes:
        embedder: The network.
        crops: Some faces of the original person.
        original: (D,) mean of their embeddings.
        wanted: (D,) mean of the wanted person's.
    """

    embedder: FaceEmbedder
    crops: tuple[FaceCrop, ...]
    original: np.ndarray
    wanted: np.ndarray

    @classmethod
    def measure(cls, workspace: Workspace, direction: str, embedder: FaceEmbedder) -> "IdentityPair":
        """Looks at both facesets.

        Raises:
            WorkspaceError: If one is missing.
        """
        sides = ("src", "dst") if direction == "a2b" else ("dst", "src")
        crops, others = (Faceset.open(workspace, side).sample(SAMPLED).read_crops() for side in sides)
        original, wanted = (embedder.embed(sample).mean(axis=0) for sample in (crops, others))
        return cls(embedder=embedder, crops=tuple(crops), original=original, wanted=wanted)

    @property
    def distance(self) -> float:
        """How far the two people are from each other."""
        return float(np.linalg.norm(self.wanted - self.original))

    def distances(self, crops: list[FaceCrop]) -> tuple[np.ndarray, np.ndarray]:
        """How far faces are from the original person and from the wanted one, (N,) each."""
        found = self.embedder.embed(crops)
        to_original, to_wanted = (np.linalg.norm(found - person, axis=1) for person in (self.original, self.wanted))
        return to_original, to_wanted
