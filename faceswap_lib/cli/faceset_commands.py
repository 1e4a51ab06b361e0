"""Subcommands for existing facesets."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.cli.arguments import Project
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.workspace import SIDES, Person, Side, side_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Masks:
    """Draw eye masks for all extracted faces that do not have one yet; 'faceswap mask' masks what covers a face."""

    workspace: Project

    def __call__(self) -> None:
        """Draws the missing eye masks of both facesets and prints how many were drawn."""
        from faceswap_lib.facesets import write_eye_masks
        from faceswap_lib.facesets.manifest import MANIFEST

        workspace = Workspace(self.workspace)
        sides: list[Side] = [side for side in SIDES.values() if (workspace.faces(side) / MANIFEST).is_file()]
        for side in sides or [SIDES["a"]]:
            written = write_eye_masks(workspace, side, progress=True)
            print(f"{written} new eye masks in {workspace.eye_masks(side)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapParts:
    """Create crops in which parts of one person's face come from the most similar crop of the other person."""

    workspace: Project
    person: Annotated[Person, Doc("person whose crops are changed: a or b")]
    parts: Annotated[
        tuple[Literal["eyes", "eyebrows", "nose", "mouth"], ...], Doc("parts of the face to take from the other person")
    ]
    out: Annotated[pathlib.Path, Doc("another workspace, to which the new faceset is written")]
    fraction: Annotated[float, Doc("fraction of the crops that are changed, 0 to 1")] = 1.0
    keep: Annotated[bool, Doc("also copy the original crops")] = True
    seed: Annotated[int, Doc("seed of the random choice of crops")] = 0

    def __call__(self) -> None:
        """Writes the new faceset and prints how many crops it contains."""
        from faceswap_lib.faces import parse_parts
        from faceswap_lib.facesets import swap_parts

        if not self.parts:
            raise InputError("parts: expected at least one of eyes, eyebrows, nose and mouth, got nothing")
        workspace, side = Workspace(self.workspace), side_of(self.person)
        source, other = (Faceset.open(workspace, each) for each in (side, "dst" if side == "src" else "src"))
        report = swap_parts(
            source,
            other,
            parse_parts("+".join(self.parts)),
            Workspace(self.out),
            side,
            fraction=self.fraction,
            keep=self.keep,
            seed=self.seed,
            progress=True,
        )
        print(
            f"{report.folder}: {report.swapped} crops with {' and '.join(self.parts)} from {report.others} crops of "
            f"the other person, {report.kept} original crops"
        )
