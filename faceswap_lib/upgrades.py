"""Names of earlier versions: what files on disk and command lines called things, and what it is called now.

One release later these tables may go. Everything here only translates; nothing is refused because it is old.
"""

import typing

SMOOTH = {"bridge": "max_gap", "moving_average": "smoothing_decay"}

OPTIONS: dict[str, dict[str, str]] = {
    "DetectConfig": {"min_face": "min_face_size", "rotated": "detect_rotated"},
    "SmoothConfig": SMOOTH,
    "TrackConfig": SMOOTH | {"remember": "max_lost_frames", "who": "subject"},
    "ExtractConfig": {"every": "frame_stride", "target": "max_crops"},
    "NetworkConfig": {"layout": "architecture", "view": "input_mode"},
    "TrainConfig": {
        "accumulate": "gradient_accumulation_steps",
        "momentum": "beta_1",
        "clip_norm": "global_clipnorm",
        "warm_up": "warmup_steps",
        "balance": "rarity_exponent",
        "turn": "rotation_range",
        "zoom": "zoom_range",
        "shift": "shift_range",
        "warp": "random_warp",
        "shape": "elastic_deformation",
        "colour_match": "color_augmentation_prob",
        "motion_blur": "motion_blur_prob",
        "surroundings_weight": "background_weight",
        "structure_weight": "dssim_weight",
        "perceptual_side": "perceptual_resolution",
        "mask_variation_weight": "mask_tv_weight",
        "ema": "ema_decay",
    },
    "LoopConfig": {
        "mirror": "sync_dir",
        "mirror_interval": "sync_interval",
        "until": "max_time",
        "guard": "divergence_guard",
    },
    "ConvertConfig": {
        "colour": "color_transfer",
        "colour_steady": "color_smoothing",
        "code_shift": "latent_shift",
        "swap_batch": "swap_batch_size",
    },
    "OutputConfig": {
        "show": "layout",
        "mask_out": "mask_path",
        "quality": "crf",
        "engine": "inference_backend",
    },
    "EvaluateConfig": {
        "recognition": "embedder",
        "recognition_file": "embedder_file",
        "points": "landmarks",
        "recognise_every": "identity_stride",
    },
}
"""Old names of options and what they are called now, by the class that has them."""

FLAGS: dict[str, dict[str, str]] = {
    "Run": {"who_a": "subject_a", "who_b": "subject_b"},
    "Extract": {"as": "person"},
    "Train": {"plan": "show_schedule", "plan_picture": "schedule_picture"},
    "SwapParts": {"as": "person", "share": "fraction"},
}
"""The same for options that only the command line has, by the class of the verb."""

VALUES: dict[str, dict[str, str]] = {
    "architecture": {"direct": "skip", "reference": "faceswap-gan"},
    "input_mode": {"face": "masked", "picture": "full"},
    "upsampling": {"shuffle": "pixel-shuffle"},
    "schedule": {"short": "default", "faithful": "faceswap-gan"},
    "preset": {"faithful": "faceswap-gan"},
    "person": {"src": "a", "dst": "b"},
}
"""Old values of options and what they are called now, by the new name of the option."""

TERMS = {"structure": "dssim", "mask_variation": "mask_tv"}
"""Old names of loss terms in `history.jsonl`, without the person's letter behind them."""

ARRAYS = {"generator_optimiser": "generator_optimizer", "discriminator_optimiser": "discriminator_optimizer"}
"""Old names of groups of arrays in a checkpoint."""

METRICS = {
    "to_wanted": "identity_distance",
    "to_original": "original_distance",
    "flipped": "identity_transfer_rate",
    "found": "detection_rate",
    "leaked": "outside_face_ratio",
    "background": "background_psnr",
}
"""Old names of metrics in `report.json` and in `evaluate --fail-under`."""


def upgrade_options(options_class: type, values: dict) -> dict:
    """Renames the options of an earlier version.

    Args:
        options_class: The dataclass that has these options now.
        values: Option values by name, old or new.

    Returns:
        The same values under the names of this version. Names that are unknown stay as they are.
    """
    names = OPTIONS.get(options_class.__name__, {})
    renamed = {names.get(name, name): value for name, value in values.items()}
    return {name: upgrade_value(name, value) for name, value in renamed.items()}


def upgrade_value(name: str, value: typing.Any) -> typing.Any:
    """Renames the value of an option, if an earlier version called it differently."""
    return VALUES.get(name, {}).get(value, value) if isinstance(value, str) else value


def upgrade_json(values: object) -> object:
    """Renames options wherever they stand in plain JSON values, as in the fingerprint of a conversion.

    A dict is taken for the options of a class if it has all of that class's old names.
    """
    return _translate(values, {name: names for name, names in OPTIONS.items() if name != "SmoothConfig"})


def downgrade_json(values: object) -> object:
    """Gives options in plain JSON values the names that the version before had for them."""
    backwards = {name: {new: old for old, new in names.items()} for name, names in OPTIONS.items()}
    return _translate(values, {name: names for name, names in backwards.items() if name != "SmoothConfig"})


def _translate(values: object, tables: dict[str, dict[str, str]]) -> object:
    if isinstance(values, list):
        return [_translate(each, tables) for each in values]
    if not isinstance(values, dict):
        return values
    plain = {name: _translate(value, tables) for name, value in values.items()}
    for names in tables.values():
        if set(names) <= set(plain):
            plain = {names.get(name, name): value for name, value in plain.items()}
    return plain


def upgrade_term(name: str) -> str:
    """Renames a loss term, `structure_a` to `dssim_a`, if an earlier version called it differently."""
    stem, underscore, person = name.rpartition("_")
    return f"{TERMS[stem]}_{person}" if underscore and stem in TERMS else TERMS.get(name, name)


def upgrade_array_name(name: str) -> str:
    """Renames an array of a checkpoint, `generator_optimiser/000` to `generator_optimizer/000`."""
    group, slash, number = name.partition("/")
    return ARRAYS.get(group, group) + slash + number


def upgrade_report(plain: dict) -> dict:
    """Renames the metrics in a report of schema 1, wherever they are keys; damaged parts stay as they are."""
    if not isinstance(plain, dict):
        return plain
    return {METRICS.get(name, name): upgrade_report(value) for name, value in plain.items()}
