"""Hostile files of a run: its config and its history."""

import json
import pathlib
import typing

from tests.trust.cases import REFUSED, SAME, Case, damaged_texts
from tests.trust.corpus_facesets import many_lists

GOOD = [{"step": step, "total": 0.5} for step in (1, 2, 3)]


def cases(name: str) -> list[Case]:
    """The hostile files of a reader."""
    return {"config": configs, "history": histories}[name]()


def make_config() -> dict:
    """As a training writes it."""
    from faceswap_lib.config_fields import options_to_dict
    from faceswap_lib.networks import NetworkConfig
    from faceswap_lib.training import TrainConfig

    return {
        "schema": 1,
        "id": "0123456789abcdef" * 2,
        "version": "2.0.0",
        "backend": "tensorflow",
        "networks": options_to_dict(NetworkConfig(capacity="tiny", resolution=64, attention="none")),
        "training": options_to_dict(TrainConfig(steps=40)),
        "facesets": {
            f"face_{side}": {"crops": 3, "manifest_sha256": "ab" * 32, "video_sha256": "cd" * 32}
            for side in ("src", "dst")
        },
    }


def make_history() -> str:
    """Three lines."""
    return "".join(json.dumps(entry) + "\n" for entry in GOOD)


def no_training(result: object) -> bool:
    """True for a run whose options of training are not known; conversion goes on without them."""
    return isinstance(result, list) and result[2]["resolution"] == 64 and result[3] is None


def configs() -> list[Case]:
    good = make_config()

    def changed(group: str, **values: object) -> str:
        return json.dumps(good | {group: good[group] | values})

    odd: tuple[object, ...] = (
        None,
        True,
        "x",
        -1,
        0,
        10**400,
        1e308,
        float("nan"),
        float("inf"),
        [],
        {},
        [64],
        {"a": 1},
        "\x1b[2J",
    )
    made = [*damaged_texts()]
    for name in ("resolution", "coverage", "capacity", "attention", "norm", "upsampling", "architecture", "input_mode"):
        made += [Case(f"networks: {name} is {value!r:.20}", changed("networks", **{name: value})) for value in odd]
    numbers = ("steps", "batch_size", "learning_rate", "seed", "ema_decay", "eye_weight", "perceptual_resolution")
    for name in (*numbers, "schedule", "precision", "adversarial", "perceptual"):
        fitting: tuple[object, ...] = (0, "x") if name in numbers else ()
        for value in (value for value in odd if value not in fitting):
            made.append(Case(f"training: {name} is {value!r:.20}", changed("training", **{name: value}), no_training))
    made += [
        Case(f"networks are {value!r:.20}", json.dumps(good | {"networks": value}))
        for value in odd
        if value != {} and value != {"a": 1}
    ]
    made += [
        Case(
            f"training is {value!r:.20}",
            json.dumps(good | {"training": value}),
            REFUSED if not isinstance(value, dict) else no_training,
        )
        for value in odd
        if value != {}
    ]
    made += [
        Case(f"id is {value!r:.20}", json.dumps(good | {"id": value})) for value in (None, 3, [], {}, True, "x" * 101)
    ]
    made += [
        Case(f"facesets are {value!r:.20}", json.dumps(good | {"facesets": value}))
        for value in (None, 3, [], "x", True, {"a": 1}, {"face_src": None}, {"face_src": [1]})
    ]
    made += [
        Case("networks: an unknown option", changed("networks", color=1)),
        Case("training: an unknown option", changed("training", color=1), no_training),
        Case(
            "networks: none",
            json.dumps({name: value for name, value in good.items() if name != "networks"}),
            lambda result: result[2]["resolution"] == 128,
        ),
        Case(
            "facesets of other names",
            json.dumps(good | {"facesets": {"../outside": {"crops": 1}, "face_src": {"video_sha256": [1]}}}),
            lambda result: True,
        ),
        Case("a folder", pathlib.Path.mkdir, lambda result: True),
        Case("100 MB of lists", many_lists),
    ]
    return made


def histories() -> list[Case]:
    """Damaged lines are passed over."""
    from tests.training.test_history import DAMAGED

    lines = [json.dumps(entry).encode() for entry in GOOD]
    made = []
    for name, line in DAMAGED.items():
        for place in (1, 3):
            if not (place == 1 and name == "a step that was there"):
                made.append(
                    Case(f"line {place + 1}: {name}", b"\n".join([*lines[:place], line, *lines[place:]]) + b"\n", SAME)
                )
    made += [Case(f"alone: {case.name}", case.content, []) for case in damaged_texts()]
    right: dict[str, tuple[typing.Any, typing.Any]] = {
        "the last line is cut off": (make_history() + '{"step": 4, "to', SAME),
        "the last line has no end": (make_history() + '{"step": 4, "total": 0.5}', SAME),
        "Windows lines": (make_history().replace("\n", "\r\n"), SAME),
        "backwards": ("".join(json.dumps(entry) + "\n" for entry in reversed(GOOD)), [GOOD[2]]),
        "a step of 10^300": (
            make_history() + '{"step": 1' + "0" * 300 + ', "total": 0.5}\n',
            lambda found: found[:3] == GOOD,
        ),
        "a long line": (
            make_history() + '{"step": 4, "' + "x" * 3_000_000 + '": 0.5}\n',
            lambda found: found[:3] == GOOD,
        ),
        "many terms": (
            make_history() + json.dumps({"step": 4} | {f"x{index}": 0.5 for index in range(10_000)}) + "\n",
            lambda found: found[:3] == GOOD,
        ),
        "100,000 empty lines": (make_history() + "\n" * 100_000, SAME),
        "100 MB of a list on one line": (lambda path: path.write_bytes(b"[" + b"[]," * 33_000_000 + b"0]\n"), []),
        "a folder": (pathlib.Path.mkdir, []),
        "a link to nowhere": (lambda path: path.symlink_to("gone"), []),
        "a device": (lambda path: path.symlink_to("/dev/zero"), []),
    }
    return [*made, *(Case(name, content, verdict) for name, (content, verdict) in right.items())]
