"""The networks of a reenactment: a trained run, the published weights of the bilayer avatars, or none."""

import dataclasses
import hashlib
import pathlib
import typing

from faceswap_lib.errors import InputError
from faceswap_lib.facesets.consent import state_consent
from faceswap_lib.facesets.consent_file import ConsentVideo
from faceswap_lib.facesets.workspace import Workspace
from faceswap_lib.provenance.provenance import ProvenanceClaims
from faceswap_lib.provenance.statement import REENACTMENT
from faceswap_lib.reenactment.bilayer.loading import SOURCE, BilayerNetworks, load_bilayer
from faceswap_lib.reenactment.frames import AnyNetworks
from faceswap_lib.reenactment.training import load_reenactment
from faceswap_lib.training.run_metadata import learnt_videos, run_id

PUBLISHED = "bilayer"
"""Name of the published networks in reports."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class UsedNetworks:
    """The networks of an output, and what its provenance says about them.

    Attributes:
        networks: The networks; None for the classical method alone.
        run: Name of the run, or a description of what is used instead.
        run_id: Unique identifier of the run; for published weights that of the files.
        step: Number of training steps; 0 if it is unknown.
        learned: The videos that the networks learned from, as far as they are known.
        options: More that the provenance states.
    """

    networks: AnyNetworks | None
    run: str
    run_id: str = ""
    step: int = 0
    learned: tuple[ConsentVideo, ...] = ()
    options: dict[str, typing.Any] = dataclasses.field(default_factory=dict)

    @property
    def system(self) -> str:
        """Name of the system; "" for the classical method alone."""
        if self.networks is None:
            return ""
        return PUBLISHED if isinstance(self.networks, BilayerNetworks) else self.networks.config.system


def open_networks(workspace: Workspace | None, run: str | None, weights: pathlib.Path | None) -> UsedNetworks:
    """Loads the networks of a reenactment.

    Args:
        workspace: Contains the run; not needed without one.
        run: Name of the run; None for the classical method alone.
        weights: Folder with the published weights of the bilayer avatars, which are used instead of a run.

    Raises:
        InputError: If a run is asked for without a workspace.
        FaceswapError: If the run or the weights are not usable.
    """
    if weights is not None:
        published = load_bilayer(weights)
        stated = {"source": SOURCE, "files": published.digests}
        digest = hashlib.sha256("".join(sorted(published.digests.values())).encode()).hexdigest()
        return UsedNetworks(
            networks=published, run="published bilayer weights", run_id=digest, options={"weights": stated}
        )
    if run is None:
        return UsedNetworks(networks=None, run="none (classical)")
    if workspace is None:
        raise InputError(f"the run {run!r:.60} is in a workspace: name it with --workspace")
    networks, step = load_reenactment(workspace, run)
    folder = workspace.run(run)
    learned = tuple(video for video in learnt_videos(folder) if video.sha256)
    return UsedNetworks(networks=networks, run=run, run_id=run_id(folder), step=step, learned=learned)


def state_claims(
    inputs: tuple[pathlib.Path, ...],
    workspace: Workspace | None,
    used: UsedNetworks,
    consent: str | None,
    options: dict,
    *,
    label: bool,
) -> ProvenanceClaims:
    """Collects the provenance claims that an output states about itself.

    Args:
        inputs: The photo, and the driver if there is one.
        workspace: Contains the consents; None if there is only `consent`.
        used: The networks.
        consent: The statement for this output; None for those that are recorded.
        options: Options as plain JSON.
        label: Whether there is a visible label.
    """
    if workspace is not None:
        own = [ConsentVideo.of(path) for path in inputs]
        statements, uncovered = state_consent(workspace, own, used.learned, consent)
    else:
        statements = () if consent is None else (consent.strip(),)
        uncovered = () if statements else tuple(path.name for path in inputs)
    learnt = {"people": [dataclasses.asdict(video) for video in used.learned]}
    return ProvenanceClaims(
        inputs=inputs,
        run=used.run,
        run_id=used.run_id,
        steps=used.step,
        direction=REENACTMENT,
        consent=statements,
        options=options | used.options | {"label": label, "learnt_from": learnt},
        uncovered=uncovered,
    )
