"""Options of a reenactment system: its networks and its training."""

import dataclasses
from typing import Annotated, Literal, get_args

from faceswap_lib.config_fields import Doc, check_range
from faceswap_lib.errors import InputError
from faceswap_lib.reenactment.difficulty import Difficulty
from faceswap_lib.training.config import BaseTrainConfig

SystemName = Literal["landmark-gan", "one-shot", "avatar"]
"""Name of a system; each module of `reenactment.systems` names its source."""

Capacity = Literal["tiny", "lite", "paper"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentNetworkConfig:
    """Configuration of the networks; a checkpoint fits only networks that were built from the same configuration."""

    system: Annotated[
        SystemName,
        Doc(
            "landmark-gan: a generator that reads the photo and a picture of the keypoints; one-shot: appearance and "
            "shape apart, joined in a decoder with SPADE; avatar: a coarse picture and a texture that is moved"
        ),
    ] = "one-shot"
    resolution: Annotated[Literal[64, 128, 256], Doc("side of the networks' input and output in pixels")] = 128
    capacity: Annotated[
        Capacity, Doc("how many channels the networks have; paper: as the authors of the system, for a GPU")
    ] = "lite"

    def __post_init__(self):
        for name, kind in (("system", SystemName), ("capacity", Capacity)):
            if getattr(self, name) not in get_args(kind):
                raise InputError(f"{name}: expected {', '.join(get_args(kind))}, got {getattr(self, name)!r}")
        if self.resolution not in (64, 128, 256):
            raise InputError(f"resolution: expected 64, 128 or 256, got {self.resolution!r}")

    @property
    def stored_size(self) -> int:
        """Side of the crops in memory in pixels; larger than the resolution, so that rotated views stay sharp."""
        return self.resolution * 5 // 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReenactmentTrainConfig(BaseTrainConfig):
    """Options of the training of a reenactment system."""

    steps: Annotated[int, Doc("total number of steps")] = 2000
    batch_size: Annotated[int, Doc("pairs of source and target per batch")] = 8
    gradient_accumulation_steps: Annotated[
        int, Doc("number of batches whose gradients are averaged for one step; more pairs per step in the same memory")
    ] = 1
    learning_rate: Annotated[float, Doc("learning rate of the generators (Adam)")] = 4e-4
    beta_1: Annotated[float, Doc("decay of the first moment in the Adam optimizer of the generators")] = 0.5
    ema_decay: Annotated[
        float,
        Doc("decay of the exponential moving average of the weights, for previews and results; 0 for no average"),
    ] = 0.99
    rarity_exponent: Annotated[
        float, Doc("how strongly sampling prefers rare shapes as targets; 0 for uniform sampling")
    ] = 0.5
    rotation_range: Annotated[
        float, Doc("largest random rotation in degrees, in both directions; the same for source and target")
    ] = 5.0
    zoom_range: Annotated[float, Doc("largest random zoom as a fraction, the same for source and target")] = 0.03
    shift_range: Annotated[
        float, Doc("largest random shift as a fraction of the side, the same for source and target")
    ] = 0.02
    decay_from: Annotated[
        float, Doc("fraction of the steps after which both learning rates fall linearly to a tenth")
    ] = 0.5
    loss_weights: Annotated[
        str,
        Doc(
            "weights of losses that differ from the system's own, for example 'keypoints=0 identity=0.5'; 0 switches a "
            "loss off"
        ),
    ] = ""
    hold_out: Annotated[
        float, Doc("share of the crops at the end of every video that are not trained on, for an honest evaluation")
    ] = 0.0
    difficulty: Annotated[
        Difficulty,
        Doc(
            "which crops are trained on, by the yaw of the head, the covered part and the size of the face: all, easy, "
            "medium, hard, or two neighboring tiers; hard faces make a network worse on easy ones"
        ),
    ] = "all"

    def __post_init__(self):
        super().__post_init__()
        if self.difficulty not in get_args(Difficulty):
            raise InputError(f"difficulty: expected {', '.join(get_args(Difficulty))}, got {self.difficulty!r:.40}")
        check_range("decay_from", self.decay_from, 0, 1)
        check_range("hold_out", self.hold_out, 0, 0.9)
        parse_weights(self.loss_weights, None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RetargetConfig:
    """Options of the transfer of a motion."""

    motion: Annotated[
        Literal["relative", "absolute"],
        Doc("relative: only the changes of the driver's face are transferred; absolute: its landmarks themselves"),
    ] = "relative"
    reference: Annotated[
        int,
        Doc(
            "frame of the driver that corresponds to the photo, for relative motion; -1 chooses the frame whose shape "
            "is nearest to the photo's"
        ),
    ] = -1
    eyes_ratio: Annotated[float, Doc("factor of the opening of the eyes; 1 as the driver")] = 1.0
    lips_ratio: Annotated[float, Doc("factor of the opening of the lips; 1 as the driver")] = 1.0
    head_motion: Annotated[
        float, Doc("how far the head is moved and turned in the frame as the driver's: 0 not at all, 1 completely")
    ] = 1.0

    def __post_init__(self):
        if self.motion not in ("relative", "absolute"):
            raise InputError(f"motion: expected relative or absolute, got {self.motion!r:.40}")
        check_range("reference", self.reference, -1, 100_000_000)
        for name in ("eyes_ratio", "lips_ratio"):
            check_range(name, getattr(self, name), 0, 3)
        check_range("head_motion", self.head_motion, 0, 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrameConfig:
    """Options of the frames of a reenacted photo."""

    fusion: Annotated[
        Literal["classical", "photo", "none"],
        Doc(
            "classical: skin comes from the photo, eyes, inner mouth and turned parts come from the networks; photo: "
            "hair, clothes and visible eyes come from the photo as well, for heads that do not turn; none: everything "
            "comes from the networks"
        ),
    ] = "classical"
    background: Annotated[
        Literal["move", "keep", "crop"],
        Doc(
            "move: the whole photo moves with the head, and its edges are continued; keep: only the person moves, and "
            "the place behind is filled; crop: only the aligned face is written"
        ),
    ] = "move"
    copy_below: Annotated[
        float,
        Doc("mean distance of the landmarks, in percent of the eye distance, below which the photo itself is shown"),
    ] = 0.0

    def __post_init__(self):
        for name, known in (("fusion", ("classical", "photo", "none")), ("background", ("move", "keep", "crop"))):
            if getattr(self, name) not in known:
                raise InputError(f"{name}: expected {', '.join(known)}, got {getattr(self, name)!r:.40}")
        check_range("copy_below", self.copy_below, 0, 100)


def parse_weights(text: str, defaults: dict[str, float] | None) -> dict[str, float]:
    """Parses weights of losses.

    Args:
        text: Pairs `name=number`, separated by spaces or commas.
        defaults: The weights of a system by name; None accepts any name.

    Returns:
        The weights of the system with the given changes; for None only the changes.

    Raises:
        InputError: If a pair has another format, a name is unknown, or a weight is not from 0 to 1000.

    Example:
        >>> parse_weights("keypoints=0", {"l1": 4.0, "keypoints": 100.0})
        {'l1': 4.0, 'keypoints': 0.0}
    """
    weights = dict(defaults or {})
    for pair in text.replace(",", " ").split():
        name, _, number = pair.partition("=")
        try:
            value = float(number)
        except ValueError as error:
            raise InputError(f"loss_weights: expected name=number such as keypoints=0, got {pair!r:.60}") from error
        if defaults is not None and name not in defaults:
            raise InputError(f"loss_weights: this system has {', '.join(defaults)}, got {name!r:.60}")
        check_range(f"loss_weights {name}", value, 0, 1000)
        weights[name] = value
    return weights
