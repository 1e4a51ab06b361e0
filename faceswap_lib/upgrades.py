"""Upgrades of names: translates the names of earlier versions, in files and on command lines, to the current names.

These tables may be removed one release later. This module only translates; it rejects nothing because it is old.
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
"""Old to current names of options, by the name of the options class."""

FLAGS: dict[str, dict[str, str]] = {
    "Run": {"who_a": "subject_a", "who_b": "subject_b"},
    "Extract": {"as": "person"},
    "Train": {"plan": "show_schedule", "plan_picture": "schedule_picture"},
    "SwapParts": {"as": "person", "share": "fraction"},
}
"""Old to current names of options that only the command line has, by the class of the subcommand."""

VALUES: dict[str, dict[str, str]] = {
    "architecture": {"direct": "skip", "reference": "faceswap-gan"},
    "input_mode": {"face": "masked", "picture": "full"},
    "upsampling": {"shuffle": "pixel-shuffle"},
    "schedule": {"short": "default", "faithful": "faceswap-gan"},
    "preset": {"faithful": "faceswap-gan"},
    "person": {"src": "a", "dst": "b"},
}
"""Old to current values of options, by the current name of the option."""

TERMS = {"structure": "dssim", "mask_variation": "mask_tv"}
"""Old to current names of loss terms in `history.jsonl`, without the suffix of the person (`_a` or `_b`)."""

ARRAYS = {"generator_optimiser": "generator_optimizer", "discriminator_optimiser": "discriminator_optimizer"}
"""Old to current names of groups of arrays in a checkpoint."""

METRICS = {
    "to_wanted": "identity_distance",
    "to_original": "original_distance",
    "flipped": "identity_transfer_rate",
    "found": "detection_rate",
    "leaked": "outside_face_ratio",
    "background": "background_psnr",
}
"""Old to current names of metrics in `report.json` and in `evaluate --fail-under`."""


def upgrade_options(options_class: type, values: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Renames the options of an earlier version.

    Args:
        options_class: The dataclass that has these options now.
        values: Option values by old or current name.

    Returns:
        The same values by current name. Unknown names are unchanged.
    """
    names = OPTIONS.get(options_class.__name__, {})
    renamed = {names.get(name, name): value for name, value in values.items()}
    return {name: upgrade_value(name, value) for name, value in renamed.items()}


def upgrade_value(name: str, value: typing.Any) -> typing.Any:
    """Renames the value of an option if an earlier version had another name for it."""
    return VALUES.get(name, {}).get(value, value) if isinstance(value, str) else value


def upgrade_json(values: object) -> object:
    """Renames options at any depth of plain JSON values, such as the fingerprint of a conversion.

    A dict is treated as the options of a class if it contains all old names of that class.
    """
    return _translate(values, {name: names for name, names in OPTIONS.items() if name != "SmoothConfig"})


def downgrade_json(values: object) -> object:
    """Renames options at any depth of plain JSON values to the names of the previous version."""
    backwards = {name: {new: old for old, new in names.items()} for name, names in OPTIONS.items()}
    return _translate(values, {name: names for name, names in backwards.items() if name != "SmoothConfig"})


def _translate(values: object, tables: dict[str, dict[str, str]]) -> object:
    """Renames the keys of every dict that contains all names of one of the tables, recursively."""
    if isinstance(values, list):
        return [_translate(each, tables) for each in values]
    if not isinstance(values, dict):
        return values
    plain: dict[typing.Any, object] = {name: _translate(value, tables) for name, value in values.items()}
    for names in tables.values():
        if set(names) <= set(plain):
            plain = {names.get(name, name): value for name, value in plain.items()}
    return plain


def upgrade_term(name: str) -> str:
    """Renames a loss term of an earlier version, for example `structure_a` to `dssim_a`.

    Example:
        >>> upgrade_term("structure_a")
        'dssim_a'
    """
    stem, underscore, person = name.rpartition("_")
    return f"{TERMS[stem]}_{person}" if underscore and stem in TERMS else TERMS.get(name, name)


def upgrade_array_name(name: str) -> str:
    """Renames an array of a checkpoint of an earlier version, for example `generator_optimiser/000`."""
    group, slash, number = name.partition("/")
    return ARRAYS.get(group, group) + slash + number


def upgrade_report(plain: dict) -> dict:
    """Renames the metrics in a report of schema 1, at any depth; damaged parts are unchanged."""
    if not isinstance(plain, dict):
        return plain
    return {METRICS.get(name, name): upgrade_report(value) for name, value in plain.items()}
