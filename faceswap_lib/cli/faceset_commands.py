"""Verbs on facesets that are there already."""

import dataclasses
import pathlib
from typing import Annotated, Literal

from faceswap_lib.cli.arguments import Project
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.workspace import Person, side_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Masks:
    """Draw the eye masks of all extracted faces that lack one."""

    workspace: Project

    def __call__(self) -> None:
        from faceswap_lib.facesets import write_eye_masks
        from faceswap_lib.facesets.manifest import MANIFEST

        workspace = Workspace(self.workspace)
        sides = [side for side in ("src", "dst") if (workspace.faces(side) / MANIFEST).is_file()]
        for side in sides or ["src"]:
            written = write_eye_masks(workspace, side, progress=True)
            print(f"{written} new eye masks in {workspace.eye_masks(side)}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SwapParts:
    """Make training crops in which parts of one person's face are those of the other's crop that looks most alike."""

    workspace: Project
    person: Annotated[Person, Doc("whose crops: a or b")]
    parts: Annotated[
        tuple[Literal["eyes", "eyebrows", "nose", "mouth"], ...], Doc("which parts become the other person's")
    ]
    out: Annotated[pathlib.Path, Doc("another project's folder, which gets the new faceset")]
    fraction: Annotated[float, Doc("part of the crops that are changed, 0 to 1")] = 1.0
    keep: Annotated[bool, Doc("also copy the crops as they were")] = True
    seed: Annotated[int, Doc("start of the choice of crops")] = 0

    def __call__(self) -> None:
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
            share=self.fraction,
            keep=self.keep,
            seed=self.seed,
            progress=True,
        )
        print(
            f"{report.folder}: {report.swapped} crops with {' and '.join(self.parts)} of {report.others} crops of the "
            f"other person, {report.kept} as they were"
        )
