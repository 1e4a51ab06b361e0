"""Subcommands that curate a faceset: sort, audit."""

import dataclasses
import pathlib
import shlex
from typing import Annotated

import tyro

from faceswap_lib.cli.arguments import Project, load_keras
from faceswap_lib.config_fields import Doc
from faceswap_lib.curation.rejects import KINDS
from faceswap_lib.curation.sorting import MODES, TARGET, SortMode
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.config import EmbedderChoice, EmbedderFile
from faceswap_lib.faces.recognition import FaceEmbedder
from faceswap_lib.facesets import Faceset, Workspace
from faceswap_lib.facesets.workspace import Person, side_of

Embedder = Annotated[
    EmbedderChoice,
    Doc("face recognition network that finds other people; auto: the first that works on this machine, or none"),
]
CuratedPerson = Annotated[Person, Doc("person whose crops are examined: a or b")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sort:
    """Sort the crops of a person, and show the order as contact sheets; no crop is changed, moved or renamed."""

    workspace: Project
    person: CuratedPerson
    by: Annotated[SortMode, Doc("the sort mode; see docs/facesets.md")]
    sheets: Annotated[
        pathlib.Path | None,
        Doc("folder of the contact sheets; by default sorted/face_src/MODE or sorted/face_dst/MODE in the workspace"),
        tyro.conf.arg(metavar="FOLDER"),
    ] = None
    copy_to: Annotated[
        pathlib.Path | None,
        Doc("also copy the crops to this new folder, with numbered names in the sort order"),
        tyro.conf.arg(metavar="FOLDER"),
    ] = None
    target: Annotated[int, Doc("number of crops that best and best-fast select")] = TARGET
    embedder: Embedder = "auto"
    embedder_file: EmbedderFile = ""

    def __call__(self) -> None:
        """Sorts the faceset, writes the contact sheets and prints what is first and last."""
        from faceswap_lib.curation import copy_sorted, sort_faceset, write_contact_sheets

        workspace, side = Workspace(self.workspace), side_of(self.person)
        faceset = Faceset.open(workspace, side)
        embedder = None
        if self.by == "embedding":
            embedder, reason = _open_embedder(self.embedder, self.embedder_file)
            if embedder is None:
                raise InputError(f"embedding: expected a face recognition network, got none: {reason}")
        ordered = sort_faceset(faceset, self.by, embedder=embedder, target=self.target, progress=True)
        folder = self.sheets or workspace.root / "sorted" / f"face_{side}" / self.by
        sheets = write_contact_sheets(ordered, folder)
        selected = "" if ordered.selected is None else f", {ordered.selected} of them selected"
        print(f"{len(faceset)} crops by {self.by}{selected}: {MODES[self.by].text}")
        pages = f"{len(sheets)} contact sheet{'' if len(sheets) == 1 else 's'}"
        print(f"{pages} in {folder}; first {ordered.names[0]}, last {ordered.names[-1]}")
        if self.copy_to is not None:
            print(f"{copy_sorted(ordered, self.copy_to, progress=True)} copies in {self.copy_to}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """Examine the crops of a person: write a page with every measure, the head poses, and proposed rejects."""

    workspace: Project
    person: CuratedPerson
    out: Annotated[
        pathlib.Path | None, Doc("the .html page to write; by default audit_a.html or audit_b.html in the workspace")
    ] = None
    apply: Annotated[bool, Doc("set the proposed rejects aside; trainings do not use them, and nothing is deleted")] = (
        False
    )
    kinds: Annotated[
        tuple[str, ...], Doc("with apply: only these kinds, for example 'blurred' or 'other person'; empty: all")
    ] = ()
    restore: Annotated[bool, Doc("bring all crops back that were set aside, and stop")] = False
    embedder: Embedder = "auto"
    embedder_file: EmbedderFile = ""

    def __call__(self) -> None:
        """Audits the faceset and writes the page; sets rejects aside or restores them if asked."""
        from faceswap_lib.facesets import restore_crops
        from faceswap_lib.pipeline.auditing import audit_to_page

        workspace, side = Workspace(self.workspace), side_of(self.person)
        if self.restore:
            if self.apply:
                raise InputError("expected --apply or --restore, got both; leave one out")
            print(f"{restore_crops(workspace, side)} crops are back in {workspace.faces(side)}")
            return
        if unknown := set(self.kinds) - set(KINDS):
            raise InputError(f"--kinds: expected {', '.join(KINDS)}, got {sorted(unknown)[0]!r}")
        out = self.out or workspace.root / f"audit_{self.person}.html"
        if out.suffix != ".html":
            raise InputError(f"--out: expected a name ending in .html, got {out}")
        embedder, reason = _open_embedder(self.embedder, self.embedder_file)
        audit = audit_to_page(workspace, side, out, embedder=embedder, without_embedder=reason, progress=True)
        for name, count in audit.counts().items():
            if count:
                print(f"{count:6} {name}: {KINDS[name].text}")
        for name, reason in audit.skipped.items():
            print(f"not measured: {name} ({reason})")
        rejected = len(audit.rejects())
        print(f"{rejected} of {len(audit.faceset)} crops proposed to be set aside; see {out}")
        if self.apply:
            from faceswap_lib.curation import apply_rejects

            excluded = apply_rejects(workspace, side, audit, *self.kinds)
            back = f"faceswap audit --workspace {shlex.quote(str(workspace.root))} --person {self.person} --restore"
            print(f"{excluded} crops set aside" + (f"; '{back}' brings them back" if excluded else ""))


def _open_embedder(name: EmbedderChoice, file: str) -> tuple[FaceEmbedder | None, str]:
    """Opens the network of `--embedder`, and Keras before it if the network may need it; see `open_by_option`."""
    from faceswap_lib.evaluation.embedders import open_by_option

    if name not in ("onnx", "none"):
        load_keras()
    return open_by_option(name, file)
