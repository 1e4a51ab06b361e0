"""Subcommand for occlusion masks: trains an occlusion network, and applies it to the facesets."""

import dataclasses
import pathlib
from typing import Annotated

from faceswap_lib.cli.arguments import Flat, Project, load_keras
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError, WorkspaceError
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.manifest import MANIFEST
from faceswap_lib.facesets.workspace import SIDES, Person, Side
from faceswap_lib.occlusion.config import OcclusionConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mask:
    """Mask what covers the faces, such as a hand, for training and conversion; 'faceswap masks' masks the eyes."""

    workspace: Project
    train: Annotated[
        bool, Doc("train an occlusion network on the crops of the workspace first; replaces an earlier one")
    ] = False
    network: Annotated[
        pathlib.Path | None,
        Doc("occlusion network to apply instead of the workspace's: an .onnx file such as an XSeg model, or an .npz"),
    ] = None
    labels: Annotated[
        pathlib.Path | None,
        Doc("polygons to train on, too: a LabelMe file, a folder of them, or a COCO file; with --train"),
    ] = None
    export_labels: Annotated[
        pathlib.Path | None,
        Doc("only write the existing masks as polygons: to a COCO file (.json), or to a folder of LabelMe files"),
    ] = None
    person: Annotated[Person | None, Doc("only the crops of this person; by default those of both")] = None
    training: Flat[OcclusionConfig] = OcclusionConfig()
    overwrite: Annotated[bool, Doc("also replace masks that were changed by hand or by another program")] = False

    def __call__(self) -> None:
        """Trains, applies or exports, and prints what was done."""
        workspace = Workspace(self.workspace)
        self._check()
        facesets = self._open_facesets(workspace)
        if self.export_labels is not None:
            from faceswap_lib.occlusion.labeled_crops import export_labels

            exported = export_labels(self.export_labels, facesets)
            unmasked = f"; {exported.unmasked} crops have no mask" if exported.unmasked else ""
            skipped = f"; {exported.skipped} small spots are left out" if exported.skipped else ""
            print(f"{exported.polygons} polygons of {exported.images} crops in {self.export_labels}{unmasked}{skipped}")
            return
        load_keras()
        if self.train:
            self._train(workspace, facesets)
        self._apply(workspace, facesets)

    def _check(self) -> None:
        """Checks that the options fit together."""
        if self.train and self.network is not None:
            raise InputError("expected --train or --network, got both; --train writes the workspace's own network")
        if self.labels is not None and not self.train:
            raise InputError("--labels: labels are used in the training; pass --train, too")
        if self.export_labels is not None and (self.train or self.network is not None):
            raise InputError("--export-labels: only exports existing masks; leave --train and --network out")

    def _open_facesets(self, workspace: Workspace) -> dict[Side, Faceset]:
        """Opens the facesets of the wanted people that exist; at least one must."""
        wanted: list[Side] = [SIDES[self.person]] if self.person else list(SIDES.values())
        present: list[Side] = [side for side in wanted if (workspace.faces(side) / MANIFEST).is_file()]
        return {side: Faceset.open(workspace, side) for side in present or wanted[:1]}

    def _train(self, workspace: Workspace, facesets: dict[Side, Faceset]) -> None:
        """Trains the occlusion network of the workspace."""
        from faceswap_lib.occlusion.labeled_crops import read_labeled_crops
        from faceswap_lib.occlusion.training import train_occlusion

        labeled = read_labeled_crops(self.labels, facesets) if self.labels is not None else []
        report = train_occlusion(
            list(facesets.values()), workspace.occlusion_network, self.training, labeled=labeled, progress=True
        )
        labels = f" and {report.labels} labeled crops" if report.labels else ""
        if report.left_out:
            print(f"{report.left_out} crops are not trained on: something seems to cover the face in them already")
        print(
            f"{report.path}: trained {report.steps} steps on {report.crops} crops{labels} in {report.seconds:.0f} s; "
            f"intersection over union of the visible face {report.iou:.3f} on other crops"
        )

    def _apply(self, workspace: Workspace, facesets: dict[Side, Faceset]) -> None:
        """Applies a network to the crops."""
        from faceswap_lib.occlusion.apply import write_occlusion_masks
        from faceswap_lib.occlusion.choice import open_occlusion_network

        path = self.network or workspace.occlusion_network
        if not path.is_file():
            advice = "pass --train to train one" if self.network is None else "check the path"
            raise WorkspaceError(f"expected an occlusion network at {path}, got no file there; {advice}")
        network = open_occlusion_network(path)
        for side in facesets:
            report = write_occlusion_masks(workspace, side, network, overwrite=self.overwrite, progress=True)
            kept = f", {report.kept} kept that were changed by hand" if report.kept else ""
            print(
                f"{report.written} occlusion masks in {workspace.occlusion_masks(side)}{kept}; "
                f"{report.covered:.1%} of the middle of the crops are covered"
            )
