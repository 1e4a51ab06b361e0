"""The training loop: read the facesets, go on from the last checkpoint, step, log, preview, save."""

import contextlib
import dataclasses
import logging
import pathlib
import time
import typing

import keras
import numpy as np
from tqdm.auto import tqdm

from faceswap_lib import __version__
from faceswap_lib.errors import TrainingError, WorkspaceError
from faceswap_lib.facesets import Faceset, FacesetArrays, Workspace
from faceswap_lib.files import read_json, write_json
from faceswap_lib.media import write_image
from faceswap_lib.networks import NetworkConfig, Networks, build_networks
from faceswap_lib.options import options_from_dict, options_to_dict
from faceswap_lib.training.augmentation import to_device
from faceswap_lib.training.backends import build_step
from faceswap_lib.training.checkpoint import TrainingState, load_averaged, read_checkpoint, write_checkpoint
from faceswap_lib.training.config import TrainConfig
from faceswap_lib.training.history import HistoryWriter
from faceswap_lib.training.objective import Batch, Objective
from faceswap_lib.training.preview import preview_grid
from faceswap_lib.training.schedule import Phase, phase_at

logger = logging.getLogger(__name__)

SCHEMA = 1
DRAWS_PER_STEP = 1000
"""Distance between the random streams of two steps; more than a step draws."""

PREVIEW_FACES = 4

CLIP_NORM = 1.0
"""Largest norm of a player's gradient; without it one bad batch drives the output layers into saturation."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainReport:
    """What a training did.

    Attributes:
        folder: The run's folder.
        resumed_at: The step it went on from, 0 when it began anew.
        step: The last step done.
        seconds: How long this call took.
    """

    folder: pathlib.Path
    resumed_at: int
    step: int
    seconds: float


class StepCallback(typing.Protocol):
    """Called after every logged step; notebooks draw their loss boards with it."""

    def __call__(self, step: int, terms: dict[str, float]) -> None: ...


def train(
    workspace: Workspace,
    *,
    run: str = "default",
    network_config: NetworkConfig | None = None,
    config: TrainConfig | None = None,
    on_log: StepCallback | None = None,
    progress: bool = False,
) -> TrainReport:
    """Trains a run to its number of steps, going on from its last checkpoint if there is one.

    Args:
        workspace: Holds both facesets with eye masks; gets `models/<run>`.
        run: Name of the run.
        network_config: Which networks; None means the run's own, or the default for a new run.
        config: Options of the training.
        on_log: Called with every logged step and its terms.
        progress: Show progress bars.

    Returns:
        What was done.

    Raises:
        WorkspaceError: If a faceset is missing, or the run was made with other networks.
        CheckpointError: If none of the run's checkpoints is whole.
        TrainingError: If a loss is no longer a number.
    """
    config = config or TrainConfig()
    began = time.monotonic()
    facesets = [Faceset.open(workspace, side) for side in ("src", "dst")]
    folder = workspace.run(run)
    network_config = agree_networks(folder, network_config)
    state = _fresh_state(network_config, config)
    read_checkpoint(folder / "checkpoints", state)
    resumed_at = state.step
    if state.step < config.steps:
        _write_config(folder, network_config, config)
        size = network_config.stored_size
        arrays = [faceset.load(size, progress=progress) for faceset in facesets]
        _run_steps(folder, state, arrays, config, on_log, progress=progress)
    return TrainReport(folder=folder, resumed_at=resumed_at, step=state.step, seconds=time.monotonic() - began)


def load_run(workspace: Workspace, run: str = "default") -> tuple[Networks, int]:
    """Loads a trained run for conversion.

    Returns:
        The networks with averaged weights, and the step they were saved at.

    Raises:
        WorkspaceError: If there is no such run.
        CheckpointError: If it has no whole checkpoint.
    """
    folder = workspace.run(run)
    if not (folder / "config.json").is_file():
        raise WorkspaceError(f"no run '{run}' in {workspace.root}; run 'faceswap train' first")
    return load_averaged(folder / "checkpoints", _stored_networks(folder))


def _stored_networks(folder: pathlib.Path) -> NetworkConfig:
    path = folder / "config.json"
    return options_from_dict(NetworkConfig, read_json(path).get("networks", {}), origin=str(path))


def agree_networks(folder: pathlib.Path, asked: NetworkConfig | None) -> NetworkConfig:
    """Says which networks a run has, or will have.

    Args:
        folder: The run's folder.
        asked: The ones asked for; None means whichever it has.

    Raises:
        WorkspaceError: If it has others than were asked for.
    """
    if not (folder / "config.json").is_file():
        return asked or NetworkConfig()
    stored = _stored_networks(folder)
    for field in dataclasses.fields(stored):
        had, wanted = getattr(stored, field.name), getattr(asked or stored, field.name)
        if had != wanted:
            raise WorkspaceError(
                f"run '{folder.name}' was trained with {field.name} {had}, asked for {wanted}; "
                "choose another --run or leave the option out"
            )
    return stored


def _write_config(folder: pathlib.Path, network_config: NetworkConfig, config: TrainConfig) -> None:
    """Notes the options; says which ones a resumed run goes on with that it was not begun with."""
    if (folder / "config.json").is_file():
        before = read_json(folder / "config.json").get("training", {})
        changed = [
            f"{name} {before.get(name)} -> {now}"
            for name, now in options_to_dict(config).items()
            if before.get(name) != now
        ]
        if changed:
            logger.warning("run '%s' goes on with other options: %s", folder.name, ", ".join(changed))
    write_json(
        folder / "config.json",
        {
            "schema": SCHEMA,
            "version": __version__,
            "backend": keras.backend.backend(),
            "networks": options_to_dict(network_config),
            "training": options_to_dict(config),
        },
    )


def _fresh_state(network_config: NetworkConfig, config: TrainConfig) -> TrainingState:
    keras.utils.set_random_seed(config.seed)
    networks, averaged = build_networks(network_config), build_networks(network_config)

    def build_adam(learning_rate: float, momentum: float) -> keras.Optimizer:
        return keras.optimizers.Adam(learning_rate, beta_1=momentum, beta_2=0.99, global_clipnorm=CLIP_NORM)

    state = TrainingState(
        networks=networks,
        averaged=averaged,
        generator_optimiser=build_adam(config.learning_rate, 0.9),
        discriminator_optimiser=build_adam(config.discriminator_learning_rate, 0.5),
    )
    for optimiser, players in (
        (state.generator_optimiser, networks.generators),
        (state.discriminator_optimiser, networks.discriminators),
    ):
        optimiser.build([variable for network in players for variable in network.trainable_variables])
    for network, average in zip(networks.generators, averaged.generators, strict=True):
        average.set_weights(network.get_weights())
    return state


def _run_steps(
    folder: pathlib.Path,
    state: TrainingState,
    arrays: list[FacesetArrays],
    config: TrainConfig,
    on_log: StepCallback | None,
    *,
    progress: bool,
) -> None:
    seed = keras.random.SeedGenerator(config.seed)
    faces_a, faces_b = (to_device(array) for array in arrays)
    objective = Objective(networks=state.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
    take_step = build_step(objective, state)
    views = [_preview_views(array, state.networks.config.resolution) for array in arrays]
    bar = tqdm(total=config.steps, initial=state.step, desc="train", disable=not progress)
    with bar, contextlib.closing(HistoryWriter(folder / "history.jsonl", state.history_bytes)) as history:
        while state.step < config.steps:
            seed.state.assign([config.seed, state.step * DRAWS_PER_STEP])
            phase = phase_at(state.step, config.steps, config.phases)
            _set_learning_rates(state, config, phase)
            batch = draw_batch(config, state.step, faces_a.count, faces_b.count)
            # A young average of few steps would remember the first weights for too long.
            decay = min(config.ema, (1 + state.step) / (10 + state.step))
            terms = take_step(batch, phase.weights(config), decay, active=phase.active(config))
            state.step += 1
            _check_finite(terms, state.step)
            bar.update()
            last = state.step == config.steps
            if state.step % config.log_every == 0 or last:
                history.write(state.step, terms)
                bar.set_postfix({name: f"{terms[name]:.3f}" for name in ("reconstruction_a", "reconstruction_b")})
                if on_log:
                    on_log(state.step, terms)
            if state.step % config.preview_every == 0 or last:
                write_image(folder / "previews" / f"step-{state.step:08d}.png", preview_grid(state.averaged, *views))
            if state.step % config.checkpoint_every == 0 or last:
                state.history_bytes = history.flush()
                write_checkpoint(folder / "checkpoints", state)


def _set_learning_rates(state: TrainingState, config: TrainConfig, phase: Phase) -> None:
    factor = phase.learning_rate * min(1.0, (state.step + 1) / config.warm_up)
    state.generator_optimiser.learning_rate.assign(config.learning_rate * factor)
    state.discriminator_optimiser.learning_rate.assign(config.discriminator_learning_rate * factor)


def draw_batch(config: TrainConfig, step: int, count_a: int, count_b: int) -> Batch:
    """Draws the crops of one step; depends on seed and step alone, so a resumed run draws what it would have."""
    random = np.random.default_rng((config.seed, step))
    return Batch(
        index_a=random.integers(0, count_a, config.batch_size),
        index_b=random.integers(0, count_b, config.batch_size),
    )


def _preview_views(arrays: FacesetArrays, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Picks a few crops spread over the clip; gives the networks' view of them and of their face masks."""
    index = np.linspace(0, len(arrays.images) - 1, PREVIEW_FACES).round().astype(int)
    views, faces = arrays.views(resolution)
    return views[index], faces[index]


def _check_finite(terms: dict[str, float], step: int) -> None:
    broken = [name for name, value in terms.items() if not np.isfinite(value)]
    if broken:
        raise TrainingError(
            f"step {step}: {', '.join(broken)} is no longer a number; the last checkpoint is whole, go on from it "
            "with a lower learning rate"
        )
